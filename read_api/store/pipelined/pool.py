"""The connections of one process: which of them is asked, and that there are always as many."""

import asyncio
from time import monotonic
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName
from psycopg.pq.abc import PGresult
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from core.database import IS_MIGHTY, MightyLoginError
from read_api.store.pipelined.connection import (
    ConnectionBrokenError,
    NoConnectionError,
    PipelinedConnection,
    Statements,
)

PATIENCE_SECONDS = 3.0
"""How long a question waits for a connection. None is added to a queue whose first has waited longer."""


async def _require_plain_login(connection: AsyncConnection[Any]) -> None:
    """Row rules hold nobody back who may leave the role: such a connection carries no question."""
    found = await (await connection.execute(IS_MIGHTY)).fetchone()
    if found and found[0]:
        raise MightyLoginError("hub_api")


class PipelinedPool:
    """As many connections as it is told, replaced as they break."""

    def __init__(self, url: str, connections: int, options: str) -> None:
        self._count = connections
        self._connections: list[PipelinedConnection] = []
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
        return self._misplaced + sum(each.misplaced for each in self._connections)

    async def open(self) -> None:
        """Start connecting; does not wait for it."""
        await self._pool.open(wait=False)
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._count)]

    async def close(self) -> None:
        """Whoever still waits is told so."""
        self._closed = True
        self._any.set()
        await self._pool.close()
        for each in list(self._connections):
            each.close()
        await asyncio.gather(*self._keepers)

    async def ask(self, customer: bytes, statements: Statements) -> list[PGresult]:
        """A result for each statement. They may be run twice: the first connection may break after it heard them.

        `customer`: whom the first statement says that the transaction speaks for; empty: nobody.

        Raises:
            NoConnectionError, or MisplacedAnswerError, which is one.
            psycopg.Error: the server refused one of them.
        """
        # After a restart of the server every connection is broken.
        for _ in range(self._count + 1):
            connection = self._best() or await self._first()
            try:
                return await connection.ask(customer, statements)
            except (ConnectionBrokenError, InvalidSqlStatementName):
                # Or whoever was to prepare it, just before, was refused that.
                continue
            except FeatureNotSupported:
                # A table has other columns than when the question was prepared.
                connection.close()
        raise NoConnectionError("the database gave no answer, however often it was asked")

    def _best(self) -> PipelinedConnection | None:
        """None: there is none yet."""
        if self._closed:
            raise NoConnectionError("the API is ending")
        now = monotonic()
        there = [each for each in self._connections if each.is_open]
        best = min(
            (each for each in there if each.waited(now) <= PATIENCE_SECONDS),
            key=lambda each: each.queue(now),
            default=None,
        )
        if there and best is None:
            raise NoConnectionError("the database does not keep up")
        return best

    async def _first(self) -> PipelinedConnection:
        """The first that is there."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (found := self._best()) is None:
                    self._any.clear()
                    await self._any.wait()
        except TimeoutError as error:
            raise NoConnectionError("no connection to the database") from error
        return found

    async def _keep(self) -> None:
        """One connection after another, until the pool is closed."""
        while True:
            try:
                plain = await self._pool.getconn()
            except PoolTimeout:
                continue
            except PoolClosed:
                return
            connection = PipelinedConnection(plain)
            self._connections.append(connection)
            self._any.set()
            # Closed while the connection was on its way here: nobody else would end it.
            if self._pool.closed:
                connection.close()
            await connection.ended()
            self._connections.remove(connection)
            self._misplaced += connection.misplaced
            await plain.close()
            await self._pool.putconn(plain)
