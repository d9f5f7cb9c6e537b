"""A run lives as long as some process holds its lock; where nobody can tell, it counts as alive."""

from contextlib import ExitStack
from typing import Any

import pytest

from pipelines.living import held, is_held


@pytest.fixture
def hub(database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", database.owner)
    monkeypatch.setenv("SYNC_DATABASE_URL", database.sync)
    return database


def test_a_run_is_held_by_its_process_alone_and_until_that_lets_go(hub):
    before = is_held("a run")
    with held("a run"):
        meanwhile = is_held("a run"), is_held("another run")

    assert (before, meanwhile, is_held("a run")) == (False, (True, False), False)


def test_two_processes_may_hold_one_run_and_it_lives_until_both_let_go(hub):
    """Dagster may start a step's process before the one before it has ended."""
    first, second = ExitStack(), ExitStack()
    first.enter_context(held("a run"))
    second.enter_context(held("a run"))

    first.close()
    after_the_first = is_held("a run")
    second.close()

    assert (after_the_first, is_held("a run")) == (True, False)


def test_asking_whether_a_run_is_held_keeps_nobody_from_holding_it(hub):
    assert not is_held("a run")

    with held("a run"):
        assert is_held("a run")


def test_a_database_that_does_not_answer_kills_no_run(hub, monkeypatch):
    monkeypatch.setenv("SYNC_DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/hub")

    assert is_held("a run")
