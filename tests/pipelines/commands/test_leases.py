"""Who may work on a command, and when: claims, leases and lanes.

A claim is a lease with a number that only grows. While it holds, nobody else may work on the command; a process that is
alive renews it; when it ends, whoever comes takes over, and the one before writes nothing more. Of each lane only the
first command that has not ended is handed out, so that commands of one lane are done in the order in which they were
accepted; one that is dead holds up its lane until an operator has looked. None is lost: what has not ended and is held
up by nothing is handed out to whoever asks.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipelines.commands.claims import Heartbeat
from pipelines.commands.journal import Journal, LostClaimError
from pipelines.commands.operating import TooLateError, cancel, resolve, retry
from pipelines.commands.saga import Command, Done, Step
from sql.statements import statement
from tests.conftest import Database
from tests.pipelines.commands.made_up import KIND, Doing, Stage, made_up
from tests.waiting import until


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    ready = Stage(database)
    yield ready
    ready.close()


# -- leases ----------------------------------------------------------------------------------------------------------


def test_while_somebody_works_on_it_nobody_else_may(stage: Stage) -> None:
    stage.ask()
    with stage.claiming() as (_, one), stage.claiming() as (_, other):
        (held,) = one.take(10)

        assert other.take(10) == []

    row = stage.row(held.id)
    assert (row["status"], row["claim"]) == ("running", 1)
    assert timedelta(seconds=20) < row["lease_until"] - datetime.now(UTC) <= timedelta(seconds=30)


def test_who_is_alive_keeps_what_it_holds_however_long_it_works(stage: Stage) -> None:
    command = stage.ask()
    with stage.claiming(lease_seconds=1.0) as (_, one), stage.claiming() as (_, other):
        held = one.take(1)
        first_end = stage.row(command)["lease_until"]

        with Heartbeat(stage.database.sync, 1.0).keeping(held):
            until(lambda: datetime.now(UTC) > first_end + timedelta(seconds=0.5))

            assert other.take(1) == []
            assert stage.row(command)["lease_until"] > first_end


def test_who_no_longer_works_on_it_renews_nothing(stage: Stage) -> None:
    ended, taken_over = stage.ask("one"), stage.ask("two")
    with stage.claiming() as (connection, one), stage.claiming() as (_, other):
        held = one.take(10)
        stage.set(ended, status="succeeded", lease_until=None)
        stage.set(taken_over, lease_until=datetime.now(UTC))
        (taken,) = other.take(10)
        before = stage.row(taken_over)["lease_until"]

        connection.execute(statement("forwarder/renew"), renewing(held))

    assert taken.claim == 2
    assert stage.row(taken_over)["lease_until"] == before
    assert stage.row(ended)["lease_until"] is None


def renewing(held: list[Command], seconds: float = 600.0) -> dict[str, Any]:
    return {"ids": [each.id for each in held], "claims": [each.claim for each in held], "lease": seconds}


def test_when_the_lease_ends_another_takes_over_and_the_one_before_writes_nothing_more(stage: Stage) -> None:
    command = stage.ask()
    acting = Doing()
    action = made_up(Step("charge", acting, repeatable=True))
    with stage.claiming() as (slow, one), stage.claiming() as (_, other):
        (held,) = one.take(1)
        stage.set(command, lease_until=datetime.now(UTC))
        (taken,) = other.take(1)

        assert stage.run_claimed(slow, held, action) == "lost"

        for write in writes(Journal(slow, held)):
            with pytest.raises(LostClaimError):
                write()
    assert (taken.claim, stage.row(command)["status"], acting.times) == (2, "running", 0)
    assert stage.steps(command) == []


def test_when_a_step_was_begun_and_taken_over_the_one_before_does_not_end_it(stage: Stage) -> None:
    command = stage.ask()
    with stage.claiming() as (slow, one), stage.claiming() as (_, other):
        (held,) = one.take(1)
        Journal(slow, held).begin("charge")
        stage.set(command, lease_until=datetime.now(UTC))
        other.take(1)

        with pytest.raises(LostClaimError):
            Journal(slow, held).end("charge", Done())

    assert stage.steps(command) == [("charge", "started")]


def writes(journal: Journal) -> list[Callable[[], Any]]:
    """Everything that can be written down of a command."""
    return [
        lambda: journal.begin("charge"),
        lambda: journal.end("charge", None),
        lambda: journal.broken("charge", "lost", nothing_came=True),
        lambda: journal.failing("NO", "No."),
        lambda: journal.wait(1.0, None, 0),
        lambda: journal.dead("NO", "No."),
        lambda: journal.ended("succeeded", None, []),
    ]


def test_many_who_claim_at_once_get_each_command_once(stage: Stage) -> None:
    commands = {stage.ask(str(number)) for number in range(60)}

    def work(_: int) -> list[UUID]:
        taken = []
        with stage.claiming() as (_, claims):
            while claimed := claims.take(1):
                taken += [each.id for each in claimed]
        return taken

    with ThreadPoolExecutor(6) as threads:
        taken = [each for found in threads.map(work, range(6)) for each in found]

    assert sorted(taken) == sorted(commands)
    assert stage.rows("SELECT DISTINCT claim FROM command.commands") == [(1,)]


def test_the_nap_until_something_is_due_is_no_longer_than_it_takes(stage: Stage) -> None:
    with stage.claiming() as (_, claims):
        assert claims.next_due() is None
        waits = stage.ask("one", due_at=datetime.now(UTC) + timedelta(seconds=100), status="waiting")
        stage.ask("one")
        held = stage.ask("two", status="running", lease_until=datetime.now(UTC) + timedelta(seconds=50))

        assert 40 < (claims.next_due() or 0) <= 50
        stage.set(held, status="dead")
        assert 90 < (claims.next_due() or 0) <= 100
        stage.set(waits, due_at=datetime.now(UTC) - timedelta(seconds=5))
        assert claims.next_due() == 0.0


def test_the_sweep_takes_only_what_a_forwarder_should_have_taken(stage: Stage) -> None:
    late = stage.ask("one", due_at=datetime.now(UTC) - timedelta(seconds=30))
    stage.ask("two", due_at=datetime.now(UTC) - timedelta(seconds=10))
    with stage.claiming() as (_, claims):
        taken = claims.take(10, overdue_seconds=20.0)

    assert [each.id for each in taken] == [late]


def test_the_sweep_is_asked_for_when_something_is_overdue_and_nobody_works_on_it(stage: Stage) -> None:
    def overdue() -> int:
        ((number, _, _),) = stage.rows(statement("forwarder/overdue").replace("%(seconds)s", "20"))
        return int(number)

    long_ago = datetime.now(UTC) - timedelta(seconds=30)
    first = stage.ask("one", due_at=long_ago)
    stage.ask("one", due_at=long_ago)
    stage.ask("two", due_at=datetime.now(UTC) - timedelta(seconds=10))
    assert overdue() == 1

    stage.set(first, status="running", lease_until=datetime.now(UTC))

    assert overdue() == 0


def test_commands_of_different_kinds_wait_for_each_other_in_a_lane(stage: Stage) -> None:
    first = stage.ask(kind="top_up")
    stage.ask(kind="cancel_sim")

    with stage.claiming() as (_, claims):
        assert [each.id for each in claims.take(10)] == [first]


@pytest.mark.parametrize("away", ["freebit", "whmcs"])
def test_what_needs_a_system_that_is_left_alone_is_not_taken(stage: Stage, away: str) -> None:
    stage.ask("one", kind="top_up")  # needs both
    other = stage.ask("two", kind="open_case")
    stage.rows(
        "INSERT INTO sync.sources (system, retry_at) VALUES (%s, now() + interval '1 minute')"
        " ON CONFLICT (system) DO UPDATE SET retry_at = excluded.retry_at RETURNING 1",
        away,
    )

    with stage.claiming() as (_, claims):
        assert [each.id for each in claims.take(10)] == [other]


@pytest.mark.parametrize("status", ["waiting", "dead"])
def test_what_waits_on_purpose_or_for_an_operator_holds_up_its_lane(stage: Stage, status: str) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    stage.ask("one", status=status, due_at=tomorrow)
    stage.ask("one")
    elsewhere = stage.ask("two")

    with stage.claiming() as (_, claims):
        assert [each.id for each in claims.take(10)] == [elsewhere]


# -- a model of it all -----------------------------------------------------------------------------------------------

WRITTEN = st.sampled_from(["begin", "later", "now", "dead", "succeeded", "failed"])
OPEN = {"accepted", "running", "waiting"}
LANES = ("one", "two")


class Known:
    """A command as the model knows it. `claim`: the latest that was handed out."""

    def __init__(self, command: UUID, lane: str) -> None:
        self.id, self.lane = command, lane
        self.status, self.claim, self.is_due, self.is_leased, self.changed = "accepted", 0, True, False, False

    @property
    def has_ended(self) -> bool:
        return self.status not in OPEN | {"dead"}


class Lanes(RuleBasedStateMachine):
    """Several workers, an operator and time, in any order; the database must say what this model says."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.stage.rows("DELETE FROM command.steps RETURNING name")
        self.stage.rows("DELETE FROM command.commands RETURNING id")
        self.known: list[Known] = []
        self.held: list[tuple[Known, Command, psycopg.Connection[Any]]] = []
        """Every claim that was ever handed out, also those that are lost: a worker does not know."""
        self._open = ExitStack()
        self.workers = [self._open.enter_context(self.stage.claiming()) for _ in range(2)]
        self.operator = self._open.enter_context(psycopg.connect(self.stage.database.sync, autocommit=True))

    def teardown(self) -> None:
        """None is lost: once the operator has looked and time has passed, all come to their end, in order."""
        for each in self.known:
            if each.status == "dead":
                resolve(self.operator, each.id, "failed", None)
                each.status = "failed"
        self.stage.take_over()
        (connection, claims), left = self.workers[0], [each for each in self.known if not each.has_ended]
        for _ in left:
            for command in claims.take(10):
                Journal(connection, command).ended("succeeded", None, [])
                known = next(each for each in left if each.id == command.id)
                assert self._first(known.lane) is known
                known.status = "succeeded"
        self._open.close()
        assert [each.id for each in left if not each.has_ended] == []

    def _first(self, lane: str) -> Known | None:
        return next((each for each in self.known if each.lane == lane and not each.has_ended), None)

    def _free(self) -> set[UUID]:
        """What may be handed out now."""
        firsts = [first for lane in LANES if (first := self._first(lane))]
        return {each.id for each in firsts if each.status in OPEN and each.is_due and not each.is_leased}

    def _held(self, *, truly: bool) -> list[tuple[Known, Command, psycopg.Connection[Any]]]:
        """Claims that still hold, or those that do not."""
        return [
            (known, command, connection)
            for known, command, connection in self.held
            if (known.claim == command.claim and known.status == "running") == truly
        ]

    @initialize()
    def two_in_each_lane(self) -> None:
        for lane in (*LANES, *LANES):
            self.accept(lane)

    @rule(lane=st.sampled_from(LANES))
    def accept(self, lane: str) -> None:
        self.known.append(Known(self.stage.ask(lane), lane))

    @rule(worker=st.integers(0, 1), at_most=st.integers(1, 3))
    def claim(self, worker: int, at_most: int) -> None:
        connection, claims = self.workers[worker]
        free = self._free()

        taken = claims.take(at_most)

        assert {each.id for each in taken} <= free
        assert len(taken) == min(at_most, len(free))
        for command in taken:
            known = next(each for each in self.known if each.id == command.id)
            assert command.claim == known.claim + 1
            known.claim, known.status, known.is_leased = command.claim, "running", True
            self.held.append((known, command, connection))

    @precondition(lambda self: self._held(truly=True))
    @rule(data=st.data(), what=WRITTEN)
    def write(self, data: Any, what: str) -> None:
        """A worker writes down what became of something it holds."""
        known, command, connection = data.draw(st.sampled_from(self._held(truly=True)))
        self._write(Journal(connection, command), what)
        if what == "begin":
            known.changed = True
            return
        known.status = "waiting" if what in {"later", "now"} else what
        known.is_leased, known.is_due = False, what != "later"

    @precondition(lambda self: self._held(truly=False))
    @rule(data=st.data(), what=WRITTEN)
    def write_too_late(self, data: Any, what: str) -> None:
        """A worker writes down what became of something that it only believes it holds."""
        _, command, connection = data.draw(st.sampled_from(self._held(truly=False)))
        with pytest.raises(LostClaimError):
            self._write(Journal(connection, command), what)

    def _write(self, journal: Journal, what: str) -> None:
        if what == "begin":
            journal.begin("charge")
        elif what in {"later", "now"}:
            journal.wait(1000.0 if what == "later" else 0.0, None, 0)
        elif what == "dead":
            journal.dead("NO", "No.")
        else:
            journal.ended(what, None, [])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: Any) -> None:
        """A worker's heartbeat, also for what it has lost since: only what is its own is held longer."""
        known, command, connection = data.draw(st.sampled_from(self.held))
        connection.execute(statement("forwarder/renew"), renewing([command]))
        if known.claim == command.claim and known.status == "running":
            known.is_leased = True

    @precondition(lambda self: any(each.is_leased for each in self.known))
    @rule(data=st.data())
    def lease_ends(self, data: Any) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.is_leased]))
        self.stage.set(known.id, lease_until=datetime.now(UTC) - timedelta(seconds=1))
        known.is_leased = False

    @precondition(lambda self: any(not each.is_due for each in self.known))
    @rule(data=st.data())
    def its_time_comes(self, data: Any) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if not each.is_due]))
        self.stage.set(known.id, due_at=datetime.now(UTC) - timedelta(seconds=1))
        known.is_due = True

    @precondition(lambda self: self.known)
    @rule(data=st.data(), what=st.sampled_from(["retry", "cancel", "resolve"]))
    def operate(self, data: Any, what: str) -> None:
        known: Known = data.draw(st.sampled_from(self.known))
        may = {
            "retry": known.status in {"waiting", "dead"},
            "cancel": known.status in {"accepted", "waiting"} and not known.changed,
            "resolve": known.status == "dead",
        }
        if not may[what]:
            with pytest.raises(TooLateError):
                self._operate(known, what)
            return
        self._operate(known, what)
        if what == "retry":
            known.status, known.is_due = "waiting", True
        else:
            known.status = "cancelled" if what == "cancel" else "failed"

    def _operate(self, known: Known, what: str) -> None:
        if what == "retry":
            retry(self.operator, known.id)
        elif what == "cancel":
            cancel(self.operator, known.id, KIND)
        else:
            resolve(self.operator, known.id, "failed", None)

    @invariant()
    def each_stands_where_the_model_says(self) -> None:
        stand = self.stage.rows("SELECT id, status, claim FROM command.commands ORDER BY seq")
        assert stand == [(each.id, each.status, each.claim) for each in self.known]

    @invariant()
    def of_each_lane_one_at_most_is_worked_on(self) -> None:
        running = self.stage.rows("SELECT lane FROM command.commands WHERE status = 'running'")
        assert len(running) == len(set(running))


def test_whatever_happens_in_whatever_order_each_lane_keeps_its_order_and_one_holder(stage: Stage) -> None:
    class OnThisDatabase(Lanes):
        pass

    OnThisDatabase.stage = stage
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        OnThisDatabase,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck),
            derandomize=True, database=None, phases=[Phase.generate],  # twenty steps are read as they are
        ),
    )  # fmt: skip
