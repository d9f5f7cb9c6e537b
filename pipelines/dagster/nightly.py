"""What runs at night: lists are compared with their sources and healed, history is kept in months, the past pruned."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from core.database import Connection, connect
from core.errors import HubError
from core.settings import HubSettings, load
from domain.common.identifiers import System
from pipelines.dagster.assets import asset_key
from pipelines.dagster.living import in_process
from pipelines.dagster.resources import Database, Sources
from pipelines.datasets import datasets_of
from pipelines.sync.heal import Healed, heal
from sql.statements import statement

AT_ONCE = 5000
"""Commands emptied in one transaction."""


def _reconcile(system: System) -> dg.OpDefinition:
    @dg.op(
        name=f"reconcile_{system}",
        pool=system,
        description=f"Compare every list of {system} with the source, window by window, and heal what differs.",
        tags={"system": system},
    )
    def reconcile(context: dg.OpExecutionContext, sources: Sources, database: Database) -> None:
        failures = []
        for dataset in datasets_of(system):
            if dataset.details is not None:
                continue  # read again one record at a time, as each falls due
            try:
                healed = heal(dataset, sources.of(system), database.url, dagster_run_id=context.run_id)
            except HubError as error:
                failures.append(str(error))
                continue
            context.log_event(dg.AssetObservation(asset_key(dataset.name), metadata=_metadata(healed)))
        if failures:
            raise dg.Failure("\n".join(failures), allow_retries=False)

    return reconcile


def _metadata(healed: Healed) -> dict[str, dg.MetadataValue]:
    counts = ("windows", "source_rows", "missing", "different", "extra", "deleted")
    found: dict[str, dg.MetadataValue] = {name: dg.MetadataValue.int(getattr(healed, name)) for name in counts}
    found["quarantined"] = dg.MetadataValue.int(len(healed.quarantined))
    return found


@dg.op(description="Make the coming months of the change log, drop those past their retention, prune what is done.")
def keep_house(context: dg.OpExecutionContext, database: Database) -> None:
    """One transaction each, so that one that fails holds up no other. What is kept how long: docs/security.md."""
    settings, forgotten = load(HubSettings), 0
    days = {"days": settings.hub_payloads_days, "parked_days": settings.hub_commands_days}
    with connect(database.url, name="housekeeping") as connection:
        dropped = connection.execute("SELECT sync.keep_history(%s)", [settings.hub_history_months]).fetchone()
        connection.commit()
        pruned = connection.execute(statement("sync/prune"), days).fetchone()
        connection.commit()
        connection.execute("SELECT auth.forget()")
        connection.commit()
        while emptied := len(_forget_commands(connection, settings.hub_commands_days)):
            forgotten += emptied
    context.log.info(
        "dropped %s months, pruned %s runs and %s events, emptied %s parked events and %s resolved records, emptied"
        " %s commands",
        dropped and dropped[0],
        *(pruned or (0,) * 4),
        forgotten,
    )


def _forget_commands(connection: Connection, days: int) -> Sequence[Any]:
    found = connection.execute(statement("housekeeping/forget_commands"), {"days": days, "at_most": AT_ONCE}).fetchall()
    connection.commit()
    return found


@dg.job(executor_def=in_process, description="Compare every list with its source and heal what differs.")
def reconcile_nightly() -> None:
    for system in ("salesforce", "whmcs"):
        _reconcile(system)()


@dg.job(executor_def=in_process, description="Keep the change log's months and prune what is done.")
def housekeeping() -> None:
    keep_house()
