"""Logging in, staying logged in, logging out.

The promise. Who knows the password is in for a week, on as many devices as they like, and sees them. What is wrong is
never said, nor whether there is such a person. A refresh token is good once; who lost the answer gets it again, whoever
else shows it ends the session. Whatever is called back is good no more within a second, on every copy of the API.
"""

import asyncio
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from litestar import Litestar

from core.settings import ApiSettings, AuthSettings
from read_api.app import create_app
from read_api.auth.cookies import NAME
from read_api.auth.passwords import Passwords, hasher_of
from read_api.auth.verification import TRUSTED_SECONDS
from tests.builders import insert, insert_customer
from tests.conftest import Database, as_api
from tests.read_api.auth.conftest import (
    CHEAP,
    HASHED,
    PASSWORD,
    Running,
    Somebody,
    audited,
    bearer_of,
    cookie,
    later,
    log_in,
    refresh,
    somebody,
    until_refused,
)
from tests.serving import served_api

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient
LONG = datetime(2100, 1, 1, tzinfo=UTC)


# -- logging in --------------------------------------------------------------------------------------------------------


async def test_whoever_knows_the_password_is_in(client: Client, person: Somebody, owner: Owner) -> None:
    answer = await log_in(client, person)

    assert answer.status_code == 200
    said = answer.json()["data"]
    assert (said["tokenType"], said["expiresIn"], said["role"]) == ("Bearer", 900, "owner")
    assert (said["person"], said["customer"]) == (str(person.id), str(person.customer))
    assert answer.headers["cache-control"] == "no-store"
    mine = await client.get("/api/me", headers=bearer_of(answer))
    assert (mine.status_code, mine.json()["data"]["id"]) == (200, str(person.customer))
    assert audited(owner) == ["login.succeeded"]


async def test_the_cookie_is_for_this_host_and_no_script(client: Client, person: Somebody, owner: Owner) -> None:
    answer = await log_in(client, person)

    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-")
    assert {*attributes} == {"Max-Age=604800", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"}
    stored = str(owner.execute("SELECT * FROM auth.refresh_tokens").fetchall())
    assert cookie(answer) not in stored


async def test_the_address_is_the_same_in_upper_case(client: Client, person: Somebody) -> None:
    answer = await client.post("/auth/login", json={"email": person.email.upper(), "password": PASSWORD})

    assert answer.status_code == 200


async def test_what_is_wrong_is_not_said(client: Client, person: Somebody, owner: Owner) -> None:
    without = somebody(owner, password_hash=None)
    locked = somebody(owner, locked_until=LONG)
    tried = [
        await log_in(client, person, "not the password"),
        await client.post("/auth/login", json={"email": "nobody@example.com", "password": PASSWORD}),
        await log_in(client, without),
        await log_in(client, locked, "not the password"),
    ]

    assert {each.status_code for each in tried} == {401}
    assert len({each.text for each in tried}) == 1
    assert {each.headers.get("set-cookie") for each in tried} == {None}
    assert audited(owner) == ["login.refused"] * 4


async def test_whoever_has_no_password_to_compare_with_takes_as_much_work(
    client: Client, person: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str | None] = []
    fits = Passwords._fits
    monkeypatch.setattr(
        Passwords, "_fits", lambda self, password, hashed: compared.append(hashed) or fits(self, password, hashed)
    )
    verified: list[str] = []
    hasher = type(hasher_of(CHEAP))
    verify = hasher.verify
    monkeypatch.setattr(
        hasher, "verify", lambda self, hashed, password: verified.append(hashed) or verify(self, hashed, password)
    )

    await client.post("/auth/login", json={"email": "nobody@example.com", "password": PASSWORD})
    await log_in(client, person, "not the password")

    assert compared == [None, HASHED]
    # Both by today's parameters, which decide how long it takes.
    assert [each.rpartition("$")[0].rpartition("$")[0] for each in verified] == [
        HASHED.rpartition("$")[0].rpartition("$")[0]
    ] * 2


async def test_a_locked_person_is_told_so_only_by_the_right_password(client: Client, owner: Owner) -> None:
    locked = somebody(owner, locked_until=LONG)
    refused = await log_in(client, locked)
    owner.execute("UPDATE auth.users SET locked_until = now() - interval '1 second'")

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/person-locked")
    assert (await log_in(client, locked)).status_code == 200


async def test_who_may_act_for_nobody_is_told_so(client: Client, person: Somebody, owner: Owner) -> None:
    owner.execute("DELETE FROM auth.memberships")

    answer = await log_in(client, person)

    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/no-account")


async def test_a_hash_of_yesterdays_parameters_is_made_anew(client: Client, person: Somebody, owner: Owner) -> None:
    older = hasher_of(AuthSettings(argon2_memory_kib=8192, argon2_passes=1)).hash(PASSWORD)
    owner.execute("UPDATE auth.users SET password_hash = %s", [older])

    assert (await log_in(client, person)).status_code == 200

    ((stored,),) = owner.execute("SELECT password_hash FROM auth.users").fetchall()
    assert "m=7168,t=1" in stored
    assert (await log_in(client, person)).status_code == 200


async def test_the_same_letters_typed_otherwise_are_the_same_password(
    client: Client, person: Somebody, owner: Owner
) -> None:
    composed, decomposed = "Größe ist nicht alles", "Gro\u0308ße ist nicht alles"
    owner.execute("UPDATE auth.users SET password_hash = %s", [hasher_of(CHEAP).hash(composed)])

    assert (await log_in(client, person, decomposed)).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": PASSWORD}, "email"),
        ({"email": "a@example.com"}, "password"),
        ({"email": "no address", "password": PASSWORD}, "email"),
        ({"email": "\uff2b@example.com", "password": PASSWORD}, "email"),
        ({"email": "a@example.com", "password": ""}, "password"),
        ({"email": "a@example.com", "password": "x" * 1001}, "password"),
        ({"email": "a@example.com", "password": 12}, "password"),
        ({"email": "a@example.com", "password": "with\0nothing"}, "password"),
        ({"email": "a@example.com", "password": PASSWORD, "admin": True}, "admin"),
    ],
)
async def test_a_field_that_cannot_be_is_named(client: Client, person: Somebody, body: Any, field: str) -> None:
    answer = await client.post("/auth/login", json=body)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-request")
    assert answer.json()["field"] == field
    assert PASSWORD not in answer.text


