"""Wire models of subscriptions."""

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from domain.common.vocabulary import ServiceType
from domain.subscriptions.contract import BillingCycle, SubscriptionStatus
from read_api.billing.models import Invoice
from read_api.commands.models import Pending
from read_api.http.wire import BilledMoney, Listed, Wire, one_of, page_of


class Subscription(Wire, frozen=True):
    """A service the customer has."""

    id: UUID
    product_name: Annotated[str | None, Meta(description="Product", examples=["Home 1G"])]
    group_name: Annotated[str | None, Meta(description="Group of products")]
    service_type: ServiceType
    status: SubscriptionStatus
    billing_cycle: BillingCycle
    amount: Annotated[BilledMoney, Meta(description="Charge per cycle")]
    first_amount: Annotated[BilledMoney | None, Meta(description="First charge")]
    registration_date: Annotated[date | None, Meta(description="First day")]
    next_due_date: Annotated[date | None, Meta(description="Next day a charge is due")]
    payment_method: Annotated[str | None, Meta(description="Gateway that pays it")]
    sim_id: Annotated[UUID | None, Meta(description="Its SIM line; null: none")]
    pending: Annotated[list[Pending], Meta(description="Changes that are on their way")]


SubscriptionList = page_of(Subscription, "SubscriptionList", "A page of subscriptions.")
SubscriptionAnswer = one_of(Subscription, "SubscriptionAnswer", "One subscription.")


class ChargingInvoiceList(Listed, frozen=True):
    """A page of invoices that charge a subscription."""

    data: list[Invoice]
    unread: Annotated[
        int,
        Meta(
            description="Invoices of the customer whose items are not known yet, at most 100: they are being read, and"
            " those that charge the subscription will be in the list"
        ),
    ]
