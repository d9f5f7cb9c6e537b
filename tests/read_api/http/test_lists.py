"""Lists: every row once, in order, whatever the size of a page."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from read_api.billing.controller import LISTINGS
from read_api.http.lists import LAST_ID
from read_api.store.database import SESSION, Database
from tests.builders import NOON, account_of, insert, insert_customer

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
    cursor, before = "", set[str]()
    while True:
        assert cursor not in before, "it goes on for ever"
        before.add(cursor)
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
        values = SQL(", ").join([*(Literal(asked[name]) for name in question.parameters), Literal("nonce")])
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


async def test_each_amount_of_an_invoice_is_its_own(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    customer = insert_customer(rows)
    account = account_of(customer, "invoices")
    amounts = {"subtotal": 1, "credit": 2, "tax": 4, "tax2": 8, "total": 16, "balance": 32}
    invoice = insert(rows, "invoices", account_id=account, items_as_of=NOON, **amounts)["id"]
    of_invoice = {"account_id": account, "invoice_id": invoice}
    insert(rows, "invoice_items", **of_invoice, amount=64)
    insert(rows, "payments", **of_invoice, kind="payment", amount_in=128, amount_out=256, paid_at=NOON)
    later = NOON + timedelta(days=1)
    insert(rows, "payments", **of_invoice, kind="refund", amount_in=512, amount_out=1024, paid_at=later)

    shown = (await client.get(f"/api/invoices/{invoice}", headers=bearer(customer["id"]))).json()["data"]

    assert {name: shown[name]["value"] for name in ("subtotal", "credit", "tax", "total", "balance")} == {
        "subtotal": 1, "credit": 2, "tax": 12, "total": 16, "balance": 32,
    }  # fmt: skip
    assert [item["amount"]["value"] for item in shown["items"]] == [64]
    assert [(payment["kind"], payment["amount"]["value"]) for payment in shown["payments"]] == [
        ("payment", 128), ("refund", 1024),
    ]  # fmt: skip


# -- every list --------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowded(rows: Any) -> dict[str, Any]:
    """A customer with several of all that is listed, where what lists are ordered by is often the same, or missing."""
    customer = insert_customer(rows)
    crm, billing = customer["salesforce_account_id"], customer["whmcs_account_id"]
    charged = insert(rows, "subscriptions", account_id=billing)["id"]
    for after in (0, 0, 0, 1, 1, 2_000_000, 2_000_001):
        moment = NOON + timedelta(microseconds=after)
        insert(rows, "orders", account_id=crm, placed_at=moment)
        insert(rows, "support_cases", account_id=crm, opened_at=moment)
        insert(rows, "command.commands", account_id=crm, kind="place_order", subject_kind="orders", accepted_at=moment)
        insert(rows, "command.commands", account_id=billing, accepted_at=moment)
        insert(rows, "payment_methods", account_id=billing)
        insert(rows, "subscriptions", account_id=billing)
        insert(rows, "sims", account_id=billing)
        invoice = insert(rows, "invoices", account_id=billing, issued_on=moment.date())["id"]
        # What charges it twice is one invoice.
        for _ in range(2):
            insert(rows, "invoice_items", account_id=billing, invoice_id=invoice, subscription_id=charged)
    for order in (1, 1, 1, None, None, None, 0, -5, 2**31 - 1):
        insert(rows, "products", display_order=order)
    # A command whose order is known by now is that order.
    known = insert(rows, "command.commands", account_id=crm, kind="place_order", accepted_at=NOON)["id"]
    insert(rows, "orders", account_id=crm, placed_at=NOON, command_id=known)
    for table in ("orders", "support_cases", "subscriptions", "sims", "invoices", "payment_methods"):
        insert(rows, table, account_id=account_of(customer, table), deleted_at=NOON)
    insert(rows, "products", deleted_at=NOON)
    return customer | {"charged": charged}


# By which member each is ordered, and how; the id decides among equals.
LISTS = {
    "/api/orders": ("placedAt", True, 7 + 7 + 1),
    "/api/support/cases": ("openedAt", True, 7),
    "/api/commands": ("acceptedAt", True, 7 + 7 + 1),
    "/api/payment-methods": ("id", False, 7),
    "/api/subscriptions": ("id", False, 8),
    "/api/subscriptions/{charged}/invoices": ("issueDate", True, 7),
    "/api/sims": ("id", False, 7),
    "/api/catalog/products": ("displayOrder", False, 9),
}


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_every_list_holds_each_row_once_and_in_order_whatever_is_the_same_or_missing(
    client: httpx.AsyncClient, crowded: Any, bearer: Any, limit: int
) -> None:
    for path, (member, reverse, number) in LISTS.items():
        found = await walk(client, f"{path.format(**crowded)}?limit={limit}", bearer(crowded["id"]))

        assert (len(found), len({row["id"] for row in found})) == (number, number), path
        keys = [2**31 - 1 if row[member] is None else row[member] for row in found]
        assert keys == sorted(keys, reverse=reverse), path


async def test_the_last_page_says_that_it_is_the_last_and_no_page_before_it_does(
    client: httpx.AsyncClient, crowded: Any, bearer: Any
) -> None:
    pages = {
        limit: (await client.get(f"/api/sims?limit={limit}", headers=bearer(crowded["id"]))).json()
        for limit in (6, 7, 8)
    }

    assert {limit: (len(page["data"]), page["page"]["next"] is None) for limit, page in pages.items()} == {
        6: (6, False), 7: (7, True), 8: (7, True),
    }  # fmt: skip


@pytest.mark.parametrize("status", ["accepted", "needs_attention", "succeeded"])
async def test_commands_can_be_had_by_where_they_stand(
    client: httpx.AsyncClient, rows: Any, bearer: Any, status: str
) -> None:
    customer = insert_customer(rows)
    stored = {
        shown: str(insert(rows, "command.commands", account_id=customer["whmcs_account_id"], status=known)["id"])
        for shown, known in {"accepted": "accepted", "needs_attention": "dead", "succeeded": "succeeded"}.items()
    }

    found = await walk(client, f"/api/commands?status={status}", bearer(customer["id"]))

    assert [(row["id"], row["status"]) for row in found] == [(stored[status], status)]


@pytest.mark.parametrize("path", ["/api/subscriptions", "/api/support/cases"])
async def test_what_is_listed_can_be_had_by_its_status(
    client: httpx.AsyncClient, rows: Any, bearer: Any, path: str
) -> None:
    customer = insert_customer(rows)
    table, wanted, other = {
        "/api/subscriptions": ("subscriptions", "suspended", "active"),
        "/api/support/cases": ("support_cases", "closed", "new"),
    }[path]
    for status in (wanted, other, other):
        insert(rows, table, account_id=account_of(customer, table), status=status)

    found = await walk(client, f"{path}?status={wanted}", bearer(customer["id"]))

    assert [row["status"] for row in found] == [wanted]
