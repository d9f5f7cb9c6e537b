"""The warm worker follows one system's inbox: at once, whatever breaks, ever more slowly while nothing works."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from core.errors import UnavailableError
from pipelines.events import worker
from pipelines.events.inbox import Claimed, Inbox
from pipelines.events.worker import Applier, Readers
from pipelines.sync.dataset import Selection, Source
from pipelines.sync.merged import Merged
from pipelines.sync.refresh import request_refresh
from tests.waiting import PATIENCE_SECONDS, until

INVOICES = "whmcs.invoices"
NOTHING_OF_A_SOURCE: Source[Any, Any] = Source(client=None, settings=None)
DOWN = UnavailableError("whmcs", "is down", code="http_503", sent=False)


class Read:
    """Stands for reading: which records were read, and what comes of it."""

    def __init__(self) -> None:
        self.records: list[set[str]] = []
        self.troubles: list[Exception] = []

    def read(self, only: Selection) -> Merged:
        if self.troubles:
            raise self.troubles.pop(0)
        self.records.append(set(only.records))
        return Merged(updated=1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    read = Read()
    monkeypatch.setattr(Readers, "of", lambda *_: read)
    return read


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by chance: a worker that is not woken sleeps for longer than a test waits."""
    monkeypatch.setattr(worker, "LONGEST_NAP_SECONDS", 10 * PATIENCE_SECONDS)
    monkeypatch.setattr(worker, "FIRST_WAIT_SECONDS", 0.001)


@contextmanager
def following(database: Any, stopped: Event | None = None) -> Iterator[Callable[[str], None]]:
    """A worker that follows; with what requests a record to be read again."""
    ends = stopped or Event()
    applier = Applier("whmcs", NOTHING_OF_A_SOURCE, database.sync, lambda *_: None)
    thread = Thread(target=applier.follow, args=[ends])
    with psycopg.connect(database.sync, autocommit=True) as connection:

        def request(record: str) -> None:
            request_refresh(connection, INVOICES, [record])

        thread.start()
        try:
            yield request
        finally:
            ends.set()
            request("what wakes it")
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "it does not end"


def naps(database: Any) -> bool:
    """Whether the worker waits for the next notification."""
    query = "SELECT state FROM pg_stat_activity WHERE application_name = 'inbox whmcs' AND datname = current_database()"
    with psycopg.connect(database.owner) as connection:
        return connection.execute(query).fetchall() == [("idle",)]


def test_what_is_requested_while_it_sleeps_is_applied_at_once(database: Any, read: Read) -> None:
    with following(database) as request:
        request("1")
        until(lambda: read.records == [{"1"}])
        request("2")
        until(lambda: read.records == [{"1"}, {"2"}])


def test_what_becomes_due_while_it_sleeps_is_applied_then(database: Any, read: Read) -> None:
    with following(database) as request:
        request("1")
        until(lambda: read.records == [{"1"}])
        with psycopg.connect(database.owner) as owner:
            owner.execute("UPDATE sync.inbox SET state = 'waiting', due_at = now() + interval '0.3 s'")
            owner.execute("SELECT pg_notify('hub_inbox', '')")

        until(lambda: read.records == [{"1"}, {"1"}])


def test_while_nothing_is_due_it_sleeps_and_complains_of_nothing(database: Any, read: Read) -> None:
    with capture_logs() as logged, following(database) as request:
        request("1")
        until(lambda: read.records and naps(database))

    assert [each["event"] for each in logged if each["log_level"] != "info"] == []


@pytest.mark.parametrize(
    "broken", [psycopg.OperationalError("the connection is closed"), ValueError("of a kind that nobody thought of")]
)
def test_whatever_breaks_while_it_leads_it_begins_anew(
    database: Any, read: Read, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    waiting, left = Inbox.waiting, [broken, broken]

    def breaks(inbox: Inbox) -> Claimed:
        if left:
            raise left.pop()
        return waiting(inbox)

    monkeypatch.setattr(Inbox, "waiting", breaks)

    with following(database) as request:
        request("1")
        until(lambda: read.records == [{"1"}])
        request("2")
        until(lambda: read.records == [{"1"}, {"2"}])


class Counting(Event):
    """Ends after so many pauses, and remembers how long they were to be."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self.pauses: list[float | None] = []
        self._most = pauses

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        if len(self.pauses) >= self._most:
            self.set()
        return self.is_set()


DOUBLING = [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_while_the_source_is_down_it_pauses_ever_longer_up_to_a_minute(
    database: Any, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_WAIT_SECONDS", 1.0)
    monkeypatch.setattr(Inbox, "delayed", lambda *_: None)  # it stays due, so that no time need pass
    read.troubles = [DOWN] * len(DOUBLING)
    stopped = Counting(len(DOUBLING))
    with psycopg.connect(database.sync) as connection:
        request_refresh(connection, INVOICES, ["1"])

    Applier("whmcs", NOTHING_OF_A_SOURCE, database.sync, lambda *_: None).follow(stopped)

    # And once more at its end, where it is not waited any more.
    assert stopped.pauses == [*DOUBLING, 60.0]
    assert read.records == []


def test_once_something_was_applied_the_pauses_begin_anew(
    database: Any, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_WAIT_SECONDS", 1.0)
    monkeypatch.setattr(Inbox, "delayed", lambda *_: None)
    applier = Applier("whmcs", NOTHING_OF_A_SOURCE, database.sync, lambda *_: None)
    with psycopg.connect(database.sync, autocommit=True) as connection:
        request_refresh(connection, INVOICES, ["1"])
        read.troubles = [DOWN] * 3
        stopped = Counting(3)
        applier.follow(stopped)
        applier.drain()
        request_refresh(connection, INVOICES, ["2"])
        read.troubles = [DOWN] * 2
        later = Counting(2)
        applier.follow(later)

    assert read.records == [{"1"}]
    assert (stopped.pauses[:3], later.pauses[:2]) == (DOUBLING[:3], DOUBLING[:2])


def test_what_breaks_it_again_and_again_slows_it_down(
    database: Any, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_WAIT_SECONDS", 1.0)

    def breaks(_: Inbox) -> Claimed:
        raise ValueError("of a kind that nobody thought of")

    monkeypatch.setattr(Inbox, "waiting", breaks)
    stopped = Counting(len(DOUBLING))

    Applier("whmcs", NOTHING_OF_A_SOURCE, database.sync, lambda *_: None).follow(stopped)

    assert stopped.pauses == DOUBLING


def test_it_stands_by_while_another_leads_and_takes_over(database: Any, read: Read) -> None:
    with psycopg.connect(database.sync) as leader:
        leader.execute("SELECT pg_advisory_lock(hashtext('inbox'), hashtext('whmcs'))")
        with following(database) as request:
            request("1")
            until(lambda: naps(database))
            assert read.records == []
            leader.close()
            until(lambda: read.records == [{"1"}])


def test_a_worker_that_stands_by_ends_when_it_is_stopped(database: Any) -> None:
    with psycopg.connect(database.sync) as leader:
        leader.execute("SELECT pg_advisory_lock(hashtext('inbox'), hashtext('whmcs'))")
        with following(database):
            until(lambda: naps(database))
