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
from read_api.http.problems.controller import BY_NAME
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


NOWHERE = "postgresql://nobody@127.0.0.1:9/none"


def forged(**changes: Any) -> str:
    key, algorithm = changes.pop("key", "k" * 32), changes.pop("algorithm", "HS256")
    claims = {
        "iss": "data-sync-hub",
        "aud": "portal",
        "sub": str(uuid4()),
        "exp": datetime.now(UTC) + timedelta(minutes=5),
    }
    wanted = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(wanted, key, algorithm=algorithm)


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
        f"Bearer {forged(algorithm='none', key=None)}",
        f"Bearer {forged(algorithm='HS512', key='k' * 64)}",
        f"Bearer {forged(aud=['something', 'else'])}",
        f"Bearer {forged(nbf=datetime(2100, 1, 1, tzinfo=UTC))}",
        f"Bearer {forged(sub=None)}",
        f"Bearer {forged(iss=None)}",
        f"Bearer {forged(aud=None)}",
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
    nowhere = [await client.get(address) for address in ("/", "/api/nowhere", "/schema/nowhere", "/problems/nothing")]
    wrong = await client.post("/api/invoices")

    assert [(each.status_code, each.json()["type"]) for each in nowhere] == [(404, "/problems/not-found")] * 4
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert "GET" in wrong.headers["allow"]


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"<order/>"])
async def test_a_body_that_is_no_json_is_said_to_be_none(
    client: httpx.AsyncClient, rows: Any, bearer: Any, body: bytes
) -> None:
    headers = bearer(furnish(rows)["customers"]["id"]) | {"Idempotency-Key": "k" * 16}

    answer = await client.post("/api/orders", headers=headers, content=body)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-request")
    assert answer.json()["field"] == "body"


async def test_every_answer_forbids_what_a_browser_need_not_do(
    client: httpx.AsyncClient, rows: Any, bearer: Any
) -> None:
    headers = bearer(furnish(rows)["customers"]["id"])

    answers = [await client.get(address, headers=headers) for address in ("/api/me", "/nowhere", "/schema", "/health")]

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
    assert answers[0].headers["cache-control"] == "private, no-cache"
    assert answers[1].headers["cache-control"] == "no-store"


async def test_our_own_mistakes_say_nothing_of_our_inside(
    client: httpx.AsyncClient, app: Any, bearer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(app.state["services"].database, "ask", broken)

    answer = await client.get("/api/me", headers=bearer(uuid4()))

    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert "hunter2" not in answer.text


async def test_a_database_that_is_down_is_said_plainly(
    bearer: Any, api_settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("read_api.store.pipelined.pool.PATIENCE_SECONDS", 0.2)
    app = create_app(
        HubSettings(api_database_url=NOWHERE, auth_database_url=NOWHERE),
        api_settings,
    )
    async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        answer = await client.get("/api/me", headers=bearer(uuid4()))
        ready = await client.get("/health/ready")
        live = await client.get("/health")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert "127.0.0.1" not in answer.text
    assert (ready.status_code, ready.json()["database"]["reachable"]) == (503, False)
    assert live.json() == {"status": "live"}


@pytest.mark.parametrize("kind", BY_NAME.values(), ids=lambda kind: kind.name)
async def test_every_type_has_a_page(client: httpx.AsyncClient, kind: Any) -> None:
    page = await client.get(kind.type)

    assert page.status_code == 200
    assert kind.title in page.text


async def test_a_request_id_is_echoed_where_it_is_harmless(client: httpx.AsyncClient) -> None:
    kept = await client.get("/health", headers={"x-request-id": "portal-4711"})
    replaced = await client.get("/nowhere", headers={"x-request-id": "a b\tc" * 9})

    assert kept.headers["x-request-id"] == "portal-4711"
    assert len(replaced.headers["x-request-id"]) == 32
