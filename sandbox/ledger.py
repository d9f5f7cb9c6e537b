"""What calls did to the three systems: every effect that was applied, whether or not its answer arrived."""

from datetime import datetime
from typing import NamedTuple, Protocol


class Effect(NamedTuple):
    """Something that happened once. Twice the same `marker` is twice the same request fulfilled.

    `kind`: order, service, invoice, charge, quota, case, plan_change, …; README.md lists them.
    `id`: the record's, or "account/n" where the system gives none. `marker`: the caller's own text, if it sent one.
    """

    number: int
    at: datetime
    system: str
    kind: str
    id: str
    marker: str | None
    detail: dict[str, object]


class Clock(Protocol):
    def now(self) -> datetime: ...


class Ledger:
    """Effects in the order in which they were applied; nothing is ever dropped from it but by clear()."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._effects: list[Effect] = []

    def __len__(self) -> int:
        return len(self._effects)

    def add(self, system: str, kind: str, record_id: object, marker: str | None = None, **detail: object) -> None:
        number = len(self._effects) + 1
        self._effects.append(Effect(number, self._clock.now(), system, kind, str(record_id), marker or None, detail))

    def effects(self, **wanted: str) -> list[Effect]:
        """Effects whose system, kind, id or marker are as wanted.

        Raises:
            AttributeError: an effect has no such field.
        """
        return [e for e in self._effects if all(getattr(e, name) == value for name, value in wanted.items())]

    def back_to(self, length: int) -> None:
        """Forget what was added since there were `length` effects: a transaction was rolled back."""
        del self._effects[length:]

    def clear(self) -> None:
        self._effects.clear()
