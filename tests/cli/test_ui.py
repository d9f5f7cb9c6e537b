"""The Dagster UI lets in who has a link, does only what its own pages ask, and starts nothing for viewers.

A review drove the UI of a running stack from a foreign page: it launched a run and stopped a schedule. Dagster carries
out mutations by GET, under any Host and Origin, and knows read-only for the whole process alone (dagster#2219).
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
import httpx
import pytest
import uvicorn
import websockets
from pydantic import SecretStr

from cli.ui.guard import COOKIE, Guard
from cli.ui.serve import GuardedWebserver, workspace_of
from cli.ui.sessions import May, Sessions
from core.settings import UiSettings
from tests.cli.conftest import Hub

SETTINGS = UiSettings(key=SecretStr("k" * 32), hosts=("dagster.example.com",))
PAUSE = "mutation { setAutoMaterializePaused(paused: %s) }"
PAUSED = "{ instance { autoMaterializePaused } }"
FOREIGN = {"origin": "https://evil.example.com", "sec-fetch-site": "cross-site"}
NEXT_DOOR = {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"}


@dataclass
class Ui:
    """A running UI, as browsers meet it."""

    url: str
    sessions: Sessions = field(default_factory=lambda: Sessions(SETTINGS))

    @contextmanager
    def get_in(self, may: May) -> Iterator[httpx.Client]:
        """A browser with a session."""
        with self.stranger() as browser:
            answer = browser.get("/enter", params={"link": self.sessions.link(may)})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            yield browser

    def stranger(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60)

    def paused(self) -> bool:
        with self.get_in("view") as browser:
            answer = browser.post("/graphql", json={"query": PAUSED}).json()
        return bool(answer["data"]["instance"]["autoMaterializePaused"])


@pytest.fixture(scope="module")
def ui() -> Iterator[Ui]:
    """Dagster's real web server and the hub's code, behind the guard, on a free port."""
    sessions = Sessions(SETTINGS)
    with dg.instance_for_test() as instance, workspace_of(instance) as workspace, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        app = Guard(GuardedWebserver(workspace, "", 2000).create_asgi_app(), sessions, SETTINGS.hosts)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            made = Ui(f"http://127.0.0.1:{listening.getsockname()[1]}", sessions)
            with made.get_in("operate") as operator:
                operator.post("/graphql", json={"query": PAUSE % "false"})
            yield made
        finally:
            server.should_exit = True
            thread.join()


def test_without_a_session_there_is_nothing_to_see_but_versions(ui: Ui) -> None:
    with ui.stranger() as browser:
        seen = [browser.get(path).status_code for path in ("/", "/runs", "/logs/x.out", "/enter", "/enter?link=forged")]
        asked = browser.post("/graphql", json={"query": PAUSED})
        versions = browser.get("/server_info")

    assert seen == [401] * 5
    assert (asked.status_code, versions.status_code) == (401, 200)
    assert "hub dagster --link" in asked.text


def test_a_link_opens_once_and_its_session_is_for_the_uis_own_pages(ui: Ui) -> None:
    link = ui.sessions.link("view")

    with ui.stranger() as browser:
        first = browser.get("/enter", params={"link": link})
        page = browser.get("/")
    with ui.stranger() as thief:
        second = thief.get("/enter", params={"link": link})

    cookie = first.headers["set-cookie"].lower()
    assert (first.status_code, page.status_code, second.status_code) == (303, 200, 401)
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/"))
    assert page.headers["x-frame-options"] == "DENY"


def test_a_viewer_looks_and_an_operator_acts(ui: Ui) -> None:
    with ui.get_in("view") as viewer, ui.get_in("operate") as operator:
        refused = viewer.post("/graphql", json={"query": PAUSE % "true"}).json()
        after_viewer = ui.paused()
        done = operator.post("/graphql", json={"query": PAUSE % "true"}).json()
        after_operator = ui.paused()
        operator.post("/graphql", json={"query": PAUSE % "false"})

    assert "errors" in refused
    assert (after_viewer, after_operator) == (False, True)
    assert "errors" not in done


@pytest.mark.parametrize("headers", [FOREIGN, NEXT_DOOR, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
def test_another_sites_page_gets_nothing_with_the_operators_own_session(ui: Ui, headers: dict[str, str]) -> None:
    with ui.get_in("operate") as operator:
        posted = operator.post("/graphql", json={"query": PAUSE % "true"}, headers=headers)
        looked = operator.get("/", headers=headers)

    assert (posted.status_code, looked.status_code, ui.paused()) == (403, 403, False)


@pytest.mark.parametrize(
    "form",
    [
        ("GET", {"params": {"query": PAUSE % "true"}}),
        ("POST", {"params": {"query": PAUSE % "true"}}),
        ("POST", {"content": PAUSE % "true", "headers": {"content-type": "application/graphql"}}),
        ("POST", {"content": '{"query": "x"}', "headers": {"content-type": "text/plain; application/json"}}),
        ("POST", {"data": {"query": PAUSE % "true"}}),
    ],
)
def test_no_mutation_comes_in_a_form_that_a_link_an_image_or_a_form_can_send(ui: Ui, form: tuple[str, dict]) -> None:
    method, how = form

    with ui.get_in("operate") as operator:
        answer = operator.request(method, "/graphql", **how)

    assert (answer.status_code, ui.paused()) == (405, False)


def test_results_are_reported_by_runs_alone(ui: Ui) -> None:
    with ui.get_in("operate") as operator:
        answer = operator.post("/report_asset_materialization/whmcs/invoices", json={})

    assert answer.status_code == 405


@pytest.mark.parametrize(("host", "status"), [("evil.example.com", 421), ("127.0.0.1.evil.example.com", 421),
                                              ("dagster.example.com", 200), ("localhost:3000", 200)])  # fmt: skip
def test_a_name_that_somebody_points_at_this_machine_is_refused(ui: Ui, host: str, status: int) -> None:
    with ui.get_in("operate") as operator:
        answer = operator.get("/", headers={"host": host})

    assert answer.status_code == status


@pytest.mark.parametrize("origin", ["https://evil.example.com", None])
def test_a_socket_is_opened_by_the_uis_own_pages_with_a_session(ui: Ui, origin: str | None) -> None:
    session = ui.sessions.opened_by(ui.sessions.link("operate"))
    own = ui.url
    address = f"{ui.url.replace('http', 'ws')}/graphql"

    async def opened(origin: str | None, cookie: str | None) -> bool:
        headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
        try:
            async with websockets.connect(
                address, origin=origin, additional_headers=headers, subprotocols=["graphql-ws"]
            ):
                return True
        except websockets.InvalidStatus as refused:
            return refused.response.status_code != 403

    if origin is None:
        assert asyncio.run(opened(own, None)) is False
        assert asyncio.run(opened(own, session)) is True
    else:
        assert asyncio.run(opened(origin, session)) is False


def test_links_and_sessions_end_and_are_not_each_other() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    clock = [now]
    sessions = Sessions(SETTINGS, lambda: clock[0])
    late, link = sessions.link("view"), sessions.link("operate")
    session = sessions.opened_by(link) or ""

    assert (sessions.may(session), sessions.may(link), sessions.opened_by(session)) == ("operate", None, None)
    clock[0] = now + timedelta(minutes=11)
    assert sessions.opened_by(late) is None
    clock[0] = now + timedelta(hours=13)
    assert sessions.may(session) is None
    assert Sessions(UiSettings(key=SecretStr("x" * 32)), lambda: now).may(session) is None


def test_hub_prints_a_viewers_link_unless_an_operators_is_asked_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_UI_KEY", "k" * 32)
    monkeypatch.setenv("DAGSTER_PORT", "3456")

    found = {}
    for options in (("--link",), ("--link", "--operate")):
        printed = hub("dagster", *options).out.strip()
        address, _, token = printed.partition("?link=")
        found[options] = (address, Sessions(SETTINGS).may(Sessions(SETTINGS).opened_by(token) or ""))

    assert found == {
        ("--link",): ("http://127.0.0.1:3456/enter", "view"),
        ("--link", "--operate"): ("http://127.0.0.1:3456/enter", "operate"),
    }
