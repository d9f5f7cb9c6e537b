"""Second factors: an authenticator app, recovery codes, and logging in with them.

The promise. Whoever has a second factor is in by a password and a code, and by neither alone. A code is good once,
whoever shows it and however many do at once; so is a challenge, for its browser, for ten minutes and five tries. What
is wrong is not said. When a factor changes, whoever is logged in elsewhere or is about to be begins anew. What is
kept tells nobody a code.
"""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest

from core.settings import ApiSettings, AuthSettings
from read_api.app import create_app
from tests.conftest import Database, as_api
from tests.read_api.auth.conftest import (
    CHEAP,
    OWN_PAGE,
    PASSWORD,
    Clock,
    Phone,
    Running,
    Somebody,
    audited,
    bearer_of,
    begin_totp,
    challenge_of,
    confirm_totp,
    cookie,
    later,
    log_in,
    refresh,
    somebody,
    until_refused,
    verify,
    with_phone,
)

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient
KEY = "a1" * 32
WRONG = "000000"


@pytest.fixture
async def session(client: Client, person: Somebody) -> dict[str, str]:
    """Headers of a session that is fresh."""
    return bearer_of(await log_in(client, person))


@pytest.fixture
async def phone(client: Client, session: dict[str, str], clock: Clock) -> Phone:
    return await with_phone(client, session, clock)


def claims(answer: httpx.Response) -> dict[str, Any]:
    said: dict[str, Any] = jwt.decode(answer.json()["data"]["accessToken"], options={"verify_signature": False})
    return said


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def told(owner: Owner) -> list[dict[str, Any]]:
    """What a person was told by e-mail of their factors."""
    rows = owner.execute("SELECT facts FROM auth.messages WHERE template = 'factor_changed' ORDER BY posted_at")
    return [row[0] for row in rows]


WRONG_CODE, ENDED = (400, "wrong-code"), (401, "challenge-ended")


# -- logging in --------------------------------------------------------------------------------------------------------


