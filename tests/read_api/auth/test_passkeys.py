"""Passkeys: making them, logging in by them, and proving by them what a second factor proves.

The promise. A passkey lets its person in by itself, for its authenticator made sure of them, and nobody else: what it
signs counts once, for five minutes, for the browser that asked, and for a page of the portal. Why one does not count is
said to nobody. Beside a passkey, the password alone lets nobody in; a lost one is stood in for by a recovery code; and
the last way in is not thrown away.
"""

import asyncio
from hashlib import sha256
from typing import Any
from uuid import uuid4

import cbor2
import httpx
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar

from core.settings import ApiSettings, AuthSettings
from read_api.app import create_app
from read_api.auth import ceremonies
from read_api.auth.errors import PasskeyRefusedError
from tests.conftest import Database, as_api
from tests.read_api.auth.authenticator import (
    BACKED_UP,
    DOMAIN,
    ELIGIBLE,
    ORIGIN,
    PRESENT,
    VERIFIED,
    Authenticator,
    b64,
)
from tests.read_api.auth.conftest import (
    CHEAP,
    OWN_PAGE,
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
    until_refused,
    verify,
    with_phone,
)
from tests.read_api.auth.test_second_factors import ENDED, change_password, claims, problem, told

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient
Headers = dict[str, str]
REFUSED = (400, "passkey-refused")
ELSEWHERE = (
    "another port", "another site", "the API", "another domain", "nobody made sure of", "nobody there",
    "backed up, which it cannot be", "unknown", "of another owner", "of no owner", "another key", "a frame",
)  # fmt: skip
SHORT = "8 chars!"


@pytest.fixture
def door_settings() -> AuthSettings:
    return CHEAP.model_copy(update={"origins": (ORIGIN,), "passkey_domain": DOMAIN})


@pytest.fixture
async def session(client: Client, person: Somebody) -> Headers:
    """Headers of a session that is fresh."""
    return bearer_of(await log_in(client, person))


@pytest.fixture
async def key(client: Client, session: Headers) -> Authenticator:
    """The person's, and it counts."""
    made = Authenticator(counts=True)
    assert (await add(client, session, made)).status_code == 200
    return made


async def options_to_make(client: Client, headers: Headers) -> dict[str, Any]:
    answer = await client.post("/auth/factors/passkeys", headers=headers)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["data"]["publicKey"]
    return options


async def options_to_use(client: Client, **headers: str) -> dict[str, Any]:
    answer = await client.post("/auth/login/passkey", headers=headers)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["data"]["publicKey"]
    return options


async def confirm(client: Client, headers: Headers, credential: Any, name: str = "my phone") -> httpx.Response:
    body = {"name": name, "credential": credential}
    return await client.post("/auth/factors/passkeys/confirm", headers=headers, json=body)


async def add(client: Client, headers: Headers, key: Authenticator, name: str = "my phone") -> httpx.Response:
    return await confirm(client, headers, key.make(await options_to_make(client, headers)), name)


async def enter(client: Client, credential: Any, **headers: str) -> httpx.Response:
    return await client.post("/auth/login/passkey/verify", headers=headers, json={"credential": credential})


async def log_in_by(client: Client, key: Authenticator) -> httpx.Response:
    return await enter(client, key.use(await options_to_use(client)))


async def verify_by(client: Client, challenge: str, credential: Any) -> httpx.Response:
    body = {"challenge": challenge, "method": "passkey", "credential": credential}
    return await client.post("/auth/login/verify", json=body)


async def step_up_by(client: Client, headers: Headers, credential: Any) -> httpx.Response:
    body = {"method": "passkey", "credential": credential}
    return await client.post("/auth/step-up", headers=headers, json=body)


async def passkeys(client: Client, headers: Headers) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/auth/factors", headers=headers)).json()["data"]["passkeys"]
    return found


