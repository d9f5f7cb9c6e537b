"""Lists: every row once, in order, whatever the size of a page."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from read_api.answers import LAST_ID
from read_api.billing.controller import LISTINGS
from read_api.database import SESSION, Database
from tests.builders import account_of, insert, insert_customer

DAYS = [date(2025, 5, day) for day in (1, 2, 2, 3, 9, 9, 9)]
DUE = [date(2025, 6, 1), None, date(2025, 6, 20), date(2025, 6, 20), None, None, date(2025, 6, 9)]


@pytest.fixture
def invoiced(rows: Any) -> dict[str, Any]:
    customer = insert_customer(rows)
    for issued, due in zip(DAYS, DUE, strict=True):
        insert(rows, "invoices", account_id=account_of(customer, "invoices"), issued_on=issued, due_on=due)
    return customer


async def walk(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await client.get(address + cursor, headers=headers)).json()
        found += page["data"]
        if page["page"]["next"] is None:
            return found
        cursor = f"&cursor={page['page']['next']}"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("sort", "field", "reverse"),
    [
        ("-issueDate", "issueDate", True),
        ("issueDate", "issueDate", False),
        ("dueDate", "dueDate", False),
        ("-dueDate", "dueDate", True),
    ],
)
async def test_pages_hold_every_row_once_and_in_order(  # noqa: PLR0917
    client: httpx.AsyncClient, invoiced: Any, bearer: Any, limit: int, sort: str, field: str, reverse: bool
) -> None:
    found = await walk(client, f"/api/invoices?sort={sort}&limit={limit}", bearer(invoiced["id"]))

    keys = [(row[field] or "9999", row["id"]) for row in found]
    assert len({row["id"] for row in found}) == len(found) == len(DAYS)
    assert keys == sorted(keys, reverse=reverse)


HOSTILE = 'a "quoted" \\ back\nslash\t\x01 </script> 請求書 \U0001f9fe'


async def test_an_invoice_says_what_it_says_whatever_characters_that_takes(
    client: httpx.AsyncClient, rows: Any, bearer: Any
) -> None:
    customer = insert_customer(rows)
    texts = {"number": HOSTILE, "payment_method": HOSTILE, "currency": 'J"Y'}
    invoice = insert(
        rows,
        "invoices",
        account_id=account_of(customer, "invoices"),
        **texts,
        subtotal=Decimal("-1234567890.50"),
        balance=Decimal("0.00"),
        paid_at=datetime(2025, 6, 1, 2, 3, 4, 500000, tzinfo=UTC),
    )
    headers = bearer(customer["id"])

    (listed,) = await walk(client, "/api/invoices?limit=5", headers)
    single = (await client.get(f"/api/invoices/{invoice['id']}", headers=headers)).json()["data"]

    assert {**single, "items": None, "payments": None} == {**listed, "items": None, "payments": None}
    assert (listed["number"], listed["paymentMethod"]) == (HOSTILE, HOSTILE)
    assert listed["subtotal"] == {"value": -1234567890.5, "currency": 'J"Y'}
    assert listed["balance"] == {"value": 0, "currency": 'J"Y'}
    assert listed["paidAt"] == "2025-06-01T02:03:04.5+00:00"


async def test_what_an_invoice_does_not_have_is_null(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    customer = insert_customer(rows)
    nothing = ("due_on", "paid_at", "balance", "payment_method", "items_as_of")
    insert(rows, "invoices", account_id=account_of(customer, "invoices"), **dict.fromkeys(nothing))

    (listed,) = await walk(client, "/api/invoices?limit=5", bearer(customer["id"]))

    assert [listed[key] for key in ("dueDate", "daysOverdue", "paidAt", "balance", "paymentMethod", "itemsAsOf")] == (
        [None] * 6
    )


async def test_days_are_written_as_promised_whatever_the_server_prefers(database: Any, rows: Any) -> None:
    customer = insert_customer(rows)
    insert(rows, "invoices", account_id=account_of(customer, "invoices"), issued_on=DAYS[0], due_on=DAYS[1])
    with psycopg.connect(database.owner, autocommit=True) as owner:
        name = owner.info.dbname
        owner.execute(SQL("ALTER DATABASE {} SET datestyle = 'German, DMY'").format(Identifier(name)))
    api = Database(database.api, 1)
    await api.open()
    listing = LISTINGS["-issueDate"]
    values = {"status": None, "today": "2025-06-10", "issued_from": None, "issued_to": None, "rows": "2"}

    found = await api.ask(listing.question, str(customer["id"]), values | {"after": "infinity", "after_id": LAST_ID})
    await api.close()

    assert [json.loads(row[0] or b"")["issueDate"] for row in found.rows] == ["2025-05-01"]
    assert json.loads(found.rows[0][0] or b"")["dueDate"] == "2025-05-02"


@pytest.mark.parametrize("sort", ["dueDate", "-dueDate"])
def test_a_page_of_invoices_without_due_date_reads_only_what_it_shows(rows: Any, database: Any, sort: Any) -> None:
    customer = insert_customer(rows)
    for _ in range(40):
        insert(rows, "invoices", account_id=account_of(customer, "invoices"), due_on=None)
    middle = rows.execute("SELECT id FROM hub.invoices ORDER BY id OFFSET 20 LIMIT 1").fetchone()[0]
    question = LISTINGS[sort].question
    asked = dict.fromkeys(question.parameters) | {"after": "infinity", "after_id": str(middle), "rows": "6"}

    # As the API asks; the table is too small for an index to be worth it by itself.
    with psycopg.connect(database.api, options=f"{SESSION} -c enable_seqscan=off") as api:
        api.execute("SELECT set_config('hub.customer_id', %s, true)", [str(customer["id"])])
        api.execute(b"PREPARE page AS " + question.sql)
        values = SQL(", ").join(Literal(asked[name]) for name in question.parameters)
        plan = api.execute(SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ({})").format(values)).fetchone()

    assert plan is not None
    read = sum(_rows_read(plan[0][0]["Plan"]))
    assert read <= 2 * 6, plan[0][0]["Plan"]


def _rows_read(node: dict[str, Any]) -> Iterator[int]:
    """Rows of invoices that a plan's nodes took from an index, shown or not."""
    if node.get("Relation Name") == "invoices":
        yield node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    for part in node.get("Plans", ()):
        yield from _rows_read(part)


