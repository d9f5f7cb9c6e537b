"""Ending a subscription (portal reference, section 8)."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from domain.commands.asked import Asked, Broken

RuleCode = Literal[
    "ALREADY_ENDING",
    "HAS_A_LINE",
    "NOT_ACTIVE",
]
"""Rules that the end of a subscription may break."""


class CancelSubscription(Asked):
    """When it ends, and why."""

    when: Literal["end_of_billing_period", "immediate"] = "end_of_billing_period"
    reason: str | None = Field(None, max_length=500)


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
