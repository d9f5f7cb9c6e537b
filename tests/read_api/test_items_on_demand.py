"""What an invoice holds takes a call of its own: until it is read the answer says so, and a reader pulls it forward."""

import asyncio
from datetime import date
from typing import Any

import pytest

from tests.builders import NOON, account_of, insert, insert_customer

REQUESTS = "SELECT entity, record_id FROM sync.inbox WHERE state = 'waiting' ORDER BY id"


@pytest.fixture
def customer(rows: Any) -> dict[str, Any]:
    return insert_customer(rows)


def an_invoice(rows: Any, customer: dict[str, Any], **values: Any) -> dict[str, Any]:
    return insert(rows, "invoices", account_id=account_of(customer, "invoices"), **values)


def requests(rows: Any) -> list[Any]:
    return rows.execute(REQUESTS).fetchall()


def requests_for(*invoices: dict[str, Any]) -> list[Any]:
    return [("whmcs.invoice_details", invoice["source_id"]) for invoice in invoices]


def read_by_the_worker(rows: Any, invoice: dict[str, Any]) -> None:
    rows.execute("UPDATE hub.invoices SET items_as_of = now() WHERE id = %s", [invoice["id"]])
    rows.execute("UPDATE sync.inbox SET state = 'done'")


async def test_an_invoice_without_items_is_answered_at_once_and_requested_once(client, bearer, rows, customer):
    invoice = an_invoice(rows, customer)

    for _ in range(3):
        answer = await client.get(f"/api/invoices/{invoice['id']}", headers=bearer(customer["id"]))

    assert (answer.json()["data"]["itemsAsOf"], answer.json()["data"]["items"]) == (None, [])
    assert requests(rows) == requests_for(invoice)


async def test_who_waits_gets_the_items_as_soon_as_they_were_read(client, bearer, rows, customer):
    invoice = an_invoice(rows, customer)
    headers = bearer(customer["id"]) | {"Prefer": "wait=10"}

    waiting = asyncio.create_task(client.get(f"/api/invoices/{invoice['id']}", headers=headers))
    while not requests(rows):  # noqa: ASYNC110 - it comes to pass in the database
        await asyncio.sleep(0.01)
    read_by_the_worker(rows, invoice)
    answer = await waiting

    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.json()["data"]["itemsAsOf"] is not None


async def test_nothing_is_requested_of_somebody_elses_nor_what_is_read_nor_the_past(client, bearer, rows, customer):
    unread, read = an_invoice(rows, customer), an_invoice(rows, customer, items_as_of=NOON)
    past = f"/api/invoices/{unread['id']}?asOf=2025-04-01T00:00:00Z"

    foreign = await client.get(f"/api/invoices/{unread['id']}", headers=bearer(insert_customer(rows)["id"]))
    answers = [
        await client.get(address, headers=bearer(customer["id"]) | {"Prefer": "wait=5"})
        for address in (f"/api/invoices/{read['id']}", past)
    ]

    assert foreign.status_code == 404
    assert [("preference-applied" in answer.headers) for answer in answers] == [False, False]
    assert requests(rows) == []


async def test_what_was_just_read_in_vain_is_not_read_again_at_every_look(client, bearer, rows, customer):
    invoice = an_invoice(rows, customer)
    look = f"/api/invoices/{invoice['id']}"
    await client.get(look, headers=bearer(customer["id"]))
    rows.execute("UPDATE sync.inbox SET state = 'done'")

    await client.get(look, headers=bearer(customer["id"]))
    in_vain = requests(rows)
    rows.execute("UPDATE sync.inbox SET received_at = received_at - interval '2 minutes'")
    await client.get(look, headers=bearer(customer["id"]))

    assert (in_vain, requests(rows)) == ([], requests_for(invoice))


async def test_a_subscriptions_invoices_say_how_many_may_be_missing_and_pull_them_forward(
    client, bearer, rows, customer
):
    subscription = insert(rows, "subscriptions", account_id=account_of(customer, "subscriptions"))
    older, newer = (an_invoice(rows, customer, issued_on=date(2025, 4, day)) for day in (1, 2))
    an_invoice(rows, insert_customer(rows))
    charge = {"account_id": account_of(customer, "invoices"), "subscription_id": subscription["id"]}
    address = f"/api/subscriptions/{subscription['id']}/invoices"

    before = (await client.get(address, headers=bearer(customer["id"]))).json()
    requested = requests(rows)
    insert(rows, "invoice_items", invoice_id=older["id"], **charge)
    read_by_the_worker(rows, older)
    read_by_the_worker(rows, newer)
    after = (await client.get(address, headers=bearer(customer["id"]))).json()

    assert (before["data"], before["unread"], requested) == ([], 2, requests_for(newer, older))
    assert ([row["id"] for row in after["data"]], after["unread"]) == ([str(older["id"])], 0)
    assert requests(rows) == []
