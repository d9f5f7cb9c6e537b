"""API calls counted against the org's rolling day, and the limits answer."""

from datetime import datetime, timedelta

from sandbox.salesforce.errors import SalesforceError
from sandbox.state import State

DAILY_REQUESTS = 100_000
QUIRK = "salesforce.daily_requests"  # state.quirks: another allowance than DAILY_REQUESTS
_DAY = timedelta(days=1)


class Usage:
    """How many API calls the org has made since its day began (a day begins at the first call after the last one)."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._used = 0
        self._began: datetime | None = None

    @property
    def allowed(self) -> int:
        return int(self._state.quirks.get(QUIRK, DAILY_REQUESTS))

    def count(self) -> None:
        """Counts one call. Raises SalesforceError: REQUEST_LIMIT_EXCEEDED when the allowance is used up."""
        now = self._state.clock.now()
        if self._began is None or now - self._began >= _DAY:
            self._began, self._used = now, 0
        if self._used >= self.allowed:
            raise SalesforceError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self._used += 1

    def header(self) -> str:
        """Value of Sforce-Limit-Info."""
        return f"api-usage={self._used}/{self.allowed}"

    def limits(self) -> dict[str, object]:
        full: dict[str, int] = {
            "DailyBulkV2QueryJobs": 10_000,
            "DailyBulkV2QueryFileStorageMB": 976_562,
            "DailyBulkApiBatches": 15_000,
            "DailyDeliveredPlatformEvents": 50_000,
            "HourlyPublishedPlatformEvents": 250_000,
        }
        requests = {"Max": self.allowed, "Remaining": max(self.allowed - self._used, 0)}
        return {"DailyApiRequests": requests, **{name: {"Max": n, "Remaining": n} for name, n in full.items()}}

    def clear(self) -> None:
        self._used, self._began = 0, None
