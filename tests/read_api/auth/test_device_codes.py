"""Codes by e-mail: whoever logs in by a password alone, on a device that they have not logged in on before.

The promise. A password that leaked lets nobody in: a code is sent to its person, is good once, for ten minutes, for the
browser and the log-in that it was sent for, and five tries; the newest one alone. A device that the person wants
remembered needs none, until something happens that makes its cookie doubtful; another's cookie helps nobody. What is
kept tells nobody a code.
"""

from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from litestar import Litestar

from core.settings import ApiSettings, AuthSettings, HubSettings, MailSettings, sends_device_codes
from read_api.app import create_app
from read_api.auth.cookies import DEVICE
from read_api.auth.device_codes import proof_of
from tests.conftest import Database, as_api
from tests.read_api.auth.conftest import (
    CHEAP,
    PASSWORD,
    Clock,
    Running,
    Somebody,
    audited,
    bearer_of,
    challenge_of,
    cookie,
    later,
    log_in,
    refresh,
    somebody,
    verify,
    with_phone,
)
from tests.read_api.auth.test_second_factors import ENDED, WRONG_CODE, change_password, claims, problem

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient


@pytest.fixture
def app(database: Database, api_settings: ApiSettings, clock: Clock) -> Litestar:
    return create_app(as_api(database), api_settings, clock, auth=CHEAP, device_codes=True)


def code_of(owner: Owner) -> str:
    """The newest one, as it waits to be sent."""
    ((code,),) = owner.execute(
        "SELECT secret ->> 'code' FROM auth.messages WHERE template = 'log_in_code' ORDER BY posted_at DESC LIMIT 1"
    ).fetchall()
    return str(code)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def verify_code(client: Client, challenge: str, code: str, **also: Any) -> httpx.Response:
    body = {"challenge": challenge, "method": "email", "code": code, **also}
    return await client.post("/auth/login/verify", json=body)


async def enter(client: Client, person: Somebody, owner: Owner, **also: Any) -> httpx.Response:
    answer = await verify_code(client, await challenge_of(client, person), code_of(owner), **also)
    assert answer.status_code == 200, answer.text
    return answer


def device_in(answer: httpx.Response) -> str | None:
    """The token that an answer has the device remembered by."""
    found = [each for each in answer.headers.get_list("set-cookie") if each.startswith(DEVICE)]
    return found[0].partition(";")[0].removeprefix(f"{DEVICE}=") if found else None


async def log_in_with(client: Client, person: Somebody, device: str | None) -> httpx.Response:
    body = {"email": person.email, "password": PASSWORD}
    return await client.post("/auth/login", json=body, headers={"cookie": f"{DEVICE}={device}"})


# -- codes -------------------------------------------------------------------------------------------------------------


async def test_the_password_alone_lets_nobody_in_on_a_new_device(
    client: Client, person: Somebody, owner: Owner
) -> None:
    answer = await log_in(client, person)

    assert answer.status_code == 202
    assert (answer.json()["data"]["methods"], answer.json()["data"]["expiresIn"]) == (["email"], 600)
    assert "set-cookie" not in answer.headers
    assert owner.execute("SELECT count(*) FROM auth.sessions").fetchone() == (0,)
    told = owner.execute("SELECT user_id, email, facts FROM auth.messages WHERE template = 'log_in_code'").fetchall()
    assert told == [(person.id, person.email, {"minutes": 10, "device": "a browser"})]
    assert audited(owner)[-2:] == ["login.challenged", "login.code_sent"]


async def test_the_code_lets_them_in(client: Client, person: Somebody, owner: Owner) -> None:
    answer = await enter(client, person, owner)

    # The mail may be read by whoever has the password: it is no second factor.
    assert claims(answer)["amr"] == ["pwd", "otp"]
    assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200
    assert claims(await refresh(client, cookie(answer)))["amr"] == ["pwd", "otp"]


