"""Rows that could not be represented: what they are, and trying them again after a fix."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from core.database import connect
from pipelines.datasets import DATASETS
from pipelines.sync.dataset import Dataset, Details, Page
from pipelines.sync.mapping import map_page
from pipelines.sync.store import Store, wish
from pipelines.sync.writing import write_page
from sql.statements import statement


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


@dataclass(frozen=True)
class Retried:
    """What trying again did, in rows: taken into the hub, refused again, or left for the next run to read again."""

    taken: int = 0
    refused: int = 0
    requested: int = 0


def quarantined(
    connection: Connection[Any], *, dataset: str | None = None, number: int | None = None
) -> Sequence[Quarantined]:
    """The open rows, newest first; of one data set, or the one with that number."""
    with connection.cursor(row_factory=class_row(Quarantined)) as cursor:
        cursor.execute(statement("operations/quarantined"), {"dataset": dataset, "id": number})
        return cursor.fetchall()


def retry(dataset: Dataset, vocabulary: Any, database_url: str) -> Retried:
    """Map the data set's quarantined rows again, with today's mapper, and write those that can be represented.

    Details read by call are asked for again by the next run instead: their parent becomes due. So are records that
    came without a payload, by the worker.
    """
    with connect(database_url, name=f"quarantine {dataset.name}") as connection:
        rows = quarantined(connection, dataset=dataset.name)
        if dataset.details is not None:
            _make_due(connection, dataset.details, [row.source_id for row in rows])
            return Retried(requested=len(rows))
        # What its source could not hand over came without a payload: it is asked for by its id again.
        unread = [row.source_id for row in rows if not row.payload and row.source_id.isalnum()]
        if unread:
            wish(connection, dataset.name, unread)
            connection.commit()
        rows = [row for row in rows if row.payload]
        if not rows:
            return Retried(requested=len(unread))
        store = Store(connection, dataset)
        position, _ = store.open(mode="quarantine", dagster_run_id=None)
        mapped = map_page(dataset, Page(rows=[row.payload for row in rows], position=position), vocabulary)
        parts = [part for part, _ in write_page(store, dataset, mapped, vocabulary)]
        store.close(error=None, as_of=None)
    return Retried(
        taken=sum(len(part.mapped_ids) for part in parts),
        refused=sum(len(part.failures) for part in parts),
        requested=len(unread),
    )


def datasets_with_quarantine(connection: Connection[Any]) -> tuple[Dataset, ...]:
    names = {row.dataset for row in quarantined(connection)}
    return tuple(dataset for dataset in DATASETS if dataset.name in names)


def _make_due(connection: Connection[Any], details: Details, source_ids: Sequence[str]) -> None:
    connection.execute(
        SQL("UPDATE {} SET {} = now() WHERE source_id = ANY(%s) AND {}").format(
            Identifier(str(details.parent.schema), details.parent.name),
            Identifier(details.due_at),
            SQL(details.where),
        ),
        [list(source_ids)],
    )
    connection.commit()
