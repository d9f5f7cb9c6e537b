"""The API's way to its database: role hub_api, one round trip per request, JSON handed through as bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from core.errors import HubError
from read_api.questions import Question

# A plan made once serves every customer: the order comes from an index whatever the values. Without bitmap scans, which
# read all of a customer's rows and then sort them, because a plan for nobody in particular expects few.
# A read that takes longer than the timeout is lost anyway: its caller has gone.
SESSION = (
    "-c timezone=UTC -c plan_cache_mode=force_generic_plan -c statement_timeout=10s -c jit=off -c enable_bitmapscan=off"
)
PATIENCE_SECONDS = 3.0
REFUSED = {ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE}

SPEAK_FOR = Question("customer/speak_for")

Row = tuple[bytes | None, ...]


class DatabaseDownError(HubError):
    """No connection could be had, or it broke: the caller may try again."""


class QuestionRefusedError(HubError):
    """The database does not understand the question: it is not at this release's level."""


class UnknownCustomerError(HubError):
    """The token names a customer that the hub does not know."""


@dataclass(frozen=True)
class Found:
    """An answer: its rows, columns as text, and `meta` as JSON."""

    rows: Sequence[Row]
    meta: bytes


class ApiConnection(AsyncConnection[Any]):
    """A connection in pipeline mode that remembers what it has prepared."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.prepared: set[bytes] = set()

    async def answers(self, asked: Sequence[tuple[Question, list[bytes | None]]]) -> list[PGresult]:
        """Send the questions in one go; they share one transaction, which ends with the last.

        Raises:
            psycopg.Error: the first of them that the server refused.
        """
        new = [question for question, _ in asked if question.prepared_as not in self.prepared]
        async with self.lock:
            for question in new:
                self.pgconn.send_prepare(question.prepared_as, question.sql)
            for question, values in asked:
                self.pgconn.send_query_prepared(question.prepared_as, values)
            self.pgconn.pipeline_sync()
            results = await self.wait(_exchanged(self.pgconn))
        for result in results:
            if result.status in REFUSED:
                raise error_from_result(result)
        self.prepared.update(question.prepared_as for question in new)
        return results[len(new) :]


class Database:
    """The pool, and the ways to ask."""

    def __init__(self, url: str, connections: int) -> None:
        # Told which customer an id stands for, each time the database says so.
        self.resolved: Callable[[str, str], None] = lambda _named, _customer: None
        self._pool: AsyncConnectionPool[ApiConnection] = AsyncConnectionPool(
            url,
            connection_class=ApiConnection,
            min_size=connections,
            max_size=connections,
            timeout=PATIENCE_SECONDS,
            reconnect_timeout=PATIENCE_SECONDS,
            kwargs={"autocommit": True, "application_name": "hub-api", "connect_timeout": 3, "options": _options(url)},
            configure=_enter_pipeline,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting; does not wait, so that the API is there to say that the database is not."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    async def ask(self, question: Question, customer: str, values: Mapping[str, str | None]) -> Found:
        """The rows that the customer (an id it was ever known by) may see.

        Raises:
            UnknownCustomerError, DatabaseDownError.
        """
        who = SPEAK_FOR.bound({"customer": customer, "datasets": None})
        who[SPEAK_FOR.parameters.index("datasets")] = question.sources
        said, answer = await self._round_trip([(SPEAK_FOR, who), (question, question.bound(values))])
        if said.get_value(0, 1) is None:
            raise UnknownCustomerError("the hub does not know that customer")
        self.resolved(customer, (said.get_value(0, 1) or b"").decode())
        return Found(_rows(answer), said.get_value(0, 2) or b"null")

    async def customer(self, named: str) -> str:
        """The customer that an id stands for today, whichever it was ever known by.

        Raises:
            UnknownCustomerError, DatabaseDownError.
        """
        (said,) = await self._round_trip([(SPEAK_FOR, SPEAK_FOR.bound({"customer": named, "datasets": "{}"}))])
        if (known := said.get_value(0, 1)) is None:
            raise UnknownCustomerError("the hub does not know that customer")
        return known.decode()

    async def ask_openly(self, question: Question) -> Sequence[Row]:
        """Rows that belong to nobody, such as freshness.

        Raises:
            DatabaseDownError.
        """
        (answer,) = await self._round_trip([(question, [])])
        return _rows(answer)

    async def tell(self, question: Question, values: Mapping[str, str | None]) -> Sequence[Row]:
        """The rows of a question that stores something; it may be asked twice, which must do no harm.

        Raises:
            DatabaseDownError.
        """
        (answer,) = await self._round_trip([(question, question.bound(values))])
        return _rows(answer)

    async def _round_trip(self, asked: Sequence[tuple[Question, list[bytes | None]]]) -> list[PGresult]:
        # Reading twice does no harm, and after a restart of the server every pooled connection is broken.
        for _ in range(self._pool.max_size + 1):
            try:
                async with self._pool.connection() as connection:
                    try:
                        return await connection.answers(asked)
                    except psycopg.OperationalError as error:
                        if not connection.closed:
                            raise DatabaseDownError("the database gave up on the question") from error
                    except psycopg.Error as error:
                        raise QuestionRefusedError(f"the database refused: {error.sqlstate}") from error
            except (PoolTimeout, PoolClosed, TooManyRequests) as error:
                raise DatabaseDownError("no connection to the database") from error
        raise DatabaseDownError("connections to the database keep breaking")


def _exchanged(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Everything sent is flushed, and everything up to the synchronisation point received."""
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    results: list[PGresult] = []
    while True:
        yield Wait.R
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:  # the end of one command's results
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)


async def _enter_pipeline(connection: ApiConnection) -> None:
    connection.pgconn.enter_pipeline_mode()


def _rows(result: PGresult) -> list[Row]:
    columns = range(result.nfields)
    return [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]


def _options(url: str) -> str:
    own = psycopg.conninfo.conninfo_to_dict(url).get("options", "")
    return f"{SESSION} {own}".strip()
