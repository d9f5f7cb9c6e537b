"""One run of a data set at a time, in all processes.

- Whoever comes second waits for the first, and goes on where the first one stopped.
- Other data sets wait for nobody.
- Whoever reads single records does not wait for a run, nor a run for them: a load takes hours, a customer waits
  seconds. Of two of those one waits for the other.
- A run that holds the lock knows that whoever is still marked as running has died; it says so of runs of its own kind
  alone.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from pipelines.sync.dataset import Page, ReadRequest
from pipelines.sync.reread import Rereader
from pipelines.sync.run import run
from tests.pipelines.sync.made_up import SOURCE, a_dataset, fetch, rows
from tests.waiting import PATIENCE_SECONDS


class Slow:
    """A reader whose run holds the lock, and ends when set; it leaves the position `next: 1`."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def read(self, _: ReadRequest) -> Iterator[Page]:
        self.began.set()
        assert self.may_end.wait(PATIENCE_SECONDS)
        yield Page(rows=rows("5001"), position={"next": 1})


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.may_end.set()


@contextmanager
def at_work(slow: Slow, database: Any) -> Iterator[ThreadPoolExecutor]:
    """While a run of the slow reader holds the lock."""
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(run, a_dataset(slow.read), SOURCE, database.sync)
        assert slow.began.wait(PATIENCE_SECONDS)
        try:
            yield threads
        finally:
            slow.may_end.set()
        first.result()


def wait_until_somebody_waits(database: Any) -> None:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            if connection.execute(waiting).fetchone() == (1,):
                return
    pytest.fail("nobody waits for a lock")


def test_a_second_run_waits_for_the_first_and_goes_on_where_it_stopped(database, slow):
    read_from = []

    def read(request: ReadRequest) -> Iterator[Page]:
        read_from.append(dict(request.position))
        yield Page(rows=rows("5002"), position={"next": 2})

    with at_work(slow, database) as threads:
        second = threads.submit(run, a_dataset(read), SOURCE, database.sync)
        wait_until_somebody_waits(database)
        before = list(read_from)
        slow.may_end.set()
        second.result()

    assert (before, read_from) == ([], [{"next": 1}])
    assert fetch(database.owner, "SELECT position FROM sync.cursors") == [({"next": 2},)]
    assert fetch(database.owner, "SELECT status FROM sync.runs") == [("succeeded",)] * 2


def test_another_data_set_waits_for_nobody(database, slow):
    other = a_dataset(lambda _: iter([Page(rows=rows("5002"), position={})]), name="salesforce.others")

    with at_work(slow, database) as threads:
        outcome = threads.submit(run, other, SOURCE, database.sync).result(PATIENCE_SECONDS)

    assert outcome.read == 1


def test_who_reads_single_records_waits_for_no_run_and_holds_up_none(database, slow):
    dataset = a_dataset(lambda _: iter([Page(rows=rows("5002"), position={})]))

    with psycopg.connect(database.sync) as connection, at_work(slow, database) as threads:
        connection.execute("SET lock_timeout = '10s'")
        reader = Rereader(connection, dataset, SOURCE)
        slow.may_end.set()
        threads.submit(run, dataset, SOURCE, database.sync).result(PATIENCE_SECONDS)

    statuses = fetch(database.owner, "SELECT mode, status, error FROM sync.runs ORDER BY mode, started_at")
    assert statuses == [("events", "running", None), *[("incremental", "succeeded", None)] * 2]
    assert reader is not None


def test_of_two_who_read_single_records_one_waits(database):
    dataset = a_dataset(lambda _: iter(()))

    with psycopg.connect(database.sync) as first, psycopg.connect(database.sync) as second:
        Rereader(first, dataset, SOURCE)
        second.execute("SET lock_timeout = '100ms'")

        with pytest.raises(psycopg.errors.LockNotAvailable):
            Rereader(second, dataset, SOURCE)
