"""`hub analyst`."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Literal

from cli.database import DatabaseError, first_line, note, opened, operator_login
from cli.examples import examples
from cli.output import AsJson, Column, console, moment, show
from core.clock import utc_now
from core.errors import NotFoundError

EXAMPLES = examples(
    ("hub analyst add yuki", "a log-in of her own, analyst_yuki; prints its password, once"),
    ("hub analyst add yuki --pii --until 2027-03-31", "one that is shown personal data, until that day"),
    ("hub analyst add yuki --password-from -", "the password comes on standard input"),
    ("hub analyst list", "who may read, who is shown personal data, until when"),
    ("hub analyst remove yuki", "at once, also where she is logged in"),
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="People who read the tables with SQL: in schema analytics, with personal data masked.",
    epilog=EXAMPLES,
)

COLUMNS = (
    Column("login", "login"),
    Column("personal_data", "personal data"),
    Column("until", "until (UTC)", moment),
    Column("about", "since", spare=True),
)

PREFIX = "analyst_"
READING = "hub_reading"  # which logs in nowhere: see sql/objects/roles.sql
# What a login begins with. They keep a forgotten session from holding up the sync; what may be read is in the grants.
SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "10min",
    "idle_in_transaction_session_timeout": "10min",
    "search_path": "analytics",
    "timezone": "UTC",
}
MOST_CONNECTIONS = 8
LEAST_PASSWORD = 15

Name = Annotated[str, typer.Argument(help="The person, in a-z, 0-9 and _.")]


@app.command("add", epilog=EXAMPLES)
def add(
    name: Name,
    pii: Annotated[bool, typer.Option("--pii", help="Shown personal data (role hub_pii).")] = False,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day on which it may log in.")
    ] = None,
    password_from: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where its password is, - for standard input; else one is made.")
    ] = None,
) -> None:
    """A log-in of somebody's own, which may read and nothing else."""
    login, password = _login(name), _password(password_from)
    with _as_owner() as connection:
        if _known(connection, login):
            raise DatabaseError(f"{login} is there already; `hub analyst remove {name}` first, or choose another name")
        verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
        last = None if until is None else until.replace(hour=23, minute=59, second=59).isoformat() + "Z"
        connection.execute(
            SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {} VALID UNTIL {}").format(
                Identifier(login), MOST_CONNECTIONS, Literal(verifier), Literal(last or "infinity")
            )
        )
        for role in (READING, *(["hub_pii"] if pii else [])):
            connection.execute(SQL("GRANT {} TO {}").format(Identifier(role), Identifier(login)))
        for setting, value in SETTINGS.items():
            connection.execute(
                SQL("ALTER ROLE {} SET {} = {}").format(Identifier(login), Identifier(setting), Literal(value))
            )
        about = f"made by {operator_login()} on {utc_now():%Y-%m-%d}"
        connection.execute(SQL("COMMENT ON ROLE {} IS {}").format(Identifier(login), Literal(about)))
        note(connection, "analyst.added", f"analyst:{login}", personal_data=pii, until=last)
    out = console()
    out.print(f"{login} may log in and read schema analytics; personal data is {'shown' if pii else 'masked'}.")
    if password_from is None:
        out.print(f"Its password, which is shown this once and kept nowhere: {password}", markup=False, soft_wrap=True)


@app.command("list", epilog=EXAMPLES)
def list_(as_json: AsJson = False) -> None:
    """Everybody who has such a log-in."""
    with opened() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT r.rolname AS login, nullif(r.rolvaliduntil, 'infinity') AS until,
                   CASE WHEN pg_has_role(r.oid, 'hub_pii', 'USAGE') THEN 'shown' ELSE 'masked' END AS personal_data,
                   shobj_description(r.oid, 'pg_authid') AS about
              FROM pg_catalog.pg_roles r
             WHERE starts_with(r.rolname, %s) AND pg_has_role(r.oid, %s, 'MEMBER')
             ORDER BY 1
            """,
            [PREFIX, READING],
        ).fetchall()
    show(rows, COLUMNS, as_json=as_json, empty="No analyst has a login of their own.")


@app.command("remove", epilog=EXAMPLES)
def remove(name: Name) -> None:
    """Take a log-in away, and end its sessions."""
    login = _login(name)
    with _as_owner() as connection:
        if not _known(connection, login):
            raise NotFoundError(f"no analyst has the login {login}; see `hub analyst list`")
        connection.execute(SQL("ALTER ROLE {} NOLOGIN").format(Identifier(login)))
        note(connection, "analyst.removed", f"analyst:{login}")
        connection.commit()  # before sessions end, so that none is begun anew
        # An owner that is no superuser may end nobody's sessions but as whom they are of.
        connection.execute(SQL("GRANT {} TO CURRENT_USER").format(Identifier(login)))
        connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(login)))
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity WHERE usename = %s", [login]
        )
        connection.execute("RESET ROLE")
        connection.execute(SQL("DROP ROLE {}").format(Identifier(login)))
    console().print(f"{login} is gone.")


def _login(name: str) -> str:
    """Raises typer.BadParameter: that is no name."""
    plain = name.removeprefix(PREFIX)
    if not (plain.isascii() and plain.replace("_", "a").isalnum() and plain == plain.lower() and len(plain) <= 40):
        raise typer.BadParameter(f"{name!r}: a name is of a-z, 0-9 and _, and at most 40 long", param_hint="NAME")
    return PREFIX + plain


def _password(source: str | None) -> str:
    if source is None:
        return secrets.token_urlsafe(24)
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        complaint = f"{source}: cannot be read ({first_line(error)})"
        raise typer.BadParameter(complaint, param_hint="--password-from") from error
    password = text.rstrip("\r\n")
    if len(password) < LEAST_PASSWORD:
        raise typer.BadParameter(f"a password has at least {LEAST_PASSWORD} characters", param_hint="--password-from")
    return password


def _known(connection: psycopg.Connection[Any], login: str) -> bool:
    return connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", [login]).rowcount > 0


@contextmanager
def _as_owner() -> Iterator[psycopg.Connection[Any]]:
    """A connection that may make roles; what the server refuses is said in one line."""
    try:
        with opened() as connection:
            yield connection
    except psycopg.Error as error:
        raise DatabaseError(f"the database refused: {first_line(error)}") from error
