"""What a caller did wrong is said in a problem document that names the field."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from core.settings import ApiSettings, HubSettings
from read_api.app import create_app
from read_api.auth.tokens import mint
from read_api.problems.catalogue import KINDS
from tests.read_api.conftest import furnish


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/api/invoices?status=nonsense", "status"),
        ("/api/invoices?from=yesterday", "from"),
        ("/api/invoices?to=2025-02-30", "to"),
        ("/api/invoices?sort=number", "sort"),
        ("/api/invoices?limit=0", "limit"),
        ("/api/invoices?limit=101", "limit"),
        ("/api/invoices?limit=many", "limit"),
        ("/api/invoices?cursor=garbled", "cursor"),
        ("/api/invoices?cursor=%C3%A9", "cursor"),
        ("/api/invoices?cursor=WyJhIl0", "cursor"),
        ("/api/invoices?stauts=paid", "stauts"),
        ("/api/me?limit=1", "limit"),
        ("/api/invoices/1234", "invoice_id"),
        ("/api/sims/x/usage", "sim_id"),
        ("/api/catalog/products?category=tv", "category"),
    ],
)
async def test_a_garbled_value_is_refused_by_name(
    client: httpx.AsyncClient, rows: Any, bearer: Any, address: str, field: str
) -> None:
    answer = await client.get(address, headers=bearer(furnish(rows)["customers"]["id"]))

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/invalid-request"
    assert answer.json()["field"] == field
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def forged(**changes: Any) -> str:
    key = changes.pop("key", "k" * 32)
    claims = {
        "iss": "data-sync-hub",
        "aud": "portal",
        "sub": str(uuid4()),
        "exp": datetime.now(UTC) + timedelta(minutes=5),
    }
    wanted = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(wanted, key, algorithm="HS256")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer garbled",
        "Basic dXNlcjpwYXNz",
        f"Bearer {forged(key='z' * 32)}",
        f"Bearer {forged(iss='somebody')}",
        f"Bearer {forged(aud='something')}",
        f"Bearer {forged(exp=datetime(2020, 1, 1, tzinfo=UTC))}",
        f"Bearer {forged(exp=None)}",
        f"Bearer {forged(sub='admin')}",
        f"Bearer {jwt.encode({'sub': str(uuid4())}, None, algorithm='none')}",
        f"Bearer {forged()}",
    ],
)
async def test_a_token_that_is_not_valid_or_names_nobody_is_refused(
    client: httpx.AsyncClient, header: str | None
) -> None:
    answer = await client.get("/api/invoices", headers={} if header is None else {"authorization": header})

    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/invalid-token"
    assert answer.json()["field"] == "Authorization"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_ends_while_the_api_remembers_it(
    client: httpx.AsyncClient, rows: Any, api_settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"authorization": f"Bearer {mint(api_settings, furnish(rows)['customers']['id'])}"}
    assert (await client.get("/api/me", headers=headers)).status_code == 200

    later = datetime.now(UTC).timestamp() + 60 * api_settings.jwt_minutes + 1
    monkeypatch.setattr("read_api.auth.guard.time", lambda: later)

    assert (await client.get("/api/me", headers=headers)).status_code == 401


async def test_unknown_addresses_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    nowhere = await client.get("/api/nowhere")
    wrong = await client.post("/api/invoices")

    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/not-found")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert "GET" in wrong.headers["allow"]


async def test_our_own_mistakes_say_nothing_of_our_inside(
    client: httpx.AsyncClient, app: Any, bearer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(app.state["database"], "ask", broken)

    answer = await client.get("/api/me", headers=bearer(uuid4()))

    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert "hunter2" not in answer.text


async def test_a_database_that_is_down_is_said_plainly(
    bearer: Any, api_settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("read_api.database.PATIENCE_SECONDS", 0.2)
    app = create_app(HubSettings(database_url="postgresql://nobody@127.0.0.1:9/none"), api_settings)
    async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        answer = await client.get("/api/me", headers=bearer(uuid4()))
        ready = await client.get("/health/ready")
        live = await client.get("/health")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert "127.0.0.1" not in answer.text
    assert (ready.status_code, ready.json()["database"]["reachable"]) == (503, False)
    assert live.json() == {"status": "live"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_every_type_has_a_page(client: httpx.AsyncClient, kind: Any) -> None:
    page = await client.get(kind.type)

    assert page.status_code == 200
    assert kind.title in page.text


async def test_a_request_id_is_echoed_where_it_is_harmless(client: httpx.AsyncClient) -> None:
    kept = await client.get("/health", headers={"x-request-id": "portal-4711"})
    replaced = await client.get("/nowhere", headers={"x-request-id": "a b\tc" * 9})

    assert kept.headers["x-request-id"] == "portal-4711"
    assert len(replaced.headers["x-request-id"]) == 32
