"""What is written down of a command, by whoever holds its claim. Every write commits by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from core.errors import HubError
from pipelines.commands.saga import Command, RefreshRequest, Result
from sql.statements import statement

TAKING_BACK = timedelta(days=1)
"""What a command that fails has at least for taking back what it did."""


class LostClaimError(HubError):
    """Somebody else works on the command now: our lease had run out."""


@dataclass(frozen=True)
class Taken:
    """A step as written down. `result`: as stored, see `Step.read`. `seconds_ago`: since it was last started."""

    name: str
    status: str
    attempts: int
    result: Mapping[str, Any] | None
    seconds_ago: float
    error: str | None


class Journal:
    """One claimed command's journal, on a connection in autocommit mode."""

    def __init__(self, connection: Connection[Any], command: Command) -> None:
        self._connection = connection
        self._held = {"id": command.id, "claim": command.claim}

    def taken(self) -> Mapping[str, Taken]:
        """The steps so far, by name."""
        with self._connection.cursor(row_factory=class_row(Taken)) as cursor:
            rows = cursor.execute(statement("runner/steps"), {"id": self._held["id"]}).fetchall()
        return {row.name: row for row in rows}

    def begin(self, step: str) -> None:
        """Before the step's call.

        Raises:
            LostClaimError: here and in every method below, as long as nothing was called.
        """
        self._write("runner/begin_step", step=step)

    def end(self, step: str, result: Result | None) -> None:
        """After the step's call, or once it is known what came of an earlier one."""
        stored = None if result is None else Jsonb(msgspec.to_builtins(result))
        self._write("runner/end_step", step=step, result=stored)

    def broken(self, step: str, error: str, *, nothing_came: bool) -> None:
        """The step's call failed."""
        self._write("runner/break_step", step=step, error=error, nothing_came=nothing_came)

    def failing(self, code: str, reason: str) -> datetime:
        """It will fail; written down before anything is taken back. Until when that may take."""
        row = self._write("runner/fail", code=code, reason=reason, at_least=TAKING_BACK)
        deadline_at: datetime = row[0]
        return deadline_at

    def wait(self, seconds: float, reason: str | None, attempts: int, *, grace: float = 0.0) -> None:
        """Give the claim back until later; the deadline moves by `grace` seconds."""
        self._release("waiting", wait=seconds, waits_for=reason, attempts=attempts, grace=grace)

    def dead(self, code: str, reason: str) -> None:
        """An operator must look."""
        self._release("dead", failure_code=code, failure_reason=reason)

    def ended(self, status: str, result: Mapping[str, Any] | None, refreshes: Iterable[RefreshRequest]) -> None:
        """It is over; in the same transaction, what it changed is requested to be read again."""
        requests = list(refreshes)
        with self._connection.transaction():
            self._release(status, result=None if result is None else Jsonb(dict(result)))
            if requests:
                columns = {
                    "datasets": [request.dataset for request in requests],
                    "records": [request.record for request in requests],
                    "owners": [request.owner for request in requests],
                }
                self._connection.execute(statement("runner/request_refreshes"), columns)

    def _release(self, status: str, **values: object) -> None:
        blank = dict.fromkeys(("waits_for", "result", "failure_code", "failure_reason"))
        self._write("runner/release", **{**blank, "wait": 0, "grace": 0, "attempts": 0, **values, "status": status})

    def _write(self, query: str, **values: object) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._connection.execute(statement(query), {**self._held, **values}).fetchone()
        if row is None:
            raise LostClaimError("somebody else holds the command's claim")
        return row
