"""Looks after commands that no forwarder took: slower, but without one."""

from contextlib import closing

import dagster as dg

from core.database import connect
from core.settings import CommandSettings, HubSettings, load, url_as
from pipelines.commands.forwarder import Claims, Heartbeat
from pipelines.commands.jobs import Turn
from pipelines.commands.pool import RunnerPool
from pipelines.commands.provisioning import request_missed
from pipelines.dagster.living import in_process
from pipelines.dagster.resources import Database
from pipelines.sources.clients import Clients
from sql.statements import statement


@dg.op(tags={"kind": "commands"}, description="Every command that is overdue, step by step.")
def take_overdue(context: dg.OpExecutionContext, database: Database) -> None:
    settings, clients = load(CommandSettings), Clients()
    with connect(database.url, name="sweep commands") as connection:
        connection.autocommit = True
        claims = Claims(connection, settings.lease_seconds)
        with closing(clients), RunnerPool(database.url, clients, settings) as runners:
            while commands := claims.take(settings.batch, settings.overdue_seconds):
                with Heartbeat(database.url, settings.lease_seconds).keeping(commands):
                    Turn(runners, commands).take(context)


@dg.job(executor_def=in_process, description="Run the commands that no forwarder took.")
def sweep_commands() -> None:
    take_overdue()


@dg.sensor(
    job=sweep_commands,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a sweep when commands have waited for longer than a forwarder lets them.",
)
def commands_left_over() -> dg.RunRequest | dg.SkipReason:
    """One sweep for what is overdue; the run key keeps a second one from being asked for meanwhile."""
    with connect(url_as(load(HubSettings), "hub_sync"), name="commands sensor") as connection:
        connection.autocommit = True
        request_missed(connection)
        row = connection.execute(
            statement("forwarder/overdue"), {"seconds": load(CommandSettings).overdue_seconds}
        ).fetchone()
    if row is None or not row[0]:
        return dg.SkipReason("No command waits that a forwarder should have taken.")
    return dg.RunRequest(run_key=f"commands-{row[1]}-{row[2]}", tags={"overdue": str(row[0])})
