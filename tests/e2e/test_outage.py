"""A source, or the hub, is away for an hour: the API answers and says its age; then nothing is missing, nothing twice.

No hour passes: the sandbox's clock is moved on, and what the hub knows of moments is moved back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest

from core.errors import UnavailableError
from core.settings import ApiSettings
from domain.common.identifiers import SYSTEMS, System
from domain.common.vocabulary import FreebitVocabulary
from pipelines.datasets import DATASETS
from pipelines.events.worker import Applier, Tally
from pipelines.sources.connect import source_of
from pipelines.sync.heal import heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.run import run
from read_api.app import create_app
from read_api.auth.tokens import mint
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.builders import insert
from tests.conftest import as_api
from tests.e2e.conftest import hub_environment

HOUR = 3600
HOURS = 3
"""More than pass in any test."""
STAMPS = {
    "sync.freshness": ("as_of", "checked_at"),
    "sync.sources": ("opened_at", "retry_at", "promised_until"),
    "sync.inbox": ("received_at", "due_at"),
    "hub.sims": ("details_due_at", "usage_due_at"),
}


@dataclass(frozen=True)
class Hub:
    """A hub that knows everything, and the sandbox that it knows it from."""

    sandbox: RunningSandbox
    database: Any

    def all(self, query: str, *values: object) -> list[Any]:
        with psycopg.connect(self.database.owner) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *values: object) -> Any:
        return self.all(query, *values)[0][0]

    def control(self, name: str, **content: Any) -> None:
        httpx.post(f"{self.sandbox.whmcs_url}/__sandbox__/{name}", json=content).raise_for_status()

    def mutate(self, system: str, kind: str, identity: str, fields: dict[str, Any] | None) -> None:
        self.control("mutate", system=system, object=kind, id=identity, fields=fields)

    def avoid_midnight(self) -> None:
        """Late in the day, begin on the next: a line's use of a new day is read within a day, not within the hour."""
        left = 24 - datetime.now(FreebitVocabulary().zone).hour
        if left <= HOURS:
            self.control("clock", advance_seconds=left * HOUR)

    def pass_an_hour(self) -> None:
        self.control("clock", advance_seconds=HOUR)
        for table, columns in STAMPS.items():
            earlier = ", ".join(f"{column} = {column} - interval '1 hour'" for column in columns)
            self.all(f"UPDATE {table} SET {earlier}")  # noqa: S608 - our own words

    def poll(self, *systems: System) -> dict[str, int]:
        """Rows written to each data set of these systems that was read, and what waits applied."""
        written = {}
        tally = Tally()
        for system in systems:
            source = source_of(system)
            for dataset in (each for each in DATASETS if each.system == system):
                try:
                    written[dataset.name] = run(dataset, source, self.database.sync).merged.written
                except UnavailableError:
                    continue
            assert Applier(system, source, self.database.sync, tally).drain()
            source.client.close()
        return written

    def heal(self) -> None:
        """The night's reconcile, which finds what vanished without a word."""
        source = source_of("whmcs")
        for dataset in DATASETS:
            if dataset.system == "whmcs" and dataset.details is None:
                heal(dataset, source, self.database.sync)
        source.client.close()

    def drifts(self) -> list[str]:
        """Data sets that differ from their source."""
        sources = {system: source_of(system) for system in SYSTEMS}
        found = [
            dataset.name
            for dataset in DATASETS
            if not all(drift.agrees for drift in reconcile(dataset, sources[dataset.system], self.database.sync))
        ]
        for source in sources.values():
            source.client.close()
        return found


