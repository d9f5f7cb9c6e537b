"""Linking an account of the billing system, from the browser to WHMCS and back.

The promise. The password at WHMCS is asked about once, for whoever proved the mailbox, and is kept and logged nowhere.
Whoever has it gets a log-in of their own; whoever has not learns nothing: a wrong password, an address that WHMCS does
not know, an account that is linked already, and one that needs more than a password are answered alike, and tries are
limited.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Litestar
from psycopg.sql import SQL, Identifier

from core.settings import ApiSettings, AuthSettings, GatewaySettings
from domain.common.identifiers import account_id
from pipelines.sources.clients import Clients
from pipelines.sources.whmcs import client as whmcs
from read_api.app import create_app
from read_api.auth.limits import key_of
from sandbox.server import RunningSandbox
from sandbox.whmcs.users import password_of
from tests.builders import insert
from tests.conftest import Database, as_api
from tests.read_api.auth.conftest import CHEAP, PASSWORD, Clock, Running, audited
from tests.read_api.auth.test_sign_ups import another, begun, proven, standing, verify
from tests.read_api.test_gateway import control, environment, gateway_log, running_gateway, said, sandbox

__all__ = ["environment", "gateway_log", "said", "sandbox"]

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient


@pytest.fixture(scope="module")
def gateway(environment: dict[str, str], gateway_log: Path) -> Iterator[GatewaySettings]:
    with running_gateway(environment, gateway_log) as settings:
        yield settings


@pytest.fixture(autouse=True)
def untouched(sandbox: RunningSandbox) -> None:
    control(sandbox, "reset")


@pytest.fixture
def app(database: Database, api_settings: ApiSettings, clock: Clock, gateway: GatewaySettings) -> Litestar:
    return create(database, api_settings, clock, gateway)


def create(database: Database, api: ApiSettings, clock: Clock, gateway: GatewaySettings | None) -> Litestar:
    few = AuthSettings(**CHEAP.model_dump() | {"tries_per_account": 3})
    return create_app(as_api(database), api, clock, auth=few, gateway=gateway)


@pytest.fixture
def known(sandbox: RunningSandbox) -> tuple[str, str, int]:
    """An e-mail address, the password at WHMCS that goes with it, and the client's id."""
    world = sandbox.world
    customer = next(
        each for each in map(world.customer, range(world.customers)) if world.profile(each.number).has_whmcs
        and each.client_status == "Active"
    )  # fmt: skip
    return customer.email, password_of(customer.client_id), customer.client_id


@pytest.fixture
async def token(client: Client, database: Database, known: tuple[str, str, int]) -> str:
    """Of a sign-up that proved their mailbox."""
    return await proven(client, database, known[0])


@pytest.fixture
async def nobody(client: Client, database: Database) -> str:
    """Of a sign-up that proved a mailbox that WHMCS does not know."""
    return await proven(client, database, "nobody@example.com")


async def link(client: Client, token: str, password: str, new: str = PASSWORD) -> httpx.Response:
    body = {"signUp": token, "password": password, "portalPassword": new}
    return await client.post("/auth/link-whmcs", json=body)


def commands(owner: Owner) -> list[tuple[str, Any]]:
    return owner.execute("SELECT kind, input FROM command.commands ORDER BY seq").fetchall()  # type: ignore[return-value]


async def test_whoever_has_the_password_there_gets_one_here(
    client: Client, owner: Owner, known: tuple[str, str, int], token: str
) -> None:
    _, password, whmcs_client = known

    answer = await link(client, token, password)

    assert answer.status_code == 202, answer.text
    assert commands(owner) == [("link_whmcs", {"client": str(whmcs_client)})]
    assert (await standing(client, token)).json()["data"]["state"] == "working"
    assert audited(owner)[-1] == "link.begun"


