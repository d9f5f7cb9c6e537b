"""What looks after work that nobody took: it starts a run, slower than the warm worker but without one."""

import dagster as dg

from core.database import connect
from core.settings import HubSettings, load, url_as
from pipelines.dagster.living import in_process
from pipelines.dagster.resources import Database, Sources
from pipelines.datasets import SYSTEMS
from pipelines.events.worker import Applier, Tally
from sql.statements import statement


@dg.op(tags={"kind": "inbox"}, retry_policy=dg.RetryPolicy(max_retries=1, delay=15))
def apply_inbox(context: dg.OpExecutionContext, sources: Sources, database: Database) -> None:
    """Apply what waits in the inbox, unless a worker leads and does it."""
    for system in SYSTEMS:
        tally = Tally()
        drained = Applier(system, sources.of(system), database.url, tally).drain()
        context.log.info("%s: %s", system, tally.taken() if drained else "a worker applies it")


@dg.job(executor_def=in_process, description="Apply what sources told and no worker took.")
def sweep_inbox() -> None:
    apply_inbox()


@dg.sensor(
    job=sweep_inbox,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a sweep when something has waited in the inbox for longer than a worker lets it.",
)
def inbox_left_over() -> dg.RunRequest | dg.SkipReason:
    """One sweep for what is overdue; the run key keeps a second one from being asked for meanwhile."""
    overdue = _overdue()
    if not overdue:
        return dg.SkipReason("Nothing waits in the inbox that a worker should have taken.")
    newest, count = overdue
    return dg.RunRequest(run_key=f"inbox-{newest}-{count}", tags={"overdue": str(count)})


def _overdue() -> tuple[int, int] | None:
    with connect(url_as(load(HubSettings), "hub_sync"), name="inbox sensor") as connection:
        row = connection.execute(statement("sync/inbox_overdue")).fetchone()
    return None if row is None or not row[1] else (int(row[0]), int(row[1]))
