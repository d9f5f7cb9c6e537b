"""While a source is down nobody calls it: every process knows, one tries, and the first answer lets all through."""

from typing import Any

import psycopg
import pytest

from core.errors import CredentialsError, QuotaError, RejectedError, ThrottledError, UnavailableError
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


def attempt(circuit: SharedCircuit, outcome: Exception | str, about: object = None) -> Any:
    def once(_: object) -> str:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call(ONCE, once, circuit, about=about or object())


def fail(circuit: SharedCircuit, times: int, error: Exception = DOWN, about: object = None) -> None:
    """Fails with as many different calls, or so often with the one that is named."""
    for number in range(times):
        with pytest.raises(type(error)):
            attempt(circuit, error, about or f"call {number}")


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


def test_who_is_let_through_while_calls_fail_checks_before_each_call(here, elsewhere):
    fail(elsewhere, OPENS_AFTER - 1)
    here.admit()
    with pytest.raises(UnavailableError):
        attempt(elsewhere, DOWN)

    with pytest.raises(CircuitOpenError):
        here.admit()


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


def test_a_process_that_saw_no_failure_lets_everybody_through_too(database, here, elsewhere):
    fail(here, OPENS_AFTER)
    pause_over(database)

    assert attempt(elsewhere, "back") == "back"
    assert row(database) == ("closed", 0, None)
    assert attempt(here, "back") == "back"


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


def test_one_record_that_always_fails_opens_nothing(database, here, elsewhere):
    """One record can answer HTTP 500 for ever (yashodhank/whmcs-mcp-server)."""
    fail(here, 3 * OPENS_AFTER, about="GetInvoice 7")

    assert attempt(elsewhere, "fine") == "fine"
    assert row(database)[0] == "closed"


def test_calls_that_find_nobody_there_say_something_of_all_whatever_they_ask_for(here):
    fail(here, OPENS_AFTER, UnavailableError("whmcs", "did not answer", sent=False), about="GetInvoice 7")

    with pytest.raises(CircuitOpenError):
        attempt(here, "not asked")


def test_a_source_that_lets_none_of_us_in_is_left_alone_as_one_that_is_down(database, here):
    """`Invalid IP`, or a page of an edge network with 403: three calls each poll, for ever (issue 13, A20)."""
    fail(here, OPENS_AFTER, CredentialsError("whmcs", "refuses us", code="address_not_allowed"), about="GetClients")

    with pytest.raises(CircuitOpenError, match="refuses us"):
        attempt(here, "not asked")
    assert row(database) == ("open", OPENS_AFTER, "refuses us [address_not_allowed]")


def test_our_own_reserve_of_calls_says_nothing_of_the_source(database, here):
    fail(here, OPENS_AFTER, QuotaError("salesforce", "90 of 100 calls used"))

    assert attempt(here, "a command's call") == "a command's call"


def test_one_action_that_is_not_allowed_leaves_the_others_be(here):
    fail(here, OPENS_AFTER, CredentialsError("whmcs", "refuses us", code="action_not_allowed", one_action=True))

    assert attempt(here, "fine") == "fine"


def test_pages_of_an_edge_network_for_different_calls_open_the_circuit(here):
    fail(here, OPENS_AFTER, CredentialsError("whmcs", "refuses us", code="http_403", nothing_came=False))

    with pytest.raises(CircuitOpenError):
        attempt(here, "not asked")


def test_what_failed_is_remembered_by_digest_alone(database, here):
    fail(here, 1, about={"search": "somebody@example.com"})

    with psycopg.connect(database.owner) as connection:
        ((failing,),) = connection.execute("SELECT failing FROM sync.sources").fetchall()
    assert [len(digest) for digest in failing] == [16]
    assert "somebody" not in failing[0]


def test_a_source_that_asks_for_patience_is_left_alone_by_all(here, elsewhere):
    fail(here, 1, ThrottledError("whmcs", "asks for patience", retry_after=120.0))

    with pytest.raises(CircuitOpenError):
        attempt(elsewhere, "not asked")


def test_patience_that_was_asked_for_outlives_an_answer_to_a_call_that_was_on_its_way(here, elsewhere):
    """One process has a call in flight, after a failure, while the other is asked to wait (429 with `Retry-After`)."""
    fail(here, 1)
    elsewhere.throttled(ThrottledError("whmcs", "asks for patience", retry_after=120.0))

    here.answered()

    with pytest.raises(CircuitOpenError, match="asks for patience"):
        here.admit()
    with pytest.raises(CircuitOpenError, match="asks for patience"):
        elsewhere.admit()


def test_of_two_answers_that_ask_for_patience_the_longer_pause_counts(database, here, elsewhere):
    for circuit, seconds in ((here, 600), (elsewhere, 60)):
        circuit.throttled(ThrottledError("whmcs", "asks for patience", retry_after=seconds))

    with psycopg.connect(database.owner) as connection:
        left = connection.execute("SELECT extract(epoch FROM retry_at - now()) FROM sync.sources").fetchone()
    assert left is not None
    assert left[0] > 500


def test_an_answer_closes_nothing_that_others_opened_since(database, here, elsewhere):
    fail(here, 1)
    attempt(here, "fine")
    fail(elsewhere, OPENS_AFTER)

    here.answered()  # to a call that was on its way

    assert row(database)[0] == "open"


def test_a_failure_that_opens_the_circuit_does_not_shorten_the_patience_that_was_asked_for(database, here, elsewhere):
    fail(here, OPENS_AFTER - 1)
    elsewhere.throttled(ThrottledError("whmcs", "asks for patience", retry_after=120.0))

    here.failed(DOWN, "a call that was on its way")

    with psycopg.connect(database.owner) as connection:
        left = connection.execute("SELECT extract(epoch FROM retry_at - now()) FROM sync.sources").fetchone()
    assert 100 < left[0] <= 120


def test_without_a_database_calls_go_through():
    circuit = SharedCircuit("postgresql://nobody@127.0.0.1:1/none", "whmcs")

    assert attempt(circuit, "fine") == "fine"


def test_who_was_asked_for_patience_is_patient_itself(here):
    fail(here, 1, ThrottledError("whmcs", "asks for patience", retry_after=120.0))

    with pytest.raises(CircuitOpenError, match="asks for patience"):
        attempt(here, "not asked")


def test_being_left_alone_is_no_failure_of_the_source(database, here):
    """Counted, each caller that is turned away would double the pause."""
    fail(here, OPENS_AFTER)

    for _ in range(3):
        with pytest.raises(CircuitOpenError):
            attempt(here, "not asked")
    here.failed(CircuitOpenError("whmcs", "is left alone"), None)

    assert row(database)[:2] == ("open", OPENS_AFTER)


def test_a_source_that_answers_again_is_not_recorded_with_every_call(database, here):
    fail(here, 1)
    attempt(here, "back")
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE sync.sources SET reason = 'untouched'")

    attempt(here, "fine")

    assert row(database) == ("closed", 0, "untouched")


def test_whoever_calls_next_learns_within_a_second_what_others_found_out(here, elsewhere, monkeypatch):
    attempt(elsewhere, "fine")
    fail(here, OPENS_AFTER)
    monkeypatch.setattr("pipelines.sources.circuit._CHECK_AGAIN_SECONDS", 0.0)

    with pytest.raises(CircuitOpenError):
        attempt(elsewhere, "not asked")
