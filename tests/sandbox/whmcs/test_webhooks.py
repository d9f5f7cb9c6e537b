"""The sandbox's WHMCS tells a hub of its changes, as the real one does with the hook file."""

import hmac
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from sandbox.config import Config, config_from
from sandbox.server import RunningSandbox, start
from tests.receiving import Receiver, running
from tests.serving import served_api
from tests.waiting import until

SECRET = "correct horse battery"
INVOICE = "10001"
CREDENTIALS = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running(Receiver()) as server:
        yield server


class Hub:
    """A sandbox whose control plane is spoken to as a person would."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox

    def control(self, name: str, content: object) -> httpx.Response:
        return httpx.post(f"{self.sandbox.whmcs_url}/__sandbox__/{name}", json=content)

    def change(self, kind: str, record_id: str, fields: dict[str, object] | None, system: str = "whmcs") -> None:
        content = {"system": system, "object": kind, "id": record_id, "fields": fields}
        assert self.control("mutate", content).status_code == 200

    def listed(self) -> Any:
        return httpx.get(f"{self.sandbox.freebit_url}/__sandbox__/webhooks").json()

    def sent(self) -> list[Any]:
        sent: list[Any] = self.listed()["sent"]
        return sent


@pytest.fixture
def hub(sandbox: RunningSandbox, receiver: Receiver) -> Hub:
    pointed = Hub(sandbox)
    pointed.control("webhooks", {"url": receiver.url, "secret": SECRET})
    return pointed


def answered(hub: Hub, count: int) -> list[Any]:
    """What was sent, once `count` answers came."""

    def all_of_them() -> list[Any]:
        sent = hub.sent()
        return sent if sum(len(one["answers"]) for one in sent) == count else []

    found: list[Any] = until(all_of_them)
    return found


def status_of(sandbox: RunningSandbox, invoice: str) -> str:
    fields = {**CREDENTIALS, "action": "GetInvoice", "invoiceid": invoice}
    return str(httpx.post(f"{sandbox.whmcs_url}/includes/api.php", data=fields).json()["status"])


def test_without_an_address_nothing_is_sent(sandbox: RunningSandbox) -> None:
    hub = Hub(sandbox)

    hub.change("invoice", INVOICE, {"status": "Paid"})

    assert hub.listed() == {"url": "", "faults": [], "sent": []}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("webhooks", {}),
        ("webhooks", {"url": 7, "secret": SECRET}),
        ("webhooks", {"url": "nowhere", "secret": SECRET}),
        ("webhooks", {"url": "http://127.0.0.1/", "secret": None}),
        ("webhook-faults", {"mode": "explode"}),
        ("webhook-faults", {"mode": "drop", "times": 0}),
        ("webhook-faults", {}),
    ],
)
def test_a_control_without_sense_is_refused(sandbox: RunningSandbox, name: str, content: object) -> None:
    refused = Hub(sandbox).control(name, content)

    assert refused.status_code == 400
    assert refused.json()["error"]


def test_a_receiver_that_is_gone_is_noted_and_keeps_nobody_waiting(hub: Hub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    hub.control("webhooks", {"url": f"http://127.0.0.1:{port}/", "secret": SECRET})

    hub.change("invoice", INVOICE, {"status": "Paid"})

    assert answered(hub, 1)[0]["answers"] == ["unreachable"]


def test_a_receiver_that_never_answers_is_noted_and_keeps_nobody_waiting(hub: Hub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub.control("webhooks", {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/", "secret": SECRET})

        started = time.monotonic()
        hub.change("invoice", INVOICE, {"status": "Paid"})

        assert time.monotonic() - started < 0.9
        assert answered(hub, 1)[0]["answers"] == ["timeout"]


def test_a_refusal_is_noted_and_not_tried_again(hub: Hub, receiver: Receiver) -> None:
    receiver.status = 503

    hub.change("invoice", INVOICE, {"status": "Paid"})
    hub.change("client", "1001", {"city": "Kyoto"})

    assert [one["answers"] for one in answered(hub, 2)] == [[503], [503]]
    assert len(receiver.received) == 2


def test_a_message_is_signed_over_real_time_and_its_bytes(hub: Hub, receiver: Receiver) -> None:
    hub.control("clock", {"advance_seconds": 86_400})
    before = int(time.time())

    hub.change("invoice", INVOICE, {"status": "Paid", "notes": "secret note"})

    (received,) = until(lambda: receiver.received)
    timestamp = received.headers["x-hub-timestamp"]
    digest = hmac.new(SECRET.encode(), timestamp.encode() + b"." + received.body, "sha256").hexdigest()
    assert received.headers["x-hub-signature"] == f"v1={digest}"
    assert before <= int(timestamp) <= time.time()
    assert received.headers["content-type"] == "application/json"
    assert set(received.notification) == {"id", "event", "entity", "entityId", "clientId", "occurredAt"}
    assert received.notification["occurredAt"] >= before + 86_400
    assert b"secret note" not in received.body
    assert SECRET not in str(hub.listed())


@pytest.mark.parametrize(
    ("kind", "record_id", "fields", "expected"),
    [
        ("invoice", INVOICE, {"status": "Paid"}, ("InvoicePaid", "invoice", INVOICE, None)),
        ("invoice", INVOICE, {"status": "Refunded"}, ("InvoiceRefunded", "invoice", INVOICE, None)),
        ("invoice", INVOICE, {"total": "5.00"}, ("UpdateInvoiceTotal", "invoice", INVOICE, None)),
        ("invoice", "999999", {"status": "Unpaid", "userid": 1001}, ("InvoiceCreated", "invoice", "999999", None)),
        ("client", "1001", {"city": "Kyoto"}, ("ClientEdit", "client", "1001", "1001")),
        ("client", "1001", {"status": "Closed"}, ("ClientClose", "client", "1001", "1001")),
        ("client", "1001", None, ("PreDeleteClient", "client", "1001", "1001")),
        ("client", "999999", {"email": "new@example.com"}, ("ClientAdd", "client", "999999", "999999")),
        ("service", "5001", {"status": "Suspended"}, ("AfterModuleSuspend", "service", "5001", "1001")),
        ("service", "5001", {"domain": "example.com"}, ("ServiceEdit", "service", "5001", "1001")),
        ("service", "5001", None, ("ServiceDelete", "service", "5001", "1001")),
        ("service", "999999", {"clientid": 1002}, ("AfterShoppingCartCheckout", "service", "999999", "1002")),
        ("order", "3001", {"status": "Cancelled"}, ("CancelOrder", "order", "3001", "1001")),
        ("order", "3001", None, ("DeleteOrder", "order", "3001", "1001")),
        ("order", "999999", {"userid": 1002}, ("AfterShoppingCartCheckout", "order", "999999", "1002")),
        ("pay_method", "7001", {"expiry_date": "12/30"}, ("CCUpdate", "pay_method", "1001", "1001")),
        ("pay_method", "999999", {"clientid": 1002}, ("CCUpdate", "pay_method", "1002", "1002")),
        ("cancellation", "999999", {"relid": 5001}, ("CancellationRequest", "service", "5001", "1001")),
    ],
)
def test_a_change_is_reported_by_the_hook_that_whmcs_runs_for_it(
    hub: Hub, kind: str, record_id: str, fields: Any, expected: tuple[str, str, str, str | None]
) -> None:
    hub.change(kind, record_id, fields)

    (notification,) = answered(hub, 1)
    assert (
        notification["event"],
        notification["entity"],
        notification["entityId"],
        notification["clientId"],
    ) == expected


@pytest.mark.parametrize(
    ("system", "kind", "record_id", "fields"),
    [
        ("whmcs", "invoice", INVOICE, None),
        ("whmcs", "ticket", "1", {"status": "Closed"}),
        ("whmcs", "contact", "1", {"city": "Kyoto"}),
        ("whmcs", "order", "3001", {"notes": "x"}),
        ("salesforce", "Account", "001000000000001AAA", {"Name": "x"}),
    ],
)
def test_what_has_no_hook_is_not_reported(hub: Hub, system: str, kind: str, record_id: str, fields: Any) -> None:
    hub.change(kind, record_id, fields, system)
    hub.change("client", "1001", {"city": "Kyoto"})

    assert [one["event"] for one in answered(hub, 1)] == ["ClientEdit"]


def test_only_a_status_that_changes_is_reported_as_such(hub: Hub) -> None:
    for fields in ({"status": "Suspended"}, {"notes": "x"}, {"status": "Active"}):
        hub.change("service", "5001", fields)

    events = [one["event"] for one in answered(hub, 3)]
    assert events == ["AfterModuleSuspend", "ServiceEdit", "AfterModuleUnsuspend"]


def test_a_change_made_in_another_thread_is_reported_too(hub: Hub, receiver: Receiver) -> None:
    hub.sandbox.state.overlay.put("whmcs", "invoice", INVOICE, {"status": "Paid"})

    assert until(lambda: receiver.notifications)[0]["event"] == "InvoicePaid"


def test_a_message_can_leave_before_its_change_is_committed(hub: Hub, receiver: Receiver) -> None:
    hub.change("invoice", INVOICE, {"status": "Unpaid"})
    answered(hub, 1)
    hub.control("quirks", {"webhook_before_commit_ms": 3000})
    seen: list[str] = []
    receiver.before_answering = lambda: seen.append(status_of(hub.sandbox, INVOICE))

    hub.change("invoice", INVOICE, {"status": "Paid"})

    assert seen == ["Unpaid"]
    assert status_of(hub.sandbox, INVOICE) == "Paid"
    assert [one["event"] for one in answered(hub, 2)] == ["InvoiceUnpaid", "InvoicePaid"]


def test_a_message_can_be_dropped(hub: Hub, receiver: Receiver) -> None:
    hub.control("webhook-faults", {"mode": "drop", "times": 2})

    for city in ("Kyoto", "Osaka", "Nara"):
        hub.change("client", "1001", {"city": city})

    assert [(one["fault"], one["answers"]) for one in answered(hub, 1)] == [("drop", []), ("drop", []), (None, [202])]
    assert len(receiver.received) == 1


def test_a_message_can_come_twice_with_one_id(hub: Hub, receiver: Receiver) -> None:
    hub.control("webhook-faults", {"mode": "double"})

    hub.change("client", "1001", {"city": "Kyoto"})

    assert [one["answers"] for one in answered(hub, 2)] == [[202, 202]]
    assert len({each["id"] for each in receiver.notifications}) == 1


def test_a_message_can_come_after_the_next(hub: Hub, receiver: Receiver) -> None:
    hub.control("webhook-faults", {"mode": "reorder"})

    for client in ("1001", "1002", "1003"):
        hub.change("client", client, {"city": "Kyoto"})
        until(lambda client=client: client == "1001" or client in [each["entityId"] for each in receiver.notifications])

    answered(hub, 3)
    order = [each["entityId"] for each in receiver.notifications]
    assert order.index("1001") > order.index("1002")
    assert [one["entityId"] for one in hub.sent()] == ["1001", "1002", "1003"]


def test_a_reset_forgets_messages_and_faults_and_their_receiver(hub: Hub) -> None:
    hub.control("webhook-faults", {"mode": "drop"})
    hub.change("client", "1001", {"city": "Kyoto"})

    hub.control("reset", {})

    assert hub.listed() == {"url": "", "faults": [], "sent": []}


def test_the_configured_receiver_is_notified_from_the_start(receiver: Receiver) -> None:
    environment = {"SANDBOX_WHMCS_WEBHOOK_URL": receiver.url, "SANDBOX_WHMCS_WEBHOOK_SECRET": SECRET}
    config = config_from(environment)
    ports = Config(customers=10, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)

    with start(
        replace(ports, whmcs_webhook_url=config.whmcs_webhook_url, whmcs_webhook_secret=config.whmcs_webhook_secret)
    ) as sandbox:
        Hub(sandbox).change("client", "1001", {"city": "Kyoto"})

        assert until(lambda: receiver.notifications)[0]["entityId"] == "1001"


def test_the_hub_takes_what_it_tells(hub: Hub, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_WHMCS_WEBHOOK_SECRET", SECRET)
    with served_api(database) as url:
        hub.control("webhooks", {"url": f"{url}/webhooks/whmcs", "secret": SECRET})
        hub.control("webhook-faults", {"mode": "double"})

        hub.change("service", "5001", {"status": "Suspended"})

        assert answered(hub, 2)[0]["answers"] == [202, 202]
    with psycopg.connect(database.owner) as connection:
        stored = connection.execute("SELECT entity, record_id, parent_id, payload FROM sync.inbox").fetchall()
        assert stored == [("service", "5001", "1001", {"event": "AfterModuleSuspend"})]
