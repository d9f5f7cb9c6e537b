"""All that the API says in JSON has one form, without a byte that means nothing, whoever wrote it."""

import re
from typing import Any

import httpx
import msgspec
import pytest
from psycopg.types.json import Jsonb

from read_api.billing.controller import LISTINGS
from tests.builders import account_of, insert
from tests.read_api.conftest import addresses, furnish

IDS = {
    "invoice_id": "invoices",
    "subscription_id": "subscriptions",
    "sim_id": "sims",
    "order_id": "orders",
    "case_id": "support_cases",
    "command_id": "commands",
}
SPACED = 'a : b, "c": {  }\n'
"""What a customer may write, and must get back as it is."""


def check(answer: httpx.Response) -> None:
    if "json" in answer.headers["content-type"]:
        assert answer.content == msgspec.json.format(answer.content, indent=-1), answer.request.url


@pytest.fixture
def owned(rows: Any) -> dict[str, Any]:
    """Of everything one, with all that can be nested in it, twice where it is a list."""
    owned = furnish(rows)
    customer = owned["customers"]
    product = insert(rows, "products", required_skus=["A", "B"])
    for currency in ("JPY", "EUR"):
        insert(rows, "prices", product_id=product["id"], currency=currency)
    for table, parent in (("invoice_items", "invoice_id"), ("payments", "invoice_id"), ("order_items", "order_id")):
        insert(rows, table, account_id=account_of(customer, table), **{parent: owned[IDS[parent]]})
    insert(rows, "sim_usage", account_id=account_of(customer, "sim_usage"), sim_id=owned["sims"], used_on="2025-03-31")
    case = owned["support_cases"]
    insert(rows, "case_comments", account_id=account_of(customer, "orders"), case_id=case, body=SPACED)
    for subject in ("customers", *IDS.values()):
        subject_id = customer["id"] if subject == "customers" else owned[subject]
        account = account_of(customer, "orders")
        for status in ("accepted", "succeeded"):
            result = Jsonb({"orders": [1, {"said": SPACED}], "more": {}})
            insert(rows, "command.commands", account_id=account, subject_id=subject_id, status=status, result=result)
    insert(rows, "command.commands", account_id=account_of(customer, "orders"), kind="place_order")
    insert(rows, "sync.freshness", dataset="whmcs.invoices", system="whmcs")
    return owned


async def test_every_operation_answers_without_a_needless_byte(
    client: httpx.AsyncClient, app: Any, owned: dict[str, Any], bearer: Any
) -> None:
    headers = bearer(owned["customers"]["id"]) | {"Idempotency-Key": "12345678"}
    asked: list[tuple[str, str]] = []
    for path, item in app.openapi_schema.paths.items():
        # Whoever is logged in is another's to test: tests/read_api/auth.
        if path.startswith("/auth"):
            continue
        url = re.sub(r"\{(\w+)\}", lambda found: str(owned[IDS[found[1]]]), path)
        asked += [(method, url) for method in ("get", "post", "patch") if getattr(item, method) and path != "/api/live"]
    said = [await client.request(method, url, headers=headers) for method, url in asked]
    shown = [await client.get(address, headers=headers) for address in addresses(owned)]
    past = [
        await client.get(f"/api/{each}?asOf=2025-04-01T00:00:00Z", headers=headers) for each in ("orders", "invoices")
    ]

    assert len(said) > 30
    assert all(each.status_code == 200 for each in (*shown, *past))
    assert sum("json" in each.headers["content-type"] for each in said) > 30
    for answer in (*said, *shown, *past):
        check(answer)


async def test_a_change_is_accepted_without_a_needless_byte(
    client: httpx.AsyncClient, owned: dict[str, Any], bearer: Any
) -> None:
    headers = bearer(owned["customers"]["id"]) | {"Idempotency-Key": "12345678"}
    body = {"subject": "Slow", "description": SPACED}

    answer = await client.post("/api/support/cases", json=body, headers=headers)

    assert answer.status_code == 202, answer.text
    check(answer)


async def test_what_a_customer_wrote_keeps_its_spaces(
    client: httpx.AsyncClient, owned: dict[str, Any], bearer: Any
) -> None:
    headers = bearer(owned["customers"]["id"])

    case = (await client.get(f"/api/support/cases/{owned['support_cases']}", headers=headers)).json()["data"]
    commands = (await client.get("/api/commands?status=succeeded", headers=headers)).json()["data"]

    assert SPACED in [each["body"] for each in case["comments"]]
    assert {each["result"]["orders"][1]["said"] for each in commands} == {SPACED}


def test_what_is_asked_for_most_needs_no_second_look() -> None:
    assert all(listing.question.is_compact and listing.question.then.is_compact for listing in LISTINGS.values())
