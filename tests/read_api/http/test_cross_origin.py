"""Pages of other origins: the portal's may ask and read, and no other."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from pydantic import ValidationError

from core.settings import ApiSettings, AuthSettings
from read_api.app import create_app
from read_api.http.cross_origin import SENT
from tests.builders import insert_customer
from tests.conftest import Database, as_api
from tests.read_api.auth.conftest import Running

PORTAL, FOREIGN = "https://portal.example.com", "https://portal.example.com.evil.example"
TOLD = "access-control-"


@pytest.fixture
def app(database: Database, api_settings: ApiSettings) -> Litestar:
    return create_app(as_api(database), api_settings, auth=AuthSettings(origins=(PORTAL,)))


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with Running(app) as client:
        del client.headers["origin"]
        yield client


def told(answer: httpx.Response) -> dict[str, str]:
    """What a browser is told of whose pages may read the answer."""
    return {name.removeprefix(TOLD): value for name, value in answer.headers.items() if name.startswith(TOLD)}


async def preflight(client: httpx.AsyncClient, origin: str) -> httpx.Response:
    asked = {
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization,idempotency-key",
    }
    return await client.options("/api/me", headers={"origin": origin, **asked})


async def test_a_page_of_the_portal_may_ask_with_its_cookie_and_read_every_answer(client):
    asked, answered = await preflight(client, PORTAL), await client.get("/api/me", headers={"origin": PORTAL})

    allowed = told(asked)
    assert (asked.status_code, allowed["allow-origin"], allowed["allow-credentials"]) == (204, PORTAL, "true")
    assert "PATCH" in allowed["allow-methods"]
    assert {"authorization", "idempotency-key"} <= set(allowed["allow-headers"].lower().split(", "))
    # Not let in, which the page must be able to read as well.
    assert (answered.status_code, told(answered)["allow-origin"]) == (401, PORTAL)
    assert "etag" in told(answered)["expose-headers"].lower()


async def test_a_page_may_send_every_header_that_an_operation_takes(client):
    document = (await client.get("/schema/openapi.json")).json()
    # Systems notify of what happened at them; no page does.
    pages = {path: operations for path, operations in document["paths"].items() if not path.startswith("/webhooks")}

    headers = {
        parameter["name"].lower()
        for operations in pages.values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "header"
    }

    assert "sign-up" in headers
    assert headers <= {name.lower() for name in SENT}


@pytest.mark.parametrize("origin", [FOREIGN, "http://portal.example.com", "https://example.com", "null"])
async def test_no_other_page_may(client, origin):
    asked, answered = await preflight(client, origin), await client.get("/api/me", headers={"origin": origin})

    assert [each for each in (told(asked), told(answered)) if "allow-origin" in each] == []


async def test_where_no_page_is_named_none_is_told_anything(database, api_settings):
    async with Running(create_app(as_api(database), api_settings)) as client:
        asked, answered = await preflight(client, PORTAL), await client.get("/api/me", headers={"origin": PORTAL})

    assert (told(asked), told(answered)) == ({}, {})


@pytest.mark.parametrize("origin", [{"origin": PORTAL}, {}], ids=["a page", "no page"])
async def test_no_cache_may_give_the_answer_of_one_page_token_or_customer_to_another(client, origin, rows, bearer):
    customer = insert_customer(rows)["id"]
    shown = await client.get("/api/payment-methods", headers=bearer(customer) | origin)
    refused = await client.get("/api/me", headers=origin)

    said = [set(each.headers.get_list("vary", split_commas=True)) for each in (shown, refused)]
    assert (shown.status_code, refused.status_code) == (200, 401)
    assert said == [{"Authorization", "X-Customer", "Origin"}] * 2


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example.com", "https://portal.example.com/", "https://Portal.example"]
)
def test_what_is_no_origin_as_browsers_write_it_is_refused_at_the_start(origin):
    with pytest.raises(ValidationError, match="is no origin"):
        AuthSettings(origins=(origin,))
