"""WHMCS invoices, items, transactions and pay methods in our words."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from domain.billing.contract import (
    Invoice,
    InvoiceBalance,
    InvoiceDetails,
    InvoiceItem,
    InvoiceStatus,
    ItemType,
    MethodType,
    Payment,
    PaymentMethod,
)
from domain.billing.providers.whmcs.raw import (
    RawInvoice,
    RawInvoiceDetails,
    RawItem,
    RawPaymentMethod,
    RawTransaction,
)
from domain.common.columns import (
    Columns,
    amounts,
    currencies,
    days,
    escaped_texts,
    folded,
    instants,
    numbers,
    required,
    rows_to_columns,
    texts,
)
from domain.common.errors import MappingError
from domain.common.failures import FieldError, broken
from domain.common.identifiers import account_id, hub_id, hub_ids
from domain.common.shapes import flag, rows_of
from domain.common.text import digits
from domain.common.times import day_or_none, last_day_of, local_to_utc
from domain.common.vocabulary import WhmcsVocabulary

MAPPER_VERSION = "2"

_INVOICE_FIELDS = tuple(RawInvoice.model_fields)

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


def invoice_from_row(row: Mapping[str, object], vocabulary: WhmcsVocabulary) -> Invoice:
    """The invoice that a row of GetInvoices describes.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawInvoice.model_validate(row)
        zone = vocabulary.zone
        issued_on = day_or_none(raw.date, "date")
        if issued_on is None:
            raise FieldError("date: an invoice has a day of issue")
        return Invoice(
            id=hub_id("whmcs", "invoice", raw.id),
            source="whmcs",
            source_id=raw.id,
            source_updated_at=local_to_utc(raw.updated_at, zone, "updated_at"),
            account_id=account_id("whmcs", raw.userid),
            # Until a number is given out, WHMCS shows people the id.
            number=raw.invoicenum or raw.id,
            status=STATUSES.get(raw.status, "other"),
            source_status=raw.status,
            issued_on=issued_on,
            due_on=day_or_none(raw.duedate, "duedate"),
            paid_at=local_to_utc(raw.datepaid, zone, "datepaid"),
            refunded_at=local_to_utc(raw.date_refunded, zone, "date_refunded"),
            cancelled_at=local_to_utc(raw.date_cancelled, zone, "date_cancelled"),
            last_capture_attempt_at=local_to_utc(raw.last_capture_attempt, zone, "last_capture_attempt"),
            subtotal=raw.subtotal,
            credit=raw.credit,
            tax=raw.tax,
            tax2=raw.tax2,
            total=raw.total,
            tax_rate=raw.taxrate,
            tax_rate2=raw.taxrate2,
            currency=raw.currencycode,
            payment_method=raw.paymentmethod,
            source_created_at=local_to_utc(raw.created_at, zone, "created_at"),
        )
    except (ValidationError, ValueError) as error:
        raise broken("whmcs", row.get("id"), error) from error


def invoices_from_rows(rows: Sequence[Mapping[str, object]], vocabulary: WhmcsVocabulary) -> Columns:
    """What `invoice_from_row` makes of each row, by field.

    Raises:
        NotPlainError: some row has another form than most; it may be good all the same.
    """
    raw = rows_to_columns(rows, _INVOICE_FIELDS)
    zone = vocabulary.zone
    ids = numbers(raw["id"])
    return {
        "id": hub_ids("whmcs", "invoice", ids),
        "source": ["whmcs"] * len(ids),
        "source_id": ids,
        "source_updated_at": instants(raw["updated_at"], zone),
        "deleted_at": [None] * len(ids),
        "account_id": hub_ids("whmcs", "account", numbers(raw["userid"])),
        "number": [number or each for number, each in zip(escaped_texts(raw["invoicenum"]), ids, strict=True)],
        "status": folded(texts(raw["status"]), lambda label: STATUSES.get(label, "other")),
        "source_status": texts(raw["status"]),
        "issued_on": required(days(raw["date"])),
        "due_on": days(raw["duedate"]),
        "paid_at": instants(raw["datepaid"], zone),
        "refunded_at": instants(raw["date_refunded"], zone),
        "cancelled_at": instants(raw["date_cancelled"], zone),
        "last_capture_attempt_at": instants(raw["last_capture_attempt"], zone),
        "subtotal": amounts(raw["subtotal"]),
        "credit": amounts(raw["credit"]),
        "tax": amounts(raw["tax"]),
        "tax2": amounts(raw["tax2"]),
        "total": amounts(raw["total"]),
        "tax_rate": amounts(raw["taxrate"]),
        "tax_rate2": amounts(raw["taxrate2"]),
        "currency": currencies(raw["currencycode"]),
        "payment_method": escaped_texts(raw["paymentmethod"]),
        "source_created_at": instants(raw["created_at"], zone),
    }


