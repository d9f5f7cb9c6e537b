"""Is each data set as fresh as it should be? The targets are rows of sync.freshness, an operator's to change."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg
from psycopg.rows import dict_row

from core.database import connect
from pipelines.dagster.assets import asset_key
from pipelines.dagster.living import in_process
from pipelines.dagster.resources import Database
from pipelines.datasets import DATASETS
from pipelines.sync.dataset import Dataset
from sql.statements import statement


def _fresh(dataset: Dataset) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(dataset.name),
        name="fresh",
        description="Known up to a moment that is not longer ago than its target, and not parked.",
    )
    def fresh(database: Database) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_verdict(_states(database.url).get(dataset.name, {})))

    return fresh


def evaluations(url: str, names: Iterable[str]) -> Iterator[dg.AssetCheckEvaluation]:
    """The verdicts on these data sets, to be reported without a run.

    Dagster calls a check not evaluated once its asset was materialized after it, which the worker's are all the time.
    """
    states = _states(url)
    for name in names:
        yield dg.AssetCheckEvaluation(asset_key=asset_key(name), check_name="fresh", **_verdict(states.get(name, {})))


def _verdict(state: dict[str, Any]) -> dict[str, Any]:
    age, target, parked = state.get("age_seconds"), state.get("target_seconds"), state.get("parked_reason")
    return {
        "passed": age is not None and target is not None and age <= target and parked is None,
        "severity": dg.AssetCheckSeverity.ERROR if parked else dg.AssetCheckSeverity.WARN,
        "metadata": {
            "age_seconds": dg.MetadataValue.float(age) if age is not None else dg.MetadataValue.null(),
            "target_seconds": dg.MetadataValue.int(target) if target else dg.MetadataValue.null(),
            "verified_through": dg.MetadataValue.text(str(state.get("verified_through") or "never")),
            "quarantined": dg.MetadataValue.int(state.get("quarantined", 0)),
            "quarantine_reasons": dg.MetadataValue.json(state.get("quarantine_reasons", {})),
            "quota": dg.MetadataValue.text(_share(state)),
            "parked": dg.MetadataValue.text(parked or "no"),
        },
    }


def _states(url: str) -> dict[str, dict[str, Any]]:
    """By data set: its row of operations/dataset_state, and its system's of operations/sources."""
    with connect(url, name="freshness check") as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("operations/dataset_state")).fetchall()
        systems = {row["system"]: row for row in cursor.execute(statement("operations/sources")).fetchall()}
    return {row["dataset"]: systems.get(row["system"], {}) | row for row in rows}


def _share(state: dict[str, Any]) -> str:
    used, limit = state.get("quota_used"), state.get("quota_limit")
    return f"{used:,} of {limit:,} calls used" if used is not None and limit else "not reported by the source"


CHECKS = tuple(_fresh(dataset) for dataset in DATASETS)

check_freshness = dg.define_asset_job(
    "check_freshness",
    selection=dg.AssetSelection.checks(*CHECKS),
    executor_def=in_process,
    description="Check whether every data set is as fresh as its target says.",
)
