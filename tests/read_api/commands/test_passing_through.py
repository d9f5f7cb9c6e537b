"""Pay links and identity documents: to the source at once, for whoever may, and kept nowhere."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from core.settings import ApiSettings, GatewaySettings, HubSettings
from pipelines.datasets import dataset_named
from pipelines.gateway.app import UPLOADS_AT_ONCE
from pipelines.resources import source_of
from pipelines.sync.run import run
from read_api.app import create_app
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment
from tests.serving import KEY, free_port

TOKEN = "t" * 32
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 1000


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=20, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def environment(sandbox: RunningSandbox) -> dict[str, str]:
    """The sources' credentials. No database is there: the gateway can do without."""
    nowhere = SimpleNamespace(
        owner="postgresql://nobody@/none?host=/nowhere", sync="postgresql://nobody@/none?host=/nowhere"
    )
    return hub_environment(sandbox, nowhere) | {"WHMCS_RETRY_ATTEMPTS": "1"}


@pytest.fixture(scope="module")
def gateway_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway's own words go."""
    return tmp_path_factory.mktemp("gateway") / "log"


@pytest.fixture(scope="module")
def gateway(environment: dict[str, str], gateway_log: Path) -> Iterator[GatewaySettings]:
    with running_gateway(environment, gateway_log) as settings:
        yield settings


@contextmanager
def running_gateway(environment: dict[str, str], log: Path) -> Iterator[GatewaySettings]:
    """The gateway as a process of its own."""
    settings = GatewaySettings(token=TOKEN, port=free_port())
    own = os.environ | environment | {"GATEWAY_TOKEN": TOKEN, "GATEWAY_PORT": str(settings.port)}
    with log.open("ab") as said:
        process = subprocess.Popen([sys.executable, "-m", "cli", "gateway"], env=own, stdout=said, stderr=said)
    try:
        wait_until_there(settings, process)
        yield settings
    finally:
        process.terminate()
        process.wait(timeout=20)


def control(sandbox: RunningSandbox, name: str, **content: Any) -> None:
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/{name}", json=content).raise_for_status()


def passed(gateway: GatewaySettings, headers: dict[str, str]) -> int:
    asked = {"client": "1", "invoice": "1"}
    return httpx.post(f"{gateway.address}/pay-links", json=asked, headers=headers).status_code


