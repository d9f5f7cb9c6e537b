"""A client writes other customers' numbers into his own WHMCS profile: he sees what is his, and nobody loses a link.

WHMCS's client area lets clients edit custom fields that are not "admin only" (V: WHMCS docs, "Custom Fields").
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from core.settings import ApiSettings
from pipelines.datasets import DATASETS, dataset_named
from pipelines.datasets.linking import OUTVOTED
from pipelines.sources.connect import source_of
from pipelines.sources.whmcs.php import custom_fields
from pipelines.sync.dataset import Source
from pipelines.sync.run import run
from pipelines.sync.status import statuses
from read_api.auth.tokens import mint
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment
from tests.serving import KEY, served_api

NUMBER_FIELD = 198
READ = ("salesforce.accounts", "whmcs.clients", "whmcs.client_details", "salesforce.orders", "salesforce.cases")
PAGES = ("/api/me", "/api/orders?limit=100", "/api/support/cases?limit=100", "/api/invoices?limit=100")


@dataclass(frozen=True)
class Person:
    """A linked customer: its id, its WHMCS client, and the number that the CRM has for it."""

    customer: UUID
    client: str
    number: str


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    config = Config(customers=40, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    with start(config) as running:
        yield running


@pytest.fixture
def hub(sandbox: RunningSandbox, database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/reset").raise_for_status()
    for name, value in hub_environment(sandbox, database).items():
        monkeypatch.setenv(name, value)
    for name in READ:
        with source(name) as of:
            run(dataset_named(name), of, database.sync)
    return database


@contextmanager
def source(dataset: str) -> Iterator[Source]:
    made = source_of(dataset_named(dataset).system)
    yield made
    made.client.close()


def people(database: Any) -> list[Person]:
    """Who is linked, whoever has most orders first."""
    with psycopg.connect(database.owner) as connection:
        rows = connection.execute(
            "SELECT c.id, w.source_id, c.account_number FROM hub.customers c"
            " JOIN hub.customer_accounts w ON w.id = c.whmcs_account_id"
            " WHERE c.salesforce_account_id IS NOT NULL AND c.account_number IS NOT NULL AND w.partner_key IS NOT NULL"
            " ORDER BY (SELECT count(*) FROM hub.orders o WHERE o.account_id = c.salesforce_account_id) DESC, c.id"
        ).fetchall()
    return [Person(*row) for row in rows]


def links(database: Any) -> set[tuple[str, UUID]]:
    with psycopg.connect(database.owner) as connection:
        return set(
            connection.execute(
                "SELECT source_id, customer_id FROM hub.customer_accounts WHERE link_status = 'linked'"
            ).fetchall()
        )


def write_number(database: Any, client: str, number: str) -> None:
    """The client edits his profile, and the hub reads it again."""
    with source("whmcs.client_details") as whmcs:
        whmcs.client.change("UpdateClient", clientid=client, customfields=custom_fields({NUMBER_FIELD: number}))
        with psycopg.connect(database.owner) as connection:
            connection.execute(
                "UPDATE hub.customer_accounts SET details_due_at = now() WHERE source = 'whmcs' AND source_id = %s",
                [client],
            )
        run(dataset_named("whmcs.client_details"), whmcs, database.sync)


def seen(database: Any, *customers: UUID) -> list[dict[str, Any]]:
    """What the API shows each of them."""
    with served_api(database) as url, httpx.Client(base_url=url, timeout=30) as client:
        pages = [
            {page: client.get(page, headers=speaking_for(one)).json()["data"] for page in PAGES} for one in customers
        ]
    for each in pages:
        del each["/api/me"]["detailsAsOf"]  # the profile was read again
    return pages


def speaking_for(customer: UUID) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), customer)}"}


def complaints(database: Any) -> dict[str, int]:
    """What `hub status` says of links."""
    with psycopg.connect(database.owner) as connection:
        found = statuses(connection, DATASETS)
        return dict(next(one for one in found if one.dataset == "customer.links").quarantine_reasons)


def test_who_writes_anothers_number_sees_only_his_own_and_operators_see_it(hub):
    victim, attacker, *_ = people(hub)
    before = seen(hub, attacker.customer, victim.customer)
    complained = complaints(hub).get(OUTVOTED, 0)

    write_number(hub, attacker.client, victim.number)

    assert seen(hub, attacker.customer, victim.customer) == before
    assert before[1]["/api/orders?limit=100"]
    assert complaints(hub)[OUTVOTED] == complained + 1


def test_walking_through_every_number_breaks_nobodys_link(hub):
    attacker, *others = people(hub)
    before = links(hub)

    for other in others:
        write_number(hub, attacker.client, other.number)
        assert links(hub) == before

    assert len(others) > 10