async def test_the_password_alone_lets_nobody_in_who_has_a_second_factor(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    answer = await log_in(client, person)

    assert answer.status_code == 202
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    said = answer.json()["data"]
    assert {name: said[name] for name in said if name != "challenge"} == {
        "methods": ["totp", "recovery"],
        "expiresIn": 600,
    }
    assert owner.execute("SELECT count(*) FROM auth.sessions").fetchone() == (1,)
    assert said["challenge"] not in str(owner.execute("SELECT * FROM auth.challenges").fetchall())
    assert audited(owner)[-1] == "login.challenged"


async def test_the_password_and_a_code_give_what_a_log_in_gives(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    answer = await verify(client, await challenge_of(client, person), phone.next_code())

    assert answer.status_code == 200
    assert answer.json()["data"]["person"] == str(person.id)
    assert claims(answer)["amr"] == ["pwd", "otp", "mfa"]
    assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200
    again = await refresh(client, cookie(answer))
    assert claims(again)["amr"] == ["pwd", "otp", "mfa"]
    assert claims(again)["auth_time"] == claims(answer)["auth_time"]
    assert audited(owner)[-2:] == ["login.challenged", "login.succeeded"]


@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_a_clock_that_is_half_a_minute_off_is_right_enough(
    client: Client, person: Somebody, phone: Phone, steps: int
) -> None:
    phone.clock.go_on(90)

    assert (await verify(client, await challenge_of(client, person), phone.code(steps))).status_code == 200


@pytest.mark.parametrize("steps", [-2, 2])
async def test_a_clock_that_is_a_minute_off_is_not_and_the_answer_says_what_to_look_at(
    client: Client, person: Somebody, phone: Phone, steps: int
) -> None:
    phone.clock.go_on(120)

    answer = await verify(client, await challenge_of(client, person), phone.code(steps))

    assert problem(answer) == WRONG_CODE
    assert answer.json()["field"] == "code"
    assert "clock may be wrong" in (await client.get(answer.json()["type"])).text


async def test_a_code_is_good_once_and_no_earlier_one_after_it(client: Client, person: Somebody, phone: Phone) -> None:
    used, earlier = phone.next_code(), phone.code(-1)
    assert (await verify(client, await challenge_of(client, person), used)).status_code == 200

    for code in (used, earlier):
        assert problem(await verify(client, await challenge_of(client, person), code)) == WRONG_CODE
    assert (await verify(client, await challenge_of(client, person), phone.next_code())).status_code == 200


async def test_the_code_that_switched_the_app_on_lets_nobody_in(client: Client, person: Somebody, phone: Phone) -> None:
    assert problem(await verify(client, await challenge_of(client, person), phone.code())) == WRONG_CODE


async def test_of_two_who_show_one_code_at_once_one_is_in(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    challenges, code = [await challenge_of(client, person) for _ in range(4)], phone.next_code()

    answers = await asyncio.gather(*(verify(client, each, code) for each in challenges))

    assert sorted(each.status_code for each in answers) == [200, 400, 400, 400]
    assert owner.execute("SELECT count(*) FROM auth.sessions").fetchone() == (2,)


async def test_of_two_who_go_on_with_one_challenge_at_once_one_is_in(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    challenge = await challenge_of(client, person)
    shown = [(phone.next_code(), "totp"), *((code, "recovery") for code in phone.codes[:3])]

    answers = await asyncio.gather(*(verify(client, challenge, *each) for each in shown))

    assert [each.status_code for each in answers].count(200) == 1
    assert owner.execute("SELECT count(*) FROM auth.sessions").fetchone() == (2,)


async def test_a_recovery_code_is_good_once(client: Client, person: Somebody, phone: Phone, owner: Owner) -> None:
    code = phone.codes[3]
    answer = await verify(client, await challenge_of(client, person), code.upper().replace("-", ""), "recovery")

    again = await verify(client, await challenge_of(client, person), code, "recovery")

    assert (answer.status_code, claims(answer)["amr"]) == (200, ["pwd", "otp", "mfa"])
    assert problem(again) == WRONG_CODE
    left = await client.get("/auth/factors", headers=bearer_of(answer))
    assert left.json()["data"]["recoveryCodes"] == 9
    # The app was switched on, and this was done; who tells of a code again is told nothing.
    assert told(owner) == [{"what": "on", "left": 10}, {"what": "code_used", "left": 9}]


async def test_wrong_recovery_codes_keep_nobody_from_theirs(client: Client, person: Somebody, phone: Phone) -> None:
    for _ in range(3):
        challenge = await challenge_of(client, person)
        for _ in range(5):
            assert problem(await verify(client, challenge, "aaaa-bbbb-cccc-dddd-eeee-ffff", "recovery")) == WRONG_CODE

    assert (await verify(client, await challenge_of(client, person), phone.codes[0], "recovery")).status_code == 200


async def test_a_recovery_code_is_its_persons(
    client: Client, person: Somebody, phone: Phone, owner: Owner, clock: Clock
) -> None:
    other = somebody(owner)
    theirs = await with_phone(client, bearer_of(await log_in(client, other)), clock)

    assert problem(await verify(client, await challenge_of(client, person), theirs.codes[0], "recovery")) == WRONG_CODE
    assert (await verify(client, await challenge_of(client, other), theirs.codes[0], "recovery")).status_code == 200


async def test_a_challenge_that_is_not_good_is_refused_without_saying_why(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    used, tried, old = [await challenge_of(client, person) for _ in range(3)]
    assert (await verify(client, used, phone.codes[0], "recovery")).status_code == 200
    assert [problem(await verify(client, tried, WRONG)) for _ in range(5)] == [WRONG_CODE] * 5
    stolen, made_up = await challenge_of(client, person), "A" * 43
    owner.execute("UPDATE auth.challenges SET expires_at = now() WHERE tries = 0 AND session_id IS NULL")
    stolen = await challenge_of(client, person)

    answers = [
        *[await verify(client, each, phone.next_code()) for each in (used, tried, old, made_up)],
        await verify(client, stolen, phone.next_code(), **{"user-agent": "a thief"}),
    ]

    assert [problem(each) for each in answers] == [ENDED] * 5
    assert len({each.text for each in answers}) == 1
    assert (await verify(client, stolen, phone.next_code())).status_code == 200


async def test_another_browser_uses_up_no_try_and_learns_nothing(
    client: Client, person: Somebody, phone: Phone
) -> None:
    challenge = await challenge_of(client, person)

    answers = [await verify(client, challenge, WRONG, **{"user-agent": "a thief"}) for _ in range(6)]

    assert [problem(each) for each in answers] == [ENDED] * 6
    assert (await verify(client, challenge, phone.next_code())).status_code == 200


async def test_a_challenge_ends_after_ten_minutes(client: Client, person: Somebody, phone: Phone, owner: Owner) -> None:
    challenge = await challenge_of(client, person)

    later(owner, "10 minutes")

    assert problem(await verify(client, challenge, phone.next_code())) == ENDED


async def test_more_than_five_at_once_are_no_more_than_five_tries(
    client: Client, person: Somebody, phone: Phone
) -> None:
    challenge = await challenge_of(client, person)

    answers = await asyncio.gather(*(verify(client, challenge, WRONG) for _ in range(8)))

    assert sorted(problem(each) for each in answers) == [WRONG_CODE] * 5 + [ENDED] * 3


@pytest.mark.parametrize(
    ("what", "answered"),
    [
        ("UPDATE auth.users SET locked_until = 'infinity'", (403, "person-locked")),
        ("DELETE FROM auth.memberships", (403, "no-account")),
        ("UPDATE auth.users SET password_hash = 'another'", ENDED),
        ("DELETE FROM auth.users", ENDED),
        ("SELECT auth.take_factors(id, NULL) FROM auth.users", ENDED),
    ],
    ids=["locked", "removed", "password changed", "deleted", "factors taken"],
)
async def test_what_happens_to_somebody_while_they_log_in_counts(  # noqa: PLR0917 - fixtures
    client: Client, person: Somebody, phone: Phone, owner: Owner, what: str, answered: tuple[int, str]
) -> None:
    challenge = await challenge_of(client, person)
    owner.execute(what.encode())

    answer = await verify(client, challenge, phone.next_code())

    assert problem(answer) == answered
    assert "set-cookie" not in answer.headers
    assert owner.execute("SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL").fetchone() <= (1,)


async def test_a_locked_person_is_told_so_by_the_right_code_alone(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    challenge = await challenge_of(client, person)
    owner.execute("UPDATE auth.users SET locked_until = 'infinity'")

    assert problem(await verify(client, challenge, WRONG)) == WRONG_CODE
    assert problem(await verify(client, challenge, phone.next_code())) == (403, "person-locked")


async def test_a_wrong_password_says_nothing_of_a_second_factor(client: Client, person: Somebody, phone: Phone) -> None:
    nobody = Somebody(uuid4(), "nobody@example.com", uuid4())

    theirs, nobodys = await log_in(client, person, "not the password"), await log_in(client, nobody)

    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text)


async def test_whoever_has_no_second_factor_is_asked_for_none(client: Client, person: Somebody) -> None:
    answer = await log_in(client, person)

    assert (answer.status_code, claims(answer)["amr"]) == (200, ["pwd"])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"challenge": "short"}, "challenge"),
        ({"challenge": None}, "challenge"),
        ({"method": "password"}, "method"),
        ({"method": "sms"}, "method"),
        ({"code": ""}, "code"),
        ({"code": "x" * 65}, "code"),
        ({"code": "12345\0"}, "code"),
        ({"code": "１２３４５６"}, "code"),  # noqa: RUF001 - wide on purpose
        ({"code": 123456}, "code"),
        ({"customer": str(uuid4())}, "customer"),
    ],
)
async def test_a_field_that_cannot_be_is_named(client: Client, person: Somebody, changed: Any, field: str) -> None:
    body = {"challenge": "A" * 43, "method": "totp", "code": "123456"} | changed

    answer = await client.post("/auth/login/verify", json=body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert "123456" not in answer.text


async def test_a_method_that_somebody_does_not_have_is_named_with_those_they_have(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    owner.execute("DELETE FROM auth.recovery_codes")

    answer = await verify(client, await challenge_of(client, person), phone.codes[0], "recovery")

    assert (answer.status_code, answer.json()["field"]) == (400, "method")
    assert "must be totp" in answer.json()["detail"]


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"content-type": "text/plain"}], ids=str)
async def test_no_page_of_another_site_goes_on_with_a_log_in(
    client: Client, person: Somebody, phone: Phone, headers: dict[str, str]
) -> None:
    challenge, code = await challenge_of(client, person), phone.next_code()
    body = f'{{"challenge": "{challenge}", "method": "totp", "code": "{code}"}}'

    answer = await client.post(
        "/auth/login/verify", content=body, headers={"content-type": "application/json", **headers}
    )

    assert answer.status_code in {400, 403}
    assert (await verify(client, challenge, code)).status_code == 200


