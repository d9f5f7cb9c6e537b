"""The key that every call to Freebit carries: one for all threads, renewed by one of them."""

from collections.abc import Callable
from threading import Lock

from pipelines.sources.calls import Attempt
from pipelines.sources.freebit.assumptions import KEY_LIFETIME


class KeyRing:
    """The current key; `issue` brings a new one. Nobody asks for a key while another thread is fetching it."""

    def __init__(self, issue: Callable[[Attempt], str], seconds: Callable[[], float]) -> None:
        self._issue = issue
        self._seconds = seconds
        self._lock = Lock()
        self._key: str | None = None
        self._renew_at = 0.0

    def current(self, attempt: Attempt) -> str:
        with self._lock:
            if self._key is None or self._seconds() >= self._renew_at:
                return self._renewed(attempt)
            return self._key

    def instead_of(self, refused: str, attempt: Attempt) -> str:
        """Another key than the refused one: what a faster thread has already fetched, or a new one."""
        with self._lock:
            if self._key is None or self._key == refused:
                return self._renewed(attempt)
            return self._key

    def _renewed(self, attempt: Attempt) -> str:
        self._key = None
        self._key = self._issue(attempt)
        self._renew_at = self._seconds() + KEY_LIFETIME.total_seconds()
        return self._key
