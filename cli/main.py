"""The command `hub`: every command, and how errors end one."""

import logging
import sys

import typer

from cli.environment import join_running_stack
from cli.needs import NEEDS
from cli.verbs import (
    analyst,
    api,
    apply,
    audit,
    commands,
    customer,
    customers,
    dagster,
    forward,
    gateway,
    history,
    keys,
    listen,
    mail,
    migrate,
    psql,
    quarantine,
    reconcile,
    replay,
    service_key,
    status,
    sync,
    token,
    tour,
    up,
    user,
)
from core import logging as logs
from core.errors import HubError

app = typer.Typer(
    name="hub",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    add_completion=False,
    epilog="Begin with [bold]hub up[/bold]; in a second terminal, [bold]hub status[/bold]. "
    "Every command has examples: [bold]hub sync --help[/bold].",
)

app.command("up", epilog=up.EXAMPLES)(up.up)
app.command("status", epilog=status.EXAMPLES)(status.status)
app.command("sync", epilog=sync.EXAMPLES)(sync.sync)
app.command("reconcile", epilog=reconcile.EXAMPLES)(reconcile.reconcile)
app.command("replay", epilog=replay.EXAMPLES)(replay.replay)
app.command("history", epilog=history.EXAMPLES)(history.history)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(commands.app, name="commands")
app.add_typer(customers.app, name="customers")
app.add_typer(user.app, name="user")
app.add_typer(mail.app, name="mail")
app.add_typer(keys.app, name="keys")
app.add_typer(service_key.app, name="service-key")
app.add_typer(audit.app, name="audit")
app.add_typer(customer.app, name="customer")
app.add_typer(analyst.app, name="analyst")
app.command("tour", epilog=tour.EXAMPLES)(tour.tour)
app.command("token", epilog=token.EXAMPLES)(token.token)
app.command("psql", epilog=psql.EXAMPLES)(psql.psql)
app.command("migrate", epilog=migrate.EXAMPLES)(migrate.migrate)
app.command("api", epilog=api.EXAMPLES)(api.api)
app.command("listen", epilog=listen.EXAMPLES)(listen.listen)
app.command("apply", epilog=apply.EXAMPLES)(apply.apply)
app.command("gateway", epilog=gateway.EXAMPLES)(gateway.gateway)
app.command("dagster", epilog=dagster.EXAMPLES)(dagster.dagster)
app.command("forward", epilog=forward.EXAMPLES)(forward.forward)


@app.callback()
def prepare(context: typer.Context) -> None:
    """One PostgreSQL database for what Salesforce, WHMCS and Freebit know of a customer."""
    command = context.invoked_subcommand or ""
    logs.configure(level=logging.INFO if command in NEEDS else logging.WARNING)
    if command in NEEDS:
        join_running_stack(NEEDS[command].name)
    elif command != "up":
        join_running_stack()


def main() -> None:
    """Run `hub`. An error we expect is one line per fact on standard error and exit code 1."""
    try:
        app()
    except HubError as error:
        sys.stderr.write(f"hub: {error}\n")
        sys.exit(1)