def sessions(owner: Owner) -> int:
    ((count,),) = owner.execute("SELECT count(*) FROM auth.sessions").fetchall()
    return int(count)


# -- what does not count -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://localhost:5174"},
        {"origin": "https://evil.example"},
        {"origin": "http://hub"},
        {"domain": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": PRESENT | VERIFIED | BACKED_UP},
        {"credential": b"never made, never seen"},
        {"owner": b64(b"somebody else's!")},
        {"owner": None},
        {"private_key": Authenticator().private_key},
        {"framed": True},
    ],
    ids=ELSEWHERE,
)
async def test_what_an_authenticator_signed_for_something_else_lets_nobody_in(
    client: Client, person: Somebody, key: Authenticator, owner: Owner, wrong: dict[str, Any]
) -> None:
    right = dict(vars(key))
    vars(key).update(wrong)

    refused = await log_in_by(client, key)

    assert problem(refused) == REFUSED
    assert "set-cookie" not in refused.headers
    assert refused.json()["detail"] == "the passkey is not accepted"
    assert (sessions(owner), audited(owner)[-1]) == (1, "login.refused")
    vars(key).update(right, count=key.count)
    assert (await log_in_by(client, key)).status_code == 200


async def test_whatever_is_wrong_is_answered_alike(client: Client, key: Authenticator, owner: Owner) -> None:
    unknown = await log_in_by(client, Authenticator(owner=key.owner))
    answer = key.use(await options_to_use(client))
    assert (await enter(client, answer)).status_code == 200
    replayed = await enter(client, answer)
    owner.execute("UPDATE auth.passkeys SET sign_count = 1000")
    copied = await log_in_by(client, key)
    later_owner = key.use(await options_to_use(client))
    later_owner["response"]["signature"] = b64(b"made up")
    made_up = await enter(client, later_owner)

    answers = [unknown, replayed, copied, made_up]
    assert [problem(each) for each in answers] == [REFUSED] * 4
    assert len({each.text for each in answers}) == 1


async def test_what_was_signed_counts_once_for_whoever_shows_it_and_however(
    client: Client, person: Somebody, session: Headers, key: Authenticator
) -> None:
    answer = key.use(await options_to_use(client))
    assert (await enter(client, answer)).status_code == 200

    assert problem(await enter(client, answer)) == REFUSED
    assert problem(await step_up_by(client, session, answer)) == REFUSED
    assert problem(await verify_by(client, await challenge_of(client, person), answer)) == REFUSED


async def test_of_many_who_show_one_answer_at_once_one_is_in(client: Client, key: Authenticator, owner: Owner) -> None:
    # Where nothing is counted, the ceremony alone tells.
    key.counts, key.count = False, 0
    owner.execute("UPDATE auth.passkeys SET sign_count = 0")
    answer = key.use(await options_to_use(client))

    answers = await asyncio.gather(*(enter(client, answer) for _ in range(4)))

    assert sorted(each.status_code for each in answers) == [200, 400, 400, 400]
    assert sessions(owner) == 2


async def test_options_are_good_for_five_minutes_and_for_the_browser_that_asked(
    client: Client, key: Authenticator, owner: Owner
) -> None:
    old = key.use(await options_to_use(client))
    later(owner, "5 minutes")
    stolen = key.use(await options_to_use(client))

    assert problem(await enter(client, old)) == REFUSED
    assert problem(await enter(client, stolen, **{"user-agent": "a thief"})) == REFUSED
    assert (await enter(client, stolen)).status_code == 200


async def test_options_that_were_never_given_out_are_good_for_nothing(client: Client, key: Authenticator) -> None:
    made_up = (await options_to_use(client)) | {"challenge": b64(b"0" * 32)}

    assert problem(await enter(client, key.use(made_up))) == REFUSED


