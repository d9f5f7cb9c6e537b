"""What the runner promises of every command, whatever its steps do.

Time: what was not begun by its deadline fails, and nothing is done. What changed something, or may have, is never
failed quietly: an operator looks. Waiting on purpose costs nothing of the time, trouble does. Taking back has a day of
its own.

Steps: each is written down before its call and after it, and done once. Where the outcome of a call is unknown, the
step searches for its effect before it calls again, and waits until that call cannot be at work any more. A call that
surely changed nothing is simply made again.

Failing: that and why a command fails is written down before anything is taken back. Whoever goes on after that, goes on
taking back and never forward.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from core.errors import BusyError, CredentialsError, QuotaError, RejectedError, ThrottledError, UnavailableError
from pipelines.commands.operating import retry
from pipelines.commands.runner import LONGEST_WAIT_SECONDS, MOST_SURPRISES, QUOTA_WAIT_SECONDS
from pipelines.commands.saga import AlertError, Done, LaterError, RefreshRequest, RefusalError, Result, Step, Work
from pipelines.sources.circuit import CircuitOpenError
from tests.conftest import Database
from tests.pipelines.commands.made_up import Doing, Found, Stage, made_up

LOST = UnavailableError("whmcs", "did not answer", code="ReadTimeout")
NEVER_SENT = UnavailableError("whmcs", "did not answer", code="ConnectError", sent=False)
REJECTED = RejectedError("whmcs", "refused the call", code="no")
GONE = psycopg.OperationalError("the server closed the connection")
"""What a kill leaves behind: nothing more is written down."""


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    ready = Stage(database)
    yield ready
    ready.close()


def past() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


# -- time ------------------------------------------------------------------------------------------------------------


def test_what_was_not_begun_in_time_fails_and_nothing_is_done(stage: Stage) -> None:
    charging = Doing()
    command = stage.ask(deadline_at=past())

    assert stage.run(made_up(Step("charge", charging, repeatable=True))) == "failed"

    assert (stage.row(command)["failure_code"], charging.times) == ("TIMED_OUT", 0)


def test_what_only_read_before_its_deadline_fails_as_if_it_had_not_begun(stage: Stage) -> None:
    command = stage.ask()
    action = made_up(Step("read", Doing(), reads=True), Step("charge", Doing(NEVER_SENT), repeatable=True))
    assert stage.run(action) == "waiting"
    stage.set(command, deadline_at=past(), due_at=past())

    assert stage.run(action) == "failed"

    assert stage.row(command)["failure_code"] == "TIMED_OUT"


@pytest.mark.parametrize("lost", [False, True])
def test_what_charged_and_runs_out_of_time_waits_for_an_operator(stage: Stage, *, lost: bool) -> None:
    charging, adding = Doing(LOST if lost else Done()), Doing(NEVER_SENT)
    action = made_up(
        Step("charge", charging, find_existing=Doing(None)), Step("add", adding, repeatable=True),
        failing=[Step("cancel", cancelling := Doing(), repeatable=True)],
    )  # fmt: skip
    command = stage.ask()
    assert stage.run(action) == "waiting"
    stage.set(command, deadline_at=past(), due_at=past())

    assert stage.run(action) == "dead"

    found = stage.row(command)
    assert (found["failure_code"], found["failing"], cancelling.times) == ("TIMED_OUT", False, 0)


def test_the_time_runs_out_between_two_steps_too(stage: Stage) -> None:
    command = stage.ask()
    step = Step[Any]("read", lambda work: stage.set(work.command.id, deadline_at=past()), reads=True)
    later = Doing()
    action = made_up(step, Step("charge", later, repeatable=True))
    stage.set(command, deadline_at=datetime.now(UTC) + timedelta(milliseconds=1))

    assert stage.run(action) == "failed"

    assert later.times == 0


def test_waiting_on_purpose_costs_nothing_of_the_time(stage: Stage) -> None:
    command = stage.ask()
    before = stage.row(command)["deadline_at"]

    assert stage.run(made_up(Step("wait", Doing(LaterError(3600.0, "Not yet.")), reads=True))) == "waiting"

    found = stage.row(command)
    assert found["deadline_at"] == before + timedelta(hours=1)
    assert (found["waits_for"], found["attempts"]) == ("Not yet.", 0)
    assert 3590 < stage.waits(command) <= 3600


def test_trouble_costs_of_the_time(stage: Stage) -> None:
    command = stage.ask()
    before = stage.row(command)["deadline_at"]

    stage.run(made_up(Step("call", Doing(LOST), repeatable=True)))

    assert stage.row(command)["deadline_at"] == before


def test_what_runs_out_of_time_before_it_changed_anything_still_tells_whom_it_must(stage: Stage) -> None:
    telling = Doing()
    command = stage.ask(deadline_at=past())
    action = made_up(Step("charge", Doing(), repeatable=True), failing=[Step("tell_failure", telling, repeatable=True)])

    assert stage.run(action) == "failed"

    assert (stage.row(command)["failure_code"], telling.times) == ("TIMED_OUT", 1)


def test_taking_back_has_a_day_and_then_an_operator_looks(stage: Stage) -> None:
    command = stage.ask(deadline_at=datetime.now(UTC) + timedelta(minutes=1))
    action = made_up(
        Step("charge", Doing(REJECTED), repeatable=True), failing=[Step("undo", Doing(LOST), repeatable=True)]
    )
    assert stage.run(action) == "waiting"
    assert stage.row(command)["deadline_at"] > datetime.now(UTC) + timedelta(hours=23)
    stage.set(command, deadline_at=past(), due_at=past())

    assert stage.run(action) == "dead"


def test_an_operator_who_lets_it_go_on_gives_it_a_day(stage: Stage) -> None:
    command = stage.ask()
    action = made_up(Step("charge", Doing(LOST, None), find_existing=Doing(None)))
    run_until_it_breaks(stage, action)
    stage.set(command, deadline_at=past())
    assert stage.run(action) == "dead"

    with psycopg.connect(stage.database.sync, autocommit=True) as connection:
        retry(connection, command)

    assert stage.run(action) == "succeeded"
    assert stage.row(command)["failure_code"] is None


# -- trouble ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 1.0), (1, 2.0), (4, 16.0), (16, LONGEST_WAIT_SECONDS)])
def test_the_wait_after_trouble_doubles_up_to_five_minutes(stage: Stage, attempts: int, seconds: float) -> None:
    command = stage.ask(attempts=attempts)

    assert stage.run(made_up(Step("call", Doing(LOST), repeatable=True))) == "waiting"

    assert 0.75 * seconds - 1 < stage.waits(command) <= 1.2 * seconds
    assert stage.row(command)["attempts"] == min(attempts + 1, 16)


@pytest.mark.parametrize("error", [
    ThrottledError("whmcs", "asks for patience", retry_after=120.0),
    BusyError("freebit", "is at it", retry_after=120.0),
])  # fmt: skip
def test_whoever_names_a_wait_is_left_alone_for_it(stage: Stage, error: Exception) -> None:
    command = stage.ask()

    stage.run(made_up(Step("call", Doing(error), repeatable=True)))

    assert 110 < stage.waits(command) <= 120


def test_being_let_wait_by_the_circuit_is_no_try(stage: Stage) -> None:
    command = stage.ask(attempts=2)

    stage.run(made_up(Step("call", Doing(CircuitOpenError("whmcs", "is left alone", sent=False)), repeatable=True)))

    assert stage.row(command)["attempts"] == 2


def test_tries_are_counted_anew_after_a_step_that_went_well(stage: Stage) -> None:
    command = stage.ask(attempts=5)

    stage.run(made_up(Step("well", Doing(), repeatable=True), Step("call", Doing(LOST), repeatable=True)))

    assert stage.row(command)["attempts"] == 1


def test_no_calls_left_is_neither_a_try_nor_time(stage: Stage) -> None:
    command = stage.ask(attempts=1)
    before = stage.row(command)["deadline_at"]

    stage.run(made_up(Step("call", Doing(QuotaError("salesforce", "all used")), repeatable=True)))

    found = stage.row(command)
    assert (found["attempts"], found["deadline_at"] - before) == (1, timedelta(seconds=QUOTA_WAIT_SECONDS))


def test_a_mistake_of_ours_is_tried_three_times_and_then_an_operator_looks(stage: Stage) -> None:
    mistaken = Doing(KeyError("entry"))
    command = stage.ask()
    action = made_up(Step("charge", mistaken, repeatable=True))

    left = []
    while (status := stage.run(action)) is not None:
        left.append(status)
        stage.take_over()

    assert (left, mistaken.times) == (["waiting", "waiting", "dead"], MOST_SURPRISES)
    assert stage.row(command)["failure_code"] == "DEFECT"


def test_a_mistake_of_ours_before_anything_was_begun_fails_and_frees_the_lane(stage: Stage) -> None:
    command, behind = stage.ask(attempts=MOST_SURPRISES - 1), stage.ask()
    action = made_up(Step("read", Doing(KeyError("entry"), Done()), reads=True))

    assert stage.run(action) == "waiting"
    assert stage.run(action) == "failed"

    assert stage.row(command)["failure_code"] == "DEFECT"
    assert stage.run(action) == "succeeded"
    assert stage.row(behind)["status"] == "succeeded"


def test_a_kind_that_this_release_does_not_know_waits_for_an_operator(stage: Stage) -> None:
    command = stage.ask(kind="of_tomorrow")

    assert stage.run(made_up()) == "dead"

    assert stage.row(command)["failure_code"] == "UNKNOWN_KIND"


# -- steps -----------------------------------------------------------------------------------------------------------


def test_a_step_that_is_done_is_not_done_again_and_what_it_brought_is_known(stage: Stage) -> None:
    first, told = Doing(Found("7")), []

    def second(work: Work[Any]) -> Result | None:
        told.append(work.result(Found))
        return trouble(work)

    trouble = Doing(NEVER_SENT, None)
    command = stage.ask()
    action = made_up(Step("first", first, brings=Found, repeatable=True), Step("second", second, repeatable=True))
    assert stage.run(action) == "waiting"
    stage.take_over()

    assert stage.run(action) == "succeeded"

    assert (first.times, told) == (1, [Found("7"), Found("7")])
    assert stage.steps(command) == [("first", "done"), ("second", "done")]


def test_a_step_is_written_down_before_its_call_and_after_it(stage: Stage) -> None:
    seen: list[Any] = []
    command = stage.ask()

    stage.run(made_up(Step("call", lambda work: seen.extend(stage.steps(work.command.id)), repeatable=True)))

    assert (seen, stage.steps(command)) == ([("call", "started")], [("call", "done")])


def test_what_is_not_needed_is_neither_done_nor_written_down(stage: Stage) -> None:
    command, never = stage.ask(), Doing()

    assert stage.run(made_up(Step("never", never, repeatable=True, when=lambda _: False))) == "succeeded"

    assert (stage.steps(command), never.times) == ([], 0)


@pytest.mark.parametrize("lost", [LOST, CredentialsError("whmcs", "refuses us", nothing_came=False), GONE])
def test_after_a_lost_answer_an_existing_effect_is_searched_for_and_not_done_again(
    stage: Stage, lost: Exception
) -> None:
    acting, finding = Doing(lost, None), Doing(Found("1"))
    command = stage.ask()
    action = made_up(Step("charge", acting, brings=Found, find_existing=finding))
    run_until_it_breaks(stage, action)

    assert stage.run(action) == "succeeded"

    assert (acting.times, finding.times) == (1, 1)
    assert stage.rows("SELECT result FROM command.steps WHERE command_id = %s", command) == [({"number": "1"},)]


def run_until_it_breaks(stage: Stage, action: Any) -> None:
    """Work that stops before the command ends, by trouble or by a kill."""
    with suppress(psycopg.OperationalError):
        assert stage.run(action) == "waiting"
    stage.take_over()


def test_after_a_lost_answer_that_came_to_nothing_it_is_done_once_more(stage: Stage) -> None:
    acting, finding = Doing(LOST, None), Doing(None)
    stage.ask()
    action = made_up(Step("charge", acting, find_existing=finding))
    run_until_it_breaks(stage, action)

    assert stage.run(action) == "succeeded"

    assert (acting.times, finding.times) == (2, 1)


def test_what_may_be_at_work_still_is_waited_for_though_nothing_is_found(stage: Stage) -> None:
    acting, finding = Doing(LOST, None), Doing(None)
    command = stage.ask()
    action = made_up(Step("charge", acting, find_existing=finding))
    run_until_it_breaks(stage, action)

    assert stage.run(action, settle_seconds=30.0) == "waiting"
    assert (acting.times, stage.row(command)["attempts"]) == (1, 1)
    assert 20 < stage.waits(command) <= 30

    stage.rows("UPDATE command.steps SET started_at = now() - interval '31 seconds' RETURNING name")
    stage.take_over()
    assert stage.run(action, settle_seconds=30.0) == "succeeded"
    assert acting.times == 2


def test_what_may_be_at_work_is_measured_from_the_latest_try(stage: Stage) -> None:
    acting = Doing(LOST, LOST, None)
    stage.ask()
    action = made_up(Step("charge", acting, find_existing=Doing(None)))
    run_until_it_breaks(stage, action)
    stage.rows("UPDATE command.steps SET started_at = now() - interval '31 seconds' RETURNING name")
    run_until_it_breaks(stage, action)

    assert stage.run(action, settle_seconds=30.0) == "waiting"

    assert acting.times == 2


def test_trouble_while_it_searches_leaves_the_outcome_open(stage: Stage) -> None:
    acting, finding = Doing(LOST, None), Doing(UnavailableError("whmcs", "is down", sent=False), Done())
    command = stage.ask()
    action = made_up(Step("charge", acting, find_existing=finding))
    run_until_it_breaks(stage, action)
    run_until_it_breaks(stage, action)
    assert stage.steps(command) == [("charge", "started")]

    assert stage.run(action) == "succeeded"

    assert (acting.times, finding.times) == (1, 2)


def test_what_came_of_a_lost_call_and_may_not_be_read_waits_for_an_operator(stage: Stage) -> None:
    command = stage.ask()
    refused = RefusalError("NUMBER_DISPUTED", "It is not certain whose number this is.")
    action = made_up(Step("charge", acting := Doing(LOST, None), find_existing=Doing(refused)))
    run_until_it_breaks(stage, action)

    assert stage.run(action) == "dead"

    assert (stage.row(command)["failure_code"], acting.times) == ("NUMBER_DISPUTED", 1)


@pytest.mark.parametrize("error", [NEVER_SENT, ThrottledError("whmcs", "asks for patience"), LaterError(1.0, "Later.")])
def test_a_call_that_surely_changed_nothing_is_made_again_without_a_search(stage: Stage, error: Exception) -> None:
    acting, finding = Doing(error, None), Doing(Done())
    command = stage.ask()
    action = made_up(Step("charge", acting, find_existing=finding))
    assert stage.run(action) == "waiting"
    assert stage.steps(command) == []
    stage.take_over()

    assert stage.run(action, settle_seconds=30.0) == "succeeded"

    assert (acting.times, finding.times) == (2, 0)


def test_what_another_may_have_done_is_searched_for_before_the_first_try(stage: Stage) -> None:
    acting = Doing()
    command = stage.ask()

    assert (
        stage.run(made_up(Step("order", acting, find_existing=Doing(Done()), find_existing_first=True))) == "succeeded"
    )

    assert (stage.steps(command), acting.times) == ([("order", "done")], 0)


def test_a_refusal_is_told_in_the_steps_words(stage: Stage) -> None:
    command = stage.ask()
    refused = ("PAYMENT_FAILED", "The payment failed, and nothing was charged.")

    assert stage.run(made_up(Step("charge", Doing(REJECTED), repeatable=True, refused=refused))) == "failed"

    found = stage.row(command)
    assert (found["failure_code"], found["failure_reason"]) == refused


def test_a_process_that_is_to_stop_begins_no_further_step_and_gives_the_command_back(stage: Stage) -> None:
    stops: list[int] = []
    command = stage.ask()
    before = stage.row(command)["deadline_at"]
    second = Doing()
    action = made_up(Step("first", lambda _: stops.append(1), repeatable=True), Step("second", second, repeatable=True))

    assert stage.run(action, stopped=lambda: bool(stops)) == "waiting"

    found = stage.row(command)
    assert (stage.steps(command), second.times) == ([("first", "done")], 0)
    assert (found["lease_until"], found["deadline_at"]) == (None, before)
    assert stage.waits(command) <= 0


def test_what_a_command_changed_is_read_again_once_it_has_ended(stage: Stage) -> None:
    stage.ask()

    stage.run(
        made_up(
            affects=lambda _: [
                RefreshRequest("whmcs.invoices", record="7"),
                RefreshRequest("whmcs.services", owner="3"),
            ]
        )
    )

    requested = stage.rows("SELECT entity, record_id, parent_id, state FROM sync.inbox ORDER BY entity")
    assert requested == [("whmcs.invoices", "7", None, "waiting"), ("whmcs.services", None, "3", "waiting")]


# -- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [
    "UPDATE hub.customer_accounts SET customer_id = id WHERE source = 'whmcs' RETURNING id",
    "UPDATE hub.customer_accounts SET deleted_at = now() WHERE source = 'whmcs' RETURNING id",
    "UPDATE hub.customer_accounts SET deleted_at = now() WHERE source = 'salesforce' RETURNING id",
], ids=["it went to somebody else", "it was deleted", "the customer was deleted"])  # fmt: skip
def test_what_was_asked_of_an_account_that_is_no_longer_the_customers_is_not_done(stage: Stage, what: str) -> None:
    customer = stage.customer()
    command = stage.ask(customer_id=customer["id"], account_id=customer["whmcs_account_id"])
    stage.rows(what)

    assert stage.run(made_up(Step("charge", charging := Doing(), repeatable=True))) == "failed"

    assert (stage.row(command)["failure_code"], charging.times) == ("NOT_THE_CUSTOMERS", 0)


def test_an_account_that_was_deleted_at_its_source_is_not_called_for(stage: Stage) -> None:
    customer, seen = stage.customer(), list[Any]()
    stage.ask(customer_id=customer["id"], account_id=customer["salesforce_account_id"])
    stage.rows("UPDATE hub.customer_accounts SET deleted_at = now() WHERE source = 'whmcs' RETURNING id")

    stage.run(made_up(Step("see", lambda work: seen.append(work.accounts), reads=True)))

    ((salesforce,),) = stage.rows("SELECT source_id FROM hub.customer_accounts WHERE source = 'salesforce'")
    assert seen == [{"salesforce": salesforce}]


# -- failing ---------------------------------------------------------------------------------------------------------


def test_whoever_goes_on_after_a_kill_goes_on_taking_back(stage: Stage) -> None:
    charging, undoing, telling = Doing(), Doing(), Doing(GONE, None)
    refusing = Doing(RefusalError("NO", "No."), None)
    command = stage.ask()
    action = made_up(
        Step("charge", charging, repeatable=True), Step("refuse", refusing, reads=True),
        failing=[Step("undo", undoing, repeatable=True), Step("tell", telling, repeatable=True)],
    )  # fmt: skip
    with pytest.raises(psycopg.OperationalError):
        stage.run(action)
    assert (stage.row(command)["failing"], stage.row(command)["failure_code"]) == (True, "NO")
    stage.take_over()

    assert stage.run(action) == "failed"

    assert (charging.times, refusing.times, undoing.times, telling.times) == (1, 1, 1, 2)
    found = stage.row(command)
    assert (found["failure_code"], found["failure_reason"], found["result"]) == ("NO", "No.", None)
    assert found["finished_at"] is not None


def test_that_it_fails_is_written_down_before_anything_is_taken_back(stage: Stage) -> None:
    seen: list[Any] = []
    command = stage.ask()
    undo = Step[Any]("undo", lambda work: seen.append(stage.row(work.command.id)["failing"]), repeatable=True)

    stage.run(made_up(Step("charge", Doing(REJECTED), repeatable=True), failing=[undo]))

    assert (seen, stage.row(command)["status"]) == ([True], "failed")


def test_trouble_while_taking_back_is_waited_out(stage: Stage) -> None:
    undoing = Doing(LOST, None)
    command = stage.ask()
    action = made_up(
        Step("charge", acting := Doing(REJECTED, None), repeatable=True),
        failing=[Step("undo", undoing, repeatable=True)],
    )
    assert stage.run(action) == "waiting"
    stage.take_over()

    assert stage.run(action) == "failed"

    assert (acting.times, undoing.times, stage.row(command)["failure_code"]) == (1, 2, "REFUSED")


def test_what_cannot_be_taken_back_waits_for_an_operator(stage: Stage) -> None:
    command = stage.ask()
    action = made_up(
        Step("charge", Doing(REJECTED), repeatable=True),
        failing=[Step("undo", Doing(REJECTED), repeatable=True, refused=("LEFT_OPEN", "It is still there."))],
    )

    assert stage.run(action) == "dead"

    found = stage.row(command)
    assert (found["failure_code"], found["finished_at"]) == ("LEFT_OPEN", None)


def test_what_may_not_be_taken_back_is_left_and_an_operator_looks(stage: Stage) -> None:
    command, undoing = stage.ask(), Doing()
    action = made_up(
        Step("charge", Doing(), repeatable=True),
        Step("add", Doing(AlertError("PAID_WITHOUT_QUOTA", "It was paid for.")), repeatable=True),
        failing=[Step("undo", undoing, repeatable=True)],
    )

    assert stage.run(action) == "dead"

    assert (stage.row(command)["failing"], undoing.times) == (False, 0)
