"""Lists, which WHMCS sends in many shapes (reference, response quirks)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import UnavailableError

Row = Mapping[str, Any]

ANOTHER_PAGE = "another_page"


@dataclass(frozen=True)
class Unreadable:
    """A row that is there and that WHMCS cannot hand over, with the reason.

    `id`: its own, where that could be learnt (digits); else what names its place: `after 1007`, or `the first`.
    """

    id: str
    reason: str


@dataclass(frozen=True)
class ListPage:
    """Rows as sent, from `offset` on; the next page begins at `next_offset`; `total` is what WHMCS counts.

    `counted`: WHMCS said how many rows there are; where it does not, an empty page is the end. `unreadable` rows take
    their places between `offset` and `next_offset` like any other.
    """

    rows: list[Row]
    offset: int
    next_offset: int
    total: int
    counted: bool = True
    unreadable: Sequence[Unreadable] = ()


def page_from(body: Row, collection: str, offset: int) -> ListPage:
    """The page an answer holds. `collection` is the way to the rows: `invoices.invoice`, or `paymethods`.

    Counters come as numbers, as texts or not at all. What WHMCS says it returned moves the offset, so that a row it
    counted and left out does not make every later page overlap.

    Raises:
        UnavailableError: the rows are in no shape we know, WHMCS counts rows and none is there, or it is another page.
    """
    # Taken for the one requested, a page that comes twice would hide the one in its place.
    if number(body.get("startnumber")) not in {None, offset}:
        raise UnavailableError("whmcs", "sent another page than the one asked for", code=ANOTHER_PAGE)
    rows, returned = rows_at(body, collection), number(body.get("numreturned")) or 0
    if returned and not rows:
        raise _unknown_shape()
    next_offset = offset + max(returned, len(rows))
    total = number(body.get("totalresults"))
    return ListPage(rows, offset, next_offset, next_offset if total is None else total, counted=total is not None)


def rows_at(body: Row, collection: str) -> list[Row]:
    """The rows under `plural.singular`: a list, an object by number, a single object, "", null or nothing at all.

    Raises:
        UnavailableError: something else is there.
    """
    found: Any = body
    for key in collection.split("."):
        if not isinstance(found, Mapping) or _is_numbered(found):
            break
        found = found.get(key)
    return _rows(found)


def _rows(found: Any) -> list[Row]:
    if not found:
        return []
    if isinstance(found, Mapping):
        return list(found.values()) if _is_numbered(found) else [found]
    # An empty list inside the list stands for no row.
    rows = [row for row in found if row != []] if isinstance(found, list) else None
    if rows is None or not all(isinstance(row, Mapping) for row in rows):
        raise _unknown_shape()
    return rows


def _is_numbered(found: Row) -> bool:
    return all(key.isdecimal() for key in found) and all(isinstance(row, Mapping) for row in found.values())


def _unknown_shape() -> UnavailableError:
    return UnavailableError("whmcs", "sent a list in a shape we do not know", code="malformed")


def number(value: object) -> int | None:
    """A counter, which may be a number or a text; None where it is neither."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None