# -- limits ------------------------------------------------------------------------------------------------------------


async def guess(client: Client, person: Somebody, times: int, method: str = "totp") -> list[int]:
    """So many wrong codes, on as many challenges as it takes."""
    tried = []
    for number in range(times):
        if number % 5 == 0:
            challenge = await challenge_of(client, person)
        tried.append((await verify(client, challenge, WRONG, method)).status_code)
    return tried


async def test_guessing_codes_is_limited_over_all_challenges_and_the_wait_ends(
    client: Client, person: Somebody, phone: Phone, owner: Owner
) -> None:
    assert await guess(client, person, 10) == [400] * 10

    refused = await verify(client, await challenge_of(client, person), phone.next_code())

    assert problem(refused) == (429, "too-many-tries")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert refused.headers["ratelimit-policy"] == '"totp";q=10;w=900'
    # Who guesses one method keeps nobody from using the other.
    assert (await verify(client, await challenge_of(client, person), phone.codes[0], "recovery")).status_code == 200
    later(owner, "15 minutes")
    assert (await verify(client, await challenge_of(client, person), phone.next_code())).status_code == 200


async def test_a_right_code_begins_anew_but_for_the_days_limit(  # noqa: PLR0917 - fixtures
    database: Database, client: Client, person: Somebody, phone: Phone, owner: Owner, api_settings: ApiSettings
) -> None:
    # One of them switched the app on.
    few = CHEAP.model_copy(update={"tries_per_factor_a_day": 1 + 2 * 10})
    async with Running(create_app(as_api(database), api_settings, phone.clock, auth=few)) as other:
        for _ in range(2):
            assert await guess(other, person, 9) == [400] * 9
            assert (await verify(other, await challenge_of(other, person), phone.next_code())).status_code == 200
        later(owner, "15 minutes")

        refused = await verify(other, await challenge_of(other, person), phone.next_code())

    assert problem(refused) == (429, "too-many-tries")
    assert refused.headers["ratelimit-policy"] == '"totp_a_day";q=21;w=86400'