async def test_options_to_make_a_passkey_are_not_good_to_use_one_nor_the_other_way_round(
    client: Client, session: Headers, key: Authenticator
) -> None:
    to_make, to_use = await options_to_make(client, session), await options_to_use(client)

    assert problem(await enter(client, key.use(to_make))) == REFUSED
    assert problem(await confirm(client, session, Authenticator().make(to_make | to_use))) == REFUSED


@pytest.mark.parametrize("shown", [1, 5, 0])
async def test_a_count_that_does_not_go_on_is_one_of_a_copy(
    client: Client, key: Authenticator, owner: Owner, shown: int
) -> None:
    key.count = 4
    assert (await log_in_by(client, key)).status_code == 200
    key.counts, key.count = False, shown

    assert problem(await log_in_by(client, key)) == REFUSED
    assert audited(owner)[-2:] == ["passkey.count_went_back", "login.refused"]
    key.count = 6
    assert (await log_in_by(client, key)).status_code == 200


async def test_an_authenticator_that_does_not_count_needs_not(client: Client, session: Headers) -> None:
    key = Authenticator()
    await add(client, session, key)

    assert [(await log_in_by(client, key)).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize(
    ("what", "answered"),
    [
        ("UPDATE auth.users SET locked_until = 'infinity'", (403, "person-locked")),
        ("DELETE FROM auth.memberships", (403, "no-account")),
        ("DELETE FROM auth.users", REFUSED),
        ("SELECT auth.take_factors(id, NULL) FROM auth.users", REFUSED),
    ],
    ids=["locked", "removed", "deleted", "factors taken"],
)
async def test_what_happens_to_somebody_while_they_log_in_counts(
    client: Client, key: Authenticator, owner: Owner, what: str, answered: tuple[int, str]
) -> None:
    answer = key.use(await options_to_use(client))
    owner.execute(what.encode())

    entered = await enter(client, answer)

    assert problem(entered) == answered
    assert "set-cookie" not in entered.headers


async def test_a_locked_person_is_told_so_by_their_passkey_alone(
    client: Client, key: Authenticator, owner: Owner
) -> None:
    owner.execute("UPDATE auth.users SET locked_until = 'infinity'")
    forged = Authenticator(credential=key.credential, owner=key.owner)

    assert problem(await log_in_by(client, forged)) == REFUSED
    assert problem(await log_in_by(client, key)) == (403, "person-locked")


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ((), "credential", None),
        ((), "credential", "text"),
        (("id",), "credential.id", "not base64!"),
        (("id",), "credential.id", ""),
        (("rawId",), "credential.rawId", "x" * 1401),
        (("type",), "credential.type", "password"),
        (("response",), "credential.response", {}),
        (("response", "signature"), "credential.response.signature", "x" * 2049),
        (("response", "clientDataJSON"), "credential.response.clientDataJSON", 1),
    ],
)
async def test_a_field_that_cannot_be_is_named(
    client: Client, key: Authenticator, path: tuple[str, ...], field: str, value: Any
) -> None:
    body: dict[str, Any] = {"credential": key.use(await options_to_use(client))}
    place: Any = body
    for name in ("credential", *path)[:-1]:
        place = place[name]
    place[("credential", *path)[-1]] = value

    answer = await client.post("/auth/login/passkey/verify", json=body)

    assert answer.status_code == 400
    assert answer.json()["field"].startswith(field)


@pytest.mark.parametrize("method", ["passkey", "totp", "recovery"])
async def test_what_the_method_needs_is_named(client: Client, session: Headers, method: str) -> None:
    body = {"challenge": "A" * 43, "method": method}
    name = "credential" if method == "passkey" else "code"

    verified = await client.post("/auth/login/verify", json=body)
    stepped = await client.post("/auth/step-up", headers=session, json={"method": method})

    assert [(each.status_code, each.json()["field"]) for each in (verified, stepped)] == [(400, name)] * 2


