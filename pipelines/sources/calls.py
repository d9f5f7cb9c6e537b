"""What every call to a source shares: a correlation id, a budget, another try where it may help, one log event."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from ipaddress import ip_address
from threading import Lock
from time import monotonic, perf_counter, sleep
from typing import TypeVar
from uuid import uuid4

import httpx
import stamina
import structlog
from pyrate_limiter import Limiter, Rate

from core.clock import utc_now
from core.errors import CredentialsError, QuotaError, SourceError, ThrottledError, UnavailableError
from core.logging import logger
from domain.common.identifiers import System
from pipelines.sources.circuit import Circuit

Answer = TypeVar("Answer")

LONGEST_WAIT_SECONDS = 60.0
"""A source that asks for more patience than this is left alone until the next run."""
SHORTEST_WAIT_SECONDS = 0.5

_WORTH_A_ROUND_TRIP_SECONDS = 0.02

log = logger("sources")


@dataclass
class Outcome:
    """The HTTP status of an answer; none if none came."""

    status: int | None = None


@dataclass(frozen=True)
class Attempt:
    """One try of one call. Its request id is the same for all tries of a call."""

    number: int
    request_id: str


@dataclass(frozen=True)
class Patience:
    """How often and how long to try. Seconds double from `first_wait` to `longest_wait`, with jitter."""

    attempts: int
    first_wait: float = 0.5
    longest_wait: float = 20.0
    jitter: float = 1.0


ONCE = Patience(attempts=1)
"""For calls that change something and would do so again."""


def call(
    patience: Patience, attempt_once: Callable[[Attempt], Answer], circuit: Circuit | None = None, *, about: object
) -> Answer:
    """What the call answers, tried again while the source is unavailable.

    `about` is what is requested (an action and its parameters, a path): the same call that fails again and again says
    something of one record, different ones that fail say something of the source.

    Raises:
        SourceError: the last try's, or the first that trying again cannot mend; CircuitOpenError: nobody calls now.
    """
    circuit = circuit or Circuit()
    circuit.admit()
    try:
        answer = _tried(patience, attempt_once, circuit)
    except QuotaError:
        # Our own reserve may have stopped the call: that says nothing of the source, and commands may go on.
        raise
    except SourceError as error:
        if error.is_answer:
            circuit.answered()
        else:
            circuit.failed(error, None if error.concerns_all else _digest(about))
        raise
    circuit.answered()
    return answer


def _digest(about: object) -> str:
    """Tells calls apart without saying what they ask for, which may be personal."""
    return blake2b(repr(about).encode(errors="replace"), digest_size=8).hexdigest()


def _tried(patience: Patience, attempt_once: Callable[[Attempt], Answer], circuit: Circuit) -> Answer:
    request_id = correlation_id()
    # The context form, because the decorator's log event would carry the call's arguments.
    tries = stamina.retry_context(
        on=_worth_another_try,
        attempts=patience.attempts,
        timeout=None,
        wait_initial=patience.first_wait,
        wait_max=patience.longest_wait,
        wait_jitter=patience.jitter,
    )
    for tried in tries:
        with tried:
            try:
                return attempt_once(Attempt(tried.num, request_id))
            except ThrottledError as error:
                circuit.throttled(error)
                raise
    raise AssertionError  # stamina yields at least one try and re-raises the last error


def _worth_another_try(error: Exception) -> bool | float:
    if not isinstance(error, UnavailableError):
        return False
    if error.retry_after is None:
        return True
    # Who asks for no wait at all must not be asked in a hot loop.
    return max(error.retry_after, SHORTEST_WAIT_SECONDS) if error.retry_after <= LONGEST_WAIT_SECONDS else False


@contextmanager
def recorded(system: System, operation: str, attempt: Attempt) -> Iterator[Outcome]:
    """One event per try: who was asked for what, how it went and how long it took; never what was sent or came back."""
    outcome, started, failed = Outcome(), perf_counter(), None
    try:
        yield outcome
    except SourceError as error:
        failed = f"{type(error).__name__} {error.code or ''}".strip()
        raise
    finally:
        log.debug(
            "source.called",
            system=system,
            operation=operation,
            status=outcome.status,
            error=failed,
            milliseconds=round((perf_counter() - started) * 1000, 1),
            attempt=attempt.number,
            request_id=attempt.request_id,
        )


def correlation_id() -> str:
    """The request id bound around us, so that one id follows work through every system; else a new one."""
    return str(structlog.contextvars.get_contextvars().get("request_id") or uuid4())


class Budget:
    """So many calls in so many seconds at most, of all processes together; thread-safe, a caller waits for its slot.

    A tenth of the calls may come at once, so that a single one never waits; the others come evenly after it, which
    keeps any so many seconds within the budget. Where the circuit is nobody else's, or its database does not answer,
    the budget is this process's own.
    """

    def __init__(self, calls: int, *, seconds: int, circuit: Circuit | None = None) -> None:
        self._limiter = Limiter(Rate(calls, seconds * 1000), buffer_ms=1)
        self._circuit = circuit or Circuit()
        self._at_once = max(1, calls // 10)
        self._apart = seconds / (calls - self._at_once + 1)
        # A round trip for each of thousands of calls a second would be most of their cost: those take a few at a time.
        self._batch = max(1, min(self._at_once // 2, int(_WORTH_A_ROUND_TRIP_SECONDS / self._apart)))
        self._lock = Lock()
        self._left, self._good_until = 0, 0.0

    def wait(self) -> None:
        with self._lock:
            if self._left and monotonic() < self._good_until:
                self._left -= 1
                return
        pause = self._circuit.slots(self._batch, self._apart, self._at_once)
        if pause is None:
            self._limiter.try_acquire("calls")
            return
        sleep(pause)
        with self._lock:
            self._left, self._good_until = self._batch - 1, monotonic() + self._batch * self._apart


def failure(system: System, status: int, retry_after: str | None = None) -> SourceError | None:
    """What an HTTP status alone says; None where the body must tell.

    Whoever is in between may have answered: only 429 says that nothing was done. A proxy adds `Retry-After` to 502, 503
    and 504 after the source has finished, and a firewall that looks at answers refuses with 403 then (field notes,
    proxies and edges). 406 and 420 come from Salesforce's edge routing.
    """
    wait = seconds(retry_after)
    if status == 429:
        return ThrottledError(system, "asks for patience", code="http_429", retry_after=wait)
    if status in {406, 408, 420, 421, 425} or status >= 500:
        return UnavailableError(system, "is down", code=f"http_{status}", retry_after=wait)
    if status in {401, 403}:
        return CredentialsError(system, "refuses us", code=f"http_{status}", nothing_came=False)
    return None


_LONGEST_RETRY_AFTER_SECONDS = 86_400.0


def seconds(header: str | None) -> float | None:
    """`Retry-After` in seconds, a day at most; None where it is missing or neither a number nor a date (RFC 9110)."""
    if header is None:
        return None
    if header.isascii() and header.isdecimal():
        wait = float(header)
    else:
        try:
            wait = (parsedate_to_datetime(header) - utc_now()).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER_SECONDS)


def was_sent(error: httpx.RequestError) -> bool:
    """Whether a call that failed on the way may have reached the source."""
    return not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def is_local(host: str | None) -> bool:
    """Whether the address is this machine, which no proxy of the environment can reach."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
