"""The API over a migrated database, spoken to as a client does."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar import Litestar

from core.settings import ApiSettings
from read_api.app import create_app
from read_api.auth.tokens import mint
from read_api.store.database import Database
from tests.builders import account_of, insert, insert_customer
from tests.conftest import as_api

NOW = datetime(2025, 6, 10, 3, tzinfo=UTC)


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(jwt_key="k" * 32, pool_size=2)


@pytest.fixture
def app(database: Any, api_settings: ApiSettings) -> Litestar:
    return create_app(
        as_api(database),
        api_settings,
        now=lambda: NOW,
    )


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    # Not app.lifespan(): pytest ends a fixture in another task than it began in, which a task group does not survive.
    hub_database: Database = app.state["services"].database
    await hub_database.open()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client
    await hub_database.close()


@pytest.fixture
def rows(database: Any) -> Iterator["psycopg.Connection[Any]"]:
    """A connection that may write; committed at every statement."""
    with psycopg.connect(database.sync, autocommit=True) as connection:
        yield connection


@pytest.fixture
def bearer(api_settings: ApiSettings) -> Any:
    """Headers that speak for a customer."""
    return lambda customer: {"authorization": f"Bearer {mint(api_settings, customer)}"}


def furnish(rows: "psycopg.Connection[Any]") -> dict[str, Any]:
    """A customer with one of everything; the ids of all of it by table, the customer's row at `customers`."""
    customer = insert_customer(rows)
    owned: dict[str, Any] = {"customers": customer}

    def own(table: str, **values: object) -> UUID:
        owned[table] = insert(rows, table, account_id=account_of(customer, table), **values)["id"]
        stored: UUID = owned[table]
        return stored

    subscription = own("subscriptions", service_type="sim")
    sim = own("sims", subscription_id=subscription, is_open=True)
    own("sim_usage", sim_id=sim)
    invoice = own("invoices")
    own("invoice_items", invoice_id=invoice, subscription_id=subscription)
    own("payments", invoice_id=invoice)
    own("payment_methods")
    order = own("orders")
    own("order_items", order_id=order)
    own("case_comments", case_id=own("support_cases"))
    owned["commands"] = insert(rows, "command.commands", account_id=customer["salesforce_account_id"])["id"]
    return owned


def addresses(owned: dict[str, Any]) -> list[str]:
    """Every operation of the API that answers about a customer, for what `furnish` made."""
    return [
        "/api/me",
        "/api/dashboard",
        "/api/invoices",
        "/api/invoices?sort=dueDate",
        "/api/invoices?sort=-dueDate",
        "/api/invoices?sort=issueDate",
        f"/api/invoices/{owned['invoices']}",
        "/api/payment-methods",
        "/api/subscriptions",
        f"/api/subscriptions/{owned['subscriptions']}",
        f"/api/subscriptions/{owned['subscriptions']}/invoices",
        "/api/sims",
        f"/api/sims/{owned['sims']}",
        f"/api/sims/{owned['sims']}/usage",
        "/api/catalog/products",
        "/api/orders",
        f"/api/orders/{owned['orders']}",
        "/api/support/cases",
        f"/api/support/cases/{owned['support_cases']}",
        "/api/commands",
        f"/api/commands/{owned['commands']}",
    ]