@pytest.mark.parametrize("path", ["/auth/login/passkey", "/auth/login/passkey/verify"])
async def test_no_page_of_another_site_asks(client: Client, key: Authenticator, path: str) -> None:
    body = {"credential": key.use(await options_to_use(client))}

    foreign = await client.post(path, json=body, headers={"origin": "https://evil.example"})

    assert problem(foreign) == (403, "foreign-origin")
    assert (await client.post(path, json=body, headers={"origin": ORIGIN})).status_code == 200


async def test_asking_and_answering_are_limited_by_address(
    database: Database, client: Client, key: Authenticator, api_settings: ApiSettings, door_settings: AuthSettings
) -> None:
    few = door_settings.model_copy(update={"tries_per_address": 5})
    async with Running(create_app(as_api(database), api_settings, auth=few)) as other:
        answers = [await other.post("/auth/login/passkey") for _ in range(6)]
        answered = await enter(other, key.use(await options_to_use(client)))

    assert problem(answers[-1]) == problem(answered) == (429, "too-many-tries")


# -- logging in --------------------------------------------------------------------------------------------------------


async def test_a_passkey_lets_its_person_in_by_itself(
    client: Client, person: Somebody, key: Authenticator, owner: Owner
) -> None:
    options = await options_to_use(client)
    answer = await enter(client, key.use(options))

    assert (options["rpId"], options["userVerification"], options["allowCredentials"]) == (DOMAIN, "required", [])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["data"]["person"] == str(person.id)
    assert claims(answer)["amr"] == ["pop", "user", "mfa"]
    assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200
    assert claims(await refresh(client, cookie(answer)))["amr"] == ["pop", "user", "mfa"]
    assert audited(owner)[-1] == "login.succeeded"
    (shown,) = await passkeys(client, bearer_of(answer))
    assert shown["lastUsedAt"] is not None


async def test_whoever_has_an_app_as_well_is_asked_for_no_code(
    client: Client, session: Headers, key: Authenticator, clock: Clock
) -> None:
    await with_phone(client, session, clock)

    assert (await log_in_by(client, key)).status_code == 200


async def test_whoever_has_no_password_logs_in_by_their_passkey(
    client: Client, key: Authenticator, owner: Owner
) -> None:
    owner.execute("UPDATE auth.users SET password_hash = NULL")

    assert (await log_in_by(client, key)).status_code == 200


async def test_the_longest_credential_that_may_be_is_used(client: Client, session: Headers) -> None:
    longest = Authenticator(credential=bytes(1023))

    assert (await add(client, session, longest)).status_code == 200
    assert (await log_in_by(client, longest)).status_code == 200


async def test_what_the_authenticator_says_of_backups_is_kept(client: Client, key: Authenticator) -> None:
    key.flags |= ELIGIBLE | BACKED_UP
    answer = await log_in_by(client, key)

    assert [each["isBackedUp"] for each in await passkeys(client, bearer_of(answer))] == [True]


async def test_beside_a_passkey_the_password_alone_lets_nobody_in(
    client: Client, person: Somebody, key: Authenticator
) -> None:
    answer = await log_in(client, person)

    assert answer.status_code == 202
    assert answer.json()["data"]["methods"] == ["passkey", "recovery"]


async def test_a_log_in_by_password_goes_on_with_a_passkey(
    client: Client, person: Somebody, key: Authenticator, owner: Owner
) -> None:
    challenge = await challenge_of(client, person)
    answer = await verify_by(client, challenge, key.use(await options_to_use(client)))

    assert answer.status_code == 200
    assert claims(answer)["amr"] == ["pwd", "pop", "user", "mfa"]
    assert problem(await verify_by(client, challenge, key.use(await options_to_use(client)))) == ENDED


