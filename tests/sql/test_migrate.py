"""Bringing a database to the level of this release: repeatable, one at a time, and equal to the tables as declared."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from core.database import connect, sqlalchemy_url
from sql import migrate
from sql.level import head
from sql.tables import metadata
from tests.builders import insert
from tests.conftest import Database

SQL = Path(migrate.__file__).parent

# Everything about a table that the database knows, by name: what a migration may forget.
CATALOGUE = """
SELECT c.oid::regclass::text || '.' || a.attname,
       concat_ws(' / ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                 pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = ANY('{hub,sync,command,auth}'::regnamespace[])
   AND c.relkind IN ('r', 'p') AND c.relname <> 'migration'
UNION ALL
SELECT conrelid::regclass::text || ' ' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint
 WHERE connamespace = ANY('{hub,sync,command,auth}'::regnamespace[])
   AND conname NOT LIKE 'migration%'
UNION ALL
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
  FROM pg_index JOIN pg_class c ON c.oid = indrelid
 WHERE c.relnamespace = ANY('{hub,sync,command,auth}'::regnamespace[])
   AND c.relname <> 'migration'
UNION ALL
SELECT c.oid::regclass::text, obj_description(c.oid, 'pg_class')
  FROM pg_class c
 WHERE c.relnamespace = ANY('{hub,sync,command,auth}'::regnamespace[])
   AND c.relkind IN ('r', 'p') AND c.relname <> 'migration'
"""


def level_of(url: str) -> str | None:
    """What the database says it is at; nothing: it was never migrated."""
    with connect(url, name="test") as connection:
        known = connection.execute("SELECT to_regclass('sync.migration')").fetchone()
        if known == (None,):
            return None
        row = connection.execute("SELECT version_num FROM sync.migration").fetchone()
    return None if row is None else str(row[0])


def test_the_level_that_is_needed_is_where_alembic_ends() -> None:
    assert ScriptDirectory.from_config(migrate._config()).get_heads() == [head()]


@pytest.mark.parametrize(
    "forgotten",
    [
        "CREATE TABLE hub.forgotten (id uuid)",
        "CREATE VIEW hub.forgotten AS SELECT id FROM hub.customers",
        "CREATE MATERIALIZED VIEW hub.forgotten AS SELECT id FROM hub.customers",
    ],
)
def test_what_has_no_row_level_rule_stops_the_upgrade(database: Database, forgotten: LiteralString) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute(forgotten)

    with pytest.raises(DBAPIError, match=r"hub\.forgotten has no row-level rule"):
        migrate.upgrade(database.owner)


def test_an_upgrade_that_fails_lets_the_next_one_begin(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute("CREATE TABLE hub.forgotten (id uuid)")
    with pytest.raises(DBAPIError):
        migrate.upgrade(database.owner)
    with psycopg.connect(database.owner) as connection:
        connection.execute("DROP TABLE hub.forgotten")

    migrate.upgrade(database.owner)

    assert level_of(database.owner) == head()


def test_a_database_that_was_never_migrated_has_no_level(empty_database: Database) -> None:
    assert level_of(empty_database.owner) is None


def test_of_two_starters_at_once_one_waits(empty_database: Database) -> None:
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(migrate.upgrade, empty_database.owner) for _ in range(2)]:
            done.result()

    assert level_of(empty_database.owner) == head()


def test_repeating_an_upgrade_changes_nothing(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        before = sorted(connection.execute(CATALOGUE).fetchall())

    migrate.upgrade(database.owner)

    with psycopg.connect(database.owner) as connection:
        assert sorted(connection.execute(CATALOGUE).fetchall()) == before


def test_every_role_may_ask_for_the_level(database: Database) -> None:
    urls = (database.owner, database.sync, database.api, database.analyst)

    assert {level_of(url) for url in urls} == {head()}


def test_migrations_lead_to_the_tables_as_declared(database: Database, empty_database: Database) -> None:
    declared = create_engine(sqlalchemy_url(empty_database.owner), poolclass=NullPool)
    with declared.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA hub")
        connection.exec_driver_sql("CREATE SCHEMA sync")
        connection.exec_driver_sql("CREATE SCHEMA command")
        connection.exec_driver_sql("CREATE SCHEMA auth")
        metadata.create_all(connection)

    with psycopg.connect(database.owner) as one, psycopg.connect(empty_database.owner) as other:
        migrated = dict(one.execute(CATALOGUE).fetchall())
        expected = dict(other.execute(CATALOGUE).fetchall())

    assert migrated == expected


def test_alembic_finds_nothing_to_migrate(database: Database) -> None:
    options = {
        "include_schemas": True,
        "compare_type": True,
        "compare_server_default": True,
        "version_table": "migration",
        "version_table_schema": "sync",
        # The months of the change log, which sync.keep_history makes, are no tables of ours.
        "include_name": lambda name, kind, _: kind != "schema" or name in {"hub", "sync", "command", "auth"},
    }
    engine = create_engine(sqlalchemy_url(database.owner), poolclass=NullPool)

    with engine.connect() as connection, warnings.catch_warnings(action="ignore"):
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_migrations_only_go_forward() -> None:
    backwards = [file.name for file in (SQL / "migrations").rglob("0*.py") if "def downgrade" in file.read_text()]

    assert backwards == []


def test_every_object_file_is_applied() -> None:
    assert sorted(migrate.OBJECTS) == sorted(file.stem for file in (SQL / "objects").glob("*.sql"))


def test_links_that_only_what_customers_can_write_made_end_with_the_upgrade_and_are_judged_again(
    empty_database: Database,
) -> None:
    to_level(empty_database, "0010")
    with psycopg.connect(empty_database.owner) as connection:
        pairs = {}
        for name, crm_names in (("proven", "1001"), ("unproven", None)):
            crm, billing = uuid4(), uuid4()
            number = "1001" if name == "proven" else "1002"
            for identity, source, source_id, partner in (
                (crm, "salesforce", name, crm_names), (billing, "whmcs", number, f"C-{name}"),
            ):  # fmt: skip
                insert(
                    connection, "customer_accounts", id=identity, source=source, source_id=source_id,
                    partner_key=partner, customer_id=crm, link_status="linked",
                )  # fmt: skip
            pairs[name] = (crm, billing)

    migrate.upgrade(empty_database.owner)

    with psycopg.connect(empty_database.owner) as connection:
        rows = connection.execute(
            "SELECT id, customer_id, link_status, details_due_at <= now() FROM hub.customer_accounts"
            " WHERE source = 'whmcs'"
        ).fetchall()
        ended = connection.execute("SELECT account_id, former_customer_id FROM sync.link_changes").fetchall()
    (kept_by, kept), (lost_by, lost) = pairs["proven"], pairs["unproven"]
    assert {row[0]: row[1:3] for row in rows} == {kept: (kept_by, "linked"), lost: (lost, "unlinked")}
    assert {row[0]: row[3] for row in rows}[lost]
    assert ended == [(lost, lost_by)]


def to_level(database: Database, level: str) -> None:
    """The tables as an older release left them."""
    engine = create_engine(sqlalchemy_url(database.owner), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS sync"))
        connection.commit()
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, level)
        connection.commit()
