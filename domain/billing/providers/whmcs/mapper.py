"""WHMCS invoices, items, transactions and pay methods in our words (source: API reference, 8.13 to 9.0)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from domain.billing.contract import (
    Invoice,
    InvoiceBalance,
    InvoiceDetails,
    InvoiceItem,
    InvoiceStatus,
    ItemType,
    MethodType,
    Payment,
    PaymentKind,
    PaymentMethod,
)
from domain.common.converters import as_sent, escaped, label, written_amount, written_amount_or_zero
from domain.common.errors import MappingError
from domain.common.field_table import FieldTable, combined, reading
from domain.common.shapes import flag, rows_of
from domain.common.text import digits
from domain.common.times import last_day_of
from domain.common.vocabulary import WhmcsVocabulary
from domain.common.whmcs import day, hub_id_of, instant, number, other_hub_id, other_number

MAPPER_VERSION = "2"

STATUSES: Mapping[str, InvoiceStatus] = {
    "Draft": "draft",
    "Unpaid": "unpaid",
    "Paid": "paid",
    "Cancelled": "cancelled",
    "Refunded": "refunded",
    "Collections": "collections",
    "Payment Pending": "pending",
}
ITEM_TYPES: Mapping[str, ItemType] = {
    "": "manual",
    "Hosting": "service",
    "Addon": "addon",
    "Domain": "domain",
    "DomainRegister": "domain",
    "DomainTransfer": "domain",
    "Upgrade": "upgrade",
}
METHOD_TYPES: Mapping[str, MethodType] = {
    "CreditCard": "credit_card",
    "RemoteCreditCard": "credit_card",
    "BankAccount": "bank_account",
    "RemoteBankAccount": "bank_account",
}


INVOICE = FieldTable(
    Invoice,
    "whmcs",
    id=hub_id_of("invoice", "id"),
    source_id=number("id"),
    source_updated_at=instant("updated_at"),
    account_id=hub_id_of("account", "userid"),
    # Until a number is given out, WHMCS shows people the id.
    number=escaped("invoicenum").otherwise(number("id")),
    status=label("status", STATUSES, required=True),
    source_status=as_sent("status", required=True),
    issued_on=day("date", missing="an invoice has a day of issue"),
    due_on=day("duedate"),
    paid_at=instant("datepaid"),
    refunded_at=instant("date_refunded"),
    cancelled_at=instant("date_cancelled"),
    last_capture_attempt_at=instant("last_capture_attempt"),
    subtotal=written_amount("subtotal", required=True),
    credit=written_amount_or_zero("credit"),
    tax=written_amount_or_zero("tax"),
    tax2=written_amount_or_zero("tax2"),
    total=written_amount("total", required=True),
    tax_rate=written_amount_or_zero("taxrate"),
    tax_rate2=written_amount_or_zero("taxrate2"),
    currency=as_sent("currencycode", required=True),
    payment_method=escaped("paymentmethod"),
    source_created_at=instant("created_at"),
)
"""A row of GetInvoices. The currency is the client's."""

BALANCE = FieldTable(
    InvoiceBalance,
    "whmcs",
    named_by="invoiceid",
    requires=(number("userid"), as_sent("currencycode", required=True)),
    id=hub_id_of("invoice", "invoiceid"),
    balance=written_amount("balance", required=True),
)
"""The body of GetInvoice. What is on the invoice is its client's, and in the invoice's currency."""

ITEM = FieldTable(
    InvoiceItem,
    "whmcs",
    id=hub_id_of("invoice_item", "id"),
    source_id=number("id"),
    account_id=hub_id_of("account", "invoice.userid"),
    invoice_id=hub_id_of("invoice", "invoice.invoiceid"),
    type=label("type", ITEM_TYPES),
    source_type=as_sent("type").then(lambda sent: sent or ""),
    subscription_id=combined(
        lambda kind, service: service if kind == "Hosting" else None,
        as_sent("type"),
        other_hub_id("subscription", "relid"),
    ),
    description=escaped("description"),
    amount=written_amount("amount", required=True),
    currency=as_sent("invoice.currencycode", required=True),
    is_taxed=reading("taxed", flag),
)
"""A row of GetInvoice's items, with the body as its `invoice`."""


