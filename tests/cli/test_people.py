"""`hub user`, `hub keys`, `hub audit`: who may log in, by an operator's word, and what was done about it."""

import json
import os
from datetime import UTC, datetime
from pwd import getpwuid
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from argon2 import PasswordHasher

from read_api.auth.keys import rotate
from tests.builders import insert, insert_customer
from tests.cli.conftest import Hub
from tests.conftest import Database
from tests.serving import served_api

TARO = "taro@example.com"


@pytest.fixture
def owner(joined: Database) -> Any:
    with psycopg.connect(joined.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
def customer(owner: Any) -> str:
    return str(insert_customer(owner, name="Acme")["id"])


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_ARGON2_MEMORY_KIB", "7168")


def said(hub: Hub, *arguments: str) -> Any:
    ended = hub(*arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def stored(owner: Any) -> str:
    ((hashed,),) = owner.execute("SELECT password_hash FROM auth.users").fetchall()
    return str(hashed)


def test_somebody_who_is_added_gets_a_password_that_is_shown_once(hub: Hub, owner: Any, customer: str) -> None:
    ended = hub("user", "add", TARO, "--customer", customer)

    assert ended.code == 0
    password = ended.out.splitlines()[-1]
    assert len(password) >= 15
    assert PasswordHasher().verify(stored(owner), password)
    (person,) = said(hub, "user", "list")
    assert (person["email"], person["accounts"], person["sessions"]) == (TARO, 1, 0)
    (shown,) = said(hub, "user", "show", TARO.upper())
    assert [(each["customer_id"], each["name"], each["role"]) for each in shown["accounts"]] == [
        (customer, "Acme", "owner")
    ]
    assert password not in str(shown)


def test_the_same_person_again_gets_another_role_and_keeps_the_password(hub: Hub, owner: Any, customer: str) -> None:
    hub("user", "add", TARO, "--customer", customer)
    before = stored(owner)

    ended = hub("user", "add", TARO.title(), "--customer", customer, "--role", "read_only")

    assert ended.out == f"{TARO.title()} may act for {customer} as read_only.\n"
    assert stored(owner) == before
    assert said(hub, "user", "show", TARO)[0]["accounts"][0]["role"] == "read_only"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("user", "add", "no address", "--customer", str(uuid4())), "hub: no address is not an e-mail address"),
        (("user", "add", TARO, "--customer", str(uuid4())), "hub: no customer has the id"),
        (("user", "show", TARO), "hub: nobody has the address"),
        (("user", "lock", TARO, "--reason", "none"), "hub: nobody has the address"),
        (("user", "unlock", TARO), "hub: nobody has the address"),
        (("user", "reset", TARO), "hub: nobody has the address"),
        (("audit", "verify", "--known", "nonsense"), "hub: --known: nonsense is not ENTRY:HASH"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(hub: Hub, joined: Database, arguments: Any, why: str) -> None:
    ended = hub(*arguments)

    assert ended.code == 1
    assert ended.err.startswith(why)


def test_somebody_who_is_removed_acts_for_that_customer_no_more_and_their_tokens_end(
    hub: Hub, owner: Any, customer: str
) -> None:
    hub("user", "add", TARO, "--customer", customer)
    ((person,),) = owner.execute("SELECT id FROM auth.users").fetchall()
    session = insert(owner, "auth.sessions", user_id=person, customer_id=customer)["id"]

    removed, again = (hub("user", "remove", TARO, "--customer", customer) for _ in range(2))

    assert (removed.code, again.code) == (0, 1)
    assert f"hub user show {TARO}" in again.err
    assert said(hub, "user", "show", TARO)[0]["accounts"] == []
    assert owner.execute("SELECT session_id FROM auth.revocations").fetchall() == [(session,)]
    assert ("role.taken",) in owner.execute("SELECT action FROM auth.audit").fetchall()


def test_whoever_acts_for_no_customer_must_be_an_agent(hub: Hub, owner: Any) -> None:
    refused = hub("user", "add", TARO)
    added = hub("user", "add", TARO, "--agent")

    assert (refused.code, added.code) == (2, 0)
    assert "only an agent" in refused.err
    assert f"{TARO} is a support agent." in added.out
    assert said(hub, "user", "list")[0]["is_agent"] is True
    assert hub("user", "agent", TARO, "--off").out == f"{TARO} is no support agent any more.\n"
    assert said(hub, "user", "show", TARO)[0]["is_agent"] is False
    assert owner.execute("SELECT action FROM auth.audit WHERE action LIKE 'agent.%' ORDER BY seq").fetchall() == [
        ("agent.made",),
        ("agent.unmade",),
    ]


def test_an_operator_gets_a_token_that_sees_what_a_person_sees_in_production_too(
    hub: Hub, joined: Database, owner: Any, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(owner, 15)
    hub("user", "add", TARO, "--customer", customer)
    look = ("user", "view-as", TARO, "--customer", customer, "--reason", "ticket 4711: no invoices", "--minutes", "5")
    monkeypatch.setenv("HUB_MODE", "production")
    monkeypatch.setenv("LOGNAME", "somebody-else")

    looked = hub(*look)
    nobodys = hub("user", "view-as", TARO, "--customer", str(uuid4()), "--reason", "ticket 4711: no invoices")

    assert (looked.code, nobodys.code) == (0, 1), looked.err
    assert f"{TARO} does not act for" in nobodys.err
    token = looked.out.splitlines()[-1]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 300
    actor = claims["act"]["sub"]
    assert actor == f"operator:{getpwuid(os.getuid()).pw_name}"
    # Tests' copies of the API have a key for development; it takes tokens like this one in either.
    monkeypatch.setenv("HUB_MODE", "development")
    with served_api(joined) as url:
        answer = httpx.get(f"{url}/api/me", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["x-viewed-by"]) == (200, actor)
    assert owner.execute("SELECT actor, action FROM auth.audit WHERE action LIKE 'view.%' ORDER BY seq").fetchall() == [
        (actor, "view.begun"),
        (actor, "view.read"),
    ]


def test_a_role_that_is_none_is_a_question_of_usage(hub: Hub, customer: str) -> None:
    ended = hub("user", "add", TARO, "--customer", customer, "--role", "admin")

    assert ended.code == 2
    assert "read_only" in ended.err


def test_in_production_nobody_is_given_a_token_without_logging_in(
    hub: Hub, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_MODE", "production")

    refused = hub("token", "--customer", customer)
    monkeypatch.delenv("API_JWT_KEY")
    without = hub("token", "--customer", customer)

    assert refused.err.startswith("hub: API_JWT_KEY: whoever has it speaks for every customer")
    assert without.err.startswith("hub: API_JWT_KEY: not set")


def test_a_lock_ends_every_session_and_is_undone(hub: Hub, owner: Any, customer: str) -> None:
    hub("user", "add", TARO, "--customer", customer)
    ((who,),) = owner.execute("SELECT id FROM auth.users").fetchall()
    insert(owner, "auth.sessions", user_id=who, customer_id=customer, expires_at=datetime(2100, 1, 1, tzinfo=UTC))

    assert hub("user", "lock", TARO, "--hours", "24", "--reason", "stolen phone").code == 0

    (person,) = said(hub, "user", "show", TARO)
    assert (person["sessions"][0]["revoked_why"], person["lock_reason"]) == ("locked", "stolen phone")
    assert person["locked_until"] is not None
    assert owner.execute("SELECT epoch FROM auth.revocations").fetchall() == [(2**31 - 1,)]
    hub("user", "unlock", TARO)
    assert said(hub, "user", "show", TARO)[0]["locked_until"] is None
    assert hub("user", "lock", TARO, "--reason", "for good").code == 0
    assert "locked until" in hub("user", "list").out


def test_second_factors_are_shown_and_taken_away(hub: Hub, owner: Any, customer: str) -> None:
    hub("user", "add", TARO, "--customer", customer)
    ((who,),) = owner.execute("SELECT id FROM auth.users").fetchall()
    owner.execute("UPDATE auth.users SET password_suffices = false")
    insert(owner, "auth.totp", user_id=who, secret="sealed", last_step=1, confirmed_at=datetime(2026, 1, 2, tzinfo=UTC))
    for number, used_at in enumerate([None, None, datetime(2026, 1, 3, tzinfo=UTC)]):
        insert(owner, "auth.recovery_codes", user_id=who, code_hash=bytes([number]), used_at=used_at)
    insert(owner, "auth.sessions", user_id=who, customer_id=customer)

    (before,) = said(hub, "user", "show", TARO)
    table = hub("user", "show", TARO).out
    kept = hub("user", "reset", TARO)
    (between,) = said(hub, "user", "show", TARO)
    taken = hub("user", "reset", TARO, "--factors")
    (after,) = said(hub, "user", "show", TARO)

    assert [(each["method"], each["remaining"]) for each in before["factors"]] == [("totp", None), ("recovery", 2)]
    assert "2026-01-02" in table
    assert "sealed" not in table + str(before)
    assert (kept.code, taken.code) == (0, 0)
    assert (len(between["factors"]), after["factors"]) == (2, [])
    # The new password is all that they prove now, and long enough for that.
    assert len(taken.out.strip()) >= 15
    assert owner.execute("SELECT password_suffices FROM auth.users").fetchone() == (True,)
    actions = [action for (action,) in owner.execute("SELECT action FROM auth.audit ORDER BY seq")]
    assert actions[-3:] == ["password.reset", "factor.reset", "password.reset"]


@pytest.mark.parametrize("link", [(), ("--link",)], ids=["a password", "a link"])
def test_a_reset_says_which_second_factors_still_let_somebody_in(
    hub: Hub, owner: Any, customer: str, link: tuple[str, ...]
) -> None:
    hub("user", "add", TARO, "--customer", customer)
    ((who,),) = owner.execute("SELECT id FROM auth.users").fetchall()
    none = hub("user", "reset", TARO, *link)
    insert(owner, "auth.totp", user_id=who, secret="sealed", last_step=1)
    for credential in (b"theirs", b"a thief's"):
        insert(owner, "auth.passkeys", user_id=who, credential_id=credential, transports=[])
    kept = hub("user", "reset", TARO, *link)
    taken = hub("user", "reset", TARO, *link, "--factors")

    assert "still has 2 passkeys, 1 authenticator app." in kept.err
    assert f"hub user reset {TARO} --factors" in kept.err
    assert "still has" not in none.err + taken.err
    told = owner.execute(
        "SELECT facts FROM auth.messages WHERE template = 'password_changed' ORDER BY posted_at"
    ).fetchall()
    assert told == ([] if link else [({"passkeys": each},) for each in (0, 2, 0)])


def test_a_reset_gives_another_password_and_ends_every_session(hub: Hub, owner: Any, customer: str) -> None:
    old = hub("user", "add", TARO, "--customer", customer).out.splitlines()[-1]
    ((who,),) = owner.execute("SELECT id FROM auth.users").fetchall()
    insert(owner, "auth.sessions", user_id=who, customer_id=customer)

    new = hub("user", "reset", TARO).out.strip()

    assert new != old
    assert PasswordHasher().verify(stored(owner), new)
    assert owner.execute("SELECT revoked_why FROM auth.sessions").fetchall() == [("password_reset",)]


def test_migrating_makes_keys_and_rotating_keeps_what_verifies(hub: Hub, owner: Any) -> None:
    assert hub("keys", "list").out == "There is no key yet; `hub keys rotate` makes some.\n"
    assert hub("migrate").code == 0
    (following, current) = said(hub, "keys", "list")

    rotated = hub("keys", "rotate")

    assert rotated.out == f"{following['kid']} signs from now on.\n"
    states = {each["kid"]: each["state"] for each in said(hub, "keys", "list")}
    assert (states[current["kid"]], states[following["kid"]]) == ("retired", "current")
    assert sorted(states.values()) == ["current", "next", "retired"]
    assert "private" not in hub("keys", "list", "--json").out
    hub("keys", "rotate", "--withdraw")
    assert owner.execute(
        "SELECT verifies_until <= now() FROM auth.signing_keys WHERE kid = %s", [following["kid"]]
    ).fetchall() == [(True,)]


def test_what_operators_do_is_in_the_audit_and_the_audit_is_whole(hub: Hub, owner: Any, customer: str) -> None:
    assert hub("audit", "verify").out == "Nothing was done yet.\n"
    hub("user", "add", TARO, "--customer", customer)
    hub("user", "lock", TARO, "--reason", "none")
    hub("user", "unlock", TARO)
    hub("user", "reset", TARO)
    hub("keys", "rotate")

    entries = said(hub, "audit")

    assert [each["action"] for each in reversed(entries)] == [
        "user.added", "role.given", "user.locked", "user.unlocked", "password.reset", "keys.rotated",
    ]  # fmt: skip
    assert all(each["actor"].startswith("operator:") for each in entries)
    assert TARO not in str(entries)
    assert len(said(hub, "audit", "--record", entries[-1]["record"])) == 5
    verified = hub("audit", "verify")
    assert verified.out.startswith("6 entries, one unbroken chain. To keep elsewhere: 6:")
    assert hub("audit", "verify", "--known", verified.out.split()[-1]).code == 0


def test_a_link_that_was_broken_on_purpose_is_named(hub: Hub, owner: Any, customer: str) -> None:
    hub("user", "add", TARO, "--customer", customer)
    hub("user", "unlock", TARO)
    owner.execute("ALTER TABLE auth.audit DISABLE TRIGGER keep_audit")
    owner.execute("UPDATE auth.audit SET actor = 'operator:nobody' WHERE seq = 2")

    ended = hub("audit", "verify")

    assert (ended.code, ended.err) == (1, "hub: the audit's chain is broken at entry 2\n")
