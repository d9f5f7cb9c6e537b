"""Follows the change log, once per process, for everybody who listens and for the answers' tags."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import psycopg
from psycopg import AsyncConnection

from core.logging import logger
from read_api.live.changes import EVERYBODYS, OLDER_THAN_ALL, Change, Position, change_of

log = logger(__name__)

CHANNEL = "hub_changes"
LOOK_EVERY_SECONDS = 1.0
# A change that is told may still wait for an older transaction to end: looked for again soon, a few times.
LOOK_AGAIN_SECONDS = (0.01, 0.02, 0.05, 0.1)
CAUGHT_UP_SECONDS = 2 * LOOK_EVERY_SECONDS
AT_ONCE = 1000
MOST_MISSED = 5000
"""Changes that a client may have missed and still be told one by one; beyond, it is told to read again."""
MOST_WAITING = 256
CATCHING_UP_AT_ONCE = 4
REMEMBERED_CUSTOMERS = 100_000

CHANGES = (
    "SELECT xid::text, seq, customer_id, entity, entity_id, operation, columns, changed_at"
    " FROM sync.live_changes(%s::text::xid8, %s, %s)"
)


class Subscriber:
    """One client: what waits for it, and the customer it is told of now.

    `named`: the id that its token names. `overrun`: what waits is no longer the whole: more came than it took, or
    the customer sees other accounts than before. `gone`: the customer, or the account that it is known by, was deleted.
    """

    def __init__(self, named: str, customer: str) -> None:
        self.named = named
        self.customer = customer
        self.waiting: asyncio.Queue[Change | None] = asyncio.Queue(MOST_WAITING)
        self.overrun = False
        self.gone = False

    def put(self, change: Change | None) -> None:
        try:
            self.waiting.put_nowait(change)
        except asyncio.QueueFull:
            self.overrun = True

    def end(self) -> None:
        """It may not be told any more."""
        self.gone = True
        self.put(None)

    def restart(self) -> None:
        """What it knows is worth nothing any more: it is told so at once."""
        self.overrun = True
        self.put(None)


class _Groups:
    """Clients by an id that several may share; nothing is kept of an id that none has."""

    def __init__(self) -> None:
        self._groups: dict[str, set[Subscriber]] = {}

    def add(self, key: str, subscriber: Subscriber) -> None:
        self._groups.setdefault(key, set()).add(subscriber)

    def discard(self, key: str, subscriber: Subscriber) -> None:
        group = self._groups.get(key, set())
        group.discard(subscriber)
        if not group:
            self._groups.pop(key, None)

    def of(self, key: str) -> list[Subscriber]:
        return list(self._groups.get(key, ()))

    def everyone(self) -> list[Subscriber]:
        return [each for group in self._groups.values() for each in group]


class Follower:
    """One connection, one place in the log, and the clients and tags that depend on it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._task: asyncio.Task[None] | None = None
        self._subscribers = _Groups()
        self._named = _Groups()
        self._latest: OrderedDict[str, Position] = OrderedDict()
        self._floor: Position = (0, 0)
        self._everybodys: Position = (0, 0)
        self._looked_at = float("-inf")
        self._resolved: dict[str, str] = {}
        # Accounts that changed hands lately, and to whom they went.
        self._homes: OrderedDict[str, str] = OrderedDict()
        # After an outage everybody comes back at once.
        self._catching_up = asyncio.Semaphore(CATCHING_UP_AT_ONCE)
        self.position: Position | None = None
        self.closed = False

    def open(self) -> None:
        """Begin to follow; does not wait for the database."""
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Tell every client that this is the end, and stop."""
        self.closed = True
        for subscriber in self._subscribers.everyone():
            subscriber.put(None)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    # -- clients -----------------------------------------------------------------------------------------------------

    def subscribe(self, named: str, customer: str) -> Subscriber:
        """A client of the customer that the id `named` stood for when the database was asked."""
        subscriber = Subscriber(named, self._homes.get(named, customer))
        self._subscribers.add(subscriber.customer, subscriber)
        self._named.add(named, subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber.customer, subscriber)
        self._named.discard(subscriber.named, subscriber)

    async def missed(self, customer: str, after: Position) -> Sequence[Change] | None:
        """The customer's changes after a position; None: it is unknown, too far back, or cannot be told now."""
        if self.position is None or not OLDER_THAN_ALL < after <= self.position:
            return None
        try:
            async with self._catching_up, await self._connected("hub-api missed") as connection:
                oldest = await _fetched(connection, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
                if int(oldest[0][0]) < after[0]:
                    return None
                rows = await _fetched(connection, CHANGES, [str(after[0]), after[1], MOST_MISSED + 1])
        except psycopg.Error:
            return None
        if len(rows) > MOST_MISSED:
            return None
        theirs = [each for each in map(change_of, rows) if each.customer in {customer, None}]
        return None if any(each.is_relinking for each in theirs) else [each for each in theirs if each.is_told]

    # -- tags --------------------------------------------------------------------------------------------------------

    def resolved(self, named: str, customer: str) -> None:
        """Remember which customer an id stands for: a tag is worth nothing without."""
        if len(self._resolved) >= REMEMBERED_CUSTOMERS:
            self._resolved.clear()
        # Who asked the database may have asked before the account changed hands.
        self._resolved[named] = self._homes.get(named, customer)

    def version(self, named: str) -> tuple[Position, Position] | None:
        """The last change of what that customer sees: its own and everybody's. None: not known for sure now."""
        customer = self._resolved.get(named)
        if customer is None or monotonic() - self._looked_at > CAUGHT_UP_SECONDS:
            return None
        return self._latest.get(customer, self._floor), self._everybodys

    # -- the log -----------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                async with await self._connected("hub-api live") as connection:
                    await self._listen(connection)
            except psycopg.Error as error:
                log.warning("live.database_gone", error=type(error).__name__)
            self._looked_at = float("-inf")
            await asyncio.sleep(LOOK_EVERY_SECONDS / 2)

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        if self.position is None:
            rows = await _fetched(connection, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
            # What is under way now comes later; what is done was read by whoever cares.
            self.position = self._floor = self._everybodys = (int(rows[0][0]), -1)
        while True:
            found = await self._look(connection)
            told = await _notified(connection, LOOK_EVERY_SECONDS)
            for pause in LOOK_AGAIN_SECONDS if told else ():
                found = await self._look(connection)
                if found:
                    break
                await asyncio.sleep(pause)

    async def _look(self, connection: AsyncConnection[Any]) -> int:
        """Take in all that is new; how much that was."""
        found = 0
        while True:
            at = monotonic()
            xid, seq = self.position or (0, -1)
            rows = await _fetched(connection, CHANGES, [str(xid), seq, AT_ONCE])
            for row in rows:
                self._take(change_of(row))
            found += len(rows)
            if len(rows) < AT_ONCE:
                self._looked_at = at
                return found

    def _take(self, change: Change) -> None:
        self.position = change.position
        if change.entity == "customer_accounts" and change.customer is not None and "customer_id" in change.columns:
            self._moved(change.entity_id, change.customer)
        if change.operation == "delete" and change.entity in {"customers", "customer_accounts"}:
            ended = self._subscribers if change.entity == "customers" else self._named
            for subscriber in ended.of(change.entity_id):
                subscriber.end()
        if change.customer is not None:
            self._remember(change.customer, change.position)
        elif change.entity in EVERYBODYS:
            self._everybodys = change.position
        if change.is_told:
            theirs = self._subscribers
            for subscriber in theirs.everyone() if change.customer is None else theirs.of(change.customer):
                if change.is_relinking:
                    subscriber.restart()
                else:
                    subscriber.put(change)

    def _moved(self, account: str, customer: str) -> None:
        """An account went to another customer, and whoever is known by its id with it."""
        self._resolved.pop(account, None)
        self._homes[account] = customer
        self._homes.move_to_end(account)
        if len(self._homes) > REMEMBERED_CUSTOMERS:
            self._homes.popitem(last=False)
        for subscriber in self._named.of(account):
            self._subscribers.discard(subscriber.customer, subscriber)
            subscriber.customer = customer
            self._subscribers.add(customer, subscriber)
            subscriber.restart()

    def _remember(self, customer: str, position: Position) -> None:
        self._latest[customer] = position
        self._latest.move_to_end(customer)
        if len(self._latest) > REMEMBERED_CUSTOMERS:
            self._floor = max(self._floor, self._latest.popitem(last=False)[1])

    async def _connected(self, name: str) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(self._url, autocommit=True, application_name=name, connect_timeout=3)


async def _fetched(connection: AsyncConnection[Any], query: str, values: Sequence[object] = ()) -> list[Any]:
    cursor = await connection.execute(query.encode(), values or None)
    return await cursor.fetchall()


async def _notified(connection: AsyncConnection[Any], seconds: float) -> bool:
    notifications: AsyncIterator[Any] = connection.notifies(timeout=seconds, stop_after=1)
    return bool([each async for each in notifications])