async def test_whoever_asks_again_is_answered_the_same(
    client: Client, owner: Owner, known: tuple[str, str, int], token: str
) -> None:
    first, second = await link(client, token, known[1]), await link(client, token, known[1])

    assert (first.status_code, first.json()["data"]) == (second.status_code, second.json()["data"])
    assert len(commands(owner)) == 1


async def test_whmcs_is_asked_nothing_for_whoever_did_not_prove_the_mailbox(
    client: Client, database: Database, owner: Owner, sandbox: RunningSandbox, known: tuple[str, str, int]
) -> None:
    # Users of WHMCS may be of an address that was never theirs: a person of it would be let in to what others share.
    email, password, _ = known
    called = sandbox.state.calls.total
    unproven, code = await begun(client, database, email)
    await verify(client, unproven, another(code))

    answers = [await link(client, token, password) for token in (unproven, "A" * 43)]

    assert [each.status_code for each in answers] == [410, 410]
    assert sandbox.state.calls.total == called
    assert commands(owner) == []


async def test_whoever_proved_another_mailbox_is_not_let_in_by_the_password(
    client: Client, database: Database, owner: Owner, known: tuple[str, str, int]
) -> None:
    answer = await link(client, await proven(client, database, "mallory@example.com"), known[1])

    assert answer.status_code == 401
    assert commands(owner) == []


async def test_what_does_not_fit_is_answered_alike_whatever_it_is(
    client: Client, owner: Owner, sandbox: RunningSandbox, known: tuple[str, str, int], *, token: str, nobody: str
) -> None:
    _, password, whmcs_client = known
    answers = [await link(client, token, "wrong"), await link(client, nobody, password)]
    control(sandbox, "quirks", two_factor=str(whmcs_client))
    answers.append(await link(client, token, password))
    control(sandbox, "quirks", two_factor="")
    owner.execute("DELETE FROM auth.attempts")
    account = account_id("whmcs", str(whmcs_client))
    insert(owner, "customer_accounts", id=account, source="whmcs", source_id=str(whmcs_client), customer_id=account)
    first = insert(owner, "auth.users", email="first@example.com")["id"]
    insert(owner, "auth.memberships", user_id=first, customer_id=account, role="owner")
    answers.append(await link(client, token, password))

    assert {each.status_code for each in answers} == {401}
    assert len({each.json()["detail"] + each.json()["type"] + str(each.json()["errors"]) for each in answers}) == 1
    assert commands(owner) == []
    assert [each for each in audited(owner) if each.startswith("link")] == ["link.refused"] * 4


async def test_a_client_whose_owner_is_somebody_else_is_not_theirs(
    client: Client, owner: Owner, sandbox: RunningSandbox, known: tuple[str, str, int], token: str
) -> None:
    # The client has the address of the user who logs in, and belongs to another user.
    email, password, whmcs_client = known
    control(
        sandbox, "mutate", system="whmcs", object="client", id=str(whmcs_client),
        fields={"owner_user_id": whmcs_client + 1, "email": email},
    )  # fmt: skip

    assert (await link(client, token, password)).status_code == 401
    assert commands(owner) == []


async def test_tries_are_limited_for_whoever_is_known_or_not(
    client: Client, known: tuple[str, str, int], token: str, nobody: str
) -> None:
    wrong = [(await link(client, token, "wrong")).status_code for _ in range(3)]
    right = await link(client, token, known[1])
    unknown = [(await link(client, nobody, "wrong")).status_code for _ in range(4)]

    assert (wrong, right.status_code) == ([401] * 3, 429)
    assert unknown == [401, 401, 401, 429]


async def test_a_try_is_counted_once_however_many_limits_it_has(
    client: Client, owner: Owner, known: tuple[str, str, int], token: str
) -> None:
    await link(client, token, known[1])

    counted = owner.execute(
        "SELECT count(*) FROM auth.attempts WHERE kind = 'billing_log_in' AND key = ANY(%s) GROUP BY key",
        [[key_of("account", known[0].lower()), key_of("everybody")]],
    ).fetchall()
    assert counted == [(1,), (1,)]


