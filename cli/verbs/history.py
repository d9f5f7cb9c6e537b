"""`hub history`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from cli.database import answer
from cli.examples import examples
from cli.output import AsJson, Column, moment, plain, show
from core.errors import NotFoundError
from domain.common.identifiers import System, hub_id, salesforce_id

EXAMPLES = examples(
    ("hub history invoice 20000017", "by the id in its own system"),
    ("hub history order 8010000000000A1AAA --json", "for a program"),
    ("hub history customer 0b9ee7c5-…", "by the hub's id"),
)

COLUMNS = (
    Column("changed_at", "when (UTC)", moment),
    Column("operation", "what"),
    Column("column", "column"),
    Column("before", "before"),
    Column("after", "after"),
    Column("mode", "by"),
)


def history(
    record: Annotated[
        str, typer.Argument(help="What, such as invoice, order or customer; any other word lists them all.")
    ],
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its id in its own system, or the hub's.")],
    as_json: AsJson = False,
) -> None:
    """Every change of one record that the hub saw, oldest first, and which kind of read brought it."""
    records = _records()
    if record not in records:
        raise typer.BadParameter(f"{record} is none of {', '.join(records)}")
    table, system, kind = records[record]
    rows = answer("operations/history", entity=table, id=_hub_id(system, kind, identity))
    if not rows:
        raise NotFoundError(f"the hub saw no change of {record} {identity}")
    shown = rows if as_json else [line for row in rows for line in _lines(row)]
    show(shown, COLUMNS, as_json=as_json, empty="")


def _records() -> Mapping[str, tuple[str, System, str]]:
    """What people call a record: its table, its system, and what its id is made of."""
    from pipelines.datasets import DATASETS

    found = {
        target.called: (target.table.name, dataset.system, target.kind)
        for dataset in DATASETS
        for target in dataset.targets
        if target.called
    }
    # A customer that is linked has the id of its account in Salesforce.
    return found | {"customer": ("customers", "salesforce", "account")}


def _hub_id(system: System, kind: str, identity: str) -> UUID:
    try:
        return UUID(identity)
    except ValueError:
        pass
    try:
        return hub_id(system, kind, salesforce_id(identity) if system == "salesforce" else identity)
    except ValueError as error:
        raise typer.BadParameter(f"{identity} is no id of {system} and none of the hub's") from error


def _lines(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A line for each column that changed; one for an insert."""
    before, after = row["before"] or {}, row["after"] or {}
    for column in sorted(after) or [""]:
        yield {**row, "column": column, "before": plain(before.get(column)), "after": plain(after.get(column))}
