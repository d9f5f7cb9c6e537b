"""The page that a killed run was writing: the next run writes it without asking for it again, where it may."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pipelines.sync.dataset import Failure, Page, ReadRequest
from pipelines.sync.run import run
from pipelines.sync.unwritten import UnwrittenPage
from tests.pipelines.sync.made_up import NOON, SOURCE, a_dataset, execute, fetch, now, pages_from, rows


@pytest.mark.parametrize(
    ("full", "asked_from", "cases"), [(False, [1], ["500A", "5001"]), (True, [0], ["5000", "5001"])]
)
def test_the_page_a_killed_run_was_writing_is_not_asked_for_again_unless_everything_is(
    database, full, asked_from, cases
):
    positions = []

    def read(request: ReadRequest) -> Iterator[Page]:
        positions.append(request.position.get("next", 0))
        return pages_from(positions[-1], 2)

    with UnwrittenPage(database.sync, "salesforce.cases") as unwritten:
        unwritten.keep(Page(rows=rows("500A"), position={"next": 1}, expected=2, asked_at=NOON), begins={})

    run(a_dataset(read), SOURCE, database.sync, full=full)

    assert positions == asked_from
    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases ORDER BY first_seen_at") == [
        (case,) for case in cases
    ]
    assert fetch(database.owner, "SELECT count(*) FROM sync.unwritten_pages") == [(0,)]


@pytest.mark.parametrize(("begins", "hours_ago"), [({"next": 7}, 0), ({}, 2)])
def test_a_kept_page_that_is_not_the_next_one_or_is_old_is_left_alone(database, begins, hours_ago):
    with UnwrittenPage(database.sync, "salesforce.cases") as unwritten:
        unwritten.keep(Page(rows=rows("500A"), position={"next": 1}, expected=2), begins=begins)
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE sync.unwritten_pages SET kept_at = kept_at - %s", [timedelta(hours=hours_ago)])

    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("5000",)]


def test_a_kept_page_that_another_release_wrote_in_its_own_form_stops_nothing(database):
    with UnwrittenPage(database.sync, "salesforce.cases") as unwritten:
        unwritten.keep(Page(rows=rows("500A"), position={"next": 1}, expected=2), begins={})
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE sync.unwritten_pages SET page = convert_to('{\"rows\": []}', 'UTF8')")

    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("5000",)]


def kept(database: Any) -> list[Any]:
    return fetch(database.owner, "SELECT begins FROM sync.unwritten_pages")


def test_the_page_that_is_being_written_is_kept_for_a_reader_who_has_not_read_it(database):
    """While the third page is asked for, the second is written: a kill at that moment would lose it."""
    while_asking = []

    def read(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("5000"), position={"next": 1}, expected=3)
        yield Page(rows=rows("5001"), position={"next": 2}, expected=3)
        while_asking.extend(kept(database))
        yield Page(rows=rows("5002"), position={"next": 3}, expected=3)

    run(a_dataset(read), SOURCE, database.sync)

    assert while_asking == [({"next": 1},)]


def test_a_page_that_names_rows_set_aside_is_not_kept_since_they_would_be_forgotten(database):
    while_asking = []

    def read(_: ReadRequest) -> Iterator[Page]:
        unreadable = [Failure("5001", {}, "cannot be written as JSON")]
        yield Page(rows=rows("5000"), failures=unreadable, position={"next": 1}, expected=3)
        while_asking.extend(kept(database))
        yield Page(rows=rows("5002"), position={"next": 2}, expected=3)

    run(a_dataset(read), SOURCE, database.sync)

    assert while_asking == []


def test_a_kept_page_is_as_old_as_when_it_was_asked_for(database):
    run(a_dataset(lambda _: iter([Page(rows=rows("5000"), position={})])), SOURCE, database.sync)
    asked_at = now(database)
    execute(database.owner, "UPDATE hub.support_cases SET subject = 'newer', changed_at = clock_timestamp()")
    execute(database.owner, "DELETE FROM sync.cursors")
    with UnwrittenPage(database.sync, "salesforce.cases") as unwritten:
        unwritten.keep(Page(rows=rows("5000"), position={"next": 1}, expected=1, asked_at=asked_at), begins={})

    run(a_dataset(lambda _: pages_from(1, 1)), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT subject FROM hub.support_cases") == [("newer",)]
