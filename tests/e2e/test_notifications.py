"""What a source notifies of is read again at once, once, and only what it concerns."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from domain.common.identifiers import SYSTEMS
from pipelines.datasets import dataset_named
from pipelines.events.worker import Applier, Tally
from pipelines.sources.connect import source_of
from pipelines.sync.run import run
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.conftest import Database
from tests.e2e.loading import copy_of, furnished_from

LISTS = ("salesforce.accounts", "whmcs.clients", "whmcs.services", "whmcs.invoices", "whmcs.invoice_details")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=20, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def furnished(sandbox: RunningSandbox) -> Iterator[Database]:
    with furnished_from(sandbox, LISTS) as database:
        yield database


@pytest.fixture
def hub(sandbox: RunningSandbox, furnished: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A hub that has read the lists, against a sandbox in which nothing has happened yet."""
    with copy_of(furnished, sandbox, monkeypatch) as database:
        yield database


def sync(database: Any, name: str) -> None:
    source = source_of(dataset_named(name).system)
    run(dataset_named(name), source, database.sync)
    source.client.close()


def mutate(sandbox: RunningSandbox, system: str, kind: str, identity: str, fields: dict[str, Any] | None) -> None:
    content = {"system": system, "object": kind, "id": identity, "fields": fields}
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", json=content).raise_for_status()


def fail(sandbox: RunningSandbox, **fault: Any) -> None:
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/faults", json=fault).raise_for_status()


def calls(sandbox: RunningSandbox, match: str) -> int:
    answer = httpx.get(f"{sandbox.whmcs_url}/__sandbox__/calls", params={"match": match, "limit": 1}).json()
    return int(answer["matching"])


def notify(database: Any, source: str, entity: str, record: str, event: str | None = None) -> bool:
    with psycopg.connect(database.owner) as connection:
        row = connection.execute(
            "SELECT sync.receive_notification(%s, %s, %s, %s, NULL, now(), '{}')",
            [source, event or uuid4().hex, entity, record],
        ).fetchone()
        # Tests do not wait for WHMCS to settle.
        connection.execute("UPDATE sync.inbox SET due_at = received_at")
    return bool(row and row[0])


def apply(database: Any) -> dict[str, dict[str, int]]:
    """What a worker wrote of all that was due, by data set."""
    tally = Tally()
    for system in SYSTEMS:
        source = source_of(system)
        with closing(source.client):
            assert Applier(system, source, database.sync, tally).drain()
    return {name: {key: count for key, count in counts.items() if count} for name, counts in tally.taken().items()}


def fetch(database: Any, query: str, *values: object) -> list[Any]:
    with psycopg.connect(database.owner) as connection:
        return connection.execute(query, values).fetchall()


def an_invoice(database: Any) -> str:
    query = "SELECT source_id FROM hub.invoices WHERE status = 'unpaid' ORDER BY source_id LIMIT 1"
    return str(fetch(database, query)[0][0])


def an_account(database: Any) -> str:
    query = "SELECT source_id FROM hub.customer_accounts WHERE source = 'salesforce' ORDER BY source_id LIMIT 1"
    return str(fetch(database, query)[0][0])


def inbox(database: Any) -> list[Any]:
    return fetch(database, "SELECT state, attempts, error FROM sync.inbox ORDER BY id")


def test_a_record_that_cannot_be_applied_is_parked_alone(sandbox, hub):
    account = an_account(hub)
    mutate(sandbox, "salesforce", "Account", account, {"Phone": "03-1"})
    notify(hub, "salesforce", "Account", "no id at all")
    notify(hub, "salesforce", "Account", account)

    for _ in range(6):
        apply(hub)
        fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")

    assert inbox(hub) == [
        ("parked", 5, "salesforce: has no ids of that form [MALFORMED_ID]"),
        ("done", 1, None),
    ]
    assert fetch(hub, "SELECT phone FROM hub.customer_accounts WHERE source_id = %s", account) == [("03-1",)]


def test_while_the_source_asks_for_patience_everything_waits_and_nothing_counts_against_it(sandbox, hub, monkeypatch):
    monkeypatch.setenv("WHMCS_RETRY_ATTEMPTS", "1")
    notify(hub, "whmcs", "invoice", an_invoice(hub))
    fail(sandbox, match="GetInvoice", mode="429", times=1)

    apply(hub)
    waits = inbox(hub)
    fetch(hub, "UPDATE sync.inbox SET due_at = received_at RETURNING id")
    fetch(hub, "UPDATE sync.sources SET retry_at = now() RETURNING system")
    apply(hub)

    assert waits == [("waiting", 0, "whmcs: asks for patience [http_429]")]
    assert inbox(hub) == [("done", 0, None)]


def refuse_to_write(database: Any, invoice: str, state: str) -> None:
    """Make writing that invoice fail with a state of PostgreSQL's (Appendix A, "PostgreSQL Error Codes")."""
    with psycopg.connect(database.owner) as connection:
        connection.execute(
            "CREATE FUNCTION hub.refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$BEGIN RAISE 'no' USING ERRCODE = '{state}'; END$$;"
            f"CREATE TRIGGER refuse BEFORE UPDATE ON hub.invoices FOR EACH ROW WHEN (NEW.source_id = '{invoice}')"
            " EXECUTE FUNCTION hub.refuse()"
        )


