"""One bad record is one bad record: it is set aside alone, with its reason, and nothing known is lost for it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.settings import WhmcsSettings
from pipelines.datasets import dataset_named
from pipelines.events.inbox import MOST_ATTEMPTS
from pipelines.events.worker import Applier, Tally
from pipelines.sources.connect import source_of
from pipelines.sources.whmcs.client import WhmcsClient
from pipelines.sync.dataset import Source
from pipelines.sync.run import run
from tests.e2e.test_notifications import apply, calls, fail, fetch, furnished, hub, inbox, mutate, notify, sandbox, sync
from tests.e2e.test_unreadable_rows import quirk
from tests.pipelines.sources.conftest import FakeSource, Reply, Request, as_json

__all__ = ["furnished", "hub", "sandbox"]  # the fixtures


def all_due(database: Any, table: str, prefix: str) -> None:
    fetch(database, f"UPDATE hub.{table} SET {prefix}_due_at = now() RETURNING id")  # noqa: S608 - our own names


def aside(database: Any) -> list[Any]:
    query = "SELECT dataset, source_id, reason FROM sync.quarantine WHERE resolved_at IS NULL AND dataset LIKE %s"
    return fetch(database, query, "%.%_details") + fetch(database, query, "%.payment_methods")


@pytest.fixture
def whmcs() -> Iterator[tuple[Source, dict[str, Callable[[], Reply]]]]:
    """A WHMCS that answers each action as it is set, over a real socket."""
    source, answers = FakeSource(), dict[str, Callable[[], Reply]]()

    def script(asked: Request) -> Reply:
        return answers[asked.form["action"]]()

    source.script = script
    settings = WhmcsSettings(_env_file=None, url=source.url, identifier="us", secret="s", retry_attempts=1)
    with WhmcsClient(settings) as client:
        yield Source(client, settings), answers
    source.stop()


PAID = {"id": "41", "date": "2026-11-02 10:00:00", "gateway": "stripe", "amountin": "1100.00"}


def paid_invoice(*transactions: dict[str, Any]) -> Reply:
    return as_json(
        {
            "result": "success", "invoiceid": "7", "userid": "3", "balance": "0.00",
            "items": {"item": [{"id": "70", "type": "Hosting", "relid": "5", "amount": "1100.00"}]},
            "transactions": {"transaction": list(transactions)},
        }
    )  # fmt: skip


def known(database: Any) -> list[Any]:
    return fetch(
        database,
        "SELECT (SELECT count(*) FROM hub.invoice_items WHERE deleted_at IS NULL),"
        " (SELECT count(*) FROM hub.payments WHERE deleted_at IS NULL),"
        " (SELECT items_as_of FROM hub.invoices), (SELECT balance FROM hub.invoices)",
    )


def test_an_invoice_of_which_one_transaction_cannot_be_read_keeps_all_that_was_known(database, whmcs):
    """Issue 13, A1: items and payments were marked deleted, and the invoice counted as read."""
    source, answers = whmcs
    row = {
        "id": "7", "userid": "3", "date": "2026-11-01", "duedate": "2026-11-30", "subtotal": "1100.00",
        "total": "1100.00", "status": "Paid", "currencycode": "JPY", "created_at": "2026-11-01 09:00:00",
    }  # fmt: skip
    answers["GetInvoices"] = lambda: as_json({"result": "success", "totalresults": 1, "invoices": {"invoice": [row]}})
    answers["GetInvoice"] = lambda: paid_invoice(PAID)
    run(dataset_named("whmcs.invoices"), source, database.sync)
    run(dataset_named("whmcs.invoice_details"), source, database.sync)
    before = known(database)

    answers["GetInvoice"] = lambda: paid_invoice(PAID, {**PAID, "id": "42", "date": "yesterday, or so"})
    all_due(database, "invoices", "items")
    run(dataset_named("whmcs.invoice_details"), source, database.sync)

    assert before[0][:2] == (1, 1)
    assert known(database) == before
    assert aside(database) == [("whmcs.invoice_details", "7", "date: not a time")]
    assert fetch(database, "SELECT items_due_at > now() FROM hub.invoices") == [(True,)]

    answers["GetInvoice"] = lambda: paid_invoice(PAID, {**PAID, "id": "42"})
    all_due(database, "invoices", "items")
    run(dataset_named("whmcs.invoice_details"), source, database.sync)

    assert known(database)[0][:2] == (1, 2)
    assert aside(database) == []


@pytest.mark.parametrize(
    "broken",
    [
        as_json({"result": "error", "message": "Error"}),
        as_json({"result": "success", "clientid": "3", "paymethods": [{"id": "9", "type": {"odd": "shape"}}]}),
        Reply("", 500),
        Reply("<html>Fatal error</html>"),
        Reply('{"result":"success","clientid":"3","paymethods":[', cut=True),
    ],
    ids=["refused", "unreadable", "500", "a page", "cut"],
)
def test_a_client_whose_pay_methods_fail_keeps_those_that_were_known(database, whmcs, broken):
    source, answers = whmcs
    client = {"id": "3", "firstname": "Hanako", "status": "Active", "datecreated": "2026-01-01"}
    card = {"id": "9", "type": "CreditCard", "gateway_name": "stripe", "card_last_four": "4242"}
    answers["GetClients"] = lambda: as_json({"result": "success", "totalresults": 1, "clients": {"client": [client]}})
    answers["GetPayMethods"] = lambda: as_json({"result": "success", "clientid": "3", "paymethods": [card]})
    run(dataset_named("whmcs.clients"), source, database.sync)
    run(dataset_named("whmcs.payment_methods"), source, database.sync)
    read_at = fetch(database, "SELECT payment_methods_as_of FROM hub.customer_accounts")

    answers["GetPayMethods"] = lambda: broken
    all_due(database, "customer_accounts", "payment_methods")
    run(dataset_named("whmcs.payment_methods"), source, database.sync)

    assert fetch(database, "SELECT card_last_four, deleted_at FROM hub.payment_methods") == [("4242", None)]
    assert fetch(database, "SELECT payment_methods_as_of FROM hub.customer_accounts") == read_at
    assert [entry[:2] for entry in aside(database)] == [("whmcs.payment_methods", "3")]


def test_an_invoice_that_always_answers_500_leaves_all_others_their_items(sandbox, hub, monkeypatch):
    """Reported: one record can answer HTTP 500 for ever (yashodhank/whmcs-mcp-server)."""
    monkeypatch.setenv("WHMCS_RETRY_ATTEMPTS", "1")
    invoices = [str(row[0]) for row in fetch(hub, "SELECT source_id FROM hub.invoices ORDER BY issued_on DESC, id")]
    bad = invoices[0]
    fetch(hub, "UPDATE hub.invoices SET items_as_of = NULL, items_due_at = now() RETURNING id")
    fail(sandbox, match=f"GetInvoice invoiceid={bad}", mode="status:500", times=1_000)

    sync(hub, "whmcs.invoice_details")
    sync(hub, "whmcs.invoice_details")

    assert [str(row[0]) for row in fetch(hub, "SELECT source_id FROM hub.invoices WHERE items_as_of IS NULL")] == [bad]
    assert ("whmcs.invoice_details", bad, "is down [http_500]") in aside(hub)
    assert fetch(hub, "SELECT circuit FROM sync.sources WHERE system = 'whmcs'") == [("closed",)]


def test_a_line_that_always_answers_with_a_fault_leaves_all_others_their_details(sandbox, hub, monkeypatch):
    monkeypatch.setenv("FREEBIT_RETRY_ATTEMPTS", "1")
    lines = fetch(hub, "SELECT source_id, msisdn FROM hub.sims WHERE is_open AND msisdn IS NOT NULL ORDER BY id")
    bad = lines[0]
    fail(sandbox, match=f"account={bad[1]}", mode="code:500-000", times=1_000)

    sync(hub, "freebit.line_details")
    sync(hub, "freebit.line_details")

    unread = fetch(hub, "SELECT source_id FROM hub.sims WHERE is_open AND msisdn IS NOT NULL AND details_as_of IS NULL")
    assert len(lines) > 5
    assert unread == [(bad[0],)]
    assert [entry[:2] for entry in aside(hub)] == [("freebit.line_details", bad[0])]


def test_the_notification_of_a_record_that_always_fails_holds_up_no_other(sandbox, hub, monkeypatch):
    """Issue 13, A4: it held back all others in the inbox, with no attempt counted, for ever."""
    monkeypatch.setenv("WHMCS_RETRY_ATTEMPTS", "1")
    bad, good = (
        str(row[0]) for row in fetch(hub, "SELECT source_id FROM hub.customer_accounts WHERE source = 'whmcs' LIMIT 2")
    )
    fail(sandbox, match=f"GetClientsDetails clientid={bad}", mode="status:500", times=1_000)
    mutate(sandbox, "whmcs", "client", good, {"lastname": "Changed"})
    notify(hub, "whmcs", "client", bad)
    notify(hub, "whmcs", "client", good)

    apply(hub)

    assert inbox(hub)[1] == ("done", 1, None)
    assert fetch(hub, "SELECT last_name FROM hub.customer_accounts WHERE source_id = %s", good) == [("Changed",)]

    for _ in range(5):
        fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")
        apply(hub)
        sync(hub, "whmcs.clients")

    assert inbox(hub)[0] == ("parked", 5, "whmcs: is down [http_500]")


def test_nothing_is_parked_while_nobody_answers(sandbox, hub, monkeypatch):
    monkeypatch.setenv("WHMCS_RETRY_ATTEMPTS", "1")
    fail(sandbox, match="api.php", mode="status:502", times=1_000)
    for row in fetch(hub, "SELECT source_id FROM hub.customer_accounts WHERE source = 'whmcs' LIMIT 3"):
        notify(hub, "whmcs", "client", str(row[0]))

    for _ in range(8):
        fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")
        fetch(hub, "UPDATE sync.sources SET retry_at = now() RETURNING system")
        apply(hub)
    during = inbox(hub)
    fail(sandbox, mode="none")
    fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")
    fetch(hub, "UPDATE sync.sources SET retry_at = now() RETURNING system")
    apply(hub)

    assert {state for state, _, _ in during} == {"waiting"}
    assert {state for state, _, _ in inbox(hub)} == {"done"}


class Surprised:
    """A client with a bug of its own."""

    def __init__(self, client: Any, broken: str) -> None:
        self._client, self._broken = client, broken

    def call(self, action: str, **params: Any) -> Any:
        if params.get("clientid") == self._broken:
            raise KeyError("what the record holds")
        return self._client.call(action, **params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_an_error_that_nobody_foresaw_is_counted_and_parked_by_its_kind(sandbox, hub):
    """Issue 13, A5: the inbox was tried again every half second, and nothing said why."""
    bad, good = (
        str(row[0]) for row in fetch(hub, "SELECT source_id FROM hub.customer_accounts WHERE source = 'whmcs' LIMIT 2")
    )
    notify(hub, "whmcs", "client", bad)
    notify(hub, "whmcs", "client", good)
    real = source_of("whmcs")
    applier = Applier("whmcs", Source(Surprised(real.client, bad), real.settings), hub.sync, Tally())

    before = calls(sandbox, "GetClientsDetails")
    for _ in range(6):
        assert applier.drain()
        fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")
    real.client.close()

    assert inbox(hub) == [("parked", 5, "unforeseen: KeyError"), ("done", 1, None)]
    assert calls(sandbox, "GetClientsDetails") - before <= 4


def test_half_an_emoji_in_any_text_arrives_as_a_text(database, whmcs):
    """A text cut at so many UTF-16 units ends in half a character, which PHP writes down as it is."""
    source, answers = whmcs
    clients = [
        {"id": str(number), "firstname": name, "lastname": "Sato", "status": "Active", "datecreated": "2026-01-01"}
        for number, name in enumerate(("Hanako", "cut \ud83d", "Taro"), start=1)
    ]
    answers["GetClients"] = lambda: as_json({"result": "success", "totalresults": 3, "clients": {"client": clients}})

    run(dataset_named("whmcs.clients"), source, database.sync)

    names = fetch(database, "SELECT first_name FROM hub.customer_accounts ORDER BY source_id")
    assert names == [("Hanako",), ("cut \ufffd",), ("Taro",)]


@pytest.mark.parametrize(
    ("notified", "taken", "from_us"),
    [
        (("salesforce", "Account"), "salesforce.hidden_fields", "Account.Phone"),
        (("salesforce", "Account"), "salesforce.hidden_objects", "Account"),
        (("whmcs", "client"), "forbidden", "GetClientsDetails"),
    ],
    ids=["a field", "an object", "an action"],
)
def test_what_we_are_notified_of_while_a_right_is_taken_from_us_is_applied_once_it_is_given_back(
    sandbox, hub, notified, taken, from_us
):
    """A campaign's seed: notifications of cases while a field was hidden were parked, and waited for an operator."""
    record = fetch(hub, "SELECT source_id FROM hub.customer_accounts WHERE source = %s LIMIT 1", notified[0])[0][0]
    notify(hub, *notified, record)
    quirk(sandbox, **{taken: from_us})

    for _ in range(7):
        fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")
        apply(hub)
    during = inbox(hub)
    quirk(sandbox, **{taken: ""})
    fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")
    apply(hub)

    assert [(state, attempts > MOST_ATTEMPTS) for state, attempts, _ in during] == [("waiting", True)]
    assert [state for state, _, _ in inbox(hub)] == ["done"]
