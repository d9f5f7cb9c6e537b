"""Invoices, their items, payments, and the ways a customer pays."""

from datetime import date
from typing import ClassVar, Literal, NamedTuple
from uuid import UUID

from pydantic import Field

from domain.common.numbers import Amount
from domain.common.record import Contract, Record
from domain.common.times import Instant

InvoiceStatus = Literal["draft", "unpaid", "paid", "cancelled", "refunded", "collections", "pending", "other"]
ItemType = Literal["service", "addon", "domain", "upgrade", "manual", "other"]
PaymentKind = Literal["payment", "refund"]
MethodType = Literal["credit_card", "bank_account", "other"]


class Invoice(Record):
    """An invoice, without its items. Overdue is not a status: it is unpaid and past `due_on`."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (("status", "source_status"),)

    account_id: UUID
    number: str
    status: InvoiceStatus
    source_status: str | None
    issued_on: date
    due_on: date | None
    paid_at: Instant | None
    refunded_at: Instant | None
    cancelled_at: Instant | None
    last_capture_attempt_at: Instant | None
    subtotal: Amount
    credit: Amount
    tax: Amount
    tax2: Amount
    total: Amount
    tax_rate: Amount
    tax_rate2: Amount
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    payment_method: str | None
    source_created_at: Instant | None


class InvoiceBalance(Contract):
    """What is still to be paid of an invoice; only a call for the one invoice tells."""

    balance: Amount


class InvoiceItem(Record):
    """A line of an invoice. `subscription_id`: the service it bills."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (("type", "source_type"),)

    account_id: UUID
    invoice_id: UUID
    type: ItemType
    source_type: str | None
    subscription_id: UUID | None
    description: str | None
    amount: Amount
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    is_taxed: bool


class Payment(Record):
    """Money that came in, or went back. `refund_of` is the payment it returns."""

    account_id: UUID
    invoice_id: UUID | None
    kind: PaymentKind
    gateway: str | None
    transaction_id: str | None
    paid_at: Instant | None
    description: str | None
    amount_in: Amount
    amount_out: Amount
    fees: Amount
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    refund_of: UUID | None


class PaymentMethod(Record):
    """A card or bank account on file, without its secrets. `expires_on` is the last day of the month on the card."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (("type", "source_type"),)

    account_id: UUID
    type: MethodType
    source_type: str | None
    description: str | None
    gateway: str | None
    card_last_four: str | None = Field(pattern=r"^\d{4}$")
    card_type: str | None
    expires_on: date | None
    bank_name: str | None


class InvoiceDetails(NamedTuple):
    """Everything a call for one invoice tells."""

    balance: InvoiceBalance
    items: tuple[InvoiceItem, ...]
    payments: tuple[Payment, ...]
