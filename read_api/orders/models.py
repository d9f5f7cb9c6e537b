"""Wire models of orders."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from domain.orders.contract import ActivationStatus, BillingCycle, OrderStatus, OrderType
from read_api.commands.models import Failure, Pending
from read_api.http.wire import Money, Wire, one_of, page_of


class Order(Wire, frozen=True):
    """An order."""

    id: UUID
    order_number: Annotated[str | None, Meta(description="Number shown to people")]
    type: OrderType
    status: Literal["submitted", "failed", OrderStatus]
    activation_status: Annotated[
        ActivationStatus | None,
        Meta(description="Where activation stands"),
    ]
    activation_scheduled_at: datetime | None
    effective_date: date | None
    placed_at: datetime
    total: Annotated[Money | None, Meta(description="Without consumption tax")]
    sim_type: str | None
    access_mode: str | None
    failure: Annotated[Failure | None, Meta(description="Why it was not placed, or could not be activated")]
    pending: Annotated[list[Pending], Meta(description="What the hub is doing for it")]


class OrderItem(Wire, frozen=True):
    """A line of an order."""

    id: UUID
    sku: str | None
    product_name: str | None
    product_id: UUID | None
    quantity: float
    unit_price: Money | None
    total: Money | None
    billing_cycle: BillingCycle | None
    subscription_id: Annotated[UUID | None, Meta(description="Subscription it became; null: not yet")]


class OrderDetail(Order, frozen=True):
    """An order with its lines."""

    items: list[OrderItem]


OrderList = page_of(Order, "OrderList", "A page of orders.")
OrderAnswer = one_of(OrderDetail, "OrderAnswer", "One order.")