async def test_a_code_is_good_once_for_its_own_log_in(client: Client, person: Somebody, owner: Owner) -> None:
    first = await challenge_of(client, person)
    code = code_of(owner)
    second = await challenge_of(client, person)

    assert problem(await verify_code(client, second, code)) == WRONG_CODE
    assert (await verify_code(client, first, f"{code[:3]} {code[3:]}")).status_code == 200
    assert problem(await verify_code(client, first, code)) == ENDED
    assert audited(owner).count("login.refused") == 1


async def test_a_code_is_tried_five_times_within_ten_minutes_by_the_browser_that_began(
    client: Client, person: Somebody, owner: Owner
) -> None:
    old = await challenge_of(client, person)
    of_old = code_of(owner)
    later(owner, "10 minutes")
    tried = await challenge_of(client, person)
    code = code_of(owner)
    answers = [await verify_code(client, tried, wrong(code)) for _ in range(5)]
    stolen = await challenge_of(client, person)
    thief = {"user-agent": "a thief"}

    assert [problem(each) for each in answers] == [WRONG_CODE] * 5
    assert problem(await verify_code(client, tried, code)) == ENDED
    assert problem(await verify_code(client, old, of_old)) == ENDED
    assert problem(await verify(client, stolen, code_of(owner), "email", **thief)) == ENDED
    assert (await verify_code(client, stolen, code_of(owner))).status_code == 200


async def test_guessing_codes_is_limited_over_all_log_ins(client: Client, person: Somebody, owner: Owner) -> None:
    for _ in range(2):
        challenge = await challenge_of(client, person)
        for _ in range(5):
            await verify_code(client, challenge, wrong(code_of(owner)))

    assert problem(await verify_code(client, await challenge_of(client, person), code_of(owner))) == (
        429,
        "too-many-tries",
    )


async def test_with_another_password_nobody_is_kept_out_by_whoever_knew_the_former(
    client: Client, person: Somebody, owner: Owner
) -> None:
    headers = bearer_of(await enter(client, person, owner))
    for _ in range(2):
        challenge = await challenge_of(client, person)
        for _ in range(5):
            await verify_code(client, challenge, wrong(code_of(owner)))
    guessed = await challenge_of(client, person)
    refused = await verify_code(client, guessed, code_of(owner))
    sent = [await client.post("/auth/login/send-code", json={"challenge": guessed}) for _ in range(7)]
    new = "another horse, another battery"
    assert (await change_password(client, headers, PASSWORD, new)).status_code == 200

    challenge = await challenge_of(client, person, new)
    again = await client.post("/auth/login/send-code", json={"challenge": challenge})

    assert [each.status_code for each in (refused, sent[-1], again)] == [429, 429, 202]
    assert (await verify_code(client, challenge, code_of(owner))).status_code == 200


async def test_of_codes_that_were_sent_again_the_newest_is_good(client: Client, person: Somebody, owner: Owner) -> None:
    challenge = await challenge_of(client, person)
    first = code_of(owner)
    later(owner, "9 minutes")

    again = await client.post("/auth/login/send-code", json={"challenge": challenge})
    newest = code_of(owner)
    later(owner, "9 minutes")

    assert (again.status_code, again.json()["data"]) == (202, {"expiresIn": 600})
    if first != newest:
        assert problem(await verify_code(client, challenge, first)) == WRONG_CODE
    assert (await verify_code(client, challenge, newest)).status_code == 200


async def test_codes_are_sent_ten_times_an_hour(client: Client, person: Somebody, owner: Owner) -> None:
    challenge = await challenge_of(client, person)
    sent = [await client.post("/auth/login/send-code", json={"challenge": challenge}) for _ in range(10)]

    assert [each.status_code for each in sent] == [202] * 9 + [429]
    assert problem(await log_in(client, person)) == (429, "too-many-tries")
    assert (await verify_code(client, challenge, code_of(owner))).status_code == 200
    later(owner, "1 hour")
    assert (await log_in(client, person)).status_code == 202


