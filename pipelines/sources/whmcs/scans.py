"""What to ask of WHMCS's lists, and from where.

No list has a "changed since": a poll reads what is new, and goes on where the last one stopped among the rows that may
still change (reference, incremental sync).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.errors import IncompleteReadError
from core.settings import WhmcsSettings
from pipelines.sources.whmcs.client import WhmcsClient
from pipelines.sources.whmcs.lists import ListPage, number
from pipelines.sync.dataset import Failure, Page, ReadRequest, Row
from pipelines.sync.reading import timed

WhmcsRequest = ReadRequest[WhmcsClient, WhmcsSettings]


@dataclass(frozen=True)
class List:
    """A list action: its name, where its rows lie in the answer, and its ascending order, where it knows one.

    newest_first: the order in which new records come first, where there is one.
    changing: filters that together pick the rows that may still change; (everything) by default.
    closed: filters of rows that seldom change any more, newest first; read as far back as `closed_days`.
    """

    action: str
    collection: str
    order: Mapping[str, str]
    newest_first: Mapping[str, str] | None = None
    changing: tuple[Mapping[str, str], ...] = ({},)
    closed: tuple[Mapping[str, str], ...] = ()
    closed_order: Mapping[str, str] = field(default_factory=dict)
    closed_by: str = ""


def scanned_rows(wanted: List, request: WhmcsRequest) -> Iterator[Page]:
    """At first every row; from then on the new ones, and a budget of those that may have changed.

    Raises:
        IncompleteReadError: the list ended before the number of rows it reports.
    """
    if request.full or "newest" not in request.position:
        yield from _everything(wanted, request)
    else:
        yield from _Poll(wanted, request).pages()


def _everything(wanted: List, request: WhmcsRequest) -> Iterator[Page]:
    client, settings = request.source.client, request.source.settings
    offset, newest, total = int(request.position.get("offset", 0)), int(request.position.get("highest", 0)), 0
    # What a run that died had read is as old as that run.
    began = request.position.get("began") or request.now().isoformat()
    pages = client.pages(
        wanted.action, wanted.collection, settings.page_rows, offset=offset, set_aside=True, **wanted.order
    )
    for requested_at, page in timed(pages, request.now):
        offset, total, newest = page.next_offset, page.total, max(newest, _highest(page))
        position = {"offset": offset, "highest": newest, "began": began}
        yield Page(
            rows=page.rows, failures=set_aside(page), position=position, expected=total, requested_at=requested_at
        )
    if offset < total:
        raise IncompleteReadError(wanted.action, read=offset, reported=total)
    known_since = datetime.fromisoformat(began)
    yield Page(rows=(), position={"newest": newest}, expected=total, complete=True, known_since=known_since)


class _Poll:
    """One poll: first what is new, then on with the scan of what may change, as far as the budget goes.

    The position: `newest`, the highest id seen; `scan`, where among the filters and at which offset the scan stands,
    and since when it is under way. A scan that ends makes the data set known up to its beginning.
    """

    def __init__(self, wanted: List, request: WhmcsRequest) -> None:
        self._wanted = wanted
        self._request = request
        self._client, self._settings = request.source.client, request.source.settings
        self._newest = int(request.position["newest"])
        self._left = int(self._settings.scan_rows)
        scan = request.position.get("scan") or {}
        self._at, self._offset = int(scan.get("at", 0)), int(scan.get("offset", 0))
        self._began = datetime.fromisoformat(scan["began"]) if scan else request.now()

    def pages(self) -> Iterator[Page]:
        if self._wanted.newest_first is not None:
            yield from self._new_ones()
        steps = len(self._wanted.changing) + len(self._wanted.closed)
        while self._at < steps and self._left > 0:
            yield from self._step()
        if self._at >= steps:
            yield Page(rows=(), position={"newest": self._newest}, complete=True, known_since=self._began)

    def _new_ones(self) -> Iterator[Page]:
        """From the newest back, until a page brings nothing new."""
        known, highest = self._newest, self._newest
        pages = self._requested(self._settings.new_rows, 0, **(self._wanted.newest_first or {}))
        for requested_at, page in pages:
            highest = max(highest, _highest(page))
            # Only when all that lies between is read do the new ones count as known.
            yield self._page(page, requested_at)
            if all(_id(row) <= known for row in page.rows):
                break
        self._newest = highest

    def _step(self) -> Iterator[Page]:
        """One filter, from where the scan stands, a page back: rows that left the list meanwhile moved the others."""
        changing, closed = self._wanted.changing, self._wanted.closed
        is_closed = self._at >= len(changing)
        filters = closed[self._at - len(changing)] if is_closed else changing[self._at]
        order = self._wanted.closed_order if is_closed else self._wanted.order
        offset = max(self._offset - self._settings.page_rows, 0)
        total = 0
        for requested_at, page in self._requested(self._settings.page_rows, offset, **order, **filters):
            self._offset, total = page.next_offset, page.total
            self._left -= len(page.rows) + len(page.unreadable)
            yield self._page(page, requested_at)
            if is_closed and self._is_past_the_window(page.rows):
                break
            if self._left <= 0 and self._offset < total:
                return
        else:
            if self._offset < total:
                raise IncompleteReadError(self._wanted.action, read=self._offset, reported=total)
        self._at, self._offset = self._at + 1, 0

    def _is_past_the_window(self, rows: list[Row]) -> bool:
        """Whether the page reaches further back than the window; days compare as texts, zero days as the oldest."""
        oldest = (self._began - self._settings.closed_window).date().isoformat()
        return bool(rows) and str(rows[-1].get(self._wanted.closed_by, "")) < oldest

    def _requested(self, rows: int, offset: int, **filters: str) -> Iterator[tuple[datetime, Any]]:
        pages = self._client.pages(
            self._wanted.action, self._wanted.collection, rows, offset=offset, set_aside=True, **filters
        )
        return timed(pages, self._request.now)

    def _page(self, page: ListPage, requested_at: datetime) -> Page:
        return Page(rows=page.rows, failures=set_aside(page), position=self._position(), requested_at=requested_at)

    def _position(self) -> dict[str, Any]:
        scan = {"at": self._at, "offset": self._offset, "began": self._began.isoformat()}
        return {"newest": self._newest, "scan": scan}


def _id(row: Row) -> int:
    """A row without a usable id is no new one."""
    return number(row.get("id")) or 0


def _highest(page: ListPage) -> int:
    """The highest id; a row that cannot be read is seen all the same."""
    return max((*map(_id, page.rows), *(number(each.id) or 0 for each in page.unreadable)), default=0)


def set_aside(page: ListPage) -> list[Failure]:
    """The rows of the page that WHMCS cannot hand over."""
    return [Failure(each.id, {}, each.reason) for each in page.unreadable]