async def test_a_cursor_serves_only_the_order_it_was_given_for(
    client: httpx.AsyncClient, invoiced: Any, bearer: Any
) -> None:
    headers = bearer(invoiced["id"])
    cursor = (await client.get("/api/invoices?limit=1", headers=headers)).json()["page"]["next"]

    refused = await client.get(f"/api/invoices?limit=1&sort=dueDate&cursor={cursor}", headers=headers)

    assert (refused.status_code, refused.json()["field"]) == (400, "cursor")


async def test_overdue_is_unpaid_past_its_day(client: httpx.AsyncClient, invoiced: Any, bearer: Any) -> None:
    headers = bearer(invoiced["id"])

    overdue = await walk(client, "/api/invoices?status=overdue", headers)
    unpaid = await walk(client, "/api/invoices?status=unpaid", headers)
    dashboard = (await client.get("/api/dashboard", headers=headers)).json()["data"]

    assert sorted(row["daysOverdue"] for row in overdue) == [1, 9]
    assert len(unpaid) == 5
    assert (dashboard["unpaidInvoices"], dashboard["overdueInvoices"]) == (7, 2)
    assert dashboard["amountsDue"] == [{"value": 7700, "currency": "JPY"}]
    assert dashboard["nextDueDate"] == "2025-06-01"


async def test_both_ends_of_a_period_belong_to_it(client: httpx.AsyncClient, invoiced: Any, bearer: Any) -> None:
    found = await walk(client, "/api/invoices?from=2025-05-02&to=2025-05-03", bearer(invoiced["id"]))

    assert [row["issueDate"] for row in found] == ["2025-05-03", "2025-05-02", "2025-05-02"]


async def test_deleted_rows_are_gone(client: httpx.AsyncClient, invoiced: Any, rows: Any, bearer: Any) -> None:
    rows.execute("UPDATE hub.invoices SET deleted_at = now()")

    assert await walk(client, "/api/invoices?", bearer(invoiced["id"])) == []


async def test_the_catalogue_shows_active_portal_products_at_portal_prices(
    client: httpx.AsyncClient, invoiced: Any, rows: Any, bearer: Any
) -> None:
    shown = insert(rows, "products", category="sim")
    insert(rows, "products", in_catalog=False)
    insert(rows, "products", is_active=False)
    insert(rows, "prices", product_id=shown["id"], amount=Decimal(980))
    insert(rows, "prices", product_id=shown["id"], amount=Decimal(1), in_portal=False)

    found = await walk(client, "/api/catalog/products?category=sim", bearer(invoiced["id"]))

    assert [(row["id"], row["prices"]) for row in found] == [(str(shown["id"]), [{"value": 980, "currency": "JPY"}])]
