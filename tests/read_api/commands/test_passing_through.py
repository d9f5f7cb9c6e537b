"""Pay links and identity documents: to the source at once, for whoever may, and kept nowhere."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.settings import ApiSettings, GatewaySettings, HubSettings
from pipelines.datasets import dataset_named
from pipelines.resources import source_of
from pipelines.sync.run import run
from read_api.app import create_app
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment
from tests.serving import free_port

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
def gateway(environment: dict[str, str]) -> Iterator[GatewaySettings]:
    """The gateway as a process of its own."""
    settings = GatewaySettings(token=TOKEN, port=free_port())
    own = os.environ | environment | {"GATEWAY_TOKEN": TOKEN, "GATEWAY_PORT": str(settings.port)}
    process = subprocess.Popen([sys.executable, "-m", "cli", "gateway"], env=own, stderr=subprocess.DEVNULL)
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
    assert len(documents(sandbox)) == 1
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


async def test_a_document_of_more_than_five_mebibytes_is_too_large(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any
) -> None:
    headers = bearer(a_customer(rows, "not_submitted")) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}

    answer = await client.post("/api/identity-documents", content=PNG + b"\0" * 5 * 1024 * 1024, headers=headers)

    assert answer.status_code == 413


async def test_a_verified_customer_need_send_nothing(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    before = len(documents(sandbox))
    headers = bearer(a_customer(rows, "verified")) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}

    answer = await client.post("/api/identity-documents", content=PNG, headers=headers)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "ALREADY_VERIFIED")
    assert len(documents(sandbox)) == before
