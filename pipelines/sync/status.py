"""How each data set stands: rows, age, last run, quarantine. What `hub status` prints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.sql import SQL

from pipelines.sync.dataset import Dataset, Target
from pipelines.sync.tables import qualified
from sql.statements import statement


@dataclass(frozen=True)
class DatasetStatus:
    """One data set. `rows`: existing rows by table. `as_of`: null where it was never read to the end."""

    dataset: str
    system: str
    rows: dict[str, int]
    as_of: datetime | None
    age_seconds: float | None
    target_seconds: int
    last_status: str | None
    last_started_at: datetime | None
    last_error: str | None
    quarantined: int
    verified_through: datetime | None = None
    verified_age_seconds: float | None = None
    parked_at: datetime | None = None
    parked_reason: str | None = None
    quarantine_reasons: Mapping[str, int] = field(default_factory=dict)
    """Of the rows in quarantine, how many for which reason; the five most frequent reasons."""

    @property
    def stale(self) -> bool:
        return self.age_seconds is None or self.age_seconds > self.target_seconds


def statuses(connection: Connection[Any], datasets: Sequence[Dataset]) -> tuple[DatasetStatus, ...]:
    """Every data set given, in that order, whether it was ever read or not; last, the links made of their accounts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        states = {row["dataset"]: row for row in cursor.execute(statement("operations/dataset_state")).fetchall()}
    found = tuple(_status(connection, dataset, states.get(dataset.name, {})) for dataset in datasets)
    linked = [one for one, dataset in zip(found, datasets, strict=True) if dataset.link is not None]
    return (*found, _links(connection, linked))


def _links(connection: Connection[Any], accounts: Sequence[DatasetStatus]) -> DatasetStatus:
    """The customers drawn together from accounts: as old as the oldest of them; contradictions are in quarantine."""
    ages = [one.age_seconds for one in accounts]
    reasons: dict[str, int] = dict(
        connection.execute(
            "SELECT reason, count(*) FROM sync.quarantine WHERE dataset = 'customer.links' AND resolved_at IS NULL"
            " GROUP BY reason ORDER BY reason"
        ).fetchall()
    )
    ((customers,),) = connection.execute("SELECT count(*) FROM hub.customers WHERE deleted_at IS NULL")
    return DatasetStatus(
        dataset="customer.links",
        system="hub",
        rows={"customers": customers},
        as_of=None if None in ages else min(one.as_of for one in accounts if one.as_of),
        age_seconds=None if None in ages else max(age for age in ages if age is not None),
        target_seconds=max(one.target_seconds for one in accounts),
        last_status=None,
        last_started_at=None,
        last_error=None,
        quarantined=sum(reasons.values()),
        quarantine_reasons=reasons,
    )


def _status(connection: Connection[Any], dataset: Dataset, state: dict[str, Any]) -> DatasetStatus:
    return DatasetStatus(
        dataset=dataset.name,
        system=dataset.system,
        rows={target.table.name: _count(connection, target) for target in dataset.targets},
        as_of=state.get("as_of"),
        age_seconds=state.get("age_seconds"),
        target_seconds=state.get("target_seconds", int(dataset.freshness.total_seconds())),
        last_status=state.get("status"),
        last_started_at=state.get("started_at"),
        last_error=state.get("error"),
        quarantined=state.get("quarantined", 0),
        verified_through=state.get("verified_through"),
        verified_age_seconds=state.get("verified_age_seconds"),
        parked_at=state.get("parked_at"),
        parked_reason=state.get("parked_reason"),
        quarantine_reasons=state.get("quarantine_reasons", {}),
    )


@dataclass(frozen=True)
class SourceStatus:
    """One system: whether it is called, what of its quota is used, and what waits in the inbox for it."""

    system: str
    circuit: str
    left_alone_until: datetime | None
    reason: str | None
    quota_used: int | None
    quota_limit: int | None
    quota_at: datetime | None
    waiting: int
    waiting_since: datetime | None
    parked: int
    parked_reason: str | None


def sources(connection: Connection[Any]) -> list[SourceStatus]:
    with connection.cursor(row_factory=class_row(SourceStatus)) as cursor:
        return cursor.execute(statement("operations/sources").encode()).fetchall()


@dataclass(frozen=True)
class StreamStatus:
    """One channel of a source's events: what the listener does there, and when it last stored an event."""

    topic: str
    state: str
    event_at: datetime | None
    updated_at: datetime
    error: str | None


def streams(connection: Connection[Any]) -> list[StreamStatus]:
    with connection.cursor(row_factory=class_row(StreamStatus)) as cursor:
        return cursor.execute(statement("operations/streams").encode()).fetchall()


def _count(connection: Connection[Any], target: Target) -> int:
    query = SQL("SELECT count(*) FROM {} WHERE deleted_at IS NULL AND {}")
    ((rows,),) = connection.execute(query.format(qualified(target.table), SQL(target.scope)))
    return int(rows)
