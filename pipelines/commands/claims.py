"""What a process may work on: commands that it claimed, and the leases that keep others from them."""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from core.database import connect
from pipelines.commands.actions import ACTIONS
from pipelines.commands.saga import Command
from sql.statements import statement


class Claims:
    """What this process may work on: taken from command.commands, held by leases."""

    def __init__(self, connection: psycopg.Connection[Any], lease_seconds: float) -> None:
        self._connection = connection
        self._lease = lease_seconds
        self._by = f"{socket.gethostname()}:{os.getpid()}"

    def take(self, at_most: int, overdue_seconds: float = 0.0, kind: str | None = None) -> list[Command]:
        """Commands that are due, ours until the lease ends, in the order in which they were accepted.

        `overdue_seconds`: only those that have been due for so long. `kind`: only those of that kind.
        Where more are due, customers take turns, and what was begun goes before what is new.
        """
        values = {
            "at_most": at_most,
            "by": self._by,
            "lease": self._lease,
            "overdue": overdue_seconds,
            "held": self._held_back(),
            "kind": kind,
        }
        with self._connection.cursor(row_factory=class_row(Command)) as cursor:
            claimed = cursor.execute(statement("forwarder/claim"), values).fetchall()
        return sorted(claimed, key=lambda command: command.seq)

    def _held_back(self) -> list[str]:
        """Kinds that need a system which is left alone just now: taking them would only make them wait again."""
        away = {row[0] for row in self._connection.execute(statement("forwarder/left_alone")).fetchall()}
        return [kind for kind, action in ACTIONS.items() if away & set(action.kind.calls)] if away else []

    def next_due(self) -> float | None:
        """Seconds until something will be due; null: nothing is open."""
        ((due,),) = self._connection.execute(statement("forwarder/next_due"))
        return None if due is None else max(float(due), 0.0)


@dataclass(frozen=True)
class Heartbeat:
    """Renews the leases of what is being worked on, on a connection and a thread of its own. It logs nothing."""

    database_url: str
    lease_seconds: float

    @contextmanager
    def keeping(self, commands: Sequence[Command]) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._beat, args=(commands, done), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _beat(self, commands: Sequence[Command], done: threading.Event) -> None:
        held = {
            "ids": [command.id for command in commands],
            "claims": [command.claim for command in commands],
            "lease": self.lease_seconds,
        }
        while not done.wait(self.lease_seconds / 3):
            try:
                with connect(self.database_url, name="forward heartbeat") as connection:
                    connection.execute(statement("forwarder/renew"), held)
            except psycopg.Error:
                continue  # while the database is away nobody else can claim them either
