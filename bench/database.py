"""The PostgreSQL of the benchmarks: embedded, with the settings of `hub up`, and a fresh database for every run."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from cli.up.databases import ensure, named
from cli.up.postgres import embedded
from core.settings import HubSettings, Role, url_as
from sql.migrate import upgrade

TEMPLATE = "hub_template"


@dataclass(frozen=True)
class Written:
    """What was written to a database since it was made or last looked at: rows by kind, bytes of write-ahead log."""

    inserted: int
    updated: int
    deleted: int
    wal_bytes: int

    def __sub__(self, before: "Written") -> "Written":
        return Written(
            self.inserted - before.inserted,
            self.updated - before.updated,
            self.deleted - before.deleted,
            self.wal_bytes - before.wal_bytes,
        )


@contextmanager
def server(parent: Path | None = None) -> Iterator[str]:
    """A server of our own for as long as the context: the URL of its database `postgres`, as superuser.

    A migrated, empty hub is its database `hub_template`. parent: where its data goes, if not to the temporary folder.
    """
    # Directly under the temporary folder: a socket's path must be short, and the server may run as another user.
    home = Path(tempfile.mkdtemp(prefix="hub-bench-", dir=parent))
    try:
        with embedded(home / "pg") as url:
            upgrade(ensure(url, TEMPLATE))
            yield url
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def fresh(server_url: str, name: str, *, template: str = "template1") -> Iterator[str]:
    """The URL of a new database, dropped at the end. The checkpoint gives every run the same quiet start."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        connection.execute("CHECKPOINT")
    try:
        yield named(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def as_role(url: str, role: Role) -> str:
    own = dict.fromkeys(f"{each}_database_url" for each in ("sync", "api", "auth", "analyst"))
    return url_as(HubSettings(database_url=url, **own), role)


def written(url: str, schema: str) -> Written:
    """What all sessions that have ended wrote to the tables of one schema, and to the whole server's log."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(n_tup_ins), 0)::bigint, coalesce(sum(n_tup_upd), 0)::bigint,"
            " coalesce(sum(n_tup_del), 0)::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
            " FROM pg_stat_all_tables WHERE schemaname = %s",
            [schema],
        ).fetchone()
    return Written(*(row or (0, 0, 0, 0)))


def rows_of(url: str, schema: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))).fetchone()
    return int(row[0]) if row else 0


def said_by(url: str, schema: str) -> list[str]:
    """What a table of invoices says, in a few numbers: its good rows, what they come to, and when they were paid."""
    query = SQL(
        "SELECT count(*), sum(total), sum(tax_rate), count(due_on), max(due_on), count(paid_at), min(paid_at),"
        " sum(extract(epoch FROM paid_at)), max(source_updated_at), count(*) FILTER (WHERE status = 'paid')"
        " FROM {} WHERE issued_on IS NOT NULL"
    ).format(Identifier(schema, "invoices"))
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return [str(each) for each in row or ()]
