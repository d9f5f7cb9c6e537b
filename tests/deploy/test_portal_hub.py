"""deploy/whmcs/hooks/portal_hub.php: what it tells the hub, and what it never does to WHMCS."""

import hmac
import socket
import subprocess
import threading
import time
from typing import Any

import httpx
import psycopg
import pytest

from tests.deploy.conftest import REQUEST, SECRET, Whmcs
from tests.receiving import Receiver
from tests.serving import served_api

# How long PHP itself may take on a busy machine.
START_OF_PHP = 4.0

PAID = ("InvoicePaid", {"invoiceid": 10042})
CLIENT = {"userid": 1001, "firstname": "Hanako", "email": "hanako@example.com", "password": "hunter2"}
MODULE = {"params": {"serviceid": 5001, "userid": 1001, "password": "hunter2", "clientsdetails": CLIENT}}


def records(receiver: Receiver) -> list[tuple[str, str, str, str | None]]:
    return [
        (notification["event"], notification["entity"], notification["entityId"], notification["clientId"])
        for notification in receiver.notifications
    ]


def silent_port() -> "socket.socket":
    """Takes connections and never answers."""
    return socket.create_server(("127.0.0.1", 0), backlog=16)


@pytest.mark.parametrize("missing", ["PORTAL_HUB_URL", "PORTAL_HUB_SECRET"])
def test_without_an_address_or_a_secret_it_does_nothing(whmcs: Whmcs, receiver: Receiver, missing: str) -> None:
    whmcs.environment[missing] = " "

    page = whmcs.request(PAID, names=True)

    assert (page.output, page.activity, receiver.received) == ("[]page", [], [])


def test_called_by_a_browser_it_does_nothing(whmcs: Whmcs) -> None:
    hook_file = REQUEST.parents[2] / "deploy/whmcs/hooks/portal_hub.php"

    called = subprocess.run(["php", str(hook_file)], capture_output=True, timeout=30, check=False)

    assert (called.returncode, called.stdout, called.stderr) == (0, b"", b"")


def test_a_receiver_that_is_gone_costs_nothing_but_one_line_of_the_activity_log(whmcs: Whmcs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    whmcs.environment["PORTAL_HUB_URL"] = f"http://127.0.0.1:{port}/"

    page = whmcs.request(PAID, ("ClientEdit", CLIENT))

    assert (page.output, page.errors, page.status) == ("page", "", 0)
    assert page.activity == ["Portal hub: 2 of 2 notifications were not delivered: no connection"]
    assert page.seconds < START_OF_PHP


@pytest.mark.parametrize("count", [1, 50])
def test_a_receiver_that_never_answers_costs_a_second_in_all(whmcs: Whmcs, count: int) -> None:
    with silent_port() as silent:
        whmcs.environment["PORTAL_HUB_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        page = whmcs.request(*[("InvoicePaid", {"invoiceid": number + 1}) for number in range(count)])

    assert page.output == "page"
    assert page.activity == [f"Portal hub: {count} of {count} notifications were not delivered: no answer"]
    assert 0.9 < page.seconds < 1 + START_OF_PHP


def test_a_visitor_waits_a_second_in_all_for_a_receiver_that_is_slow(whmcs: Whmcs, receiver: Receiver) -> None:
    receiver.before_answering = lambda: threading.Event().wait(0.25)
    with silent_port() as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["php", "-S", f"127.0.0.1:{port}", str(REQUEST)], env=whmcs.environment, stderr=subprocess.DEVNULL
    )
    try:
        fire = [("InvoicePaid", {"invoiceid": number + 1}) for number in range(40)]
        seconds, answer = _once_it_listens(port, whmcs.scenario(fire))
    finally:
        server.terminate()
        server.wait(timeout=10)

    assert answer.text == "page"
    assert seconds < 1 + START_OF_PHP
    assert 1 <= len(receiver.received) <= 5
    assert len(whmcs.activity()) == 1


def _once_it_listens(port: int, scenario: str) -> tuple[float, httpx.Response]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        started = time.monotonic()
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}/", data={"scenario": scenario}, timeout=30)
        except httpx.ConnectError:
            continue
        return time.monotonic() - started, answer
    raise AssertionError("PHP's server did not come up")


@pytest.mark.parametrize("url", ["hub.example.com/webhooks", "ftp://127.0.0.1/", "http://", "file:///etc/passwd"])
def test_an_address_that_is_none_is_said_in_the_activity_log(whmcs: Whmcs, url: str) -> None:
    whmcs.environment["PORTAL_HUB_URL"] = url

    page = whmcs.request(PAID)

    assert (page.output, page.errors) == ("page", "")
    assert page.activity == ["Portal hub: PORTAL_HUB_URL is not an http or https address"]


def test_a_certificate_nobody_vouches_for_is_no_connection(whmcs: Whmcs, secure_receiver: Receiver) -> None:
    whmcs.environment |= {"PORTAL_HUB_URL": secure_receiver.url}

    page = whmcs.request(PAID)

    assert (page.output, page.errors, secure_receiver.received) == ("page", "", [])
    assert page.activity == ["Portal hub: 1 of 1 notifications were not delivered: no connection"]


