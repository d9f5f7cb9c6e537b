"""The two databases of one server: the hub's and Dagster's."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

from cli.database import DatabaseError, first_line
from core.errors import SettingsError
from core.settings import HubSettings


def named(url: str, database: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def for_dagster(url: str) -> str:
    """The URL as Dagster's storage needs it: its NOTIFY does not work with psycopg 3, SQLAlchemy's default."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql+psycopg2"))


def ensure(server_url: str, database: str) -> str:
    """The URL of that database on that server, made if it is missing.

    Raises:
        DatabaseError: the server does not answer.
        SettingsError: we may not make databases there.
    """
    try:
        with psycopg.connect(server_url, autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).rowcount:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise SettingsError(
            f"DAGSTER_DATABASE_URL: not set, and this server does not let us make the database `{database}` "
            "(for example postgresql://dagster:secret@db.example.com/dagster)"
        ) from error
    except psycopg.OperationalError as error:
        raise DatabaseError(f"DATABASE_URL: the server does not answer: {first_line(error)}") from error
    return named(server_url, database)


def of_dagster(settings: HubSettings, hub_url: str) -> str:
    """Dagster's database: the configured one, else `dagster` beside the hub's."""
    return for_dagster(settings.dagster_database_url or ensure(hub_url, "dagster"))
