"""What the hub remembers of a run: its lock, its row in sync.runs, the reader's position, how fresh the data set is."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from psycopg import Connection
from psycopg.types.json import Jsonb

from core.errors import BrakeError, safe
from pipelines.sync.dataset import Dataset, MappedPage, Position
from pipelines.sync.merged import Merged
from sql.statements import statement
from sql.tables.sync import Mode

MOVING = frozenset({Mode.INCREMENTAL, Mode.FULL})
"""Runs that move the reader's position. Details never do: they are resumed by what is due."""


class Run:
    """One run of a data set, written down from its lock to its end.

    as_of, verified_through: set before a good end, where the data set is now known up to a moment, and known to be
        right up to one. A failed run knows no more than was known before.
    """

    def __init__(self, connection: Connection[Any], dataset: Dataset, mode: Mode) -> None:
        self.id = uuid4()
        self.mode = mode
        self.as_of: datetime | None = None
        self.verified_through: datetime | None = None
        self._connection = connection
        self._dataset = dataset
        self._moves_position = mode in MOVING and dataset.details is None

    def begin(self, *, dagster_run_id: str | None = None) -> tuple[Position, datetime]:
        """Wait for the data set's lock and record the start: where the last run stopped, and the database's now.

        One run of a data set works at a time, in all processes; the lock is the connection's. Runs of mode
        `events` wait for other such runs only: a load takes hours, and whoever looks at a record waits seconds.
        """
        dataset, is_events = self._dataset, self.mode is Mode.EVENTS
        lane = "events" if is_events else "sync"
        self._connection.execute("SELECT pg_advisory_lock(hashtext(%s), hashtext(%s))", [lane, dataset.name])
        parameters = {
            "id": self.id,
            "dataset": dataset.name,
            "system": dataset.system,
            "mode": self.mode.value,
            "dagster_run_id": dagster_run_id,
            "is_events": is_events,
            "target_seconds": int(dataset.freshness.total_seconds()),
        }
        ((position, now),) = self._connection.execute(statement("sync/begin_run"), parameters)
        self._connection.execute(statement("sync/declare_freshness"), parameters)
        return position or {}, now

    def record(self, mapped: MappedPage, merged: Merged, *, tells: bool) -> None:
        """Count a page, and move the position to its end, in the transaction that writes it.

        `tells`: the change log has something new, of which live updates and caches are notified when this commits.
        """
        page = mapped.page
        self._connection.execute(
            statement("sync/record_page"),
            {
                "run_id": self.id,
                "dataset": self._dataset.name,
                "position": Jsonb(page.position) if self._moves_position and not page.partial else None,
                "rows_read": len(page.rows) + len(page.failures),
                **merged.counts(),
                "quarantined": len(mapped.failures),
                "unknown_labels": Jsonb(dict(mapped.unknown_labels)),
                "tells": tells,
            },
        )

    def end(self, error: BaseException | None = None) -> None:
        """Undo what is not committed, and record how the run ended. A BrakeError parks the data set."""
        self._connection.rollback()
        parameters = {
            "id": self.id,
            "dataset": self._dataset.name,
            "error": None if error is None else safe(error),
            "brake": isinstance(error, BrakeError),
            "as_of": self.as_of if error is None else None,
            "verified_through": self.verified_through if error is None else None,
        }
        self._connection.execute(statement("sync/end_run"), parameters)
        self._connection.execute(statement("sync/advance_freshness"), parameters)
        self._connection.commit()