async def test_a_password_that_was_guessed_is_not_forgiven_before_the_code_is_right(
    client: Client, person: Somebody, phone: Phone
) -> None:
    assert [(await log_in(client, person, "wrong")).status_code for _ in range(9)] == [401] * 9
    challenge = await challenge_of(client, person)

    assert (await log_in(client, person, "wrong")).status_code == 429
    assert (await verify(client, challenge, phone.next_code())).status_code == 200
    assert (await log_in(client, person, "wrong")).status_code == 401


# -- switching an app on -----------------------------------------------------------------------------------------------


async def test_an_app_is_on_once_a_code_of_it_came_and_others_are_logged_out(
    client: Client, person: Somebody, session: dict[str, str], owner: Owner, clock: Clock
) -> None:
    elsewhere = await log_in(client, person)
    phone = await begin_totp(client, session, clock)
    assert (await log_in(client, person)).status_code == 200

    answer = await confirm_totp(client, session, phone.code())

    assert (answer.status_code, answer.json()["data"]["ended"]) == (200, 2)
    assert answer.headers["cache-control"] == "no-store"
    codes = answer.json()["data"]["codes"]
    assert len(set(codes)) == 10
    await until_refused(client, bearer_of(elsewhere))
    assert (await client.get("/api/me", headers=session)).status_code == 200
    said = (await client.get("/auth/factors", headers=session)).json()["data"]
    assert [each["method"] for each in said["factors"]] == ["password", "totp"]
    assert (said["recoveryCodes"], said["stepUp"]) == (10, ["totp", "recovery"])
    assert audited(owner)[-1] == "factor.totp_on"
    assert (await client.get("/auth/me", headers=session)).json()["data"]["amr"] == ["pwd", "otp", "mfa"]