async def test_a_code_is_sent_again_for_a_log_in_that_waits_for_one_alone(
    client: Client, person: Somebody, owner: Owner, clock: Clock
) -> None:
    used = await challenge_of(client, person)
    entered = await verify_code(client, used, code_of(owner))
    waiting = await challenge_of(client, person)
    stolen = await client.post("/auth/login/send-code", json={"challenge": waiting}, headers={"user-agent": "a thief"})
    await with_phone(client, bearer_of(entered), clock)
    for_app = await challenge_of(client, person)

    answers = [
        stolen,
        *[
            await client.post("/auth/login/send-code", json={"challenge": each})
            for each in (used, waiting, for_app, "A" * 43)
        ],
    ]

    assert [problem(each) for each in answers] == [ENDED] * 5


async def test_whoever_has_a_second_factor_proves_that_one(
    client: Client, person: Somebody, owner: Owner, clock: Clock
) -> None:
    phone = await with_phone(client, bearer_of(await enter(client, person, owner)), clock)
    answer = await log_in(client, person)
    challenge = answer.json()["data"]["challenge"]
    by_email = await verify_code(client, challenge, "000000")

    assert answer.json()["data"]["methods"] == ["totp", "recovery"]
    assert (by_email.status_code, by_email.json()["field"]) == (400, "method")
    assert (await verify(client, challenge, phone.next_code())).status_code == 200


async def test_what_is_kept_tells_nobody_a_code(client: Client, person: Somebody, owner: Owner) -> None:
    challenge = await challenge_of(client, person)
    code = code_of(owner)
    kept = str([owner.execute(f"SELECT * FROM auth.{name}").fetchall() for name in ("challenges", "audit")])  # noqa: S608
    owner.execute("SELECT auth.end_claim(c.id, c.claim, 'sent', NULL) FROM auth.claim_message('1 minute') c")

    assert code not in kept
    assert challenge not in kept
    assert owner.execute("SELECT secret FROM auth.messages WHERE template = 'log_in_code'").fetchone() == (None,)


def test_what_is_kept_of_a_code_is_another_for_each_log_in() -> None:
    """Of the code alone, it would tell the code to whoever tries a million."""
    assert proof_of(b"one", "123456") != proof_of(b"another", "123456")
    assert proof_of(b"one", "123456") == proof_of(b"one", "123 456")


async def test_a_wrong_password_sends_nothing(client: Client, person: Somebody, owner: Owner) -> None:
    nobody = Somebody(uuid4(), "nobody@example.com", uuid4())
    theirs, nobodys = await log_in(client, person, "not the password"), await log_in(client, nobody)

    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text)
    assert owner.execute("SELECT count(*) FROM auth.messages").fetchone() == (0,)


@pytest.mark.parametrize(
    ("what", "answered"),
    [
        ("UPDATE auth.users SET locked_until = 'infinity'", (403, "person-locked")),
        ("UPDATE auth.users SET password_hash = 'another'", ENDED),
        ("DELETE FROM auth.memberships", (403, "no-account")),
    ],
    ids=["locked", "password changed", "removed"],
)
async def test_what_happens_to_somebody_while_they_log_in_counts(
    client: Client, person: Somebody, owner: Owner, what: str, answered: tuple[int, str]
) -> None:
    challenge = await challenge_of(client, person)
    code = code_of(owner)
    owner.execute(what.encode())

    answer = await verify_code(client, challenge, code)

    assert problem(answer) == answered
    assert "set-cookie" not in answer.headers
    assert owner.execute("SELECT count(*) FROM auth.devices").fetchone() == (0,)


# -- devices -----------------------------------------------------------------------------------------------------------


async def test_a_device_that_is_remembered_needs_no_code_for_thirty_days(
    client: Client, person: Somebody, owner: Owner
) -> None:
    entered = await enter(client, person, owner)
    (header,) = [each for each in entered.headers.get_list("set-cookie") if each.startswith(DEVICE)]
    token = device_in(entered)

    assert header.endswith("Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Strict")
    answer = await log_in_with(client, person, token)
    assert (answer.status_code, claims(answer)["amr"]) == (200, ["pwd"])
    assert token not in str(owner.execute("SELECT * FROM auth.devices").fetchall())
    owner.execute("UPDATE auth.devices SET expires_at = expires_at - interval '30 days'")
    assert (await log_in_with(client, person, token)).status_code == 202
    owner.execute("SELECT auth.forget()")
    assert owner.execute("SELECT count(*) FROM auth.devices").fetchone() == (0,)


