"""What to ask WHMCS, and from where: lists page by page, details record by record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.errors import IncompleteReadError
from pipelines.sync.dataset import Page, ReadRequest, Row
from pipelines.sync.reading import read_details


@dataclass(frozen=True)
class List:
    """A list action: its name, where its rows lie in the answer, and the order asked for, where it knows one."""

    action: str
    collection: str
    order: Mapping[str, str]


def listed_rows(wanted: List, request: ReadRequest) -> Iterator[Page]:
    """Every row of a list, from the offset where the last run stopped; WHMCS has no "changed since".

    Raises:
        IncompleteReadError: the list ended before the number of rows it reports.
    """
    client, settings = request.source.client, request.source.settings
    offset = int(request.position.get("offset", 0))
    total = 0
    for page in client.pages(wanted.action, wanted.collection, settings.page_rows, offset=offset, **wanted.order):
        offset, total = page.next_offset, page.total
        yield Page(rows=page.rows, position={"offset": offset}, expected=total)
    if offset < total:
        raise IncompleteReadError(wanted.action, read=offset, reported=total)
    yield Page(rows=(), position={}, expected=total, complete=True)


def client_details(request: ReadRequest) -> Iterator[Page]:
    """GetClientsDetails for each client that is due: the `client` object."""

    def ask(parent: Row) -> Row:
        body = request.source.client.call("GetClientsDetails", clientid=parent["source_id"])
        client: Row = body.get("client", body)
        return client

    return read_details(request, ask, at_once=request.source.settings.concurrency)


def invoice_details(request: ReadRequest) -> Iterator[Page]:
    """GetInvoice for each invoice that is due: items, transactions and balance."""

    def ask(parent: Row) -> Row:
        body: Row = request.source.client.call("GetInvoice", invoiceid=parent["source_id"])
        return body

    return read_details(request, ask, at_once=request.source.settings.concurrency)


def payment_methods_of(request: ReadRequest) -> Iterator[Page]:
    """GetPayMethods for each client that is due."""

    def ask(parent: Row) -> Row:
        body: Row = request.source.client.call("GetPayMethods", clientid=parent["source_id"])
        return body

    return read_details(request, ask, at_once=request.source.settings.concurrency)
