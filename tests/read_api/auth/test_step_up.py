"""Step-up: what is hard to take back needs that whoever asks has proven just now who they are.

The promise. A token says when its person last proved it; after ten minutes it does for everything but what is
declared to need more, and that says by which methods it is done again. Refreshing proves nothing. The database
refuses without the API, too.
"""

from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest

from core.settings import ApiSettings
from read_api.auth.access import signed
from read_api.auth.caller import Caller
from tests.conftest import Database
from tests.read_api.auth.conftest import (
    PASSWORD,
    Clock,
    Somebody,
    audited,
    bearer_of,
    begin_totp,
    confirm_totp,
    cookie,
    log_in,
    refresh,
    step_up,
    until_refused,
    with_phone,
)
from tests.read_api.auth.test_access import signing_key

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient
Headers = dict[str, str]
NEEDED = "/problems/fresh-authentication-needed"


async def stale(client: Client, owner: Owner, entered: httpx.Response) -> httpx.Response:
    """The next tokens of a session whose person proved who they are an hour ago."""
    owner.execute("UPDATE auth.sessions SET authenticated_at = authenticated_at - interval '1 hour'")
    return await refresh(client, cookie(entered))


async def change_password(client: Client, headers: Headers) -> httpx.Response:
    body = {"currentPassword": PASSWORD, "newPassword": "another horse, another battery"}
    return await client.post("/auth/change-password", headers=headers, json=body)


COMMANDS = {
    "cancel a line": ("POST", "/api/sims/{id}/cancellations", {"month": "2026-12"}),
    "cancel": ("POST", "/api/subscriptions/{id}/cancellations", {"when": "immediate"}),
    "reissue": ("POST", "/api/sims/{id}/reissues", {"eid": "8" * 32}),
    "pay link": ("POST", "/api/invoices/{id}/pay-links", {}),
    "profile": ("PATCH", "/api/me", {"email": "other@example.com"}),
    "top up": ("POST", "/api/sims/{id}/top-ups", {"megabytes": 1000}),
    "voice": ("POST", "/api/sims/{id}/voice-options", {"voiceMail": True}),
    "case": ("POST", "/api/support/cases", {"subject": "a question", "description": "of mine"}),
}
OF_ONESELF = {
    "password": (
        "POST",
        "/auth/change-password",
        {"currentPassword": PASSWORD, "newPassword": "another horse, another"},
    ),
    "begin": ("POST", "/auth/factors/totp", None),
    "confirm": ("POST", "/auth/factors/totp/confirm", {"code": "123456"}),
    "end": ("DELETE", "/auth/factors/totp", None),
    "codes": ("POST", "/auth/factors/recovery-codes", None),
    "list": ("GET", "/auth/factors", None),
    "me": ("GET", "/auth/me", None),
}


END = {"end": OF_ONESELF["end"]}


async def refused(client: Client, headers: Headers, operations: dict[str, Any]) -> set[str]:
    """Those that say that a fresh authentication is needed."""
    found = set()
    for name, (method, path, body) in operations.items():
        answer = await client.request(
            method, path.format(id=uuid4()), json=body, headers={**headers, "Idempotency-Key": uuid4().hex}
        )
        if answer.status_code == 403 and answer.json()["type"] == NEEDED:
            found.add(name)
    return found


async def test_after_ten_minutes_what_is_hard_to_take_back_is_refused_and_all_else_is_not(
    client: Client, person: Somebody, owner: Owner, clock: Clock
) -> None:
    headers = bearer_of(await log_in(client, person))
    clock.go_on(9 * 60)
    assert await refused(client, headers, COMMANDS) == set()

    clock.go_on(60 * 60)

    assert await refused(client, headers, COMMANDS) == {"cancel a line", "cancel", "reissue", "profile", "pay link"}
    assert await refused(client, headers, OF_ONESELF) == {"password", "begin", "confirm", "end", "codes"}


async def test_the_problem_says_by_which_methods_and_for_how_long(
    client: Client, person: Somebody, owner: Owner
) -> None:
    headers = bearer_of(await stale(client, owner, await log_in(client, person)))

    answer = await change_password(client, headers)

    said = answer.json()
    assert (answer.status_code, said["type"]) == (403, NEEDED)
    assert (said["methods"], said["maxAge"]) == (["password"], 600)
    assert "/auth/step-up" in (await client.get(NEEDED)).text


async def test_whoever_proves_it_again_gets_a_token_that_will_do(
    client: Client, person: Somebody, owner: Owner
) -> None:
    entered = await stale(client, owner, await log_in(client, person))
    headers = bearer_of(entered)

    answer = await step_up(client, headers, "password", PASSWORD)

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert audited(owner)[-1] == "session.stepped_up"
    # The token from before is still what it was; the next ones are of the session, which is fresh.
    assert (await client.get("/api/me", headers=headers)).status_code == 200
    assert await refused(client, headers, END) == {"end"}
    for each in (answer, await refresh(client, cookie(entered))):
        assert await refused(client, bearer_of(each), END | COMMANDS) == set()


async def test_refreshing_and_switching_prove_nothing(client: Client, person: Somebody, owner: Owner) -> None:
    refreshed = await stale(client, owner, await log_in(client, person))
    by_refresh = await refused(client, bearer_of(refreshed), END)
    # Switching calls the token before it back.
    switched = await client.post("/auth/switch", headers=bearer_of(refreshed), json={"customer": str(person.customer)})

    assert by_refresh == await refused(client, bearer_of(switched), END) == {"end"}