async def test_what_is_kept_tells_nobody_a_code(
    client: Client, session: dict[str, str], phone: Phone, owner: Owner
) -> None:
    kept = str([owner.execute(f"SELECT * FROM auth.{name}").fetchall() for name in ("totp", "recovery_codes", "audit")])  # noqa: S608

    assert phone.secret not in kept
    assert [code for code in phone.codes if code in kept or code.replace("-", "") in kept] == []


async def test_a_wrong_first_code_switches_nothing_on(
    client: Client, person: Somebody, session: dict[str, str], clock: Clock
) -> None:
    phone = await begin_totp(client, session, clock)

    assert problem(await confirm_totp(client, session, WRONG)) == WRONG_CODE
    assert (await log_in(client, person)).status_code == 200
    assert (await confirm_totp(client, session, phone.code())).status_code == 200


async def test_guessing_a_first_code_is_limited_too(client: Client, session: dict[str, str], clock: Clock) -> None:
    phone = await begin_totp(client, session, clock)
    tried = [(await confirm_totp(client, session, WRONG)).status_code for _ in range(10)]

    assert tried == [400] * 10
    assert problem(await confirm_totp(client, session, phone.code())) == (429, "too-many-tries")


async def test_another_app_takes_the_place_of_the_first_when_its_code_came(
    client: Client, person: Somebody, session: dict[str, str], phone: Phone, clock: Clock
) -> None:
    second = await begin_totp(client, session, clock)
    assert (await verify(client, await challenge_of(client, person), phone.next_code())).status_code == 200

    confirmed = await confirm_totp(client, session, second.next_code())

    assert confirmed.status_code == 200
    assert problem(await verify(client, await challenge_of(client, person), phone.next_code())) == WRONG_CODE
    assert problem(await verify(client, await challenge_of(client, person), phone.codes[0], "recovery")) == WRONG_CODE
    assert (await verify(client, await challenge_of(client, person), second.next_code())).status_code == 200


async def test_a_secret_that_was_given_out_before_another_is_worth_nothing(
    client: Client, session: dict[str, str], clock: Clock
) -> None:
    first, second = await begin_totp(client, session, clock), await begin_totp(client, session, clock)

    assert problem(await confirm_totp(client, session, first.code())) == WRONG_CODE
    assert (await confirm_totp(client, session, second.code())).status_code == 200


async def test_what_was_not_begun_or_is_an_hour_old_is_not_switched_on(
    client: Client, session: dict[str, str], clock: Clock, owner: Owner
) -> None:
    assert problem(await confirm_totp(client, session, WRONG)) == (404, "not-found")
    phone = await begin_totp(client, session, clock)
    owner.execute("UPDATE auth.totp SET pending_at = pending_at - interval '1 hour'")

    assert problem(await confirm_totp(client, session, phone.code())) == (404, "not-found")


async def test_where_there_is_no_key_to_seal_with_no_app_is_switched_on(
    database: Database, person: Somebody, api_settings: ApiSettings
) -> None:
    without = AuthSettings(argon2_memory_kib=7168, argon2_passes=1)
    async with Running(create_app(as_api(database), api_settings, auth=without)) as client:
        answer = await client.post("/auth/factors/totp", headers=bearer_of(await log_in(client, person)))

    assert problem(answer) == (503, "not-set-up")
    assert "AUTH_FACTOR_KEYS" in answer.json()["detail"]


async def test_the_key_is_changed_without_anybodys_doing_and_a_lost_one_leaves_recovery_codes(  # noqa: PLR0917 - fixtures
    database: Database, client: Client, person: Somebody, phone: Phone, api_settings: ApiSettings, clock: Clock
) -> None:
    rotated = CHEAP.model_copy(update={"factor_keys": AuthSettings(factor_keys=f"{'b2' * 32},{KEY}").factor_keys})
    lost = CHEAP.model_copy(update={"factor_keys": AuthSettings(factor_keys="b2" * 32).factor_keys})
    async with Running(create_app(as_api(database), api_settings, clock, auth=rotated)) as other:
        assert (await verify(other, await challenge_of(other, person), phone.next_code())).status_code == 200
    async with Running(create_app(as_api(database), api_settings, clock, auth=lost)) as other:
        assert problem(await verify(other, await challenge_of(other, person), phone.next_code())) == (503, "not-set-up")
        assert (await verify(other, await challenge_of(other, person), phone.codes[0], "recovery")).status_code == 200


