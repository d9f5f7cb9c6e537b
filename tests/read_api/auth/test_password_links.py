"""Setting a password by a link, for who forgot theirs.

The promise. Whoever asks learns nothing: known or not, the answer and what is done for it are the same, and nobody's
mailbox is flooded. The link that is sent is good once and for half an hour, is kept as a hash, sets the password, ends
every session, and unlocks nothing that an operator locked. The person is told.
"""

import asyncio
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import psycopg
import pytest

from read_api.auth.limits import key_of
from tests.builders import insert
from tests.conftest import Database
from tests.read_api.auth.conftest import (
    PASSWORD,
    Clock,
    Somebody,
    audited,
    bearer_of,
    challenge_of,
    cookie,
    log_in,
    refresh,
    somebody,
    verify,
    with_phone,
)

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient
NEW = "another horse, another battery"
LONG = datetime(2100, 1, 1, tzinfo=UTC)


async def ask(client: Client, email: str) -> httpx.Response:
    return await client.post("/auth/request-password-reset", json={"email": email})


async def use(client: Client, token: str, password: str = NEW) -> httpx.Response:
    return await client.post("/auth/reset-password", json={"token": token, "newPassword": password})


def sent(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    """What would be sent now: to whom, which message, with what in it."""
    found = []
    with psycopg.connect(database.sync, autocommit=True) as worker:
        while row := worker.execute(
            "SELECT id, claim, email, template, facts FROM auth.claim_message('1 minute')"
        ).fetchone():
            message, claim, *rest = row
            worker.execute("SELECT auth.end_claim(%s, %s, 'sent', NULL)", [message, claim])
            found.append(tuple(rest))
    return found  # type: ignore[return-value]


async def link(client: Client, database: Database, person: Somebody) -> str:
    """The token of a link that was asked for and sent."""
    assert (await ask(client, person.email)).status_code == 202
    return str(sent(database)[-1][2]["token"])


def later(owner: Owner, by: str) -> None:
    owner.execute("UPDATE auth.attempts SET tried_at = tried_at - %s::interval", [by])
    owner.execute("UPDATE auth.password_links SET expires_at = expires_at - %s::interval", [by])


# -- asking for one ----------------------------------------------------------------------------------------------------


async def test_whoever_asks_is_not_told_whether_there_is_such_a_person(
    client: Client, person: Somebody, owner: Owner, database: Database
) -> None:
    without = somebody(owner, password_hash=None)

    answers = [await ask(client, email) for email in (person.email, "nobody@example.com", without.email.upper())]

    assert {(each.status_code, each.text) for each in answers} == {(202, '{"data":{"minutes":30}}')}
    assert len({json.dumps(dict(each.headers) | {"x-request-id": ""}) for each in answers}) == 1
    assert [(to, what) for to, what, _ in sent(database)] == [
        (person.email, "password_link"), (without.email, "password_link")
    ]  # fmt: skip


async def test_as_much_is_done_for_whoever_is_not_known(client: Client, person: Somebody, owner: Owner) -> None:
    # Whatever is stored, row by row, but for what differs between any two requests.
    async def done(email: str) -> list[Any]:
        owner.execute("DELETE FROM auth.messages")
        await ask(client, email)
        messages = owner.execute("SELECT user_id, template, language, state, facts, carries_secret FROM auth.messages")
        links = owner.execute("SELECT octet_length(token_hash), used_at FROM auth.password_links")
        tries = owner.execute("SELECT count(*), kind FROM auth.attempts GROUP BY kind")
        owner.execute("DELETE FROM auth.attempts")
        return [messages.fetchall(), links.fetchall(), tries.fetchall()]

    assert await done(person.email) == await done("nobody@example.com")
    assert audited(owner) == ["password.link_requested"] * 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "taro@example.com\r\nBcc: hana@example.com"}, "email"),
        ({"email": "taro@example.com", "language": "en"}, "language"),
    ],
)
async def test_a_field_that_cannot_be_is_named(client: Client, body: Any, field: str) -> None:
    answer = await client.post("/auth/request-password-reset", json=body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("path", ["/auth/request-password-reset", "/auth/reset-password"])
async def test_pages_of_other_sites_ask_for_nothing(client: Client, path: str, person: Somebody, owner: Owner) -> None:
    body = {"email": person.email, "token": "t", "newPassword": NEW}
    names = ("email",) if path.endswith("reset") else ("token", "newPassword")
    asked = json.dumps({name: body[name] for name in names})

    foreign = await client.post(path, content=asked, headers={"origin": "https://evil.example"})
    form = await client.post(path, content=asked, headers={"content-type": "text/plain"})

    assert [each.status_code for each in (foreign, form)] == [403, 400]
    assert owner.execute("SELECT count(*) FROM auth.messages").fetchone() == (0,)


async def test_nobodys_mailbox_is_flooded(client: Client, person: Somebody, owner: Owner, database: Database) -> None:
    first = [(await ask(client, person.email)).status_code for _ in range(4)]
    nobodys = [(await ask(client, "nobody@example.com")).status_code for _ in range(4)]
    for _ in range(5):
        later(owner, "1 hour")
        for _ in range(4):
            await ask(client, person.email)

    assert first == nobodys == [202, 202, 202, 429]
    # In a day.
    assert len([each for each in sent(database) if each[1] == "password_link"]) == 10


# -- using it ----------------------------------------------------------------------------------------------------------


async def test_the_link_sets_the_password_and_logs_out_everywhere(
    client: Client, person: Somebody, owner: Owner, database: Database
) -> None:
    before = await log_in(client, person)
    token = await link(client, database, person)

    answer = await use(client, token)

    assert (answer.status_code, answer.json()) == (200, {"data": {"ended": 1}})
    assert answer.headers["cache-control"] == "no-store"
    assert (await refresh(client, cookie(before))).status_code == 401
    assert (await log_in(client, person)).status_code == 401
    assert (await log_in(client, person, NEW)).status_code == 200
    assert [(to, what) for to, what, _ in sent(database)] == [(person.email, "password_changed")]
    assert audited(owner)[:4] == [
        "login.succeeded", "password.link_requested", "password.link_made", "password.reset",
    ]  # fmt: skip


async def test_where_a_passkey_is_left_the_message_says_so(
    client: Client, person: Somebody, owner: Owner, database: Database
) -> None:
    insert(owner, "auth.passkeys", user_id=person.id, credential_id=b"a thief's", transports=[])

    await use(client, await link(client, database, person))

    assert sent(database) == [(person.email, "password_changed", {"passkeys": 1})]


async def test_a_link_is_good_once(client: Client, person: Somebody, database: Database) -> None:
    token = await link(client, database, person)

    answers = [await use(client, token), await use(client, token, "a third horse, a third battery")]

    assert [each.status_code for each in answers] == [200, 410]
    assert answers[1].json()["type"] == "/problems/link-ended"
    assert (await log_in(client, person, NEW)).status_code == 200


async def test_of_two_who_use_a_link_at_once_one_does(client: Client, person: Somebody, database: Database) -> None:
    first, second = await link(client, database, person), await link(client, database, person)

    answers = await asyncio.gather(*(use(client, token) for token in (first, second, first, second)))

    assert sorted(each.status_code for each in answers) == [200, 410, 410, 410]


@pytest.mark.parametrize("token", ["", "x" * 43, "x" * 101, "\uff58"])
async def test_what_is_no_link_sets_nothing(client: Client, person: Somebody, token: str) -> None:
    answer = await use(client, token)

    assert answer.status_code == (410 if len(token) in {1, 43} else 400)
    assert answer.json()["field"] == "token"
    assert (await log_in(client, person)).status_code == 200


async def test_a_link_ends_after_half_an_hour(
    client: Client, person: Somebody, owner: Owner, database: Database
) -> None:
    token = await link(client, database, person)
    later(owner, "30 minutes")

    assert (await use(client, token)).status_code == 410
    assert (await log_in(client, person)).status_code == 200


async def test_a_link_that_was_not_sent_yet_is_nobodys(client: Client, person: Somebody, owner: Owner) -> None:
    # Whoever reads the table before it is sent has a token for an address, not for a person.
    await ask(client, person.email)
    ((token,),) = owner.execute("SELECT secret->>'token' FROM auth.messages").fetchall()

    assert (await use(client, token)).status_code == 410


async def test_another_password_ends_the_links_before_it(client: Client, person: Somebody, database: Database) -> None:
    token = await link(client, database, person)
    headers = bearer_of(await log_in(client, person))
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert (await client.post("/auth/change-password", headers=headers, json=body)).status_code == 200

    assert (await use(client, token, "a third horse, a third battery")).status_code == 410


@pytest.mark.parametrize("password", ["too short", "passwordpassword", "{email}"])
async def test_a_password_that_may_not_be_uses_up_no_link(
    client: Client, person: Somebody, database: Database, password: str
) -> None:
    token = await link(client, database, person)

    refused = await use(client, token, password.format(email=person.email))

    assert (refused.status_code, refused.json()["field"]) == (400, "newPassword")
    assert (await use(client, token)).status_code == 200


async def test_beside_a_second_factor_a_shorter_password_will_do_and_the_factor_stays(
    client: Client, person: Somebody, owner: Owner, database: Database, clock: Clock
) -> None:
    phone = await with_phone(client, bearer_of(await log_in(client, person)), clock)
    token = await link(client, database, person)

    refused, taken = await use(client, token, "7 chars"), await use(client, token, "8 chars!")

    assert (refused.status_code, refused.json()["field"], taken.status_code) == (400, "newPassword", 200)
    challenge = await challenge_of(client, person, "8 chars!")
    entered = await verify(client, challenge, phone.next_code())
    assert entered.status_code == 200
    # It does not suffice alone; a longer one, set by a link as well, does.
    switched_off = await client.delete("/auth/factors/totp", headers=bearer_of(entered))
    assert switched_off.json()["type"] == "/problems/password-too-short"
    assert (await use(client, await link(client, database, person))).status_code == 200
    assert owner.execute("SELECT password_suffices FROM auth.users").fetchall() == [(True,)]


async def test_a_short_password_is_not_set_where_the_second_factor_went_meanwhile(
    client: Client, person: Somebody, owner: Owner, database: Database
) -> None:
    token = await link(client, database, person)
    values = [sha256(token.encode()).digest(), "short", False, "", ""]

    found = owner.execute("SELECT ended FROM auth.set_password_by_link(%s, %s, %s, %s, %s)", values).fetchall()

    assert found == [(None,)]
    assert (await log_in(client, person)).status_code == 200


async def test_what_an_operator_locked_stays_locked(client: Client, owner: Owner, database: Database) -> None:
    locked = somebody(owner, locked_until=LONG)
    token = await link(client, database, locked)

    assert (await use(client, token)).status_code == 200

    refused = await log_in(client, locked, NEW)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/person-locked")


async def test_who_tried_too_often_gets_in_by_the_new_password(
    client: Client, person: Somebody, database: Database
) -> None:
    for _ in range(11):
        refused = await log_in(client, person, "not the password")
    assert refused.status_code == 429

    await use(client, await link(client, database, person))

    assert (await log_in(client, person, NEW)).status_code == 200


async def test_tokens_are_kept_nowhere_but_in_what_is_still_to_be_sent(
    client: Client, person: Somebody, owner: Owner, database: Database
) -> None:
    token = await link(client, database, person)
    await use(client, token)

    tables = ("messages", "password_links", "audit", "attempts", "users", "sessions")
    everything = str([owner.execute(b"SELECT * FROM auth.%b" % table.encode()).fetchall() for table in tables])
    assert token not in everything
    assert PASSWORD not in everything


async def test_guessing_links_is_limited(client: Client, person: Somebody) -> None:
    answers = [(await use(client, "x" * 43)).status_code for _ in range(31)]

    assert answers == [410] * 30 + [429]


# -- tried too often ---------------------------------------------------------------------------------------------------


async def test_who_is_tried_too_often_is_told_once_an_hour_and_from_where(
    client: Client, person: Somebody, database: Database
) -> None:
    for _ in range(14):
        await log_in(client, person, "not the password")
        await log_in(client, Somebody(person.id, "nobody@example.com", person.customer), "not the password")

    assert sent(database) == [(person.email, "login_limited", {"address": "127.0.0.1"})]


async def test_an_address_that_tries_many_is_no_reason_to_tell_each(
    client: Client, person: Somebody, owner: Owner
) -> None:
    tried = "INSERT INTO auth.attempts (kind, key) SELECT 'login', %s FROM generate_series(1, 200)"
    owner.execute(tried, [key_of("address", "127.0.0.1")])

    refused = await log_in(client, person, "not the password")

    assert refused.headers["ratelimit-policy"].startswith('"address"')
    assert owner.execute("SELECT count(*) FROM auth.messages").fetchone() == (0,)


async def test_a_stolen_refresh_token_is_told_of(client: Client, person: Somebody, database: Database) -> None:
    token = cookie(await log_in(client, person))
    await refresh(client, token)

    await refresh(client, token, **{"user-agent": "a thief"})

    ((to, what, facts),) = sent(database)
    assert (to, what, facts["device"]) == (person.email, "session_reused", "a browser")
