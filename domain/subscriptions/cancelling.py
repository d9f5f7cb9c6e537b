"""Ending a subscription (portal reference, section 8)."""

from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from domain.commands.input import Broken, CommandInput
from domain.common.times import first_of_next_month

RuleCode = Literal[
    "ALREADY_ENDING",
    "HAS_A_LINE",
    "NOT_ACTIVE",
]
"""Rules that the end of a subscription may break."""


class CancelSubscription(CommandInput):
    """When it ends, and why."""

    when: Literal["end_of_billing_period", "immediate"] = "end_of_billing_period"
    reason: str | None = Field(None, max_length=500)


NO_DUE_DATE = date(4000, 1, 1)
"""WHMCS can hold any due date; the CRM keeps no day after 4000 (SOQL Reference, "Minimum and Maximum Dates")."""


def ends_on(next_due_on: date | None, accepted_on: date) -> date:
    """The first day without the service: after the month in which the period ends that is paid (reference, 7)."""
    if next_due_on is None or next_due_on >= NO_DUE_DATE:
        return first_of_next_month(accepted_on)
    last_paid = max(next_due_on, accepted_on + timedelta(days=1)) - timedelta(days=1)
    return first_of_next_month(last_paid)


class SubscriptionFacts(BaseModel):
    """What the hub knows of a subscription. `open_kinds`: changes of it that have not ended."""

    status: str
    service_type: str
    has_line: bool
    open_kinds: list[str]


def cancellation_rules(_: CancelSubscription, subscription: SubscriptionFacts, __: date) -> list[Broken]:
    found = []
    if subscription.status != "active":
        found.append(_rule("NOT_ACTIVE", "is for active subscriptions"))
    if subscription.service_type == "sim" and subscription.has_line:
        found.append(_rule("HAS_A_LINE", "is done for the line: POST /api/sims/{id}/cancellations"))
    if "cancel_subscription" in subscription.open_kinds:
        found.append(_rule("ALREADY_ENDING", "was asked for already"))
    return found


def _rule(code: RuleCode, reason: str) -> Broken:
    return Broken(field="request", code=code, reason=reason)
