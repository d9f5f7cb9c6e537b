"""Killing at a moment, not by luck: a process is held where it is to die, seen there, and killed.

Who writes is held by a lock on what it writes; who reads, by a source that takes its time. Both are what happens in a
busy system anyhow, only at a time of our choice.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess

import psycopg
from psycopg.sql import SQL, Identifier

from tests.faults.stage import Stage

PATIENCE_SECONDS = 6.0
RUN_PATIENCE_SECONDS = 12.0
"""At most, on a busy machine: for a worker that was just started, for a Dagster run up to its first page."""
SLOW_MILLISECONDS = 900
WAITS_FOR_A_LOCK = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND application_name LIKE %s AND usename LIKE %s"
)
TABLES = {"Case": "support_cases", "invoice": "invoices"}
POLLS = {"Case": "FROM+Case+WHERE+SystemModstamp", "invoice": "GetInvoices status=Unpaid orderby=id"}
REREAD = {"Case": "FROM+Case+WHERE+Id+IN", "invoice": "GetInvoices userid="}
READ_WHOLE = "GetInvoices orderby=id order=asc limitstart=5 "


@dataclass(frozen=True)
class Lock:
    """Whoever writes that table waits; those who are waited for call their connections so, or log in as that role."""

    schema: str
    table: str
    waiting: str
    role: str = "%"


class Moments:
    """The moments of one stage's processes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def reached(self, phase: str, kind: str, change: Callable[[], object], held: ExitStack) -> bool:
        """Make a change, and wait until a process is in that phase of taking it in; it stays there while `held`."""
        if not phase.startswith("storing"):
            # A worker that was just started takes a while until it leads.
            self._until("SELECT 1 FROM pg_stat_activity WHERE application_name = 'inbox whmcs'", (), PATIENCE_SECONDS)
        if phase == "marking it applied":
            return self._marking(kind, change, held)
        locks = {
            "writing a poll": Lock("sync", "cursors", "sync %"),
            "writing a notification": Lock("hub", TABLES.get(kind, "invoices"), "reread %"),
            "storing events": Lock("sync", "streams", "listen %"),
            "storing a webhook": Lock("sync", "inbox", "%", "hub_api%"),
        }
        if phase in locks:
            return self._held(locks[phase], change, held, PATIENCE_SECONDS)
        match = POLLS[kind] if phase == "reading a poll" else REREAD[kind]
        return self.slowed(match, change)

    def reached_by(
        self, process: str, phase: str, start: Callable[[], ForkServerProcess], held: ExitStack
    ) -> tuple[ForkServerProcess, bool]:
        """The same for a process that is started for it, and whether it got there."""
        started: list[ForkServerProcess] = []

        def begin() -> None:
            started.append(start())

        if phase == "reading":
            return self._of(started, self.slowed(READ_WHOLE, begin, RUN_PATIENCE_SECONDS))
        if process == "heal":
            lock = Lock("sync", "windows", "reconcile %")
            return self._of(started, self._held(lock, begin, held, RUN_PATIENCE_SECONDS))
        # Polls write cursors, too; the run of a Dagster job is known by its id.
        begin()
        is_there = self._until(
            "SELECT 1 FROM sync.runs WHERE status = 'running' AND dagster_run_id IS NOT NULL", (), RUN_PATIENCE_SECONDS
        ) and self._held(Lock("sync", "cursors", "sync %"), lambda: None, held, 1.0)
        return self._of(started, is_there)

    def _of(self, started: list[ForkServerProcess], is_there: bool) -> tuple[ForkServerProcess, bool]:
        return started[0], is_there

    def _marking(self, kind: str, change: Callable[[], object], held: ExitStack) -> bool:
        """A notification is applied and committed; its mark in the inbox is not, for we hold the rows there."""
        with ExitStack() as meanwhile:
            if not self._held(Lock("hub", TABLES[kind], "reread %"), change, meanwhile, PATIENCE_SECONDS):
                return False
            try:
                connection = psycopg.connect(self._stage.database.owner)
                held.callback(connection.close)
                connection.execute("SELECT id FROM sync.inbox WHERE state = 'waiting' FOR UPDATE")
            except psycopg.Error:
                return False
        return self._until(WAITS_FOR_A_LOCK, ("inbox %", "%"), PATIENCE_SECONDS)

    def _held(self, lock: Lock, begin: Callable[[], object], held: ExitStack, patience: float) -> bool:
        """Lock, begin, and wait until somebody waits for the lock."""
        try:
            connection = psycopg.connect(self._stage.database.owner)
            held.callback(connection.close)
            connection.execute("SET lock_timeout = '500ms'")
            connection.execute(
                SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(Identifier(lock.schema, lock.table))
            )
        except psycopg.Error:
            return False
        begin()
        return self._until(WAITS_FOR_A_LOCK, (lock.waiting, lock.role), patience)

    def slowed(self, match: str, begin: Callable[[], object], patience: float = PATIENCE_SECONDS) -> bool:
        """Slow the call down, begin, and wait until it is under way."""
        self._stage.control("faults", {"match": match, "mode": f"slow:{SLOW_MILLISECONDS}"})
        begin()
        ends, calls = time.monotonic() + patience, self._stage.sandbox.state.calls
        while time.monotonic() < ends:
            with suppress(RuntimeError):  # the sandbox's thread adds to it meanwhile
                if any(match.lower() in label.lower() for label, _ in calls.under_way()):
                    return True
            time.sleep(0.005)
        return False

    def _until(self, query: str, values: tuple[str, ...], patience: float) -> bool:
        ends = time.monotonic() + patience
        with suppress(psycopg.Error), psycopg.connect(self._stage.database.owner, autocommit=True) as connection:
            while time.monotonic() < ends:
                if connection.execute(query.encode(), values).fetchone():
                    return True
                time.sleep(0.01)
        return False