def _kind(returned: str | None, amount_out: str | Decimal) -> PaymentKind:
    return "refund" if returned or Decimal(amount_out) > 0 else "payment"


PAYMENT = FieldTable(
    Payment,
    "whmcs",
    id=hub_id_of("payment", "id"),
    source_id=number("id"),
    account_id=hub_id_of("account", "invoice.userid"),
    invoice_id=hub_id_of("invoice", "invoice.invoiceid"),
    kind=combined(_kind, other_number("refundid"), written_amount_or_zero("amountout")),
    gateway=escaped("gateway"),
    transaction_id=escaped("transid"),
    paid_at=instant("date"),
    description=escaped("description"),
    amount_in=written_amount_or_zero("amountin"),
    amount_out=written_amount_or_zero("amountout"),
    fees=written_amount_or_zero("fees"),
    # A transaction's own currency is 0 where it is the client's, as an invoice's is.
    currency=as_sent("invoice.currencycode", required=True),
    refund_of=other_hub_id("payment", "refundid"),
)
"""A row of GetInvoice's transactions, with the body as its `invoice`. `refundid` is the payment that it returns."""


def _last_four(sent: str | None) -> str | None:
    """The last four digits of a card: of `xxxx1234` as well, since gateways mask the others in their own ways."""
    four = digits(sent or "")[-4:]
    return four if len(four) == 4 else None


METHOD = FieldTable(
    PaymentMethod,
    "whmcs",
    id=hub_id_of("payment_method", "id"),
    source_id=number("id"),
    account_id=hub_id_of("account", "client.clientid"),
    type=label("type", METHOD_TYPES),
    source_type=as_sent("type"),
    description=escaped("description"),
    gateway=escaped("gateway_name"),
    card_last_four=as_sent("card_last_four").then(_last_four),
    card_type=escaped("card_type"),
    expires_on=as_sent("expiry_date").then(last_day_of),
    bank_name=escaped("bank_name"),
)
"""A row of GetPayMethods, with the body as its `client`. `remote_token`, a secret, is never read."""


def invoice_details_from_row(row: Mapping[str, object], vocabulary: WhmcsVocabulary) -> InvoiceDetails:
    """Balance, items and payments that the body of GetInvoice tells, `currencycode` added from its invoice.

    Raises:
        MappingError: the invoice, or any of its items or transactions, cannot be represented.
    """
    with _all_of(row.get("invoiceid")):
        return InvoiceDetails(
            balance=BALANCE.read(row, vocabulary),
            items=tuple(ITEM.read({**item, "invoice": row}, vocabulary) for item in rows_of(row.get("items"), "item")),
            payments=tuple(
                PAYMENT.read({**paid, "invoice": row}, vocabulary)
                for paid in rows_of(row.get("transactions"), "transaction")
            ),
        )


def payment_methods_from_row(row: Mapping[str, object], vocabulary: WhmcsVocabulary) -> tuple[PaymentMethod, ...]:
    """The pay methods in the body of GetPayMethods.

    Raises:
        MappingError: the client or any pay method cannot be represented.
    """
    client = str(row.get("clientid") or "")
    if not client.isascii() or not client.isdigit() or int(client) == 0:
        raise MappingError("whmcs", client, "clientid: missing or no number")
    with _all_of(client):
        return tuple(
            METHOD.read({**method, "client": row}, vocabulary) for method in rows_of(row.get("paymethods"), "paymethod")
        )


@contextmanager
def _all_of(source_id: object) -> Iterator[None]:
    """A record whose parts make one whole is refused with any of them, by its own id."""
    try:
        yield
    except MappingError as error:
        raise MappingError(error.system, str(source_id), error.reason) from error
