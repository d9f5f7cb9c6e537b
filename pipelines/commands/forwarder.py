"""`hub forward`: claims what customers asked for within milliseconds, and runs it as Dagster jobs in this process.

Any number of copies may run. What one holds when it dies is taken over when its lease ends.
"""

import threading
from collections.abc import Sequence
from typing import Any

import dagster as dg
import psycopg

from core.database import connect
from core.errors import safe
from core.logging import logger
from core.settings import CommandSettings
from pipelines.commands.actions import ACTIONS
from pipelines.commands.claims import Claims, Heartbeat
from pipelines.commands.pool import RunnerPool
from pipelines.commands.provisioning import request_missed
from pipelines.commands.saga import Command
from pipelines.dagster.commands import by_kind, run_in_dagster
from pipelines.sources.clients import Clients

log = logger(__name__)

CHANNEL = "hub_commands"
SHORTEST_NAP_SECONDS, LONGEST_NAP_SECONDS = 0.05, 5.0
SWEEP_EVERY_SECONDS = 30.0
"""How often it looks for approved orders that nobody told of."""


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
