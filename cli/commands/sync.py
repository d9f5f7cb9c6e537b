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
    systems: Annotated[list[System] | None, typer.Argument(help="Which systems; all when left out.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read from the start, not from the last stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring data sets up to date now. One Dagster run per system, which the Dagster UI shows like any other."""
    from cli.dagster_run import RunFailedError, run_job
    from cli.progress import shown

    hub_url()  # Nowhere to write to is said before Dagster's own error about its storage.
    rows: list[dict[str, object]] = []
    failures: list[str] = []
    with shown(silent=as_json):
        for system in systems or list(System):
            try:
                rows += run_job(system.value, full=full)
            except RunFailedError as error:
                rows += error.rows
                failures.append(str(error))
    show(rows, COLUMNS, as_json=as_json, empty="Nothing was read.")
    if failures:
        raise RunFailedError("\n".join(failures))
