"""Ways in through the log-in of people: what a thief, another page, or a machine that guesses would try."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from json import dumps, loads
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.settings import AuthSettings
from domain.common.account_roles import AccountRole
from read_api.auth.cookies import NAME
from read_api.auth.passwords import hasher_of
from tests.attack.suite import Seen, attack
from tests.attack.target import Target
from tests.builders import insert
from tests.faults.commands import COMMANDS
from tests.waiting import until

PASSWORD = "correct horse battery staple"
HASHED = hasher_of(AuthSettings(argon2_memory_kib=7168, argon2_passes=1)).hash(PASSWORD)
BROWSER, ANOTHER = "a browser", "another browser"
TRIES, LETTERS = 250, 40
DEEP, LARGE = 100_000, 20_000_000


@dataclass(frozen=True)
class Session:
    """Somebody who is logged in. `cookie`: their refresh token."""

    email: str
    token: str
    cookie: str


def _person(target: Target, role: AccountRole = "owner") -> str:
    """The e-mail address of somebody new who may act for the first customer."""
    email = f"{uuid4().hex[:8]}@example.com"
    with psycopg.connect(target.hub.database.owner, autocommit=True) as owner:
        person = insert(owner, "auth.users", email=email, password_hash=HASHED)["id"]
        insert(owner, "auth.memberships", user_id=person, customer_id=target.customers()[0], role=role)
    return email


def _post(target: Target, path: str, body: object = None, **headers: str) -> httpx.Response:
    own = {
        "origin": target.api,
        "user-agent": BROWSER,
        **{name.replace("_", "-"): said for name, said in headers.items()},
    }
    return target.http.post(path, json=body, headers=own)


def _log_in(target: Target, email: str, **headers: str) -> Session:
    answer = _post(target, "/auth/login", {"email": email, "password": PASSWORD}, **headers).raise_for_status()
    return Session(email, answer.json()["data"]["accessToken"], _cookie_of(answer))


def _cookie_of(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0].removeprefix(f"{NAME}=")


def _me(target: Target, token: str) -> int:
    return target.http.get("/api/me", headers={"authorization": f"Bearer {token}"}).status_code


def _refresh(target: Target, cookie: str, **headers: str) -> httpx.Response:
    return _post(target, "/auth/refresh", cookie=f"{NAME}={cookie}", **headers)


def _none_but(wanted: set[int], found: Mapping[str, int]) -> Seen:
    other = {name: status for name, status in found.items() if status not in wanted}
    return Seen(not other, f"answered otherwise: {other}" if other else f"{len(found)} tries answered {sorted(wanted)}")


@attack("17", quick=True)
def confused_keys(target: Target) -> Seen:
    """What a token says of its key and algorithm opens nothing."""
    token = _log_in(target, _person(target)).token
    claims, said = jwt.decode(token, options={"verify_signature": False}), jwt.get_unverified_header(token)
    public = target.http.get("/.well-known/jwks.json").json()["keys"][0]
    own = Ed25519PrivateKey.generate()
    raw = urlsafe_b64encode(own.public_key().public_bytes_raw()).rstrip(b"=").decode()

    def part(content: object) -> str:
        return urlsafe_b64encode(dumps(content).encode()).rstrip(b"=").decode()

    def mine(**header: Any) -> str:
        return jwt.encode(claims, own, "EdDSA", headers=said | header)

    body = token.split(".")[1]
    found = {
        "alg none": f"{part(said | {'alg': 'none'})}.{body}.",
        "alg none with a signature": f"{part(said | {'alg': 'none'})}.{body}.{token.split('.')[2]}",
        "the public key as a secret": jwt.encode(claims, public["x"], "HS256", headers=said | {"alg": "HS256"}),
        "a key of one's own": mine(),
        "a key of one's own in the header": mine(jwk={"kty": "OKP", "crv": "Ed25519", "x": raw}),
        "a key from elsewhere": mine(jku=f"{target.api}/.well-known/jwks.json", x5u="https://example.com/key"),
        "kid: a path": mine(kid="../../../../dev/null"),
        "kid: SQL": mine(kid="' OR '1'='1"),
        "kid: nothing": mine(kid=""),
        "another role": ".".join([token.split(".")[0], part(claims | {"role": "owner", "amr": ["mfa"]}), "x"]),
        "another type": jwt.encode(claims, own, "EdDSA", headers={"kid": said["kid"], "typ": "JWT"}),
    }
    return _none_but({401}, {name: _me(target, each) for name, each in found.items()})


@attack("17", quick=True)
def stolen_refresh_token(target: Target) -> Seen:
    """A refresh token that was used is worth nothing to a thief, and the session that it is of ends."""
    victim = _log_in(target, _person(target))
    following = _cookie_of(_refresh(target, victim.cookie).raise_for_status())

    stolen = _refresh(target, victim.cookie, user_agent=ANOTHER)

    late = _refresh(target, following)
    until(lambda: _me(target, victim.token) == 401)
    return _none_but({401}, {"the thief": stolen.status_code, "whoever has the newest": late.status_code})


@attack("17", quick=True)
def another_sites_page(target: Target) -> Seen:
    """A page of another site logs nobody in, refreshes nothing and logs nobody out, cookie or not."""
    victim = _log_in(target, _person(target))
    known, cookie = {"email": victim.email, "password": PASSWORD}, f"{NAME}={victim.cookie}"
    foreign = {"origin": "https://evil.example"}
    found = {
        "log-in": _post(target, "/auth/login", known, **foreign),
        "refresh": _post(target, "/auth/refresh", cookie=cookie, **foreign),
        "refresh, sandboxed": _post(target, "/auth/refresh", cookie=cookie, origin="null"),
        "refresh, another port": _post(target, "/auth/refresh", cookie=cookie, origin="http://127.0.0.1:1"),
        "refresh, by the browser's word": target.http.post(
            "/auth/refresh", headers={"cookie": cookie, "sec-fetch-site": "cross-site"}
        ),
        "log-out": _post(target, "/auth/logout", cookie=cookie, **foreign),
    }
    seen = _none_but({403}, {name: answer.status_code for name, answer in found.items()})
    form = target.http.post("/auth/login", data=known, headers={"origin": target.api})
    kept = _refresh(target, victim.cookie).status_code
    return Seen(seen.held and form.status_code == 400 and kept == 200, f"{seen.what}; the session went on: {kept}")


@attack("17", quick=True)
def cookies_of_an_attacker(target: Target) -> Seen:
    """A cookie that another host can set is none of ours, and logging in goes on with no session that was there."""
    email = _person(target)
    attacker = _log_in(target, _person(target)).cookie
    victim = _log_in(target, email, cookie=f"{NAME}={attacker}")
    tossed = {
        name: _post(target, "/auth/refresh", cookie=f"{name}={attacker}").status_code
        for name in ("hub_refresh", "__Secure-hub_refresh", "__host-hub_refresh")
    }
    tossed["beside the victim's"] = _post(
        target, "/auth/refresh", cookie=f"{NAME}={attacker}; {NAME}={victim.cookie}"
    ).status_code
    whose = target.http.get("/auth/me", headers={"authorization": f"Bearer {victim.token}"}).json()["data"]["email"]
    seen = _none_but({401}, tossed)
    return Seen(seen.held and victim.cookie != attacker and whose == email, f"{seen.what}; logged in as oneself")


@attack("17", quick=True)
def who_is_known(target: Target) -> Seen:
    """No answer tells whether somebody has an address."""
    known, unknown = _person(target), f"{uuid4().hex[:8]}@example.com"

    def answer_to(path: str, email: str, **more: str) -> tuple[int, object]:
        answer = _post(target, path, {"email": email, **more})
        said = {name: value for name, value in loads(answer.content).items() if name not in {"instance", "requestId"}}
        return answer.status_code, said

    different = [
        path
        for path, more in (("/auth/login", {"password": "x" * 20}), ("/auth/request-password-reset", {}))
        if answer_to(path, known, **more) != answer_to(path, unknown, **more)
    ]
    return Seen(not different, f"answers differ: {different}" if different else "the same answers to both")


@attack("17")
def stuffed_credentials(target: Target) -> Seen:
    """Who tries the passwords of many accounts is stopped by their address, whatever they say that it is."""
    last = httpx.Response(0)
    for number in range(TRIES):
        body = {"email": f"{number}@example.com", "password": f"leaked password of {number}"}
        # As a proxy in front of the hub hands it on: behind what the caller made up stands where it comes from.
        last = _post(target, "/auth/login", body, X_Forwarded_For=f"203.0.113.{number}, 198.51.100.7")
        if last.status_code == 429:
            break
    waits = last.headers.get("retry-after", "")
    return Seen(last.status_code == 429 and waits.isdigit(), f"the last try was answered {last.status_code}, {waits} s")


@attack("17")
def flooded_mailbox(target: Target) -> Seen:
    """Nobody can have somebody else's mailbox filled."""
    victim = _person(target)
    for _ in range(LETTERS):
        _post(target, "/auth/request-password-reset", {"email": victim})
    (stored,) = target.rows("SELECT count(*) AS many FROM auth.messages")
    return Seen(stored["many"] <= 10, f"{LETTERS} asked for, {stored['many']} stored")


