"""What a customer sees first: counts and sums of its own, of what is there and of nothing else."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx

from tests.builders import NOON, account_of, insert, insert_customer


async def test_it_counts_what_is_open_and_sums_up_what_is_still_to_pay(
    client: httpx.AsyncClient, rows: Any, bearer: Any
) -> None:
    mine, other = insert_customer(rows), insert_customer(rows)
    for customer in (mine, other):
        billing, crm = customer["whmcs_account_id"], customer["salesforce_account_id"]

        def invoice(total: int, billing: Any = billing, **values: Any) -> None:
            insert(
                rows, "invoices", account_id=billing, total=Decimal(total), **{"due_on": date(2025, 6, 11), **values}
            )

        # Today is 2025-06-10 in the zone of the settings.
        invoice(100)
        invoice(200, balance=Decimal(150), due_on=date(2025, 6, 10))
        invoice(400, balance=Decimal(0), due_on=date(2025, 6, 9))
        invoice(800, currency="USD", due_on=None)
        invoice(1600, status="paid", due_on=date(2025, 6, 1))
        invoice(3200, status="draft", due_on=date(2025, 6, 1))
        invoice(6400, deleted_at=NOON, due_on=date(2025, 6, 1))
        for status in ("active", "active", "suspended", "cancelled"):
            insert(rows, "subscriptions", account_id=billing, status=status)
        insert(rows, "subscriptions", account_id=billing, deleted_at=NOON)
        for is_closed in (False, False, True):
            insert(rows, "support_cases", account_id=crm, is_closed=is_closed)
        insert(rows, "support_cases", account_id=crm, deleted_at=NOON)

    found = (await client.get("/api/dashboard", headers=bearer(mine["id"]))).json()["data"]

    assert found | {"recentOrders": None} == {
        "unpaidInvoices": 4,
        "overdueInvoices": 1,
        "amountsDue": [{"value": 250, "currency": "JPY"}, {"value": 800, "currency": "USD"}],
        "nextDueDate": "2025-06-09",
        "activeSubscriptions": 2,
        "openCases": 2,
        "recentOrders": None,
    }


async def test_it_shows_the_five_newest_orders_newest_first(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    mine, other = insert_customer(rows), insert_customer(rows)
    placed = [
        str(insert(rows, "orders", account_id=account_of(mine, "orders"), placed_at=NOON + timedelta(days=day))["id"])
        for day in range(7)
    ]
    newest = {"placed_at": NOON + timedelta(days=9)}
    insert(rows, "orders", account_id=account_of(mine, "orders"), deleted_at=NOON, **newest)
    insert(rows, "orders", account_id=account_of(other, "orders"), **newest)

    found = (await client.get("/api/dashboard", headers=bearer(mine["id"]))).json()["data"]

    assert [order["id"] for order in found["recentOrders"]] == placed[:1:-1]


async def test_of_nothing_there_is_nothing(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    found = (await client.get("/api/dashboard", headers=bearer(insert_customer(rows)["id"]))).json()["data"]

    assert found == {
        "unpaidInvoices": 0,
        "overdueInvoices": 0,
        "amountsDue": [],
        "nextDueDate": None,
        "activeSubscriptions": 0,
        "openCases": 0,
        "recentOrders": [],
    }
