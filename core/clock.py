"""The one clock. Tests hand in another; nothing else in the project asks the machine for the time of day."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def now_in(zone: tzinfo) -> datetime:
    """Now, as the clocks of that zone show it."""
    return utc_now().astimezone(zone)