def test_a_certificate_for_another_name_is_no_connection(whmcs: Whmcs, secure_receiver: Receiver) -> None:
    elsewhere = secure_receiver.url.replace("127.0.0.1", "localhost")
    whmcs.environment |= {"PORTAL_HUB_URL": elsewhere, "SSL_CERT_FILE": str(secure_receiver.certificate)}

    assert whmcs.request(PAID).activity == ["Portal hub: 1 of 1 notifications were not delivered: no connection"]


def test_a_receiver_with_a_certificate_is_notified(whmcs: Whmcs, secure_receiver: Receiver) -> None:
    whmcs.environment |= {"PORTAL_HUB_URL": secure_receiver.url, "SSL_CERT_FILE": str(secure_receiver.certificate)}

    page = whmcs.request(PAID, ("ClientEdit", CLIENT))

    assert (page.output, page.activity) == ("page", [])
    assert len(secure_receiver.received) == 2
    assert len({each.connection for each in secure_receiver.received}) == 1


@pytest.mark.parametrize("status", [401, 503, 302])
def test_a_refusal_is_said_once_and_the_rest_is_not_tried(whmcs: Whmcs, receiver: Receiver, status: int) -> None:
    receiver.status = status

    page = whmcs.request(PAID, ("ClientEdit", CLIENT), ("AcceptOrder", {"orderid": 3001}))

    assert page.output == "page"
    assert page.activity == [f"Portal hub: 3 of 3 notifications were not delivered: answer {status}"]
    assert len(receiver.received) == 1
    assert SECRET not in str(page)


@pytest.mark.parametrize(
    "variables",
    [None, [], {}, "text", {"invoiceid": None}, {"invoiceid": 0}, {"invoiceid": "0"}, {"invoiceid": "1; DROP"},
     {"invoiceid": "7\n"}, {"invoiceid": {"deep": ["er"]}}, {"invoiceid": -4}, {"invoiceid": 1.5}],
)  # fmt: skip
def test_a_hook_that_names_no_record_tells_nothing_and_breaks_nothing(
    whmcs: Whmcs, receiver: Receiver, variables: object
) -> None:
    page = whmcs.request(("InvoicePaid", variables), ("AfterModuleCreate", variables))

    assert (page.output, page.errors, page.activity, receiver.received) == ("page", "", [], [])


def test_nothing_but_ids_is_sent(whmcs: Whmcs, receiver: Receiver) -> None:
    whmcs.request(("ClientAdd", CLIENT), ("AfterModuleCreate", MODULE), ("CCUpdate", {**CLIENT, "cardnum": "4111"}))

    assert len(receiver.received) == 3
    for each in receiver.received:
        assert set(each.notification) == {"id", "event", "entity", "entityId", "clientId", "occurredAt"}
        assert not {"hunter2", "hanako", "Hanako", "4111", SECRET} & set(each.body.decode().split('"'))
        assert SECRET not in str(each.headers)


def test_a_message_is_signed_over_its_time_and_its_bytes(whmcs: Whmcs, receiver: Receiver) -> None:
    before = int(time.time())

    page = whmcs.request(PAID)

    (received,) = receiver.received
    timestamp = received.headers["x-hub-timestamp"]
    digest = hmac.new(SECRET.encode(), timestamp.encode() + b"." + received.body, "sha256").hexdigest()
    assert received.headers["x-hub-signature"] == f"v1={digest}"
    assert before <= int(timestamp) <= time.time()
    assert (received.path, received.headers["content-type"]) == ("/webhooks/whmcs", "application/json")
    assert before <= received.notification.pop("occurredAt") <= time.time()
    assert (page.output, page.errors, page.activity) == ("page", "", [])


def test_many_hooks_for_one_record_are_one_message_with_the_last_of_them(whmcs: Whmcs, receiver: Receiver) -> None:
    transaction = {"id": 9, "userid": 1001, "invocieid": 10042, "amountin": "1100.00", "transid": "ch_1"}

    whmcs.request(
        ("AddTransaction", transaction),
        ("AddInvoicePayment", {"invoiceid": 10042}),
        ("InvoicePaid", {"invoiceid": "10042"}),
        ("InvoicePaid", {"invoiceid": 10043}),
        ("ClientEdit", {**CLIENT, "userid": 10042}),
    )

    assert records(receiver) == [
        ("InvoicePaid", "invoice", "10042", "1001"),
        ("InvoicePaid", "invoice", "10043", None),
        ("ClientEdit", "client", "10042", "10042"),
    ]


def test_every_message_has_an_id_of_its_own(whmcs: Whmcs, receiver: Receiver) -> None:
    whmcs.request(PAID, ("ClientEdit", CLIENT))
    whmcs.request(PAID)

    ids = [each["id"] for each in receiver.notifications]
    assert len(set(ids)) == 3
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in ids)


