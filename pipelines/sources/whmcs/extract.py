"""What to ask WHMCS for one record at a time: details, and the list's row of a record that we were notified of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from core.errors import RejectedError
from domain.common.text import unescaped
from pipelines.sources.whmcs.answers import NOT_FOUND
from pipelines.sources.whmcs.lists import ListPage, number
from pipelines.sources.whmcs.scans import WhmcsRequest, set_aside
from pipelines.sync.dataset import Failure, Page, Row
from pipelines.sync.reading import read_details

_ROWS_OF_A_CLIENT = 1000
"""All of most clients' records in one call."""
_WINDOW = 50
"""Rows of one list call for single invoices."""
_MOVED = 5
"""So many invoices of one client are hardly deleted while one of them is looked for."""


def details(action: str, parameter: str, request: WhmcsRequest, *, within: str = "") -> Iterator[Page]:
    """One call of the action for each parent that is due, with its id as that parameter: what it answers.

    within: the part of the answer that tells, where it has one of that name.
    """

    def ask(parent: Row) -> Row:
        body: Row = request.source.client.call(action, **{parameter: parent["source_id"]})
        told: Row = body.get(within, body)
        return told

    return read_details(request, ask, at_once=request.source.settings.concurrency)


def chosen_clients(request: WhmcsRequest) -> Iterator[Page]:
    """The GetClients row of each client of a selection. GetClientsDetails tells the e-mail, by which the list finds it.

    `search` matches beginnings, so the row with the id is picked from what comes; one that is not found that way is
    left to the scans of the list.
    """
    client = request.source.client

    def ask(record: str) -> _Found:
        body = _unless_missing(client, "GetClientsDetails", clientid=record)
        if body is None:
            return _Found(gone=(record,))
        # WHMCS escapes what it is asked as it escapes what it keeps: sent as kept, it would be escaped twice.
        email = unescaped(body.get("client", body).get("email"))
        if not email:
            return _Found()
        return _found(_pages(client, "GetClients", "clients.client", search=email, orderby="id"), "id", {record})

    yield _page(request, request.only.records | request.only.owners, ask)


def chosen_services(request: WhmcsRequest) -> Iterator[Page]:
    """The GetClientsProducts row of each service of a selection, and all of its clients' services."""
    client = request.source.client

    def ask(record: str) -> _Found:
        # The first page alone: there is one service with an id, and a filter that is ignored would bring everybody's.
        page = next(client.pages("GetClientsProducts", "products.product", 1, set_aside=True, serviceid=record))
        if page.unreadable:
            return _Found(failures=[Failure(record, {}, page.unreadable[0].reason)])
        return _found([page], "id", {record}) if page.rows else _Found(gone=(record,))

    def ask_all(owner: str) -> _Found:
        pages = _pages(client, "GetClientsProducts", "products.product", clientid=owner)
        return _found(pages, "clientid", {owner})

    yield _page(request, request.only.records, ask)
    yield _page(request, request.only.owners, ask_all)


def chosen_invoices(request: WhmcsRequest) -> Iterator[Page]:
    """The GetInvoices row of each invoice of a selection, and all of its clients' invoices.

    GetInvoice has the client but neither stamps nor currency, so the row is looked for in that client's list; whose
    invoice it is, the hub mostly knows.
    """
    client = request.source.client

    def ask_all(owner: str) -> _Found:
        return _found(_pages(client, "GetInvoices", "invoices.invoice", userid=owner), "userid", {owner})

    def ask_owner(record: str) -> _Found:
        body = _unless_missing(client, "GetInvoice", invoiceid=record)
        if body is None:
            return _Found(gone=(record,))
        owners[record] = str(body["userid"])
        return _Found()

    def ask_some(owner: str) -> _Found:
        return InvoicesOf(client, owner).among({record for record in left if owners.get(record) == owner})

    owners, left = dict(request.known_owners), request.only.records
    # Twice: what is not among the invoices of the client that the hub knows of is gone, or another client's by now.
    for _ in range(2):
        yield _page(request, left - owners.keys(), ask_owner)
        found = _page(request, frozenset(owners[record] for record in left & owners.keys()), ask_some)
        yield found
        left = left & request.known_owners.keys() - _ids(found.rows, found.failures)
        owners = {}
    yield _page(request, request.only.owners, ask_all)


