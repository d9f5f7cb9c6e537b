"""`hub customers`."""

from typing import Annotated

import typer

from cli.database import answer
from cli.examples import examples
from cli.output import AsJson, Column, number, show

EXAMPLES = examples(
    ("hub customers list", "the first twenty that are linked in Salesforce and WHMCS"),
    ("hub customers list --name suzuki", "by a part of the name"),
    ("hub customers list --all --limit 1000 --json", "for a program, unlinked ones too"),
)

app = typer.Typer(no_args_is_help=True, help="The customers the hub knows.", rich_markup_mode="rich")

COLUMNS = (
    Column("id", "customer"),
    Column("account_number", "number"),
    Column("name", "name"),
    Column("status", "status"),
    Column("invoices", "invoices", number, right=True),
    Column("sims", "SIMs", number, right=True),
)


@app.command("list", epilog=EXAMPLES)
def list_(
    name: Annotated[str, typer.Option(help="Only names that contain this.")] = "",
    everyone: Annotated[bool, typer.Option("--all", help="Also customers known to one system only.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Customers by account number, with what `hub token --customer` takes."""
    rows = answer("operations/customers_named", name=name, everyone=everyone, limit=limit)
    show(rows, COLUMNS, as_json=as_json, empty="No customer; `hub status` tells whether a sync has run.")
