"""`hub mail`, and links that `hub user` sends: who is told what, and what operators see of it."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.builders import insert, insert_customer
from tests.cli.conftest import Hub
from tests.conftest import Database

TARO = "taro@example.com"


@pytest.fixture
def owner(joined: Database) -> Any:
    with psycopg.connect(joined.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
def customer(owner: Any) -> str:
    return str(insert_customer(owner, name="Acme")["id"])


def listed(hub: Hub, *arguments: str) -> Any:
    ended = hub("mail", "list", *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def message(owner: Any, **values: Any) -> Any:
    return insert(owner, "auth.messages", template="welcome", email=TARO, **values)["id"]


def test_somebody_who_is_added_may_choose_the_password_by_a_link(hub: Hub, owner: Any, customer: str) -> None:
    ended = hub("user", "add", TARO, "--customer", customer, "--link", "--language", "en")

    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == (
        "A link to choose a password is on its way; it is good for 24 hours (hub mail list)."
    )
    (found,) = listed(hub)
    assert (found["template"], found["email"], found["language"], found["state"]) == ("welcome", TARO, "en", "waiting")
    ((secret, hashed),) = owner.execute("SELECT secret->>'token', password_hash FROM auth.messages, auth.users")
    assert hashed is None
    assert secret not in ended.out + ended.err + str(listed(hub))


def test_whoever_was_there_before_is_sent_no_link(hub: Hub, owner: Any, customer: str) -> None:
    hub("user", "add", TARO, "--customer", customer)

    ended = hub("user", "add", TARO, "--customer", customer, "--role", "billing", "--link")

    assert ended.out == f"{TARO} may act for {customer} as billing.\n"
    assert listed(hub) == []


def test_a_reset_by_link_leaves_no_password_and_no_session(hub: Hub, owner: Any, customer: str) -> None:
    hub("user", "add", TARO, "--customer", customer)
    ((who,),) = owner.execute("SELECT id FROM auth.users").fetchall()
    insert(owner, "auth.sessions", user_id=who, customer_id=customer)

    assert hub("user", "reset", TARO, "--link").code == 0

    assert owner.execute("SELECT password_hash FROM auth.users").fetchall() == [(None,)]
    assert owner.execute("SELECT revoked_why FROM auth.sessions").fetchall() == [("password_reset",)]
    # Told of by the message that has the link, and by no other.
    assert [each["template"] for each in listed(hub)] == ["password_withdrawn"]


def test_a_lock_and_a_printed_password_are_told_of(hub: Hub, owner: Any, customer: str) -> None:
    hub("user", "add", TARO, "--customer", customer)
    hub("user", "lock", TARO, "--reason", "stolen phone")
    hub("user", "unlock", TARO)
    hub("user", "reset", TARO)

    assert [each["template"] for each in reversed(listed(hub))] == [
        "person_locked", "person_unlocked", "password_changed",
    ]  # fmt: skip


def test_what_was_sent_is_listed_only_when_asked_for(hub: Hub, owner: Any) -> None:
    message(owner, state="sent")

    assert hub("mail", "list").out == "No message waits, and none failed.\n"
    assert [each["state"] for each in listed(hub, "--all")] == ["sent"]


def test_dead_messages_are_tried_again_but_for_those_whose_secret_is_gone(hub: Hub, owner: Any) -> None:
    mended = message(owner, state="dead", attempts=12, reason="450 4.2.0 greylisted")
    gone = message(owner, state="dead", carries_secret=True)
    message(owner, state="sent")

    assert hub("mail", "retry").out == "1 message is tried again.\n"

    states = {each["id"]: each["state"] for each in listed(hub)}
    assert states == {str(mended): "waiting", str(gone): "dead"}
    assert owner.execute(
        "SELECT attempts, due_at <= now(), useful_until > now() FROM auth.messages WHERE id = %s", [mended]
    ).fetchone() == (0, True, True)
    assert owner.execute("SELECT action, record FROM auth.audit").fetchall() == [
        ("message.retried", f"message:{mended}")
    ]
    for which in (gone, uuid4()):
        refused = hub("mail", "retry", str(which))
        assert refused.err == f"hub: {which} is no message that could be tried again; see `hub mail list`\n"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": "dead"}, "E-mails: 0 late, 1 not sent: hub mail list"),
        ({"attempts": 2}, "E-mails: 1 late, 0 not sent: hub mail list"),
        ({}, None),
        ({"state": "sent"}, None),
    ],
)
def test_the_status_says_what_does_not_get_through(hub: Hub, owner: Any, values: Any, said: str | None) -> None:
    message(owner, **values)

    found = hub("status").out

    assert (said in found) if said else ("E-mails" not in found)
