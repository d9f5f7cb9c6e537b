"""What is read again because a customer looks at it: asked for once, and given fresh to those who wait.

A SIM line is read by itself; of an invoice, what is on it takes a call of its own.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.builders import NOON, account_of, insert, insert_customer

OLD = datetime.now(UTC) - timedelta(hours=2)


def refresh_requests(rows: Any) -> list[Any]:
    return rows.execute("SELECT entity, record_id FROM sync.inbox WHERE state = 'waiting' ORDER BY id").fetchall()


# -- a line


@pytest.fixture
def line(rows: Any) -> dict[str, Any]:
    customer = insert_customer(rows)
    stored = insert(
        rows, "sims", account_id=account_of(customer, "sims"), msisdn="09012345678", details_as_of=OLD, usage_as_of=OLD
    )
    return stored | {"customer": customer["id"]}


def line_is_read(rows: Any, line: dict[str, Any]) -> None:
    rows.execute("UPDATE hub.sims SET details_as_of = now(), usage_as_of = now() WHERE id = %s", [line["id"]])


async def test_somebody_elses_line_is_neither_shown_nor_read_again(client, bearer, rows, line):
    other = insert_customer(rows)

    answer = await client.get(f"/api/sims/{line['id']}", headers=bearer(other["id"]))

    assert answer.status_code == 404
    assert refresh_requests(rows) == []


@pytest.mark.parametrize("path", ["", "/usage"])
async def test_an_old_line_is_answered_at_once_and_asked_for_once(client, bearer, rows, line, path):
    for _ in range(3):
        answer = await client.get(f"/api/sims/{line['id']}{path}", headers=bearer(line["customer"]))
        assert answer.status_code == 200
        assert "preference-applied" not in answer.headers

    assert refresh_requests(rows) == [("line", line["source_id"])]


async def test_a_line_that_was_just_read_is_not_read_again(client, bearer, rows, line):
    line_is_read(rows, line)

    await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]) | {"Prefer": "wait=5"})

    assert refresh_requests(rows) == []


async def test_who_waits_gets_it_as_soon_as_it_was_read(client, bearer, rows, line):
    headers = bearer(line["customer"]) | {"Prefer": "respond-async, wait=10"}
    waiting = asyncio.create_task(client.get(f"/api/sims/{line['id']}", headers=headers))
    while not refresh_requests(rows):  # noqa: ASYNC110 - it comes to pass in the database
        await asyncio.sleep(0.01)
    line_is_read(rows, line)
    answer = await waiting

    assert answer.headers["preference-applied"] == "wait=10"
    assert datetime.fromisoformat(answer.json()["data"]["detailsAsOf"]) > OLD + timedelta(hours=1)


async def test_who_waited_in_vain_gets_what_there_is(client, bearer, line):
    answer = await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]) | {"Prefer": "wait=1"})

    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize("prefer", ["wait=soon", "wait", "wait=-1", "return=minimal", "wait=99999"])
async def test_a_preference_that_means_nothing_is_ignored(client, bearer, line, prefer):
    answer = await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]) | {"Prefer": prefer})

    assert answer.status_code == 200


READ_IN_PART = ("UPDATE hub.sims SET details_as_of = now()", "UPDATE hub.sims SET usage_as_of = now()")


@pytest.mark.parametrize("read_in_part", READ_IN_PART, ids=["details", "traffic"])
async def test_a_line_that_is_old_in_part_is_read_again(client, bearer, rows, line, read_in_part):
    rows.execute(read_in_part)

    await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]))

    assert refresh_requests(rows) == [("line", line["source_id"])]


@pytest.mark.parametrize("read_in_part", READ_IN_PART, ids=["details", "traffic"])
async def test_who_waits_is_not_told_that_it_was_read_when_half_of_it_was(client, bearer, rows, line, read_in_part):
    headers = bearer(line["customer"]) | {"Prefer": "wait=1"}
    waiting = asyncio.create_task(client.get(f"/api/sims/{line['id']}", headers=headers))
    while not refresh_requests(rows):  # noqa: ASYNC110 - it comes to pass in the database
        await asyncio.sleep(0.01)
    rows.execute(read_in_part)

    answer = await waiting

    assert (answer.status_code, "preference-applied" in answer.headers) == (200, False)


@pytest.mark.parametrize("state", ["is_open = false", "msisdn = NULL", "number_claim = 'disputed'"])
async def test_a_line_that_the_network_cannot_or_may_not_tell_of_is_shown_and_not_read_again(
    client, bearer, rows, line, state
):
    rows.execute("UPDATE hub.sims SET " + state)  # noqa: S608 - one of those above
    rows.execute("DELETE FROM sync.inbox")  # a dispute asks the network itself

    answer = await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]))

    assert (answer.status_code, refresh_requests(rows)) == (200, [])


# -- what is on an invoice


@pytest.fixture
def customer(rows: Any) -> dict[str, Any]:
    return insert_customer(rows)


def an_invoice(rows: Any, customer: dict[str, Any], **values: Any) -> dict[str, Any]:
    return insert(rows, "invoices", account_id=account_of(customer, "invoices"), **values)


def requests_for(*invoices: dict[str, Any]) -> list[Any]:
    return [("whmcs.invoice_details", invoice["source_id"]) for invoice in invoices]


def items_are_read(rows: Any, invoice: dict[str, Any]) -> None:
    rows.execute("UPDATE hub.invoices SET items_as_of = now() WHERE id = %s", [invoice["id"]])
    rows.execute("UPDATE sync.inbox SET state = 'done'")


async def test_an_invoice_without_items_is_answered_at_once_and_asked_for_once(client, bearer, rows, customer):
    invoice = an_invoice(rows, customer)

    for _ in range(3):
        answer = await client.get(f"/api/invoices/{invoice['id']}", headers=bearer(customer["id"]))

    assert (answer.json()["data"]["itemsAsOf"], answer.json()["data"]["items"]) == (None, [])
    assert refresh_requests(rows) == requests_for(invoice)


async def test_who_waits_gets_the_items_as_soon_as_they_were_read(client, bearer, rows, customer):
    invoice = an_invoice(rows, customer)
    headers = bearer(customer["id"]) | {"Prefer": "wait=10"}

    waiting = asyncio.create_task(client.get(f"/api/invoices/{invoice['id']}", headers=headers))
    while not refresh_requests(rows):  # noqa: ASYNC110 - it comes to pass in the database
        await asyncio.sleep(0.01)
    items_are_read(rows, invoice)
    answer = await waiting

    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.json()["data"]["itemsAsOf"] is not None


async def test_nothing_is_asked_for_of_somebody_elses_or_of_what_is_read_or_of_the_past(client, bearer, rows, customer):
    unread, read = an_invoice(rows, customer), an_invoice(rows, customer, items_as_of=NOON)
    past = f"/api/invoices/{unread['id']}?asOf=2025-04-01T00:00:00Z"

    foreign = await client.get(f"/api/invoices/{unread['id']}", headers=bearer(insert_customer(rows)["id"]))
    answers = [
        await client.get(address, headers=bearer(customer["id"]) | {"Prefer": "wait=5"})
        for address in (f"/api/invoices/{read['id']}", past)
    ]

    assert foreign.status_code == 404
    assert [("preference-applied" in answer.headers) for answer in answers] == [False, False]
    assert refresh_requests(rows) == []


async def test_what_was_just_read_in_vain_is_not_read_again_at_every_look(client, bearer, rows, customer):
    invoice = an_invoice(rows, customer)
    look = f"/api/invoices/{invoice['id']}"
    await client.get(look, headers=bearer(customer["id"]))
    rows.execute("UPDATE sync.inbox SET state = 'done'")

    await client.get(look, headers=bearer(customer["id"]))
    in_vain = refresh_requests(rows)
    rows.execute("UPDATE sync.inbox SET received_at = received_at - interval '2 minutes'")
    await client.get(look, headers=bearer(customer["id"]))

    assert (in_vain, refresh_requests(rows)) == ([], requests_for(invoice))


async def test_a_subscriptions_invoices_say_how_many_may_be_missing_and_pull_them_forward(
    client, bearer, rows, customer
):
    subscription = insert(rows, "subscriptions", account_id=account_of(customer, "subscriptions"))
    older, newer = (an_invoice(rows, customer, issued_on=date(2025, 4, day)) for day in (1, 2))
    an_invoice(rows, insert_customer(rows))
    charge = {"account_id": account_of(customer, "invoices"), "subscription_id": subscription["id"]}
    address = f"/api/subscriptions/{subscription['id']}/invoices"

    before = (await client.get(address, headers=bearer(customer["id"]))).json()
    requested = refresh_requests(rows)
    insert(rows, "invoice_items", invoice_id=older["id"], **charge)
    items_are_read(rows, older)
    items_are_read(rows, newer)
    after = (await client.get(address, headers=bearer(customer["id"]))).json()

    assert (before["data"], before["unread"], requested) == ([], 2, requests_for(newer, older))
    assert ([row["id"] for row in after["data"]], after["unread"]) == ([str(older["id"])], 0)
    assert refresh_requests(rows) == []
