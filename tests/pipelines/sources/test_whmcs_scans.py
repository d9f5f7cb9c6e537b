"""A scan of a list of WHMCS that takes many polls skips nothing, though the list moves meanwhile.

Lists have offsets and no "changed since" (reference, incremental sync). A row that leaves the list moves all after it
one place up, so a scan goes on a page before where it stopped. New rows count as known only when all between them and
the last known one were read. With the sandbox: tests/e2e/test_scans.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import UnavailableError
from core.settings import WhmcsSettings
from pipelines.sources.whmcs.lists import ListPage, Unreadable
from pipelines.sources.whmcs.scans import List, scanned_rows
from pipelines.sync.dataset import Page, Position, ReadRequest, Source

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PAGE, BUDGET = 10, 20

INVOICES = List(
    "GetInvoices",
    "invoices.invoice",
    order={"order": "asc"},
    newest_first={"order": "desc"},
    changing=({"status": "Unpaid"}, {"status": "Draft"}),
    closed=({"status": "Paid"},),
    closed_order={"order": "by date"},
    closed_by="date",
)
SERVICES = List("GetClientsProducts", "products.product", order={})


class Lists:
    """A WHMCS whose rows may change while they are read. `breaks_at`: the page of a list that never comes."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.breaks_at: int | None = None

    def pages(
        self, _action: str, _rows_at: str, rows: int, *, offset: int, set_aside: bool, order: str = "asc", **only: str
    ) -> Iterator[ListPage]:
        assert set_aside
        number = 0
        while True:
            if number == self.breaks_at:
                raise UnavailableError("whmcs", "did not answer")
            there = self._ordered(order, only)
            found = there[offset : offset + rows]
            yield ListPage(rows=found, offset=offset, next_offset=offset + len(found), total=len(there))
            offset, number = offset + len(found), number + 1
            if not found or offset >= len(there):
                return

    def _ordered(self, order: str, only: dict[str, str]) -> list[dict[str, Any]]:
        there = [row for row in self.rows if only.items() <= row.items()]
        if order == "by date":
            return sorted(there, key=lambda row: str(row["date"]), reverse=True)
        return sorted(there, key=lambda row: int(row["id"]), reverse=order == "desc")

    def read(self, wanted: List, position: Position, at: datetime = NOON) -> Iterator[Page]:
        settings = WhmcsSettings(
            url="http://127.0.0.1", identifier="i", secret="s", page_rows=PAGE, new_rows=5, scan_rows=BUDGET
        )
        request = ReadRequest(Source(self, settings), position=position, full=False, now=lambda: at)
        return scanned_rows(wanted, request)

    def poll(self, wanted: List, position: Position, at: datetime = NOON) -> list[Page]:
        return list(self.read(wanted, position, at))


def came_before_it_broke(whmcs: Lists, position: Position) -> list[Page]:
    pages: list[Page] = []
    with pytest.raises(UnavailableError):
        pages.extend(whmcs.read(INVOICES, position))
    return pages


def unpaid(*ids: int) -> list[dict[str, Any]]:
    return [{"id": number, "status": "Unpaid", "date": "2026-10-31"} for number in ids]


def ids(pages: list[Page]) -> list[int]:
    return [int(row["id"]) for page in pages for row in page.rows]


def test_a_scan_that_goes_on_after_rows_have_left_the_list_skips_none_of_those_that_moved_up():
    whmcs = Lists(*unpaid(*range(100, 150)))
    first = whmcs.poll(SERVICES, {"newest": 149})
    whmcs.rows = whmcs.rows[9:]

    second = whmcs.poll(SERVICES, first[-1].position, NOON + timedelta(minutes=5))
    third = whmcs.poll(SERVICES, second[-1].position, NOON + timedelta(minutes=10))
    fourth = whmcs.poll(SERVICES, third[-1].position, NOON + timedelta(minutes=15))

    assert set(ids(first + second + third + fourth)) == set(range(100, 150))
    assert [page.complete for page in (first[-1], second[-1], third[-1], fourth[-1])] == [False, False, False, True]
    assert fourth[-1].known_since == NOON, "the scan says what was so when it began, many polls ago"


def test_a_poll_reads_no_more_than_its_budget_and_a_page():
    whmcs = Lists(*unpaid(*range(100, 200)))

    assert len(ids(whmcs.poll(SERVICES, {"newest": 199}))) <= BUDGET + PAGE


def test_new_rows_count_as_known_only_when_all_of_them_were_read():
    """The newest come first: after a break the older ones of the new would be taken for known."""
    whmcs = Lists(*unpaid(*range(100, 120)))
    whmcs.breaks_at = 2

    pages = came_before_it_broke(whmcs, {"newest": 99})

    assert ids(pages) == [*range(119, 109, -1)]
    assert [page.position["newest"] for page in pages] == [99, 99]


def test_the_poll_for_new_rows_ends_with_the_page_that_brings_none():
    whmcs = Lists(*unpaid(*range(100, 120)))

    pages = whmcs.poll(INVOICES, {"newest": 112})

    assert ids(pages)[:15] == [*range(119, 104, -1)]
    assert pages[-1].position["newest"] == 119


def test_every_filter_is_scanned_and_the_closed_ones_as_far_back_as_the_window():
    closed = [
        {"id": 7, "status": "Paid", "date": "2026-10-30"},
        {"id": 6, "status": "Paid", "date": "2026-01-01"},
        {"id": 5, "status": "Draft", "date": "2020-01-01"},
    ]
    whmcs = Lists(*unpaid(8), *closed, *({**closed[1], "id": 1000 + each} for each in range(30)))

    pages = whmcs.poll(INVOICES, {"newest": 2000})

    scanned = ids(pages[1:])
    assert scanned[:3] == [8, 5, 7]
    assert len(scanned) < 15, "what was closed long ago is not read"
    assert pages[-1].complete


def test_a_first_load_knows_the_highest_id_it_saw_be_the_row_readable_or_not():
    class Unreadables(Lists):
        def pages(self, *_: object, **__: object) -> Iterator[ListPage]:
            yield ListPage(rows=unpaid(101), offset=0, next_offset=1, total=3)
            yield ListPage(rows=[], offset=1, next_offset=2, total=3, unreadable=[Unreadable("103", "odd")])
            yield ListPage(rows=unpaid(102), offset=2, next_offset=3, total=3)

    pages = Unreadables().poll(INVOICES, {})

    assert pages[-1].position == {"newest": 103}
    assert [(failure.source_id, failure.reason) for page in pages for failure in page.failures] == [("103", "odd")]


def test_a_first_load_that_was_killed_goes_on_at_the_next_row():
    whmcs = Lists(*unpaid(*range(100, 125)))
    whmcs.breaks_at = 1
    pages = came_before_it_broke(whmcs, {})
    whmcs.breaks_at = None

    rest = whmcs.poll(INVOICES, pages[-1].position, NOON + timedelta(hours=3))

    assert (ids(pages), ids(rest)) == ([*range(100, 110)], [*range(110, 125)])
    assert rest[-1].position == {"newest": 124}
    assert rest[-1].known_since == NOON
