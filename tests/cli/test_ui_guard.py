"""The guard before the Dagster UI by itself: which requests it lets through, told from their heads alone.

With Dagster behind it: test_ui.py.
"""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from cli.ui.guard import COOKIE, MAY, Guard
from cli.ui.sessions import Sessions
from core.settings import UiSettings

SESSIONS = Sessions(UiSettings(key=SecretStr("k" * 32)))
PAGE = {"accept": "text/html,application/xhtml+xml"}
QUESTION = {"content-type": "application/json"}


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """In place of Dagster: says what its visitor may do."""
    await PlainTextResponse(str(scope[MAY]))(scope, receive, send)


async def answer(method: str = "GET", path: str = "/", *, may: Any = "operate", **headers: str) -> httpx.Response:
    session = SESSIONS.opened_by(SESSIONS.link(may)) if may else None
    guard = Guard(behind, SESSIONS, ("dagster.example.com",))
    cookies = {COOKIE: session} if session else {}
    transport = httpx.ASGITransport(guard)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000", cookies=cookies) as client:
        return await client.request(method, path, headers=headers)


async def test_a_viewer_is_a_viewer_and_an_operator_an_operator() -> None:
    assert [(await answer(may=may)).text for may in ("view", "operate")] == ["view", "operate"]


async def test_without_a_session_only_versions_are_shown() -> None:
    statuses = {path: (await answer(path=path, may=None)).status_code for path in ("/", "/runs", "/server_info")}

    assert statuses == {"/": 401, "/runs": 401, "/server_info": 200}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:3000", 200),
        ("[::1]:3000", 200),
        ("dagster.example.com", 200),
        ("DAGSTER.example.com:443", 200),
        ("evil.example.com", 421),
        ("localhost.evil.example.com", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_it_answers_to_its_own_names_alone(host: str, status: int) -> None:
    """Else a page could point a name of its own at this machine (DNS rebinding)."""
    assert (await answer(host=host)).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "http://localhost:3000"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://localhost:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example.com"}, 403),
    ],
)
async def test_other_sites_and_other_ports_are_others(headers: dict[str, str], status: int) -> None:
    """W3C Fetch Metadata: pages of other ports of one host are `same-site`, not `same-origin`."""
    assert (await answer(**headers)).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/graphql", QUESTION, 200),
        ("POST", "/graphql", {"content-type": "application/json; charset=utf-8"}, 200),
        ("POST", "/graphql", {"content-type": "text/plain"}, 405),
        ("POST", "/graphql", {}, 405),
        ("GET", "/graphql", PAGE, 200),
        ("GET", "/graphql", {"accept": "*/*"}, 405),
        ("POST", "/", QUESTION, 405),
        ("PUT", "/graphql", QUESTION, 405),
        ("HEAD", "/runs", {}, 200),
        ("DELETE", "/runs", {}, 405),
    ],
)
async def test_questions_come_in_the_form_of_the_ui_alone(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert (await answer(method, path, **headers)).status_code == status


async def test_nobody_shows_it_inside_a_page_of_his_own() -> None:
    assert (await answer()).headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("cookie", ["", "hub_dagster=forged", "hub_dagster", "other=1", "\x00=;;"])
async def test_a_cookie_that_is_no_session_opens_nothing(cookie: str) -> None:
    assert (await answer(may=None, cookie=cookie)).status_code == 401
