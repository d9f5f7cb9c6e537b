"""What every process that calls a system shares, a row of sync.sources: a circuit breaker, and slots within a budget.

While a source is down, or asks for patience, nobody calls. Calls that go well cost a query of the row a second; where
there is a budget, a slot more (decision 0013).
"""

from threading import Lock
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg

from core.database import connect
from core.errors import SourceError, ThrottledError, UnavailableError
from core.logging import logger
from domain.common.identifiers import System
from sql.statements import statement

log = logger(__name__)

OPENS_AFTER = 5
"""Different calls in a row, each with all its tries, that fail before the circuit opens.

One record that always answers with a fault opens nothing: it is set aside by whoever asks for it.
"""
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 15, 300
_CHECK_AGAIN_SECONDS = 1.0
_RECORD_QUOTA_SECONDS = 5.0


class CircuitOpenError(UnavailableError):
    """The source failed too often, refuses us or asked for patience: it is left alone for a while."""


class Circuit:
    """What stands before a source's calls. This one is always closed: for a client that is alone, as in tests."""

    def admit(self) -> None:
        """Before a call.

        Raises:
            CircuitOpenError: nobody calls now.
        """

    def answered(self) -> None:
        """The source gave an answer, even if it was a no."""

    def failed(self, error: SourceError, about: str | None) -> None:
        """A call, with all its tries, brought no usable answer.

        `about` tells it from other calls; None: whatever was requested, it would have failed the same.
        """

    def throttled(self, error: ThrottledError) -> None:
        """A try was asked for patience."""

    def counted(self, used: int, limit: int) -> None:
        """The source said how much of the quota is used."""

    def slots(self, slots: int, apart: float, at_once: int) -> float | None:  # noqa: ARG002 - nobody shares with this one
        """Seconds until these slots for calls, of which all processes together take one every `apart` seconds.

        Up to `at_once` may come together. None: nobody shares a budget with us, or nobody can say.
        """
        return None

    def close(self) -> None:
        """No more calls will come."""


class SharedCircuit(Circuit):
    """The circuit of one system. Thread-safe. Where the database does not answer, calls are let through."""

    def __init__(self, database_url: str, system: System) -> None:
        self._url = database_url
        self._system = system
        self._lock = Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._checked_at = self._quota_recorded_at = float("-inf")
        self._closed = True
        self._failing = False

    def admit(self) -> None:
        with self._lock:
            if self._closed and monotonic() - self._checked_at < _CHECK_AGAIN_SECONDS:
                return
            row = self._execute("sync/circuit_admit", {"pause": SHORTEST_PAUSE_SECONDS})
            self._checked_at = monotonic()
            admitted, reason, self._failing = row if row is not None else (True, None, False)
            self._closed = admitted and not self._failing
        if not admitted:
            raise CircuitOpenError(self._system, f"is left alone for now: {reason}", code="circuit_open", sent=False)

    def answered(self) -> None:
        if self._failing:
            with self._lock:
                self._execute("sync/circuit_close", {})
                self._failing = False
            log.info("circuit.closed", system=self._system)

    def failed(self, error: SourceError, about: str | None) -> None:
        if isinstance(error, CircuitOpenError):
            return
        limits = {"most": OPENS_AFTER, "pause": SHORTEST_PAUSE_SECONDS, "longest": LONGEST_PAUSE_SECONDS}
        failed = {"reason": f"{error.reason} [{error.code}]", "about": about or uuid4().hex}
        with self._lock:
            row = self._execute("sync/circuit_failed", {**failed, **limits})
            self._failing, self._closed = True, False
        if row is not None and row[0] == "open":
            log.warning("circuit.open", system=self._system, failures=row[1])

    def throttled(self, error: ThrottledError) -> None:
        if error.retry_after is None:
            return
        with self._lock:
            self._execute("sync/circuit_wait", {"seconds": error.retry_after, "reason": error.reason})
            self._closed = False

    def counted(self, used: int, limit: int) -> None:
        with self._lock:
            if monotonic() - self._quota_recorded_at >= _RECORD_QUOTA_SECONDS:
                self._execute("sync/quota_counted", {"used": used, "limit": limit})
                self._quota_recorded_at = monotonic()

    def slots(self, slots: int, apart: float, at_once: int) -> float | None:
        with self._lock:
            row = self._execute("sync/take_slots", {"slots": slots, "apart": apart, "at_once": at_once})
        return None if row is None else float(row[0])

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _execute(self, name: str, values: dict[str, object]) -> Any:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._url, name=f"circuit {self._system}")
                self._connection.autocommit = True
                # What is lost with a crash of the server is what somebody counted in the last second.
                self._connection.execute("SET synchronous_commit = off")
            cursor = self._connection.execute(statement(name), {"system": self._system, **values})
            return cursor.fetchone() if cursor.description else None
        except psycopg.OperationalError:
            # A source can be called without us writing down how it went.
            if self._connection is not None:
                self._connection.close()
            return None
