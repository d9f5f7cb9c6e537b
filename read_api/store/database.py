"""The API's way to its database: role hub_api, one round trip per request, JSON handed through as bytes."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import psycopg
from psycopg.pq.abc import PGresult

from core.errors import HubError
from read_api.store.pipelined.connection import NoConnectionError, Statements
from read_api.store.pipelined.pool import PipelinedPool
from read_api.store.questions import Question

# A plan made once serves every customer: the order comes from an index whatever the values. Without bitmap scans, which
# read all of a customer's rows and then sort them, because a plan for nobody in particular expects few.
# A read that takes longer than the timeout is lost anyway: its caller has gone.
SESSION = (
    "-c timezone=UTC -c datestyle=ISO -c plan_cache_mode=force_generic_plan -c statement_timeout=10s -c jit=off"
    " -c enable_bitmapscan=off"
)

SPEAK_FOR = Question("customer/speak_for")
SPEAK_FOR_NOBODY = Question("customer/speak_for_nobody")
SPEAK_AS = Question("customer/speak_as")

VIEWER = "viewer"
"""Role, for the database, of whoever of support looks as the customer (command.is_viewed)."""

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


class Database:
    """The ways to ask."""

    def __init__(self, url: str, connections: int) -> None:
        # Told which customer an id stands for, each time the database says so.
        self.resolved: Callable[[str, str], None] = lambda _named, _customer: None
        self._pool = PipelinedPool(url, connections, _options(url))
        self.is_viewed = False

    async def open(self) -> None:
        """Start connecting; does not wait, so that the API is there to say that the database is not."""
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    def viewed(self) -> "Database":
        """The same, for whoever looks as the customer: whatever they ask requests nothing and is not counted."""
        viewed = copy(self)
        viewed.is_viewed = True
        return viewed

    async def ask(
        self,
        question: Question,
        customer: str,
        values: Mapping[str, str | None],
        role: str | None = None,
        is_fresh: bool = False,
    ) -> Found:
        """The rows that the customer (an id it was ever known by) may see.

        `role`: as what the person acts for it. The database refuses changes without one. `is_fresh`: whether they
        proved who they are just now, without which it refuses some.

        Raises:
            UnknownCustomerError, DatabaseDownError.
        """
        who = SPEAK_FOR.bound({"customer": customer, "datasets": question.sources})
        asked = [(SPEAK_FOR, who), (question, question.bound(values))]
        role = VIEWER if self.is_viewed else role
        if role is not None:
            asked.insert(1, (SPEAK_AS, SPEAK_AS.bound({"role": role, "fresh": str(is_fresh).lower()})))
        said, *_, answer = await self._round_trip(customer, asked)
        if said.get_value(0, 1) is None:
            raise UnknownCustomerError("the hub does not know that customer")
        self.resolved(customer, (said.get_value(0, 1) or b"").decode())
        return Found(_rows(answer), said.get_value(0, 2) or b"null")

    async def customer(self, named: str) -> str:
        """The customer that an id stands for today, whichever it was ever known by.

        Raises:
            UnknownCustomerError, DatabaseDownError.
        """
        who = SPEAK_FOR.bound({"customer": named, "datasets": "{}"})
        (said,) = await self._round_trip(named, [(SPEAK_FOR, who)])
        if (known := said.get_value(0, 1)) is None:
            raise UnknownCustomerError("the hub does not know that customer")
        return known.decode()

    async def ask_openly(self, question: Question) -> Sequence[Row]:
        """Rows that belong to nobody, such as freshness.

        Raises:
            DatabaseDownError.
        """
        return await self.tell(question, {})

    async def tell(self, question: Question, values: Mapping[str, str | None]) -> Sequence[Row]:
        """The rows of a question that stores something; it may be asked twice, which must do no harm.

        Raises:
            DatabaseDownError.
        """
        _, answer = await self._round_trip("", [(SPEAK_FOR_NOBODY, []), (question, question.bound(values))])
        return _rows(answer)

    @property
    def misplaced_answers(self) -> int:
        """How many answers came that were not proven to be their request's, since the start; each was a 503."""
        return self._pool.misplaced

    async def _round_trip(self, customer: str, statements: Statements) -> list[PGresult]:
        try:
            return await self._pool.ask(customer.encode(), statements)
        except NoConnectionError as error:
            raise DatabaseDownError(str(error)) from error
        except psycopg.OperationalError as error:
            raise DatabaseDownError("the database gave up on the question") from error
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise DatabaseDownError("the database takes no writes: it is a standby, until it is promoted") from error
        except psycopg.Error as error:
            raise QuestionRefusedError(f"the database refused: {error.sqlstate}") from error


def _rows(result: PGresult) -> list[Row]:
    columns = range(result.nfields - 1)  # the last is the proof, not the answer
    return [tuple([result.get_value(row, column) for column in columns]) for row in range(result.ntuples)]


def _options(url: str) -> str:
    own = psycopg.conninfo.conninfo_to_dict(url).get("options", "")
    return f"{SESSION} {own}".strip()
