"""`hub forward`: claims what customers asked for within milliseconds, and runs it as Dagster jobs in this process.

Any number of copies may run. What one holds when it dies is taken over when its lease ends.
"""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import psycopg
from psycopg.rows import class_row

from core.database import connect
from core.errors import safe
from core.logging import logger
from core.settings import CommandSettings
from pipelines.commands.actions import ACTIONS
from pipelines.commands.jobs import by_kind, run_in_dagster
from pipelines.commands.pool import RunnerPool
from pipelines.commands.provisioning import request_missed
from pipelines.commands.saga import Command
from pipelines.sources.clients import Clients
from sql.statements import statement

log = logger(__name__)

CHANNEL = "hub_commands"
SHORTEST_NAP_SECONDS, LONGEST_NAP_SECONDS = 0.05, 5.0
SWEEP_EVERY_SECONDS = 30.0
"""How often it looks for approved orders that nobody told of."""


class Claims:
    """What this process may work on: taken from command.commands, held by leases."""

    def __init__(self, connection: psycopg.Connection[Any], lease_seconds: float) -> None:
        self._connection = connection
        self._lease = lease_seconds
        self._by = f"{socket.gethostname()}:{os.getpid()}"

    def take(self, at_most: int, overdue_seconds: float = 0.0) -> list[Command]:
        """Commands that are due, ours until the lease ends, in the order in which they were accepted.

        Where more are due, customers take turns, and what was begun goes before what is new.
        """
        values = {
            "at_most": at_most,
            "by": self._by,
            "lease": self._lease,
            "overdue": overdue_seconds,
            "held": self._held_back(),
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
        row = self._connection.execute(statement("forwarder/next_due")).fetchone()
        return None if row is None or row[0] is None else max(float(row[0]), 0.0)


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


class Forwarder:
    """One process's loop. One run at a time: a Dagster run in a process decides how the whole process logs."""

    def __init__(self, settings: CommandSettings, database_url: str, instance: dg.DagsterInstance) -> None:
        self._settings = settings
        self._database_url = database_url
        self._instance = instance
        self._clients = Clients()

    def follow(self, stopped: threading.Event) -> None:
        """Forward what comes until `stopped`; then the step in hand is finished and the rest given back."""
        try:
            while not stopped.is_set():
                try:
                    with connect(self._database_url, name="forward") as connection:
                        connection.autocommit = True
                        self._forward(connection, stopped)
                except psycopg.OperationalError as error:
                    log.warning("forward.database_gone", error=type(error).__name__)
                    stopped.wait(1.0)
                except Exception as error:  # noqa: BLE001 - such as Dagster's own database; what was claimed comes again
                    log.warning("forward.broken", error=safe(error))
                    stopped.wait(1.0)
        finally:
            self._clients.close()

    def _forward(self, connection: psycopg.Connection[Any], stopped: threading.Event) -> None:
        claims = Claims(connection, self._settings.lease_seconds)
        connection.execute(f"LISTEN {CHANNEL}")
        log.info("forward.ready", kinds=len(ACTIONS))
        swept = 0.0
        with RunnerPool(self._database_url, self._clients, self._settings, stopped.is_set) as runners:
            while not stopped.is_set():
                claimed = claims.take(self._settings.batch)
                for commands in by_kind(claimed).values():
                    self._run(runners, commands, claimed)
                if claimed:
                    continue
                swept += nap(connection, claims)
                if swept >= SWEEP_EVERY_SECONDS:
                    swept = 0.0
                    request_missed(connection)

    def _run(self, runners: RunnerPool, commands: Sequence[Command], claimed: Sequence[Command]) -> None:
        with Heartbeat(self._database_url, self._settings.lease_seconds).keeping(claimed):
            run_in_dagster(self._instance, runners, commands)


def nap(connection: psycopg.Connection[Any], claims: Claims) -> float:
    """Wait until something is due or told; about how long it was."""
    due = claims.next_due()
    # What is due and was not taken is held back, or somebody else's.
    seconds = LONGEST_NAP_SECONDS if due is None else min(max(due, SHORTEST_NAP_SECONDS), LONGEST_NAP_SECONDS)
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        return 0.0
    return seconds
