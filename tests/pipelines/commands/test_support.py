"""What is said on a support case, by whom, and how it comes back."""

from uuid import UUID

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