async def test_the_password_is_needed_on_a_device_that_is_remembered(
    client: Client, person: Somebody, owner: Owner
) -> None:
    token = device_in(await enter(client, person, owner))
    body = {"email": person.email, "password": "not the password"}

    answer = await client.post("/auth/login", json=body, headers={"cookie": f"{DEVICE}={token}"})

    assert problem(answer) == (401, "wrong-credentials")


async def test_whoever_does_not_want_it_remembered_is_asked_again(
    client: Client, person: Somebody, owner: Owner
) -> None:
    entered = await enter(client, person, owner, rememberDays=0)

    assert device_in(entered) is None
    assert owner.execute("SELECT count(*) FROM auth.devices").fetchone() == (0,)


@pytest.mark.parametrize("days", [-1, 91, 1.5, "thirty", None])
async def test_days_that_cannot_be_are_named(client: Client, days: Any) -> None:
    answer = await verify_code(client, "A" * 43, "000000", rememberDays=days)

    assert (answer.status_code, answer.json()["field"]) == (400, "rememberDays")


async def test_a_device_is_its_persons_and_nobody_elses(client: Client, person: Somebody, owner: Owner) -> None:
    other = somebody(owner)
    entered = await enter(client, person, owner)
    theirs = await enter(client, other, owner)
    mine = device_in(entered)
    (device,) = (await client.get("/auth/devices", headers=bearer_of(entered))).json()["data"]

    assert (await log_in_with(client, other, mine)).status_code == 202
    assert problem(await client.delete(f"/auth/devices/{device['id']}", headers=bearer_of(theirs))) == (
        404,
        "not-found",
    )
    assert (await log_in_with(client, person, mine)).status_code == 200


@pytest.mark.parametrize("shown", ["", "x", "A" * 43])
async def test_a_cookie_that_was_made_up_is_none(client: Client, person: Somebody, owner: Owner, shown: str) -> None:
    await enter(client, person, owner)

    assert (await log_in_with(client, person, shown)).status_code == 202


async def test_devices_are_listed_and_forgotten(client: Client, person: Somebody, owner: Owner) -> None:
    entered = await enter(client, person, owner)
    headers = bearer_of(entered)
    (device,) = (await client.get("/auth/devices", headers=headers)).json()["data"]

    answer = await client.delete(f"/auth/devices/{device['id']}", headers=headers)

    assert device["device"] == "a browser"
    assert (answer.status_code, answer.json()["data"]) == (200, {"forgotten": 1})
    assert (await client.get("/auth/devices", headers=headers)).json()["data"] == []
    assert problem(await client.delete(f"/auth/devices/{device['id']}", headers=headers)) == (404, "not-found")
    assert (await log_in_with(client, person, device_in(entered))).status_code == 202
    assert [each for each in audited(owner) if each.startswith("device.")] == ["device.remembered", "device.forgotten"]


KNOWN = "SELECT count(*) FROM auth.devices WHERE expires_at > now()"


async def change(client: Client, headers: dict[str, str], _: str) -> None:
    assert (await change_password(client, headers, PASSWORD, "another horse, another battery")).status_code == 200


async def log_out_everywhere(client: Client, headers: dict[str, str], _: str) -> None:
    assert (await client.post("/auth/logout-all", headers=headers)).status_code == 200


async def steal(client: Client, _: dict[str, str], token: str) -> None:
    await refresh(client, token)
    assert (await refresh(client, token, **{"user-agent": "a thief"})).status_code == 401


@pytest.mark.parametrize("what", [change, log_out_everywhere, steal])
async def test_what_makes_a_device_doubtful_forgets_it(
    client: Client, person: Somebody, owner: Owner, what: Any
) -> None:
    entered = await enter(client, person, owner)

    await what(client, bearer_of(entered), cookie(entered))

    assert owner.execute(KNOWN).fetchone() == (0,)


