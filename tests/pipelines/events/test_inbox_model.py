"""The inbox against a model of it: what arrives, is requested, claimed, lost and reported, in any order.

Nothing is lost or applied for nothing, and nobody's row holds up another's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from core.storable import storable_dump
from pipelines.events import inbox as inboxes
from pipelines.events.inbox import Inbox
from pipelines.sync.refresh import request_refresh
from sql.statements import statement
from tests.conftest import Database
from tests.state_machines import check

SYSTEM = "salesforce"
AT_ONCE = 3
"""Rows that a worker takes at a time; in truth many more."""
MOST_ATTEMPTS = 2
"""Tries after which a record is parked; in truth a few more."""
LONGEST_WAIT = 3600
OUTCOMES = ["failed", "unanswered", "failed", "unanswered", "applied", "delayed", "lost"]
records = st.sampled_from(["001A", "001B"])


@dataclass
class Row:
    """A row of the inbox as it must be. due: when it became due, by a count; None: later."""

    number: int
    due: int | None
    received: int
    is_ours: bool = True
    state: str = "waiting"
    attempts: int = 0


class InboxModel(RuleBasedStateMachine):
    """Two workers of one system; what sources notify of and what is requested; time that passes as a rule says."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._connection = psycopg.connect(database.owner, autocommit=True)
        self._rows: dict[tuple[str, str], Row] = {}
        self._count = 0
        self._leader: int | None = None
        self._answered: int | None = None
        self._workers = [self._worker(), self._worker()]

    @initialize()
    def begin(self) -> None:
        for table in ("inbox", "streams", "sources"):
            self._connection.execute(f"DELETE FROM sync.{table}")  # noqa: S608 - our own names

    def teardown(self) -> None:
        for connection, _ in self._workers:
            connection.close()
        self._connection.close()

    def _worker(self) -> tuple[psycopg.Connection[Any], Inbox]:
        connection = psycopg.connect(self._database.sync, autocommit=True)
        return connection, Inbox(connection, SYSTEM)

    def _now(self) -> int:
        self._count += 1
        return self._count

    # What arrives.

    @rule(record=records, who=st.sampled_from(["salesforce", "whmcs", "hub", "hub"]))
    def tell(self, record: str, who: str) -> None:
        {"salesforce": self._salesforce_tells, "whmcs": self._whmcs_tells, "hub": self._request_refresh}[who](record)

    def _salesforce_tells(self, record: str) -> None:
        """The same event may arrive often, and long after it was applied: it is one row for ever."""
        event = {"event_id": record, "kind": "record", "entity": "Account", "record_id": record}
        position, events = uuid4().bytes, storable_dump([{**event, "payload": {}, "occurred_at": None}])
        self._connection.execute(
            statement("sync/store_events"),
            {"topic": "/data/AccountChangeEvent", "replay_id": position, "state": "listening", "events": events},
        )
        self._store((SYSTEM, record))
        assert self._connection.execute("SELECT replay_id FROM sync.streams").fetchall() == [(position,)]

    def _whmcs_tells(self, record: str) -> None:
        """Another system's worker applies that."""
        new = self._connection.execute(
            "SELECT sync.receive_notification('whmcs', %s, 'invoice', '1', NULL, now(), '{}')", [record]
        ).fetchone()
        assert new == (("whmcs", record) not in self._rows,)
        self._store(("whmcs", record), is_ours=False)

    def _request_refresh(self, record: str) -> None:
        """A refresh request is one row, which waits anew each time: who reads the record may have read it too early."""
        request_refresh(self._connection, "salesforce.accounts", [record])
        key = ("hub", f"salesforce.accounts:{record}")
        self._store(key)
        row, now = self._rows[key], self._now()
        row.state, row.attempts, row.due, row.received = "waiting", 0, now, now

    def _store(self, key: tuple[str, str], *, is_ours: bool = True) -> None:
        if key not in self._rows:
            now = self._now()
            self._rows[key] = Row(len(self._rows), now, now, is_ours)

    # Who applies it.

    @rule(
        worker=st.integers(0, 1),
        outcome=st.sampled_from(OUTCOMES),
        requested=st.sampled_from([None, None, None, "001A", "001B"]),
        answers=st.sampled_from([False, False, False, True]),
        waits=st.booleans(),
    )
    def work(self, worker: int, outcome: str, requested: str | None, answers: bool, waits: bool) -> None:
        """Take what is due and say what came of it; meanwhile somebody requests, and the source answers somebody."""
        inbox = self._leading(worker)
        claimed, keys = inbox.waiting(), self._due()
        assert [self._key(entry.id) for entry in claimed.entries] == keys
        assert [entry.attempts for entry in claimed.entries] == [self._rows[key].attempts for key in keys]
        at = self._now()

        if requested is not None:
            self._request_refresh(requested)
        if answers:
            self._answer()
        # What was requested meanwhile was perhaps read too early, so nothing is said of it.
        meant = {key: self._rows[key] for key in keys if self._rows[key].received < at}
        before = self._clock()
        if outcome == "lost":
            self._lose_the_leader()
        elif outcome == "applied":
            inbox.done(claimed)
            for row in meant.values():
                row.state = "done"
        elif outcome == "delayed":
            inbox.delayed(claimed, timedelta(seconds=60), "why")
            self._all_delayed(meant, before, at)
        else:
            inbox.failed(claimed, "why", unanswered=outcome == "unanswered")
            due = self._now()
            for key, row in meant.items():
                self._failed(key, row, before, due, unanswered=outcome == "unanswered")
        if not waits:
            self._time_passes()

    def _leading(self, worker: int) -> Inbox:
        """The leader's inbox: that worker's, unless the other leads already, who is not to be deposed."""
        if self._leader is None:
            assert self._workers[worker][1].lead()
            self._leader = worker
        assert not self._workers[1 - self._leader][1].lead()
        return self._workers[self._leader][1]

    def _lose_the_leader(self) -> None:
        """With its connection; what it had taken goes on waiting, for the next."""
        assert self._leader is not None
        connection, _ = self._workers[self._leader]
        pid = connection.info.backend_pid
        connection.close()
        # The server lets go of the lead a moment later.
        self._connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        self._workers[self._leader] = self._worker()
        self._leader = None

    def _due(self) -> list[tuple[str, str]]:
        """What a worker takes: the first of what is due that never failed; or, of those that did, one alone."""
        due = sorted(
            (row.due, row.number, key)
            for key, row in self._rows.items()
            if row.is_ours and row.state == "waiting" and row.due is not None
        )
        found = [key for _, _, key in due][:AT_ONCE]
        return [key for key in found if self._rows[key].attempts == 0] or found[:1]

    def _failed(self, key: tuple[str, str], row: Row, before: datetime, due: int, *, unanswered: bool) -> None:
        """It is tried again later and later, and parked in the end, unless it may be that nobody answers.

        What failed together is due together, in the order in which it first arrived.
        """
        wait = min(4**row.attempts - 1, LONGEST_WAIT)
        row.attempts += 1
        if row.attempts >= MOST_ATTEMPTS and (not unanswered or (self._answered or 0) > row.received):
            row.state = "parked"
        else:
            self._postponed(key, before, wait)
            row.due = due if wait == 0 else None

    def _all_delayed(self, meant: dict[tuple[str, str], Row], before: datetime, at: int) -> None:
        """The source's fault: nothing of it counts, also not what failed alone before."""
        for key, row in meant.items():
            row.due = None
            self._postponed(key, before, 60)
        for row in self._rows.values():
            if row.is_ours and row.state == "waiting" and row.received < at:
                row.attempts = 0

    def _postponed(self, key: tuple[str, str], before: datetime, seconds: int) -> None:
        """It waits as long as it should; what is not due at once is made to wait until time passes."""
        due_at = self._due_at(key)
        assert before + timedelta(seconds=seconds) <= due_at <= self._clock() + timedelta(seconds=seconds)
        if seconds:
            self._connection.execute(
                "UPDATE sync.inbox SET due_at = now() + interval '1 day' WHERE (source, event_id) = (%s, %s)", key
            )

    # What else happens.

    def _answer(self) -> None:
        self._connection.execute(
            "INSERT INTO sync.sources (system, answered_at) VALUES (%s, clock_timestamp())"
            " ON CONFLICT (system) DO UPDATE SET answered_at = clock_timestamp()",
            [SYSTEM],
        )
        self._answered = self._now()

    def _time_passes(self) -> None:
        """Whatever was to wait is due."""
        self._connection.execute(
            "UPDATE sync.inbox SET due_at = now() WHERE state = 'waiting' AND due_at > clock_timestamp()"
        )
        now = self._now()
        for row in self._rows.values():
            if row.state == "waiting" and row.due is None:
                row.due = now

    def _key(self, number: int) -> tuple[str, str]:
        (key,) = self._connection.execute("SELECT source, event_id FROM sync.inbox WHERE id = %s", [number]).fetchall()
        return key[0], key[1]

    def _due_at(self, key: tuple[str, str]) -> datetime:
        query = "SELECT due_at FROM sync.inbox WHERE (source, event_id) = (%s, %s)"
        ((due_at,),) = self._connection.execute(query.encode(), key).fetchall()
        found: datetime = due_at
        return found

    def _clock(self) -> datetime:
        ((now,),) = self._connection.execute("SELECT clock_timestamp()").fetchall()
        found: datetime = now
        return found

    @invariant()
    def the_table_is_as_the_model_says(self) -> None:
        rows = self._connection.execute(
            "SELECT source, event_id, state, attempts,"
            " state = 'waiting' AND due_at > clock_timestamp() + interval '1 second' FROM sync.inbox"
        ).fetchall()

        assert {(source, event): state for source, event, *state in rows} == {
            key: [row.state, row.attempts, row.state == "waiting" and row.due is None]
            for key, row in self._rows.items()
        }

    @invariant()
    def a_worker_wakes_when_something_is_due(self) -> None:
        waiting = [row for row in self._rows.values() if row.is_ours and row.state == "waiting"]
        nap = self._workers[0][1].next_due()

        if not waiting:
            assert nap is None
        elif any(row.due is not None for row in waiting):
            assert nap == 0
        else:
            assert nap is not None
            assert nap > LONGEST_WAIT