@pytest.mark.parametrize("state", ["57014", "40P01", "22003"], ids=["took too long", "deadlock", "out of range"])
def test_a_record_that_the_database_cannot_write_is_its_own_fault(sandbox, hub, state):
    bad, good = (str(row[0]) for row in fetch(hub, "SELECT source_id FROM hub.invoices ORDER BY source_id LIMIT 2"))
    for invoice in (bad, good):
        mutate(sandbox, "whmcs", "invoice", invoice, {"total": "77.00", "updated_at": "2026-11-24 12:00:00"})
        notify(hub, "whmcs", "invoice", invoice)
    refuse_to_write(hub, bad, state)

    apply(hub)

    assert [row[0] for row in inbox(hub)] == ["waiting", "done"]
    assert inbox(hub)[0][1] > 0
    assert fetch(hub, "SELECT total::int FROM hub.invoices WHERE source_id = %s", good) == [(77,)]


@pytest.mark.parametrize("state", ["53100", "57P01"], ids=["disk full", "ending"])
def test_what_fails_for_the_databases_sake_is_no_records_fault(sandbox, hub, state):
    invoice = an_invoice(hub)
    mutate(sandbox, "whmcs", "invoice", invoice, {"total": "77.00", "updated_at": "2026-11-24 12:00:00"})
    notify(hub, "whmcs", "invoice", invoice)
    refuse_to_write(hub, invoice, state)

    with pytest.raises(psycopg.OperationalError):
        apply(hub)

    assert inbox(hub) == [("waiting", 0, None)]


def test_a_fault_that_passes_is_tried_again_at_once(sandbox, hub, monkeypatch):
    monkeypatch.setenv("WHMCS_RETRY_ATTEMPTS", "1")
    (client,) = fetch(hub, "SELECT source_id FROM hub.customer_accounts WHERE source = 'whmcs' ORDER BY id LIMIT 1")
    notify(hub, "whmcs", "client", client[0])
    fail(sandbox, match="GetClientsDetails", mode="status:503", times=1)

    apply(hub)

    assert inbox(hub) == [("done", 1, None)]


def test_the_same_event_received_twice_is_one(sandbox, hub):
    account = an_account(hub)

    is_new = [notify(hub, "salesforce", "Account", account, event="e-1") for _ in range(2)]

    assert is_new == [True, False]
    assert len(inbox(hub)) == 1


def test_many_events_about_one_record_cost_one_read(sandbox, hub):
    account = an_account(hub)
    mutate(sandbox, "salesforce", "Account", account, {"Phone": "03-2"})
    for _ in range(5):
        notify(hub, "salesforce", "Account", account)
    before = calls(sandbox, "queryAll")

    written = apply(hub)

    assert written == {"salesforce.accounts": {"updated": 1}}
    assert calls(sandbox, "queryAll") - before == 1


def test_a_changed_invoice_is_read_again_with_its_items(sandbox, hub):
    invoice = an_invoice(hub)
    mutate(sandbox, "whmcs", "invoice", invoice, {"status": "Paid", "updated_at": "2026-11-24 12:00:00"})
    notify(hub, "whmcs", "invoice", invoice)

    apply(hub)

    assert fetch(hub, "SELECT status FROM hub.invoices WHERE source_id = %s", invoice) == [("paid",)]
    assert fetch(hub, "SELECT items_due_at FROM hub.invoices WHERE source_id = %s", invoice) == [(None,)]


def test_a_deleted_invoice_goes_with_its_items_and_stays_in_the_tables(sandbox, hub):
    invoice = an_invoice(hub)
    mutate(sandbox, "whmcs", "invoice", invoice, None)
    notify(hub, "whmcs", "invoice", invoice)

    apply(hub)

    assert fetch(hub, "SELECT deleted_at IS NOT NULL FROM hub.invoices WHERE source_id = %s", invoice) == [(True,)]
    items = (
        "SELECT DISTINCT t.deleted_at IS NOT NULL FROM hub.invoice_items t JOIN hub.invoices i ON i.id = t.invoice_id"
        " WHERE i.source_id = %s"
    )
    assert fetch(hub, items, invoice) == [(True,)]
    log = fetch(hub, "SELECT DISTINCT entity FROM sync.changes WHERE operation = 'delete' ORDER BY entity")
    assert log[0] == ("invoice_items",)
    assert ("invoices",) in log


def test_a_record_that_comes_back_is_restored(sandbox, hub):
    invoice = an_invoice(hub)
    for fields in (None, {"status": "Unpaid"}):
        mutate(sandbox, "whmcs", "invoice", invoice, fields)
        notify(hub, "whmcs", "invoice", invoice)
        apply(hub)

    assert fetch(hub, "SELECT deleted_at FROM hub.invoices WHERE source_id = %s", invoice) == [(None,)]


