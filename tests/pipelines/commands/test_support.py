"""What is said on a support case, by whom, and how it comes back."""

from uuid import UUID

import pytest

from tests.pipelines.commands.conftest import Customer, Hub


def a_case(hub: Hub, customer: Customer) -> UUID:
    """A case of the customer's that is in the hub."""
    command = hub.ask("open_case", customer, {"subject": "No signal", "description": "Since this morning."})
    assert hub.forward() == ["succeeded"]
    hub.apply()
    record = hub.command(command)["result"]["salesforceCaseId"]
    ((case,),) = hub.rows("SELECT id FROM hub.support_cases WHERE source_id = %s", record)
    found: UUID = case
    return found


def said_on(hub: Hub, case: UUID) -> list[tuple[object, ...]]:
    return hub.rows(
        "SELECT author, body, is_public FROM hub.case_comments WHERE case_id = %s ORDER BY written_at, source_id", case
    )


def test_a_customers_comment_is_read_back_as_the_customers(hub: Hub, customer: Customer) -> None:
    case = a_case(hub, customer)
    hub.ask("add_comment", customer, {"body": "It works again."}, subject=("support_cases", case))

    assert hub.forward() == ["succeeded"]
    hub.apply()

    assert said_on(hub, case) == [("customer", "It works again.", True)]


def test_what_agents_say_is_an_agents_and_their_notes_are_marked(hub: Hub) -> None:
    shown = hub.rows("SELECT author, is_public FROM hub.case_comments GROUP BY 1, 2 ORDER BY 2")

    assert shown == [("agent", False), ("agent", True)]


def test_a_case_says_what_its_customer_said(hub: Hub, customer: Customer) -> None:
    input = {"subject": "No signal", "description": "Since this morning.", "priority": "high", "category": "Technical"}
    command = hub.ask("open_case", customer, input)
    assert hub.forward() == ["succeeded"]

    case = hub.salesforce_record("Case", hub.command(command)["result"]["salesforceCaseId"])

    assert (case["Subject"], case["Description"]) == ("No signal", "Since this morning.")
    assert (case["Priority"], case["Type"]) == ("High", "Technical")
    assert (case["Status"], case["Origin"], case["AccountId"]) == ("New", "Portal Website", customer.salesforce)
    contacts = hub.clients.salesforce.find("SELECT Id FROM Contact WHERE AccountId = {}", customer.salesforce)
    assert case["ContactId"] in {contact["Id"] for contact in contacts}


def test_the_same_words_twice_are_two_comments_though_an_answer_is_lost(hub: Hub, customer: Customer) -> None:
    case = a_case(hub, customer)
    for mode in ("none", "html500"):  # the second time nothing is written, and nobody can tell
        hub.ask("add_comment", customer, {"body": "It works again."}, subject=("support_cases", case))
        hub.control("faults", match="sobjects/CaseComment", mode=mode, times=1)
        hub.forward()
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    assert len(hub.ledger(system="salesforce", kind="casecomment")) == 2


def test_other_words_on_the_case_are_no_proof_that_a_comment_was_written(hub: Hub, customer: Customer) -> None:
    case = a_case(hub, customer)
    ((record,),) = hub.rows("SELECT source_id FROM hub.support_cases WHERE id = %s", case)
    hub.control("faults", match="sobjects/CaseComment", mode="html500", times=1)
    hub.ask("add_comment", customer, {"body": "It works again."}, subject=("support_cases", case))
    assert hub.forward() == ["waiting"]
    hub.clients.salesforce.create("CaseComment", {"ParentId": record, "CommentBody": "We are at it."})
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    said = hub.clients.salesforce.find("SELECT CommentBody FROM CaseComment WHERE ParentId = {}", record)
    assert sorted(each["CommentBody"] for each in said) == ["It works again.", "We are at it."]


@pytest.mark.parametrize("mode", ["drop", "html500"], ids=["written", "not written"])
@pytest.mark.parametrize("gone", ["account_id = NULL", "deleted_at = now()"], ids=["is another's now", "is deleted"])
def test_whether_a_comment_was_written_is_found_out_though_the_case_is_gone_meanwhile(
    hub: Hub, customer: Customer, mode: str, gone: str
) -> None:
    case = a_case(hub, customer)
    hub.control("faults", match="sobjects/CaseComment", mode=mode, times=1)
    command = hub.ask("add_comment", customer, {"body": "It works again."}, subject=("support_cases", case))
    assert hub.forward() == ["waiting"]
    hub.rows(f"UPDATE hub.support_cases SET {gone} WHERE id = %s RETURNING id", case)  # noqa: S608 - one of those above
    hub.now_due()

    ended = hub.forward()

    written = hub.ledger(system="salesforce", kind="casecomment")
    if mode == "drop":
        assert (ended, len(written)) == (["succeeded"], 1)
    else:
        assert (ended, written, hub.command(command)["failure_code"]) == (["failed"], [], "CASE_NOT_FOUND")


def test_a_case_that_its_customer_closes_is_closed(hub: Hub, customer: Customer) -> None:
    case = a_case(hub, customer)
    hub.ask("close_case", customer, {}, subject=("support_cases", case))

    assert hub.forward() == ["succeeded"]

    ((record,),) = hub.rows("SELECT source_id FROM hub.support_cases WHERE id = %s", case)
    assert hub.salesforce_record("Case", record)["Status"] == "Closed"


def test_a_case_that_is_no_longer_the_customers_is_left_alone(
    hub: Hub, customer: Customer, other_customer: Customer
) -> None:
    case = a_case(hub, customer)
    command = hub.ask("close_case", customer, {}, subject=("support_cases", case))
    hub.rows(
        "UPDATE hub.support_cases SET account_id = (SELECT salesforce_account_id FROM hub.customers WHERE id = %s)"
        " WHERE id = %s RETURNING id",
        other_customer.id,
        case,
    )

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "CASE_NOT_FOUND"
