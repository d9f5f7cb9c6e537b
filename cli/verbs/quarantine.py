"""`hub quarantine`."""

import json
from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.database import hub_url, opened
from cli.examples import examples
from cli.output import AsJson, Column, console, moment, number, show, show_facts
from core.errors import NotFoundError

EXAMPLES = examples(
    ("hub quarantine list", "every open row: which, why, how often"),
    ("hub quarantine list --dataset whmcs.invoices --json", "of one data set, for a program"),
    ("hub quarantine show 12", "one row with what the source sent: personal data"),
    ("hub quarantine retry", "after a fix: map them again, keep what can be represented now"),
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Rows that could not be represented. Nothing is dropped: they wait here until a fix.",
    epilog=EXAMPLES,
)

Dataset = Annotated[str | None, typer.Option(metavar="NAME", help="Only this data set, such as whmcs.invoices.")]

COLUMNS = (
    Column("id", "number", right=True),
    Column("dataset", "data set"),
    Column("source_id", "source id"),
    Column("reason", "reason"),
    Column("times_seen", "seen", number, right=True),
    Column("last_seen_at", "last seen (UTC)", moment),
)

RETRIED = (
    Column("dataset", "data set"),
    Column("taken", "taken", number, right=True),
    Column("refused", "refused again", number, right=True, alarming=bool),
    Column("requested", "asked for again", number, right=True),
)


@app.command("list", epilog=EXAMPLES)
def list_(dataset: Dataset = None, as_json: AsJson = False) -> None:
    """The open rows, newest first, without what was sent."""
    rows = [{key: value for key, value in row.items() if key != "payload"} for row in _rows(dataset=dataset)]
    show(rows, COLUMNS, as_json=as_json, empty="Nothing is quarantined.")


@app.command("show", epilog=EXAMPLES)
def show_(number: Annotated[int, typer.Argument(help="Its number in the list.")], as_json: AsJson = False) -> None:
    """One row, with what was sent. Personal data: for operators only."""
    rows = _rows(number=number)
    if not rows:
        raise NotFoundError(f"no open row has number {number}; see `hub quarantine list`")
    if as_json:
        show(rows, COLUMNS, as_json=True, empty="")
        return
    show_facts({key: value for key, value in rows[0].items() if key != "payload"})
    console().print_json(json.dumps(rows[0]["payload"]))


@app.command("retry", epilog=EXAMPLES)
def retry(dataset: Dataset = None, as_json: AsJson = False) -> None:
    """Map quarantined rows again. Details that are read by call are asked for again by the next sync."""
    from pipelines.datasets import DATASETS
    from pipelines.sources.connect import source_of
    from pipelines.sync.quarantine import quarantined
    from pipelines.sync.retry import retry as map_again

    with opened("hub_sync") as connection:
        with_rows = {row.dataset for row in quarantined(connection, dataset=dataset)}
    rows: list[dict[str, Any]] = []
    for one in (one for one in DATASETS if one.name in with_rows):
        source = source_of(one.system)
        with closing(source.client):
            rows.append({"dataset": one.name, **asdict(map_again(one, source, hub_url("hub_sync")))})
    show(rows, RETRIED, as_json=as_json, empty="Nothing is quarantined.")


def _rows(*, dataset: str | None = None, number: int | None = None) -> list[dict[str, Any]]:
    from pipelines.datasets import DATASETS
    from pipelines.sync.quarantine import quarantined

    with opened() as connection:
        rows = [asdict(row) for row in quarantined(connection, dataset=dataset, number=number)]
    names = [one.name for one in DATASETS]
    # Linking quarantines too, under a name that no data set has.
    if dataset is not None and not rows and dataset not in names:
        raise NotFoundError(f"no data set is called {dataset}; there are {', '.join(names)}")
    return rows