def test_what_went_with_a_client_is_read_anew_when_it_comes_back(sandbox, hub):
    query = "SELECT source_id FROM hub.customer_accounts WHERE source = 'whmcs' ORDER BY source_id LIMIT 1"
    client = str(fetch(hub, query)[0][0])
    fetch(hub, "UPDATE hub.customer_accounts SET payment_methods_due_at = now() + interval '1 day' RETURNING id")
    for fields in (None, {"companyname": "Back"}):
        mutate(sandbox, "whmcs", "client", client, fields)
        notify(hub, "whmcs", "client", client)
        apply(hub)

    due = "SELECT source_id FROM hub.customer_accounts WHERE payment_methods_due_at <= now() AND deleted_at IS NULL"
    assert fetch(hub, due) == [(client,)]


def test_a_soft_deleted_account_leaves_its_customer(sandbox, hub):
    account = an_account(hub)
    mutate(sandbox, "salesforce", "Account", account, None)
    notify(hub, "salesforce", "Account", account)

    apply(hub)

    query = "SELECT deleted_at IS NOT NULL FROM hub.customer_accounts WHERE source_id = %s"
    assert fetch(hub, query, account) == [(True,)]
    query = "SELECT count(*) FROM hub.customers WHERE salesforce_account_id IN (SELECT id FROM hub.customer_accounts"
    assert fetch(hub, f"{query} WHERE source_id = %s)", account) == [(0,)]


def test_what_was_requested_before_a_row_changed_is_requested_again(sandbox, hub):
    """A page of a scan that was on its way while a webhook's read wrote something newer."""
    invoice = an_invoice(hub)
    with psycopg.connect(hub.sync) as connection:
        connection.execute(
            "INSERT INTO sync.inbox (source, event_id, kind, entity, record_id) VALUES"
            " ('hub', 'whmcs.invoices:' || %s, 'record', 'whmcs.invoices', %s)",
            [invoice, invoice],
        )
    mutate(sandbox, "whmcs", "invoice", invoice, {"status": "Cancelled"})

    apply(hub)

    assert fetch(hub, "SELECT status FROM hub.invoices WHERE source_id = %s", invoice) == [("cancelled",)]


@pytest.mark.parametrize("owner", [False, True], ids=["notified of the service", "notified of its client's order"])
def test_a_line_requested_before_it_is_known_is_read_once_it_is(sandbox, hub, owner):
    ((line, client),) = fetch(
        hub,
        "DELETE FROM hub.sims line USING hub.customer_accounts owner WHERE owner.id = line.account_id AND line.id ="
        " (SELECT id FROM hub.sims WHERE is_open AND msisdn IS NOT NULL ORDER BY source_id LIMIT 1)"
        " RETURNING line.source_id, owner.source_id",
    )
    request = "INSERT INTO sync.inbox (source, event_id, kind, entity, record_id) VALUES ('hub', %s, 'record', %s, %s)"
    fetch(hub, f"{request} RETURNING id", f"freebit.line_details:{line}", "freebit.line_details", line)
    apply(hub)
    assert fetch(hub, "SELECT 1 FROM hub.sims WHERE source_id = %s", line) == []

    fetch(
        hub,
        "INSERT INTO sync.inbox (source, event_id, kind, entity, record_id, parent_id)"
        " VALUES ('whmcs', 'e-1', 'record', %s, %s, %s) RETURNING id",
        *(("order", "1", client) if owner else ("service", line, None)),
    )
    apply(hub)

    ((read, status),) = fetch(hub, "SELECT details_as_of IS NOT NULL, status FROM hub.sims WHERE source_id = %s", line)
    assert (read, status is not None) == (True, True)


def test_what_was_missed_is_read_unless_it_is_still_to_be_read_for_the_first_time(sandbox, hub):
    gap = (
        "INSERT INTO sync.inbox (source, event_id, kind, entity) VALUES ('salesforce', %s, 'gap', 'Order') RETURNING id"
    )
    fetch(hub, gap, "before the first load")
    too_early = apply(hub)
    sync(hub, "salesforce.orders")
    ((order,),) = fetch(hub, "SELECT source_id FROM hub.orders ORDER BY source_id LIMIT 1")
    mutate(sandbox, "salesforce", "Order", order, {"Status": "Cancelled"})

    fetch(hub, gap, "after it")
    in_time = apply(hub)

    assert too_early == {}
    assert in_time["salesforce.orders"]["updated"] == 1
    assert [state for state, _, _ in inbox(hub)] == ["done", "done"]


def test_nobody_applies_while_another_leads(hub):
    source = source_of("whmcs")
    applier = Applier("whmcs", source, hub.sync, Tally())

    with psycopg.connect(hub.sync) as leader:
        leader.execute("SELECT pg_advisory_lock(hashtext('inbox'), hashtext('whmcs'))")
        refused = applier.drain()
    taken = applier.drain()
    source.client.close()

    assert (refused, taken) == (False, True)
