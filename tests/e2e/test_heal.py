"""Every drift is found and healed, and nothing is deleted because a source hiccuped."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from core.errors import BrakeError, IncompleteReadError
from core.settings import ApiSettings
from domain.common.identifiers import hub_id
from pipelines.datasets import dataset_named
from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Dataset, Page, ReadRequest
from pipelines.sync.heal import Healed, heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.run import run
from read_api.app import create_app
from read_api.auth.tokens import mint
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.conftest import Database, as_api
from tests.e2e.loading import copy_of, furnished_from

NAMES = ("salesforce.cases", "whmcs.services", "whmcs.invoices")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=60, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def furnished(sandbox: RunningSandbox) -> Iterator[Database]:
    with furnished_from(sandbox, NAMES) as database:
        yield database


@pytest.fixture
def hub(sandbox: RunningSandbox, furnished: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    with copy_of(furnished, sandbox, monkeypatch) as database:
        yield database


def healed(database: Any, dataset: Dataset, **options: bool) -> Healed:
    source = source_of(dataset.system)
    try:
        return heal(dataset, source, database.sync, **options)
    finally:
        source.client.close()


def agrees(database: Any, name: str) -> bool:
    source = source_of(dataset_named(name).system)
    try:
        return all(drift.agrees for drift in reconcile(dataset_named(name), source, database.sync))
    finally:
        source.client.close()


def execute(database: Any, query: str, *values: object) -> list[Any]:
    with psycopg.connect(database.owner) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def verified(database: Any, name: str) -> Any:
    query = "SELECT verified_through, parked_at, parked_reason FROM sync.freshness WHERE dataset = %s"
    return execute(database, query, name)[0]


def vanish(sandbox: RunningSandbox, database: Any, rows: int) -> None:
    """Delete invoices at WHMCS, without a word."""
    for (invoice,) in execute(database, "SELECT source_id FROM hub.invoices ORDER BY source_id LIMIT %s", rows):
        content = {"system": "whmcs", "object": "invoice", "id": invoice, "fields": None}
        httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", json=content).raise_for_status()


def test_rows_that_are_missing_different_or_phantoms_are_healed(hub):
    execute(hub, "DELETE FROM hub.invoices WHERE id IN (SELECT id FROM hub.invoices ORDER BY id LIMIT 3)")
    execute(hub, "UPDATE hub.invoices SET total = 1 WHERE id IN (SELECT id FROM hub.invoices ORDER BY id DESC LIMIT 2)")
    execute(
        hub,
        "INSERT INTO hub.invoices SELECT (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid(),"
        " 'source_id', '99999999', 'first_seen_at', now() - interval '1 hour'))).* FROM hub.invoices i LIMIT 1",
    )
    execute(hub, "UPDATE hub.invoices SET id = %s WHERE source_id = '99999999'", invoice_id("99999999"))

    found = healed(hub, dataset_named("whmcs.invoices"))

    assert (found.missing, found.different, found.extra, found.deleted) == (3, 2, 1, 1)
    assert agrees(hub, "whmcs.invoices")


def invoice_id(source_id: str) -> Any:
    return hub_id("whmcs", "invoice", source_id)


def test_what_vanished_at_the_source_is_marked_deleted(sandbox, hub):
    vanish(sandbox, hub, 5)

    found = healed(hub, dataset_named("whmcs.invoices"))

    assert (found.extra, found.deleted) == (5, 5)
    assert agrees(hub, "whmcs.invoices")


def test_more_deletions_than_likely_stop_the_pass_and_park_it_until_somebody_says_so(sandbox, hub):
    vanish(sandbox, hub, 40)

    with pytest.raises(BrakeError, match="--allow-deletions"):
        healed(hub, dataset_named("whmcs.invoices"))
    stopped = verified(hub, "whmcs.invoices")
    alive = execute(hub, "SELECT count(*) FROM hub.invoices WHERE deleted_at IS NOT NULL")
    healed(hub, dataset_named("whmcs.invoices"), allow_deletions=True)
    after = verified(hub, "whmcs.invoices")

    assert alive == [(0,)]
    assert stopped[0] is None
    assert stopped[1] is not None
    assert "would be marked deleted" in stopped[2]
    assert after[0] is not None
    assert after[1:] == (None, None)
    assert agrees(hub, "whmcs.invoices")


def test_what_goes_with_its_record_does_not_pull_the_brake(sandbox, hub):
    source = source_of("whmcs")
    run(dataset_named("whmcs.invoice_details"), source, hub.sync)
    source.client.close()
    vanish(sandbox, hub, 15)

    found = healed(hub, dataset_named("whmcs.invoices"))

    assert found.deleted > 22  # a twentieth of the invoices, which only their items and payments make it exceed
    assert execute(hub, "SELECT count(*) FROM hub.invoices WHERE deleted_at IS NOT NULL") == [(15,)]


def test_a_row_that_a_list_skipped_is_requested_by_its_id_and_stays(hub):
    invoices = dataset_named("whmcs.invoices")

    def skipping(request: ReadRequest) -> Iterator[Page]:
        """Rows moved between pages while the list was read."""
        for page in invoices.read(request):
            yield replace(page, rows=page.rows[1:])

    found = healed(hub, replace(invoices, read=skipping), allow_deletions=True)

    assert found.extra > 10
    assert found.deleted == 0
    assert agrees(hub, "whmcs.invoices")


def test_an_empty_answer_deletes_nothing(hub):
    def nothing(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=(), position={}, complete=True)

    with pytest.raises(BrakeError):
        healed(hub, replace(dataset_named("whmcs.services"), read=nothing))

    assert execute(hub, "SELECT count(*) FROM hub.subscriptions WHERE deleted_at IS NOT NULL") == [(0,)]


def test_a_pass_that_breaks_in_the_middle_verifies_nothing(hub):
    invoices = dataset_named("whmcs.invoices")

    def breaking(request: ReadRequest) -> Iterator[Page]:
        yield next(invoices.read(request))
        raise IncompleteReadError("GetInvoices", read=25, reported=440)

    with pytest.raises(IncompleteReadError):
        healed(hub, replace(invoices, read=breaking))

    assert verified(hub, "whmcs.invoices") == (None, None, None)


@pytest.mark.parametrize("name", NAMES)
def test_a_pass_that_ends_well_verifies_everything_and_leaves_the_polls_their_position(hub, name):
    before = execute(hub, "SELECT position FROM sync.cursors WHERE dataset = %s", name)

    found = healed(hub, dataset_named(name))

    assert (found.missing, found.different, found.extra, found.deleted) == (0, 0, 0, 0)
    assert verified(hub, name)[0] is not None
    assert execute(hub, "SELECT position FROM sync.cursors WHERE dataset = %s", name) == before
    windows = execute(hub, "SELECT count(*), sum(source_rows) FROM sync.windows WHERE dataset = %s", name)[0]
    assert windows == (found.windows, found.source_rows)


def test_many_soft_deletions_at_once_stop_a_poll_too(sandbox, hub):
    cases = execute(hub, "SELECT source_id FROM hub.support_cases WHERE deleted_at IS NULL")
    for (case,) in cases[: len(cases) // 2]:
        content = {"system": "salesforce", "object": "Case", "id": case, "fields": None}
        httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", json=content).raise_for_status()
    source = source_of("salesforce")

    with pytest.raises(BrakeError):
        run(dataset_named("salesforce.cases"), source, hub.sync)
    kept = execute(hub, "SELECT count(*) FROM hub.support_cases WHERE deleted_at IS NULL")
    run(dataset_named("salesforce.cases"), source, hub.sync, allow_deletions=True)
    source.client.close()

    assert kept == [(len(cases),)]
    assert execute(hub, "SELECT count(*) FROM hub.support_cases WHERE deleted_at IS NULL") == [
        (len(cases) - len(cases) // 2,)
    ]


def purge(sandbox: RunningSandbox, database: Any) -> tuple[str, str]:
    """Delete a case for good at Salesforce, without a word; its id there, and a token of its customer."""
    case, customer = execute(
        database,
        "SELECT c.source_id, a.customer_id FROM hub.support_cases c JOIN hub.customer_accounts a ON a.id = c.account_id"
        " WHERE c.deleted_at IS NULL ORDER BY c.source_id LIMIT 1",
    )[0]
    content = {"object": "Case", "id": case}
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/purge", json=content).raise_for_status()
    return case, customer


def pass_days(sandbox: RunningSandbox, days: int) -> None:
    clock = {"advance_seconds": days * 86400}
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/clock", json=clock).raise_for_status()


def poll(database: Any, name: str) -> None:
    source = source_of(dataset_named(name).system)
    run(dataset_named(name), source, database.sync)
    source.client.close()


async def shown_cases(database: Any, customer: Any) -> set[str]:
    """The numbers of the cases that the API shows the customer."""
    settings = ApiSettings(jwt_key="k" * 32)
    app = create_app(
        as_api(database),
        settings,
    )
    await app.state["services"].database.open()
    headers = {"Authorization": f"Bearer {mint(settings, customer)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub", headers=headers) as client:
        answer = (await client.get("/api/support/cases?limit=100")).json()
    await app.state["services"].database.close()
    return {each["caseNumber"] for each in answer["data"]}


@pytest.mark.parametrize("days_unseen", [0, 16], ids=["in reach of getDeleted", "out of its reach"])
async def test_what_was_deleted_for_good_leaves_the_api_and_stays_in_the_tables(sandbox, hub, days_unseen):
    poll(hub, "salesforce.accounts")
    poll(hub, "salesforce.cases")
    case, customer = purge(sandbox, hub)
    number = execute(hub, "SELECT case_number FROM hub.support_cases WHERE source_id = %s", case)[0][0]
    before = await shown_cases(hub, customer)
    pass_days(sandbox, days_unseen)

    poll(hub, "salesforce.cases")
    after_poll = await shown_cases(hub, customer)
    if days_unseen:
        healed(hub, dataset_named("salesforce.cases"))

    assert number in before
    assert after_poll == (before if days_unseen else before - {number})
    assert await shown_cases(hub, customer) == before - {number}
    kept = execute(
        hub, "SELECT deleted_at IS NOT NULL, subject <> '' FROM hub.support_cases WHERE source_id = %s", case
    )
    assert kept == [(True, True)]
    assert agrees(hub, "salesforce.cases")