# -- changing and switching off ----------------------------------------------------------------------------------------


async def test_without_the_app_the_password_alone_lets_in_again_and_others_are_logged_out(
    client: Client, person: Somebody, session: dict[str, str], phone: Phone, owner: Owner
) -> None:
    elsewhere = await verify(client, await challenge_of(client, person), phone.next_code())

    answer = await client.delete("/auth/factors/totp", headers=session)

    assert (answer.status_code, answer.json()["data"]["ended"]) == (200, 1)
    await until_refused(client, bearer_of(elsewhere))
    assert (await log_in(client, person)).status_code == 200
    assert owner.execute("SELECT count(*) FROM auth.recovery_codes").fetchone() == (0,)
    assert "factor.totp_off" in audited(owner)
    assert told(owner)[1:] == [{"what": "off", "left": 0}]
    assert problem(await client.delete("/auth/factors/totp", headers=session)) == (404, "not-found")


async def test_new_recovery_codes_make_the_earlier_ones_worthless(
    client: Client, person: Somebody, session: dict[str, str], phone: Phone, owner: Owner
) -> None:
    answer = await client.post("/auth/factors/recovery-codes", headers=session)

    codes = answer.json()["data"]["codes"]
    assert (answer.status_code, len(codes), set(codes) & set(phone.codes)) == (200, 10, set())
    assert problem(await verify(client, await challenge_of(client, person), phone.codes[0], "recovery")) == WRONG_CODE
    assert (await verify(client, await challenge_of(client, person), codes[0], "recovery")).status_code == 200
    assert "factor.codes_renewed" in audited(owner)
    assert told(owner)[1] == {"what": "codes_renewed", "left": 10}


async def test_recovery_codes_stand_in_for_a_second_factor_and_are_none(
    client: Client, session: dict[str, str]
) -> None:
    answer = await client.post("/auth/factors/recovery-codes", headers=session)

    assert problem(answer) == (404, "not-found")


async def change_password(client: Client, headers: dict[str, str], current: str, new: str) -> httpx.Response:
    body = {"currentPassword": current, "newPassword": new}
    return await client.post("/auth/change-password", headers=headers, json=body)


SHORT = "8 chars!"


async def test_a_password_of_eight_characters_is_for_whoever_has_a_second_factor(
    client: Client, person: Somebody, session: dict[str, str], clock: Clock
) -> None:
    alone = await change_password(client, session, PASSWORD, SHORT)
    await with_phone(client, session, clock)

    assert (alone.status_code, alone.json()["field"]) == (400, "newPassword")
    assert "at least 15 characters" in alone.json()["detail"]
    assert (await change_password(client, session, PASSWORD, SHORT[1:])).status_code == 400
    assert (await change_password(client, session, PASSWORD, SHORT)).status_code == 200
    assert (await log_in(client, person, SHORT)).status_code == 202


async def test_a_short_password_is_changed_before_the_second_factor_goes(
    client: Client, person: Somebody, session: dict[str, str], phone: Phone
) -> None:
    assert (await change_password(client, session, PASSWORD, SHORT)).status_code == 200

    refused = await client.delete("/auth/factors/totp", headers=session)

    assert problem(refused) == (409, "password-too-short")
    assert "at least 15 characters" in refused.json()["detail"]
    assert (await log_in(client, person, SHORT)).status_code == 202
    assert (await change_password(client, session, SHORT, PASSWORD)).status_code == 200
    assert (await client.delete("/auth/factors/totp", headers=session)).status_code == 200


async def test_nobody_reads_or_changes_factors_without_having_logged_in(
    client: Client, person: Somebody, bearer: Any
) -> None:
    of_nobody = bearer(person.customer)
    for method, path in (
        ("GET", "/auth/factors"), ("POST", "/auth/factors/totp"), ("DELETE", "/auth/factors/totp"),
        ("POST", "/auth/factors/recovery-codes"),
    ):  # fmt: skip
        for headers in (OWN_PAGE, of_nobody):
            assert problem(await client.request(method, path, headers=headers)) == (401, "invalid-token")
