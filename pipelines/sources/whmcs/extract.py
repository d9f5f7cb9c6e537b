"""What to ask WHMCS for one record at a time: details, and the list's row of a record that something was told of."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from core.errors import RejectedError
from domain.common.text import unescaped
from pipelines.sources.whmcs.answers import NOT_FOUND
from pipelines.sync.dataset import Page, ReadRequest, Row
from pipelines.sync.reading import read_details

# What a client has is far below this, so one call brings all of it.
_ROWS_OF_A_CLIENT = 250


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


def chosen_clients(request: ReadRequest) -> Iterator[Page]:
    """The GetClients row of each client of a selection. GetClientsDetails tells the e-mail, by which the list finds it.

    `search` matches beginnings, so the row with the id is picked from what comes; one that is not found that way is
    left to the walks over the list.
    """
    client = request.source.client

    def ask(record: str) -> _Found:
        body = _unless_missing(client, "GetClientsDetails", clientid=record)
        if body is None:
            return (), record
        # WHMCS escapes what it is asked as it escapes what it keeps: sent as kept, it would be escaped twice.
        email = unescaped(body.get("client", body).get("email"))
        rows = _rows(client, "GetClients", "clients.client", search=email, orderby="id") if email else []
        return _with("id", record, rows), None

    yield _page(request, request.only.records | request.only.owners, ask)


def chosen_services(request: ReadRequest) -> Iterator[Page]:
    """The GetClientsProducts row of each service of a selection, and all of its clients' services."""
    client = request.source.client

    def ask(record: str) -> _Found:
        rows = _rows(client, "GetClientsProducts", "products.product", serviceid=record)
        return _with("id", record, rows), None if rows else record

    def ask_all(owner: str) -> _Found:
        return _with("clientid", owner, _rows(client, "GetClientsProducts", "products.product", clientid=owner)), None

    yield _page(request, request.only.records, ask)
    yield _page(request, request.only.owners, ask_all)


def chosen_invoices(request: ReadRequest) -> Iterator[Page]:
    """The GetInvoices row of each invoice of a selection, and all of its clients' invoices.

    GetInvoice has the client but not the stamps, so the row is taken from that client's list; whose invoice it is, the
    hub mostly knows.
    """
    client = request.source.client

    def ask_all(owner: str) -> _Found:
        rows = _rows(client, "GetInvoices", "invoices.invoice", userid=owner, orderby="id", order="desc")
        return _with("userid", owner, rows), None

    def ask(record: str) -> _Found:
        known = request.known_owners.get(record)
        rows = _with("id", record, ask_all(known)[0]) if known else []
        if rows:
            return rows, None
        body = _unless_missing(client, "GetInvoice", invoiceid=record)
        if body is None:
            return (), record
        return _with("id", record, ask_all(str(body["userid"]))[0]), None

    yield _page(request, request.only.records, ask)
    yield _page(request, request.only.owners, ask_all)


_Found = tuple[Sequence[Row], str | None]
"""Rows, and the id of a record that is not there."""


def _page(request: ReadRequest, ids: frozenset[str], ask: Callable[[str], _Found]) -> Page:
    """One page of all that was asked for, several calls in flight."""
    asked_at = request.now()
    with ThreadPoolExecutor(request.source.settings.concurrency, thread_name_prefix="chosen") as threads:
        # Each call runs in our context, so that it carries the run's request id.
        calls = [threads.submit(copy_context().run, ask, each) for each in sorted(ids)]
        found = [call.result() for call in calls]
    return Page(
        rows=[row for rows, _ in found for row in rows],
        gone=[record for _, record in found if record is not None],
        position={},
        asked_at=asked_at,
    )


def _unless_missing(client: Any, action: str, **params: str) -> Row | None:
    """The answer; None where WHMCS says that there is no such record."""
    try:
        body: Row = client.call(action, **params)
    except RejectedError as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return body


def _rows(client: Any, action: str, collection: str, **filters: str) -> list[Row]:
    pages = client.pages(action, collection, _ROWS_OF_A_CLIENT, **filters)
    return [row for page in pages for row in page.rows]


def _with(field: str, value: str, rows: Sequence[Row]) -> list[Row]:
    """Only those rows: WHMCS ignores a filter that it does not know, and answers with everybody's."""
    return [row for row in rows if str(row.get(field)) == value]
