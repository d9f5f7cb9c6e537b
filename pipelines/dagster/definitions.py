"""The one place that says what runs: assets, checks, jobs, schedules, sensors, resources."""

import dagster as dg

from pipelines.commands.jobs import COMMAND_JOBS
from pipelines.commands.sweep import commands_left_over, sweep_commands
from pipelines.dagster.assets import ASSETS, asset_key
from pipelines.dagster.checks import CHECKS, check_freshness
from pipelines.dagster.checks import SCHEDULE as CHECK_SCHEDULE
from pipelines.dagster.living import in_process
from pipelines.dagster.nightly import SCHEDULES as NIGHTLY_SCHEDULES
from pipelines.dagster.nightly import housekeeping, reconcile_nightly
from pipelines.dagster.resources import Database, Sources
from pipelines.dagster.sensors import inbox_left_over, sweep_inbox
from pipelines.datasets import SYSTEMS, datasets_of

CRON = {"salesforce": "*/5 * * * *", "whmcs": "*/10 * * * *", "freebit": "*/5 * * * *"}


def job_name(system: str) -> str:
    return f"sync_{system}"


JOBS = tuple(
    dg.define_asset_job(
        job_name(system),
        selection=dg.AssetSelection.assets(*(asset_key(dataset.name) for dataset in datasets_of(system))),
        description=f"Bring every data set of {system} up to date, in one run.",
        executor_def=in_process,
        tags={"system": system},
    )
    for system in SYSTEMS
)

SCHEDULES = tuple(
    dg.ScheduleDefinition(
        name=f"{job_name(system)}_schedule",
        job_name=job_name(system),
        cron_schedule=CRON[system],
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"A tick of {system}.",
    )
    for system in SYSTEMS
)

defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=(*JOBS, *COMMAND_JOBS.values(), sweep_commands, sweep_inbox, check_freshness, reconcile_nightly, housekeeping),
    schedules=(*SCHEDULES, CHECK_SCHEDULE, *NIGHTLY_SCHEDULES),
    sensors=(inbox_left_over, commands_left_over),
    # Also for what somebody starts in the UI: a run that holds no lock counts as dead.
    executor=in_process,
    resources={"sources": Sources(), "database": Database()},
)
