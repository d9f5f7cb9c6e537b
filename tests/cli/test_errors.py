"""An error that an operator can mend is a line that says how; it is never a stack trace."""

import pytest

from tests.cli.conftest import Hub
from tests.conftest import Database


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("customers", "list"),
        ("quarantine", "list"),
        ("migrate",),
        ("psql",),
        ("sync",),
        ("reconcile",),
        ("token", "--customer", "00000000-0000-0000-0000-000000000001"),
    ],
    ids=" ".join,
)
def test_without_a_database_each_command_names_the_variable_and_the_way_out(hub: Hub, command: tuple[str, ...]) -> None:
    ended = hub(*command)

    assert ended.code == 1
    assert ended.err == "hub: DATABASE_URL: not set, and no embedded server runs here; start it with `hub up`\n"
    assert ended.out == ""


def test_a_server_that_does_not_answer_is_one_line_without_the_password(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:hush@127.0.0.1:1/hub")

    ended = hub("status")

    assert ended.code == 1
    assert ended.err.startswith("hub: the database does not answer")
    assert ended.err.count("\n") == 1
    assert "hush" not in ended.err


def test_a_database_that_was_never_migrated_is_sent_to_migrate(
    hub: Hub, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database.owner)

    ended = hub("customers", "list")

    assert (ended.code, ended.err) == (1, "hub: the database is not at this release's level; run `hub migrate`\n")


def test_migrate_brings_it_there(hub: Hub, empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database.owner)

    ended = hub("migrate")

    assert ended.code == 0
    assert ended.out.startswith("The database is at level ")
    assert hub("customers", "list").code == 0


@pytest.mark.parametrize(
    ("variable", "value", "example"),
    [
        ("API_PORT", "eighty", "8000"),
        ("GATEWAY_PORT", "eighty", "8001"),
        ("GATEWAY_PORT", "99999", "8001"),
        ("API_TIMEZONE", "Mars/One", "Asia/Tokyo"),
        ("WHMCS_VOCABULARY__TIMEZONE", "Mars/One", "Asia/Tokyo"),
        ("SANDBOX_WHMCS_TIMEZONE", "Mars/One", "Asia/Tokyo"),
        ("WHMCS_CALLS_PER_SECOND", "-1", "20"),
        ("COMMANDS_BATCH", "many", "16"),
        ("API_JWT_KEY", "short", "the output of"),
        ("HUB_HOME", "/dev/null/home", ".hub"),
    ],
)
def test_a_malformed_variable_stops_the_start_with_its_name_and_an_example(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, example: str
) -> None:
    monkeypatch.setattr("cli.up.supervisor.require_free", lambda _: pytest.fail("it went on"))
    monkeypatch.setenv(variable, value)

    ended = hub("up")

    assert ended.code == 1
    assert ended.err.startswith(f"hub: {variable}: ")
    assert f"(for example {example}" in ended.err
    assert value not in ended.err


def test_an_unknown_system_is_a_question_of_usage(hub: Hub) -> None:
    ended = hub("sync", "sap")

    assert ended.code == 2
    assert "salesforce" in ended.err
