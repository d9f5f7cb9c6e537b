"""The event bus: what was published on each channel, kept for three days, and who waits for more."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sandbox.state import Clock

RETENTION = timedelta(hours=72)
_MOST_KEPT = 100_000
_FIRST = 9_353_000


@dataclass(frozen=True)
class Event:
    """One event of a channel. `summary` is for the control plane alone."""

    number: int
    id: str
    schema_id: str
    payload: bytes
    at: datetime
    summary: str

    @property
    def replay_id(self) -> bytes:
        return replay_id(self.number)


def replay_id(number: int) -> bytes:
    """Ten bytes, as recorded in 2025 (salesforce.md, section 5.3)."""
    return number.to_bytes(8, "big") + b"\0\0"


class Channel:
    """Events in order; those past their retention, or too many, are gone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=_MOST_KEPT)
        self.last = _FIRST
        self._expired_through = _FIRST
        self.waiters: set[asyncio.Event] = set()

    def publish(self, schema_id: str, payload: bytes, summary: str) -> Event:
        self.last += 1
        event = Event(self.last, str(uuid4()), schema_id, payload, self._clock.now(), summary)
        self._events.append(event)
        for waiter in self.waiters:
            waiter.set()
        return event

    def after(self, number: int, at_most: int) -> list[Event]:
        """The next events after a position, oldest first."""
        self._forget()
        start = max(0, number - (self._events[0].number - 1)) if self._events else 0
        return [self._events[at] for at in range(start, min(start + at_most, len(self._events)))]

    def position_of(self, replay: bytes) -> int | None:
        """The number that a replay id stands for; None where it means nothing or its events are gone."""
        self._forget()
        if len(replay) not in {8, 10}:
            return None
        number = int.from_bytes(replay[:8], "big")
        return number if self._expired_through <= number <= self.last else None

    def before_all(self) -> int:
        self._forget()
        return self._events[0].number - 1 if self._events else self.last

    def expire(self) -> None:
        """Everything until now is out of retention."""
        self._events.clear()
        self.last += 1
        self._expired_through = self.last

    def latest(self, at_most: int) -> list[Event]:
        return list(self._events)[-at_most:]

    def _forget(self) -> None:
        oldest = self._clock.now() - RETENTION
        while self._events and self._events[0].at < oldest:
            self._expired_through = self._events.popleft().number
