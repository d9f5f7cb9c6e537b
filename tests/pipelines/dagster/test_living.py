"""Which runs are still worked on, told by the lock that each holds: alive, ending, dead, or nobody knows.

The promise. A run is failed only where nobody holds its lock, it has had time to take it, and Dagster still takes it
for running some seconds after it let go. While the database does not say, nobody is declared dead.
With processes that are killed: tests/e2e/test_dead_runs.py.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

from pipelines.dagster import living
from pipelines.dagster.living import MonitoredRunLauncher, held, in_process, is_held
from tests.conftest import Database

RUNNING, FAILED = WorkerStatus.RUNNING, WorkerStatus.FAILED


@pytest.fixture(autouse=True)
def _connected(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.owner)
    monkeypatch.setenv("SYNC_DATABASE_URL", database.sync)
    monkeypatch.setattr(living, "STARTING_SECONDS", 0.0)
    monkeypatch.setattr(living, "ENDING_SECONDS", 0.0)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> MonitoredRunLauncher:
    launcher = MonitoredRunLauncher()
    launcher.register_instance(instance)
    return launcher


def started(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run that has said that it started."""
    run = instance.create_run_for_job(dg.GraphDefinition("empty").to_job())
    instance.handle_run_event(run.run_id, dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "empty"))
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.handle_run_event(run.run_id, dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "empty"))


def test_a_run_is_held_as_long_as_it_works_and_no_other_with_it() -> None:
    mine, other = str(uuid4()), str(uuid4())

    with held(mine):
        while_it_works = (is_held(mine), is_held(other))

    assert while_it_works == (True, False)
    assert is_held(mine) is False


def test_two_processes_may_hold_one_run_and_it_lives_until_both_let_go() -> None:
    """Dagster may start a step's process before the one before it has ended."""
    run = str(uuid4())

    with ExitStack() as second:
        with held(run):
            second.enter_context(held(run))
            assert is_held(run)
        assert is_held(run)

    assert not is_held(run)


def test_a_look_at_a_run_does_not_hold_it() -> None:
    run = str(uuid4())

    assert [is_held(run) for _ in range(3)] == [False] * 3


def test_while_the_database_does_not_say_a_run_is_taken_for_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")

    assert is_held(str(uuid4())) is True


@dg.op
def look(context: dg.OpExecutionContext) -> bool:
    return is_held(context.run_id)


@dg.job(executor_def=in_process)
def looking() -> None:
    look()


def test_while_its_steps_are_executed_a_run_is_held(instance: dg.DagsterInstance) -> None:
    with dg.execute_job(dg.reconstructable(looking), instance=instance, raise_on_error=True) as result:
        was_held = result.output_for_node("look")

    assert was_held is True
    assert is_held(result.run_id) is False


def test_a_run_that_is_held_is_left_alone(instance: dg.DagsterInstance, launcher: MonitoredRunLauncher) -> None:
    run = started(instance)

    with held(run.run_id):
        assert launcher.check_run_worker_health(run).status is RUNNING


def test_a_run_that_nobody_holds_is_dead(instance: dg.DagsterInstance, launcher: MonitoredRunLauncher) -> None:
    with held(str(uuid4())):  # another's lock is no sign of life
        found = launcher.check_run_worker_health(started(instance))

    assert (found.status, "process died" in (found.msg or "")) == (FAILED, True)


def test_a_run_has_time_to_take_its_lock(
    instance: dg.DagsterInstance, launcher: MonitoredRunLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(instance)
    now = time.time()

    verdicts = {}
    for seconds in (living.STARTING_SECONDS, 59.0, 61.0):
        monkeypatch.setattr(living, "STARTING_SECONDS", 60.0)
        monkeypatch.setattr(living.time, "time", lambda later=seconds: now + later)
        verdicts[seconds] = launcher.check_run_worker_health(run).status

    assert verdicts == {0.0: RUNNING, 59.0: RUNNING, 61.0: FAILED}


def test_a_run_that_has_let_go_has_time_to_say_how_it_ended(
    instance: dg.DagsterInstance, launcher: MonitoredRunLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(instance)
    monkeypatch.setattr(living.time, "sleep", lambda _: ended(instance, run))

    assert launcher.check_run_worker_health(run).status is RUNNING


def test_a_run_that_takes_its_lock_meanwhile_is_alive(
    instance: dg.DagsterInstance, launcher: MonitoredRunLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(instance)
    holding = held(run.run_id)
    monkeypatch.setattr(living.time, "sleep", lambda _: holding.__enter__())

    try:
        assert launcher.check_run_worker_health(run).status is RUNNING
    finally:
        holding.__exit__(None, None, None)
