"""A line that somebody looks at is read again, once while that is under way, and those who wait get it fresh."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.builders import account_of, insert, insert_customer

OLD = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture
def line(rows: Any) -> dict[str, Any]:
    customer = insert_customer(rows)
    stored = insert(
        rows, "sims", account_id=account_of(customer, "sims"), msisdn="09012345678", details_as_of=OLD, usage_as_of=OLD
    )
    return stored | {"customer": customer["id"]}


def requests(rows: Any) -> list[Any]:
    return rows.execute("SELECT entity, record_id, state FROM sync.inbox").fetchall()


def read_by_the_worker(rows: Any, line: dict[str, Any]) -> None:
    rows.execute("UPDATE hub.sims SET details_as_of = now(), usage_as_of = now() WHERE id = %s", [line["id"]])


async def test_somebody_elses_line_is_neither_shown_nor_requested(client, bearer, rows, line):
    other = insert_customer(rows)

    answer = await client.get(f"/api/sims/{line['id']}", headers=bearer(other["id"]))

    assert answer.status_code == 404
    assert requests(rows) == []


@pytest.mark.parametrize("path", ["", "/usage"])
async def test_an_old_line_is_answered_at_once_and_requested_once(client, bearer, rows, line, path):
    for _ in range(3):
        answer = await client.get(f"/api/sims/{line['id']}{path}", headers=bearer(line["customer"]))
        assert answer.status_code == 200
        assert "preference-applied" not in answer.headers

    assert requests(rows) == [("line", line["source_id"], "waiting")]


async def test_a_line_that_was_just_read_is_not_requested(client, bearer, rows, line):
    read_by_the_worker(rows, line)

    await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]) | {"Prefer": "wait=5"})

    assert requests(rows) == []


async def test_who_waits_gets_it_as_soon_as_it_was_read(client, bearer, rows, line):
    headers = bearer(line["customer"]) | {"Prefer": "respond-async, wait=10"}
    waiting = asyncio.create_task(client.get(f"/api/sims/{line['id']}", headers=headers))
    while not requests(rows):  # noqa: ASYNC110 - it comes to pass in the database
        await asyncio.sleep(0.01)
    read_by_the_worker(rows, line)
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
async def test_a_line_that_is_old_in_part_is_requested(client, bearer, rows, line, read_in_part):
    rows.execute(read_in_part)

    await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]))

    assert requests(rows) == [("line", line["source_id"], "waiting")]


@pytest.mark.parametrize("read_in_part", READ_IN_PART, ids=["details", "traffic"])
async def test_who_waits_does_not_hear_that_it_was_read_when_half_of_it_was(client, bearer, rows, line, read_in_part):
    headers = bearer(line["customer"]) | {"Prefer": "wait=1"}
    waiting = asyncio.create_task(client.get(f"/api/sims/{line['id']}", headers=headers))
    while not requests(rows):  # noqa: ASYNC110 - it comes to pass in the database
        await asyncio.sleep(0.01)
    rows.execute(read_in_part)

    answer = await waiting

    assert (answer.status_code, "preference-applied" in answer.headers) == (200, False)


@pytest.mark.parametrize("state", ["is_open = false", "msisdn = NULL", "number_claim = 'disputed'"])
async def test_a_line_that_the_network_cannot_or_may_not_tell_of_is_shown_and_not_requested(
    client, bearer, rows, line, state
):
    rows.execute("UPDATE hub.sims SET " + state)  # noqa: S608 - one of those above
    rows.execute("DELETE FROM sync.inbox")  # a dispute asks the network itself

    answer = await client.get(f"/api/sims/{line['id']}", headers=bearer(line["customer"]))

    assert (answer.status_code, requests(rows)) == (200, [])


async def test_traffic_is_shown_of_the_last_31_days_that_had_any(client, bearer, rows, line):
    first = date(2025, 1, 1)
    for day in range(40):
        insert(rows, "sim_usage", account_id=line["account_id"], sim_id=line["id"], used_on=first + timedelta(days=day))
    rows.execute("UPDATE hub.sim_usage SET deleted_at = now() WHERE used_on = '2025-02-08'")

    answer = await client.get(f"/api/sims/{line['id']}/usage", headers=bearer(line["customer"]))

    days = [each["date"] for each in answer.json()["data"]["recentDaysUsage"]]
    assert (len(days), days[0], days[1], days[-1]) == (31, "2025-02-09", "2025-02-07", "2025-01-09")
