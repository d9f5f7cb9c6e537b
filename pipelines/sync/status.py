"""How each data set stands: rows, age, last run, quarantine. What `hub status` prints."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from pipelines.datasets import DATASETS
from pipelines.sync.dataset import Dataset, Target
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

    @property
    def stale(self) -> bool:
        return self.age_seconds is None or self.age_seconds > self.target_seconds


def statuses(connection: Connection[Any]) -> tuple[DatasetStatus, ...]:
    """Every declared data set, in the order of declaration, whether it was ever read or not."""
    with connection.cursor(row_factory=dict_row) as cursor:
        states = {row["dataset"]: row for row in cursor.execute(statement("operations/dataset_state")).fetchall()}
    return tuple(_status(connection, dataset, states.get(dataset.name, {})) for dataset in DATASETS)


def _status(connection: Connection[Any], dataset: Dataset, state: dict[str, Any]) -> DatasetStatus:
    return DatasetStatus(
        dataset=dataset.name,
        system=dataset.system,
        rows={target.table.name: _count(connection, target) for target in dataset.targets},
        as_of=state.get("as_of"),
        age_seconds=state.get("age_seconds"),
        target_seconds=int(dataset.freshness.total_seconds()),
        last_status=state.get("status"),
        last_started_at=state.get("started_at"),
        last_error=state.get("error"),
        quarantined=state.get("quarantined", 0),
    )


def _count(connection: Connection[Any], target: Target) -> int:
    row = connection.execute(
        SQL("SELECT count(*) FROM {} WHERE deleted_at IS NULL AND {}").format(
            Identifier(str(target.table.schema), target.table.name),
            SQL(target.scope),
        )
    ).fetchone()
    return int(row[0]) if row is not None else 0
