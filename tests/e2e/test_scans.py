"""WHMCS has no "changed since": a poll reads what is new, and a budget of what may have changed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from core.errors import IncompleteReadError
from core.settings import WhmcsSettings
from pipelines.datasets import dataset_named
from pipelines.sources.connect import source_of
from pipelines.sources.whmcs.lists import ListPage
from pipelines.sync.dataset import ReadRequest, Source
from pipelines.sync.run import Outcome, run
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=60, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.fixture
def hub(sandbox: RunningSandbox, database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A hub that has read WHMCS's invoices once; its polls read ten new ones at a time."""
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/reset").raise_for_status()
    for name, value in (hub_environment(sandbox, database) | {"WHMCS_NEW_ROWS": "10"}).items():
        monkeypatch.setenv(name, value)
    poll(database)
    return database


def poll(database: Any, name: str = "whmcs.invoices") -> Outcome:
    source = source_of("whmcs")
    try:
        return run(dataset_named(name), source, database.sync)
    finally:
        source.client.close()


def mutate(sandbox: RunningSandbox, identity: str, fields: dict[str, Any] | None) -> None:
    content = {"system": "whmcs", "object": "invoice", "id": identity, "fields": fields}
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", json=content).raise_for_status()


def fetch(database: Any, query: str, *values: object) -> list[Any]:
    with psycopg.connect(database.owner) as connection:
        return connection.execute(query, values).fetchall()


def one(database: Any, status: str, order: str = "source_id::int") -> str:
    query = f"SELECT source_id FROM hub.invoices WHERE status = %s ORDER BY {order} LIMIT 1"  # noqa: S608 - our own
    return str(fetch(database, query, status)[0][0])


def status_of(database: Any, invoice: str) -> list[Any]:
    return fetch(database, "SELECT status FROM hub.invoices WHERE source_id = %s", invoice)


def as_of(database: Any) -> Any:
    return fetch(database, "SELECT as_of FROM sync.freshness WHERE dataset = 'whmcs.invoices'")[0][0]


def test_a_scan_that_was_cut_short_does_not_make_the_data_set_known(sandbox, hub, monkeypatch):
    known = as_of(hub)
    monkeypatch.setenv("WHMCS_SCAN_ROWS", "30")

    poll(hub)

    assert as_of(hub) == known


def test_a_scan_goes_on_where_the_last_poll_stopped_and_ends_with_what_it_began(sandbox, hub, monkeypatch):
    monkeypatch.setenv("WHMCS_SCAN_ROWS", "30")
    before = as_of(hub)
    changed = one(hub, "unpaid", "source_id::int DESC")
    mutate(sandbox, changed, {"notes": "x", "total": "1.00", "updated_at": "2026-11-24 12:00:00"})

    polls = [poll(hub)]
    began = fetch(hub, "SELECT position -> 'scan' ->> 'began' FROM sync.cursors WHERE dataset = 'whmcs.invoices'")
    while as_of(hub) == before and len(polls) < 60:
        polls.append(poll(hub))

    assert len(polls) > 2
    assert max(outcome.read for outcome in polls) < 100
    assert as_of(hub).isoformat() == began[0][0].replace("Z", "+00:00")
    assert fetch(hub, "SELECT total::text FROM hub.invoices WHERE source_id = %s", changed) == [("1.0000",)]


def test_new_invoices_are_found_without_reading_the_old_ones(sandbox, hub, monkeypatch):
    monkeypatch.setenv("WHMCS_SCAN_ROWS", "1")
    newest = max(int(row[0]) for row in fetch(hub, "SELECT source_id FROM hub.invoices"))
    row = {"userid": "1001", "status": "Unpaid", "date": "2026-11-24", "duedate": "2026-12-01", "total": "10.00"}
    row |= {"subtotal": "10.00", "credit": "0.00", "tax": "0.00", "tax2": "0.00", "taxrate": "0.00", "taxrate2": "0.00"}
    for number in range(1, 26):
        mutate(sandbox, str(newest + number), row)

    outcome = poll(hub)

    assert outcome.merged.inserted == 25
    assert outcome.read < 80


def test_an_open_invoice_that_changed_without_a_word_is_found(sandbox, hub):
    invoice = one(hub, "unpaid")
    mutate(sandbox, invoice, {"total": "77.00", "updated_at": "2026-11-24 12:00:00"})

    poll(hub)

    assert fetch(hub, "SELECT total::int FROM hub.invoices WHERE source_id = %s", invoice) == [(77,)]


def test_an_invoice_that_was_paid_without_a_word_is_found_among_the_recently_closed(sandbox, hub):
    invoice = one(hub, "unpaid", "issued_on DESC, source_id")
    mutate(sandbox, invoice, {"status": "Paid", "updated_at": "2026-11-24 12:00:00"})

    poll(hub)

    assert status_of(hub, invoice) == [("paid",)]


def test_a_poll_that_finds_nothing_writes_nothing(sandbox, hub):
    before = fetch(hub, "SELECT count(*) FROM sync.changes")

    outcome = poll(hub)

    assert outcome.merged.written == 0
    assert fetch(hub, "SELECT count(*) FROM sync.changes") == before


class ShortList:
    """A WHMCS that counts more rows than it hands over."""

    def pages(self, *_: object, **__: object) -> Iterator[ListPage]:
        yield ListPage(rows=[], offset=0, next_offset=0, total=3)


@pytest.mark.parametrize("position", [{}, {"newest": 7}], ids=["first load", "poll"])
def test_a_list_that_ends_before_its_own_count_is_no_success(position):
    source = Source(ShortList(), WhmcsSettings(url="http://127.0.0.1", identifier="i", secret="s"))
    dataset = dataset_named("whmcs.services")

    with pytest.raises(IncompleteReadError, match="read 0 rows, the source reports 3"):
        list(dataset.read(ReadRequest(source, position=position, full=False)))


class Whole:
    """A WHMCS whose list is what is left from the third row on."""

    def pages(self, *_: object, **__: object) -> Iterator[ListPage]:
        yield ListPage(rows=[{"id": 3}], offset=2, next_offset=3, total=3)


def test_a_load_that_goes_on_after_a_kill_is_as_old_as_what_was_read_before_it():
    source = Source(Whole(), WhmcsSettings(url="http://127.0.0.1", identifier="i", secret="s"))
    position = {"offset": 2, "highest": 2, "began": "2026-11-01T12:00:00+00:00"}

    *_, last = dataset_named("whmcs.services").read(ReadRequest(source, position=position, full=False))

    assert last.complete
    assert last.known_since == datetime(2026, 11, 1, 12, tzinfo=UTC)