@pytest.fixture
def hub(database: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    config = Config(customers=15, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    with start(config) as sandbox:
        once = {f"{system.upper()}_RETRY_ATTEMPTS": "1" for system in SYSTEMS}
        for name, value in (hub_environment(sandbox, database) | once).items():
            monkeypatch.setenv(name, value)
        hub = Hub(sandbox, database)
        hub.avoid_midnight()
        hub.poll(*SYSTEMS)
        yield hub


@pytest.fixture
async def portal(hub: Hub) -> Any:
    """The API as the portal of a customer that has bills calls it."""
    settings = ApiSettings(jwt_key="k" * 32)
    app = create_app(
        as_api(hub.database),
        settings,
    )
    customer = hub.one(
        "SELECT a.customer_id FROM hub.invoices i JOIN hub.customer_accounts a ON a.id = i.account_id"
        " JOIN hub.sims s ON s.account_id = a.id JOIN hub.customer_accounts crm ON crm.customer_id = a.customer_id"
        " JOIN hub.orders o ON o.account_id = crm.id ORDER BY a.id LIMIT 1"
    )
    await app.state["services"].database.open()
    headers = {"Authorization": f"Bearer {mint(settings, customer)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub", headers=headers) as client:
        yield client
    await app.state["services"].database.close()


def changed_at_salesforce(hub: Hub) -> None:
    account, gone = hub.all(
        "SELECT source_id FROM hub.customer_accounts WHERE source = 'salesforce' ORDER BY source_id DESC LIMIT 2"
    )
    case = hub.one("SELECT source_id FROM hub.support_cases ORDER BY source_id LIMIT 1")
    hub.mutate("salesforce", "Account", account[0], {"Phone": "03-1111-2222"})
    hub.mutate("salesforce", "Account", gone[0], None)
    hub.control("purge", object="Case", id=case)
    # Salesforce deletes the comments of a case with it.
    for (comment,) in hub.all(
        "SELECT m.source_id FROM hub.case_comments m JOIN hub.support_cases c ON c.id = m.case_id"
        " WHERE c.source_id = %s", case
    ):  # fmt: skip
        hub.control("purge", object="CaseComment", id=comment)


def changed_at_whmcs(hub: Hub) -> None:
    notified, unreported, gone = hub.all(
        "SELECT source_id FROM hub.invoices WHERE status = 'unpaid' ORDER BY source_id LIMIT 3"
    )
    for (invoice,) in (notified, unreported):
        hub.mutate("whmcs", "invoice", invoice, {"status": "Paid", "updated_at": "2026-11-24 12:00:00"})
    hub.mutate("whmcs", "invoice", gone[0], None)
    with psycopg.connect(hub.database.owner) as connection:
        insert(connection, "sync.inbox", source="whmcs", event_id="e-1", record_id=notified[0])


def changed_at_freebit(hub: Hub) -> None:
    line, msisdn = hub.all("SELECT source_id, msisdn FROM hub.sims WHERE is_open ORDER BY source_id LIMIT 1")[0]
    hub.mutate("freebit", "line", msisdn, {"quota": "123456"})
    with psycopg.connect(hub.database.owner) as connection:
        insert(connection, "sync.inbox", source="hub", event_id="line:1", entity="line", record_id=line)


CHANGES: dict[str, Callable[[Hub], None]] = {
    "salesforce": changed_at_salesforce,
    "whmcs": changed_at_whmcs,
    "freebit": changed_at_freebit,
}
CALLED_AT = {"salesforce": "/services/", "whmcs": "/includes/api.php", "freebit": "/emptool/"}
SHOWS = {"salesforce": "/api/orders", "whmcs": "/api/invoices", "freebit": "/api/sims"}


@pytest.mark.parametrize("away", SYSTEMS)
async def test_a_source_that_is_away_for_an_hour_leaves_nothing_out_and_nothing_twice(hub, portal, away):
    before = (await portal.get(SHOWS[away])).json()
    hub.control("faults", match=CALLED_AT[away], mode="status:503", times=100_000)

    CHANGES[away](hub)
    for _ in range(3):
        hub.poll(away)
    hub.pass_an_hour()
    meanwhile = (await portal.get(SHOWS[away])).json()
    hub.poll(away)
    hub.sandbox.state.faults.clear()
    hub.pass_an_hour()
    hub.poll(away)
    hub.heal()

    assert meanwhile["data"] == before["data"]
    assert meanwhile["meta"]["ageSeconds"] >= HOUR
    assert hub.drifts() == []
    assert hub.all("SELECT count(*) FROM sync.inbox WHERE state <> 'done'") == [(0,)]
    assert twice(hub) == []


async def test_a_hub_that_was_stopped_for_an_hour_catches_up(hub, portal):
    for change in CHANGES.values():
        change(hub)
    hub.pass_an_hour()

    meanwhile = (await portal.get("/api/invoices")).json()
    hub.poll(*SYSTEMS)
    hub.heal()
    after = (await portal.get("/api/invoices")).json()
    again = hub.poll("salesforce", "whmcs")

    assert meanwhile["meta"]["ageSeconds"] >= HOUR
    assert after["meta"]["ageSeconds"] < HOUR
    assert hub.drifts() == []
    assert twice(hub) == []
    assert set(again.values()) == {0}


def twice(hub: Hub) -> list[Any]:
    """Changes that the log has twice in a row: the same columns of a record to the same values."""
    return hub.all(
        "SELECT entity, entity_id FROM (SELECT entity, entity_id, operation, after,"
        " lag(after) OVER w AS last_after, lag(operation) OVER w AS last_operation FROM sync.changes"
        " WINDOW w AS (PARTITION BY entity, entity_id ORDER BY changed_at, seq)) c"
        " WHERE operation = last_operation AND after IS NOT DISTINCT FROM last_after"
    )
