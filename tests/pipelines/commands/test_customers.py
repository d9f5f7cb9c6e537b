"""What customers change of themselves: written where it is kept, as they said it, and nothing else.

Fields: WHMCS API reference, UpdateClient; the portal's reference, sections 3 and 4, for those of the Account.
"""

from datetime import datetime
from typing import Any

import pytest

from tests.pipelines.commands.conftest import Customer, Hub

PROFILE = {
    "firstName": "Hanako", "lastName": "Yamada", "companyName": "Yamada KK", "email": "hanako@yamada.example",
    "phone": "090-1234-5678",
}  # fmt: skip
AT_WHMCS = {
    "firstname": "Hanako", "lastname": "Yamada", "companyname": "Yamada KK", "email": "hanako@yamada.example",
    "phonenumber": "090-1234-5678",
}  # fmt: skip
ADDRESS = {
    "address1": "1-2-3 Shiba", "address2": "Tower 4", "city": "Minato-ku", "state": "Tokyo", "postcode": "105-0014",
    "country": "JP",
}  # fmt: skip


def client(hub: Hub, customer: Customer) -> dict[str, Any]:
    body = hub.clients.whmcs.call("GetClientsDetails", clientid=customer.whmcs)
    found: dict[str, Any] = body.get("client", body)
    return found


def ask(hub: Hub, customer: Customer, kind: str, what: dict[str, Any], system: str = "whmcs") -> Any:
    command = hub.ask(kind, customer, what, subject=("customers", customer.id), system=system)
    hub.forward()
    return hub.command(command)


@pytest.mark.parametrize("name", sorted(PROFILE))
def test_each_part_of_a_profile_is_changed_alone(hub: Hub, customer: Customer, name: str) -> None:
    before, field = client(hub, customer), dict(zip(PROFILE, AT_WHMCS, strict=True))[name]

    assert ask(hub, customer, "update_profile", {name: PROFILE[name]})["status"] == "succeeded"

    after = client(hub, customer)
    assert after[field] == AT_WHMCS[field]
    assert [each for each in AT_WHMCS if after[each] != before[each]] == [field]


def test_an_e_mail_address_of_another_customer_is_refused_with_the_reason(
    hub: Hub, customer: Customer, other_customer: Customer
) -> None:
    taken = client(hub, other_customer)["email"]

    ended = ask(hub, customer, "update_profile", {"email": taken})

    assert (ended["status"], ended["failure_code"]) == ("failed", "DUPLICATE_EMAIL")
    assert client(hub, customer)["email"] != taken


def test_an_address_on_file_is_written_whole(hub: Hub, customer: Customer) -> None:
    assert ask(hub, customer, "update_address", ADDRESS)["status"] == "succeeded"

    after = client(hub, customer)
    assert {name: after[name] for name in ADDRESS} == ADDRESS


def test_what_a_customer_changed_is_read_again(hub: Hub, customer: Customer) -> None:
    ask(hub, customer, "update_address", ADDRESS)

    requested = hub.rows("SELECT entity, record_id FROM sync.inbox WHERE state = 'waiting' ORDER BY entity")

    assert requested == [("whmcs.client_details", customer.whmcs), ("whmcs.clients", customer.whmcs)]


def opportunities(hub: Hub, customer: Customer) -> list[dict[str, Any]]:
    return hub.clients.salesforce.find(
        "SELECT Id, StageName FROM Opportunity WHERE AccountId = {} ORDER BY Id", customer.salesforce
    )


def test_a_check_of_eligibility_is_a_case_for_an_agent_and_the_account_says_so(hub: Hub, customer: Customer) -> None:
    for each in opportunities(hub, customer):
        hub.clients.salesforce.update("Opportunity", each["Id"], {"StageName": "Void"})

    ended = ask(hub, customer, "request_eligibility", {}, "salesforce")

    (case,) = hub.ledger(system="salesforce", kind="case")
    (opportunity,) = hub.ledger(system="salesforce", kind="opportunity")
    account = hub.salesforce_record("Account", customer.salesforce)
    assert (account["Internet_Eligibility_Status__c"], account["Internet_Eligibility_Case_Id__c"]) == (
        "Pending", case["id"],
    )  # fmt: skip
    asked_at = datetime.fromisoformat(account["Internet_Eligibility_Request_Date_Time__c"])
    assert asked_at == ended["accepted_at"].replace(microsecond=0)
    assert opportunity["id"] in hub.salesforce_record("Case", case["id"])["Description"]
    assert hub.salesforce_record("Opportunity", opportunity["id"])["AccountId"] == customer.salesforce


def test_a_check_goes_on_with_the_opportunity_that_an_earlier_one_began(
    hub: Hub, customer: Customer, other_customer: Customer
) -> None:
    for each in opportunities(hub, customer):
        hub.clients.salesforce.update("Opportunity", each["Id"], {"StageName": "Void"})
    ask(hub, customer, "request_eligibility", {}, "salesforce")
    begun = [each["Id"] for each in opportunities(hub, customer) if each["StageName"] == "Introduction"]

    ask(hub, customer, "request_eligibility", {}, "salesforce")

    again = [each["Id"] for each in opportunities(hub, customer) if each["StageName"] == "Introduction"]
    assert (len(begun), again) == (1, begun)
    assert len(hub.ledger(system="salesforce", kind="case")) == 2


def test_a_document_that_is_on_the_account_waits_for_an_agent(hub: Hub, customer: Customer) -> None:
    content = {"PathOnClient": "mine-0001.png", "VersionData": "aGk=", "FirstPublishLocationId": customer.salesforce}
    hub.clients.salesforce.create("ContentVersion", content)
    what = {"name": "mine-0001.png", "sha256": "0" * 64, "mediaType": "image/png"}

    ended = ask(hub, customer, "submit_identity_document", what, "salesforce")

    account = hub.salesforce_record("Account", customer.salesforce)
    assert (ended["status"], account["Id_Verification_Status__c"]) == ("succeeded", "Submitted")
    submitted_at = datetime.fromisoformat(account["Id_Verification_Submitted_Date_Time__c"])
    assert submitted_at == ended["accepted_at"].replace(microsecond=0)
