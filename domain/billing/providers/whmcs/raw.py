"""Invoices, their items, transactions and pay methods as WHMCS sends them (source: API reference, 8.13 to 9.0)."""

from decimal import Decimal
from typing import Any

from pydantic import Field

from domain.common.numbers import AmountOrZero, AmountSent
from domain.common.raw import Number, Raw
from domain.common.text import Escaped


class RawInvoice(Raw):
    """A row of GetInvoices. Times are the server's local ones; zero dates mean none. The currency is the client's."""

    id: Number
    userid: Number
    invoicenum: Escaped = None
    date: str
    duedate: str | None = None
    datepaid: str | None = None
    last_capture_attempt: str | None = None
    date_refunded: str | None = None
    date_cancelled: str | None = None
    subtotal: AmountSent
    credit: AmountOrZero = Decimal(0)
    tax: AmountOrZero = Decimal(0)
    tax2: AmountOrZero = Decimal(0)
    total: AmountSent
    taxrate: AmountOrZero = Decimal(0)
    taxrate2: AmountOrZero = Decimal(0)
    status: str
    paymentmethod: Escaped = None
    created_at: str | None = None
    updated_at: str | None = None
    currencycode: str


class RawItem(Raw):
    """A row of GetInvoice's items."""

    id: Number
    type: str | None = None
    relid: str | None = None
    description: Escaped = None
    amount: AmountSent
    taxed: Any = None


class RawTransaction(Raw):
    """A row of GetInvoice's transactions. `refundid` is the payment that it returns; 0: none."""

    id: Number
    gateway: Escaped = None
    date: str | None = None
    description: Escaped = None
    amountin: AmountOrZero = Decimal(0)
    amountout: AmountOrZero = Decimal(0)
    fees: AmountOrZero = Decimal(0)
    transid: Escaped = None
    refundid: str | None = None


class RawInvoiceDetails(Raw):
    """The body of GetInvoice. It names no currency: the reader adds its invoice's `currencycode`."""

    invoiceid: Number
    userid: Number
    balance: AmountSent
    currencycode: str
    items: Any = None
    transactions: Any = None


class RawPaymentMethod(Raw):
    """A row of GetPayMethods. `remote_token`, a secret, is never read."""

    id: Number
    type: str | None = None
    description: Escaped = None
    gateway_name: Escaped = None
    card_last_four: str | None = None
    expiry_date: str | None = Field(None, description="MM/YY")
    card_type: Escaped = None
    bank_name: Escaped = None