async def test_before_there_is_a_key_nobody_gets_in(app: Litestar, owner: Owner) -> None:
    async with Running(app) as client:
        answer = await log_in(client, somebody(owner))

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-set-up")


# -- limits ------------------------------------------------------------------------------------------------------------


async def test_after_some_tries_an_account_must_wait_and_the_wait_ends(
    client: Client, person: Somebody, owner: Owner
) -> None:
    other = somebody(owner)
    tried = [(await log_in(client, person, "not the password")).status_code for _ in range(10)]

    refused = await log_in(client, person)

    assert tried == [401] * 10
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-tries")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert refused.headers["ratelimit-policy"] == '"account";q=10;w=900'
    assert refused.headers["ratelimit"] == f'"account";r=0;t={refused.headers["retry-after"]}'
    assert (await log_in(client, other)).status_code == 200
    later(owner, "15 minutes")
    assert (await log_in(client, person)).status_code == 200


async def test_somebody_who_is_not_known_must_wait_as_long(client: Client, person: Somebody) -> None:
    nobody = Somebody(uuid4(), "nobody@example.com", uuid4())

    answers = [await log_in(client, nobody) for _ in range(11)]

    assert [each.status_code for each in answers] == [401] * 10 + [429]


async def test_whoever_got_in_begins_anew(client: Client, person: Somebody) -> None:
    for _ in range(3):
        assert [(await log_in(client, person, "wrong")).status_code for _ in range(9)] == [401] * 9
        assert (await log_in(client, person)).status_code == 200


async def test_the_limits_are_shared_by_all_copies(
    client: Client, person: Somebody, database: Database, api_settings: ApiSettings
) -> None:
    async with Running(create_app(as_api(database), api_settings, auth=CHEAP)) as other:
        for _ in range(5):
            await log_in(client, person, "wrong")
            await log_in(other, person, "wrong")

        assert [(await log_in(each, person)).status_code for each in (client, other)] == [429, 429]


