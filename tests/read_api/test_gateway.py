"""Pay links and identity documents: to the source at once, for whoever may, and kept nowhere."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from PIL import Image
from psycopg.sql import SQL, Identifier, Literal

from core.settings import ApiSettings, GatewaySettings
from pipelines.datasets import dataset_named
from pipelines.gateway.app import LINKS_AT_ONCE, LOGINS_AT_ONCE
from pipelines.sources.connect import source_of
from pipelines.sync.run import run
from read_api.admission import LONGEST_UPLOAD_SECONDS
from read_api.app import create_app
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.builders import insert
from tests.conftest import as_api
from tests.e2e.conftest import hub_environment
from tests.pipelines.gateway.documents import PNG
from tests.serving import KEY, free_port
from tests.waiting import until

TOKEN = "t" * 32


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
    body = {"client": "1", "invoice": "1"}
    return httpx.post(f"{gateway.address}/pay-links", json=body, headers=headers, timeout=30).status_code


def logged_in(gateway: GatewaySettings, headers: dict[str, str]) -> int:
    body = {"email": "nobody@example.com", "password": "wrong"}
    return httpx.post(f"{gateway.address}/billing-log-ins", json=body, headers=headers, timeout=30).status_code


def wait_until_there(settings: GatewaySettings, process: "subprocess.Popen[bytes]") -> None:
    def is_there() -> bool:
        try:
            return httpx.get(f"{settings.address}/health", timeout=1).is_success
        except httpx.TransportError:
            return False

    until(lambda: process.poll() is not None or is_there())
    assert process.poll() is None, "the gateway ended"


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
    hub = as_api(database)
    app = create_app(hub, api_settings, gateway=gateway)
    await app.state["services"].database.open()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client
    await app.state["services"].gateway.close()
    await app.state["services"].database.close()


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
        queries = {table: found.format(Identifier(*table), Literal(text)) for table in tables}
        return [table[1] for table, query in queries.items() if connection.execute(query).fetchone() == (True,)]


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


@contextmanager
def uploads_that_never_end(gateway: GatewaySettings) -> Iterator[None]:
    """As many as the gateway takes at a time, each with some bytes on the way."""
    begun = (
        "POST /identity-documents?account=001000000000001AAA&name=%s.png HTTP/1.1\r\nHost: hub\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    )
    with ExitStack() as stack:

        def is_full() -> bool:
            # One more each time: what we ask with takes a place as well, which one of them may not have had then.
            sender = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            sender.sendall((begun % uuid4().hex).encode() + PNG[:10])
            return keep_in(gateway) == 503

        until(is_full)
        yield


def keep_in(gateway: GatewaySettings, content: bytes = b"no document") -> int:
    """The answer to a document that is handed to the gateway itself."""
    return httpx.post(
        f"{gateway.address}/identity-documents",
        params={"account": "001000000000001AAA", "name": f"{uuid4().hex}.png"},
        content=content,
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "image/png"},
        timeout=15,
    ).status_code


def test_documents_that_come_slowly_hold_up_no_link(gateway: GatewaySettings, sandbox: RunningSandbox) -> None:
    before = sandbox.state.calls.total

    with uploads_that_never_end(gateway):
        answer = passed(gateway, {"Authorization": f"Bearer {TOKEN}"})

    assert answer == 503, "the made-up client is unknown to WHMCS, which is an answer"
    assert sandbox.state.calls.total > before


def test_links_that_come_slowly_hold_up_no_document(gateway: GatewaySettings, sandbox: RunningSandbox) -> None:
    control(sandbox, "faults", match="CreateSsoToken", mode="slow:8000", times=LINKS_AT_ONCE)
    links = [
        threading.Thread(target=passed, args=(gateway, {"Authorization": f"Bearer {TOKEN}"}))
        for _ in range(LINKS_AT_ONCE)
    ]
    for link in links:
        link.start()

    answer = keep_in(gateway)

    assert answer == 422, "it was looked at, and is no document"
    assert any(link.is_alive() for link in links), "the links were too fast to show anything"
    for link in links:
        link.join()
    control(sandbox, "reset")


def test_log_ins_do_not_queue_and_hold_up_no_link(gateway: GatewaySettings, sandbox: RunningSandbox) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    control(sandbox, "faults", match="ValidateLogin", mode="slow:8000", times=2 * LOGINS_AT_ONCE)
    answers: list[int] = []
    slow = [
        threading.Thread(target=lambda: answers.append(logged_in(gateway, headers))) for _ in range(2 * LOGINS_AT_ONCE)
    ]
    for each in slow:
        each.start()

    until(lambda: answers == [503] * LOGINS_AT_ONCE)

    before = sandbox.state.calls.total
    passed(gateway, headers)
    assert sandbox.state.calls.total > before
    assert any(each.is_alive() for each in slow), "the log-ins were too fast to show anything"
    for each in slow:
        each.join()
    control(sandbox, "reset")


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
    stored = Image.open(BytesIO(b64decode(str(kept["VersionData"]))))
    assert (stored.format, stored.tobytes()) == ("PNG", Image.open(BytesIO(PNG)).tobytes())
    commands = rows.execute("SELECT kind, input ->> 'mediaType' FROM command.commands").fetchall()
    assert commands == [("submit_identity_document", "image/png")]


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
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


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


def sending(bearer: Any, customer: Any, key: str | None = None) -> dict[str, str]:
    return {**bearer(customer), "Content-Type": "image/png", "Idempotency-Key": key or uuid4().hex}


class Sender:
    """Somebody who sends the first half, and the rest when told to."""

    def __init__(self) -> None:
        self.began, self.goes_on = asyncio.Event(), asyncio.Event()
        self.breaks_off = False

    async def content(self) -> AsyncIterator[bytes]:
        yield PNG[:50]
        self.began.set()
        await self.goes_on.wait()
        if self.breaks_off:
            raise ConnectionResetError
        yield PNG[50:]


def customers(rows: Any, count: int) -> list[Any]:
    found = rows.execute(
        "SELECT id FROM hub.customers WHERE salesforce_account_id IS NOT NULL AND identity_status = 'not_submitted'"
        " ORDER BY id LIMIT %s",
        [count],
    ).fetchall()
    assert len(found) == count
    return [row[0] for row in found]


async def test_one_document_of_a_customer_passes_at_a_time_and_anothers_beside_it(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any
) -> None:
    attacker, other = customers(rows, 2)
    slow = Sender()
    sent = asyncio.create_task(
        client.post("/api/identity-documents", content=slow.content(), headers=sending(bearer, attacker))
    )
    await slow.began.wait()

    more = await client.post("/api/identity-documents", content=PNG, headers=sending(bearer, attacker))
    others = await client.post("/api/identity-documents", content=PNG, headers=sending(bearer, other))
    slow.goes_on.set()

    assert (more.status_code, more.json()["errors"][0]["code"]) == (429, "UPLOADS_AT_ONCE")
    assert 1 <= int(more.headers["retry-after"]) <= LONGEST_UPLOAD_SECONDS
    assert (others.status_code, (await sent).status_code) == (202, 202)


async def test_as_many_documents_are_kept_as_are_accepted(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    """60 keys at once: 39 were refused, and all 60 files were in Salesforce."""
    control(sandbox, "reset")
    customer = a_customer(rows, "not_submitted")

    answers = await asyncio.gather(
        *[client.post("/api/identity-documents", content=PNG, headers=sending(bearer, customer)) for _ in range(8)]
    )

    accepted = [answer for answer in answers if answer.status_code == 202]
    assert {answer.status_code for answer in answers} == {202, 429}
    assert len(documents(sandbox)) == len(accepted)
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (len(accepted),)


async def test_who_has_too_much_open_has_no_document_passed_on(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    control(sandbox, "reset")
    customer = a_customer(rows, "not_submitted")
    for _ in range(20):
        insert(rows, "command.commands", customer_id=customer, status="accepted")

    answer = await client.post("/api/identity-documents", content=PNG, headers=sending(bearer, customer))

    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many-open")
    assert documents(sandbox) == []


async def test_one_that_is_broken_off_leaves_nothing_and_its_key_may_be_tried_again(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    control(sandbox, "reset")
    headers = sending(bearer, a_customer(rows, "not_submitted"))
    sender = Sender()
    sender.breaks_off = True
    sender.goes_on.set()
    try:
        broken = (await client.post("/api/identity-documents", content=sender.content(), headers=headers)).status_code
    except ConnectionResetError:
        broken = 0
    left = documents(sandbox)

    again = await client.post("/api/identity-documents", content=PNG, headers=headers)

    assert broken != 202
    assert left == []
    assert again.status_code == 202
    assert len(documents(sandbox)) == 1


async def test_one_that_salesforce_does_not_take_may_be_tried_again_under_its_key(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    control(sandbox, "reset")
    headers = sending(bearer, a_customer(rows, "not_submitted"))
    control(sandbox, "faults", match="ContentVersion", mode="html500", times=10)
    failed = await client.post("/api/identity-documents", content=PNG, headers=headers)
    control(sandbox, "reset")

    again = await client.post("/api/identity-documents", content=PNG, headers=headers)

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "10")
    assert again.status_code == 202


async def test_after_a_crash_the_place_is_free_once_nobody_can_be_at_work_any_more(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any
) -> None:
    customer = a_customer(rows, "not_submitted")
    headers = sending(bearer, customer)
    rows.execute(
        "INSERT INTO command.admissions (id, customer_id, kind, until)"
        " VALUES (gen_random_uuid(), %s, 'uploads', now() + interval '100 seconds')",
        [customer],
    )
    before = await client.post("/api/identity-documents", content=PNG, headers=headers)
    rows.execute("UPDATE command.admissions SET until = now() - interval '1 second'")

    after = await client.post("/api/identity-documents", content=PNG, headers=headers)

    assert (before.status_code, after.status_code) == (429, 202)
    assert 90 <= int(before.headers["retry-after"]) <= 100


async def test_many_pay_links_of_one_customer_are_refused_and_anothers_is_made(
    gateway: GatewaySettings, synced: Any, rows: Any, bearer: Any
) -> None:
    payable = rows.execute(
        "SELECT DISTINCT ON (a.customer_id) i.id, a.customer_id FROM hub.invoices i"
        " JOIN hub.customer_accounts a ON a.id = i.account_id WHERE i.status = 'unpaid' AND i.total > 0"
        " ORDER BY a.customer_id LIMIT 2"
    ).fetchall()
    (invoice, attacker), (others_invoice, other) = payable
    settings = ApiSettings(jwt_key=KEY, pay_links_per_minute=2)

    async with api_before(gateway, synced, settings) as client:
        answers = [await client.post(f"/api/invoices/{invoice}/pay-links", headers=bearer(attacker)) for _ in range(3)]
        others = await client.post(f"/api/invoices/{others_invoice}/pay-links", headers=bearer(other))

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["errors"][0]["code"] == "PAY_LINKS_PER_MINUTE"
    assert int(answers[2].headers["retry-after"]) >= 1
    assert others.status_code == 200


async def test_a_verified_customer_need_send_nothing(
    client: httpx.AsyncClient, synced: Any, rows: Any, bearer: Any, sandbox: RunningSandbox
) -> None:
    before = len(documents(sandbox))
    headers = bearer(a_customer(rows, "verified")) | {"Content-Type": "image/png", "Idempotency-Key": uuid4().hex}

    answer = await client.post("/api/identity-documents", content=PNG, headers=headers)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "ALREADY_VERIFIED")
    assert len(documents(sandbox)) == before
