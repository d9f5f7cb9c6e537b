"""While a source is down nobody calls it: every process knows, one tries, and the first answer lets all through."""

from typing import Any

import psycopg
import pytest

from core.errors import RejectedError, ThrottledError, UnavailableError
from pipelines.sources.calls import Patience, call
from pipelines.sources.circuit import OPENS_AFTER, CircuitOpenError, SharedCircuit

ONCE = Patience(attempts=1)
DOWN = UnavailableError("whmcs", "did not answer", code="ConnectError")


@pytest.fixture
def here(database):
    circuit = SharedCircuit(database.sync, "whmcs")
    yield circuit
    circuit.close()


@pytest.fixture
def elsewhere(database):
    """The same system's circuit in another process."""
    circuit = SharedCircuit(database.sync, "whmcs")
    yield circuit
    circuit.close()


def attempt(circuit: SharedCircuit, outcome: Exception | str) -> Any:
    def once(_: object) -> str:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call(ONCE, once, circuit)


def fail(circuit: SharedCircuit, times: int, error: Exception = DOWN) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            attempt(circuit, error)


def pause_over(database: Any) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE sync.sources SET retry_at = now() - interval '1 second'")


def row(database: Any) -> Any:
    with psycopg.connect(database.owner) as connection:
        return connection.execute("SELECT circuit, failures, reason FROM sync.sources").fetchone()


def test_one_failure_opens_nothing(here, elsewhere):
    fail(here, OPENS_AFTER - 1)

    assert attempt(here, "fine") == "fine"
    assert attempt(elsewhere, "fine") == "fine"


def test_failures_in_a_row_stop_every_process(database, here, elsewhere):
    fail(here, OPENS_AFTER)

    with pytest.raises(CircuitOpenError, match="left alone"):
        attempt(here, "not asked")
    with pytest.raises(CircuitOpenError):
        attempt(elsewhere, "not asked")
    assert row(database) == ("open", OPENS_AFTER, "did not answer [ConnectError]")


def test_after_the_pause_one_caller_tries_and_the_others_wait(database, here, elsewhere):
    fail(here, OPENS_AFTER)
    pause_over(database)
    here.admit()

    with pytest.raises(CircuitOpenError):
        elsewhere.admit()


def test_the_first_answer_lets_everybody_through(database, here, elsewhere):
    fail(here, OPENS_AFTER)
    pause_over(database)

    assert attempt(here, "back") == "back"
    assert attempt(elsewhere, "back") == "back"
    assert row(database) == ("closed", 0, None)


def test_a_trial_that_fails_doubles_the_pause(database, here):
    fail(here, OPENS_AFTER)
    pause_over(database)
    fail(here, 1)

    with psycopg.connect(database.owner) as connection:
        left = connection.execute("SELECT extract(epoch FROM retry_at - now()) FROM sync.sources").fetchone()
    assert 25 < left[0] <= 30


def test_a_refusal_is_an_answer(database, here):
    fail(here, OPENS_AFTER - 1)
    fail(here, 1, RejectedError("whmcs", "said no"))
    fail(here, 1)

    assert attempt(here, "fine") == "fine"


def test_a_source_that_asks_for_patience_is_left_alone_by_all(here, elsewhere):
    fail(here, 1, ThrottledError("whmcs", "asks for patience", retry_after=120.0))

    with pytest.raises(CircuitOpenError):
        attempt(elsewhere, "not asked")


def test_without_a_database_calls_go_through():
    circuit = SharedCircuit("postgresql://nobody@127.0.0.1:1/none", "whmcs")

    assert attempt(circuit, "fine") == "fine"
