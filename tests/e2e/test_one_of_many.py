"""A notification of one record costs a bounded number of calls, however many its client has (issue 13, A15)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pipelines.datasets import dataset_named
from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Page, ReadRequest, Selection
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment

MANY = 3000
CLIENT = "1001"
FIRST = 5_000_001


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """A WHMCS in which one client has thousands of invoices, the last of them being the newest of all."""
    with start(
        Config(customers=20, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        row = {"userid": CLIENT, "status": "Paid", "date": "2026-11-24", "duedate": "2026-12-01", "total": "10.00"}
        for number in range(MANY):
            running.state.overlay.put("whmcs", "invoice", str(FIRST + number), row)
        yield running


@pytest.fixture
def source(sandbox: RunningSandbox, database: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in hub_environment(sandbox, database).items():
        monkeypatch.setenv(name, value)
    source = source_of("whmcs")
    yield source
    source.client.close()


def calls(sandbox: RunningSandbox) -> int:
    return int(httpx.get(f"{sandbox.whmcs_url}/__sandbox__/calls").json()["total"])


def read_for(source: Any, *records: int, owners: dict[int, str] | None = None) -> list[Page]:
    """What is read for a notification of these invoices, of which the hub knows the `owners`."""
    dataset = dataset_named("whmcs.invoices")
    assert dataset.read_some is not None
    only = Selection(records=frozenset(map(str, records)))
    known = {str(record): owner for record, owner in (owners or {}).items()}
    request = ReadRequest(source, position={}, full=False, only=only, known_owners=known)
    return list(dataset.read_some(request))


def ids(pages: list[Page]) -> list[int]:
    return sorted(int(row["id"]) for page in pages for row in page.rows)


@pytest.mark.parametrize("at", [0, MANY // 3, MANY - 51, MANY - 1])
def test_one_invoice_of_thousands_is_found_in_a_few_calls(sandbox, source, at):
    before = calls(sandbox)

    found = read_for(source, FIRST + at, owners={FIRST + at: CLIENT})

    assert ids(found) == [FIRST + at]
    assert calls(sandbox) - before <= 8


def test_an_invoice_whose_client_the_hub_does_not_know_costs_one_call_more(sandbox, source):
    before = calls(sandbox)

    found = read_for(source, FIRST + 77)

    assert ids(found) == [FIRST + 77]
    assert calls(sandbox) - before <= 9


def test_many_invoices_of_a_client_cost_no_more_than_reading_all_of_them(sandbox, source):
    wanted = [FIRST + number for number in range(0, MANY, 11)]
    before = calls(sandbox)

    found = read_for(source, *wanted, owners=dict.fromkeys(wanted, CLIENT))

    assert ids(found) == wanted
    assert calls(sandbox) - before <= 2 * MANY / 50


def test_an_invoice_that_was_given_to_another_client_is_found_with_that_one(sandbox, source):
    found = read_for(source, FIRST + 77, owners={FIRST + 77: "1003"})

    assert ids(found) == [FIRST + 77]


def test_an_invoice_that_is_not_there_is_gone(sandbox, source):
    found = read_for(source, FIRST - 1, owners={FIRST - 1: CLIENT})

    assert ids(found) == []
    assert [record for page in found for record in page.gone] == [str(FIRST - 1)]


def test_invoices_that_come_and_go_while_one_is_looked_for_do_not_hide_it(sandbox, source):
    for fields, identity in (({}, FIRST), (None, FIRST), ({}, FIRST + MANY)):
        change = {"system": "whmcs", "object": "invoice", "id": str(identity), "fields": fields}
        if fields is not None:
            change["fields"] = {"userid": CLIENT, "status": "Paid"}
        change["before"] = "GetInvoices"
        httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", json=change).raise_for_status()

    found = read_for(source, FIRST + 1234, owners={FIRST + 1234: CLIENT})

    assert ids(found) == [FIRST + 1234]
