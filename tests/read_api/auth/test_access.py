"""Access tokens: only what we signed, for what we signed it for, with a key that is good.

The promise. What a token says of itself chooses no key and no algorithm that it was not made with. Keys are rotated
without logging anybody out, and one that is withdrawn is good no more though its tokens are remembered. A name of a key
that we do not know causes no look at the database. Production lets in nobody who did not log in. A copy ends when it is
told to, whatever is called back at that moment.
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from litestar import Litestar

from core.clock import utc_now
from core.errors import SettingsError
from core.settings import ApiSettings, HubSettings
from read_api.app import create_app
from read_api.auth.access import SigningKey, signed
from read_api.auth.caller import Caller
from read_api.auth.keys import rotate
from read_api.auth.tokens import mint
from read_api.auth.verification import Verification
from read_api.store.database import DatabaseDownError
from tests.conftest import Database, as_api
from tests.read_api.auth.conftest import CHEAP, Running, Somebody, bearer_of, cookie, log_in, refresh

Owner = psycopg.Connection[Any]


def signing_key(owner: Owner, state: str = "current") -> SigningKey:
    ((kid, private),) = owner.execute("SELECT kid, private_key FROM auth.signing_keys WHERE state = %s", [state])
    return SigningKey(kid, Ed25519PrivateKey.from_private_bytes(private))


def claims(settings: ApiSettings, person: Somebody, **other: Any) -> dict[str, Any]:
    now = utc_now()
    other = {name: now + value if isinstance(value, timedelta) else value for name, value in other.items()}
    return {
        "iss": settings.jwt_issuer, "aud": settings.jwt_audience, "sub": str(person.id), "iat": now,
        "exp": now + timedelta(minutes=5), "customer": str(person.customer), "role": "owner", "sid": str(uuid4()),
        "epoch": 0, "amr": ["pwd"], "auth_time": 0, **other,
    }  # fmt: skip


def part(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def status(client: httpx.AsyncClient, token: str) -> int:
    return (await client.get("/api/me", headers={"authorization": f"Bearer {token}".encode("latin-1")})).status_code


async def test_a_token_that_we_signed_is_good(
    client: httpx.AsyncClient, person: Somebody, owner: Owner, api_settings: ApiSettings
) -> None:
    caller = Caller(str(person.customer), "owner", 0.0, str(person.id), str(uuid4()), 0, ("pwd",))

    assert await status(client, signed(api_settings, signing_key(owner), caller)) == 200
    # The next one is published already, so that every copy knows it before it signs.
    assert await status(client, signed(api_settings, signing_key(owner, "next"), caller)) == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another hub"},
        {"aud": "another portal"},
        {"exp": timedelta(days=1)},
        {"exp": timedelta(minutes=-1)},
        {"iat": timedelta(minutes=2), "exp": timedelta(minutes=4)},
        {"nbf": timedelta(minutes=2)},
        {"sub": "somebody"},
        {"customer": "' OR true --"},
        {"customer": None},
        {"role": "admin"},
        {"role": ["owner"]},
        {"role": None},
        {"sid": "any"},
        {"sid": None},
        {"epoch": "many"},
        {"auth_time": "lately"},
        {"act": "a"},
        {"act": {"sub": "nobody"}},
    ],
    ids=str,
)
async def test_whatever_else_it_says_is_refused(
    client: httpx.AsyncClient, person: Somebody, owner: Owner, api_settings: ApiSettings, changed: dict[str, Any]
) -> None:
    key = signing_key(owner)
    said = {name: value for name, value in claims(api_settings, person, **changed).items() if value is not None}
    token = jwt.encode(said, key.private, "EdDSA", headers={"kid": key.kid, "typ": "at+jwt"})

    assert await status(client, token) == 401


async def test_a_token_of_an_older_copy_which_does_not_say_when_its_person_proved_it_is_good_and_never_fresh(
    client: httpx.AsyncClient, person: Somebody, owner: Owner, api_settings: ApiSettings
) -> None:
    key = signing_key(owner)
    said = {name: value for name, value in claims(api_settings, person).items() if name != "auth_time"}
    token = jwt.encode(said, key.private, "EdDSA", headers={"kid": key.kid, "typ": "at+jwt"})
    asked = {
        "headers": {"authorization": f"Bearer {token}", "idempotency-key": uuid4().hex},
        "json": {"email": "other@example.com"},
    }

    refused = await client.patch("/api/me", **asked)

    assert await status(client, token) == 200
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/fresh-authentication-needed")


async def test_a_copy_that_has_not_read_the_keys_yet_refuses_nobody(
    app: Litestar, person: Somebody, owner: Owner, api_settings: ApiSettings
) -> None:
    key = signing_key(owner)
    token = jwt.encode(claims(api_settings, person), key.private, "EdDSA", headers={"kid": key.kid, "typ": "at+jwt"})
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as just_started:
        assert await status(just_started, token) == 503


async def test_no_trick_with_header_or_key_gets_in(
    client: httpx.AsyncClient, person: Somebody, owner: Owner, api_settings: ApiSettings
) -> None:
    key, stranger = signing_key(owner), Ed25519PrivateKey.generate()
    said = claims(api_settings, person)
    public = key.private.public_key()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    stranger_jwk = {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(
        stranger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()}  # fmt: skip
    written = {each: claim.timestamp() if hasattr(claim, "timestamp") else claim for each, claim in said.items()}

    def by(private: Any, algorithm: str = "EdDSA", **header: Any) -> str:
        headers = {"kid": key.kid, "typ": "at+jwt", **header}
        return jwt.encode(said, private, algorithm, headers=headers)

    def unsigned(**header: Any) -> str:
        return f"{part({'typ': 'at+jwt', 'kid': key.kid, **header})}.{part(written)}."

    good = by(key.private)
    head, _, signature = good.split(".")
    others = part(written | {"sub": str(uuid4())})
    tricks = {
        "alg none": unsigned(alg="none"),
        "alg NONE": unsigned(alg="nOnE"),
        "no alg": unsigned(),
        "our public key as HMAC secret": by(raw, "HS256"),
        "the development key": by(api_settings.jwt_key.get_secret_value() * 2, "HS512"),  # type: ignore[union-attr]
        "a stranger's key under our name": by(stranger),
        "its own key in the header": by(stranger, jwk=stranger_jwk),
        "its own key elsewhere": by(stranger, jku="https://evil.example/jwks.json", x5u="https://evil.example"),
        "an unknown name": by(stranger, kid=uuid4().hex),
        "no name": by(key.private, kid=""),
        "a path as name": by(stranger, kid="../../../../dev/null"),
        "SQL as name": by(stranger, kid="' UNION SELECT '"),
        "a token of another type": by(key.private, typ="JWT"),
        "an extension that must be understood": by(key.private, crit=["b64"], b64=False),
        "another's claims under our signature": f"{head}.{others}.{signature}",
        "a part less": good.rpartition(".")[0],
        "nested brackets": f"{urlsafe_b64encode(b'[' * 5000).decode()}.e30.x",
        "not even text": "\xff\xfe",
    }  # fmt: skip

    assert await status(client, good) == 200
    assert {name: await status(client, token) for name, token in tricks.items()} == dict.fromkeys(tricks, 401)


async def test_names_of_keys_that_we_do_not_know_cause_no_look_at_the_database(
    client: httpx.AsyncClient, app: Litestar, person: Somebody, api_settings: ApiSettings, monkeypatch: Any
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("read_api.store.database.Database._round_trip", lambda *_: asked.append(_))
    stranger = Ed25519PrivateKey.generate()

    for _ in range(50):
        token = jwt.encode(
            claims(api_settings, person), stranger, "EdDSA", headers={"kid": uuid4().hex, "typ": "at+jwt"}
        )
        assert await status(client, token) == 401

    assert asked == []


async def test_rotating_keys_logs_nobody_out(
    client: httpx.AsyncClient, app: Litestar, person: Somebody, owner: Owner
) -> None:
    before = await log_in(client, person)
    rotate(owner, 15)
    app.state["services"].door.issuer._key_read_at = float("-inf")
    after = await refresh(client, cookie(before))

    kids = [jwt.get_unverified_header(each.json()["data"]["accessToken"])["kid"] for each in (before, after)]
    assert len(set(kids)) == 2
    await app.state["services"].verification.look()
    for each in (before, after):
        assert (await client.get("/api/me", headers=bearer_of(each))).status_code == 200
    published = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert [each["kid"] for each in published][:2] == kids
    assert [set(each) for each in published] == [{"kty", "crv", "x", "kid", "alg", "use"}] * 3
    # What it signed has ended by then.
    states = owner.execute(
        "SELECT state, private_key IS NULL, verifies_until > now() + interval '15 minutes' FROM auth.signing_keys"
        " ORDER BY created_at"
    ).fetchall()
    assert states == [("retired", True, True), ("current", False, None), ("next", False, None)]


async def test_a_key_that_is_withdrawn_is_good_no_more_though_its_tokens_are_remembered(
    client: httpx.AsyncClient, app: Litestar, person: Somebody, owner: Owner
) -> None:
    answer = await log_in(client, person)
    assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200

    rotate(owner, 15, withdrawn=True)
    await app.state["services"].verification.look()
    app.state["services"].door.issuer._key_read_at = float("-inf")

    assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 401
    assert (await refresh(client, cookie(answer))).status_code == 200


async def test_a_signature_is_computed_once(client: httpx.AsyncClient, person: Somebody, monkeypatch: Any) -> None:
    answer = await log_in(client, person)
    computed: list[object] = []
    decode = jwt.decode
    monkeypatch.setattr("jwt.decode", lambda *given, **named: computed.append(1) or decode(*given, **named))

    for _ in range(5):
        assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200

    assert computed == [1]


# -- production --------------------------------------------------------------------------------------------------------


def in_production(database: Database) -> HubSettings:
    return as_api(database).model_copy(update={"hub_mode": "production"})


def test_production_does_not_start_with_a_key_that_makes_anybody_everybody(
    database: Database, api_settings: ApiSettings
) -> None:
    with pytest.raises(SettingsError, match=r"^API_JWT_KEY: .*HUB_MODE=development"):
        create_app(in_production(database), api_settings)


def test_what_is_not_said_to_be_development_is_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_MODE")

    assert HubSettings().hub_mode == "production"


async def test_production_lets_in_whoever_logged_in_and_no_token_of_development(
    database: Database, person: Somebody, api_settings: ApiSettings
) -> None:
    app = create_app(in_production(database), ApiSettings(jwt_key=None), auth=CHEAP)
    async with Running(app) as client:
        answer = await log_in(client, person)

        assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 200
        assert await status(client, mint(api_settings, person.customer)) == 401


async def test_a_token_of_development_may_name_a_role_and_no_other(
    client: httpx.AsyncClient, person: Somebody, api_settings: ApiSettings
) -> None:
    case = {"subject": "a question", "description": "of mine"}
    headers = {"authorization": f"Bearer {mint(api_settings, person.customer, role='read_only')}"}

    answer = await client.post("/api/support/cases", json=case, headers=headers | {"Idempotency-Key": "k" * 16})

    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden-role")
    assert await status(client, mint(api_settings, person.customer, role="admin")) == 401  # type: ignore[arg-type]


class NoDatabase:
    async def tell(self, *_: object) -> Any:
        raise DatabaseDownError("there is none")


async def turns(count: int) -> None:
    """Let whatever is ready go on, so often."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("since", range(6))
async def test_a_copy_ends_though_something_was_called_back_a_moment_ago(since: int) -> None:
    verification = Verification("postgresql://nobody@127.0.0.1:1/none", NoDatabase(), 15)  # type: ignore[arg-type]
    verification.open()
    await turns(10)

    verification._told.set()
    await turns(since)

    _, hanging = await asyncio.wait([asyncio.create_task(verification.close())], timeout=5)
    assert not hanging
