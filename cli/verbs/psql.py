"""`hub psql`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import Annotated

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from cli.database import DatabaseError, first_line, hub_url, opened
from cli.examples import examples
from cli.output import AsJson, show
from cli.up import postgres
from core.settings import Role

EXAMPLES = examples(
    ("hub psql", "a session; \\dt hub.* lists the tables, \\d+ hub.invoices explains one"),
    ('hub psql -c "select status, count(*) from hub.invoices group by 1"', "one statement"),
    ('hub psql --json -c "select number, total from hub.invoices limit 3"', "its rows, for a program"),
    ("hub psql --role hub_api", "as the read API sees it: nothing, until a customer is set"),
)


def psql(
    command: Annotated[str | None, typer.Option("-c", "--command", metavar="SQL", help="Run this and leave.")] = None,
    role: Annotated[Role, typer.Option(help="Whom to connect as.")] = "owner",
    as_json: AsJson = False,
) -> None:
    """Open the hub's database in psql, or run one statement against it."""
    if as_json:
        if command is None:
            raise typer.BadParameter("it prints the rows of one statement: give it with -c", param_hint="--json")
        show(_rows(command, role), (), as_json=True, empty="")
        return
    line = [_program(), "service=hub", *(["-c", command] if command else [])]
    with _service(hub_url(role)) as environment:
        ended = subprocess.run(line, env=environment, check=False)
    raise typer.Exit(ended.returncode)


@contextmanager
def _service(url: str) -> Iterator[dict[str, str]]:
    """An environment in which psql knows that database as service `hub`.

    The file that says so is for its owner only. On a command line, every user of the machine could read the password.
    """
    said = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    if any("\n" in value for value in said.values()):
        raise DatabaseError("DATABASE_URL: psql cannot be told a value with a line break in it")
    with NamedTemporaryFile("w", prefix="hub-", encoding="utf-8") as file:
        file.writelines(["[hub]\n", *(f"{name}={value}\n" for name, value in said.items())])
        file.flush()
        yield os.environ | {"PGSERVICEFILE": file.name}


def _rows(command: str, role: Role) -> list[dict[str, object]]:
    with opened(role) as connection, connection.cursor(row_factory=dict_row) as cursor:
        try:
            cursor.execute(command.encode())
        except psycopg.Error as error:
            raise DatabaseError(first_line(error)) from error
        return cursor.fetchall() if cursor.description else []


def _program() -> str:
    """The machine's psql, else the one that comes with the embedded server."""
    return shutil.which("psql") or _bundled()


def _bundled() -> str:
    program = postgres.programs() / "psql"
    if not program.exists():
        raise DatabaseError("psql: not found on this machine; install PostgreSQL's client")
    return str(program)
