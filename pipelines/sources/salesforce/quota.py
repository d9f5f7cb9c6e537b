"""The day's calls, as Salesforce counts them in `Sforce-Limit-Info` with every answer."""

import re
from time import monotonic

from core.errors import QuotaError

# The window rolls: an old count must not stop a client for good.
_COUNT_HOLDS_SECONDS = 300.0
_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")


class QuotaWatch:
    """Stops us when `stop_percent` of the calls are used: the rest is kept for commands and for what cannot wait."""

    def __init__(self, stop_percent: int) -> None:
        self._stop_percent = stop_percent
        self._used, self._allowed, self._counted_at = 0, 0, monotonic()

    def note(self, limit_info: str | None) -> tuple[int, int] | None:
        """Remember the count, for instance `api-usage=18/15000`, and return it: used, of how many."""
        # `per-app-api-usage` may stand beside it, and ends in the same words.
        usage = next((m for m in _USAGE.finditer(limit_info or "") if not _is_per_app(m, limit_info)), None)
        if usage is not None:
            self._used, self._allowed, self._counted_at = int(usage[1]), int(usage[2]), monotonic()
            return self._used, self._allowed
        return None

    def check(self) -> None:
        """Before a call.

        Raises:
            QuotaError: the share we may use is used.
        """
        known = self._allowed and monotonic() - self._counted_at < _COUNT_HOLDS_SECONDS
        if known and self._used * 100 >= self._stop_percent * self._allowed:
            raise QuotaError(
                "salesforce", f"{self._used} of {self._allowed} calls used, we stop at {self._stop_percent} %"
            )


def _is_per_app(usage: re.Match[str], text: str | None) -> bool:
    return (text or "")[: usage.start()].endswith("per-app-")
