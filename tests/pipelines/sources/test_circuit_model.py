"""The circuit against a model of it: two processes, calls that go well and badly in any order, and pauses that end."""

from dataclasses import dataclass, field

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.errors import ThrottledError, UnavailableError
from pipelines.sources import circuit as circuits
from pipelines.sources.circuit import (
    LONGEST_PAUSE_SECONDS,
    SHORTEST_PAUSE_SECONDS,
    CircuitOpenError,
    SharedCircuit,
)
from tests.conftest import Database
from tests.state_machines import check

OPENS_AFTER = 2
"""Different calls in a row that open the circuit; in truth a few more."""
PATIENCE_SECONDS = 120
OUTCOMES = [*["answer"] * 3, *["failure"] * 3, "patience", "patience", "stopped", "nothing"]
processes = st.integers(0, 1)


class Clock:
    """The clock of every process, seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Shared:
    """What all processes know: whom failed calls were about, and until when nobody may call.

    wait: seconds of the pause that lasts, 0 where one is over, None where there is none. patient: the source asked for
    that pause itself.
    """

    failing: list[str] = field(default_factory=list)
    failures: int = 0
    is_open: bool = False
    wait: float | None = None
    patient: bool = False


@dataclass
class Own:
    """What one process knows without checking: that all was well, and when it checked; that calls failed."""

    well: bool = True
    checked_at: float = float("-inf")
    failing: bool = False


class CircuitModel(RuleBasedStateMachine):
    """What may be called when, whoever asks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._connection = psycopg.connect(database.owner, autocommit=True)
        self._circuits = [SharedCircuit(database.sync, "whmcs"), SharedCircuit(database.sync, "whmcs")]
        self._own = [Own(), Own()]
        self._shared = Shared()

    @initialize()
    def begin(self) -> None:
        self._connection.execute("DELETE FROM sync.sources")

    def teardown(self) -> None:
        for circuit in self._circuits:
            circuit.close()
        self._connection.close()

    @rule(
        process=processes,
        is_new=st.booleans(),
        outcome=st.sampled_from(
            ["answer", "failure", "failure", "failure", "patience", "patience", "stopped", "nothing"]
        ),
        about=st.sampled_from([*"abc", None]),
        seconds=st.sampled_from([PATIENCE_SECONDS, 2 * PATIENCE_SECONDS, None]),
    )
    def call(self, process: int, is_new: bool, outcome: str, about: str | None, seconds: float | None) -> None:
        """A call is made, if it may be, and ends; or one ends that was on its way already."""
        if is_new and not self._ask(process):
            return
        match outcome:
            case "answer":
                self._answer_comes(process)
            case "failure":
                self._call_fails(process, about)
            case "patience":
                self._asked_for_patience(process, seconds)
            case "stopped":
                # That the circuit stopped a call says nothing of the source.
                self._circuits[process].failed(CircuitOpenError("whmcs", "is left alone", sent=False), None)

    def _ask(self, process: int) -> bool:
        """Nobody calls during a pause; when that of an open circuit is over, one tries and the others wait for it.

        A process that found all well within the last second does not check.
        """
        own, shared = self._own[process], self._shared
        checks = not (own.well and self._clock.now - own.checked_at < 1)
        may = not checks or not shared.wait
        if checks:
            if shared.is_open and shared.wait == 0:
                shared.wait = SHORTEST_PAUSE_SECONDS
            own.checked_at, own.failing = self._clock.now, shared.failures > 0
            own.well = may and not own.failing

        if may:
            self._circuits[process].admit()
        else:
            with pytest.raises(CircuitOpenError):
                self._circuits[process].admit()
        return may

    def _answer_comes(self, process: int) -> None:
        """Whatever failed before is forgotten; that the source asked for patience is not."""
        self._circuits[process].answered()
        own, shared = self._own[process], self._shared
        if own.failing:
            own.failing = False
            keeps = shared.patient and shared.wait and not shared.is_open
            self._shared = Shared(wait=shared.wait, patient=True) if keeps else Shared()

    def _call_fails(self, process: int, about: str | None) -> None:
        """Different ones in a row open the circuit, for longer and longer; the same one counts once until then."""
        error = UnavailableError("whmcs", "did not answer", code="ReadTimeout")
        self._circuits[process].failed(error, about)
        shared = self._shared
        if about not in shared.failing or shared.is_open:
            shared.failures += 1
        if about not in shared.failing:
            shared.failing = [about or "another", *shared.failing][:OPENS_AFTER]
        if shared.failures >= OPENS_AFTER:
            pause = SHORTEST_PAUSE_SECONDS * 2 ** (shared.failures - OPENS_AFTER)
            shared.wait = max(min(pause, LONGEST_PAUSE_SECONDS), shared.wait or 0)
            shared.is_open = True
        self._own[process].failing, self._own[process].well = True, False

    def _asked_for_patience(self, process: int, seconds: float | None) -> None:
        """The longest pause that was requested holds."""
        self._circuits[process].throttled(ThrottledError("whmcs", "asks for patience", retry_after=seconds))
        if seconds is not None:
            self._shared.wait = max(seconds, self._shared.wait or 0)
            self._shared.patient = True
            self._own[process].well = False

    @rule(ends=st.sampled_from([False, False, True]))
    def time_passes(self, ends: bool) -> None:
        """A second, after which a check of the row is no longer fresh; perhaps the pause ends with it."""
        self._clock.now += 1
        if ends:
            ended = "UPDATE sync.sources SET retry_at = now() - interval '1 second' WHERE retry_at > now()"
            self._connection.execute(ended)
            self._shared.wait = 0 if self._shared.wait else self._shared.wait

    @invariant()
    def the_row_is_as_the_model_says(self) -> None:
        rows = self._connection.execute(
            "SELECT circuit = 'open', failures, cardinality(failing), opened_at IS NOT NULL,"
            " extract(epoch FROM retry_at - clock_timestamp())::float8 FROM sync.sources"
        ).fetchall()
        is_open, failures, remembered, opened, left = rows[0] if rows else (False, 0, 0, False, None)
        shared = self._shared

        assert (is_open, failures, remembered, opened) == (
            shared.is_open, shared.failures, len(shared.failing), shared.is_open,
        )  # fmt: skip
        if shared.wait is None:
            assert left is None
        elif shared.wait == 0:
            assert left < 0
        else:
            # The database's clock goes on while an example runs.
            assert shared.wait - 10 < left <= shared.wait


def test_nobody_calls_a_source_that_is_down_or_asks_for_patience(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(circuits, "monotonic", clock)
    monkeypatch.setattr(circuits, "OPENS_AFTER", OPENS_AFTER)
    check(lambda: CircuitModel(database, clock), examples=75)
