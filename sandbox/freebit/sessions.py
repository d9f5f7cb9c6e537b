"""authKeys: 32 hex characters, good for an hour from issue; a new one does not end the older ones."""

from datetime import timedelta
from hashlib import sha256

from sandbox.state import State

LIFETIME = timedelta(minutes=60)


class Sessions:
    """The keys handed out since the last reset."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ends: dict[str, object] = {}
        self._issued = 0
        self._resets = state.resets

    def issue(self) -> str:
        self._forget()
        self._issued += 1
        key = sha256(f"{self._state.resets}/{self._issued}".encode()).hexdigest()[:32]
        self._ends[key] = self._state.clock.now() + LIFETIME
        return key

    def is_good(self, key: object) -> bool:
        self._forget()
        ends = self._ends.get(key) if isinstance(key, str) else None
        return ends is not None and self._state.clock.now() < ends  # type: ignore[operator]

    def end_all(self) -> None:
        self._ends.clear()

    def _forget(self) -> None:
        if self._resets != self._state.resets:
            self._resets = self._state.resets
            self._ends.clear()
