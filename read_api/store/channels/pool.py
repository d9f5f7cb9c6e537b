"""The channels of one process: which of them is asked, and that there are always as many."""

import asyncio
from time import monotonic
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName
from psycopg.pq.abc import PGresult
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from core.database import IS_MIGHTY, MightyLoginError
from read_api.store.channels.channel import Asked, Channel, ChannelBrokenError, NoChannelError

PATIENCE_SECONDS = 3.0
"""How long a question waits for a connection. None is added to a queue whose first has waited longer."""


async def _require_plain_login(connection: AsyncConnection[Any]) -> None:
    """Row rules hold nobody back who may leave the role: such a connection carries no question."""
    found = await (await connection.execute(IS_MIGHTY)).fetchone()
    if found and found[0]:
        raise MightyLoginError("hub_api")


class Channels:
    """A number of channels, replaced as they break."""

    def __init__(self, url: str, connections: int, options: str) -> None:
        self._count = connections
        self._channels: list[Channel] = []
        self._any = asyncio.Event()
        self._closed = False
        self._misplaced = 0
        self._keepers: list[asyncio.Task[None]] = []
        # It connects, again and again where it must; what it gives out is kept until it breaks.
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=connections,
            max_size=connections,
            timeout=PATIENCE_SECONDS,
            reconnect_timeout=PATIENCE_SECONDS,
            kwargs={"autocommit": True, "application_name": "hub-api", "connect_timeout": 3, "options": options},
            configure=_require_plain_login,
            open=False,
        )

    @property
    def misplaced(self) -> int:
        """How many answers were not proven to be their request's, since the start."""
        return self._misplaced + sum(each.misplaced for each in self._channels)

    async def open(self) -> None:
        """Start connecting; does not wait for it."""
        await self._pool.open(wait=False)
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._count)]

    async def close(self) -> None:
        """Whoever still waits is told so."""
        self._closed = True
        self._any.set()
        await self._pool.close()
        for each in list(self._channels):
            each.close()
        await asyncio.gather(*self._keepers)

    async def ask(self, customer: bytes, asked: Asked) -> list[PGresult]:
        """A result for each question. They may be asked twice: the first connection may break after it heard them.

        `customer`: whom the first question says that the transaction speaks for; empty: nobody.

        Raises:
            NoChannelError, or MisplacedAnswerError, which is one.
            psycopg.Error: the server refused one of them.
        """
        # After a restart of the server every connection is broken.
        for _ in range(self._count + 1):
            channel = self._best() or await self._first()
            try:
                return await channel.ask(customer, asked)
            except (ChannelBrokenError, InvalidSqlStatementName):
                # Or whoever was to prepare it, just before, was refused that.
                continue
            except FeatureNotSupported:
                # A table has other columns than when the question was prepared.
                channel.close()
        raise NoChannelError("the database gave no answer, however often it was asked")

    def _best(self) -> Channel | None:
        """None: there is none yet."""
        if self._closed:
            raise NoChannelError("the API is ending")
        now = monotonic()
        there = [each for each in self._channels if each.is_open]
        best = min(
            (each for each in there if each.waited(now) <= PATIENCE_SECONDS),
            key=lambda each: each.queue(now),
            default=None,
        )
        if there and best is None:
            raise NoChannelError("the database does not keep up")
        return best

    async def _first(self) -> Channel:
        """The first that is there."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (found := self._best()) is None:
                    self._any.clear()
                    await self._any.wait()
        except TimeoutError as error:
            raise NoChannelError("no connection to the database") from error
        return found

    async def _keep(self) -> None:
        """One channel after another, until the pool is closed."""
        while True:
            try:
                connection = await self._pool.getconn()
            except PoolTimeout:
                continue
            except PoolClosed:
                return
            channel = Channel(connection)
            self._channels.append(channel)
            self._any.set()
            # Closed while the connection was on its way here: nobody else would end it.
            if self._pool.closed:
                channel.close()
            await channel.ended()
            self._channels.remove(channel)
            self._misplaced += channel.misplaced
            await connection.close()
            await self._pool.putconn(connection)
