"""A list with a row that WHMCS cannot hand over: the others come, and that one is named.

Sources: sburina/laravel-whmcs-up#6 ("Error generating JSON encoded response: Malformed UTF-8 characters, possibly
incorrectly encoded" for a whole list, while XML brings it); Unlimited-Socks#10 (HTTP 500 for some clients only).
"""

from collections.abc import Iterator
from math import log2
from typing import Any

import httpx
import pytest
import stamina

from core.errors import UnavailableError
from pipelines.datasets import dataset_named
from pipelines.sources.connect import source_of
from pipelines.sync.heal import heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.retry import Retried, retry
from pipelines.sync.run import Outcome, run
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment
from tests.e2e.test_scans import fetch, mutate

PAGE = 25


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=60, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def tries_follow_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def hub(sandbox: RunningSandbox, database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/reset").raise_for_status()
    for name, value in (hub_environment(sandbox, database) | {"WHMCS_PAGE_ROWS": str(PAGE)}).items():
        monkeypatch.setenv(name, value)
    return database


def quirk(sandbox: RunningSandbox, **quirks: str) -> None:
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/quirks", json=quirks).raise_for_status()


def poll(database: Any, name: str = "whmcs.invoices", *, full: bool = False) -> Outcome:
    source = source_of("whmcs")
    try:
        return run(dataset_named(name), source, database.sync, full=full)
    finally:
        source.client.close()


def an_invoice(sandbox: RunningSandbox, at: int) -> str:
    """The id of the invoice at that place of the list."""
    form = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}
    form |= {"action": "GetInvoices", "orderby": "id", "limitstart": str(at), "limitnum": "1"}
    page = httpx.post(f"{sandbox.whmcs_url}/includes/api.php", data=form).json()
    return str(page["invoices"]["invoice"][0]["id"])


def calls(sandbox: RunningSandbox) -> int:
    return int(httpx.get(f"{sandbox.whmcs_url}/__sandbox__/calls").json()["total"])


def quarantine(database: Any) -> list[Any]:
    return fetch(
        database,
        "SELECT source_id FROM sync.quarantine WHERE dataset = 'whmcs.invoices' AND resolved_at IS NULL"
        " AND payload = '{}' ORDER BY source_id",
    )


def held(database: Any) -> int:
    return int(fetch(database, "SELECT count(*) FROM hub.invoices WHERE deleted_at IS NULL")[0][0])


@pytest.mark.parametrize("fault", ["unencodable", "fatal"])
@pytest.mark.parametrize("at", [0, 30, 49], ids=["first of all", "in a page", "last of a page"])
def test_a_row_that_cannot_be_handed_over_is_set_aside_and_all_others_come(sandbox, hub, fault, at):
    broken = an_invoice(sandbox, at)
    quirk(sandbox, **{fault: f"invoice:{broken}"})

    poll(hub)

    total = sandbox.world.invoice_index.total
    malformed = fetch(hub, "SELECT count(*) FROM sync.quarantine WHERE payload <> '{}'")[0][0]
    before = f"after {int(broken) - 1}" if at else "the first"
    assert held(hub) == total - 1 - malformed
    assert quarantine(hub) == [(broken if fault == "unencodable" else before,)]
    assert fetch(hub, "SELECT position ? 'newest' FROM sync.cursors WHERE dataset = 'whmcs.invoices'") == [(True,)]


def test_the_reason_is_shown(sandbox, hub):
    quirk(sandbox, unencodable=f"invoice:{an_invoice(sandbox, 30)}")

    poll(hub)

    reasons = fetch(hub, "SELECT reason FROM sync.quarantine WHERE payload = '{}'")
    assert reasons == [("whmcs: holds a record that it cannot write as JSON [unencodable]",)]


def test_a_row_that_cannot_be_handed_over_costs_the_logarithm_of_its_page(sandbox, hub):
    poll(hub)
    before = calls(sandbox)
    poll(hub, full=True)
    usual = calls(sandbox) - before
    quirk(sandbox, unencodable=f"invoice:{an_invoice(sandbox, 30)} invoice:{an_invoice(sandbox, 130)}")
    before = calls(sandbox)

    poll(hub, full=True)

    assert calls(sandbox) - before <= usual + 2 * (2 * (log2(PAGE) + 1) + 3)


def test_pages_too_large_for_the_memory_of_php_are_read_in_smaller_ones(sandbox, hub):
    quirk(sandbox, memory_rows="7")

    poll(hub)

    assert quarantine(hub) == []
    assert fetch(hub, "SELECT position ? 'newest' FROM sync.cursors WHERE dataset = 'whmcs.invoices'") == [(True,)]


def test_a_system_that_is_down_is_not_taken_for_bad_rows(sandbox, hub):
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/faults", json={"match": "GetInvoices", "mode": "html500", "times": 99})
    before = calls(sandbox)

    with pytest.raises(UnavailableError, match="is down"):
        poll(hub)

    assert calls(sandbox) - before <= 4
    assert quarantine(hub) == []


def test_a_poll_does_its_other_work_past_the_row(sandbox, hub):
    poll(hub)
    invoice = str(fetch(hub, "SELECT source_id FROM hub.invoices WHERE status = 'unpaid' ORDER BY 1 LIMIT 1")[0][0])
    other = str(fetch(hub, "SELECT source_id FROM hub.invoices WHERE status = 'paid' ORDER BY issued_on DESC, 1")[0][0])
    quirk(sandbox, unencodable=f"invoice:{invoice}")
    mutate(sandbox, other, {"total": "77.00", "updated_at": "2026-11-24 12:00:00"})

    poll(hub)

    assert fetch(hub, "SELECT total::int FROM hub.invoices WHERE source_id = %s", other) == [(77,)]
    assert quarantine(hub) == [(invoice,)]


def test_the_row_leaves_quarantine_once_it_can_be_read(sandbox, hub):
    quirk(sandbox, unencodable=f"invoice:{an_invoice(sandbox, 30)}")
    poll(hub)
    quirk(sandbox, unencodable="")

    poll(hub, full=True)

    assert quarantine(hub) == []


@pytest.mark.parametrize("fault", ["unencodable", "fatal"])
def test_neither_healing_nor_comparing_takes_the_row_for_deleted(sandbox, hub, fault):
    poll(hub)
    rows = held(hub)
    quirk(sandbox, **{fault: f"invoice:{an_invoice(sandbox, 30)}"})
    dataset, source = dataset_named("whmcs.invoices"), source_of("whmcs")

    healed = heal(dataset, source, hub.sync)
    (drift,) = reconcile(dataset, source, hub.sync)
    source.client.close()

    assert (held(hub), healed.deleted) == (rows, 0)
    assert drift.agrees


def test_trying_quarantine_again_asks_for_the_row_by_its_id(sandbox, hub):
    broken = an_invoice(sandbox, 30)
    quirk(sandbox, unencodable=f"invoice:{broken}")
    poll(hub)

    source = source_of("whmcs")
    retried = retry(dataset_named("whmcs.invoices"), source, hub.sync)
    source.client.close()

    assert retried == Retried(refused=1, requested=1)
    assert quarantine(hub) == [(broken,)]
    assert fetch(hub, "SELECT entity, record_id FROM sync.inbox WHERE state = 'waiting'") == [
        ("whmcs.invoices", broken)
    ]
