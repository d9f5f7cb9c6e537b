"""The jobs of commands as the UI launches them: with nothing given, they work off what is due of their kind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from core.settings import CommandSettings
from pipelines.commands.actions import ACTIONS
from pipelines.commands.saga import Done, LaterError, Step
from pipelines.dagster.commands import Claimed
from pipelines.dagster.definitions import defs
from tests.conftest import Database
from tests.pipelines.commands.made_up import Doing, Stage, made_up

LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def stage(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("DATABASE_URL", database.owner)
    monkeypatch.setenv("SYNC_DATABASE_URL", database.sync)
    ready = Stage(database)
    yield ready
    ready.close()


def doing(monkeypatch: pytest.MonkeyPatch, kind: str, *brings: Done | Exception | None) -> Doing:
    """What commands of the kind do for this test, in place of calls."""
    acting = Doing(*brings)
    monkeypatch.setitem(ACTIONS, kind, made_up(Step("act", acting, find_existing=Doing(None))))
    return acting


def launched(name: str, tmp_path: Path) -> tuple[dg.ExecuteInProcessResult, dict[str, Any]]:
    """A run of the job, as the UI launches it, and what it said of its commands."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run = defs.resolve_job_def(name).execute_in_process(instance=instance, raise_on_error=False)
        said = [event.step_output_data.metadata for event in run.all_events if event.is_successful_output]
        return run, said[0]["commands"].value if said and "commands" in said[0] else {}


def test_a_job_that_is_launched_by_hand_does_what_is_due_of_its_kind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    acting, other = doing(monkeypatch, "open_case"), doing(monkeypatch, "close_case")
    due = [stage.ask(str(number), kind="open_case") for number in range(3)]
    later = stage.ask("later", kind="open_case", due_at=LATER)
    not_its_own = stage.ask("other", kind="close_case")

    run, said = launched("open_case", tmp_path)

    assert run.success
    assert said == {str(command): "succeeded" for command in due}
    assert (acting.times, other.times) == (3, 0)
    assert {stage.row(command)["status"] for command in (later, not_its_own)} == {"accepted"}


def test_a_job_that_is_launched_while_nothing_is_due_succeeds(stage: Stage, tmp_path: Path) -> None:
    run, said = launched("open_case", tmp_path)

    assert (run.success, said) == (True, {})


def test_what_a_forwarder_holds_is_left_to_it(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    acting = doing(monkeypatch, "open_case")
    stage.ask(kind="open_case")
    with stage.claiming() as (_, claims):
        held = claims.take(1)

        run, said = launched("open_case", tmp_path)

    assert (len(held), run.success, said, acting.times) == (1, True, {}, 0)


def test_a_launched_run_in_which_a_command_dies_fails_and_says_which(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = stage.ask(kind="open_case", input={"of": "tomorrow"})
    doing(monkeypatch, "open_case")

    run, _ = launched("open_case", tmp_path)

    assert not run.success
    assert stage.row(command)["status"] == "dead"
    assert any(str(command) in str(event.event_specific_data) for event in run.all_events if event.is_step_failure)


def test_a_command_that_is_due_again_at_once_does_not_keep_a_launched_run_going(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without an end the test would not end either: what is asked to wait for no time is taken twice, and left."""
    acting = doing(monkeypatch, "open_case", LaterError(0.0, "Not yet."))
    command = stage.ask(kind="open_case")

    run, said = launched("open_case", tmp_path)

    assert (run.success, said, acting.times) == (True, {str(command): "waiting"}, 2)


def test_the_sweep_does_what_is_overdue_of_any_kind_and_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    doing(monkeypatch, "open_case")
    doing(monkeypatch, "close_case")
    long_ago = datetime.now(UTC) - timedelta(seconds=CommandSettings().overdue_seconds + 5)
    late = [stage.ask(kind, kind=kind, due_at=long_ago) for kind in ("open_case", "close_case")]
    fresh = stage.ask("fresh", kind="open_case")

    run, _ = launched("sweep_commands", tmp_path)

    assert run.success
    assert {stage.row(command)["status"] for command in late} == {"succeeded"}
    assert stage.row(fresh)["status"] == "accepted"


@pytest.mark.parametrize(("number", "named"), [("00001234", "orders 00001234"), (None, "orders 8015")])
def test_what_a_run_did_is_said_in_words_that_an_agent_knows(number: str | None, named: str) -> None:
    command: Any = SimpleNamespace(
        id="c-1", kind="place_order", subject_kind="orders", subject_id="8015", order_number=number
    )
    outcome = SimpleNamespace(command=command, status="succeeded", said=["create_order: done"])
    runners: Any = SimpleNamespace(run=lambda _: [outcome])
    lines = list[str]()
    context: Any = SimpleNamespace(log=SimpleNamespace(info=lambda form, line: lines.append(form % line)))

    left = Claimed(runners, [command]).take(context)

    assert left == {"c-1": "succeeded"}
    assert lines == [f"place_order c-1 of {named}: succeeded\n  create_order: done"]