@pytest.mark.parametrize(
    ("key", "many", "ago"),
    [
        (("account", "{email}"), 20, "23 hours"),
        (("everybody",), 100, "59 minutes"),
        (("everybody",), 500, "23 hours"),
    ],
)
async def test_so_many_are_tried_in_a_day_for_an_account_and_by_all_together(
    client: Client, owner: Owner, known: tuple[str, str, int], *, token: str, key: tuple[str, ...], many: int, ago: str
) -> None:
    counted = key_of(*(each.format(email=known[0].lower()) for each in key))
    owner.execute(
        "INSERT INTO auth.attempts (kind, key, tried_at)"
        " SELECT 'billing_log_in', %s, now() - %s::interval FROM generate_series(1, %s)",
        [counted, ago, many],
    )

    assert (await link(client, token, known[1])).status_code == 429


async def test_a_password_that_is_easily_guessed_is_refused_before_anybody_is_asked(
    client: Client, sandbox: RunningSandbox, known: tuple[str, str, int], token: str
) -> None:
    called = sandbox.state.calls.total

    answer = await link(client, token, known[1], "short")

    assert (answer.status_code, answer.json()["field"]) == (400, "portalPassword")
    assert sandbox.state.calls.total == called


async def test_whmcs_is_asked_once_and_when_it_does_not_answer_that_is_said(
    client: Client, owner: Owner, sandbox: RunningSandbox, known: tuple[str, str, int], token: str
) -> None:
    called = sandbox.state.calls.total
    control(sandbox, "faults", match="ValidateLogin", mode="status:503", times=5)

    answer = await link(client, token, known[1])

    asked = [each.label for each in sandbox.state.calls.latest(sandbox.state.calls.total - called)]
    assert answer.status_code == 503
    assert len([each for each in asked if "ValidateLogin" in each]) == 1
    assert commands(owner) == []


async def test_without_a_gateway_it_is_said_that_this_is_not_set_up(
    database: Database, api_settings: ApiSettings, clock: Clock, keys: None
) -> None:
    async with Running(create(database, api_settings, clock, None)) as client:
        answer = await link(client, "A" * 43, "whatever it is")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-set-up")


async def test_the_password_is_kept_and_logged_nowhere(
    client: Client, owner: Owner, known: tuple[str, str, int], token: str, *, said: Callable[[], str],
    sandbox: RunningSandbox,
) -> None:  # fmt: skip
    email, password, _ = known

    await link(client, token, "canary-that-is-wrong")
    control(sandbox, "faults", match="ValidateLogin", mode="malformed", times=1)
    await link(client, token, password, "another canary password")
    await link(client, token, password, "another canary password")

    tables = owner.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('hub', 'sync', 'command', 'history', 'auth')"
    ).fetchall()
    kept = [
        text
        for table in tables
        for (text,) in owner.execute(SQL("SELECT t::text FROM {} t").format(Identifier(*table)))
    ]
    logged = said()
    secrets = ("canary-that-is-wrong", password, "another canary password")
    assert not [secret for secret in secrets if any(secret in text for text in (*kept, logged))]
    assert email not in logged


def test_a_call_that_fails_is_remembered_without_the_password(
    monkeypatch: pytest.MonkeyPatch, sandbox: RunningSandbox, environment: dict[str, str], known: tuple[str, str, int]
) -> None:
    # What a failed call was about is kept as a short hash: with a password in it, the hash could be guessed at.
    seen: list[Any] = []
    call = whmcs.call

    def noted(*args: Any, about: Any, **more: Any) -> Any:
        seen.append(about)
        return call(*args, about=about, **more)

    monkeypatch.setattr(whmcs, "call", noted)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    clients = Clients()

    clients.whmcs.user_with(known[0], known[1])
    clients.close()

    assert known[1] not in str(seen)
    assert len(seen) == 1
