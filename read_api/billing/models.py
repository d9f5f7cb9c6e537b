"""Wire models of invoices and payment methods."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from domain.billing import contract
from read_api.http.wire import Money, Wire, one_of, page_of

InvoiceStatus = Literal[contract.InvoiceStatus, "overdue"]


class Invoice(Wire, frozen=True):
    """An invoice."""

    id: UUID
    number: Annotated[str, Meta(description="Number shown to people", examples=["2025-00042"])]
    status: Annotated[InvoiceStatus, Meta(description="`overdue` is unpaid and past its due date")]
    issue_date: Annotated[date, Meta(description="Day of issue")]
    due_date: Annotated[date | None, Meta(description="Day it is due")]
    days_overdue: Annotated[int | None, Meta(description="Days since the due date; null: not overdue")]
    paid_at: Annotated[datetime | None, Meta(description="When it was paid, UTC")]
    subtotal: Annotated[Money, Meta(description="Before credit and tax")]
    credit: Annotated[Money, Meta(description="Credit applied")]
    tax: Annotated[Money, Meta(description="All taxes")]
    total: Annotated[Money, Meta(description="To pay in all")]
    balance: Annotated[Money | None, Meta(description="Still to pay; null until items are read")]
    payment_method: Annotated[str | None, Meta(description="Gateway it is paid by")]
    items_as_of: Annotated[datetime | None, Meta(description="When items and payments were read; null: not yet")]


class InvoiceItem(Wire, frozen=True):
    """A line of an invoice."""

    id: UUID
    type: contract.ItemType
    description: str | None
    amount: Annotated[Money, Meta(description="Charge before tax")]
    is_taxed: bool
    subscription_id: Annotated[UUID | None, Meta(description="Subscription charged")]


class Payment(Wire, frozen=True):
    """A payment for an invoice, or a refund."""

    id: UUID
    kind: contract.PaymentKind
    paid_at: datetime | None
    amount: Annotated[Money, Meta(description="Received, or given back")]
    gateway: str | None
    description: str | None
    refund_of: Annotated[UUID | None, Meta(description="Payment that a refund gives back")]


class InvoiceDetail(Invoice, frozen=True):
    """An invoice with what is on it and what was paid."""

    items: Annotated[list[InvoiceItem], Meta(description="Empty until itemsAsOf")]
    payments: Annotated[list[Payment], Meta(description="Empty until itemsAsOf")]


class PaymentMethod(Wire, frozen=True):
    """A stored way to pay."""

    id: UUID
    type: contract.MethodType
    description: str | None
    gateway: str | None
    card_last_four: str | None
    card_type: str | None
    expiry_date: Annotated[date | None, Meta(description="Last day a card is valid")]
    bank_name: str | None


InvoiceList = page_of(Invoice, "InvoiceList", "A page of invoices.")
InvoiceAnswer = one_of(InvoiceDetail, "InvoiceAnswer", "One invoice.")
PaymentMethodList = page_of(PaymentMethod, "PaymentMethodList", "A page of payment methods.")


class PayLink(Wire, frozen=True):
    """A way to pay that works once."""

    url: str
    expires_in_seconds: Annotated[int, Meta(description="Seconds that it works", examples=[60])]


class PayLinkAnswer(Wire, frozen=True):
    """A link to pay an invoice."""

    data: PayLink
