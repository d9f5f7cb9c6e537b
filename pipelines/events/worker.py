"""The warm worker: applies what sources notify of within milliseconds, one thread a system, each at its own pace."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any, Self

import psycopg

from core.database import connect
from core.errors import SourceError, UnavailableError, safe
from core.logging import logger
from domain.common.errors import HubError
from domain.common.identifiers import System
from pipelines.datasets import DATASETS, dataset_named
from pipelines.events.inbox import Claimed, Inbox
from pipelines.events.lines import SERVICES, request_new_lines
from pipelines.events.orders import request_work
from pipelines.events.routes import missed_by, wanted_by
from pipelines.sync.dataset import NOTHING, Selection, Source
from pipelines.sync.merged import Merged
from pipelines.sync.reread import Rereader
from pipelines.sync.run import run
from pipelines.sync.surprises import surprise
from sql.statements import statement

log = logger(__name__)

CHANNEL = "hub_inbox"
LONGEST_NAP_SECONDS = 5.0
"""What it takes at most to notice what nobody announced, such as rows whose time has come."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0

Applied = Callable[[str, Merged], None]
"""Called for each data set that was written, by name."""


class Applier:
    """Applies one system's inbox while it leads. Everything it holds is made anew after the database went away."""

    def __init__(self, system: System, source: Source[Any, Any], database_url: str, applied: Applied) -> None:
        self._system = system
        self._source = source
        self._database_url = database_url
        self._applied = applied
        self._failures = 0

    def follow(self, stopped: Event) -> None:
        """Apply what comes until `stopped`; returns within a few seconds of it. Never raises."""
        while not stopped.is_set():
            try:
                self._lead(stopped)
            except psycopg.OperationalError as error:
                log.warning("inbox.database_gone", system=self._system, error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a worker that dies of one batch applies no other
                surprise(error, "inbox.broken", system=self._system)
                self._failures = min(self._failures + 1, 6)
            stopped.wait(self._pause())

    def drain(self) -> bool:
        """Apply what is due now and return; false: somebody else leads and will do it."""
        with self._inbox() as (connection, inbox):
            if not inbox.lead():
                return False
            with Readers(self._source, self._database_url) as readers:
                while (claimed := inbox.waiting()).entries and self._apply(connection, inbox, readers, claimed):
                    pass
            connection.execute("SELECT pg_advisory_unlock_all()")
        return True

    def _lead(self, stopped: Event) -> None:
        with self._inbox() as (connection, inbox), Readers(self._source, self._database_url) as readers:
            while not inbox.lead():
                if stopped.wait(FIRST_WAIT_SECONDS):
                    return
            log.info("inbox.leading", system=self._system)
            connection.execute(f"LISTEN {CHANNEL}")
            while not stopped.is_set():
                claimed = inbox.waiting()
                if not claimed.entries:
                    self._nap(connection, inbox)
                elif not self._apply(connection, inbox, readers, claimed):
                    stopped.wait(self._pause())

    def _pause(self) -> float:
        """Seconds: longer with each failure in a row, so that nothing is tried in a hot loop."""
        return float(min(FIRST_WAIT_SECONDS * 2**self._failures, LONGEST_WAIT_SECONDS))

    def _nap(self, connection: psycopg.Connection[Any], inbox: Inbox) -> None:
        due = inbox.next_due()
        nap = LONGEST_NAP_SECONDS if due is None else min(due, LONGEST_NAP_SECONDS)
        for _ in connection.notifies(timeout=max(nap, 0.005), stop_after=1):
            pass

    def _apply(self, connection: psycopg.Connection[Any], inbox: Inbox, readers: "Readers", claimed: Claimed) -> bool:
        """Read again what was claimed; false: the system is in trouble, so all of it waits."""
        try:
            self._read(connection, readers, claimed)
        except Exception as error:
            if _is_the_databases(error):
                raise
            if isinstance(error, SourceError) and error.concerns_all:
                self._failures = min(self._failures + 1, 6)
                inbox.delayed(claimed, timedelta(seconds=self._pause()), safe(error))
                log.warning("inbox.delayed", system=self._system, rows=len(claimed.entries), error=safe(error))
                return False
            # What a reader holds, such as an open transaction, may be in any state.
            readers.close()
            inbox.failed(
                claimed,
                self._reason(error, claimed),
                unanswered=isinstance(error, UnavailableError),
                all_alike=isinstance(error, SourceError) and error.concerns_kind,
            )
        else:
            inbox.done(claimed)
        self._failures = 0
        return True

    def _read(self, connection: psycopg.Connection[Any], readers: "Readers", claimed: Claimed) -> None:
        for name in dict.fromkeys(filter(None, map(missed_by, claimed.entries))):
            # Nothing can be missing of what is still to be read for the first time, which is a run of its own.
            if connection.execute(statement("sync/was_read_whole"), {"dataset": name}).fetchone():
                outcome = run(dataset_named(name), self._source, self._database_url)
                self._applied(name, outcome.merged)
        for name, only in _by_dataset(claimed).items():
            self._applied(name, readers.of(name).read(only))
            if name == SERVICES:
                request_new_lines(connection, only)
        request_work(connection, claimed.entries)

    def _reason(self, error: Exception, claimed: Claimed) -> str:
        """What is kept of an error that is of the records claimed, and logged."""
        if not isinstance(error, HubError):
            return surprise(error, "inbox.surprise", system=self._system, rows=len(claimed.entries))
        log.warning("inbox.failed", system=self._system, rows=len(claimed.entries), error=safe(error))
        return safe(error)

    def _inbox(self) -> "_Connected":
        return _Connected(self._database_url, self._system)


def _is_the_databases(error: Exception) -> bool:
    """Whether the database, rather than what was to be written, is to blame: it is gone, ending or full."""
    if isinstance(error, psycopg.OperationalError):
        return error.sqlstate is None or error.sqlstate.startswith(("08", "53", "57P"))
    return isinstance(error, psycopg.InterfaceError)


class _Connected:
    """A connection of its own for the lead, and the inbox on it."""

    def __init__(self, database_url: str, system: System) -> None:
        self._connection = connect(database_url, name=f"inbox {system}")
        self._connection.autocommit = True
        self._inbox = Inbox(self._connection, system)

    def __enter__(self) -> tuple[psycopg.Connection[Any], Inbox]:
        return self._connection, self._inbox

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class Readers:
    """The data sets' readers, made when first needed and kept warm."""

    def __init__(self, source: Source[Any, Any], database_url: str) -> None:
        self._source = source
        self._database_url = database_url
        self._kept: dict[str, tuple[psycopg.Connection[Any], Rereader]] = {}

    def of(self, name: str) -> Rereader:
        if name not in self._kept:
            connection = connect(self._database_url, name=f"reread {name}")
            self._kept[name] = connection, Rereader(connection, dataset_named(name), self._source)
        return self._kept[name][1]

    def close(self) -> None:
        for connection, reader in self._kept.values():
            with suppress(psycopg.Error):
                reader.close()
            connection.close()
        self._kept.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _by_dataset(claimed: Claimed) -> Mapping[str, Selection]:
    """What to read again, each record once, in the order of declaration: parents before what hangs under them."""
    wanted: dict[str, Selection] = {}
    for entry in claimed.entries:
        for name, only in wanted_by(entry):
            wanted[name] = wanted.get(name, NOTHING) | only
    return {dataset.name: wanted[dataset.name] for dataset in DATASETS if dataset.name in wanted}


class Tally:
    """What was written since it was last asked, by data set: the Dagster UI gets sums, not row by row."""

    def __init__(self) -> None:
        self._written: dict[str, Counter[str]] = {}

    def __call__(self, name: str, merged: Merged) -> None:
        self._written.setdefault(name, Counter()).update(merged.counts())

    def taken(self) -> dict[str, dict[str, int]]:
        """The sums by data set; counting starts over."""
        taken, self._written = self._written, {}
        return {name: dict(counts) for name, counts in taken.items()}
