"""One run of one data set: where it starts, and what it leaves behind when it ends well or badly."""

import gc
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from structlog.contextvars import get_contextvars

from core.errors import IncompleteReadError, UnavailableError
from domain.common.record import Contract
from pipelines.sync.dataset import Page, ReadRequest, Row
from pipelines.sync.progress import Progress, listening
from pipelines.sync.run import run
from tests.builders import insert
from tests.pipelines.sync.made_up import (
    NOON,
    SOURCE,
    a_dataset,
    break_the_database_at,
    details_dataset,
    execute,
    fetch,
    pages_from,
    rows,
    three_invoices,
    to_cases,
)


def test_a_run_that_breaks_keeps_what_it_wrote_and_the_next_goes_on_from_there(database):
    read_from = []

    def read(request: ReadRequest) -> Iterator[Page]:
        read_from.append(request.position.get("next", 0))
        return pages_from(read_from[-1], 5, break_at=3 if len(read_from) == 1 else None)

    with pytest.raises(UnavailableError):
        run(a_dataset(read), SOURCE, database.sync)
    after_the_break = fetch(database.owner, "SELECT count(*) FROM hub.support_cases")
    run(a_dataset(read), SOURCE, database.sync)

    assert after_the_break == [(3,)]
    assert read_from == [0, 3]
    assert fetch(database.owner, "SELECT count(*) FROM hub.support_cases") == [(5,)]
    statuses = fetch(database.owner, "SELECT status, error FROM sync.runs ORDER BY started_at")
    assert statuses == [("failed", "salesforce: did not answer"), ("succeeded", None)]


def test_rows_and_cursor_are_written_together_or_not_at_all(database):
    break_the_database_at(database.owner, "500B")

    def read(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500A"), position={"next": 1})
        yield Page(rows=rows("500B"), position={"next": 2})

    with pytest.raises(psycopg.errors.InternalError_):
        run(a_dataset(read), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("500A",)]
    assert fetch(database.owner, "SELECT position FROM sync.cursors") == [({"next": 1},)]


def test_a_database_error_is_recorded_by_its_kind_alone_since_its_text_quotes_data(database):
    break_the_database_at(database.owner, "500SECRET")

    def read(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500SECRET"), position={})

    with pytest.raises(psycopg.errors.InternalError_):
        run(a_dataset(read), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT error FROM sync.runs") == [("InternalError_",)]


def test_a_half_written_page_does_not_move_the_reader(database):
    """The database goes away between two parts of a page of which one row is refused."""
    break_the_database_at(database.owner, "5004")
    rows_sent = [*rows("5001"), {"Id": "5002", "status": "no such status"}, *rows("5003", "5004")]

    with pytest.raises(psycopg.errors.InternalError_):
        run(a_dataset(lambda _: iter([Page(rows=rows_sent, position={"next": 1})])), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT position FROM sync.cursors") == []


def test_only_a_run_that_read_everything_makes_the_data_set_fresh(database):
    def half(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500A"), position={"next": 1})

    def short(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500A"), position={"next": 1})
        raise IncompleteReadError("salesforce.cases", read=1, reported=2)

    run(a_dataset(half), SOURCE, database.sync)
    with pytest.raises(IncompleteReadError, match="read 1 rows, the source reports 2"):
        run(a_dataset(short), SOURCE, database.sync)
    unfinished = fetch(database.owner, "SELECT as_of FROM sync.freshness")
    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert unfinished == [(None,)]
    assert fetch(database.owner, "SELECT as_of IS NOT NULL FROM sync.freshness") == [(True,)]


def test_labels_nobody_knows_are_counted_by_column_and_label(database):
    def to_other(row: Row, _: Any) -> Sequence[Contract]:
        (case,) = to_cases(row, _)
        return (case.model_copy(update={"status": "other", "source_status": "Parked"}),)

    outcome = run(a_dataset(lambda _: pages_from(0, 2), to_contracts=to_other), SOURCE, database.sync)

    assert outcome.unknown_labels == {"status=Parked": 2}
    assert fetch(database.owner, "SELECT unknown_labels FROM sync.runs") == [({"status=Parked": 2},)]


def test_a_run_whose_process_died_is_marked_as_failed_by_the_next(database):
    with psycopg.connect(database.owner) as connection:
        insert(connection, "sync.runs", dataset="salesforce.cases", system="salesforce", status="running")

    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT status, error FROM sync.runs ORDER BY started_at") == [
        ("failed", "interrupted"),
        ("succeeded", None),
    ]


def test_whoever_listens_is_notified_of_every_page_and_of_the_end(database):
    heard: list[Progress] = []

    with listening(heard.append):
        run(a_dataset(lambda _: pages_from(0, 2)), SOURCE, database.sync)

    assert [(step.rows, step.done) for step in heard] == [(1, False), (2, False), (2, False), (2, True)]


def test_every_call_of_a_run_carries_the_runs_id(database):
    three_invoices(database)
    carried = []

    def ask(parent: Row) -> Row:
        carried.append(get_contextvars()["request_id"])
        return {"balance": 5}

    run(details_dataset(ask), SOURCE, database.sync)

    ((run_id,),) = fetch(database.owner, "SELECT id FROM sync.runs")
    assert set(carried) == {str(run_id)}


def test_runs_that_overlap_in_one_process_leave_its_settings_alone(database):
    """Ten busy minutes of `hub apply` failed fifteen polls: two runs had each set and restored how Python switches."""
    settings = (sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count())
    seen: list[Any] = []
    second_began, first_ended = threading.Event(), threading.Event()

    def long(_: ReadRequest) -> Iterator[Page]:
        assert second_began.wait(30)
        yield Page(rows=rows("5001"), position={})

    def longer(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("5002"), position={})
        second_began.set()
        assert first_ended.wait(30)
        seen.append((sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count()))
        yield Page(rows=rows("5003"), position={})

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(run, a_dataset(long), SOURCE, database.sync)
        second = threads.submit(run, a_dataset(longer, name="salesforce.others"), SOURCE, database.sync)
        first.result()
        first_ended.set()
        second.result()

    seen.append((sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count()))
    assert seen == [settings, settings]


def test_a_full_run_reads_from_the_start_whatever_was_read_before(database):
    positions = []

    def read(request: ReadRequest) -> Iterator[Page]:
        positions.append((request.position, request.full))
        yield Page(rows=rows("5001"), position={"next": 1})

    run(a_dataset(read), SOURCE, database.sync)
    run(a_dataset(read), SOURCE, database.sync, full=True)

    assert positions == [({}, False), ({}, True)]


def test_a_data_set_is_known_since_its_whole_read_began_and_never_less_than_before(database):
    def read_since(moment: datetime) -> None:
        page = Page(rows=(), position={}, complete=True, known_since=moment)
        run(a_dataset(lambda _: iter([page])), SOURCE, database.sync)

    read_since(NOON)
    read_since(NOON - timedelta(hours=1))

    assert fetch(database.owner, "SELECT as_of FROM sync.freshness") == [(NOON,)]


def test_the_freshness_target_that_an_operator_chose_stays(database):
    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)
    declared = fetch(database.owner, "SELECT target_seconds FROM sync.freshness")
    execute(database.owner, "UPDATE sync.freshness SET target_seconds = 7200")

    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert (declared, fetch(database.owner, "SELECT target_seconds FROM sync.freshness")) == ([(600,)], [(7200,)])
