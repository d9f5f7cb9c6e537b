"""Brings a database to the level this release needs: tables by Alembic, then roles, functions, policies and grants."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy import text as sql

from core.database import sqlalchemy_url
from sql.personal import views

# Each builds on those before it.
OBJECTS = (
    "roles", "functions", "auth", "auth_factors", "auth_mail", "auth_service_keys", "auth_sign_up", "auth_view_as",
    "past", "policies", "grants",
)  # fmt: skip

# One key for all starters of a database: one upgrades it at a time.
LOCK = sql("SELECT pg_advisory_lock(hashtext('hub.migrate'))")
UNLOCK = sql("SELECT pg_advisory_unlock(hashtext('hub.migrate'))")


def upgrade(owner_url: str) -> None:
    """Bring the database to this release's level, or leave it as it was. Safe to repeat, and to start twice at once.

    Raises:
        sqlalchemy.exc.DBAPIError: the server refused, or somebody held a table for longer than the lock timeout.
    """
    engine = create_engine(sqlalchemy_url(owner_url), poolclass=NullPool)
    with engine.connect() as connection, _locked(connection):
        connection.execute(sql("SET lock_timeout = '10s'"))
        connection.execute(sql("SET statement_timeout = '15min'"))
        connection.execute(sql("CREATE SCHEMA IF NOT EXISTS sync"))
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        for definition in _objects():
            # Sent as it is: without parameters, percent signs are only percent signs.
            connection.exec_driver_sql(definition, execution_options={"no_parameters": True})
        connection.commit()


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    connection.execute(LOCK)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(UNLOCK)
        connection.commit()


def _objects() -> Iterator[str]:
    yield from views()
    for name in OBJECTS:
        yield (files("sql") / "objects" / f"{name}.sql").read_text(encoding="utf-8")


def _config() -> Config:
    config = Config()
    # Alembic reads percent signs as references.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