async def test_more_log_ins_than_can_be_hashed_are_asked_to_come_again(
    database: Database, person: Somebody, api_settings: ApiSettings
) -> None:
    few = AuthSettings(argon2_memory_kib=7168, argon2_passes=1, hashes_at_once=1, hashes_waiting=1)
    async with Running(create_app(as_api(database), api_settings, auth=few)) as client:
        answers = await asyncio.gather(*(log_in(client, person) for _ in range(8)))

        busy = [each for each in answers if each.status_code == 503]
        assert {each.status_code for each in answers} == {200, 503}
        assert {each.headers["retry-after"] for each in busy} == {"2"}
        assert (await log_in(client, person)).status_code == 200


# -- staying logged in -------------------------------------------------------------------------------------------------


async def test_a_refresh_gives_the_next_of_both_tokens(client: Client, person: Somebody) -> None:
    first = await log_in(client, person)
    second = await refresh(client, cookie(first))
    third = await refresh(client, cookie(second))

    assert [each.status_code for each in (second, third)] == [200, 200]
    assert len({cookie(each) for each in (first, second, third)}) == 3
    for each in (first, second, third):
        assert (await client.get("/api/me", headers=bearer_of(each))).status_code == 200


async def test_whoever_lost_the_answer_gets_it_again(client: Client, person: Somebody, owner: Owner) -> None:
    first = cookie(await log_in(client, person))
    lost = cookie(await refresh(client, first))

    again = await refresh(client, first)

    assert cookie(again) == lost
    assert (await refresh(client, lost)).status_code == 200
    assert audited(owner) == ["login.succeeded"]


async def test_a_tab_that_comes_late_gets_the_newest_token(client: Client, person: Somebody) -> None:
    first = cookie(await log_in(client, person))
    second = cookie(await refresh(client, first))
    third = cookie(await refresh(client, second))

    assert cookie(await refresh(client, first)) == third
    assert cookie(await refresh(client, second)) == third


@pytest.mark.parametrize("thief", ["another client", "too late"])
async def test_a_token_that_is_shown_again_ends_its_session(
    client: Client, person: Somebody, owner: Owner, thief: str
) -> None:
    other_session = await log_in(client, person)
    answer = await log_in(client, person)
    newest = cookie(await refresh(client, cookie(answer)))

    if thief == "too late":
        later(owner, "11 seconds")
        stolen = await refresh(client, cookie(answer))
    else:
        stolen = await refresh(client, cookie(answer), **{"user-agent": "a thief"})

    assert (stolen.status_code, stolen.json()["type"]) == (401, "/problems/session-ended")
    assert "set-cookie" not in stolen.headers
    assert (await refresh(client, newest)).status_code == 401
    assert (await refresh(client, cookie(other_session))).status_code == 200
    assert audited(owner)[-1] == "session.reused"


async def test_a_storm_of_refreshes_on_two_copies_leaves_one_session_and_nobody_logged_out(
    client: Client, person: Somebody, database: Database, api_settings: ApiSettings, owner: Owner
) -> None:
    first = cookie(await log_in(client, person))

    async with Running(create_app(as_api(database), api_settings, auth=CHEAP)) as other:
        answers = await asyncio.gather(*(refresh((client, other)[number % 2], first) for number in range(100)))

    assert [each.status_code for each in answers] == [200] * 100
    assert len({cookie(each) for each in answers}) == 1
    assert owner.execute("SELECT count(*) FROM auth.refresh_tokens").fetchone() == (2,)
    assert owner.execute("SELECT count(*), count(revoked_at) FROM auth.sessions").fetchone() == (1, 0)
    assert (await refresh(client, cookie(answers[0]))).status_code == 200


async def test_a_session_that_nobody_used_for_a_week_is_over(client: Client, person: Somebody, owner: Owner) -> None:
    token = cookie(await log_in(client, person))

    later(owner, "7 days")

    assert (await refresh(client, token)).status_code == 401


