"""People who may log in, and the API as their browsers speak to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from litestar import Litestar
from pyotp import TOTP

from core.clock import utc_now
from core.settings import ApiSettings, AuthSettings
from read_api.app import create_app
from read_api.auth.cookies import NAME
from read_api.auth.keys import rotate
from read_api.auth.passwords import hasher_of
from read_api.store.database import DatabaseDownError
from tests.builders import insert, insert_customer
from tests.conftest import Database, as_api
from tests.waiting import PATIENCE_SECONDS

PASSWORD = "correct horse battery staple"
OWN_PAGE = {"origin": "http://hub", "user-agent": "a browser"}
CHEAP = AuthSettings(argon2_memory_kib=7168, argon2_passes=1, factor_keys="a1" * 32)
"""As little work as may be: what is hashed here is no secret."""
HASHED = hasher_of(CHEAP).hash(PASSWORD)


@dataclass(frozen=True)
class Somebody:
    """A person and whom they may act for."""

    id: UUID
    email: str
    customer: UUID


@pytest.fixture
def owner(database: Database) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
def keys(owner: "psycopg.Connection[Any]") -> None:
    """There are keys to sign with, and every copy that starts later knows them."""
    rotate(owner, 15)


@pytest.fixture
def person(owner: "psycopg.Connection[Any]", keys: None) -> Somebody:
    return somebody(owner)


def somebody(owner: "psycopg.Connection[Any]", role: str = "owner", **values: object) -> Somebody:
    customer = insert_customer(owner, name="Acme")["id"]
    email = f"{uuid4().hex[:8]}@example.com"
    user = insert(owner, "auth.users", **{"email": email, "password_hash": HASHED, **values})
    insert(owner, "auth.memberships", user_id=user["id"], customer_id=customer, role=role)
    return Somebody(user["id"], user["email"], customer)


@pytest.fixture
def door_settings() -> AuthSettings:
    return CHEAP


class Clock:
    """The API's, which stands still until it is told."""

    def __init__(self) -> None:
        self.moment = utc_now()

    def __call__(self) -> Any:
        return self.moment

    def go_on(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database: Database, api_settings: ApiSettings, door_settings: AuthSettings, clock: Clock) -> Litestar:
    return create_app(as_api(database), api_settings, clock, auth=door_settings)


@pytest.fixture
async def client(app: Litestar, keys: None) -> AsyncIterator[httpx.AsyncClient]:
    async with Running(app) as client:
        yield client


class Running:
    """A copy of the API, running; not app.lifespan(), which must end in the task in which it began."""

    def __init__(self, app: Litestar) -> None:
        self._services = app.state["services"]
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://hub", headers=OWN_PAGE
        )

    async def __aenter__(self) -> httpx.AsyncClient:
        try:
            await self._services.database.open()
            await self._services.door._database.open()
            self._services.verification.open()
            await self._look()
        except BaseException:
            # What was opened would go on, and the loop would wait for it for ever.
            await self.__aexit__()
            raise
        return self.client

    async def _look(self) -> None:
        """A busy machine may take longer to connect than the API has patience."""
        ends = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                await self._services.verification.look()
            except DatabaseDownError:
                if monotonic() > ends:
                    raise
            else:
                return

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self._services.guard._uses.close()
        await self._services.verification.close()
        if self._services.gateway is not None:
            await self._services.gateway.close()
        await self._services.door._database.close()
        self._services.door.close()
        await self._services.database.close()


async def log_in(client: httpx.AsyncClient, person: Somebody, password: str = PASSWORD) -> httpx.Response:
    # A cookie that is Secure is not kept over http, so the tests carry it themselves.
    return await client.post("/auth/login", json={"email": person.email, "password": password})


async def refresh(client: httpx.AsyncClient, token: str, **headers: str) -> httpx.Response:
    return await client.post("/auth/refresh", headers={"cookie": f"{NAME}={token}", **headers})


def cookie(answer: httpx.Response) -> str:
    """The refresh token that an answer sets."""
    return answer.headers["set-cookie"].partition(";")[0].removeprefix(f"{NAME}=")


def bearer_of(answer: httpx.Response) -> dict[str, str]:
    return {"authorization": f"Bearer {answer.json()['data']['accessToken']}"}


def audited(owner: "psycopg.Connection[Any]") -> list[str]:
    return [action for (action,) in owner.execute("SELECT action FROM auth.audit ORDER BY seq")]


def later(owner: "psycopg.Connection[Any]", by: str) -> None:
    """So much time goes by for whatever the database counts."""
    owner.execute("UPDATE auth.attempts SET tried_at = tried_at - %s::interval", [by])
    owner.execute("UPDATE auth.refresh_tokens SET used_at = used_at - %s::interval", [by])
    owner.execute("UPDATE auth.challenges SET expires_at = expires_at - %s::interval", [by])
    owner.execute("UPDATE auth.ceremonies SET expires_at = expires_at - %s::interval", [by])
    owner.execute("UPDATE auth.totp SET pending_at = pending_at - %s::interval", [by])
    owner.execute("UPDATE auth.sessions SET expires_at = expires_at - %s::interval", [by])


# -- second factors ----------------------------------------------------------------------------------------------------


@dataclass
class Phone:
    """An authenticator app, by the API's clock, and the recovery codes that its person wrote down."""

    secret: str
    clock: Clock
    codes: list[str]

    def code(self, steps: int = 0) -> str:
        """What it shows; `steps`: with a clock that is so many half minutes ahead."""
        return TOTP(self.secret).at(self.clock.moment + timedelta(seconds=30 * steps))

    def next_code(self) -> str:
        """One that was not shown before."""
        self.clock.go_on(30)
        return self.code()


async def begin_totp(client: httpx.AsyncClient, headers: dict[str, str], clock: Clock) -> Phone:
    """An app that has the secret and is not switched on yet."""
    begun = await client.post("/auth/factors/totp", headers=headers)
    assert begun.status_code == 200, begun.text
    return Phone(begun.json()["data"]["secret"], clock, [])


async def confirm_totp(client: httpx.AsyncClient, headers: dict[str, str], code: str) -> httpx.Response:
    return await client.post("/auth/factors/totp/confirm", headers=headers, json={"code": code})


async def with_phone(client: httpx.AsyncClient, headers: dict[str, str], clock: Clock) -> Phone:
    """A person's app, switched on by a session of theirs that is fresh."""
    phone = await begin_totp(client, headers, clock)
    confirmed = await confirm_totp(client, headers, phone.code())
    assert confirmed.status_code == 200, confirmed.text
    phone.codes = confirmed.json()["data"]["codes"]
    return phone


async def challenge_of(client: httpx.AsyncClient, person: Somebody, password: str = PASSWORD) -> str:
    """What a log-in waits with for a second factor."""
    answer = await log_in(client, person, password)
    assert answer.status_code == 202, answer.text
    challenge: str = answer.json()["data"]["challenge"]
    return challenge


async def verify(
    client: httpx.AsyncClient, challenge: str, code: str, method: str = "totp", **headers: str
) -> httpx.Response:
    body = {"challenge": challenge, "method": method, "code": code}
    return await client.post("/auth/login/verify", json=body, headers=headers)


async def step_up(client: httpx.AsyncClient, headers: dict[str, str], method: str, shown: str) -> httpx.Response:
    body = {"method": method, "password" if method == "password" else "code": shown}
    return await client.post("/auth/step-up", json=body, headers=headers)


async def until_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """What is called back is refused a moment later."""
    async with asyncio.timeout(30):
        while (await client.get("/api/me", headers=headers)).status_code != 401:
            pass