async def test_a_log_in_by_password_goes_on_with_ones_own_passkey_alone(
    client: Client, person: Somebody, key: Authenticator, owner: Owner
) -> None:
    other, theirs = somebody(owner), Authenticator()
    headers = bearer_of(await log_in(client, other))
    await add(client, headers, theirs)
    challenge = await challenge_of(client, person)

    refused = await verify_by(client, challenge, theirs.use(await options_to_use(client)))

    assert problem(refused) == REFUSED
    assert problem(await step_up_by(client, headers, key.use(await options_to_use(client)))) == REFUSED
    assert "login.refused" in audited(owner)
    assert (await verify_by(client, challenge, key.use(await options_to_use(client)))).status_code == 200


async def test_a_recovery_code_stands_in_for_a_passkey_that_was_lost(
    client: Client, person: Somebody, session: Headers
) -> None:
    codes = (await add(client, session, Authenticator())).json()["data"]["codes"]

    answer = await verify(client, await challenge_of(client, person), codes[0], "recovery")

    assert (len(codes), answer.status_code) == (10, 200)


async def test_a_passkey_makes_a_session_fresh(client: Client, key: Authenticator, owner: Owner) -> None:
    entered = await log_in_by(client, key)
    owner.execute("UPDATE auth.sessions SET authenticated_at = authenticated_at - interval '1 hour'")
    headers = bearer_of(await refresh(client, cookie(entered)))
    needed = await client.post("/auth/factors/passkeys", headers=headers)

    fresh = await step_up_by(client, headers, key.use(await options_to_use(client)))

    assert problem(needed) == (403, "fresh-authentication-needed")
    assert needed.json()["methods"] == ["passkey", "recovery"]
    assert (fresh.status_code, claims(fresh)["amr"]) == (200, ["pop", "user", "mfa"])
    assert (await client.post("/auth/factors/passkeys", headers=bearer_of(fresh))).status_code == 200
    assert audited(owner)[-1] == "session.stepped_up"


# -- one's own ---------------------------------------------------------------------------------------------------------


async def test_a_passkey_is_on_once_it_was_made_and_others_are_logged_out(
    client: Client, person: Somebody, session: Headers, owner: Owner
) -> None:
    elsewhere = await log_in(client, person)
    options = await options_to_make(client, session)
    assert (await log_in(client, person)).status_code == 200

    answer = await confirm(client, session, Authenticator().make(options), "Taro's phone")

    assert (answer.status_code, answer.json()["data"]["ended"]) == (200, 2)
    assert answer.headers["cache-control"] == "no-store"
    assert options["rp"] == {"name": "Customer portal", "id": DOMAIN}
    assert (options["user"]["name"], options["user"]["id"]) == (person.email, b64(person.id.bytes))
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    await until_refused(client, bearer_of(elsewhere))
    said = (await client.get("/auth/factors", headers=session)).json()["data"]
    assert [(each["id"], each["name"]) for each in said["passkeys"]] == [(answer.json()["data"]["id"], "Taro's phone")]
    assert (said["recoveryCodes"], said["stepUp"]) == (10, ["passkey", "recovery"])
    assert (await client.get("/auth/me", headers=session)).json()["data"]["amr"] == ["pwd", "pop", "user", "mfa"]
    assert audited(owner)[-1] == "factor.passkey_on"
    assert told(owner) == [{"what": "passkey_on", "left": 10}]


async def test_a_passkey_beside_another_factor_leaves_recovery_codes_as_they_are(
    client: Client, person: Somebody, session: Headers, clock: Clock
) -> None:
    phone = await with_phone(client, session, clock)

    answer = await add(client, session, Authenticator())

    assert answer.json()["data"]["codes"] == []
    assert (await verify(client, await challenge_of(client, person), phone.codes[0], "recovery")).status_code == 200


async def test_a_device_is_not_asked_to_hold_two(client: Client, session: Headers, key: Authenticator) -> None:
    excluded = (await options_to_make(client, session))["excludeCredentials"]

    assert [each["id"] for each in excluded] == [b64(key.credential)]


