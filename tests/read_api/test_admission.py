"""One customer's work is nobody else's wait: what costs something is counted for each, by all processes together.

Each test is an attack in small: who asks for too much is told when to come again, and somebody else is served.
Pay links and uploads, which need the gateway: test_gateway.py.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core.settings import ApiSettings
from pipelines.commands.actions import ACTIONS
from read_api.admission import CATCH_UPS, COMMANDS, PAY_LINKS, REFRESHES, UPLOADS, WAITS
from read_api.app import create_app
from read_api.commands.accepting import Change
from read_api.customer import controller as of_customer
from read_api.customer import identity as of_identity
from read_api.orders import controller as of_orders
from read_api.sim import controller as of_sim
from read_api.subscriptions import controller as of_subscriptions
from read_api.support import controller as of_support
from tests.builders import account_of, insert, insert_customer
from tests.conftest import as_api
from tests.serving import served_api

OLD = datetime.now(UTC) - timedelta(hours=2)
CASE = {"subject": "Help", "description": "It does not work."}


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(
        jwt_key="k" * 32,
        pool_size=2,
        commands_per_minute=2,
        waits_at_once=1,
        refreshes_per_minute=2,
        catch_ups_per_minute=2,
    )


@pytest.fixture
def two(rows: Any) -> tuple[Any, Any]:
    """The attacker's headers are made from the first; the second is anybody."""
    return insert_customer(rows), insert_customer(rows)


