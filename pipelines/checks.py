"""Is each data set as fresh as it should be? The targets are rows of sync.freshness, an operator's to change."""

from typing import Any

import dagster as dg
from psycopg.rows import dict_row

from core.database import connect
from pipelines.assets import asset_key
from pipelines.datasets import DATASETS, dataset_named
from pipelines.resources import Database
from pipelines.sync.dataset import Dataset
from sql.statements import statement


def _fresh(dataset: Dataset) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(dataset.name),
        name="fresh",
        description="Known up to a moment that is not longer ago than its target, and not parked.",
    )
    def fresh(database: Database) -> dg.AssetCheckResult:
        state = _state(database.url, dataset.name)
        age, target = state.get("age_seconds"), state.get("target_seconds")
        parked = state.get("parked_reason")
        return dg.AssetCheckResult(
            passed=age is not None and target is not None and age <= target and parked is None,
            severity=dg.AssetCheckSeverity.ERROR if parked else dg.AssetCheckSeverity.WARN,
            metadata={
                "age_seconds": dg.MetadataValue.float(age) if age is not None else dg.MetadataValue.null(),
                "target_seconds": dg.MetadataValue.int(target) if target else dg.MetadataValue.null(),
                "verified_through": dg.MetadataValue.text(str(state.get("verified_through") or "never")),
                "quarantined": dg.MetadataValue.int(state.get("quarantined", 0)),
                "quarantine_reasons": dg.MetadataValue.json(state.get("quarantine_reasons", {})),
                "quota": dg.MetadataValue.text(_share(state)),
                "parked": dg.MetadataValue.text(parked or "no"),
            },
        )

    return fresh


def _state(url: str, name: str) -> dict[str, Any]:
    """The data set's row of operations/dataset_state, and its system's of operations/sources."""
    with connect(url, name="freshness check") as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("operations/dataset_state")).fetchall()
        systems = cursor.execute(statement("operations/sources")).fetchall()
    found = next((row for row in rows if row["dataset"] == name), {})
    return next((row for row in systems if row["system"] == dataset_named(name).system), {}) | found


def _share(state: dict[str, Any]) -> str:
    used, limit = state.get("quota_used"), state.get("quota_limit")
    return f"{used:,} of {limit:,} calls used" if used is not None and limit else "not told by the source"


CHECKS = tuple(_fresh(dataset) for dataset in DATASETS)

check_freshness = dg.define_asset_job(
    "check_freshness",
    selection=dg.AssetSelection.checks(*CHECKS),
    executor_def=dg.in_process_executor,
    description="Look whether every data set is as fresh as its target says.",
)

SCHEDULE = dg.ScheduleDefinition(
    job=check_freshness, cron_schedule="*/10 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
