"""What is read from WHMCS: clients, services, invoices, payments and pay methods."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from operator import itemgetter

from domain.billing.contract import Invoice, InvoiceBalance, InvoiceItem, Payment, PaymentMethod
from domain.billing.providers.whmcs import mapper as billing
from domain.common.record import Contract
from domain.common.vocabulary import WhmcsVocabulary
from domain.customer.contract import BillingClient, BillingClientDetails
from domain.customer.providers.whmcs import mapper as customer
from domain.sim.contract import Sim
from domain.sim.providers.whmcs import mapper as sim
from domain.subscriptions.contract import Subscription
from domain.subscriptions.providers.whmcs import mapper as subscriptions_mapper
from pipelines.datasets.linking import link_accounts
from pipelines.sources.whmcs.extract import chosen_clients, chosen_invoices, chosen_services, details
from pipelines.sources.whmcs.scans import List, scanned_rows
from pipelines.sync.dataset import Dataset, Details, Row, Target
from pipelines.sync.reading import BODY, PARENT, parent_source_id
from sql.tables.billing import invoice_items, invoices, payment_methods, payments
from sql.tables.customer import customer_accounts
from sql.tables.sim import sim_usage, sims
from sql.tables.subscriptions import subscriptions

_CLIENTS = List(
    "GetClients",
    "clients.client",
    order={"orderby": "id", "sorting": "ASC"},
    newest_first={"orderby": "id", "sorting": "DESC"},
)
_SERVICES = List("GetClientsProducts", "products.product", order={})
_INVOICES = List(
    "GetInvoices",
    "invoices.invoice",
    order={"orderby": "id", "order": "asc"},
    newest_first={"orderby": "id", "order": "desc"},
    changing=tuple({"status": status} for status in ("Unpaid", "Draft", "Payment Pending", "Collections")),
    closed=tuple({"status": status} for status in ("Paid", "Refunded", "Cancelled")),
    closed_order={"orderby": "date", "order": "desc"},
    closed_by="date",
)

_details_of_clients = partial(
    Details,
    parent=customer_accounts,
    system="whmcs",
    kind="account",
    where="source = 'whmcs'",
    order="registered_on DESC NULLS LAST, id",
    refresh_after=lambda settings: timedelta(hours=settings.details_refresh_hours),
)


def _id(row: Row) -> str:
    return str(row.get("id"))


def _invoice_details(row: Row, vocabulary: WhmcsVocabulary) -> Iterator[Contract]:
    # GetInvoice names no currency; the invoice's own row does.
    told = billing.invoice_details_from_row({**row[BODY], "currencycode": row[PARENT]["currency"]}, vocabulary)
    yield told.balance
    yield from told.items
    yield from told.payments


def _payment_methods(row: Row, vocabulary: WhmcsVocabulary) -> Iterable[Contract]:
    return billing.payment_methods_from_row(row[BODY], vocabulary)


CLIENTS = Dataset(
    name="whmcs.clients",
    system="whmcs",
    group="customer",
    description="Billing clients: names, e-mail, status.",
    targets=(
        Target(
            contract=BillingClient,
            table=customer_accounts,
            kind="account",
            called="client",
            due_columns=("details_due_at",),
            due_when_back=("payment_methods_due_at",),
            scope="source = 'whmcs'",
            parts=((payment_methods, "account_id"),),
        ),
    ),
    read=partial(scanned_rows, _CLIENTS),
    read_some=chosen_clients,
    entities=("client",),
    tables=(customer.CLIENT,),
    source_id=_id,
    mapper_version=customer.MAPPER_VERSION,
    freshness=timedelta(minutes=30),
    link=link_accounts,
)

CLIENT_DETAILS = Dataset(
    name="whmcs.client_details",
    system="whmcs",
    group="customer",
    description="Address, phone, currency and customer number of each billing client: one call a client.",
    targets=(
        Target(
            contract=BillingClientDetails,
            table=customer_accounts,
            only_existing=True,
            scope="source = 'whmcs' AND details_as_of IS NOT NULL",
        ),
    ),
    read=partial(details, "GetClientsDetails", "clientid", within="client"),
    entities=("client",),
    tables=(customer.CLIENT_DETAILS,),
    record_of=itemgetter(BODY),
    source_id=parent_source_id,
    mapper_version=customer.MAPPER_VERSION,
    freshness=timedelta(hours=25),
    details=_details_of_clients(prefix="details"),
    link=link_accounts,
    after=("whmcs.clients",),
)

SERVICES = Dataset(
    name="whmcs.services",
    system="whmcs",
    group="subscriptions",
    description="Services a client subscribes to; those with a SIM give a line.",
    targets=(
        Target(contract=Subscription, table=subscriptions, kind="subscription", called="subscription"),
        Target(
            contract=Sim,
            table=sims,
            kind="sim",
            called="sim",
            due_columns=("details_due_at", "usage_due_at"),
            parts=((sim_usage, "sim_id"),),
        ),
    ),
    read=partial(scanned_rows, _SERVICES),
    read_some=chosen_services,
    entities=("service",),
    entities_of_owner=("order",),
    # In this order: a line whose number is none leaves the subscription, and what was charged for it, in sight.
    tables=(subscriptions_mapper.SUBSCRIPTION, sim.SIM),
    source_id=_id,
    mapper_version=f"{subscriptions_mapper.MAPPER_VERSION}/{sim.MAPPER_VERSION}",
    freshness=timedelta(minutes=30),
)

INVOICES = Dataset(
    name="whmcs.invoices",
    system="whmcs",
    group="billing",
    description="Invoices, without their items.",
    targets=(
        Target(
            contract=Invoice,
            table=invoices,
            kind="invoice",
            called="invoice",
            due_columns=("items_due_at",),
            parts=((invoice_items, "invoice_id"), (payments, "invoice_id")),
        ),
    ),
    read=partial(scanned_rows, _INVOICES),
    read_some=chosen_invoices,
    entities=("invoice",),
    # An order has made services and an invoice, whose ids it does not tell.
    entities_of_owner=("order",),
    tables=(billing.INVOICE,),
    source_id=_id,
    mapper_version=billing.MAPPER_VERSION,
    freshness=timedelta(minutes=30),
)

PAYMENT_METHODS = Dataset(
    name="whmcs.payment_methods",
    system="whmcs",
    group="billing",
    description="Cards and bank accounts on file, without their secrets: one call a client.",
    targets=(Target(contract=PaymentMethod, table=payment_methods, complete_within="account_id"),),
    read=partial(details, "GetPayMethods", "clientid"),
    # There is no reading of one: all of its client's are read.
    entities_of_owner=("pay_method",),
    to_contracts=_payment_methods,
    source_id=parent_source_id,
    mapper_version=billing.MAPPER_VERSION,
    freshness=timedelta(hours=25),
    details=_details_of_clients(prefix="payment_methods"),
    after=("whmcs.clients",),
)

INVOICE_DETAILS = Dataset(
    name="whmcs.invoice_details",
    system="whmcs",
    group="billing",
    description="Items, payments and balance of each invoice: one call an invoice, newest first.",
    targets=(
        Target(contract=InvoiceBalance, table=invoices, only_existing=True, scope="items_as_of IS NOT NULL"),
        Target(contract=InvoiceItem, table=invoice_items, complete_within="invoice_id"),
        Target(contract=Payment, table=payments, kind="payment", called="payment", complete_within="invoice_id"),
    ),
    read=partial(details, "GetInvoice", "invoiceid"),
    entities=("invoice",),
    to_contracts=_invoice_details,
    source_id=parent_source_id,
    mapper_version=billing.MAPPER_VERSION,
    freshness=timedelta(hours=1),
    details=Details(
        parent=invoices,
        system="whmcs",
        kind="invoice",
        prefix="items",
        columns=("currency",),
        order="issued_on DESC NULLS LAST, id",
        logged=True,
    ),
    after=("whmcs.invoices",),
)
