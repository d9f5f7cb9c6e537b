"""The hub's database as commands use it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pwd import getpwuid
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from core.database import IS_MIGHTY, MightyLoginError, connect
from core.errors import HubError
from core.settings import HubSettings, Role, load, url_as
from sql.statements import statement


class DatabaseError(HubError):
    """The database does not answer or is not the hub's."""


def hub_url(role: Role = "owner") -> str:
    """Where the hub's database is, for one role.

    Raises:
        SettingsError: neither DATABASE_URL nor a running stack says where.
    """
    return url_as(load(HubSettings), role)


@contextmanager
def opened(role: Role = "owner") -> Iterator[psycopg.Connection[Any]]:
    """A connection as one role; what goes wrong with it is said in one line.

    Raises:
        DatabaseError: no server there, it does not let us in, or the database was never migrated.
    """
    try:
        with connect(hub_url(role), name="hub cli") as connection:
            yield connection
    except psycopg.errors.UndefinedTable as error:
        raise DatabaseError("the database is not at this release's level; run `hub migrate`") from error
    except psycopg.OperationalError as error:
        raise DatabaseError(f"the database does not answer: {first_line(error)}") from error


def require_plain_login(role: Role) -> None:
    """Refuse to serve as one who could leave the role. A server that does not answer now will be asked later.

    Raises:
        MightyLoginError: the login owns the hub or is a superuser.
        SettingsError: nothing says how to log in as that role.
    """
    try:
        with connect(hub_url(role), name="hub login") as connection:
            found = connection.execute(IS_MIGHTY).fetchone()
    except psycopg.OperationalError:
        return
    if found and found[0]:
        raise MightyLoginError(role)


def answer(query: str, /, **parameters: object) -> list[dict[str, Any]]:
    """The rows of a query of sql/queries, such as `operations/customers_named`, as the owner."""
    with opened() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(query).encode(), parameters).fetchall()


def operator_login() -> str:
    """The log-in of whoever runs this. Not by getpass.getuser(), which believes what LOGNAME says."""
    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, a user may have a number alone
        return str(os.getuid())


def note(connection: psycopg.Connection[Any], action: str, record: str, **details: object) -> None:
    """Add what an operator did to the audit. To be called once the thing is done, in its transaction where it has one.

    record: what it was done to, such as user:<id>. details: what else is to be known; nothing personal.
    """
    noted = {"actor": f"operator:{operator_login()}", "action": action, "record": record, "details": Jsonb(details)}
    connection.execute(statement("operations/note").encode(), noted)


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
