"""What operators do about commands: look, let go on, call off, say how it ended."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from core.errors import HubError, NotFoundError
from pipelines.commands.actions import ACTIONS
from sql.statements import statement

Row = Mapping[str, Any]


ANOTHER_CHANCE = timedelta(days=1)
"""What a command has left at least of its time when an operator lets it go on."""


class TooLateError(HubError):
    """The command does not stand where that could be done."""


def listed(connection: Connection[Any], status: str | None, rows: int) -> Sequence[Row]:
    """Commands, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("operations/list_commands"), {"status": status, "rows": rows}).fetchall()


def dead(connection: Connection[Any]) -> int:
    """How many commands have given up and wait for somebody to look."""
    ((commands,),) = connection.execute("SELECT count(*) FROM command.commands WHERE status = 'dead'")
    return int(commands)


def shown(connection: Connection[Any], begins: str) -> tuple[Row, Sequence[Row]]:
    """A command and its steps; `begins` is its id, or as much of it as no other has.

    Raises:
        NotFoundError: none begins so, or several do.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement("operations/show_command"), {"id": begins}).fetchall()
        if len(found) != 1:
            raise NotFoundError(f"{begins}: {'several commands begin' if found else 'no command begins'} so")
        return found[0], cursor.execute(statement("runner/steps"), {"id": found[0]["id"]}).fetchall()


def retry(connection: Connection[Any], command: UUID) -> None:
    """Let it go on at once, with time to do so.

    Raises:
        TooLateError: it runs or has ended.
    """
    _done(connection, "operations/retry_command", id=command, at_least=ANOTHER_CHANCE)


def cancel(connection: Connection[Any], command: UUID, kind: str) -> None:
    """Call it off.

    Raises:
        TooLateError: something was done already, or it runs.
    """
    action = ACTIONS.get(kind)
    reads = [step.name for step in action.steps if step.reads] if action else []
    _done(connection, "operations/cancel_command", id=command, reads=reads)


def resolve(connection: Connection[Any], command: UUID, status: str, reason: str | None) -> None:
    """Say how a dead one ended: `succeeded` or `failed`.

    Raises:
        TooLateError: it is not dead.
    """
    _done(connection, "operations/resolve_command", id=command, status=status, reason=reason)


def _done(connection: Connection[Any], query: str, **values: object) -> None:
    if connection.execute(statement(query), values).fetchone() is None:
        raise TooLateError("it does not stand where that could be done; `hub commands show` says where")
