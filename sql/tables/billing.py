"""Invoices, what is on them, what was paid and how: WHMCS."""

from sqlalchemy import Index, Table

from domain.billing.contract import InvoiceStatus, ItemType, MethodType, PaymentKind
from sql.tables.columns import (
    Kept,
    amount,
    as_of,
    choice,
    currency,
    day,
    due,
    flag,
    hub_times,
    instant,
    metadata,
    owner,
    reference,
    synced,
    text,
)

invoices = Table(
    "invoices",
    metadata,
    *synced("whmcs", "invoice"),
    owner("WHMCS"),
    text(
        "number", "invoicenum, or the invoice id where there is none, as shown to people", required=True, personal=False
    ),
    choice(
        "status",
        InvoiceStatus,
        "Where the invoice stands; overdue is unpaid past due_on",
        required=True,
    ),
    text("source_status", "status, as sent; Payment Pending counts as pending", personal=False),
    day("issued_on", "date: day of issue, WHMCS local date", required=True),
    day("due_on", "duedate: day it is due, WHMCS local date"),
    instant("paid_at", "datepaid: when it was paid, UTC"),
    instant("refunded_at", "date_refunded: when it was refunded, UTC"),
    instant("cancelled_at", "date_cancelled: when it was cancelled, UTC"),
    instant("last_capture_attempt_at", "last_capture_attempt: when a card was last charged for it, UTC"),
    amount("subtotal", "Before credit and tax, in currency", required=True),
    amount("credit", "Credit applied, in currency", required=True),
    amount("tax", "First tax, in currency", required=True),
    amount("tax2", "Second tax, in currency", required=True),
    amount("total", "To pay in all, in currency", required=True),
    amount("tax_rate", "First tax rate, percent", required=True),
    amount("tax_rate2", "Second tax rate, percent", required=True),
    amount("balance", "Still to pay, in currency; null until the details are read (WHMCS GetInvoice)"),
    currency(),
    text("payment_method", "Gateway it is paid by, as sent", personal=False),
    instant("source_created_at", "created_at: when WHMCS made it, UTC"),
    as_of("items_as_of", "the invoice's items and payments (WHMCS GetInvoice)"),
    due("items_due_at", "the invoice's items and payments (WHMCS GetInvoice)", from_start=True),
    *hub_times(),
    schema="hub",
    comment="One row per invoice (WHMCS). Items and payments are read one invoice per call, so they follow later.",
)

invoice_items = Table(
    "invoice_items",
    metadata,
    *synced("whmcs", "invoice item"),
    owner("WHMCS"),
    reference("invoice_id", "Invoice it is a line of: hub.invoices.id", required=True),
    choice("type", ItemType, "What is charged", required=True),
    text("source_type", "type, as sent; Hosting counts as service, empty as manual", personal=False),
    reference("subscription_id", "Subscription charged: hub.subscriptions.id; null: none"),
    text("description", "Text of the line", personal=True),
    amount("amount", "Charge before tax, in currency", required=True),
    currency(),
    flag("is_taxed", "Whether tax is added", required=True),
    *hub_times(),
    schema="hub",
    comment="One row per line of an invoice (WHMCS).",
)

payments = Table(
    "payments",
    metadata,
    *synced("whmcs", "transaction"),
    owner("WHMCS"),
    reference("invoice_id", "Invoice paid: hub.invoices.id; null: none"),
    choice("kind", PaymentKind, "Direction", required=True),
    text("gateway", "Gateway it went through, as sent", personal=False),
    text("transaction_id", "The gateway's own reference", personal=False),
    instant("paid_at", "When it happened, UTC"),
    text("description", "Text of the transaction", personal=True),
    amount("amount_in", "Received, in currency", required=True),
    amount("amount_out", "Given back, in currency", required=True),
    amount("fees", "Kept by the gateway, in currency", required=True),
    currency(),
    reference("refund_of", "Payment that a refund gives back: hub.payments.id"),
    *hub_times(),
    schema="hub",
    comment="One row per payment or refund (WHMCS transaction).",
)

payment_methods = Table(
    "payment_methods",
    metadata,
    *synced("whmcs", "pay method"),
    owner("WHMCS"),
    choice("type", MethodType, "Kind; remote ones count with their kind", required=True),
    text("source_type", "type, as sent", personal=False),
    text("description", "The customer's own name for it", personal=True),
    text("gateway", "Gateway that holds it, as sent", personal=False),
    text("card_last_four", "Last four digits of a card", personal=True),
    text("card_type", "Brand of a card, as sent", personal=False),
    day("expires_on", "Last day a card is valid"),
    text("bank_name", "Bank of an account", personal=True),
    *hub_times(),
    schema="hub",
    comment="One row per stored payment method (WHMCS). Never holds a card number or a gateway's token.",
)

for kept in (invoices, invoice_items, payments):
    kept.info["kept"] = Kept(
        "number, dates, amounts, tax and gateway of invoices, their lines and payments",
        "accounting records: Corporation Tax Act, Consumption Tax Act (Japan)",
        years=7,
    )

# Few on purpose: each index of hub.invoices slows the largest load.
Index("invoices_account_issued_idx", invoices.c.account_id, invoices.c.issued_on.desc(), invoices.c.id.desc())
Index("invoices_account_due_idx", invoices.c.account_id, invoices.c.due_on, invoices.c.id)
Index("invoices_items_queue_idx", invoices.c.items_due_at, postgresql_where=invoices.c.items_due_at.is_not(None))
Index(None, invoice_items.c.invoice_id)
Index(None, invoice_items.c.subscription_id)
Index(None, payments.c.invoice_id)
Index(None, payment_methods.c.account_id, payment_methods.c.id)
