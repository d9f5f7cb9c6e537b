"""An analyst has a login of their own: it reads every row, writes none, and is shown no personal data by itself."""

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from psycopg.sql import SQL, Identifier

from cli.database import operator_login
from sql.migrate import upgrade
from sql.personal import MASK, personal
from sql.tables import metadata
from tests.builders import account_of, insert, insert_customer
from tests.cli.conftest import Ended, Hub
from tests.conftest import Database
from tests.sql.test_row_level_security import owned_by_somebody_ordinary

CANARY = "canary"
PASSWORD = "a password of some length"

Add = Callable[..., Ended]
PERSONAL = {
    table.name: [each.name for each in personal(table)] for table in metadata.tables.values() if table.schema == "hub"
}


@pytest.fixture
def name(joined: Database) -> Iterator[str]:
    """A person nobody else is; roles belong to the whole server."""
    name = f"test_{uuid4().hex[:8]}"
    yield name
    with psycopg.connect(joined.owner) as connection:
        connection.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(f"analyst_{name}")))


@pytest.fixture
def add(hub: Hub, name: str, tmp_path: Path) -> Add:
    """`add("--pii")`: the login, with a password that the test knows."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return lambda *options: hub("analyst", "add", name, "--password-from", str(file), *options)


@pytest.fixture
def rows(joined: Database) -> None:
    """A row in every table, with a canary in each personal column."""
    with psycopg.connect(joined.owner) as connection:
        customer = insert_customer(connection)
        for table, columns in PERSONAL.items():
            own = (
                {"account_id": account_of(customer, table)} if "account_id" in metadata.tables[f"hub.{table}"].c else {}
            )
            insert(connection, table, **own, **dict.fromkeys(columns, CANARY))


def as_analyst(database: Database, name: str) -> psycopg.Connection[Any]:
    return psycopg.connect(make_conninfo(database.owner, user=f"analyst_{name}", password=PASSWORD))


def seen(connection: psycopg.Connection[Any]) -> set[object]:
    """Everything that stands in a personal column of any view."""
    found: set[object] = set()
    for table, columns in PERSONAL.items():
        for column in columns:
            query = SQL("SELECT {} FROM analytics.{} WHERE {} IS NOT NULL")
            parts = map(Identifier, (column, table, column))
            found |= {row[0] for row in connection.execute(query.format(*parts)).fetchall()}
    return found


@pytest.mark.usefixtures("rows")
def test_personal_data_is_masked_in_every_column_that_is_declared_so(add: Add, joined: Database, name: str) -> None:
    assert add().code == 0

    with as_analyst(joined, name) as connection:
        assert seen(connection) == {MASK}
        everything = str([connection.execute(f"SELECT * FROM {table}").fetchall() for table in PERSONAL])  # noqa: S608
        assert CANARY not in everything
        # Neither by what a condition tells.
        assert connection.execute("SELECT count(*) FROM customers WHERE email = 'canary'").fetchone() == (0,)


@pytest.mark.usefixtures("rows")
def test_it_is_shown_to_whom_it_was_granted(add: Add, joined: Database, name: str) -> None:
    assert add("--pii").code == 0

    with as_analyst(joined, name) as connection:
        assert CANARY in seen(connection)
        assert MASK not in seen(connection)


@pytest.mark.usefixtures("rows")
def test_the_shared_login_is_masked_and_reads_no_table_itself(joined: Database) -> None:
    with psycopg.connect(joined.analyst) as connection:
        assert seen(connection) == {MASK}
        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT id FROM hub.customers")


def test_a_login_reads_and_does_nothing_else(add: Add, joined: Database, name: str) -> None:
    add()

    with as_analyst(joined, name) as connection:
        limits = connection.execute("SELECT current_setting('statement_timeout')").fetchone()
        with pytest.raises(ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE mine (id integer)")
        connection.rollback()
        connection.execute("SET TRANSACTION READ WRITE")
        with pytest.raises(InsufficientPrivilege):
            connection.execute("UPDATE invoices SET number = '1'")
        connection.rollback()
        for table in ("sync.quarantine", "sync.changes", "hub.invoices", "auth.users", "auth.audit"):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")  # noqa: S608
            connection.rollback()
    assert limits == ("10min",)


def test_a_password_is_printed_once_and_the_server_learns_only_how_to_check_it(
    hub: Hub, joined: Database, name: str
) -> None:
    said = hub("analyst", "add", name, "--until", "2027-03-31")

    password = said.out.split()[-1]
    with psycopg.connect(joined.owner) as connection:
        row = connection.execute(
            "SELECT rolpassword, rolvaliduntil::date::text, rolconnlimit FROM pg_authid WHERE rolname = %s",
            [f"analyst_{name}"],
        ).fetchone()
    assert re.fullmatch(r"[\w-]{32}", password)
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$")
    assert row[1:] == ("2027-03-31", 8)


def test_a_password_may_come_on_standard_input_and_is_not_repeated(
    hub: Hub, joined: Database, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a password of some length\n"))

    said = hub("analyst", "add", name, "--password-from", "-")

    assert said.code == 0
    assert "a password" not in said.out + said.err


def test_the_list_says_who_is_shown_personal_data(hub: Hub, joined: Database, name: str) -> None:
    hub("analyst", "add", name, "--pii")

    (row,) = [row for row in json.loads(hub("analyst", "list", "--json").out) if row["login"] == f"analyst_{name}"]

    assert (row["personal_data"], row["until"]) == ("shown", None)


def test_a_login_that_is_removed_is_gone_at_once(hub: Hub, add: Add, joined: Database, name: str) -> None:
    add()
    session = as_analyst(joined, name)

    assert hub("analyst", "remove", name).code == 0

    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        as_analyst(joined, name)
    assert f"analyst_{name}" not in hub("analyst", "list", "--json").out


def test_what_it_may_become_logs_in_nowhere(add: Add, joined: Database, name: str) -> None:
    """Else it could give that role a password, and come in by it when its own log-in is gone."""
    add("--pii")

    with as_analyst(joined, name) as connection:
        found = connection.execute(
            "SELECT rolname::text, rolcanlogin FROM pg_roles"
            " WHERE pg_has_role(current_user, oid, 'MEMBER') AND rolname <> current_user ORDER BY 1"
        ).fetchall()
    assert found == [("hub_pii", False), ("hub_reading", False)]


@pytest.fixture
def ordinary(joined: Database, empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database that commands find, whose owner is no superuser but may make analysts."""
    with owned_by_somebody_ordinary(empty_database) as owner:
        with psycopg.connect(owner) as theirs, psycopg.connect(empty_database.owner) as connection:
            name = Identifier(str(theirs.execute("SELECT current_user").fetchall()[0][0]))
            connection.execute(SQL("ALTER ROLE {} CREATEROLE").format(name))
            connection.execute(SQL("GRANT hub_reading TO {} WITH ADMIN OPTION").format(name))
        upgrade(owner)
        monkeypatch.setenv("DATABASE_URL", owner)
        yield empty_database


