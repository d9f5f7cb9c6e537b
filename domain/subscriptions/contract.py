"""Services a customer subscribes to."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from domain.common.numbers import Amount
from domain.common.record import Record
from domain.common.vocabulary import ServiceType

SubscriptionStatus = Literal["pending", "active", "suspended", "terminated", "cancelled", "fraud", "completed", "other"]
BillingCycle = Literal[
    "free", "onetime", "monthly", "quarterly", "semiannually", "annually", "biennially", "triennially", "other"
]


class Subscription(Record):
    """A service. `amount` is what recurs, `first_amount` what the first invoice asked.

    Both are in the currency of the account, which a list of services does not name (decision 0019).
    """

    labels: ClassVar[tuple[tuple[str, str], ...]] = (
        ("status", "source_status"),
        ("billing_cycle", "source_billing_cycle"),
    )

    account_id: UUID
    whmcs_order_id: str | None
    whmcs_product_id: str | None
    product_name: str | None
    group_name: str | None
    service_type: ServiceType
    status: SubscriptionStatus
    source_status: str | None
    billing_cycle: BillingCycle
    source_billing_cycle: str | None
    amount: Amount
    first_amount: Amount | None
    registered_on: date | None
    next_due_on: date | None
    payment_method: str | None
    domain: str | None
    opportunity_id: str | None
