"""Workers of commands that die at a given moment: `python -m tests.pipelines.commands.crashing`, see tests/dying.py.

The worker takes every command that is due as far as it can go. Its moments are those of its calls, and after each line
of the journal.
"""

from typing import Any

import psycopg

from core.settings import HubSettings, load, url_as
from pipelines.commands.actions import ACTIONS
from pipelines.commands.claims import Claims
from pipelines.commands.journal import Journal
from pipelines.commands.runner import Runner
from pipelines.commands.saga import Command
from pipelines.sources.clients import Clients
from tests.dying import Moments, count_calls, serve

LEASE_SECONDS = 0.0
"""What the dead one held is free at once."""

WRITE = Journal._write


def count_lines(moments: Moments) -> None:
    """A line of the journal has a moment after it."""

    def write(journal: Journal, query: str, **values: Any) -> tuple[Any, ...]:
        row = WRITE(journal, query, **values)
        moments.or_die(f"wrote {query.partition('/')[2]} {values.get('step', values.get('status', ''))}".strip())
        return row

    Journal._write = write  # type: ignore[method-assign]


def work(moments: Moments, _: object) -> None:
    """One worker's life."""
    count_calls(moments)
    count_lines(moments)
    url = url_as(load(HubSettings), "hub_sync")
    with psycopg.connect(url, autocommit=True) as connection:
        claims, runner = Claims(connection, LEASE_SECONDS), Runner(connection, Clients(), ACTIONS, 0.0)
        while commands := claims.take(10) or woken(connection, claims):
            for command in commands:
                runner.run(command)


def woken(connection: psycopg.Connection[Any], claims: Claims) -> list[Command]:
    """What waits need not wait."""
    connection.execute("UPDATE command.commands SET due_at = now() WHERE status = 'waiting'")
    return claims.take(10)


if __name__ == "__main__":
    serve(work)
