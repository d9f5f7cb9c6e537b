"""Orders and their lines."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from domain.common.numbers import Amount
from domain.common.record import Record
from domain.common.times import Instant

OrderType = Literal["internet", "sim", "vpn", "other"]
OrderStatus = Literal["draft", "pending_review", "approved", "processed", "cancelled", "rejected", "other"]
ActivationStatus = Literal["not_started", "scheduled", "activating", "activated", "failed", "other"]
BillingCycle = Literal["monthly", "onetime", "other"]


class Order(Record):
    """An order, from draft to activated."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (
        ("type", "source_type"),
        ("status", "source_status"),
        ("activation_status", "source_activation_status"),
    )

    account_id: UUID
    order_number: str | None
    type: OrderType
    source_type: str | None
    status: OrderStatus
    source_status: str | None
    activation_status: ActivationStatus | None
    source_activation_status: str | None
    activation_error_code: str | None
    activation_error_message: str | None
    activation_type: str | None
    activation_scheduled_at: Instant | None
    effective_on: date | None
    total: Amount | None
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    placed_at: Instant
    whmcs_order_id: str | None
    command_id: UUID | None
    sim_type: str | None
    access_mode: str | None
    billing_street: str | None
    billing_city: str | None
    billing_state: str | None
    billing_postcode: str | None
    billing_country: str | None


class OrderItem(Record):
    """A line of an order. `subscription_id`: the service it became."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (("billing_cycle", "source_billing_cycle"),)

    account_id: UUID
    order_id: UUID
    product_id: UUID | None
    price_id: UUID | None
    sku: str | None
    product_name: str | None
    quantity: Amount
    unit_price: Amount | None
    total: Amount | None
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    billing_cycle: BillingCycle | None
    source_billing_cycle: str | None
    whmcs_service_id: str | None
    subscription_id: UUID | None