async def test_whoever_has_a_second_factor_proves_that_one(
    client: Client, person: Somebody, owner: Owner, clock: Clock
) -> None:
    entered = await log_in(client, person)
    phone = await with_phone(client, bearer_of(entered), clock)
    headers = bearer_of(await stale(client, owner, entered))

    answer = await change_password(client, headers)
    by_password = await step_up(client, headers, "password", PASSWORD)
    used = phone.next_code()
    by_code = await step_up(client, headers, "totp", used)
    again = await step_up(client, headers, "totp", used)
    by_recovery = await step_up(client, headers, "recovery", phone.codes[0])
    once_more = await step_up(client, headers, "recovery", phone.codes[0])

    assert answer.json()["methods"] == ["totp", "recovery"]
    assert (by_password.status_code, by_password.json()["field"]) == (400, "method")
    assert [each.status_code for each in (by_code, again, by_recovery, once_more)] == [200, 400, 200, 400]
    assert {each.json()["type"] for each in (again, once_more)} == {"/problems/wrong-code"}
    assert (await change_password(client, bearer_of(by_recovery))).status_code == 200


async def test_what_is_wrong_makes_nothing_fresh_and_is_limited(client: Client, person: Somebody, owner: Owner) -> None:
    headers = bearer_of(await stale(client, owner, await log_in(client, person)))

    answers = [await step_up(client, headers, "password", "not the password") for _ in range(10)]
    limited = await step_up(client, headers, "password", PASSWORD)

    assert {(each.status_code, each.json()["field"]) for each in answers} == {(400, "password")}
    assert (limited.status_code, limited.json()["type"]) == (429, "/problems/too-many-tries")
    assert await refused(client, headers, END) == {"end"}
    assert audited(owner).count("session.step_up_refused") == 10


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"method": "password"}, "password"),
        ({"method": "password", "code": "123456"}, "password"),
        ({"method": "totp"}, "code"),
        ({"method": "email", "code": "123456"}, "method"),
        ({"code": "123456"}, "method"),
        ({"method": "totp", "code": "123456"}, "method"),
    ],
)
async def test_a_field_that_cannot_be_is_named(client: Client, person: Somebody, body: Any, field: str) -> None:
    headers = bearer_of(await log_in(client, person))

    answer = await client.post("/auth/step-up", headers=headers, json=body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_a_session_that_is_over_is_not_made_fresh(client: Client, person: Somebody, owner: Owner) -> None:
    answer = await log_in(client, person)
    owner.execute("UPDATE auth.sessions SET revoked_at = now()")
    await until_refused(client, bearer_of(answer))

    assert (await step_up(client, bearer_of(answer), "password", PASSWORD)).status_code == 401


async def test_the_app_that_is_switched_on_is_proven_by_that(client: Client, person: Somebody, clock: Clock) -> None:
    entered = await log_in(client, person)
    phone = await begin_totp(client, bearer_of(entered), clock)
    await confirm_totp(client, bearer_of(entered), phone.code())

    again = await refresh(client, cookie(entered))

    claims = jwt.decode(again.json()["data"]["accessToken"], options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "otp", "mfa"]


async def test_a_token_for_which_nobody_logged_in_is_always_fresh(
    client: Client, person: Somebody, bearer: Any, clock: Clock
) -> None:
    """`hub token`, in development: there is nobody who could prove anything."""
    clock.go_on(60 * 60)

    assert await refused(client, bearer(person.customer), COMMANDS) == set()


async def test_a_token_that_says_more_than_its_session_changes_no_factor(
    client: Client, person: Somebody, owner: Owner, clock: Clock, api_settings: ApiSettings
) -> None:
    entered = await log_in(client, person)
    said = jwt.decode(entered.json()["data"]["accessToken"], options={"verify_signature": False})
    owner.execute("UPDATE auth.sessions SET authenticated_at = authenticated_at - interval '601 seconds'")
    now = clock.moment.timestamp()
    caller = Caller(said["customer"], "owner", 0.0, said["sub"], said["sid"], 0, ("pwd",), authenticated_at=now)
    headers = {"authorization": f"Bearer {signed(api_settings, signing_key(owner), caller)}"}

    assert await refused(client, headers, OF_ONESELF) == {"begin", "end", "codes"}


ACCEPT = (
    "SELECT outcome FROM command.accept(%s, 'whmcs', 'subscriptions', NULL, NULL, %s, 'h', '{}', 'r', interval '1 day',"
    " gen_random_uuid(), '{}')"
)


@pytest.mark.parametrize("fresh", [None, "", "false", "true"])
def test_the_database_accepts_no_such_command_of_a_session_that_is_not_fresh(
    database: Database, person: Somebody, owner: Owner, fresh: str | None
) -> None:
    with psycopg.connect(database.api) as session:
        session.execute(
            "SELECT set_config('hub.role', 'owner', true), set_config('hub.customer_id', %s, true)",
            [str(person.customer)],
        )
        if fresh is not None:
            session.execute("SELECT set_config('hub.fresh', %s, true)", [fresh])
        answered = {
            kind: session.execute(ACCEPT, [kind, uuid4().hex]).fetchone()[0]  # type: ignore[index]
            for kind in ("cancel_subscription", "update_address")
        }

    expected = "accepted" if fresh == "true" else "stale"
    assert answered == {"cancel_subscription": expected, "update_address": "accepted"}
