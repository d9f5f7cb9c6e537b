"""One client's stream: what it missed, then what comes, until it goes, its token or its customer ends, or we do."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from random import uniform
from time import time

from read_api.http.cursors import cursor_of
from read_api.live.changes import Change, Position
from read_api.live.follower import Follower, Subscriber

HEARTBEAT_SECONDS = 15.0
"""The longest silence. Each is a little shorter, by chance: streams that began together, as after a restart, would all
beat at the same moment for ever, and reads would wait for thousands of them."""
SHORTEST = 0.6


@dataclass(frozen=True)
class Item:
    """Something to be sent. `event`: change, reset (read again), expired, or nothing but a sign of life."""

    event: str
    data: bytes = b"{}"
    cursor: str | None = None


BEAT = Item("")
EXPIRED = Item("expired")


async def items(
    follower: Follower, named: str, customer: str, after: Position | None, expires: float
) -> AsyncGenerator[Item, None]:
    """What to tell a client whose token names a customer, and that knows everything up to `after` (None: now)."""
    subscriber = follower.subscribe(named, customer)
    try:
        yield BEAT
        known = after
        if after is not None:
            missed = await follower.missed(subscriber.customer, after)
            if missed is None:
                yield _reset(follower)
                known = follower.position
            for change in missed or ():
                known = change.position
                yield _item(change)
        while not follower.closed:
            if subscriber.gone or time() >= expires:
                yield EXPIRED
                return
            if subscriber.overrun:
                _empty(subscriber)
                known = follower.position
                yield _reset(follower)
            silence = HEARTBEAT_SECONDS * uniform(SHORTEST, 1)  # no secret
            new = await _next(subscriber, min(silence, max(expires - time(), 0.0)))
            if subscriber.overrun or subscriber.gone:
                continue
            if new is None:
                yield BEAT
            elif known is None or new.position > known:
                known = new.position
                yield _item(new)
    finally:
        follower.unsubscribe(subscriber)


async def _next(subscriber: Subscriber, seconds: float) -> Change | None:
    try:
        async with asyncio.timeout(seconds):
            return await subscriber.waiting.get()
    except TimeoutError:
        return None


def _empty(subscriber: Subscriber) -> None:
    while not subscriber.waiting.empty():
        subscriber.waiting.get_nowait()
    subscriber.overrun = False


def _item(change: Change) -> Item:
    return Item("change", change.message(), cursor_of(change.position))


def _reset(follower: Follower) -> Item:
    """What was missed is too much to tell: read what you show again, and go on from here."""
    return Item("reset", b"{}", cursor_of(follower.position) if follower.position else None)