def invoice_details_from_row(row: Mapping[str, object], vocabulary: WhmcsVocabulary) -> InvoiceDetails:
    """Balance, items and payments that the body of GetInvoice tells, `currencycode` added from its invoice.

    Raises:
        MappingError: the invoice, or any of its items or transactions, cannot be represented.
    """
    try:
        raw = RawInvoiceDetails.model_validate(row)
        return InvoiceDetails(
            balance=InvoiceBalance(id=hub_id("whmcs", "invoice", raw.invoiceid), balance=raw.balance),
            items=tuple(_item(item, raw) for item in rows_of(raw.items, "item")),
            payments=tuple(_payment(paid, raw, vocabulary) for paid in rows_of(raw.transactions, "transaction")),
        )
    except (ValidationError, ValueError) as error:
        raise broken("whmcs", row.get("invoiceid"), error) from error


def _item(row: Mapping[str, object], invoice: RawInvoiceDetails) -> InvoiceItem:
    raw = RawItem.model_validate(row)
    label = raw.type or ""
    is_service = label == "Hosting" and raw.relid not in {None, "", "0"}
    return InvoiceItem(
        id=hub_id("whmcs", "invoice_item", raw.id),
        source="whmcs",
        source_id=raw.id,
        account_id=account_id("whmcs", invoice.userid),
        invoice_id=hub_id("whmcs", "invoice", invoice.invoiceid),
        type=ITEM_TYPES.get(label, "other"),
        source_type=label,
        subscription_id=hub_id("whmcs", "subscription", str(raw.relid)) if is_service else None,
        description=raw.description,
        amount=raw.amount,
        currency=invoice.currencycode,
        is_taxed=flag(raw.taxed),
    )


def _payment(row: Mapping[str, object], invoice: RawInvoiceDetails, vocabulary: WhmcsVocabulary) -> Payment:
    raw = RawTransaction.model_validate(row)
    returns = raw.refundid not in {None, "", "0"}
    return Payment(
        id=hub_id("whmcs", "payment", raw.id),
        source="whmcs",
        source_id=raw.id,
        account_id=account_id("whmcs", invoice.userid),
        invoice_id=hub_id("whmcs", "invoice", invoice.invoiceid),
        kind="refund" if returns or raw.amountout > 0 else "payment",
        gateway=raw.gateway,
        transaction_id=raw.transid,
        paid_at=local_to_utc(raw.date, vocabulary.zone, "date"),
        description=raw.description,
        amount_in=raw.amountin,
        amount_out=raw.amountout,
        fees=raw.fees,
        # A transaction's own currency is 0 where it is the client's, as an invoice's is.
        currency=invoice.currencycode,
        refund_of=hub_id("whmcs", "payment", str(raw.refundid)) if returns else None,
    )


def payment_methods_from_row(
    row: Mapping[str, object],
    vocabulary: WhmcsVocabulary,  # noqa: ARG001 - every mapper is called alike
) -> tuple[PaymentMethod, ...]:
    """The pay methods in the body of GetPayMethods.

    Raises:
        MappingError: the client or any pay method cannot be represented.
    """
    client = str(row.get("clientid") or "")
    if not client.isascii() or not client.isdigit() or int(client) == 0:
        raise MappingError("whmcs", client, "clientid: missing or no number")
    try:
        return tuple(_payment_method(method, client) for method in rows_of(row.get("paymethods"), "paymethod"))
    except (ValidationError, ValueError) as error:
        raise broken("whmcs", client, error) from error


def _payment_method(row: Mapping[str, object], client: str) -> PaymentMethod:
    raw = RawPaymentMethod.model_validate(row)
    return PaymentMethod(
        id=hub_id("whmcs", "payment_method", raw.id),
        source="whmcs",
        source_id=raw.id,
        account_id=account_id("whmcs", client),
        type=METHOD_TYPES.get(raw.type or "", "other"),
        source_type=raw.type,
        description=raw.description,
        gateway=raw.gateway_name,
        card_last_four=_last_four(raw.card_last_four),
        card_type=raw.card_type,
        expires_on=last_day_of(raw.expiry_date),
        bank_name=raw.bank_name,
    )


def _last_four(sent: str | None) -> str | None:
    """The last four digits of a card: of `xxxx1234` as well, since gateways mask the others in their own ways."""
    four = digits(sent or "")[-4:]
    return four if len(four) == 4 else None
