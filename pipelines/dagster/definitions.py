"""The one place that says what runs, and when: assets, checks, jobs, schedules, sensors, resources."""

import dagster as dg

from domain.common.identifiers import SYSTEMS
from pipelines.dagster.assets import ASSETS, asset_key
from pipelines.dagster.checks import CHECKS, check_freshness
from pipelines.dagster.commands import COMMAND_JOBS
from pipelines.dagster.living import in_process
from pipelines.dagster.nightly import housekeeping, reconcile_nightly
from pipelines.dagster.resources import Database, Sources
from pipelines.dagster.sweeps import commands_left_over, inbox_left_over, sweep_commands, sweep_inbox
from pipelines.datasets import datasets_of

CRON = {"salesforce": "*/5 * * * *", "whmcs": "*/10 * * * *", "freebit": "*/5 * * * *"}
FRESHNESS_CRON = "*/10 * * * *"
AT_NIGHT, NIGHTS_OF = "0 3 * * *", "Asia/Tokyo"
"""When customers and agents sleep."""


def job_name(system: str) -> str:
    return f"sync_{system}"


SYNC_JOBS = tuple(
    dg.define_asset_job(
        job_name(system),
        selection=dg.AssetSelection.assets(*(asset_key(dataset.name) for dataset in datasets_of(system))),
        description=f"Bring every data set of {system} up to date, in one run.",
        executor_def=in_process,
        tags={"system": system},
    )
    for system in SYSTEMS
)


def schedule(job: str, cron: str, zone: str = "UTC") -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        job_name=job, cron_schedule=cron, execution_timezone=zone, default_status=dg.DefaultScheduleStatus.RUNNING
    )


defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=(
        *SYNC_JOBS,
        *COMMAND_JOBS.values(),
        sweep_inbox,
        sweep_commands,
        check_freshness,
        reconcile_nightly,
        housekeeping,
    ),
    schedules=(
        *(schedule(job_name(system), CRON[system]) for system in SYSTEMS),
        schedule(check_freshness.name, FRESHNESS_CRON),
        schedule(reconcile_nightly.name, AT_NIGHT, NIGHTS_OF),
        schedule(housekeeping.name, AT_NIGHT, NIGHTS_OF),
    ),
    sensors=(inbox_left_over, commands_left_over),
    # Also for what somebody starts in the UI: a run that holds no lock counts as dead.
    executor=in_process,
    resources={"sources": Sources(), "database": Database()},
)