async def test_a_credential_is_one_persons(client: Client, key: Authenticator, owner: Owner) -> None:
    other = bearer_of(await log_in(client, somebody(owner)))

    assert problem(await add(client, other, Authenticator(credential=key.credential))) == REFUSED
    assert await passkeys(client, other) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"domain": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"framed": True},
        {"credential": bytes(1024)},
    ],
    ids="_".join,
)
async def test_what_was_made_for_something_else_is_not_added(
    client: Client, session: Headers, wrong: dict[str, Any]
) -> None:
    assert problem(await add(client, session, Authenticator(**wrong))) == REFUSED
    assert await passkeys(client, session) == []


async def test_what_was_made_is_added_once_in_the_session_that_asked_within_five_minutes(
    client: Client, person: Somebody, session: Headers, owner: Owner
) -> None:
    options, old = await options_to_make(client, session), await options_to_make(client, session)
    elsewhere, other = bearer_of(await log_in(client, person)), bearer_of(await log_in(client, somebody(owner)))
    by_others = [await confirm(client, each, Authenticator().make(options)) for each in (elsewhere, other)]

    assert [problem(each) for each in by_others] == [REFUSED] * 2
    assert (await confirm(client, session, Authenticator().make(options))).status_code == 200
    assert problem(await confirm(client, session, Authenticator().make(options))) == REFUSED
    later(owner, "5 minutes")
    assert problem(await confirm(client, session, Authenticator().make(old))) == REFUSED
    assert len(await passkeys(client, session)) == 1


@pytest.mark.parametrize(
    "key",
    [b"\x00", b"\xa0", b"\xa5\x01\x02\x03\x26\x20\x01\x21\x41\x00\x22\x41\x00", b"\xa2\x01\x02\x03\x26", b"\xff" * 20],
    ids=bytes.hex,
)
async def test_a_key_that_cannot_be_read_is_found_out_when_it_is_made(
    client: Client, session: Headers, key: bytes
) -> None:
    assert problem(await add(client, session, Authenticator(public_key=key))) == REFUSED


def _objects(inner: Any) -> Any:
    """What an authenticator may say it made, whatever stands in it."""
    names = st.sampled_from(["fmt", "attStmt", "authData", "sig", "alg", "x5c"])
    return st.lists(inner, max_size=3) | st.dictionaries(names | st.integers(-3, 3), inner, max_size=4)


@settings(max_examples=300, deadline=None)
@given(
    asked=st.sampled_from(
        [
            b"[" * 6000,
            b'{"type": [], "challenge": "", "origin": {}}',
            b'{"type": "webauthn.create", "challenge": "QUFB", "origin": "%b"}' % ORIGIN.encode(),
            b'{"type": "webauthn.get", "challenge": "QUFB", "origin": "%b"}' % ORIGIN.encode(),
        ]
    )
    | st.binary(max_size=200),
    said=st.binary(max_size=300).map(lambda end: sha256(DOMAIN.encode()).digest() + bytes([0x45]) + end)
    | st.recursive(st.binary(max_size=200) | st.integers() | st.text(), _objects).map(cbor2.dumps)
    | st.sampled_from([b"\x81" * 4000, b"\xbf" * 300])
    | st.binary(max_size=300),
    transports=st.lists(st.sampled_from(["usb", "internal", "x"]), max_size=2),
)
def test_no_bytes_whatever_are_more_than_refused(asked: bytes, said: bytes, transports: list[str]) -> None:
    site, written = ceremonies.Site(DOMAIN, [ORIGIN], "Portal"), b64(b"id")
    response = {
        "clientDataJSON": b64(asked), "attestationObject": b64(said), "authenticatorData": b64(said),
        "signature": b64(said), "transports": transports,
    }  # fmt: skip
    answer = {"id": written, "rawId": written, "type": "public-key", "response": response}

    for refused in (lambda: site.made(answer), lambda: site.used(answer, said)):
        with pytest.raises(PasskeyRefusedError):
            refused()
    with pytest.raises(PasskeyRefusedError):
        ceremonies.challenge_of(answer | {"response": {"clientDataJSON": b64(b"[" * 6000)}})


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\0b", None])
async def test_a_name_that_cannot_be_is_named(client: Client, session: Headers, name: Any) -> None:
    answer = await add(client, session, Authenticator(), name)

    assert (answer.status_code, answer.json()["field"]) == (400, "name")


