"""Lists of rows: a base in closed form, with the overlay's changed, created and deleted records laid over it."""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from sandbox.state import Change
from sandbox.whmcs.rendering import as_json, as_texts
from sandbox.world.index import PROFILES, MonthIndex, OwnerIndex

Row = dict[str, object]


class Base(Protocol):
    """Record numbers in the order they are listed in."""

    @property
    def total(self) -> int: ...

    def numbers(self, start: int, stop: int) -> Iterator[int]:
        """Record numbers at the positions `start` <= position < `stop`."""
        ...

    def rank(self, number: int) -> tuple[int, bool]:
        """(position at which the record is, or would be put; whether it is there)."""
        ...


class Few(NamedTuple):
    """A list short enough to be written down, in any order."""

    chosen: Sequence[int]

    @property
    def total(self) -> int:
        return len(self.chosen)

    def numbers(self, start: int, stop: int) -> Iterator[int]:
        return iter(self.chosen[start:stop])

    def rank(self, number: int) -> tuple[int, bool]:
        return (self.chosen.index(number), True) if number in self.chosen else (len(self.chosen), False)


class Chosen:
    """Those objects of an OwnerIndex whose (slot, k) was chosen, in order of their numbers."""

    def __init__(self, whole: OwnerIndex, picks: Sequence[Sequence[int]]) -> None:
        """`picks`: for each slot the chosen ks, ascending."""
        self._whole = whole
        self._picks = picks
        self._index = OwnerIndex(whole.customers, [len(pick) for pick in picks])

    @property
    def total(self) -> int:
        return self._index.total

    def numbers(self, start: int, stop: int) -> Iterator[int]:
        for at in range(start, min(stop, self.total)):
            customer, j = self._index.owner(at)
            yield self._whole.number(customer, self._picks[customer % PROFILES][j])

    def rank(self, number: int) -> tuple[int, bool]:
        if not 0 <= number < self._whole.total:
            return (0 if number < 0 else self.total), False
        customer, k = self._whole.owner(number)
        picks = self._picks[customer % PROFILES]
        at = bisect_left(picks, k)
        return self._index.number(customer, at), at < len(picks) and picks[at] == k


class Months:
    """Positions of a MonthIndex, named by the numbers that the whole index gives to its invoices."""

    def __init__(self, whole: MonthIndex, part: MonthIndex) -> None:
        self._whole = whole
        self._part = part

    @property
    def total(self) -> int:
        return self._part.total

    def numbers(self, start: int, stop: int) -> Iterator[int]:
        if self._part is self._whole:
            yield from range(start, min(stop, self.total))
            return
        for cell in self._part.cells(start, min(stop, self.total)):
            yield self._whole.number(cell) or 0

    def rank(self, number: int) -> tuple[int, bool]:
        if not 0 <= number < self._whole.total:
            return (0 if number < 0 else self.total), False
        at = self._part.number(self._whole.cell(number))
        # A record that only the overlay puts into this list goes last: its place among the others is not defined.
        return (self.total, False) if at is None else (at, True)


class Descending(NamedTuple):
    """Another base, last first."""

    base: Base

    @property
    def total(self) -> int:
        return self.base.total

    def numbers(self, start: int, stop: int) -> Iterator[int]:
        end = self.base.total
        return reversed(list(self.base.numbers(max(0, end - stop), max(0, end - start))))

    def rank(self, number: int) -> tuple[int, bool]:
        at, present = self.base.rank(number)
        return self.base.total - at - present, present


class Page(NamedTuple):
    """A page of a list as JSON texts. `more` is written before the rows."""

    plural: str
    singular: str
    total: int
    start: int
    rows: list[str]
    more: Row
    counts_as_text: str = ""  # which counters come as texts: "total" alone, or "all"
    empty: str | None = '""'  # JSON of an empty plural; None leaves it out

    def decoded(self) -> Iterator[Row]:
        """The rows as objects, for the stand-in's own use."""
        return map(json.loads, self.rows)

    def body(self) -> bytes:
        """The JSON of the whole answer, UTF-8."""
        head: Row = {"result": "success", **self.more}
        counts = {"totalresults": self.total, "startnumber": self.start, "numreturned": len(self.rows)}
        texts = {"": (), "total": ("totalresults",), "all": counts.keys()}[self.counts_as_text]
        head |= as_texts(dict(counts), texts)
        opening = as_json(head)[:-1]
        if self.rows:
            # Many rows are long: put together as bytes, they are copied once.
            start = f'{opening}, "{self.plural}": {{"{self.singular}": ['
            return b"".join((start.encode(), ",".join(self.rows).encode(), b"]}}"))
        return (f"{opening}}}" if self.empty is None else f'{opening}, "{self.plural}": {self.empty}}}').encode()


def laid_over(
    base: Base,
    start: int,
    count: int,
    *,
    render: Callable[[Iterator[int]], Iterator[str]],
    changes: Mapping[str, Change],
    first_id: int,
    row_of: Callable[[int, Change], Row],
    fits: Callable[[Row], bool] | None,
) -> tuple[int, list[str]]:
    """(how many rows the list has, the JSON of rows `start` <= position < `start + count`); `fits` None: all do."""
    if not changes:
        return base.total, list(render(base.numbers(start, start + count)))

    def is_listed(piece: Changed) -> bool:
        return not piece.change.deleted and (fits is None or fits(row_of(*piece)))

    pieces = list(_pieces(base, changes, first_id, is_listed))
    total = sum(map(_length, pieces))
    rows: list[str] = []
    skip, left = start, count
    for piece in pieces:
        size = _length(piece)
        if skip >= size:
            skip -= size
            continue
        if isinstance(piece, Changed):
            rows.append(as_json(row_of(*piece)))
        else:
            begin = piece[0] + skip
            rows.extend(render(base.numbers(begin, min(piece[1], begin + left))))
        skip, left = 0, count - len(rows)
        if left <= 0:
            break
    return total, rows


class Changed(NamedTuple):
    """A row of the overlay's."""

    record_id: int
    change: Change


def _pieces(
    base: Base, changes: Mapping[str, Change], first_id: int, is_listed: Callable[[Changed], bool]
) -> Iterator[Changed | tuple[int, int]]:
    """The list as stretches of the base and single rows of the overlay."""
    sign = -1 if isinstance(base, Descending) else 1
    ranked = sorted((*base.rank(int(key) - first_id), sign * int(key)) for key in changes)
    at = 0
    for position, present, signed_id in ranked:
        if position > at:
            yield at, position
        at = position + present
        piece = Changed(sign * signed_id, changes[str(sign * signed_id)])
        if is_listed(piece):
            yield piece
    if at < base.total:
        yield at, base.total


def _length(piece: Changed | tuple[int, int]) -> int:
    return 1 if isinstance(piece, Changed) else piece[1] - piece[0]
