"""What is done is done to what is the customer's when it is done, whatever was so when it was accepted."""

from uuid import UUID

from tests.pipelines.commands.conftest import Customer, Hub


def two_subscriptions(hub: Hub) -> list[tuple[UUID, UUID, UUID, str, str]]:
    """Active subscriptions of two linked customers: id, account, customer, opportunity, its id in the CRM."""
    return hub.rows(
        "SELECT DISTINCT ON (s.account_id) s.id, s.account_id, w.customer_id, s.opportunity_id, a.source_id"
        " FROM hub.subscriptions s JOIN hub.customer_accounts w ON w.id = s.account_id"
        " JOIN hub.customer_accounts a ON a.customer_id = w.customer_id AND a.source = 'salesforce'"
        " WHERE s.status = 'active' AND s.opportunity_id IS NOT NULL ORDER BY s.account_id, s.id LIMIT 2"
    )


def test_what_was_asked_of_an_account_that_went_to_somebody_else_is_not_done(hub: Hub) -> None:
    (subscription, account, customer, _, _), _ = two_subscriptions(hub)
    who = Customer(customer, "", "")
    command = hub.ask("cancel_subscription", who, {}, subject=("subscriptions", subscription), system="whmcs")
    hub.rows("UPDATE hub.customer_accounts SET customer_id = id WHERE id = %s RETURNING 1", account)

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "NOT_THE_CUSTOMERS"
    assert hub.ledger() == []


# The service's custom field "OpportunityId" is WHMCS's, and customers can write such fields as they can their number.
def test_a_service_that_names_anothers_opportunity_tells_that_one_nothing(hub: Hub) -> None:
    (subscription, _, customer, _, _), (_, _, _, victims, _) = two_subscriptions(hub)
    before = hub.salesforce_record("Opportunity", victims)
    hub.rows("UPDATE hub.subscriptions SET opportunity_id = %s WHERE id = %s RETURNING 1", victims, subscription)
    who = Customer(customer, "", "")
    hub.ask("cancel_subscription", who, {}, subject=("subscriptions", subscription), system="whmcs")

    assert hub.forward() == ["succeeded"]

    assert hub.salesforce_record("Opportunity", victims) == before


def test_a_document_on_anothers_account_proves_nothing(hub: Hub) -> None:
    (_, _, customer, _, _), (_, _, _, _, victims_account) = two_subscriptions(hub)
    content = {"PathOnClient": "theirs-0001.png", "VersionData": "aGk=", "FirstPublishLocationId": victims_account}
    hub.clients.salesforce.create("ContentVersion", content)
    input = {"name": "theirs-0001.png", "sha256": "0" * 64, "mediaType": "image/png"}
    command = hub.ask("submit_identity_document", Customer(customer, "", ""), input, subject=("customers", customer))

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "DOCUMENT_MISSING"
