"""`hub commands`: what an operator sees of a command, and does about it."""

import json
from typing import Any

import psycopg
import pytest

from tests.builders import insert
from tests.cli.conftest import Hub
from tests.conftest import Database


@pytest.fixture
def command(joined: Database) -> Any:
    """Stores a command that stands so; the beginning of its id."""

    def store(status: str, *steps: tuple[str, str]) -> str:
        with psycopg.connect(joined.owner) as connection:
            made = insert(
                connection, "command.commands", kind="place_order", status=status, failure_code="PAID_WITHOUT_QUOTA"
            )
            for number, (name, stands) in enumerate(steps, start=1):
                insert(connection, "command.steps", command_id=made["id"], name=name, status=stands, number=number)
        return str(made["id"])[:12]

    return store


def test_dead_commands_can_be_listed_alone(hub: Hub, command: Any) -> None:
    dead = command("dead")
    command("succeeded")

    listed = json.loads(hub("commands", "list", "--status", "dead", "--json").out)

    assert [row["id"][:12] for row in listed] == [dead]


def test_a_command_is_shown_with_its_steps_but_not_with_what_was_asked_for(hub: Hub, command: Any) -> None:
    shown = hub("commands", "show", command("dead", ("create_order", "done"), ("add_order", "started"))).out

    assert "create_order" in shown
    assert "add_order" in shown
    assert "input" not in shown


def test_a_dead_command_goes_on_when_it_is_retried(hub: Hub, command: Any, joined: Database) -> None:
    dead = command("dead")

    assert hub("commands", "retry", dead).code == 0

    with psycopg.connect(joined.owner) as connection:
        row = connection.execute("SELECT status, failure_code, due_at <= now() FROM command.commands").fetchone()
    assert row == ("waiting", None, True)


def test_a_dead_command_can_be_said_to_have_ended(hub: Hub, command: Any, joined: Database) -> None:
    assert hub("commands", "resolve", command("dead"), "--as", "succeeded").code == 0

    with psycopg.connect(joined.owner) as connection:
        row = connection.execute("SELECT status, finished_at IS NOT NULL FROM command.commands").fetchone()
    assert row == ("succeeded", True)


def test_a_command_is_called_off_only_while_nothing_was_done(hub: Hub, command: Any) -> None:
    reads_only = command("waiting", ("find_opportunity", "done"))
    changed = command("waiting", ("find_opportunity", "done"), ("keep_opportunity", "started"))

    assert hub("commands", "cancel", reads_only).code == 0
    refused = hub("commands", "cancel", changed)

    assert refused.code == 1
    assert "does not stand where that could be done" in refused.err


@pytest.mark.parametrize("what", ["retry", "cancel", "resolve"])
def test_what_has_ended_stays_as_it_is(hub: Hub, command: Any, what: str) -> None:
    more = ("--as", "failed") if what == "resolve" else ()

    assert hub("commands", what, command("succeeded"), *more).code == 1


def test_a_command_that_is_not_there_is_said_so(hub: Hub, joined: Database) -> None:
    ended = hub("commands", "show", "ffff")

    assert (ended.code, "no command begins so" in ended.err) == (1, True)