async def test_a_passkey_is_taken_away_and_with_the_last_second_factor_its_recovery_codes(
    client: Client, person: Somebody, session: Headers, key: Authenticator, owner: Owner
) -> None:
    second = await add(client, session, Authenticator(), "my key")
    elsewhere = await log_in_by(client, key)
    (first, _) = await passkeys(client, session)

    answer = await client.delete(f"/auth/factors/passkeys/{first['id']}", headers=session)
    left = (await client.get("/auth/factors", headers=session)).json()["data"]
    last = await client.delete(f"/auth/factors/passkeys/{second.json()['data']['id']}", headers=session)

    assert (answer.status_code, answer.json()["data"]["ended"], left["recoveryCodes"]) == (200, 1, 10)
    await until_refused(client, bearer_of(elsewhere))
    assert problem(await log_in_by(client, key)) == REFUSED
    assert last.status_code == 200
    assert owner.execute("SELECT count(*) FROM auth.recovery_codes").fetchone() == (0,)
    assert (await log_in(client, person)).status_code == 200
    assert [each["what"] for each in told(owner)] == ["passkey_on", "passkey_on", "passkey_off", "off"]
    assert audited(owner).count("factor.passkey_off") == 2


async def test_nobody_takes_anothers_passkey_away(client: Client, key: Authenticator, owner: Owner) -> None:
    ((id_,),) = owner.execute("SELECT id FROM auth.passkeys").fetchall()
    other = bearer_of(await log_in(client, somebody(owner)))

    for which in (id_, uuid4()):
        assert problem(await client.delete(f"/auth/factors/passkeys/{which}", headers=other)) == (404, "not-found")
    assert (await log_in_by(client, key)).status_code == 200


async def delete_passkey(client: Client, headers: Headers) -> httpx.Response:
    (mine,) = await passkeys(client, headers)
    return await client.delete(f"/auth/factors/passkeys/{mine['id']}", headers=headers)


async def test_whoever_has_no_password_keeps_their_last_passkey(
    client: Client, key: Authenticator, owner: Owner
) -> None:
    owner.execute("UPDATE auth.users SET password_hash = NULL")
    headers = bearer_of(await log_in_by(client, key))

    assert problem(await delete_passkey(client, headers)) == (409, "last-way-in")
    assert (await log_in_by(client, key)).status_code == 200
    assert (await add(client, headers, Authenticator())).status_code == 200
    first, _ = await passkeys(client, headers)
    assert (await client.delete(f"/auth/factors/passkeys/{first['id']}", headers=headers)).status_code == 200


async def test_a_short_password_is_changed_before_the_last_second_factor_goes(
    client: Client, session: Headers, key: Authenticator, clock: Clock
) -> None:
    assert (await change_password(client, session, PASSWORD, SHORT)).status_code == 200

    refused = await delete_passkey(client, session)
    await with_phone(client, session, clock)

    assert problem(refused) == (409, "password-too-short")
    assert (await delete_passkey(client, session)).status_code == 200
    assert problem(await client.delete("/auth/factors/totp", headers=session)) == (409, "password-too-short")


async def test_an_app_is_switched_off_beside_a_passkey_and_recovery_codes_stay(
    client: Client, session: Headers, key: Authenticator, clock: Clock, owner: Owner
) -> None:
    await with_phone(client, session, clock)
    assert (await change_password(client, session, PASSWORD, SHORT)).status_code == 200

    answer = await client.delete("/auth/factors/totp", headers=session)

    assert answer.status_code == 200
    assert told(owner)[-1] == {"what": "app_off", "left": 10}
    assert (await client.post("/auth/factors/recovery-codes", headers=session)).status_code == 200


