"""`hub commands`."""

from typing import Annotated, Any, Literal

import typer

from cli.database import opened
from cli.examples import examples
from cli.output import AsJson, Column, console, moment, number, plain, show, show_facts

EXAMPLES = examples(
    ("hub commands list --status dead", "what waits for an operator"),
    ("hub commands show 3f2a", "one command and its steps; the beginning of its id is enough"),
    ("hub commands retry 3f2a", "go on now: steps that were done are not done again"),
    ("hub commands cancel 3f2a", "call it off, as long as nothing was done"),
    ("hub commands resolve 3f2a --as succeeded", "you saw to it yourself: what waits behind it goes on"),
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What customers asked to be done: where each command stands, and what to do about it.",
    epilog=EXAMPLES,
)

Status = Literal["accepted", "running", "waiting", "succeeded", "failed", "cancelled", "dead"]
Id = Annotated[str, typer.Argument(help="Its id, or as much of the beginning as no other command has.")]

COLUMNS = (
    Column("id", "command", lambda value: str(value)[:8]),
    Column("kind", "kind"),
    Column("status", "status", alarming=lambda status: status in {"dead", "failed"}),
    Column("accepted_at", "accepted (UTC)", moment),
    Column("due_at", "goes on (UTC)", moment, spare=True),
    Column("why", "why", lambda value: plain(value) if value else ""),
    Column("attempts", "tries", number, right=True),
    Column("subject", "concerns", spare=True),
)
STEPS = (
    Column("name", "step"),
    Column("status", "status", alarming=lambda status: status == "started"),
    Column("attempts", "tries", number, right=True),
    Column("error", "last error", lambda value: plain(value) if value else ""),
)


@app.command("list", epilog=EXAMPLES)
def list_(
    status: Annotated[Status | None, typer.Option(help="Only those that stand so.")] = None,
    rows: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Commands, newest first."""
    from pipelines.commands.operating import listed

    with opened() as connection:
        show([dict(row) for row in listed(connection, status, rows)], COLUMNS, as_json=as_json, empty="No command.")


@app.command("show", epilog=EXAMPLES)
def show_(command: Id, as_json: AsJson = False) -> None:
    """One command and its steps. A red step was started, and what came of it is not known yet."""
    found, steps = _found(command)
    if as_json:
        show([found | {"steps": steps}], COLUMNS, as_json=True, empty="")
        return
    show_facts({key: value for key, value in found.items() if value is not None})
    console().print()
    show(steps, STEPS, as_json=False, empty="No step was taken yet.")


@app.command("retry", epilog=EXAMPLES)
def retry(command: Id) -> None:
    """Let a waiting or dead command go on now."""
    from pipelines.commands import operating

    found, _ = _found(command)
    with opened("hub_sync") as connection:
        operating.retry(connection, found["id"])
    console().print(f"{found['kind']} goes on now; `hub commands show {str(found['id'])[:8]}` says how far it comes.")


@app.command("cancel", epilog=EXAMPLES)
def cancel(command: Id) -> None:
    """Call a command off of which nothing was done yet."""
    from pipelines.commands import operating

    found, _ = _found(command)
    with opened("hub_sync") as connection:
        operating.cancel(connection, found["id"], found["kind"])
    console().print(f"{found['kind']} is called off; nothing had been done.")


@app.command("resolve", epilog=EXAMPLES)
def resolve(
    command: Id,
    status: Annotated[Literal["succeeded", "failed"], typer.Option("--as", help="How it ended.")],
    reason: Annotated[str, typer.Option(help="What the customer is told, where it failed.")] = "It could not be done.",
) -> None:
    """Say how a dead command ended, once you have seen to it: what waits behind it goes on."""
    from pipelines.commands import operating

    found, _ = _found(command)
    with opened("hub_sync") as connection:
        operating.resolve(connection, found["id"], status, reason)
    console().print(f"{found['kind']} has {status}.")


def _found(begins: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from pipelines.commands.operating import shown

    with opened() as connection:
        command, steps = shown(connection, begins)
    return dict(command), [dict(step) for step in steps]
