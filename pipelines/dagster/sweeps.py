"""Sensors that find work which no worker took, and start a run for it: slower than a worker, and needs none."""

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from core.clock import utc_now
from core.database import connect
from core.settings import CommandSettings, HubSettings, load, url_as
from domain.common.identifiers import SYSTEMS
from pipelines.commands.provisioning import request_missed
from pipelines.dagster.commands import Due
from pipelines.dagster.living import in_process
from pipelines.dagster.resources import Database, Sources
from pipelines.events.worker import Applier, Tally
from sql.statements import statement

REPEATED_AFTER_SECONDS = 60
"""How long what is still overdue waits for another run."""


@dataclass(frozen=True)
class Overdue:
    """What a worker should have taken: how many there are, and a key that changes when others are."""

    count: int
    key: str


def sweep(
    of: str, op: dg.OpDefinition, overdue: Callable[[], Overdue | None], *, every_seconds: int
) -> tuple[dg.JobDefinition, dg.SensorDefinition]:
    """The job `sweep_<of>`, and the sensor `<of>_left_over` that starts it while something is overdue."""

    @dg.job(name=f"sweep_{of}", executor_def=in_process, description=op.description)
    def job() -> None:
        op()

    @dg.sensor(
        name=f"{of}_left_over",
        job=job,
        minimum_interval_seconds=every_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts {job.name} when something has waited for longer than a worker lets it.",
    )
    def sensor() -> dg.RunRequest | dg.SkipReason:
        found = overdue()
        if found is None:
            return dg.SkipReason("Nothing waits that a worker should have taken.")
        # Dagster answers a key once for ever: what a run left, because it was killed or a source was away, is asked for
        # again in the next minute. The pool of the op lets them run one at a time.
        minute = int(utc_now().timestamp()) // REPEATED_AFTER_SECONDS
        return dg.RunRequest(run_key=f"{of}-{found.key}-{minute}", tags={"overdue": str(found.count)})

    return job, sensor


@dg.op(
    tags={"kind": "inbox"},
    retry_policy=dg.RetryPolicy(max_retries=1, delay=15),
    description="Apply notifications that no worker took.",
)
def apply_inbox(context: dg.OpExecutionContext, sources: Sources, database: Database) -> None:
    """A worker that leads does it itself."""
    for system in SYSTEMS:
        tally = Tally()
        drained = Applier(system, sources.of(system), database.url, tally).drain()
        context.log.info("%s: %s", system, tally.taken() if drained else "a worker applies it")


def overdue_events() -> Overdue | None:
    with connect(url_as(load(HubSettings), "hub_sync"), name="inbox sensor") as connection:
        ((newest, many),) = connection.execute(statement("sync/inbox_overdue"))
    return Overdue(many, f"{newest}-{many}") if many else None


@dg.op(tags={"kind": "commands"}, description="Run the commands that no forwarder took.")
def take_overdue(context: dg.OpExecutionContext, database: Database) -> None:
    Due(database.url, overdue_seconds=load(CommandSettings).overdue_seconds).take(context)


def overdue_commands() -> Overdue | None:
    """Approved orders of which no event came are asked for on the way, as a forwarder does."""
    seconds = load(CommandSettings).overdue_seconds
    with connect(url_as(load(HubSettings), "hub_sync"), name="commands sensor") as connection:
        connection.autocommit = True
        request_missed(connection)
        ((many, newest, since),) = connection.execute(statement("forwarder/overdue"), {"seconds": seconds})
    return Overdue(many, f"{newest}-{since}") if many else None


sweep_inbox, inbox_left_over = sweep("inbox", apply_inbox, overdue_events, every_seconds=30)
sweep_commands, commands_left_over = sweep("commands", take_overdue, overdue_commands, every_seconds=5)