def test_whatever_arrives_and_is_lost_in_any_order_is_applied_once_it_can_be(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "MOST_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(inboxes, "MOST_ATTEMPTS", MOST_ATTEMPTS)
    check(lambda: InboxModel(database))


def test_who_answered_before_a_record_came_does_not_prove_it_at_fault(database: Database) -> None:
    """A record that found nobody is given up only once its source has answered somebody else since it came."""
    with psycopg.connect(database.owner, autocommit=True) as owner, psycopg.connect(database.sync) as connection:
        connection.autocommit = True
        answered = "INSERT INTO sync.sources AS s (system, answered_at) VALUES (%s, clock_timestamp())"
        answered += " ON CONFLICT (system) DO UPDATE SET answered_at = excluded.answered_at"
        owner.execute(answered.encode(), [SYSTEM])
        request_refresh(connection, "salesforce.accounts", ["001A"])
        inbox = Inbox(connection, SYSTEM)

        def fail() -> str:
            owner.execute("UPDATE sync.inbox SET due_at = now()")
            inbox.failed(inbox.waiting(), "nobody was there", unanswered=True)
            ((state,),) = owner.execute("SELECT state FROM sync.inbox").fetchall()
            return str(state)

        assert [fail() for _ in range(inboxes.MOST_ATTEMPTS + 1)][-1] == "waiting"
        owner.execute(answered.encode(), [SYSTEM])
        assert fail() == "parked"
