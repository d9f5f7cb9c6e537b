"""Replay positions: what a listener is told that goes on from the last id it was told.

The promise.
- A position is (transaction, number). Readers follow the log in that order and never step past a transaction that is
  still under way: what it writes comes before everything newer, however late it commits.
- Who comes again with a position is told its own changes after it and everybody's (the catalogue), each once, in order,
  and then what comes. Nobody is told another customer's.
- Who cannot be told all of that is told to read again, and goes on from here: its position is none of ours, more than
  MOST_MISSED changes follow it, or an account came or went since.
- A listener that takes too little loses no change silently: it is told to read again as well.
"""

import time
from asyncio import sleep, timeout
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from read_api.http.cursors import cursor_of
from read_api.live.changes import Change, position_of
from read_api.live.follower import MOST_MISSED, MOST_WAITING, Follower
from read_api.live.stream import Item, items
from tests.builders import insert_customer
from tests.waiting import PATIENCE_SECONDS

FOR_EVER = time.time() + 86_400
LIVE = "SELECT entity_id FROM sync.live_changes('0', 0, 1000)"


@pytest.fixture
async def follower(database: Any) -> AsyncIterator[Follower]:
    follower = Follower(database.api)
    follower.open()
    await until(lambda: follower.position is not None)
    yield follower
    await follower.close()


