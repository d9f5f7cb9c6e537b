"""Quarantine: rows that could not be represented, kept as they were sent until they can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from core.storable import storable_dump
from pipelines.sync.dataset import Dataset, Failure, MappedPage, Row
from pipelines.sync.details import still_requested
from pipelines.sync.erased import is_of_erased
from sql.statements import statement
from sql.tables.sync import Mode


@dataclass(frozen=True)
class Quarantined:
    """A row as it was sent, and why the hub could not take it. `payload` is personal data: for operators only."""

    id: int
    dataset: str
    source_id: str
    reason: str
    mapper_version: str
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int
    payload: Any


def quarantined(
    connection: Connection[Any], *, dataset: str | None = None, number: int | None = None
) -> Sequence[Quarantined]:
    """The open rows, newest first; of one data set, or the one with that number."""
    with connection.cursor(row_factory=class_row(Quarantined)) as cursor:
        cursor.execute(statement("operations/quarantined"), {"dataset": dataset, "id": number})
        return cursor.fetchall()


class Quarantine:
    """One data set's quarantine during a run: sets rows aside, and lets out those that came whole."""

    def __init__(self, connection: Connection[Any], dataset: Dataset, mode: Mode) -> None:
        self._connection = connection
        self._dataset = dataset
        self._lives_long = mode is Mode.EVENTS
        self._open: set[str] = set()

    def begin(self) -> None:
        """Learn which rows are in quarantine; parents that nobody asks about any more leave it."""
        found = self._connection.execute(statement("sync/open_quarantine"), {"dataset": self._dataset.name}).fetchall()
        self._open = {source_id for (source_id,) in found}
        details = self._dataset.details
        if details is not None and self._open:
            self._resolve(self._open - still_requested(self._connection, details, self._open))

    def write(self, mapped: MappedPage) -> None:
        """Set the page's failures aside; its other rows leave quarantine."""
        for failure in mapped.failures:
            self._connection.execute(
                statement("sync/quarantine"),
                {
                    "dataset": self._dataset.name,
                    "source_id": failure.source_id,
                    "payload": Jsonb(self._kept(failure), dumps=storable_dump),
                    "reason": failure.reason,
                    "mapper_version": self._dataset.mapper_version,
                    # A list brings the same broken row with every poll; a call is made again because it failed.
                    "counts": self._dataset.details is not None,
                },
            )
            self._open.add(failure.source_id)
        # A reader of single records lives long: it does not know what others set aside meanwhile.
        known = mapped.mapped_ids if self._lives_long else self._open
        self._resolve(set(mapped.mapped_ids).intersection(known) if known else set())

    def _kept(self, failure: Failure) -> Row:
        """What was sent; of somebody who was erased, nothing."""
        return {} if is_of_erased(self._connection, self._dataset, failure) else failure.payload

    def _resolve(self, source_ids: set[str]) -> None:
        """Records that can be represented after all, or need not be any more, leave quarantine."""
        if source_ids:
            values = {"dataset": self._dataset.name, "source_ids": sorted(source_ids)}
            self._connection.execute(statement("sync/resolve_quarantine"), values)
            self._open -= source_ids
