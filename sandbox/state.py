"""What changes while a sandbox runs: its clock, the overlay of changed records, injected faults, calls received.

One State is shared by the three emulators, which run in one event loop: nothing here needs a lock.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from sandbox.ledger import Ledger


class Clock:
    """Real time, plus what was added through the control plane."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """This instant, UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def reset(self) -> None:
        self._ahead = timedelta()


class Change(NamedTuple):
    """What the overlay says of one record: `fields` replace the world's; a record the world lacks was created.

    `purged`: it is deleted for good, in no recycle bin (Salesforce).
    """

    fields: dict[str, object]
    deleted: bool
    changed_at: datetime
    purged: bool = False


STAMPS = frozenset({"SystemModstamp", "LastModifiedDate", "updated_at"})


class Overlay:
    """Changed, created and deleted records, by (system, object) and then by id as text (Salesforce: 18 characters)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changes: dict[tuple[str, str], dict[str, Change]] = {}
        # Called after each put with (system, kind, record id, change).
        self.observers: list[Callable[[str, str, str, Change], None]] = []

    def changed(self, system: str, kind: str) -> dict[str, Change]:
        """All changes to objects of a kind, by id, in the order of their first change. Do not modify."""
        return self._changes.get((system, kind), {})

    def get(self, system: str, kind: str, record_id: str) -> Change | None:
        return self.changed(system, kind).get(record_id)

    def put(
        self,
        system: str,
        kind: str,
        record_id: str,
        fields: dict[str, object],
        *,
        deleted: bool = False,
        purged: bool = False,
    ) -> Change:
        """Change a record; fields add up, and a field set on a deleted record brings it back.

        A stamp that was set is that change's alone, and stamps of a record never go back, whatever the clock does.
        """
        kept = self._changes.setdefault((system, kind), {})
        earlier = kept.get(record_id)
        before = {name: value for name, value in earlier.fields.items() if name not in STAMPS} if earlier else {}
        now = max(self._clock.now(), earlier.changed_at) if earlier else self._clock.now()
        change = Change({**before, **fields}, deleted, now, purged)
        kept[record_id] = change
        for observer in self.observers:
            observer(system, kind, record_id, change)
        return change

    def purge(self, system: str, kind: str, record_id: str) -> Change:
        """Delete a record for good: at once, or without a word if it lies in the recycle bin already."""
        earlier = self.get(system, kind, record_id)
        if earlier is None or not earlier.deleted:
            return self.put(system, kind, record_id, {}, deleted=True, purged=True)
        self._changes[system, kind][record_id] = purged = earlier._replace(purged=True)
        return purged

    def clear(self) -> None:
        self._changes.clear()


class Fault(NamedTuple):
    """Something to go wrong with calls whose label contains `match` (case-insensitive). See control.py for modes."""

    match: str
    mode: str
    times: int


class Faults:
    """Faults waiting to happen, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, match: str, mode: str, times: int = 1) -> None:
        self.waiting.append(Fault(match, mode, times))

    def take(self, label: str) -> str | None:
        """Mode of the first fault that fits this call, which is used up by one; None if the call is to go well."""
        for at, fault in enumerate(self.waiting):
            if fault.match.lower() in label.lower():
                if fault.times > 1:
                    self.waiting[at] = fault._replace(times=fault.times - 1)
                else:
                    del self.waiting[at]
                return fault.mode
        return None

    def clear(self) -> None:
        self.waiting.clear()


class Planned(NamedTuple):
    """A change that the control plane is asked for; see Change."""

    system: str
    kind: str
    record_id: str
    fields: dict[str, object]
    deleted: bool


class Plans:
    """Changes that wait for a call whose label contains a text (case-insensitive).

    They are made before its answer is, or after that and before it leaves.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[str, bool, Planned]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, match: str, change: Planned, *, after: bool = False) -> None:
        self._waiting.append((match.lower(), after, change))

    def take(self, label: str, *, after: bool = False) -> list[Planned]:
        """The changes that this call brings about at that moment, oldest first; they wait no more."""
        if not self._waiting:
            return []
        label = label.lower()
        taken = [each for each in self._waiting if each[0] in label and each[1] == after]
        self._waiting = [each for each in self._waiting if each not in taken]
        return [change for _, _, change in taken]

    def waiting(self) -> list[tuple[str, bool, Planned]]:
        """What has not come about: the text in lower case, whether after the answer, the change."""
        return list(self._waiting)

    def clear(self) -> None:
        self._waiting.clear()


class Call(NamedTuple):
    """A call received; `label` is "METHOD path[?query] [action]" with secrets masked.

    `at` is by the sandbox's clock, which can be stepped; `uptime` counts seconds by one that cannot, and orders calls.
    """

    at: datetime
    uptime: float
    system: str
    label: str
    status: int
    fault: str | None
    request_id: str | None
    milliseconds: float


class CallLog:
    """The latest calls, at most `keep`, and how many there were in all."""

    def __init__(self, keep: int = 10_000) -> None:
        self._calls: deque[Call] = deque(maxlen=keep)
        self._under_way: dict[int, tuple[str, str | None]] = {}
        self.total = 0

    def begin(self, call: object, label: str, request_id: str | None) -> None:
        self._under_way[id(call)] = label, request_id

    def end(self, call: object) -> None:
        self._under_way.pop(id(call), None)

    def under_way(self) -> list[tuple[str, str | None]]:
        """Labels and request ids of the calls that are being answered."""
        return list(self._under_way.values())

    def add(self, call: Call) -> None:
        self.total += 1
        self._calls.append(call)

    def latest(self, limit: int) -> list[Call]:
        """Newest first."""
        return list(islice(reversed(self._calls), limit))

    def clear(self) -> None:
        self._calls.clear()
        self.total = 0


class State:
    """Everything a running sandbox remembers."""

    def __init__(self, quirks: Mapping[str, str] | None = None) -> None:
        """`quirks`: switches as configured, to which a reset returns."""
        self._configured = dict(quirks or {})
        self.clock = Clock()
        self.overlay = Overlay(self.clock)
        self.faults = Faults()
        self.plans = Plans()
        self.calls = CallLog()
        self.ledger = Ledger(self.clock)
        self.quirks: dict[str, str] = dict(self._configured)  # runtime switches of the emulators, by name
        self.resets = 0  # emulators compare it to know when to forget sessions and jobs
        self.loop: asyncio.AbstractEventLoop | None = None  # the one that serves, while it does
        # Awaited before `mutate` changes a record, with (system, kind, record id, fields, deleted=…).
        self.announcers: list[Callable[..., Awaitable[None]]] = []
        # Controls that emulators add to the control plane, by name; see control.py for their form.
        self.gets: dict[str, Callable[..., Any]] = {}
        self.posts: dict[str, Callable[..., Any]] = {}

    def reset(self) -> None:
        """As at the start: no change, no fault, no session, the clock at real time."""
        self.clock.reset()
        self.overlay.clear()
        self.faults.clear()
        self.plans.clear()
        self.calls.clear()
        self.ledger.clear()
        self.quirks = dict(self._configured)
        self.resets += 1
