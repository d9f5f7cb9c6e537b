"""How every process gets its connections."""

from uuid import uuid4

import psycopg
import pytest

from core.database import IS_MIGHTY, connect, masked, sqlalchemy_url
from tests.conftest import Database


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(psycopg.OperationalError):
        connect("postgresql://nobody@/nowhere?host=/nonexistent", name="test")


def test_a_standby_is_no_server_to_write_to(database: Database) -> None:
    """As one that fails over answers: it lets us in, and every write is refused."""
    with connect(database.owner, name="test") as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    with pytest.raises(psycopg.OperationalError, match="read-only"):
        connect(database.sync, name="test")
    with connect(
        f"{database.sync}{'&' if '?' in database.sync else '?'}target_session_attrs=any", name="test"
    ) as reads:
        assert reads.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_says_who_it_is_and_speaks_utc(database: Database) -> None:
    with connect(database.owner, name="status") as connection:
        settings = connection.execute(
            "SELECT current_setting('application_name'), current_setting('TimeZone')"
        ).fetchone()

    assert settings == ("status", "UTC")
    assert not connection.autocommit


def test_no_statement_is_compiled_which_took_a_server_before_18_a_second_for_each_page(database: Database) -> None:
    with connect(database.sync, name="test") as connection:
        assert connection.execute("SHOW jit").fetchone() == ("off",)


def test_a_dead_machines_locks_are_let_go_within_minutes(database: Database) -> None:
    with connect(database.sync, name="test") as connection:
        set_at_the_start = connection.execute(
            "SELECT reset_val FROM pg_settings WHERE name = 'tcp_keepalives_idle'"
        ).fetchone()

    assert set_at_the_start == ("30",)


def test_a_role_taken_by_the_url_is_kept(database: Database) -> None:
    separator = "&" if "?" in database.owner else "?"

    with connect(f"{database.owner}{separator}options=-c%20role%3Dhub_api", name="test") as connection:
        user = connection.execute("SELECT current_user, current_setting('TimeZone')").fetchone()

    assert user == ("hub_api", "UTC")


def test_each_role_of_a_test_database_is_that_role(database: Database) -> None:
    users = []
    for url in (database.sync, database.api, database.auth, database.analyst):
        with connect(url, name="test") as connection:
            users.append(connection.execute("SELECT current_user").fetchone())

    assert users == [("hub_sync",), ("hub_api",), ("hub_auth",), ("hub_analyst",)]


def test_sqlalchemy_goes_through_psycopg_whichever_spelling_the_url_has() -> None:
    assert sqlalchemy_url("postgres://a@b/c?x=y") == "postgresql+psycopg://a@b/c?x=y"
    assert sqlalchemy_url("postgresql://a@/c?host=/tmp") == "postgresql+psycopg://a@/c?host=/tmp"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://owner:hu@sh@db.example.com/hub", "postgresql://owner:***@db.example.com/hub"),
        ("postgresql://owner@/hub?host=/run/pg&password=hush", "postgresql://owner@/hub?host=/run/pg&password=***"),
        ("postgresql://owner:@/hub?sslpassword=hush", "postgresql://owner:***@/hub?sslpassword=***"),
        ("postgresql://postgres@/hub?host=/tmp/hub/postgres", "postgresql://postgres@/hub?host=/tmp/hub/postgres"),
        ("postgresql:///hub", "postgresql:///hub"),
    ],
)
def test_a_url_is_shown_without_its_passwords(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_a_session_that_forgets_its_transaction_loses_it_and_one_that_waits_for_its_turn_does_not(
    database: Database,
) -> None:
    with connect(database.sync, name="test") as connection:
        settings = connection.execute(
            "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')"
        ).fetchone()

    assert settings == ("10min", "0")


@pytest.mark.parametrize("kind", ["the owner", "a member of the owner", "one who passes over the rules", "a role"])
def test_a_login_that_could_leave_its_role_is_told_from_one_that_could_not(database: Database, kind: str) -> None:
    with psycopg.connect(database.owner) as connection:
        name = f"hub_test_{uuid4().hex[:8]}"
        # No superuser, as hosted servers' owners are, and one whose members must take the role to have its rights.
        owner = f"{name}_owner"
        connection.execute(f"CREATE ROLE {owner} NOINHERIT")
        connection.execute(f"ALTER SCHEMA hub OWNER TO {owner}")
        connection.execute(f"CREATE ROLE {name} NOINHERIT")
        if kind == "a member of the owner":
            connection.execute(f"GRANT {owner} TO {name}")
        if kind == "one who passes over the rules":
            connection.execute(f"ALTER ROLE {name} BYPASSRLS")
        connection.execute(f"SET SESSION AUTHORIZATION {owner if kind == 'the owner' else name}")

        found = connection.execute(IS_MIGHTY).fetchone()
        connection.rollback()

    assert found == (kind != "a role",)
