"""Invoices, what is on them, what was paid, and what it is paid with.

Fields, types and shapes: WHMCS/developer-docs, GetInvoices, GetInvoice, GetTransactions, GetPayMethods. The server's
clock is Tokyo's, nine hours ahead of UTC.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from domain.billing.contract import Invoice, InvoiceBalance, InvoiceDetails, InvoiceItem, Payment, PaymentMethod
from domain.billing.providers.whmcs.mapper import INVOICE, invoice_details_from_row, payment_methods_from_row
from domain.common.errors import MappingError
from tests.domain.literals.literal import WHMCS, Labels, Literal, Row, ours
from tests.domain.readers import by_column, invoice_from_row


def alone(row: Row) -> Invoice:
    return invoice_from_row(row, WHMCS)


def together(row: Row) -> Invoice:
    """As a page of a long list is read: by column, into the texts that PostgreSQL copies."""
    for invoice in by_column(INVOICE, [row], WHMCS).values():
        return invoice
    raise MappingError("whmcs", str(row["id"]), "refused")


def details(row: Row) -> InvoiceDetails:
    return invoice_details_from_row(row, WHMCS)


def methods(row: Row) -> object:
    return payment_methods_from_row(row, WHMCS)


REFUNDED: dict[str, Any] = {
    "id": 31, "userid": 8, "firstname": "Hana", "lastname": "Mori", "companyname": "", "invoicenum": "2026-0007",
    "date": "2026-02-01", "duedate": "2026-02-08", "datepaid": "2026-02-03 06:41:11",
    "last_capture_attempt": "2026-02-03 06:40:59", "date_refunded": "2026-02-05 00:30:00",
    "date_cancelled": "2026-02-06 23:59:59", "subtotal": "200.00", "credit": "15.00", "tax": "16.00", "tax2": "5.00",
    "total": "206.00", "taxrate": "8.000", "taxrate2": "2.500", "status": "Refunded", "paymentmethod": "stripe",
    "paymethodid": None, "notes": "", "created_at": "2026-02-01 10:00:00", "updated_at": "2026-02-07 09:00:01",
    "currencycode": "EUR", "currencyprefix": "€", "currencysuffix": " EUR",
}  # fmt: skip
UNPAID = REFUNDED | {
    "id": "32", "userid": "9", "invoicenum": "", "duedate": "0000-00-00", "datepaid": "0000-00-00 00:00:00",
    "last_capture_attempt": "0000-00-00 00:00:00", "date_refunded": "0000-00-00 00:00:00",
    "date_cancelled": "0000-00-00 00:00:00", "subtotal": "15.95", "credit": "0.00", "tax": "0.00", "tax2": "0.00",
    "total": "15.95", "taxrate": "0.000", "taxrate2": "0.000", "status": "Unpaid", "paymentmethod": "",
    "currencycode": "JPY",
}  # fmt: skip
REFUNDED_SAYS = (Invoice, {
    "id": ours("whmcs:invoice:31"), "source": "whmcs", "source_id": "31", "account_id": ours("whmcs:account:8"),
    "number": "2026-0007", "status": "refunded", "source_status": "Refunded",
    "issued_on": date(2026, 2, 1), "due_on": date(2026, 2, 8),
    "paid_at": datetime(2026, 2, 2, 21, 41, 11, tzinfo=UTC),
    "last_capture_attempt_at": datetime(2026, 2, 2, 21, 40, 59, tzinfo=UTC),
    "refunded_at": datetime(2026, 2, 4, 15, 30, tzinfo=UTC),
    "cancelled_at": datetime(2026, 2, 6, 14, 59, 59, tzinfo=UTC),
    "subtotal": Decimal(200), "credit": Decimal(15), "tax": Decimal(16), "tax2": Decimal(5), "total": Decimal(206),
    "tax_rate": Decimal(8), "tax_rate2": Decimal("2.5"), "currency": "EUR", "payment_method": "stripe",
    "source_created_at": datetime(2026, 2, 1, 1, tzinfo=UTC),
    "source_updated_at": datetime(2026, 2, 7, 0, 0, 1, tzinfo=UTC),
})  # fmt: skip
UNPAID_SAYS = (Invoice, {
    "id": ours("whmcs:invoice:32"), "source": "whmcs", "source_id": "32", "account_id": ours("whmcs:account:9"),
    # Until a number is given out, WHMCS shows people the id.
    "number": "32", "status": "unpaid", "source_status": "Unpaid", "issued_on": date(2026, 2, 1),
    "subtotal": Decimal("15.95"), "credit": Decimal(0), "tax": Decimal(0), "tax2": Decimal(0),
    "total": Decimal("15.95"), "tax_rate": Decimal(0), "tax_rate2": Decimal(0), "currency": "JPY",
    "source_created_at": datetime(2026, 2, 1, 1, tzinfo=UTC),
    "source_updated_at": datetime(2026, 2, 7, 0, 0, 1, tzinfo=UTC),
})  # fmt: skip

DETAILS: dict[str, Any] = {
    "invoiceid": 31, "invoicenum": "2026-0007", "userid": 8, "date": "2026-02-01", "duedate": "2026-02-08",
    "datepaid": "2026-02-03 06:41:11", "lastcaptureattempt": "2026-02-03 06:40:59", "subtotal": "200.00",
    "credit": "15.00", "tax": "16.00", "tax2": "5.00", "total": "206.00", "balance": "86.00", "taxrate": "8.000",
    "taxrate2": "2.500", "status": "Unpaid", "paymentmethod": "stripe", "notes": "", "ccgateway": True,
    "currencycode": "EUR",
    "items": {"item": [
        {"id": 71, "type": "Hosting", "relid": 41, "description": "SIM 5GB (01/02/2026 - 28/02/2026)",
         "amount": "180.00", "taxed": 1},
        {"id": 72, "type": "", "relid": 0, "description": "Manual &amp; free", "amount": "20.00", "taxed": 0},
        # The id of an add-on is none of a service, though both count from 1.
        {"id": "73", "type": "Addon", "relid": "41", "description": "", "amount": "-4.50", "taxed": "0"},
        {"id": "74", "type": "Hosting", "relid": "0", "description": None, "amount": "0.00", "taxed": ""},
    ]},
    "transactions": {"transaction": [
        {"id": "10", "userid": "8", "currency": "0", "gateway": "stripe", "date": "2026-02-03 06:41:11",
         "description": "Invoice Payment", "amountin": "120.00", "fees": "0.90", "amountout": "0.00",
         "rate": "1.00000", "transid": "T-1", "invoiceid": "31", "refundid": "0"},
        {"id": "11", "userid": "8", "currency": "0", "gateway": "banktransfer", "date": "2026-02-05 00:30:00",
         "description": "Refund of Transaction ID T-1", "amountin": "0.00", "fees": "-0.30", "amountout": "30.00",
         "rate": "1.00000", "transid": "R-2", "invoiceid": "31", "refundid": "10"},
        # "`amountout` > 0: refund or payout" (reference, 2.12), whether or not it names what it returns.
        {"id": 12, "userid": 8, "currency": 0, "gateway": "", "date": "0000-00-00 00:00:00", "description": "",
         "amountin": "0.00", "fees": "0.00", "amountout": "0.50", "rate": "1.00000", "transid": "", "invoiceid": 31,
         "refundid": 0},
    ]},
}  # fmt: skip
_ON_IT = {"source": "whmcs", "account_id": ours("whmcs:account:8"), "invoice_id": ours("whmcs:invoice:31")}
DETAILS_SAY = (
    (InvoiceBalance, {"id": ours("whmcs:invoice:31"), "balance": Decimal(86)}),
    (InvoiceItem, _ON_IT | {
        "id": ours("whmcs:invoice_item:71"), "source_id": "71", "type": "service", "source_type": "Hosting",
        "subscription_id": ours("whmcs:subscription:41"), "description": "SIM 5GB (01/02/2026 - 28/02/2026)",
        "amount": Decimal(180), "currency": "EUR", "is_taxed": True,
    }),
    (InvoiceItem, _ON_IT | {
        "id": ours("whmcs:invoice_item:72"), "source_id": "72", "type": "manual", "source_type": "",
        "description": "Manual & free", "amount": Decimal(20), "currency": "EUR", "is_taxed": False,
    }),
    (InvoiceItem, _ON_IT | {
        "id": ours("whmcs:invoice_item:73"), "source_id": "73", "type": "addon", "source_type": "Addon",
        "amount": Decimal("-4.5"), "currency": "EUR", "is_taxed": False,
    }),
    (InvoiceItem, _ON_IT | {
        "id": ours("whmcs:invoice_item:74"), "source_id": "74", "type": "service", "source_type": "Hosting",
        "amount": Decimal(0), "currency": "EUR", "is_taxed": False,
    }),
    (Payment, _ON_IT | {
        "id": ours("whmcs:payment:10"), "source_id": "10", "kind": "payment", "gateway": "stripe",
        "transaction_id": "T-1", "paid_at": datetime(2026, 2, 2, 21, 41, 11, tzinfo=UTC),
        "description": "Invoice Payment", "amount_in": Decimal(120), "amount_out": Decimal(0),
        "fees": Decimal("0.9"), "currency": "EUR",
    }),
    (Payment, _ON_IT | {
        "id": ours("whmcs:payment:11"), "source_id": "11", "kind": "refund", "gateway": "banktransfer",
        "transaction_id": "R-2", "paid_at": datetime(2026, 2, 4, 15, 30, tzinfo=UTC),
        "description": "Refund of Transaction ID T-1", "amount_in": Decimal(0), "amount_out": Decimal(30),
        "fees": Decimal("-0.3"), "currency": "EUR", "refund_of": ours("whmcs:payment:10"),
    }),
    (Payment, _ON_IT | {
        "id": ours("whmcs:payment:12"), "source_id": "12", "kind": "refund", "amount_in": Decimal(0),
        "amount_out": Decimal("0.5"), "fees": Decimal(0), "currency": "EUR",
    }),
)  # fmt: skip

METHODS: dict[str, Any] = {
    "clientid": "8",
    "paymethods": [
        {"id": 1, "type": "RemoteCreditCard", "description": "Default Card", "gateway_name": "stripe",
         "contact_type": "Client", "contact_id": 1, "card_last_four": "4242", "expiry_date": "02/28", "start_date": "",
         "issue_number": "", "card_type": "Visa", "remote_token": '{"customer":"xxx"}',
         "last_updated": "17/05/2026 10:01"},
        {"id": 3, "type": "BankAccount", "description": "A Bank Account", "gateway_name": "", "contact_type": "Client",
         "contact_id": 1, "bank_name": "Bank of America", "remote_token": "", "last_updated": "17/05/2026 10:01"},
    ],
}  # fmt: skip
METHODS_SAY = (
    (PaymentMethod, {
        "id": ours("whmcs:payment_method:1"), "source": "whmcs", "source_id": "1",
        "account_id": ours("whmcs:account:8"), "type": "credit_card", "source_type": "RemoteCreditCard",
        "description": "Default Card", "gateway": "stripe", "card_last_four": "4242", "card_type": "Visa",
        "expires_on": date(2028, 2, 29),
    }),
    (PaymentMethod, {
        "id": ours("whmcs:payment_method:3"), "source": "whmcs", "source_id": "3",
        "account_id": ours("whmcs:account:8"), "type": "bank_account", "source_type": "BankAccount",
        "description": "A Bank Account", "bank_name": "Bank of America",
    }),
)  # fmt: skip

LITERALS = (
    Literal("an invoice that was paid and refunded", alone, REFUNDED, (REFUNDED_SAYS,)),
    Literal("an invoice that was paid and refunded, in a long list", together, REFUNDED, (REFUNDED_SAYS,)),
    Literal("an invoice that nobody has paid", alone, UNPAID, (UNPAID_SAYS,)),
    Literal("an invoice that nobody has paid, in a long list", together, UNPAID, (UNPAID_SAYS,)),
    Literal("what is owed and on an invoice, paid and paid back", details, DETAILS, DETAILS_SAY),
    Literal("a card and a bank account", methods, METHODS, METHODS_SAY),
)


def _item(row: Row, field: str, label: object) -> Row:
    item = DETAILS["items"]["item"][0] | {field: label}
    return {**row, "items": {"item": [item]}, "transactions": ""}


def _method(row: Row, field: str, label: object) -> Row:
    return {**row, "paymethods": [METHODS["paymethods"][0] | {field: label}]}


_STATUSES = {
    "Draft": "draft", "Unpaid": "unpaid", "Paid": "paid", "Cancelled": "cancelled", "Refunded": "refunded",
    "Collections": "collections", "Payment Pending": "pending",
}  # fmt: skip

# V: GetInvoices; whmcs.com, Invoice Statuses; GetPayMethods. Types of items: reference, 2.6.
LABELS = (
    Labels("status", "status", alone, REFUNDED, _STATUSES),
    Labels("status", "status", together, REFUNDED, _STATUSES),
    Labels("type", "type", details, DETAILS, {
        "Hosting": "service", "Addon": "addon", "Domain": "domain", "DomainRegister": "domain",
        "DomainTransfer": "domain", "Upgrade": "upgrade", "": "manual",
    }, nothing="manual", at=_item),
    Labels("type", "type", methods, METHODS, {
        "CreditCard": "credit_card", "RemoteCreditCard": "credit_card", "BankAccount": "bank_account",
        "RemoteBankAccount": "bank_account",
    }, at=_method),
)  # fmt: skip
