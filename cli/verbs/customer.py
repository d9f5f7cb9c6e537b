"""`hub customer`: what the hub holds of one person, handed out or overwritten."""

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from psycopg import Connection

from cli.database import note, opened, operator_login
from cli.examples import examples
from cli.output import AsJson, Column, console, number, show
from core.clock import utc_now
from core.errors import HubError, SettingsError

if TYPE_CHECKING:
    from pipelines.personal import holdings

EXAMPLES = examples(
    ("hub customer export 0b9ee7c5-…", "all that is held of a customer, into customer-0b9e….zip"),
    ("hub customer erase 0b9ee7c5-… --dry-run", "what would be overwritten"),
    ("hub customer erase 0b9ee7c5-… > certificate.json", "overwrite it, and keep what was printed"),
    ("hub customer erase hanako@example.com", "of somebody who signed up, and never became a customer"),
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What the hub holds of one customer: hand it out, or erase it.",
    epilog=EXAMPLES,
)

COLUMNS = (Column("table", "table"), Column("rows", "rows", number, right=True))

Named = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The customer's id, or that of any of its accounts; of whoever signed up and never became one, the id or"
        " e-mail address of the sign-up.",
    ),
]


@app.command("export", epilog=EXAMPLES)
def export(
    customer: Named,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write; never over a file.")] = None,
    as_json: AsJson = False,
) -> None:
    """All that is held of a customer, as a zip of JSON with a manifest; for its owner's eyes only."""
    from pipelines.personal.export import export as write

    with opened() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = _customer(connection, customer)
        path = to or Path(f"customer-{found.id}.zip")
        part = path.with_name(f"{path.name}.part")
        try:
            if path.exists():
                raise HubError(f"{path}: is there already; name another file with --to")
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                rows = write(connection, found, file, at=utc_now())
            part.rename(path)
        except OSError as error:
            raise HubError(f"{path}: cannot be written ({error.strerror})") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        connection.rollback()  # what was read, was read in one moment; the entry is written in another
        note(connection, "customer.exported", f"customer:{found.id}", rows=sum(rows.values()))
    show([{"table": name, "rows": count} for name, count in rows.items()], COLUMNS, as_json=as_json, empty="")
    if not as_json:
        console().print(f"Written to {path}, readable by you alone.", markup=False)


@app.command("erase", epilog=EXAMPLES)
def erase(
    customer: Named,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be overwritten, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Overwrite what is personal of a customer, everywhere, for good; print a certificate (JSON).

    The next sync does not bring it back. What the law keeps stays, and is listed. Stopped on the way, begin it again.
    """
    from pipelines.personal.erasure import erase as overwrite
    from pipelines.personal.erasure import runs_of, would_overwrite

    with opened() as connection:
        connection.autocommit = True
        found = _customer(connection, customer)
        if dry_run:
            rows = [{"table": name, "rows": count} for name, count in would_overwrite(connection, found).items()]
            show(rows, COLUMNS, as_json=False, empty="Nothing personal is left of this customer.")
            return
        if not yes:
            typer.confirm(f"Overwrite what is personal of customer {found.id}, for good?", abort=True, err=True)
        certificate = overwrite(connection, found, by=operator_login())
        dagster = _forget_runs(runs_of(connection, found))
        note(connection, "customer.erased", f"customer:{found.id}", certificate=certificate.sha256)
    printed: dict[str, Any] = {**asdict(certificate), "dagster": dagster, "sha256": certificate.sha256}
    console().print_json(data=printed, default=str)


def _customer(connection: Connection[Any], named: str) -> "holdings.Customer":
    from pipelines.personal import holdings

    if "@" in named:
        return holdings.customer_named(connection, holdings.sign_up_of(connection, named))
    try:
        identity = UUID(named)
    except ValueError as error:
        raise typer.BadParameter("is no id, such as `hub customers list` prints, and no e-mail address") from error
    return holdings.customer_named(connection, identity)


def _forget_runs(runs: list[str]) -> str:
    """What Dagster logged while it worked on the customer's commands is deleted; what came of that, in words."""
    if not runs:
        return "no run is known that worked on this customer's commands"
    from cli.dagster_run import shared_instance

    try:
        instance = shared_instance()
    except SettingsError as error:
        return f"{len(runs)} runs were not deleted: {error}; run this again where Dagster is"
    with instance:
        there = [run for run in runs if instance.has_run(run)]
        for run in there:
            instance.delete_run(run)
    return f"{len(there)} runs deleted, with their log"