class InvoicesOf:
    """One client's invoices, some of which are looked for by their ids: GetInvoices has no filter for those.

    The newest come first; for older ones the list, ordered by id, is halved until they are found: calls grow with the
    logarithm of its length, and never beyond reading it whole.
    """

    def __init__(self, client: Any, owner: str) -> None:
        self._client = client
        self._owner = owner

    def among(self, records: set[str]) -> "_Found":
        newest = self._window("desc", 0)
        found = _found([newest], "id", records)
        return found + self._between(records - found.ids, 0, newest.total - newest.next_offset)

    def _between(self, records: set[str], low: int, high: int) -> "_Found":
        """Those of the records that lie at positions from `low` to before `high`, by ascending id."""
        if not records or low >= high:
            return _Found()
        middle = max((low + high - _WINDOW) // 2, low)
        page = self._window("asc", middle)
        ids = [number(row.get("id")) or 0 for row in page.rows]
        found = _found([page], "id", records)
        if not ids:
            return found + self._between(records - found.ids, low, middle)
        # Invoices that were deleted meanwhile have moved later ones down a little.
        above = page.next_offset - _MOVED
        earlier, later = ({r for r in records if int(r) < ids[0]}, {r for r in records if int(r) > ids[-1]})
        return found + self._between(earlier - found.ids, low, middle) + self._between(later - found.ids, above, high)

    def _window(self, order: str, offset: int) -> ListPage:
        pages = self._client.pages(
            "GetInvoices", "invoices.invoice", _WINDOW, offset, set_aside=True,
            userid=self._owner, orderby="id", order=order,
        )  # fmt: skip
        page: ListPage = next(pages)
        return page


@dataclass(frozen=True)
class _Found:
    """What was requested: rows, the ids of records that are not there, and records that cannot be handed over."""

    rows: Sequence[Row] = ()
    gone: Sequence[str] = ()
    failures: Sequence[Failure] = ()

    @property
    def ids(self) -> set[str]:
        return _ids(self.rows, self.failures)

    def __add__(self, other: "_Found") -> "_Found":
        return _Found([*self.rows, *other.rows], [*self.gone, *other.gone], [*self.failures, *other.failures])


def _ids(rows: Sequence[Row], failures: Sequence[Failure]) -> set[str]:
    return {str(row.get("id")) for row in rows} | {failure.source_id for failure in failures}


def _found(pages: Iterable[ListPage], field: str, values: set[str]) -> _Found:
    """The rows with one of the values: WHMCS ignores a filter that it does not know, and answers with everybody's.

    Of a row that cannot be handed over at most its id is known: where ids are looked for, that decides.
    """
    found = _Found()
    for page in pages:
        rows = [row for row in page.rows if str(row.get(field)) in values]
        failures = set_aside(page)
        if field == "id":
            failures = [failure for failure in failures if failure.source_id in values]
        found += _Found(rows, failures=failures)
    return found


def _page(request: WhmcsRequest, ids: frozenset[str], ask: Callable[[str], _Found]) -> Page:
    """One page of all that was requested, several calls in flight."""
    requested_at = request.now()
    with ThreadPoolExecutor(request.source.settings.concurrency, thread_name_prefix="chosen") as threads:
        # Each call runs in our context, so that it carries the run's request id.
        calls = [threads.submit(copy_context().run, ask, each) for each in sorted(ids)]
        found = sum((call.result() for call in calls), _Found())
    return Page(rows=found.rows, gone=found.gone, failures=found.failures, position={}, requested_at=requested_at)


def _unless_missing(client: Any, action: str, **params: str) -> Row | None:
    """The answer; None where WHMCS says that there is no such record."""
    try:
        body: Row = client.call(action, **params)
    except RejectedError as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return body


def _pages(client: Any, action: str, collection: str, **filters: str) -> Iterable[ListPage]:
    pages: Iterable[ListPage] = client.pages(action, collection, _ROWS_OF_A_CLIENT, set_aside=True, **filters)
    return pages