@pytest.mark.parametrize(
    "what",
    [
        "UPDATE auth.users SET locked_until = 'infinity'",
        "SELECT auth.revoke_all(id, NULL, 'password_reset') FROM auth.users",
    ],
)
async def test_what_an_operator_does_forgets_it(client: Client, person: Somebody, owner: Owner, what: str) -> None:
    await enter(client, person, owner)

    owner.execute(what.encode())

    assert owner.execute(KNOWN).fetchone() == (0,)


async def test_logging_a_lost_device_out_from_another_one_forgets_it(
    client: Client, person: Somebody, owner: Owner
) -> None:
    lost = await enter(client, person, owner)
    owner.execute("UPDATE auth.sessions SET device = 'a lost one'")
    owner.execute("UPDATE auth.devices SET device = 'a lost one'")
    mine = await enter(client, person, owner)
    other = somebody(owner)
    theirs = await enter(client, other, owner)
    owner.execute("UPDATE auth.devices SET device = 'a lost one' WHERE user_id = %s", [other.id])
    sessions = (await client.get("/auth/sessions", headers=bearer_of(mine))).json()["data"]
    (which,) = [each["id"] for each in sessions if not each["isThis"]]

    answer = await client.delete(f"/auth/sessions/{which}", headers=bearer_of(mine))

    assert answer.status_code == 200
    assert (await log_in_with(client, person, device_in(lost))).status_code == 202
    assert (await log_in_with(client, person, device_in(mine))).status_code == 200
    assert (await log_in_with(client, other, device_in(theirs))).status_code == 200


async def test_logging_out_leaves_a_device_known(client: Client, person: Somebody, owner: Owner) -> None:
    entered = await enter(client, person, owner)

    await client.post("/auth/logout", headers={"cookie": f"__Host-hub_refresh={cookie(entered)}"})

    assert (await log_in_with(client, person, device_in(entered))).status_code == 200


# -- asked twice, and switched off -------------------------------------------------------------------------------------


async def test_a_statement_that_is_repeated_is_answered_the_same(
    client: Client, person: Somebody, app: Litestar, owner: Owner
) -> None:
    """Where the connection breaks before the answer comes, the client asks again."""
    database = app.state["services"].door._database
    once = database.tell

    async def twice(question: Any, values: Any) -> Any:
        await once(question, values)
        return await once(question, values)

    database.tell = twice
    challenge = await challenge_of(client, person)
    answer = await verify_code(client, challenge, code_of(owner))

    assert (answer.status_code, device_in(answer) is None) == (200, False)
    counted = "SELECT (SELECT count(*) FROM auth.devices), (SELECT count(*) FROM auth.messages)"
    assert owner.execute(counted).fetchone() == (1, 1)
    assert (await log_in_with(client, person, device_in(answer))).status_code == 200


async def test_where_it_is_switched_off_the_password_is_enough_and_a_log_in_that_waits_goes_on(
    database: Database, client: Client, person: Somebody, owner: Owner, api_settings: ApiSettings
) -> None:
    challenge = await challenge_of(client, person)
    async with Running(create_app(as_api(database), api_settings, auth=CHEAP)) as without:
        assert (await log_in(without, person)).status_code == 200
        assert (await verify_code(without, challenge, code_of(owner))).status_code == 200


@pytest.mark.parametrize(
    ("said", "mode", "host", "sends"),
    [
        (None, "production", "smtp.example.com", True),
        (None, "production", None, False),
        (None, "development", "smtp.example.com", False),
        (True, "development", None, True),
        (False, "production", "smtp.example.com", False),
    ],
)
def test_unless_it_is_said_codes_are_sent_in_production_where_e_mail_is(
    said: bool | None, mode: Any, host: str | None, sends: bool
) -> None:
    hub, mail = HubSettings(hub_mode=mode), MailSettings(smtp_host=host)

    assert sends_device_codes(hub, AuthSettings(device_codes=said), mail) is sends