async def test_nobody_makes_or_takes_passkeys_without_having_logged_in(
    client: Client, person: Somebody, bearer: Any
) -> None:
    for method, path in (
        ("POST", "/auth/factors/passkeys"), ("POST", "/auth/factors/passkeys/confirm"),
        ("DELETE", f"/auth/factors/passkeys/{uuid4()}"),
    ):  # fmt: skip
        for headers in (OWN_PAGE, bearer(person.customer)):
            assert problem(await client.request(method, path, headers=headers)) == (401, "invalid-token")


async def test_what_is_hard_to_take_back_needs_a_fresh_session(
    client: Client, session: Headers, key: Authenticator, clock: Clock, owner: Owner
) -> None:
    made = Authenticator().make(await options_to_make(client, session))
    clock.go_on(60 * 60)
    # The database asks the session, whatever the token says.
    answers = [
        await client.post("/auth/factors/passkeys", headers=session),
        await confirm(client, session, made),
        await delete_passkey(client, session),
    ]
    clock.go_on(-60 * 60)
    owner.execute("UPDATE auth.sessions SET authenticated_at = authenticated_at - interval '1 hour'")
    answers += [
        await client.post("/auth/factors/passkeys", headers=session),
        await confirm(client, session, made),
        await delete_passkey(client, session),
    ]

    assert [problem(each) for each in answers] == [(403, "fresh-authentication-needed")] * 6


async def test_without_a_domain_there_are_none_and_recovery_codes_let_people_in(  # noqa: PLR0917 - fixtures
    database: Database, client: Client, person: Somebody, session: Headers, api_settings: ApiSettings, owner: Owner
) -> None:
    key = Authenticator()
    codes = (await add(client, session, key)).json()["data"]["codes"]
    async with Running(create_app(as_api(database), api_settings, auth=CHEAP)) as without:
        challenge = await challenge_of(without, person)
        answers = [
            await without.post("/auth/login/passkey"),
            await without.post("/auth/factors/passkeys", headers=session),
            await enter(without, key.use(await options_to_use(client))),
            await verify_by(without, challenge, key.use(await options_to_use(client))),
        ]
        recovered = await verify(without, challenge, codes[0], "recovery")

    assert [problem(each) for each in answers] == [(503, "not-set-up")] * 4
    assert recovered.status_code == 200


async def test_options_of_yesterday_are_forgotten(client: Client, session: Headers, owner: Owner) -> None:
    await options_to_use(client)
    await options_to_make(client, session)
    later(owner, "1 day")

    owner.execute("SELECT auth.forget()")

    assert owner.execute("SELECT count(*) FROM auth.ceremonies").fetchone() == (0,)


# -- asked twice -------------------------------------------------------------------------------------------------------


async def test_a_statement_that_is_repeated_is_answered_the_same(
    client: Client, person: Somebody, session: Headers, app: Litestar, owner: Owner
) -> None:
    """Where the connection breaks before the answer comes, the client asks again."""
    database = app.state["services"].door._database
    once = database.tell

    async def twice(question: Any, values: Any) -> Any:
        await once(question, values)
        return await once(question, values)

    database.tell = twice
    # Of what is limited, each counts twice.
    key = Authenticator(counts=True)
    added = await add(client, session, key)
    entered = await log_in_by(client, key)

    assert (added.status_code, len(added.json()["data"]["codes"]), entered.status_code) == (200, 10, 200)
    assert len(await passkeys(client, session)) == 1
    assert [audited(owner).count(each) for each in ("factor.passkey_on", "passkey.count_went_back")] == [1, 0]
    challenge = await challenge_of(client, person)
    assert (await verify_by(client, challenge, key.use(await options_to_use(client)))).status_code == 200
    assert (await step_up_by(client, session, key.use(await options_to_use(client)))).status_code == 200
