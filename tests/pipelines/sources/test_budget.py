"""However many processes call a source, together they stay within its budget, and in the order of asking."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import psycopg
import pytest

from pipelines.sources import calls
from pipelines.sources.calls import Budget
from pipelines.sources.circuit import SharedCircuit

CALLS, SECONDS = 20, 60


@pytest.fixture
def processes(database: Any) -> Iterator[list[SharedCircuit]]:
    """The same system's shared state as three processes see it."""
    circuits = [SharedCircuit(database.sync, "freebit") for _ in range(3)]
    yield circuits
    for circuit in circuits:
        circuit.close()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long callers were to wait, seconds; nobody does."""
    naps: list[float] = []
    monkeypatch.setattr(calls, "sleep", naps.append)
    return naps


def called_at(budgets: list[Budget], naps: list[float], times: int) -> list[float]:
    """When so many calls would be made by processes that ask one after the other, seconds from the first."""
    began, moments = monotonic(), []
    for number in range(times):
        budgets[number % len(budgets)].wait()
        moments.append(monotonic() - began + naps[-1])
    return moments


def test_no_minute_of_all_processes_holds_more_calls_than_the_budget(processes, naps):
    budgets = [Budget(CALLS, seconds=SECONDS, circuit=circuit) for circuit in processes]

    moments = called_at(budgets, naps, 3 * CALLS)

    assert moments == sorted(moments)
    # The database's clock and ours are read a little apart.
    gaps = [later - earlier for earlier, later in zip(moments, moments[CALLS:], strict=False)]
    assert min(gaps) > SECONDS - 1


def test_almost_all_of_the_budget_can_be_used(processes, naps):
    budgets = [Budget(CALLS, seconds=SECONDS, circuit=circuit) for circuit in processes]

    moments = called_at(budgets, naps, 10 * CALLS)

    assert moments[-1] < 11 * SECONDS


def test_a_single_call_does_not_wait(processes, naps):
    Budget(CALLS, seconds=SECONDS, circuit=processes[0]).wait()

    assert naps == [0]


def test_systems_have_budgets_of_their_own(processes, database, naps):
    other = SharedCircuit(database.sync, "whmcs")
    called_at([Budget(CALLS, seconds=SECONDS, circuit=processes[0])], naps, CALLS)

    Budget(CALLS, seconds=SECONDS, circuit=other).wait()
    other.close()

    assert naps[-1] == 0


def test_of_thousands_of_calls_a_second_each_does_not_cost_a_question(processes, naps):
    budget = Budget(5000, seconds=1, circuit=processes[0])

    for _ in range(300):
        budget.wait()

    assert len(naps) < 30


def test_without_a_database_a_process_keeps_the_budget_by_itself(naps):
    nowhere = SharedCircuit("postgresql://127.0.0.1:1/none?connect_timeout=1", "freebit")
    budget = Budget(CALLS, seconds=SECONDS, circuit=nowhere)

    budget.wait()

    assert naps == []


def test_slots_are_not_lost_with_what_else_is_known_of_a_system(processes, database, naps):
    budget = Budget(CALLS, seconds=SECONDS, circuit=processes[0])
    budget.wait()
    processes[0].counted(5, 10)
    processes[0].admit()
    budget.wait()

    with psycopg.connect(database.owner) as connection:
        kept = connection.execute("SELECT circuit, quota_used, promised_until > now() FROM sync.sources").fetchall()
    assert kept == [("closed", 5, True)]
