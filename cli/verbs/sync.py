"""`hub sync`."""

from typing import Annotated

import typer

from cli.database import hub_url
from cli.examples import examples
from cli.output import AsJson, Column, number, show
from cli.systems import System

EXAMPLES = examples(
    ("hub sync", "every system, what changed since the last time"),
    ("hub sync whmcs", "one system"),
    ("hub sync salesforce --full", "from the start: every row is read, only differences are written"),
    ("hub sync customer 0b9ee7c5-…", "one customer, in all three systems, at once"),
)

COLUMNS = (
    Column("dataset", "data set"),
    *(
        Column(key, key, number, right=True)
        for key in ("read", "inserted", "updated", "unchanged", "deleted", "quarantined")
    ),
    Column("seconds", "seconds", right=True),
)


def sync(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SYSTEM]... | customer ID", help="Which systems, all when left out; or one customer."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read from the start, not from the last stop.")] = False,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Even if more than a twentieth of a table goes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring data sets up to date now. One Dagster run per system, which the Dagster UI shows like any other."""
    if targets and targets[0] == "customer":
        from cli.verbs.customer_sync import sync_customer

        sync_customer(targets[1:], as_json=as_json)
    else:
        _sync_systems(_systems(targets), full=full, allow_deletions=allow_deletions, as_json=as_json)


def _systems(names: list[str] | None) -> list[System]:
    try:
        return [System(name) for name in names] if names else list(System)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; there are {', '.join(System)}, and `customer ID`") from error


def _sync_systems(systems: list[System], *, full: bool, allow_deletions: bool, as_json: bool) -> None:
    from cli.dagster_run import RunFailedError, run_job
    from cli.progress import shown

    hub_url("hub_sync")  # Nowhere to write to is said before Dagster's own error about its storage.
    rows: list[dict[str, object]] = []
    failures: list[str] = []
    with shown(silent=as_json):
        for system in systems:
            try:
                rows += run_job(system.value, full=full, allow_deletions=allow_deletions)
            except RunFailedError as error:
                rows += error.rows
                failures.append(str(error))
    show(rows, COLUMNS, as_json=as_json, empty="Nothing was read.")
    if failures:
        raise RunFailedError("\n".join(failures))
