"""How long things take: briefly by default, as long as the documents say with the quirk `freebit.strict_timing`.

freebit.strict_timing    off | on    on: 10 minutes to open and to cancel, 30 for voice options and lines
freebit.async_seconds    2           what they take otherwise
freebit.spacing_seconds  1800        between two changes of voice options, line or plan, whatever the timing
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sandbox.state import State

ZONE = ZoneInfo("Asia/Tokyo")
_DEFAULTS = {"freebit.strict_timing": "off", "freebit.async_seconds": "2", "freebit.spacing_seconds": "1800"}


class Timing:
    """Durations and days by the sandbox's clock."""

    def __init__(self, state: State) -> None:
        self._state = state

    def _quirk(self, name: str) -> str:
        return self._state.quirks.get(name, _DEFAULTS[name])

    def _taking(self, strict: timedelta) -> timedelta:
        if self._quirk("freebit.strict_timing") == "on":
            return strict
        return timedelta(seconds=float(self._quirk("freebit.async_seconds")))

    @property
    def opening(self) -> timedelta:
        """What a registration, an activation or a cancellation takes."""
        return self._taking(timedelta(minutes=10))

    @property
    def changing(self) -> timedelta:
        """What a change of voice options or of the line takes."""
        return self._taking(timedelta(minutes=30))

    @property
    def spacing(self) -> timedelta:
        return timedelta(seconds=float(self._quirk("freebit.spacing_seconds")))

    def now(self) -> datetime:
        return self._state.clock.now()

    def today(self) -> date:
        return self.now().astimezone(ZONE).date()

    def from_day(self, day: date | None) -> datetime:
        """When work for that day begins: at its midnight in Tokyo, at once for today and for no day."""
        if day is None:
            return self.now()
        return max(self.now(), datetime.combine(day, time(), ZONE).astimezone(UTC))
