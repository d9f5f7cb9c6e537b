"""200 customers, every endpoint: nobody ever sees a row that is not theirs."""

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from core.settings import ApiSettings
from pipelines.datasets import DATASETS
from pipelines.sources.connect import source_of
from pipelines.sync.run import run
from read_api.auth.keys import rotate
from read_api.auth.tokens import mint
from sandbox.config import Config
from sandbox.server import start
from tests.conftest import copied_database
from tests.e2e.conftest import hub_environment
from tests.e2e.mixing import AT_ONCE, Mix, people_of
from tests.serving import KEY, served_api

CUSTOMERS = 200
REQUESTS, PARTIES = 10_000, 100
ID = re.compile(r'"id" ?: ?"([0-9a-f-]{36})"')
LISTS = (
    "/api/me", "/api/dashboard", "/api/invoices?limit=100", "/api/payment-methods", "/api/subscriptions?limit=100",
    "/api/sims?limit=100", "/api/orders?limit=100", "/api/support/cases?limit=100",
)  # fmt: skip
THINGS = {
    "invoices": ("/api/invoices/{}",),
    "subscriptions": ("/api/subscriptions/{}", "/api/subscriptions/{}/invoices"),
    "sims": ("/api/sims/{}", "/api/sims/{}/usage"),
    "orders": ("/api/orders/{}",),
    "support_cases": ("/api/support/cases/{}",),
}
OWNED = ("invoices", "invoice_items", "payments", "payment_methods", "subscriptions", "sims", "orders", "order_items")
OWNED += ("support_cases", "case_comments")


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    """A database that holds the first load of a sandbox with enough customers; nobody changes it."""
    ports = {"salesforce_port": 0, "salesforce_grpc_port": 0, "whmcs_port": 0, "freebit_port": 0}
    with (
        copied_database() as database,
        start(Config(customers=CUSTOMERS + 30, **ports)) as sandbox,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in (hub_environment(sandbox, database) | {"WHMCS_PAGE_ROWS": "1000"}).items():
            environment.setenv(name, value)
        sources = {system: source_of(system) for system in ("salesforce", "whmcs", "freebit")}
        for dataset in DATASETS:
            run(dataset, sources[dataset.system], database.sync)
        for source in sources.values():
            source.client.close()
        yield database


def owners(url: str) -> dict[UUID, UUID]:
    """Which customer each row of the hub belongs to."""
    found: dict[UUID, UUID] = {}
    with psycopg.connect(url) as connection:
        for table in OWNED:
            found |= dict(
                connection.execute(
                    f"SELECT t.id, a.customer_id FROM hub.{table} t"  # noqa: S608 - names of our own
                    " JOIN hub.customer_accounts a ON a.id = t.account_id"
                ).fetchall()
            )
        found |= dict(connection.execute("SELECT id, id FROM hub.customers").fetchall())
    return found


def some_customers(url: str, many: int) -> list[UUID]:
    with psycopg.connect(url) as connection:
        query = "SELECT id FROM hub.customers WHERE deleted_at IS NULL ORDER BY id LIMIT %s"
        return [row[0] for row in connection.execute(query, [many]).fetchall()]


def things_of(url: str) -> dict[str, list[UUID]]:
    """Ids of all there is of what has an address of its own, by table."""
    with psycopg.connect(url) as connection:
        return {
            table: [row[0] for row in connection.execute(f"SELECT id FROM hub.{table} ORDER BY id").fetchall()]  # noqa: S608
            for table in THINGS
        }


def test_nobody_sees_a_row_of_anybody_else(loaded):
    owner_of = owners(loaded.owner)
    customers, things = some_customers(loaded.owner, CUSTOMERS), things_of(loaded.owner)
    shown = 0

    with served_api(loaded) as url, httpx.Client(base_url=url, timeout=30) as client:
        for number, customer in enumerate(customers):
            headers = {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), customer)}"}
            for address in LISTS:
                answer = client.get(address, headers=headers)
                assert answer.status_code == 200, (address, answer.text)
                ids = [UUID(found) for found in ID.findall(answer.text)]
                shown += len(ids)
                assert {owner_of[found] for found in ids} <= {customer}, address
            for table, addresses in THINGS.items():
                # Somebody else's, another one for each customer.
                foreign = next(
                    each for each in things[table][number % len(things[table]) :] + things[table]
                    if owner_of.get(each) != customer
                )  # fmt: skip
                for address in addresses:
                    answer = client.get(address.format(foreign), headers=headers)
                    assert answer.status_code == 404, address
                    assert json.loads(answer.text)["title"]

    assert len(customers) == CUSTOMERS
    assert shown > 10 * CUSTOMERS


async def test_ten_thousand_requests_of_many_people_at_once_show_nothing_foreign_and_do_nothing_above_a_role(
    loaded, monkeypatch
):
    owner_of = owners(loaded.owner)
    people = people_of(loaded.owner, some_customers(loaded.owner, PARTIES))
    with psycopg.connect(loaded.owner, autocommit=True) as connection:
        rotate(connection, 15)
        everybodys = {row[0] for row in connection.execute("SELECT id FROM hub.products")}
    for name in (
        "API_COMMANDS_PER_MINUTE",
        "API_COMMANDS_PER_DAY",
        "API_COMMANDS_OPEN",
        "AUTH_TRIES_PER_ADDRESS",
        "API_CATCH_UPS_PER_MINUTE",
    ):
        monkeypatch.setenv(name, "100000")

    with served_api(loaded) as url:
        limits = httpx.Limits(max_connections=AT_ONCE // 2)
        async with (
            httpx.AsyncClient(base_url=url, timeout=60, limits=limits, headers={"origin": url}) as client,
            httpx.AsyncClient(base_url=url, timeout=60) as streams,
        ):
            mix = Mix(client, streams, people, owner_of, things_of(loaded.owner), Random(17))  # no secret
            await mix.log_in()
            await mix.ask(REQUESTS)

    known = mix.owner_of | mix.commands
    foreign = [
        f"{address} shows {found}" for customer, found, address in mix.shown
        if found not in everybodys and known.get(found) != customer
    ]  # fmt: skip
    assert (mix.wrong, foreign) == ([], [])
    answered = ("GET 304", "GET 404", "POST 202", "POST 403", "POST 404", "live 200")
    assert min(mix.statuses[each] for each in answered) > REQUESTS // 200, mix.statuses
    assert len(mix.shown) > REQUESTS // 2


def test_the_apis_role_sees_nothing_at_all_while_it_speaks_for_nobody(loaded):
    with psycopg.connect(loaded.api) as connection:
        for table in (*OWNED, "customers", "customer_accounts", "sim_usage", "products", "prices"):
            assert connection.execute(f"SELECT count(*) FROM hub.{table}").fetchone() == (0,), table  # noqa: S608
