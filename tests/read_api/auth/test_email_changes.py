"""Change of e-mail address.

The promise. Whoever asks has just proven who they are, and learns nothing of who has the address they want: that one
alone is told. The link to the new address counts once, for half an hour, and by a session of the same person: one that
went astray gives its finder nothing. With the change, every other session and every link that was sent before ends, and
the old address is told.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from sql.statements import statement
from tests.builders import insert
from tests.conftest import Database
from tests.read_api.auth.conftest import (
    Clock,
    Somebody,
    audited,
    bearer_of,
    challenge_of,
    log_in,
    somebody,
    until_refused,
    verify,
    with_phone,
)

Client = httpx.AsyncClient
Owner = psycopg.Connection[Any]
Headers = dict[str, str]
NEW = "new@example.com"


@pytest.fixture
async def own(client: Client, person: Somebody) -> Headers:
    return bearer_of(await log_in(client, person))


async def ask(client: Client, headers: Headers, email: str = NEW) -> httpx.Response:
    return await client.post("/auth/change-email", headers=headers, json={"email": email})


async def confirm(client: Client, headers: Headers, token: str) -> httpx.Response:
    return await client.post("/auth/confirm-email", headers=headers, json={"token": token})


def link(owner: Owner) -> str:
    """The token that was sent last."""
    ((token,),) = owner.execute(
        "SELECT secret ->> 'token' FROM auth.messages WHERE template = 'email_change' ORDER BY posted_at DESC LIMIT 1"
    ).fetchall()
    return str(token)


def told(owner: Owner) -> Counter[tuple[Any, ...]]:
    return Counter(owner.execute("SELECT template, email FROM auth.messages").fetchall())


def address_of(owner: Owner, person: Somebody) -> Any:
    ((email,),) = owner.execute("SELECT email FROM auth.users WHERE id = %s", [person.id]).fetchall()
    return email


async def test_it_is_asked_for_by_a_fresh_session_as_the_database_knows_too(
    client: Client, owner: Owner, own: Headers, clock: Clock
) -> None:
    owner.execute("UPDATE auth.sessions SET authenticated_at = authenticated_at - interval '1 hour'")

    by_the_database = await ask(client, own)
    clock.go_on(3600)
    by_the_token = await ask(client, own)

    assert {each.json()["type"] for each in (by_the_database, by_the_token)} == {
        "/problems/fresh-authentication-needed"
    }
    assert told(owner) == Counter()


@pytest.mark.parametrize("email", ["", "nobody", "a b@example.com", "x" * 250 + "@example.com", "a@b\nBcc: c@d"])
async def test_what_is_no_address_is_refused(client: Client, own: Headers, email: str) -> None:
    refused = await ask(client, own, email)

    assert (refused.status_code, refused.json()["field"]) == (400, "email")


async def test_whoever_asks_does_not_learn_whether_somebody_has_the_address_who_is_told(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    other = somebody(owner)

    free, taken = await ask(client, own), await ask(client, own, other.email.upper())

    assert (free.status_code, free.content) == (taken.status_code, taken.content) == (202, b'{"data":{"minutes":30}}')
    assert told(owner) == Counter({
        ("email_change", NEW): 1, ("email_wanted", other.email): 1, ("email_change_requested", person.email): 2,
    })  # fmt: skip
    assert address_of(owner, person) == person.email


async def test_nothing_changes_until_the_link_is_confirmed_and_then_all_else_ends(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    elsewhere = bearer_of(await log_in(client, person))
    await client.post("/auth/request-password-reset", json={"email": person.email})
    await ask(client, own)
    assert address_of(owner, person) == person.email

    confirmed = await confirm(client, own, link(owner))

    assert (confirmed.status_code, confirmed.json()) == (200, {"data": {"ended": 1}})
    await until_refused(client, elsewhere)
    assert (await client.get("/auth/me", headers=own)).json()["data"]["email"] == NEW
    assert (await log_in(client, person)).status_code == 401
    assert (await log_in(client, Somebody(person.id, NEW, person.customer))).status_code == 200
    assert owner.execute("SELECT FROM auth.password_links WHERE used_at IS NULL").rowcount == 0
    assert told(owner)["email_changed", person.email] == told(owner)["email_changed", NEW] == 1
    assert {"email.change_requested", "email.changed"} <= set(audited(owner))
    assert NEW not in str(owner.execute("SELECT details FROM auth.audit").fetchall())


async def test_a_log_in_that_waits_for_a_second_factor_begins_anew(
    client: Client, person: Somebody, owner: Owner, clock: Clock
) -> None:
    headers = bearer_of(await log_in(client, person))
    phone = await with_phone(client, headers, clock)
    challenge = await challenge_of(client, person)
    await ask(client, headers)

    assert (await confirm(client, headers, link(owner))).status_code == 200

    assert (await verify(client, challenge, phone.next_code())).json()["type"] == "/problems/challenge-ended"


async def test_a_link_that_went_astray_gives_its_finder_nothing(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    await ask(client, own)
    finder = bearer_of(await log_in(client, somebody(owner)))

    by_another = await confirm(client, finder, link(owner))
    by_nobody = await client.post("/auth/confirm-email", json={"token": link(owner)})

    assert (by_another.status_code, by_nobody.status_code) == (410, 401)
    assert address_of(owner, person) == person.email
    assert (await confirm(client, own, link(owner))).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE auth.email_changes SET expires_at = now() - interval '1 second'",
        "UPDATE auth.users SET password_hash = 'another', password_set_at = now()",
        "UPDATE auth.users SET email = 'third@example.com'",
    ],
)
async def test_a_link_is_good_for_half_an_hour_unless_another_password_or_address_follows(
    client: Client, person: Somebody, owner: Owner, own: Headers, change: str
) -> None:
    await ask(client, own)
    token = link(owner)

    owner.execute(change.encode())

    assert (await confirm(client, own, token)).json()["type"] == "/problems/link-ended"
    assert address_of(owner, person) != NEW


async def test_another_link_ends_the_one_before_sent_or_not(client: Client, owner: Owner, own: Headers) -> None:
    await ask(client, own)
    first = link(owner)

    await ask(client, own, "third@example.com")

    assert (await confirm(client, own, first)).status_code == 410
    assert owner.execute("SELECT state, secret FROM auth.messages WHERE email = %s", [NEW]).fetchall() == [
        ("dead", None)
    ]


async def test_an_address_that_somebody_took_meanwhile_is_theirs(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    await ask(client, own)
    insert(owner, "auth.users", email=NEW.upper())

    assert (await confirm(client, own, link(owner))).json()["type"] == "/problems/link-ended"
    assert address_of(owner, person) == person.email


async def test_the_same_address_may_be_written_in_other_letters(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    await ask(client, own, person.email.upper())

    assert (await confirm(client, own, link(owner))).status_code == 200
    assert address_of(owner, person) == person.email.upper()


async def test_nobodys_mailbox_is_flooded(client: Client, owner: Owner, own: Headers) -> None:
    answers = [(await ask(client, own, f"{each}@example.com")).status_code for each in range(4)]

    assert answers == [202] * 3 + [429]


def test_asked_twice_it_is_answered_twice_and_told_once(database: Database, owner: Owner, person: Somebody) -> None:
    later = datetime(2100, 1, 1, tzinfo=UTC)
    session = insert(
        owner, "auth.sessions", user_id=person.id, customer_id=person.customer, expires_at=later
    )["id"]  # fmt: skip
    asked = {
        "session": session, "fresh": "10", "email": NEW, "token": "t0ken", "token_hash": "ab" * 32, "minutes": "30",
        "address": "192.0.2.1",
    }  # fmt: skip
    with psycopg.connect(database.auth, autocommit=True) as connection:
        requested = [
            connection.execute(statement("auth/request_email_change").encode(), asked).fetchone() for _ in "12"
        ]
        confirmed = [connection.execute(statement("auth/confirm_email").encode(), asked).fetchone() for _ in "12"]

    assert requested == [("requested",)] * 2
    assert confirmed == [(0,)] * 2
    assert told(owner) == Counter({
        ("email_change", NEW): 1, ("email_change_requested", person.email): 1, ("email_changed", person.email): 1,
        ("email_changed", NEW): 1,
    })  # fmt: skip
