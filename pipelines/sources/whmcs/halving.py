"""A page that fails while others answer: read in halves, down to the rows that make it fail.

One row whose bytes are no UTF-8 makes every JSON answer with it an error (sburina/laravel-whmcs-up#6); a PHP fault over
one record, or a memory limit, does the same to its pages.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.errors import RejectedError, SourceError, UnavailableError
from pipelines.sources.whmcs.lists import ANOTHER_PAGE, ListPage, Unreadable

MOST_UNREADABLE = 50
"""More such rows on a page are no bad rows but a bad list: it fails as a whole, as it would without halving."""


@dataclass(frozen=True)
class Reading:
    """One list, as far as halving needs it; each asks WHMCS and may raise a SourceError.

    page: up to so many rows (the second) from an offset on. probe: no row at all; where that fails, no row is at fault.
    id_at: the id of the row at an offset, learnt in another way; None where that fails too.
    """

    page: Callable[[int, int], ListPage]
    probe: Callable[[], object]
    id_at: Callable[[int], str | None]


def may_be_a_rows_fault(error: SourceError) -> bool:
    """Whether an answer to a page may have failed for the sake of a row on it."""
    if isinstance(error, RejectedError):
        return True
    # Not its subclasses: those say that nobody calls now, or that we call too often.
    return type(error) is UnavailableError and not error.concerns_all and error.code != ANOTHER_PAGE


def page_in_halves(reading: Reading, offset: int, rows: int, failed: SourceError) -> ListPage:
    """The page that `failed`, without the rows that cannot be read; those are named.

    A row costs twice the logarithm of the page's size in calls, and three to be sure of it and to learn its id.

    Raises:
        SourceError: the list answers nothing, however little is requested; or too many of its rows cannot be read.
    """
    reading.probe()
    pages = _Halves(reading, failed).of(offset, rows, failed)
    whole = _joined(pages)
    return replace(whole, unreadable=_named(pages))


class _Halves:
    def __init__(self, reading: Reading, failed: SourceError) -> None:
        self._reading = reading
        self._failed = failed
        self._unreadable = 0

    def of(self, offset: int, rows: int, failed: SourceError) -> Sequence[ListPage]:
        """The pages that a page falls into; `failed` is why it cannot be read whole."""
        if rows == 1:
            return [self._set_aside(offset, failed)]
        half = rows // 2
        parts = ((offset, half), (offset + half, rows - half))
        # Both before going deeper: an answer between two failures shows the circuit that the system is up.
        answers = [(*part, self._requested(*part)) for part in parts]
        pages: list[ListPage] = []
        for begin, size, answer in answers:
            if pages and pages[-1].next_offset < begin:
                break  # WHMCS gave fewer rows than requested: the list ends there, or it is gone on with from there
            pages += [answer] if isinstance(answer, ListPage) else self.of(begin, size, answer)
        return pages

    def _requested(self, offset: int, rows: int) -> ListPage | SourceError:
        try:
            return self._reading.page(offset, rows)
        except SourceError as error:
            if not may_be_a_rows_fault(error):
                raise
            return error

    def _set_aside(self, offset: int, failed: SourceError) -> ListPage:
        # Once more, because the system may have gone down since.
        self._reading.probe()
        self._unreadable += 1
        if self._unreadable > MOST_UNREADABLE:
            raise self._failed
        found = Unreadable(self._reading.id_at(offset) or "", str(failed))
        return ListPage([], offset, offset + 1, offset + 1, counted=False, unreadable=[found])


def _joined(pages: Sequence[ListPage]) -> ListPage:
    rows = [row for page in pages for row in page.rows]
    end = pages[-1].next_offset
    totals = [page.total for page in pages if page.counted]
    return ListPage(rows, pages[0].offset, end, totals[-1] if totals else end, counted=bool(totals))


def _named(pages: Sequence[ListPage]) -> Sequence[Unreadable]:
    """The unreadable rows; one whose id nobody knows is named by the row before it."""
    named: list[Unreadable] = []
    before = "the first"
    for page in pages:
        named += [each if each.id else replace(each, id=before) for each in page.unreadable]
        if page.rows:
            before = f"after {page.rows[-1].get('id')}"
    return named