def test_a_file_included_twice_tells_once(whmcs: Whmcs, receiver: Receiver) -> None:
    page = whmcs.request(PAID, twice=True)

    assert (page.output, page.errors, len(receiver.received)) == ("page", "", 1)


def test_cron_tells_of_hundreds_over_one_connection(whmcs: Whmcs, receiver: Receiver) -> None:
    page = whmcs.request(*[("InvoiceCreated", {"invoiceid": number + 1}) for number in range(300)])

    assert [each["entityId"] for each in receiver.notifications] == [str(number + 1) for number in range(300)]
    assert len({each.connection for each in receiver.received}) == 1
    assert page.activity == []


@pytest.mark.parametrize(
    ("hook", "variables", "expected"),
    [
        ("InvoiceCreated", {"source": "api", "user": 1, "invoiceid": 7}, [("invoice", "7", None)]),
        ("InvoiceRefunded", {"invoiceid": 7}, [("invoice", "7", None)]),
        ("InvoiceSplit", {"originalinvoiceid": 7, "newinvoiceid": 8}, [("invoice", "7", None), ("invoice", "8", None)]),
        ("AddTransaction", {"userid": 1, "invoiceid": 7, "refundid": 3}, [("invoice", "7", "1")]),
        ("AddTransaction", {"userid": 1, "invocieid": 0}, []),
        ("ClientAdd", {"client_id": 1, "user_id": 9, "userid": 1}, [("client", "1", "1")]),
        ("PreDeleteClient", {"userid": 1}, [("client", "1", "1")]),
        ("AfterClientMerge", {"toUserID": 1, "fromUserID": 2}, [("client", "1", "1"), ("client", "2", "2")]),
        ("CCUpdate", {"userid": 1}, [("pay_method", "1", "1")]),
        ("AfterModuleSuspend", MODULE, [("service", "5001", "1001")]),
        ("AfterModuleUnsuspend", MODULE, [("service", "5001", "1001")]),
        ("AfterModuleTerminate", MODULE, [("service", "5001", "1001")]),
        ("ServiceEdit", {"userid": 1, "serviceid": 5}, [("service", "5", "1")]),
        ("ServiceDelete", {"userid": 3, "clientId": 1, "serviceid": 5}, [("service", "5", "1")]),
        ("CancellationRequest", {"userid": 1, "relid": 5, "reason": "x"}, [("service", "5", "1")]),
        ("AfterProductUpgrade", {"upgradeid": 77}, [("service", "5", None)]),
        ("AfterConfigOptionsUpgrade", {"upgradeid": 78}, []),
        (
            "AfterShoppingCartCheckout",
            {"OrderID": 3, "ServiceIDs": [5, 6], "InvoiceID": 7, "TotalDue": "10.00"},
            [("order", "3", "1"), ("service", "5", "1"), ("service", "6", "1"), ("invoice", "7", "1")],
        ),
        (
            "AfterShoppingCartCheckout",
            {"OrderID": 4, "ServiceIDs": [], "InvoiceID": 0},
            [("order", "4", None)],
        ),
        ("OrderPaid", {"orderId": 3, "userId": 1, "invoiceId": 7}, [("order", "3", "1"), ("invoice", "7", "1")]),
        ("AcceptOrder", {"orderid": "3"}, [("order", "3", "1")]),
        ("CancelOrder", {"orderid": 4}, [("order", "4", None)]),
    ],
)
def test_each_hook_names_the_records_it_concerns(
    whmcs: Whmcs, receiver: Receiver, hook: str, variables: object, expected: list[tuple[str, str, str | None]]
) -> None:
    tables = {"tblupgrades": {"77": {"relid": 5}}, "tblorders": {"3": {"userid": 1}}}

    whmcs.request((hook, variables), tables=tables)

    assert records(receiver) == [(hook, *record) for record in expected]


def test_a_table_that_is_not_as_assumed_costs_the_client_and_not_the_rest(whmcs: Whmcs, receiver: Receiver) -> None:
    page = whmcs.request(("AcceptOrder", {"orderid": 3}), ("AfterProductUpgrade", {"upgradeid": 77}), PAID)

    assert records(receiver) == [("AcceptOrder", "order", "3", None), ("InvoicePaid", "invoice", "10042", None)]
    assert (page.output, page.errors) == ("page", "")


def test_the_hub_takes_what_it_tells(whmcs: Whmcs, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_WHMCS_WEBHOOK_SECRET", SECRET)
    with served_api(database) as url:
        whmcs.environment["PORTAL_HUB_URL"] = f"{url}/webhooks/whmcs"

        page = whmcs.request(PAID, ("AfterModuleCreate", MODULE), ("CCUpdate", CLIENT))

    assert page.activity == []
    with psycopg.connect(database.owner) as connection:
        stored = connection.execute("SELECT entity, record_id, parent_id, payload FROM sync.inbox ORDER BY id")
        assert stored.fetchall() == [
            ("invoice", "10042", None, {"event": "InvoicePaid"}),
            ("service", "5001", "1001", {"event": "AfterModuleCreate"}),
            ("pay_method", "1001", "1001", {"event": "CCUpdate"}),
        ]
