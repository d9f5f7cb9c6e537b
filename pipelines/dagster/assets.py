"""One Dagster asset per data set. The asset names the data set; the sync engine does the work."""

import dagster as dg

from core.database import connect
from core.errors import (
    BrakeError,
    CredentialsError,
    IncompleteReadError,
    PermitError,
    QuotaError,
    RejectedError,
    SettingsError,
)
from pipelines.dagster.resources import Database, Sources
from pipelines.datasets import DATASETS
from pipelines.sync.dataset import Dataset
from pipelines.sync.run import Outcome, run
from sql.statements import statement

# Trying again at once cannot mend these: they end when an operator acts, or with the day's quota.
LASTING = (
    BrakeError,
    CredentialsError,
    IncompleteReadError,
    PermitError,
    QuotaError,
    RejectedError,
    SettingsError,
)
RETRIES = dg.RetryPolicy(max_retries=2, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


class SyncConfig(dg.Config):
    """What a run may be given."""

    full: bool = False
    allow_deletions: bool = False


def asset_key(dataset_name: str) -> dg.AssetKey:
    return dg.AssetKey(dataset_name.split("."))


def asset_of(dataset: Dataset) -> dg.AssetsDefinition:
    """The asset of a data set: its table in the hub, brought up to date."""

    @dg.asset(
        key=asset_key(dataset.name),
        deps=[asset_key(name) for name in dataset.after],
        group_name=dataset.group,
        description=f"{dataset.description} Written to {_tables(dataset)}.",
        kinds={dataset.system, "postgres"},
        owners=[f"team:{dataset.group}"],
        pool=dataset.system,
        retry_policy=RETRIES,
        metadata={"tables": _tables(dataset), "freshness_target_minutes": dataset.freshness.total_seconds() / 60},
        tags={"system": dataset.system},
        code_version=dataset.mapper_version,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=dataset.freshness),
    )
    def sync(
        context: dg.AssetExecutionContext, config: SyncConfig, sources: Sources, database: Database
    ) -> dg.MaterializeResult[None]:
        try:
            if config.allow_deletions:
                _require_permit(database.url, context.run.run_id)
            outcome = run(
                dataset,
                sources.of(dataset.system),
                database.url,
                full=config.full,
                allow_deletions=config.allow_deletions,
                dagster_run_id=context.run.run_id,
            )
        except LASTING as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        return dg.MaterializeResult(metadata=metadata_of(outcome))

    return sync


def _require_permit(url: str, run_id: str) -> None:
    """Lift the brake only for `hub sync --allow-deletions`: whoever can launch a run, in the UI, can write its config.

    Raises:
        PermitError: it is another launch.
    """
    with connect(url, name="deletion permit") as connection:
        ((is_permitted,),) = connection.execute(statement("sync/may_delete"), {"run": run_id})
    if not is_permitted:
        raise PermitError


def metadata_of(outcome: Outcome) -> dict[str, dg.MetadataValue]:
    """What the Dagster UI shows of a run."""
    return {
        "rows_read": dg.MetadataValue.int(outcome.read),
        **{name: dg.MetadataValue.int(count) for name, count in outcome.merged.counts().items()},
        "quarantined": dg.MetadataValue.int(outcome.quarantined),
        "unknown_labels": dg.MetadataValue.json(outcome.unknown_labels),
        "seconds": dg.MetadataValue.float(round(outcome.seconds, 3)),
        "rows_per_second": dg.MetadataValue.float(round(outcome.read / outcome.seconds, 1) if outcome.seconds else 0.0),
        "cursor": dg.MetadataValue.json(outcome.position),
    }


def _tables(dataset: Dataset) -> str:
    return ", ".join(f"{target.table.schema}.{target.table.name}" for target in dataset.targets)


ASSETS = tuple(asset_of(dataset) for dataset in DATASETS)
