"""Every role logs in as itself, so that no session of a process can become the owner's."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cli.up import databases, postgres
from core.errors import SettingsError
from core.settings import HubSettings, Role, load, password_file, url_as
from tests.cli.conftest import Hub
from tests.conftest import Database, scratch

ROLES: tuple[Role, ...] = ("hub_sync", "hub_api", "hub_auth", "hub_analyst")
BY_PASSWORD = "local all postgres peer map=hub\nlocal all all scram-sha-256\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that asks every role but its owner for a password, as most servers of an operator's do."""
    home = Path(tempfile.mkdtemp(prefix="hub-logins-", dir=scratch()))
    with postgres.embedded(home / "postgres") as url:
        (home / "postgres" / "pg_hba.conf").write_text(BY_PASSWORD)
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield url
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def owner(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = databases.ensure(server, "hub")
    monkeypatch.setenv("DATABASE_URL", url)
    yield url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE hub WITH (FORCE)")
        for role in ROLES:
            connection.execute(f"DROP ROLE IF EXISTS {role}")


def test_migrating_gives_each_role_a_login_that_is_no_more_than_the_role(hub: Hub, owner: str) -> None:
    first = hub("migrate")
    passwords = [password_file(load(HubSettings), role) for role in ROLES]
    before = [path.read_text() for path in passwords]
    again = hub("migrate")

    assert (first.code, again.code, first.err, again.err) == (0, 0, "", "")
    assert [stat.S_IMODE(path.stat().st_mode) for path in passwords] == [0o600] * 4
    assert [path.read_text() for path in passwords] == before
    for role in ROLES:
        with psycopg.connect(url_as(load(HubSettings), role), autocommit=True) as connection:
            # What undoes a role that was only taken: `-c role=hub_api` (PostgreSQL's manual, SET ROLE).
            connection.execute("SET ROLE none")
            connection.execute("RESET ROLE")
            assert connection.execute("SELECT session_user, current_user").fetchone() == (role, role)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SET ROLE postgres")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM sync.migration")


def test_a_second_hub_on_the_server_does_not_lock_the_first_one_out(
    hub: Hub, owner: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub("migrate")
    ours = load(HubSettings)

    monkeypatch.setenv("HUB_HOME", str(tmp_path / "another"))
    refused = hub("migrate")

    assert refused.code == 1
    assert refused.err.startswith("hub: SYNC_DATABASE_URL: not set, and another hub has given hub_sync its password")
    with psycopg.connect(url_as(ours, "hub_sync")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_without_a_password_of_its_own_a_role_is_refused_and_never_the_owner_in_disguise() -> None:
    settings = HubSettings(
        database_url="postgresql://owner:hush@db.example.com/hub?sslmode=require&password=hush",
        sync_database_url=None, api_database_url=None, auth_database_url=None,
        analyst_database_url=None,
    )  # fmt: skip

    with pytest.raises(SettingsError, match=r"^API_DATABASE_URL: not set.*hub migrate") as refused:
        url_as(settings, "hub_api")
    file = password_file(settings, "hub_api")
    file.parent.mkdir(parents=True)
    file.write_text("its-own")

    assert "hush" not in str(refused.value)
    assert url_as(settings, "hub_api") == "postgresql://hub_api:its-own@db.example.com/hub?sslmode=require"


def test_a_roles_own_url_is_enough_where_nobody_knows_the_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_DATABASE_URL", "postgresql://hub_api:its-own@db.example.com/hub")

    assert url_as(load(HubSettings), "hub_api") == "postgresql://hub_api:its-own@db.example.com/hub"


ROLE_OF = {"API_DATABASE_URL": "hub_api", "SYNC_DATABASE_URL": "hub_sync"}


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("api", "API_DATABASE_URL"),
        ("gateway", "SYNC_DATABASE_URL"),
        ("listen", "SYNC_DATABASE_URL"),
        ("apply", "SYNC_DATABASE_URL"),
        ("forward", "SYNC_DATABASE_URL"),
    ],
)
def test_nothing_serves_as_the_owner_not_even_in_a_role_that_it_took(
    hub: Hub, joined: Database, monkeypatch: pytest.MonkeyPatch, command: str, variable: str
) -> None:
    separator = "&" if "?" in joined.owner else "?"
    monkeypatch.setenv(variable, f"{joined.owner}{separator}options=-c%20role%3D{ROLE_OF[variable]}")

    ended = hub(command)

    assert ended.code == 1
    assert ended.err.startswith(f"hub: {variable}: that login owns the hub or is a superuser")
    assert os.environ[variable] not in ended.err
