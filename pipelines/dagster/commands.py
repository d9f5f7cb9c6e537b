"""Every kind of command is a Dagster job: its runs show each command's steps, under its request id and subject."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dagster as dg

from core.database import connect
from core.settings import CommandSettings, HubSettings, load, url_as
from pipelines.commands.actions import ACTIONS
from pipelines.commands.claims import Claims, Heartbeat
from pipelines.commands.pool import RunnerPool
from pipelines.commands.saga import Action, Command
from pipelines.dagster.living import held, in_process
from pipelines.sources.clients import Clients

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The process's own log tells what matters; a run's story is in the UI."""


@dataclass(frozen=True)
class Claimed:
    """The work of a run that a forwarder starts: commands that it claimed, and who runs them."""

    runners: RunnerPool
    commands: Sequence[Command]

    def take(self, context: dg.OpExecutionContext) -> dict[str, str]:
        """Take every command as far as it can go; the status each was left in, by id.

        One event a command, because each is a transaction of Dagster's; when each step was taken is in command.steps.
        """
        left: dict[str, str] = {}
        for outcome in self.runners.run(self.commands):
            command = outcome.command
            concerns = f"{command.subject_kind} {command.order_number or command.subject_id}"
            about = f"{command.kind} {command.id} of {concerns}: {outcome.status}"
            context.log.info("%s", "\n  ".join([about, *outcome.said]))
            left[str(command.id)] = outcome.status
        return left


@dataclass(frozen=True)
class Due:
    """The work of a run that nobody claimed commands for: what is due, claimed as a forwarder would.

    kind: only of that kind. overdue_seconds: only what a forwarder should have taken so long ago.
    """

    database_url: str
    kind: str | None = None
    overdue_seconds: float = 0.0

    def take(self, context: dg.OpExecutionContext) -> dict[str, str]:
        """Take batch after batch until nothing new is due; the status each command was left in, by id."""
        settings, clients, left = load(CommandSettings), Clients(), dict[str, str]()
        with connect(self.database_url, name="commands in Dagster") as connection:
            connection.autocommit = True
            claims = Claims(connection, settings.lease_seconds)
            with closing(clients), RunnerPool(self.database_url, clients, settings) as runners:
                comes_again = False
                # A command that is due again already would keep this run going for ever: it is left to the next run.
                while not comes_again and (commands := claims.take(settings.batch, self.overdue_seconds, self.kind)):
                    comes_again = any(str(command.id) in left for command in commands)
                    with Heartbeat(self.database_url, settings.lease_seconds).keeping(commands):
                        left |= Claimed(runners, commands).take(context)
        return left


@dg.op(required_resource_keys={"work"}, description="The commands of the run, step by step.")
def take_steps(context: dg.OpExecutionContext) -> None:
    left = context.resources.work.take(context)
    context.add_output_metadata({"commands": dg.MetadataValue.json(left)})
    dead = [command for command, status in left.items() if status == "dead"]
    if dead:
        raise dg.Failure(f"an operator must look at {', '.join(dead)}: hub commands show <id>", allow_retries=False)


def job_of(action: Action[Any]) -> dg.JobDefinition:
    @dg.resource(description="What the forwarder claimed; of a run that somebody launches, what is due of this kind.")
    def work() -> Due:
        return Due(url_as(load(HubSettings), "hub_sync"), action.kind.name)

    @dg.job(
        name=action.kind.name,
        description=action.kind.about,
        resource_defs={"work": work},
        executor_def=in_process,
        tags={"command": action.kind.name},
    )
    def job() -> None:
        take_steps()

    return job


COMMAND_JOBS = {kind: job_of(action) for kind, action in ACTIONS.items()}


def run_in_dagster(instance: dg.DagsterInstance, runners: RunnerPool, commands: Sequence[Command]) -> None:
    """Run claimed commands of one kind as one run of their job."""
    first = commands[0]
    tags = {
        "command_ids": ",".join(str(command.id) for command in commands),
        "request_id": ",".join(dict.fromkeys(command.request_id for command in commands)),
        "subject": ",".join(dict.fromkeys(f"{each.subject_kind}/{each.subject_id}" for each in commands)),
    }
    if numbers := [each.order_number for each in commands if each.order_number]:
        tags["order_number"] = ",".join(numbers)
    run_id = str(uuid4())
    with held(run_id):
        COMMAND_JOBS[first.kind].execute_in_process(
            instance=instance,
            run_id=run_id,
            raise_on_error=False,
            run_config=QUIET,
            tags=tags,
            resources={"work": Claimed(runners, commands)},
        )


def by_kind(commands: Iterable[Command]) -> dict[str, list[Command]]:
    """Commands that may share a run."""
    found: dict[str, list[Command]] = {}
    for command in commands:
        found.setdefault(command.kind, []).append(command)
    return found
