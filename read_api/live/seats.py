"""How many live streams there may be: they never end by themselves, so nobody may hold all of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.errors import HubError

RETRY_SECONDS = 10


class NoSeatError(HubError):
    """There are as many streams as there may be. `of_caller`: of this customer or address; else of all."""

    def __init__(self, of_caller: str | None) -> None:
        super().__init__(f"too many live streams of this {of_caller}" if of_caller else "too many live streams")
        self.of_caller = of_caller


@dataclass
class Seats:
    """A process's live streams, counted. `most`: in all; then for each customer and each address."""

    most: int
    per_customer: int
    per_address: int
    _taken: int = 0
    _customers: Counter[str] = field(default_factory=Counter)
    _addresses: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def taken(self, customer: str, address: str) -> Iterator[None]:
        """One stream for as long as the context; `customer` is the id that the token names.

        Raises:
            NoSeatError: there are too many.
        """
        if self._customers[customer] >= self.per_customer:
            raise NoSeatError("customer")
        if self._addresses[address] >= self.per_address:
            raise NoSeatError("address")
        if self._taken >= self.most:
            raise NoSeatError(None)
        self._taken += 1
        self._customers[customer] += 1
        self._addresses[address] += 1
        try:
            yield
        finally:
            self._taken -= 1
            _give_back(self._customers, customer)
            _give_back(self._addresses, address)


def _give_back(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
