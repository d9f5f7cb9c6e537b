"""Which records an entry of the inbox asks to read again: the one place that knows what sources call things."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.sync.dataset import Selection

Wanted = tuple[str, Selection]
"""A data set's name, and which of its records."""

LINE = "line"
"""What the read API calls a SIM line that somebody looks at: the WHMCS id of its service."""

SALESFORCE = {
    "Account": "salesforce.accounts",
    "Product2": "salesforce.products",
    "PricebookEntry": "salesforce.prices",
    "Order": "salesforce.orders",
    "OrderItem": "salesforce.order_items",
    "Case": "salesforce.cases",
    "CaseComment": "salesforce.case_comments",
    # Published when an order is approved; its record is the order.
    "OrderProvisionRequested__e": "salesforce.orders",
}


@dataclass(frozen=True)
class InboxEntry:
    """A notification or a refresh request that waits to be applied: a row of sync.inbox.

    `record_id` and `parent_id` are ids in the sender's system.
    """

    id: int
    source: str
    kind: str
    entity: str
    record_id: str | None
    parent_id: str | None
    payload: Mapping[str, Any]
    attempts: int


def wanted_by(entry: InboxEntry) -> Iterator[Wanted]:
    """The records to read again; none where what happened shows in no table of ours."""
    record, parent = _ids(entry.record_id), _ids(entry.parent_id)
    if entry.source == "salesforce":
        if entry.entity in SALESFORCE and record:
            yield SALESFORCE[entry.entity], Selection(records=record)
    elif entry.source == "whmcs":
        yield from _whmcs(entry.entity, record, parent)
    elif entry.entity == LINE:
        yield "freebit.line_details", Selection(records=record)
        yield "freebit.line_usage", Selection(records=record)
    else:
        yield entry.entity, Selection(records=record, owners=frozenset() if record else parent)


def missed_by(entry: InboxEntry) -> str | None:
    """The data set to bring up to date as a whole, where the source says that records were missed."""
    return SALESFORCE.get(entry.entity) if entry.kind == "gap" and entry.record_id is None else None


def _whmcs(entity: str, record: frozenset[str], client: frozenset[str]) -> Iterator[Wanted]:
    if entity == "invoice":
        yield "whmcs.invoices", Selection(records=record)
        yield "whmcs.invoice_details", Selection(records=record)
    elif entity == "client":
        yield "whmcs.clients", Selection(records=record)
        yield "whmcs.client_details", Selection(records=record)
    elif entity == "service":
        yield "whmcs.services", Selection(records=record)
    elif entity == "order" and client:
        yield "whmcs.services", Selection(owners=client)
        yield "whmcs.invoices", Selection(owners=client)
    elif entity == "pay_method" and client:
        yield "whmcs.payment_methods", Selection(records=client)


def _ids(record_id: str | None) -> frozenset[str]:
    return frozenset() if record_id is None else frozenset({record_id})