@attack("17", quick=True)
def deep_and_large_bodies(target: Target) -> Seen:
    """A body that is deep, large, or no JSON is refused, before and after log-in."""
    token = _log_in(target, _person(target)).token
    bodies = {
        "deep": b"[" * DEEP + b"]" * DEEP,
        "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        "large": b'{"email":"' + b"a" * LARGE + b'"}',
        "many keys": b"{" + b",".join(b'"%d":1' % number for number in range(50_000)) + b"}",
        "no text": b"\xff\xfe\x00",
        "a number without end": b"9" * 100_000,
    }
    found = {}
    for name, body in bodies.items():
        for path in ("/auth/login", "/auth/refresh", "/auth/reset-password", "/api/support/cases"):
            headers = {
                "authorization": f"Bearer {token}", "content-type": "application/json", "origin": target.api,
                "idempotency-key": uuid4().hex,
            }  # fmt: skip
            try:
                found[f"{name} to {path}"] = target.http.post(path, content=body, headers=headers).status_code
            except httpx.TransportError:  # it was refused, and hung up on, before it was sent
                found[f"{name} to {path}"] = 413
    seen, afterwards = _none_but({400, 401, 413}, found), _me(target, token)
    return Seen(seen.held and afterwards == 200, f"{seen.what}; a read afterwards {afterwards}")


@attack("17", quick=True)
def above_a_role(target: Target) -> Seen:
    """Somebody who may only read asks for every change there is: none is accepted."""
    token = _log_in(target, _person(target, "read_only")).token
    found = {}
    for name, request in COMMANDS.items():
        headers = {"authorization": f"Bearer {token}", "idempotency-key": uuid4().hex}
        path = request.path.format(uuid4())
        found[name] = target.http.request(request.method, path, json=request.body(0), headers=headers).status_code
    seen = _none_but({403, 404}, found)
    (stored,) = target.rows("SELECT count(*) AS many FROM command.commands")
    return Seen(seen.held and stored["many"] == 0, f"{seen.what}; {stored['many']} commands stored")
