"""Access tokens: what a log-in hands out, and how long it lasts without use."""

import hashlib
from datetime import datetime, timedelta

from sandbox.salesforce.errors import SalesforceError, session_invalid
from sandbox.salesforce.org import ORGANIZATION_ID
from sandbox.state import State

LIFETIME_SECONDS = 7_200
MOVED = {
    "url_not_reset": SalesforceError(400, "URL_NOT_RESET", "Destination URL not reset."),
    "redirect": SalesforceError(302, "MOVED", "The org lives elsewhere"),
    "forbidden": SalesforceError(403, "INVALID_SESSION_ID", "Session not found, missing session key"),
}
"""What an instance that the org has left answers to those who have not logged in since, by name."""
QUIRK = "salesforce.session_seconds"  # state.quirks: another lifetime than LIFETIME_SECONDS


class Sessions:
    """Open sessions; a session lives as long as it is used."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._used_at: dict[str, datetime] = {}
        self._left: dict[str, str] = {}  # sessions of the instance that the org has left, with its answer
        self._opened = 0

    @property
    def lifetime(self) -> timedelta:
        return timedelta(seconds=float(self.state.quirks.get(QUIRK, LIFETIME_SECONDS)))

    def open(self) -> str:
        """A new access token: the 15-character org id, an exclamation mark, and the rest."""
        self._opened += 1
        token = f"{ORGANIZATION_ID[:15]}!AQ{hashlib.sha256(str(self._opened).encode()).hexdigest()}"
        self._used_at[token] = self.state.clock.now()
        return token

    def use(self, authorization: str) -> None:
        """Raises SalesforceError: INVALID_SESSION_ID unless the header names a session still open."""
        scheme, _, token = authorization.partition(" ")
        if token.strip() in self._left:
            raise MOVED[self._left[token.strip()]]
        now, used_at = self.state.clock.now(), self._used_at.get(token.strip())
        if scheme.lower() not in {"bearer", "oauth"} or used_at is None or now - used_at > self.lifetime:
            self._used_at.pop(token.strip(), None)
            raise session_invalid()
        self._used_at[token.strip()] = now

    def end(self, token: str) -> bool:
        """Log out; False when there is no such session."""
        return self._used_at.pop(token, None) is not None

    def holds(self, token: str) -> bool:
        """Whether nobody has ended that session; a look at it is no use of it."""
        return token in self._used_at

    def leave(self, answer: str) -> None:
        """The org moves to another instance: every session opened so far is for the one it left. Raises KeyError."""
        if answer not in MOVED:
            raise KeyError(answer)
        self._left |= dict.fromkeys(self._used_at, answer)
        self._used_at.clear()

    def clear(self) -> None:
        self._used_at.clear()
        self._left.clear()
