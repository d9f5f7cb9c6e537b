"""Subscriptions as their customer sees them: what they cost, in the currency that the customer is billed in."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.builders import insert, insert_customer

THEN, LATER = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def mine(rows: Any) -> dict[str, Any]:
    """A customer with one subscription, of whose client no details were read yet."""
    customer = insert_customer(rows)
    money = {"amount": Decimal("12.50"), "first_amount": Decimal(30)}
    insert(rows, "subscriptions", account_id=customer["whmcs_account_id"], first_seen_at=THEN, **money)
    return customer


async def prices(client: httpx.AsyncClient, headers: Any, question: str = "") -> list[Any]:
    (listed,) = (await client.get(f"/api/subscriptions{question}", headers=headers)).json()["data"]
    single = (await client.get(f"/api/subscriptions/{listed['id']}{question}", headers=headers)).json()["data"]
    assert single == listed
    return [listed["amount"], listed["firstAmount"]]


async def test_a_currency_that_is_not_known_yet_is_not_guessed(
    client: httpx.AsyncClient, bearer: Any, mine: Any
) -> None:
    assert await prices(client, bearer(mine["id"])) == [
        {"value": 12.5, "currency": None},
        {"value": 30, "currency": None},
    ]


async def test_a_subscription_is_billed_in_its_accounts_currency(
    client: httpx.AsyncClient, bearer: Any, mine: Any, rows: Any
) -> None:
    rows.execute("UPDATE hub.customer_accounts SET currency = 'USD' WHERE id = %s", [mine["whmcs_account_id"]])
    other = insert_customer(rows)
    rows.execute("UPDATE hub.customer_accounts SET currency = 'EUR' WHERE id = %s", [other["whmcs_account_id"]])

    assert await prices(client, bearer(mine["id"])) == [
        {"value": 12.5, "currency": "USD"},
        {"value": 30, "currency": "USD"},
    ]


async def test_until_the_account_was_read_its_newest_invoice_tells_the_currency(
    client: httpx.AsyncClient, bearer: Any, mine: Any, rows: Any
) -> None:
    account = mine["whmcs_account_id"]
    for issued_on, currency in ((date(2026, 2, 1), "EUR"), (date(2026, 1, 1), "GBP")):
        insert(rows, "invoices", account_id=account, issued_on=issued_on, currency=currency)
    insert(rows, "invoices", account_id=account, issued_on=date(2026, 3, 1), currency="USD", deleted_at=LATER)

    assert [price["currency"] for price in await prices(client, bearer(mine["id"]))] == ["EUR", "EUR"]


async def test_the_past_has_the_currency_that_was_known_then(
    client: httpx.AsyncClient, bearer: Any, mine: Any, rows: Any
) -> None:
    account = mine["whmcs_account_id"]
    rows.execute("UPDATE hub.customer_accounts SET currency = 'USD', first_seen_at = %s WHERE id = %s", [THEN, account])
    log = {"entity": "customer_accounts", "entity_id": account, "account_id": account, "operation": "update"}
    insert(rows, "sync.changes", **log, before={"currency": None}, after={"currency": "USD"}, changed_at=LATER)

    was = await prices(client, bearer(mine["id"]), f"?asOf={quote(THEN.isoformat())}")
    now = await prices(client, bearer(mine["id"]), f"?asOf={quote(LATER.isoformat())}")

    assert [price["currency"] for price in (*was, *now)] == [None, None, "USD", "USD"]
