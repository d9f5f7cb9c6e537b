"""What comes to an end: when, and whom the org is to tell."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import line

TOKYO = ZoneInfo("Asia/Tokyo")


def a_subscription(hub: Hub, next_due_on: date | None) -> tuple[UUID, UUID, str]:
    """An active subscription that has an opportunity, paid until that day; its customer; the opportunity."""
    ((subscription, customer, opportunity),) = hub.rows(
        "SELECT s.id, a.customer_id, s.opportunity_id FROM hub.subscriptions s"
        " JOIN hub.customer_accounts a ON a.id = s.account_id"
        " WHERE s.status = 'active' AND s.opportunity_id IS NOT NULL ORDER BY s.id LIMIT 1"
    )
    hub.rows("UPDATE hub.subscriptions SET next_due_on = %s WHERE id = %s RETURNING 1", next_due_on, subscription)
    return subscription, customer, opportunity


def told(hub: Hub, opportunity: str) -> datetime:
    record = hub.salesforce_record("Opportunity", opportunity)
    assert record["CancellationNotice__c"] == "有"
    return datetime.fromisoformat(record["ScheduledCancellationDateAndTime__c"])


@pytest.mark.parametrize(
    ("paid_until", "ends_with"),
    [(date(2090, 1, 1), date(2089, 12, 31)), (date(2090, 2, 15), date(2090, 2, 28)), (None, None)],
)
def test_a_service_ends_with_the_month_in_which_its_paid_period_does(
    hub: Hub, paid_until: date | None, ends_with: date | None
) -> None:
    subscription, customer, opportunity = a_subscription(hub, paid_until)
    who = Customer(customer, "", "")
    command = hub.ask("cancel_subscription", who, {}, subject=("subscriptions", subscription), system="whmcs")

    assert hub.forward() == ["succeeded"]

    accepted_on = hub.command(command)["accepted_at"].astimezone(TOKYO).date()
    last_day = (told(hub, opportunity) - timedelta(seconds=1)).astimezone(TOKYO).date()
    assert last_day == (ends_with or last_of_month(accepted_on))


def last_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def test_a_service_that_ends_at_once_ends_now(hub: Hub) -> None:
    subscription, customer, opportunity = a_subscription(hub, date(2090, 1, 1))
    who, input = Customer(customer, "", ""), {"when": "immediate"}
    command = hub.ask("cancel_subscription", who, input, subject=("subscriptions", subscription), system="whmcs")

    assert hub.forward() == ["succeeded"]

    accepted_at: datetime = hub.command(command)["accepted_at"]
    assert told(hub, opportunity) == accepted_at.astimezone(UTC).replace(microsecond=0)


def contact_of(hub: Hub, account: str) -> Any:
    return hub.clients.salesforce.find("SELECT Id FROM Contact WHERE AccountId = {} ORDER BY CreatedDate", account)


def test_the_case_of_a_line_that_ends_names_whom_to_write_to(hub: Hub) -> None:
    sim, owner = line(hub)
    hub.ask("cancel_sim", Customer(owner, "", ""), {"month": "2090-06"}, subject=("sims", sim), system="whmcs")

    assert hub.forward() == ["succeeded"]

    (made,) = hub.ledger(system="salesforce", kind="case")
    case = hub.salesforce_record("Case", made["id"])
    assert case["ContactId"] == contact_of(hub, case["AccountId"])[0]["Id"]
    assert "2090-07-01" in case["Description"]


@pytest.mark.parametrize(
    ("input", "kind", "reason"),
    [
        ({}, "End of Billing Period", "Cancelled by the customer"),
        ({"when": "immediate", "reason": "I move."}, "Immediate", "I move."),
    ],
)
def test_billing_is_told_when_and_why_a_service_ends(hub: Hub, input: dict[str, Any], kind: str, reason: str) -> None:
    # Types: WHMCS API reference, AddCancelRequest.
    subscription, customer, _ = a_subscription(hub, date(2090, 1, 1))
    who = Customer(customer, "", "")
    hub.ask("cancel_subscription", who, input, subject=("subscriptions", subscription), system="whmcs")

    assert hub.forward() == ["succeeded"]

    (made,) = hub.ledger(kind="cancel_request")
    ((service,),) = hub.rows("SELECT source_id FROM hub.subscriptions WHERE id = %s", subscription)
    assert (made["detail"]["type"], made["marker"]) == (kind, reason)
    assert str(made["detail"]["serviceid"]) == service


def test_a_service_that_billing_does_not_end_is_not_said_to_end(hub: Hub) -> None:
    subscription, customer, opportunity = a_subscription(hub, date(2090, 1, 1))
    before = hub.salesforce_record("Opportunity", opportunity)
    ((service,),) = hub.rows("SELECT source_id FROM hub.subscriptions WHERE id = %s", subscription)
    hub.control("mutate", system="whmcs", object="service", id=service, fields=None)
    who = Customer(customer, "", "")
    command = hub.ask("cancel_subscription", who, {}, subject=("subscriptions", subscription), system="whmcs")

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "NOT_CANCELLED"
    assert hub.salesforce_record("Opportunity", opportunity) == before


def test_a_line_ends_after_the_last_day_of_the_month_at_the_network_and_in_billing(hub: Hub) -> None:
    sim, owner = line(hub)
    hub.ask("cancel_sim", Customer(owner, "", ""), {"month": "2030-12"}, subject=("sims", sim), system="whmcs")

    assert hub.forward() == ["succeeded"]

    (ended,), (billed,) = hub.ledger(kind="cancel"), hub.ledger(kind="cancel_request")
    assert (ended["detail"]["run_date"], billed["detail"]["type"]) == ("2031-01-01", "End of Billing Period")


def test_a_line_that_was_to_end_on_another_day_is_ended_on_this_one(hub: Hub) -> None:
    sim, owner = line(hub)
    ((number,),) = hub.rows("SELECT msisdn FROM hub.sims WHERE id = %s", sim)
    hub.clients.freebit.change("master/cnclAcnt/", {"kind": "MVNO", "account": number, "runDate": "20300801"})
    hub.control("faults", match="cnclAcnt", mode="html500", times=1)  # nothing is done, and nobody can tell
    hub.ask("cancel_sim", Customer(owner, "", ""), {"month": "2030-12"}, subject=("sims", sim), system="whmcs")
    assert hub.forward() == ["waiting"]
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    assert [each["detail"]["run_date"] for each in hub.ledger(kind="cancel")] == ["2030-08-01", "2031-01-01"]