def wait_until_there(settings: GatewaySettings, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{settings.address}/health", timeout=1).is_success:
                return
        except httpx.TransportError:
            continue
    raise AssertionError("the gateway did not come up")


@pytest.fixture
async def client(
    gateway: GatewaySettings, database: Any, api_settings: ApiSettings
) -> AsyncIterator[httpx.AsyncClient]:
    async with api_before(gateway, database, api_settings) as client:
        yield client


@asynccontextmanager
async def api_before(
    gateway: GatewaySettings, database: Any, api_settings: ApiSettings
) -> AsyncIterator[httpx.AsyncClient]:
    hub = HubSettings(database_url=database.owner, api_database_url=database.api)
    app = create_app(hub, api_settings, gateway=gateway)
    await app.state["database"].open()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client
    await app.state["gateway"].close()
    await app.state["database"].close()


@pytest.fixture
def synced(sandbox: RunningSandbox, database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in hub_environment(sandbox, database).items():
        monkeypatch.setenv(name, value)
    for name in ("salesforce.accounts", "whmcs.clients", "whmcs.invoices"):
        source = source_of(dataset_named(name).system)
        run(dataset_named(name), source, database.sync)
        source.client.close()
    return database


def an_invoice(rows: Any, status: str) -> tuple[Any, Any]:
    found: tuple[Any, Any] = rows.execute(
        "SELECT i.id, a.customer_id FROM hub.invoices i JOIN hub.customer_accounts a ON a.id = i.account_id"
        " WHERE i.status = %s AND i.total > 0 ORDER BY i.id LIMIT 1",
        [status],
    ).fetchone()
    return found


async def test_an_unpaid_invoice_gets_a_link_that_no_cache_keeps(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any
) -> None:
    invoice, customer = an_invoice(rows, "unpaid")

    answer = await client.post(f"/api/invoices/{invoice}/pay-links", headers=bearer(customer))

    assert answer.status_code == 200, answer.text
    assert "access_token=" in answer.json()["data"]["url"]
    assert answer.json()["data"]["expiresInSeconds"] == 60
    assert answer.headers["cache-control"] == "no-store"


@pytest.fixture
def said(gateway_log: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What the gateway, and the API in this process, have logged so far."""
    return lambda: gateway_log.read_text() + "".join(capfd.readouterr())


def holding(url: str, text: str) -> list[str]:
    """The tables in which a text is."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('hub', 'sync', 'command', 'history')"
        ).fetchall()
        found = SQL("SELECT EXISTS (SELECT FROM {} t WHERE strpos(t::text, {}) > 0)")
        asked = {table: found.format(Identifier(*table), Literal(text)) for table in tables}
        return [table[1] for table, query in asked.items() if connection.execute(query).fetchone() == (True,)]


async def test_a_link_is_in_no_log_and_no_table(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, said: Callable[[], str]
) -> None:
    invoice, customer = an_invoice(rows, "unpaid")

    answer = await client.post(f"/api/invoices/{invoice}/pay-links", headers=bearer(customer))

    secret = answer.json()["data"]["url"].partition("access_token=")[2]
    logged = said()
    assert len(secret) >= 40
    assert "/pay-links" in logged, "there is no log to look at"
    assert secret not in logged
    assert holding(synced.owner, secret) == []
    assert "customers" in holding(synced.owner, str(customer)), "nothing is found anywhere"


async def test_a_paid_invoice_gets_none(client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any) -> None:
    invoice, customer = an_invoice(rows, "paid")

    answer = await client.post(f"/api/invoices/{invoice}/pay-links", headers=bearer(customer))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "NOT_UNPAID")


async def test_somebody_elses_invoice_is_not_there(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any
) -> None:
    invoice, customer = an_invoice(rows, "unpaid")
    (other,) = rows.execute("SELECT id FROM hub.customers WHERE id <> %s LIMIT 1", [customer]).fetchone()

    answer = await client.post(f"/api/invoices/{invoice}/pay-links", headers=bearer(other))

    assert answer.status_code == 404


def test_nobody_without_the_token_passes(gateway: GatewaySettings) -> None:
    assert passed(gateway, {}) == passed(gateway, {"Authorization": "Bearer " + "x" * 32}) == 401


def test_documents_that_come_slowly_hold_up_no_link(gateway: GatewaySettings, sandbox: RunningSandbox) -> None:
    """A thread waits for each, and there are forty threads."""
    begun = (
        "POST /identity-documents?account=001000000000001AAA&name=%s.png HTTP/1.1\r\nHost: hub\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n"
    )
    before, ends = sandbox.state.calls.total, time.monotonic() + 30
    with ExitStack() as stack:
        for _ in range(50):
            sender = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            sender.sendall((begun % uuid4().hex).encode() + PNG[:10])
        while sandbox.state.calls.total < before + UPLOADS_AT_ONCE:
            assert time.monotonic() < ends, "the uploads did not begin"
            threading.Event().wait(0.02)

        answer = httpx.post(
            f"{gateway.address}/pay-links",
            json={"client": "1", "invoice": "1"},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=15,
        )

    assert answer.status_code == 503, "the made-up client is unknown to WHMCS, which is an answer"


async def test_when_the_source_is_down_the_caller_is_told_to_come_again(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    invoice, customer = an_invoice(rows, "unpaid")
    control(sandbox, "faults", match="CreateSsoToken", mode="html500", times=1)

    answer = await client.post(f"/api/invoices/{invoice}/pay-links", headers=bearer(customer))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    control(sandbox, "reset")


def a_customer(rows: Any, status: str) -> Any:
    (found,) = rows.execute(
        "SELECT id FROM hub.customers WHERE salesforce_account_id IS NOT NULL AND identity_status = %s"
        " ORDER BY id LIMIT 1",
        [status],
    ).fetchone()
    return found


def documents(sandbox: RunningSandbox) -> list[Any]:
    answer = httpx.get(f"{sandbox.whmcs_url}/__sandbox__/ledger", params={"kind": "contentversion"}).json()
    found: list[Any] = answer["effects"]
    return found


async def test_a_document_is_put_on_the_account_once_and_a_command_tells_the_agent(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    control(sandbox, "reset")
    customer = a_customer(rows, "not_submitted")
    headers = bearer(customer) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}

    first = await client.post("/api/identity-documents", content=PNG, headers=headers)
    rows.execute("DELETE FROM command.commands")  # as if the process had died between the document and the command
    again = await client.post("/api/identity-documents", content=PNG, headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    (document,) = documents(sandbox)
    kept = sandbox.state.overlay.changed("salesforce", "ContentVersion")[document["id"]].fields
    assert b64decode(str(kept["VersionData"])) == PNG
    asked = rows.execute("SELECT kind, input ->> 'mediaType' FROM command.commands").fetchall()
    assert asked == [("submit_identity_document", "image/png")]


@pytest.mark.parametrize(
    "sent",
    [(PNG, "image/jpeg"), (b"GIF89a", "image/gif"), (b"<html>", "application/pdf"), (b"", "image/png")],
    ids=["another type", "a type that is not taken", "another content", "nothing"],
)
async def test_what_is_no_document_is_refused(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sent: tuple[bytes, str]
) -> None:
    content, media_type = sent
    headers = bearer(a_customer(rows, "not_submitted")) | {"Content-Type": media_type, "Idempotency-Key": uuid4().hex}

    answer = await client.post("/api/identity-documents", content=content, headers=headers)

    assert (answer.status_code, answer.json()["field"]) == (400, "body")


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("says_its_length", [True, False])
@pytest.mark.usefixtures("synced")
async def test_a_document_of_more_than_five_mebibytes_is_too_large_and_leaves_nothing(
    client: httpx.AsyncClient, rows: Any, bearer: Any, sandbox: RunningSandbox, says_its_length: bool
) -> None:
    before = len(documents(sandbox))
    headers = bearer(a_customer(rows, "not_submitted")) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}
    content = PNG + b"\0" * 5 * 1024 * 1024

    sent = content if says_its_length else in_pieces(PNG, content)
    answer = await client.post("/api/identity-documents", content=sent, headers=headers)

    assert answer.status_code == 413
    assert len(documents(sandbox)) == before
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


async def test_the_same_key_with_another_document_is_another_request_and_passes_nothing_on(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    headers = bearer(a_customer(rows, "not_submitted")) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}
    first = await client.post("/api/identity-documents", content=PNG, headers=headers)
    passed_on = len(documents(sandbox))

    same = await client.post("/api/identity-documents", content=in_pieces(PNG[:3], PNG[3:]), headers=headers)
    other = await client.post("/api/identity-documents", content=PNG + b"more", headers=headers)

    assert (same.status_code, same.json()) == (202, first.json())
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
    assert len(documents(sandbox)) == passed_on


class Watching(ThreadingHTTPServer):
    """A Salesforce that tells when the first bytes of a file are there, and keeps none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Watching)
        self.began = threading.Event()


class _Watching(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Watching

    def do_GET(self) -> None:
        self._answer({"totalSize": 0, "done": True, "records": []})

    def do_POST(self) -> None:
        if self.path.endswith("/token"):
            self.rfile.read(int(self.headers["content-length"]))
            self._answer({"access_token": "00D!x", "instance_url": "https://acme.my.salesforce.com"})
            return
        while size := int(self.rfile.readline(), 16):
            if PNG in self.rfile.read(size + 2):
                self.server.began.set()
        self.rfile.readline()
        self._answer({"id": "068000000000001AAA", "success": True, "errors": []}, 201)

    def _answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


async def test_a_document_reaches_salesforce_before_its_sender_has_sent_all_of_it(
    synced: Any, rows: Any, bearer: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    salesforce = Watching()
    threading.Thread(target=salesforce.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{salesforce.server_address[1]}"
    headers = bearer(a_customer(rows, "not_submitted")) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}

    async def as_it_arrives() -> AsyncIterator[bytes]:
        yield PNG
        assert await asyncio.to_thread(salesforce.began.wait, 30), "nothing was sent on while more was to come"
        yield b"the rest"

    with running_gateway(environment | {"SALESFORCE_BASE_URL": address}, tmp_path / "log") as gateway:
        async with api_before(gateway, synced, ApiSettings(jwt_key=KEY)) as client:
            answer = await client.post("/api/identity-documents", content=as_it_arrives(), headers=headers)
    salesforce.shutdown()
    salesforce.server_close()

    assert answer.status_code == 202, answer.text


async def test_a_verified_customer_need_send_nothing(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    before = len(documents(sandbox))
    headers = bearer(a_customer(rows, "verified")) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}

    answer = await client.post("/api/identity-documents", content=PNG, headers=headers)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "ALREADY_VERIFIED")
    assert len(documents(sandbox)) == before
