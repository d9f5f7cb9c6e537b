"""What a person reads when the stack is up: where everything is, what it holds, and a request that works."""

from uuid import UUID

from rich.console import Console
from rich.text import Text

from cli.database import answer, hub_url
from cli.output import table
from cli.up.stack import Stack
from cli.verbs.dagster import link_into_ui
from cli.verbs.status import COLUMNS, state
from cli.verbs.token import minted
from core.database import masked
from core.settings import ApiSettings, HubSettings, MailSettings, load


def welcome(stack: Stack, console: Console, *, synced: bool) -> None:
    console.print(table(state(), COLUMNS, console))
    if not synced:
        console.print("[red]The first sync failed, see above;[/red] Dagster tries again on its schedule.\n")
    for name, address in _addresses(stack):
        _line(console, name, address)
        if name == "Dagster UI":
            _line(console, "", "a viewer's, one use, ten minutes; others: hub dagster --link [--operate]")
    _line(console, "psql", f"hub psql   ({masked(hub_url())})")
    if load(HubSettings).hub_mode == "production":
        _line(console, "people", "hub user add EMAIL --customer <id>   (hub customers list)")
    elif stack.sandbox:
        _demonstration(stack, console)
    else:
        _line(console, "token", "hub token --customer <id>   (hub customers list)")
    console.print("\nCtrl-C stops everything. In another terminal: hub status, hub --help", markup=False)


def _addresses(stack: Stack) -> list[tuple[str, str]]:
    found = [("API", stack.api), ("API documentation", f"{stack.api}/schema"), ("Dagster UI", link_into_ui("view"))]
    if stack.sandbox:
        found += [(f"sandbox {name}", url) for name, url in stack.sandbox.urls().items()]
        if load(MailSettings).smtp_host is None:
            found.append(("mailbox", f"{stack.sandbox.urls()['WHMCS']}/__sandbox__/mail"))
    return found


def _demonstration(stack: Stack, console: Console) -> None:
    """A made-up customer's token and a request; a real customer's would not be printed unasked."""
    found = answer("operations/demonstrable_customer")
    if not found:
        return
    customer = UUID(str(found[0]["id"]))
    token = minted(customer)
    _line(console, "demo customer", str(customer))
    _line(console, "bearer token", token)
    _line(console, "try", f"curl -s -H 'Authorization: Bearer {token}' '{stack.api}/api/invoices?limit=3'")
    minutes = load(ApiSettings).jwt_minutes
    _line(console, "", f"valid for {minutes} min; another: hub token --customer {customer}")


def _line(console: Console, name: str, value: str) -> None:
    """One line, however long, so that it can be copied whole."""
    console.print(Text(f"{name:<19}", style="bold") + Text(value), soft_wrap=True)