def test_an_owner_who_is_no_superuser_ends_its_sessions_too(hub: Hub, add: Add, ordinary: Database, name: str) -> None:
    assert add().code == 0
    session = as_analyst(ordinary, name)

    removed = hub("analyst", "remove", name)

    assert removed.code == 0, removed.err
    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT 1")
    noted = json.loads(hub("audit", "--record", f"analyst:analyst_{name}", "--json").out)
    assert [each["action"] for each in noted] == ["analyst.removed", "analyst.added"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("add", "Yuki; DROP"), "a name is of a-z"),
        (("add", "yuki", "--password-from", "/no/such/file"), "cannot be read"),
        (("add", "yuki", "--until", "tomorrow"), "--until"),
        (("remove", "nobody_at_all"), "no analyst has the login analyst_nobody_at_all"),
    ],
)
def test_what_cannot_be_done_is_said(hub: Hub, joined: Database, arguments: tuple[str, ...], complaint: str) -> None:
    ended = hub("analyst", *arguments)

    assert ended.code != 0
    assert complaint in " ".join(ended.err.replace("│", " ").split())


def test_who_added_and_removed_it_is_in_the_audit(hub: Hub, add: Add, joined: Database, name: str) -> None:
    add("--pii", "--until", "2027-03-31")
    hub("analyst", "remove", name)
    hub("analyst", "remove", name)  # which is nobody any more: nothing was done

    noted = json.loads(hub("audit", "--record", f"analyst:analyst_{name}", "--json").out)

    assert [each["action"] for each in noted] == ["analyst.removed", "analyst.added"]
    assert {each["actor"] for each in noted} == {f"operator:{operator_login()}"}
    assert noted[1]["details"] == {"personal_data": True, "until": "2027-03-31T23:59:59Z"}


def test_a_name_that_is_taken_is_not_given_another_password(hub: Hub, joined: Database, name: str) -> None:
    hub("analyst", "add", name)

    again = hub("analyst", "add", name)

    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "is there already" in again.err
