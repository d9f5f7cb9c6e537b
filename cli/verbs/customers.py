"""`hub customers`."""

from typing import Annotated

import typer

from cli.database import answer, opened, operator_login
from cli.examples import examples
from cli.output import AsJson, Column, console, moment, number, show

EXAMPLES = examples(
    ("hub customers list", "the first twenty that are linked in Salesforce and WHMCS"),
    ("hub customers list --name suzuki", "by a part of the name"),
    ("hub customers list --all --limit 1000 --json", "for a program, unlinked ones too"),
    ("hub customers links", "which links between Salesforce and WHMCS were made, moved or ended"),
    ("hub customers link 001… 1234 --reason 'contract seen'", "they are one customer's, whatever they claim"),
    ("hub customers unlink 001… 1234 --reason 'typing error'", "they are not, whatever they claim"),
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
LINKS = (
    Column("changed_at", "changed (UTC)", moment),
    Column("account", "account"),
    Column("what", "link", alarming=lambda what: what != "made"),
    Column("said_by", "by whose word"),
    Column("former_customer_id", "from customer", spare=True),
    Column("customer_id", "to customer", spare=True),
)

SalesforceId = Annotated[str, typer.Argument(help="Id of the account in Salesforce, 18 characters.")]
WhmcsId = Annotated[str, typer.Argument(help="Id of the client in WHMCS.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever asks later; it is kept.", prompt="Why")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask again.")]


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


@app.command("links", epilog=EXAMPLES)
def links(limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20, as_json: AsJson = False) -> None:
    """Links between the systems' accounts that were made, moved or ended, newest first. None is ever forgotten."""
    show(answer("operations/link_changes", limit=limit), LINKS, as_json=as_json, empty="No link was ever made.")


@app.command("link", epilog=EXAMPLES)
def link(salesforce_id: SalesforceId, whmcs_id: WhmcsId, reason: Reason, yes: Yes = False) -> None:
    """Say that two accounts are one customer's: who speaks for one sees both. It outweighs what the systems claim."""
    _say(salesforce_id, whmcs_id, reason, is_linked=True, sure=yes)


@app.command("unlink", epilog=EXAMPLES)
def unlink(salesforce_id: SalesforceId, whmcs_id: WhmcsId, reason: Reason, yes: Yes = False) -> None:
    """Say that two accounts are not one customer's, whatever the systems claim."""
    _say(salesforce_id, whmcs_id, reason, is_linked=False, sure=yes)


def _say(salesforce_id: str, whmcs_id: str, reason: str, *, is_linked: bool, sure: bool) -> None:
    from pipelines.datasets.linking import say_apart, say_linked

    are = "are one customer's" if is_linked else "are not one customer's"
    if not sure:
        typer.confirm(f"Account {salesforce_id} of Salesforce and client {whmcs_id} of WHMCS {are}?", abort=True)
    with opened("hub_sync") as connection:
        (say_linked if is_linked else say_apart)(
            connection, salesforce_id, whmcs_id, by=operator_login(), reason=reason
        )
    console().print(f"{salesforce_id} and {whmcs_id} {are}: it holds until somebody says otherwise.")