@asynccontextmanager
async def another_process(database: Any, settings: ApiSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A second API before the same database."""
    app = create_app(
        as_api(database),
        settings,
    )
    await app.state["services"].database.open()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client
    await app.state["services"].database.close()


async def open_case(client: httpx.AsyncClient, headers: dict[str, str], key: str | None = None) -> httpx.Response:
    return await client.post(
        "/api/support/cases", json=CASE, headers={**headers, "Idempotency-Key": key or uuid4().hex}
    )


def refused(answer: httpx.Response, code: str) -> bool:
    """Whether it is told in the form that all such refusals have."""
    problem = answer.json()
    return (
        answer.status_code == 429
        and int(answer.headers["retry-after"]) >= 1
        and (problem["type"], problem["errors"][0]["code"]) == ("/problems/too-many-requests", code)
    )


async def test_many_cases_of_one_customer_are_refused_and_anothers_is_accepted(
    client: httpx.AsyncClient, two: Any, bearer: Any, rows: Any
) -> None:
    attacker, other = (bearer(each["id"]) for each in two)

    answers = [await open_case(client, attacker) for _ in range(4)]
    others = await open_case(client, other)

    assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
    assert refused(answers[2], "COMMANDS_PER_MINUTE")
    assert others.status_code == 202
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (3,)


async def test_a_minute_later_it_is_accepted(client: httpx.AsyncClient, two: Any, bearer: Any, rows: Any) -> None:
    attacker = bearer(two[0]["id"])
    for _ in range(2):
        await open_case(client, attacker)
    rows.execute("UPDATE command.admissions SET admitted_at = admitted_at - interval '61 seconds'")

    answer = await open_case(client, attacker)

    assert answer.status_code == 202


async def test_a_repeated_key_is_answered_however_much_was_asked_for(
    client: httpx.AsyncClient, two: Any, bearer: Any
) -> None:
    attacker = bearer(two[0]["id"])
    first = await open_case(client, attacker, "the-first-key")
    await open_case(client, attacker)

    again = await open_case(client, attacker, "the-first-key")

    assert (again.status_code, again.json()) == (202, first.json())


async def test_all_processes_count_together(
    client: httpx.AsyncClient, database: Any, api_settings: ApiSettings, two: Any, bearer: Any
) -> None:
    attacker = bearer(two[0]["id"])
    async with another_process(database, api_settings) as elsewhere:
        await open_case(client, attacker)
        await open_case(elsewhere, attacker)

        answers = [await open_case(each, attacker) for each in (client, elsewhere)]

    assert all(refused(answer, "COMMANDS_PER_MINUTE") for answer in answers)


async def test_many_at_once_are_counted_one_by_one(client: httpx.AsyncClient, two: Any, bearer: Any) -> None:
    attacker = bearer(two[0]["id"])

    answers = await asyncio.gather(*[open_case(client, attacker) for _ in range(8)])

    assert sorted(answer.status_code for answer in answers) == [202] * 2 + [429] * 6


async def test_one_customer_takes_no_more_than_a_share_of_the_days_calls(
    database: Any, two: Any, bearer: Any, rows: Any
) -> None:
    """A case takes about two calls; 5 % of 100 calls is enough for two cases."""
    rows.execute(
        "INSERT INTO sync.sources (system, quota_used, quota_limit, quota_at) VALUES ('salesforce', 1, 100, now())"
    )
    attacker, other = (bearer(each["id"]) for each in two)
    settings = ApiSettings(jwt_key="k" * 32, quota_share_percent=5)

    async with another_process(database, settings) as client:
        answers = [await open_case(client, attacker) for _ in range(3)]
        others = await open_case(client, other)

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert refused(answers[2], "COMMANDS_QUOTA_SHARE")
    assert int(answers[2].headers["retry-after"]) > 3600
    assert others.status_code == 202


def test_every_change_says_what_it_takes_of_the_days_calls() -> None:
    modules = (of_customer, of_identity, of_orders, of_sim, of_subscriptions, of_support)
    changes = {each.kind.name: each for module in modules for each in vars(module).values() if isinstance(each, Change)}

    asked = ACTIONS.keys() - {"provision_order", "sign_up", "link_whmcs"}
    assert changes.keys() == asked
    assert {kind for kind, change in changes.items() if change.kind.crm_calls} == {
        kind for kind in asked if "salesforce" in ACTIONS[kind].kind.calls
    }


def test_each_limit_of_the_settings_is_asked_for() -> None:
    numbers = {
        name: number
        for number, name in enumerate(
            (
                "commands_per_minute", "commands_per_day", "commands_open", "quota_share_percent", "uploads_per_minute",
                "uploads_per_day", "pay_links_per_minute", "pay_links_per_day", "waits_at_once", "refreshes_per_minute",
                "refreshes_per_day", "catch_ups_per_minute",
            ),
            start=11,
        )
    }  # fmt: skip
    settings = ApiSettings(jwt_key="k" * 32, **numbers)

    asked = {
        kind.name: json.loads(kind.limits(settings).json())
        for kind in (COMMANDS, UPLOADS, PAY_LINKS, WAITS, REFRESHES, CATCH_UPS)
    }

    assert asked == {
        "commands": {"per_minute": 11, "per_day": 12, "open": 13, "share": 14},
        "uploads": {"at_once": 1, "per_minute": 15, "per_day": 16, "open": 13, "share": 14, "expires_after": 150},
        "pay_links": {"at_once": 2, "per_minute": 17, "per_day": 18, "expires_after": 30},
        "waits": {"at_once": 19, "expires_after": 15},
        "refreshes": {"per_minute": 20, "per_day": 21},
        "catch_ups": {"per_minute": 22},
    }


def old_line(rows: Any, customer: Any) -> Any:
    account = account_of(customer, "sims")
    return insert(rows, "sims", account_id=account, msisdn=uuid4().int % 10**11, details_as_of=OLD, usage_as_of=OLD)[
        "id"
    ]


async def test_many_who_wait_for_one_customer_are_refused_and_anothers_waits(
    client: httpx.AsyncClient, two: Any, bearer: Any, rows: Any
) -> None:
    lines = [old_line(rows, each) for each in two]
    attacker, other = ({**bearer(each["id"]), "Prefer": "wait=10"} for each in two)
    waiting = asyncio.create_task(client.get(f"/api/sims/{lines[0]}", headers=attacker))
    while not rows.execute("SELECT FROM command.admissions WHERE kind = 'waits'").fetchall():  # noqa: ASYNC110
        await asyncio.sleep(0.01)

    more = [await client.get(f"/api/sims/{lines[0]}", headers=attacker) for _ in range(3)]
    others = asyncio.create_task(client.get(f"/api/sims/{lines[1]}", headers=other))
    while len(rows.execute("SELECT FROM command.admissions WHERE kind = 'waits'").fetchall()) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    rows.execute("UPDATE hub.sims SET details_as_of = now(), usage_as_of = now()")

    assert all(refused(answer, "WAITS_AT_ONCE") for answer in more)
    assert [(await each).headers.get("preference-applied") for each in (waiting, others)] == ["wait=10"] * 2
    assert (await client.get(f"/api/sims/{lines[0]}", headers=attacker)).status_code == 200
    under_way = rows.execute("SELECT count(*) FROM command.admissions WHERE until IS NOT NULL").fetchone()
    assert under_way == (0,), "the places are free again"


async def test_looking_at_many_lines_shows_them_all_but_has_only_some_read(
    client: httpx.AsyncClient, two: Any, bearer: Any, rows: Any
) -> None:
    lines = [old_line(rows, two[0]) for _ in range(4)]
    others = old_line(rows, two[1])

    answers = [await client.get(f"/api/sims/{line}", headers=bearer(two[0]["id"])) for line in lines]
    await client.get(f"/api/sims/{others}", headers=bearer(two[1]["id"]))

    assert {answer.status_code for answer in answers} == {200}
    assert rows.execute("SELECT count(*) FROM sync.inbox").fetchone() == (3,)


async def test_looking_at_what_is_requested_already_is_not_counted(
    client: httpx.AsyncClient, two: Any, bearer: Any, rows: Any
) -> None:
    first, second = (old_line(rows, two[0]) for _ in range(2))

    for line in [first] * 5 + [second]:
        await client.get(f"/api/sims/{line}", headers=bearer(two[0]["id"]))

    assert rows.execute("SELECT count(*) FROM sync.inbox").fetchone() == (2,)


async def test_many_reconnects_of_one_customer_are_refused_and_anothers_catches_up(
    app: Litestar, client: httpx.AsyncClient, two: Any, bearer: Any
) -> None:
    app.state["services"].follower.closed = True  # so that a stream ends once it has caught up
    attacker, other = ({**bearer(each["id"]), "Last-Event-ID": "WzEsMV0"} for each in two)

    answers = [await client.get("/api/live", headers=attacker) for _ in range(3)]
    others = await client.get("/api/live", headers=other)
    anew = await client.get("/api/live", headers=bearer(two[0]["id"]))

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert refused(answers[2], "CATCH_UPS_PER_MINUTE")
    assert others.status_code == 200
    assert anew.status_code == 200, "whoever wants to catch up with nothing costs nothing"


async def test_a_read_that_costs_nothing_is_never_counted(
    client: httpx.AsyncClient, two: Any, bearer: Any, rows: Any
) -> None:
    for _ in range(5):
        assert (await client.get("/api/me", headers=bearer(two[0]["id"]))).status_code == 200

    assert rows.execute("SELECT count(*) FROM command.admissions").fetchone() == (0,)


def test_a_socket_that_would_catch_up_too_often_is_not_opened(
    database: Any, two: Any, bearer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_CATCH_UPS_PER_MINUTE", "1")
    with served_api(database) as url:
        address = f"{url.replace('http', 'ws', 1)}/api/live/ws?after=WzEsMV0"
        attacker, other = (bearer(each["id"]) for each in two)
        for headers in (attacker, other):
            with connect(address, additional_headers=headers, proxy=None, close_timeout=1) as socket:
                assert "event" in socket.recv()

        with pytest.raises(InvalidStatus), connect(address, additional_headers=attacker, proxy=None):
            pass
