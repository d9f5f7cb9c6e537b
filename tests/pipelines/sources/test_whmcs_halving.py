"""A page that fails while others answer, read in halves: which rows are set aside, and what is no row's fault.

The same against the emulator, with a database behind: tests/e2e/test_unreadable_rows.py.
"""

from collections.abc import Callable
from itertools import count

import pytest

from core.errors import CredentialsError, RejectedError, SourceError, ThrottledError, UnavailableError
from pipelines.sources.circuit import CircuitOpenError
from pipelines.sources.whmcs.halving import MOST_UNREADABLE, Reading, may_be_a_rows_fault, page_in_halves
from pipelines.sources.whmcs.lists import ANOTHER_PAGE, ListPage

FAULT = UnavailableError("whmcs", "is down", code="http_500")


def reading(
    rows: int, bad: set[int], probe: Callable[[], object] = lambda: None, fault: SourceError = FAULT
) -> Reading:
    """A list of so many rows, numbered from 0, of which some make every answer with them a fault."""

    def page(offset: int, size: int) -> ListPage:
        numbers = range(offset, min(offset + size, rows))
        if bad & {*numbers}:
            raise fault
        return ListPage([{"id": number} for number in numbers], offset, numbers.stop, rows)

    return Reading(page, probe, str)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 25, 26])
@pytest.mark.parametrize("place", [0, 0.5, 1], ids=["first", "in the middle", "last"])
def test_all_rows_come_but_the_one_that_cannot_be_read(rows: int, place: float) -> None:
    bad = round((rows - 1) * place)

    page = page_in_halves(reading(rows, {bad}), 0, rows, FAULT)

    assert [row["id"] for row in page.rows] == [number for number in range(rows) if number != bad]
    assert [each.id for each in page.unreadable] == [str(bad)]
    assert page.next_offset == rows


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FAULT, True),
        (RejectedError("whmcs", "holds a record that it cannot write as JSON", code="unencodable"), True),
        (ThrottledError("whmcs", "asks for patience", code="http_429"), False),
        (CircuitOpenError("whmcs", "is left alone for now"), False),
        (UnavailableError("whmcs", "did not answer", sent=False), False),
        (UnavailableError("whmcs", "sent another page than the one asked for", code=ANOTHER_PAGE), False),
        (CredentialsError("whmcs", "refuses us", code="credentials"), False),
    ],
    ids=str,
)
def test_what_may_be_a_rows_fault(error: SourceError, expected: bool) -> None:
    assert may_be_a_rows_fault(error) is expected


def test_a_list_that_answers_nothing_at_all_is_not_read_in_halves() -> None:
    requested: list[int] = []

    def page(_: int, size: int) -> ListPage:
        requested.append(size)
        raise FAULT

    def down() -> object:
        raise FAULT

    with pytest.raises(UnavailableError):
        page_in_halves(Reading(page, down, str), 0, 10, FAULT)

    assert requested == []


def test_a_list_that_goes_down_meanwhile_has_no_bad_rows() -> None:
    probes = count(1)

    def down_soon() -> object:
        if next(probes) > 1:
            raise FAULT
        return None

    with pytest.raises(UnavailableError):
        page_in_halves(reading(10, {*range(10)}, probe=down_soon), 0, 10, FAULT)


@pytest.mark.parametrize(("bad", "fails"), [(MOST_UNREADABLE, False), (MOST_UNREADABLE + 1, True)])
def test_more_bad_rows_than_likely_are_a_bad_list(bad: int, fails: bool) -> None:
    whole = 2 * MOST_UNREADABLE
    read = reading(whole, {*range(bad)})

    if fails:
        with pytest.raises(UnavailableError):
            page_in_halves(read, 0, whole, FAULT)
    else:
        assert len(page_in_halves(read, 0, whole, FAULT).unreadable) == bad


def test_being_asked_for_patience_on_the_way_ends_the_reading() -> None:
    patience = ThrottledError("whmcs", "asks for patience", code="http_429")

    with pytest.raises(ThrottledError):
        page_in_halves(reading(10, {3}, fault=patience), 0, 10, FAULT)
