"""Which customer owns the n-th object of a kind, in closed form.

Customers repeat the structure of PROFILES slots, block after block, so the number of objects before any place is a
multiplication and a look-up: no list as long as the data ever exists.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

PROFILES = 1000


class Owned(NamedTuple):
    """The `k`-th (0-based) object of customer `customer`."""

    customer: int
    k: int


class OwnerIndex:
    """Objects numbered customer by customer: number <-> (customer, k)."""

    def __init__(self, customers: int, counts: Sequence[int]) -> None:
        """`counts`: how many objects a customer of each slot has."""
        self.customers = customers
        self.counts = counts
        self._before = [0, *accumulate(counts)]
        self._per_block = self._before[-1]
        self.total = self.first(customers)

    def __len__(self) -> int:
        return self.total

    def first(self, customer: int) -> int:
        """Number of the first object of `customer`: how many come before it."""
        block, slot = divmod(customer, PROFILES)
        return block * self._per_block + self._before[slot]

    def number(self, customer: int, k: int = 0) -> int:
        return self.first(customer) + k

    def of(self, customer: int) -> range:
        """Numbers of the customer's objects."""
        start = self.first(customer)
        return range(start, start + self.counts[customer % PROFILES])

    def owner(self, number: int) -> Owned:
        """Who owns object `number`.

        Raises:
            IndexError: there is no such object.
        """
        if not 0 <= number < self.total:
            raise IndexError(number)
        block, rest = divmod(number, self._per_block)
        slot = bisect_right(self._before, rest) - 1
        return Owned(block * PROFILES + slot, rest - self._before[slot])


class Cell(NamedTuple):
    """An invoice's place: the month (0-based) it was issued in and the customer it went to."""

    month: int
    customer: int


class MonthIndex:
    """Invoices numbered group by group; a group is a month and the slots that got an invoice (of some sort) in it."""

    def __init__(self, customers: int, groups: Iterable[tuple[int, Sequence[int]]]) -> None:
        """`groups`: (month, slots in ascending order), in the order in which the invoices are to be numbered."""
        self._blocks, self._rest = divmod(customers, PROFILES)
        self.groups = [(month, slots) for month, slots in groups if slots]
        sizes = (self._blocks * len(slots) + bisect_left(slots, self._rest) for _, slots in self.groups)
        self._before = [0, *accumulate(sizes)]
        self._group_of = {(month, slot): g for g, (month, slots) in enumerate(self.groups) for slot in slots}
        self.total = self._before[-1]

    def __len__(self) -> int:
        return self.total

    def cell(self, number: int) -> Cell:
        """Where invoice `number` sits.

        Raises:
            IndexError: there is no such invoice.
        """
        return next(self.cells(number, number + 1))

    def cells(self, start: int, stop: int) -> Iterator[Cell]:
        """Places of the invoices `start` <= number < `stop`, in order."""
        if not 0 <= start < stop <= self.total:
            if start == stop:
                return
            raise IndexError(start, stop)
        group = bisect_right(self._before, start) - 1
        offset = start - self._before[group]
        left = stop - start
        while left:
            month, slots = self.groups[group]
            count = min(left, self._before[group + 1] - self._before[group] - offset)
            width = len(slots)
            for place in range(offset, offset + count):
                block, at = divmod(place, width)
                yield Cell(month, block * PROFILES + slots[at])
            left -= count
            group, offset = group + 1, 0

    def number(self, cell: Cell) -> int | None:
        """The invoice's number, None when this index does not hold it."""
        block, slot = divmod(cell.customer, PROFILES)
        group = self._group_of.get((cell.month, slot))
        if group is None:
            return None
        slots = self.groups[group][1]
        return self._before[group] + block * len(slots) + bisect_left(slots, slot)