async def until(condition: Callable[[], Any]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends, "it did not come to pass"
        await sleep(0.01)


def change(rows: Any, account: object, entity: str = "invoices", *, after: dict[str, Any] | None = None) -> UUID:
    """A change as a merge logs it; whoever follows the log is woken."""
    record = uuid4()
    rows.execute(
        "INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)"
        " VALUES (%s, %s, %s, 'update', '{}', %s)",
        [entity, record, account, Jsonb(after or {"total": "1"})],
    )
    rows.execute("SELECT pg_notify('hub_changes', '')")
    return record


def many(rows: Any, account: object, number: int) -> None:
    rows.execute(
        "INSERT INTO sync.changes (entity, entity_id, account_id, operation)"
        " SELECT 'invoices', gen_random_uuid(), %s, 'insert' FROM generate_series(1, %s)",
        [account, number],
    )
    rows.execute("SELECT pg_notify('hub_changes', '')")


async def followed(follower: Follower, rows: Any) -> None:
    """Wait until it has taken in all that is committed by now."""
    last = rows.execute("SELECT coalesce(max(seq), 0) FROM sync.changes").fetchone()[0]
    await until(lambda: follower.position is not None and follower.position[1] >= last)


async def told(stream: AsyncGenerator[Item, None], number: int) -> list[Item]:
    """So many of its next events; signs of life are not counted."""
    found: list[Item] = []
    async with timeout(PATIENCE_SECONDS):
        while len(found) < number:
            item = await anext(stream)
            if item.event:
                found.append(item)
    return found


def ids(found: list[Item]) -> list[str]:
    return [record for item in found for record in [item.data.decode().partition('"id":"')[2][:36]] if record]


def listening(follower: Follower, customer: dict[str, Any], after: Any) -> Any:
    whose = str(customer["id"])
    return aclosing(items(follower, whose, whose, after, FOR_EVER))


# -- the order of the log ----------------------------------------------------------------------------------------------


async def test_nothing_is_told_before_what_an_older_transaction_may_still_write(database: Any, rows: Any) -> None:
    mine = insert_customer(rows)
    with psycopg.connect(database.api, autocommit=True) as api:
        with psycopg.connect(database.sync) as older:
            # It is the older by its first act, though it writes down its change last.
            older.execute("SELECT pg_current_xact_id()")
            second = change(rows, mine["whmcs_account_id"])
            first = change(older, mine["whmcs_account_id"])
            while_it_runs = api.execute(LIVE).fetchall()
            older.commit()
        # Transactions of other databases on this server hold it up, too.
        await until(lambda: len(api.execute(LIVE).fetchall()) == 2)
        afterwards = api.execute(LIVE).fetchall()

    assert while_it_runs == []
    assert afterwards == [(first,), (second,)]


async def test_a_change_that_commits_late_is_told_and_before_the_newer_one(
    follower: Follower, database: Any, rows: Any
) -> None:
    mine = insert_customer(rows)
    async with listening(follower, mine, None) as stream:
        await anext(stream)
        with psycopg.connect(database.sync) as older:
            first = change(older, mine["whmcs_account_id"])
            second = change(rows, mine["whmcs_account_id"])
            # It looks again and again, and at the newer one each time.
            looks = follower._looked_at
            await until(lambda: follower._looked_at > looks)
            older.commit()
        found = await told(stream, 2)

    assert ids(found) == [str(first), str(second)]


async def test_changes_of_one_transaction_have_positions_of_their_own(follower: Follower, rows: Any) -> None:
    mine = insert_customer(rows)
    start = follower.position
    with rows.transaction():
        records = [change(rows, mine["whmcs_account_id"]) for _ in range(3)]
    await followed(follower, rows)
    async with listening(follower, mine, start) as stream:
        first, *_ = await told(stream, 3)

    async with listening(follower, mine, position_of(first.cursor or "")) as stream:
        rest = await told(stream, 2)

    assert ids([first, *rest]) == [str(each) for each in records]


# -- whose they are ----------------------------------------------------------------------------------------------------


async def test_who_comes_again_is_told_its_own_and_everybodys_and_nobody_elses(follower: Follower, rows: Any) -> None:
    mine, other = insert_customer(rows), insert_customer(rows)
    left_at = follower.position
    change(rows, other["whmcs_account_id"])
    own = change(rows, mine["whmcs_account_id"])
    change(rows, other["salesforce_account_id"], "orders")
    change(rows, None, "customers")  # of somebody whom nobody here is
    change(rows, None, "support_cases")  # of nobody
    shared = change(rows, None, "prices")
    await followed(follower, rows)

    async with listening(follower, mine, left_at) as stream:
        missed = await told(stream, 2)
        last = change(rows, mine["whmcs_account_id"])
        (then,) = await told(stream, 1)

    assert ids([*missed, then]) == [str(own), str(shared), str(last)]


async def test_what_comes_while_it_catches_up_is_told_once(follower: Follower, rows: Any) -> None:
    mine = insert_customer(rows)
    left_at = follower.position
    async with listening(follower, mine, left_at) as stream:
        await anext(stream)  # it listens from here on, and has not yet looked at what it missed
        both = change(rows, mine["whmcs_account_id"])
        await followed(follower, rows)
        (first,) = await told(stream, 1)
        between = change(rows, mine["whmcs_account_id"])
        await followed(follower, rows)
        last = change(rows, mine["whmcs_account_id"])
        rest = await told(stream, 2)

    assert ids([first, *rest]) == [str(both), str(between), str(last)]


# -- told to read again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "is_told"), [(MOST_MISSED, True), (MOST_MISSED + 1, False)])
async def test_so_many_may_be_missed_and_no_more(follower: Follower, rows: Any, number: int, is_told: bool) -> None:
    mine = insert_customer(rows)
    left_at = follower.position
    assert left_at is not None
    many(rows, mine["whmcs_account_id"], number)
    await followed(follower, rows)

    missed = await follower.missed(str(mine["id"]), left_at)

    assert (missed is not None) is is_told
    assert missed is None or len(missed) == number


async def test_a_position_that_is_still_to_come_is_none_of_ours(follower: Follower) -> None:
    position = follower.position
    assert position is not None

    assert await follower.missed(str(uuid4()), (position[0], position[1] + 1)) is None
    assert await follower.missed(str(uuid4()), (-1, -1)) is None


async def test_while_nothing_is_known_of_the_log_nobody_can_go_on(database: Any) -> None:
    assert await Follower(database.api).missed(str(uuid4()), (0, 0)) is None


async def test_an_account_that_came_meanwhile_brought_rows_that_did_not_change(follower: Follower, rows: Any) -> None:
    mine, other = insert_customer(rows), insert_customer(rows)
    left_at = follower.position
    assert left_at is not None
    rows.execute(
        "INSERT INTO sync.changes (entity, entity_id, operation, before, after)"
        " VALUES ('customers', %s, 'update', '{\"whmcs_account_id\": null}', '{\"whmcs_account_id\": \"x\"}')",
        [mine["id"]],
    )
    change(rows, mine["whmcs_account_id"])
    await followed(follower, rows)

    assert await follower.missed(str(mine["id"]), left_at) is None
    assert await follower.missed(str(other["id"]), left_at) == []


async def test_who_takes_too_little_is_told_to_read_again_and_goes_on_from_there(follower: Follower, rows: Any) -> None:
    mine = insert_customer(rows)
    async with listening(follower, mine, None) as stream:
        await anext(stream)
        many(rows, mine["whmcs_account_id"], MOST_WAITING + 1)
        await followed(follower, rows)
        (reset,) = await told(stream, 1)
        last = change(rows, mine["whmcs_account_id"])
        await followed(follower, rows)  # there is room for it again before anything more is taken
        (then,) = await told(stream, 1)

    assert reset.event == "reset"
    assert position_of(reset.cursor or "") is not None
    assert (then.event, ids([then])) == ("change", [str(last)])


async def test_who_takes_all_in_time_is_told_each(follower: Follower, rows: Any) -> None:
    mine = insert_customer(rows)
    async with listening(follower, mine, None) as stream:
        await anext(stream)
        many(rows, mine["whmcs_account_id"], MOST_WAITING)
        await followed(follower, rows)
        found = await told(stream, MOST_WAITING)

    assert {item.event for item in found} == {"change"}
    assert len(set(ids(found))) == MOST_WAITING


# -- who is still there ------------------------------------------------------------------------------------------------


async def test_of_whoever_has_gone_nothing_is_kept(follower: Follower, rows: Any) -> None:
    mine = insert_customer(rows)
    async with listening(follower, mine, None) as stream:
        await anext(stream)
        while_there = follower._subscribers.of(str(mine["id"]))
    after = (follower._subscribers.everyone(), follower._named.everyone())

    assert len(while_there) == 1
    assert after == ([], [])


async def test_a_token_that_has_ended_opens_no_stream_that_tells_anything(follower: Follower, rows: Any) -> None:
    mine = insert_customer(rows)
    whose = str(mine["id"])
    async with aclosing(items(follower, whose, whose, None, time.time() - 1)) as stream:
        await anext(stream)
        change(rows, mine["whmcs_account_id"])
        await followed(follower, rows)

        async with timeout(PATIENCE_SECONDS):
            found = [item async for item in stream if item.event]

    assert [item.event for item in found] == ["expired"]


# -- positions as clients keep them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [(0, -1), (0, 0), (734, 2**63 - 1), (2**64 - 1, 1)])
def test_a_position_is_the_same_after_its_way_to_the_client_and_back(position: tuple[int, int]) -> None:
    assert position_of(cursor_of(position)) == position


@pytest.mark.parametrize(
    ("entity", "columns", "is_relinking"),
    [
        ("customers", ["whmcs_account_id"], True),
        ("customers", ["name", "salesforce_account_id"], True),
        ("customers", ["name"], False),
        ("orders", ["whmcs_account_id"], False),
    ],
)
def test_an_account_that_comes_or_goes_is_told_from_any_other_change(
    entity: str, columns: list[str], is_relinking: bool
) -> None:
    moment = time.localtime()
    change = Change((1, 1), "c", entity, "e", "update", columns, moment)  # type: ignore[arg-type]

    assert change.is_relinking is is_relinking