@pytest.mark.parametrize("token", ["", "garbled", "é", "A" * 43, "A" * 4000, "../../etc", "' OR true --"])
async def test_what_is_no_token_of_ours_is_no_session(client: Client, person: Somebody, token: str) -> None:
    headers = {"cookie": f"{NAME}={token}".encode()}

    answer = await client.post("/auth/refresh", headers=headers)

    assert (answer.status_code, answer.json()["field"]) == (401, "Cookie")


async def test_two_cookies_of_that_name_are_none(client: Client, person: Somebody) -> None:
    """Cookie tossing: no browser takes a second one of this name, from whatever subdomain (RFC 6265bis, 4.1.3)."""
    mine, other = cookie(await log_in(client, person)), cookie(await log_in(client, person))

    answer = await client.post("/auth/refresh", headers={"cookie": f"{NAME}={other}; {NAME}={mine}"})

    assert answer.status_code == 401
    assert (await refresh(client, mine)).status_code == 200


async def test_logging_in_takes_over_no_session_that_was_there(client: Client, person: Somebody, owner: Owner) -> None:
    """Session fixation: what somebody planted before is worth nothing after."""
    planted = cookie(await log_in(client, somebody(owner)))
    credentials = {"email": person.email, "password": PASSWORD}

    answer = await client.post("/auth/login", json=credentials, headers={"cookie": f"{NAME}={planted}"})

    assert cookie(answer) != planted
    assert (await refresh(client, planted)).json()["data"]["person"] != str(person.id)


# -- whose pages -------------------------------------------------------------------------------------------------------

FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://hub.evil.example"},
    {"origin": "https://evil.example", "host": "hub"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("path", ["login", "refresh", "logout"])
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_no_page_of_another_site_logs_anybody_in_or_out(
    app: Litestar, client: Client, person: Somebody, path: str, headers: dict[str, str]
) -> None:
    token = cookie(await log_in(client, person))
    del client.headers["origin"]
    body = {"email": person.email, "password": PASSWORD}

    answer = await client.post(f"/auth/{path}", json=body, headers={"cookie": f"{NAME}={token}", **headers})

    assert (answer.status_code, answer.json()["field"]) == (403, "Origin")
    assert (await refresh(client, token)).status_code == 200


async def test_a_form_of_another_site_is_no_json(client: Client, person: Somebody) -> None:
    body = f'{{"email": "{person.email}", "password": "{PASSWORD}"}}'

    answer = await client.post("/auth/login", content=body, headers={"content-type": "text/plain"})

    assert (answer.status_code, answer.json()["field"]) == (400, "Content-Type")


async def test_pages_that_the_settings_name_may_log_in(
    database: Database, person: Somebody, api_settings: ApiSettings
) -> None:
    named = AuthSettings(argon2_memory_kib=7168, argon2_passes=1, origins=("https://portal.example.com",))
    async with Running(create_app(as_api(database), api_settings, auth=named)) as client:
        client.headers["origin"] = "https://portal.example.com"

        assert (await log_in(client, person)).status_code == 200


# -- what is called back -----------------------------------------------------------------------------------------------


async def test_logging_out_ends_this_session_alone(client: Client, person: Somebody, owner: Owner) -> None:
    here, there = await log_in(client, person), await log_in(client, person)

    answer = await client.post("/auth/logout", headers={"cookie": f"{NAME}={cookie(here)}"})

    assert (answer.json(), answer.headers["set-cookie"].partition(";")[0]) == ({"data": {"ended": 1}}, f"{NAME}=")
    await until_refused(client, bearer_of(here))
    assert (await refresh(client, cookie(here))).status_code == 401
    assert (await client.get("/api/me", headers=bearer_of(there))).status_code == 200
    assert audited(owner)[-1] == "session.ended"


@pytest.mark.parametrize("why", ["logged out everywhere", "locked", "role changed", "removed", "password changed"])
async def test_what_is_called_back_is_refused_by_every_copy_though_it_remembers(  # noqa: PLR0917 - fixtures
    client: Client, person: Somebody, database: Database, api_settings: ApiSettings, owner: Owner, why: str
) -> None:
    answer, asking = await log_in(client, person), await log_in(client, person)
    async with Running(create_app(as_api(database), api_settings, auth=CHEAP)) as other:
        for copy in (client, other):
            assert (await copy.get("/api/me", headers=bearer_of(answer))).status_code == 200

        if why == "logged out everywhere":
            ended = await client.post("/auth/logout-all", headers=bearer_of(asking))
            assert ended.json() == {"data": {"ended": 2}}
        elif why == "locked":
            owner.execute("UPDATE auth.users SET locked_until = 'infinity'")
        elif why == "role changed":
            owner.execute("UPDATE auth.memberships SET role = 'read_only'")
        elif why == "removed":
            owner.execute("DELETE FROM auth.memberships")
        else:
            body = {"currentPassword": PASSWORD, "newPassword": "another horse, another battery"}
            changed = await client.post("/auth/change-password", headers=bearer_of(asking), json=body)
            assert changed.json() == {"data": {"ended": 1}}

        for copy in (client, other):
            await until_refused(copy, bearer_of(answer))
    refreshed = await refresh(client, cookie(answer))
    expected = {"role changed": 200, "removed": 403}.get(why, 401)
    assert refreshed.status_code == expected
    if why == "role changed":
        assert refreshed.json()["data"]["role"] == "read_only"
        assert (await client.get("/api/me", headers=bearer_of(refreshed))).status_code == 200


async def test_where_it_cannot_be_known_what_was_called_back_nobody_is_let_in(
    app: Litestar, client: Client, person: Somebody
) -> None:
    answer, verification = await log_in(client, person), app.state["services"].verification
    await verification.close()

    verification._read_at -= TRUSTED_SECONDS
    refused = await client.get("/api/me", headers=bearer_of(answer))
    await verification.look()

    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200


async def test_what_cannot_listen_hears_of_it_all_the_same(
    database: Database, person: Somebody, api_settings: ApiSettings, owner: Owner
) -> None:
    app = create_app(as_api(database), api_settings, auth=CHEAP)
    app.state["services"].verification._url = "postgresql://nobody@127.0.0.1:9/none"
    async with Running(app) as client:
        answer = await log_in(client, person)
        assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200

        owner.execute("UPDATE auth.users SET locked_until = 'infinity'")

        await until_refused(client, bearer_of(answer))


def test_a_live_stream_ends_with_its_session(database: Database, person: Somebody, owner: Owner) -> None:
    with served_api(database) as url, httpx.Client(base_url=url, timeout=30) as client:
        answer = client.post("/auth/login", json={"email": person.email, "password": PASSWORD})
        with client.stream("GET", "/api/live", headers=bearer_of(answer)) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": alive"

            owner.execute("UPDATE auth.users SET locked_until = 'infinity'")

            assert "event: expired" in list(islice(lines, 10))
        assert client.get("/api/me", headers=bearer_of(answer)).status_code == 401


# -- one's own log-in --------------------------------------------------------------------------------------------------


async def test_somebody_sees_who_they_are_and_where(client: Client, person: Somebody, owner: Owner) -> None:
    other = await client.post(
        "/auth/login", json={"email": person.email, "password": PASSWORD}, headers={"user-agent": "Téléphone".encode()}
    )
    answer = await log_in(client, person)

    me = (await client.get("/auth/me", headers=bearer_of(answer))).json()["data"]
    sessions = (await client.get("/auth/sessions", headers=bearer_of(answer))).json()["data"]

    assert (me["id"], me["email"], me["amr"]) == (str(person.id), person.email, ["pwd"])
    assert [(each["customer"], each["role"], each["name"]) for each in me["accounts"]] == [
        (str(person.customer), "owner", "Acme")
    ]
    assert [(each["device"], each["isThis"]) for each in sessions] == [("a browser", True), ("T??l??phone", False)]
    ended = await client.delete(f"/auth/sessions/{sessions[1]['id']}", headers=bearer_of(answer))
    assert ended.status_code == 200
    await until_refused(client, bearer_of(other))


async def test_nobody_ends_anothers_session(client: Client, person: Somebody, owner: Owner) -> None:
    mine, theirs = await log_in(client, person), await log_in(client, somebody(owner))
    ((session,),) = owner.execute("SELECT id FROM auth.sessions WHERE user_id = %s", [person.id]).fetchall()

    answer = await client.delete(f"/auth/sessions/{session}", headers=bearer_of(theirs))

    assert answer.status_code == 404
    assert (await client.get("/api/me", headers=bearer_of(mine))).status_code == 200


async def test_somebody_acts_for_another_of_their_accounts(client: Client, person: Somebody, owner: Owner) -> None:
    second = insert_customer(owner, name="Second")["id"]
    insert(owner, "auth.memberships", user_id=person.id, customer_id=second, role="billing")
    before = await log_in(client, person)

    switched = await client.post("/auth/switch", headers=bearer_of(before), json={"customer": str(second)})
    strange = await client.post(
        "/auth/switch", headers=bearer_of(switched), json={"customer": str(insert_customer(owner)["id"])}
    )

    assert (switched.json()["data"]["customer"], switched.json()["data"]["role"]) == (str(second), "billing")
    assert (await client.get("/api/me", headers=bearer_of(switched))).json()["data"]["id"] == str(second)
    assert strange.status_code == 404
    await until_refused(client, bearer_of(before))
    again = await refresh(client, cookie(before))
    assert again.json()["data"]["customer"] == str(second)


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        (PASSWORD, "too short", "newPassword"),
        (PASSWORD, "passwordpassword", "newPassword"),
        ("not the password", "another horse, another battery", "currentPassword"),
    ],
)
async def test_a_password_that_may_not_be_is_refused_by_name(
    client: Client, person: Somebody, current: str, new: str, field: str
) -> None:
    headers = bearer_of(await log_in(client, person))

    body = {"currentPassword": current, "newPassword": new}
    answer = await client.post("/auth/change-password", headers=headers, json=body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert (await log_in(client, person)).status_code == 200


async def test_the_new_password_is_the_one_that_counts(client: Client, person: Somebody, owner: Owner) -> None:
    answer = await log_in(client, person)
    new = "  with spaces at both ends  "

    await client.post(
        "/auth/change-password", headers=bearer_of(answer), json={"currentPassword": PASSWORD, "newPassword": new}
    )

    assert (await log_in(client, person)).status_code == 401
    assert (await log_in(client, person, new.strip())).status_code == 401
    assert (await log_in(client, person, new)).status_code == 200
    assert (await refresh(client, cookie(answer))).status_code == 200
    assert "password.changed" in audited(owner)


async def test_a_token_for_which_nobody_logged_in_is_nobodys_here(
    client: Client, person: Somebody, bearer: Any
) -> None:
    answer = await client.get("/auth/me", headers=bearer(person.customer))

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/invalid-token")


# -- roles -------------------------------------------------------------------------------------------------------------

ASKED = {
    "top up": ("/api/sims/{sim}/top-ups", {"megabytes": 1000}),
    "voice": ("/api/sims/{sim}/voice-options", {"voiceMail": True}),
    "cancel": ("/api/subscriptions/{sim}/cancellations", {"when": "immediate"}),
    "case": ("/api/support/cases", {"subject": "a question", "description": "of mine"}),
    "pay": ("/api/invoices/{sim}/pay-links", None),
}


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        ("owner", set()),
        ("billing", {"voice", "cancel"}),
        ("technical", {"top up", "cancel", "pay"}),
        ("read_only", {"top up", "voice", "cancel", "case", "pay"}),
    ],
)
async def test_what_a_role_may_not_do_is_a_403_that_says_who_may(
    client: Client, person: Somebody, owner: Owner, role: str, refused: set[str]
) -> None:
    headers = bearer_of(await log_in(client, somebody(owner, role)))

    answers = {
        name: await client.post(
            path.format(sim=uuid4()), json=body, headers={**headers, "Idempotency-Key": uuid4().hex}
        )
        for name, (path, body) in ASKED.items()
    }

    forbidden = {name for name, each in answers.items() if each.status_code == 403}
    assert forbidden == refused
    assert {answers[name].json()["type"] for name in refused} <= {"/problems/forbidden-role"}
    assert all("owner" in answers[name].json()["detail"] for name in refused)
    assert (await client.get("/api/invoices", headers=headers)).status_code == 200
