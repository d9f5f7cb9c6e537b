"""Commands of made-up actions on a database alone: what the runner promises, whatever an action does."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.commands.input import CommandInput
from domain.commands.kind import Kind, NoFacts
from pipelines.commands.claims import Claims
from pipelines.commands.runner import Runner
from pipelines.commands.saga import Action, Command, RefreshRequest, Result, Step, Work
from pipelines.sources.clients import Clients
from tests.builders import insert, insert_customer
from tests.conftest import Database

KIND = "made_up"
Act = Callable[[Work[Any]], Result | None]


class Found(Result, frozen=True):
    """What a made-up step brings."""

    number: str


class Nothing(CommandInput):
    """The input of a made-up command."""


MADE_UP = Kind(KIND, about="Made up.", input=Nothing, subject="orders", system="salesforce", calls=(), facts=NoFacts)


def made_up(
    *steps: Step[Any],
    failing: Iterable[Step[Any]] = (),
    affects: Callable[[Work[Any]], Iterable[RefreshRequest]] = lambda _: (),
) -> Action[Any]:
    return Action(MADE_UP, steps, affects, failing=tuple(failing))


class Doing:
    """A step's calls: what each of them brings, in order; the last again and again. An exception is raised."""

    def __init__(self, *brings: Result | Exception | None) -> None:
        self._brings = list(brings)
        self.times = 0

    def __call__(self, _: Work[Any]) -> Result | None:
        brought = self._brings[min(self.times, len(self._brings) - 1)] if self._brings else None
        self.times += 1
        if isinstance(brought, Exception):
            raise brought
        return brought


class Stage:
    """A database with made-up commands in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._clients = Clients()
        self._owner = psycopg.connect(database.owner, autocommit=True)

    def close(self) -> None:
        self._owner.close()

    def ask(self, lane: str = "one", **columns: object) -> UUID:
        """A command that is due at once."""
        values = {"kind": KIND, "lane": lane, "deadline_at": datetime.now(UTC) + timedelta(days=1), **columns}
        made: UUID = insert(self._owner, "command.commands", **values)["id"]
        return made

    def customer(self) -> dict[str, Any]:
        """A customer with an account in both systems: its row of hub.customers."""
        return insert_customer(self._owner)

    def run(
        self, action: Action[Any], settle_seconds: float = 0.0, stopped: Callable[[], bool] = lambda: False
    ) -> str | None:
        """Claim what is due and take it as far as it goes now; the status it was left in. None: nothing is due."""
        with self.claiming() as (connection, claims):
            claimed = claims.take(1)
            return self.run_claimed(connection, claimed[0], action, settle_seconds, stopped) if claimed else None

    def run_claimed(
        self,
        connection: psycopg.Connection[Any],
        command: Command,
        action: Action[Any],
        settle_seconds: float = 0.0,
        stopped: Callable[[], bool] = lambda: False,
    ) -> str:
        return Runner(connection, self._clients, {action.kind.name: action}, settle_seconds, stopped).run(command)

    @contextmanager
    def claiming(self, lease_seconds: float = 30.0) -> Iterator[tuple[psycopg.Connection[Any], Claims]]:
        """A forwarder's connection, and what it claims over it."""
        with psycopg.connect(self.database.sync, autocommit=True) as connection:
            yield connection, Claims(connection, lease_seconds)

    def take_over(self) -> None:
        """As if time had passed: leases have ended and nothing need wait."""
        self.rows("UPDATE command.commands SET due_at = now(), lease_until = NULL RETURNING id")

    def set(self, command: UUID, **columns: object) -> None:
        names = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in columns)
        query = SQL("UPDATE command.commands SET {} WHERE id = %s").format(names)
        self._owner.execute(query, [*columns.values(), command])

    def row(self, command: UUID) -> dict[str, Any]:
        with self._owner.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("SELECT * FROM command.commands WHERE id = %s", [command]).fetchone()
        assert found is not None
        return found

    def waits(self, command: UUID) -> float:
        """Seconds from now until it may go on."""
        return float((self.row(command)["due_at"] - datetime.now(UTC)).total_seconds())

    def steps(self, command: UUID) -> list[tuple[Any, ...]]:
        """Names of its steps and how they stand, in order."""
        return self.rows("SELECT name, status FROM command.steps WHERE command_id = %s ORDER BY number", command)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._owner.execute(query.encode(), values).fetchall()
