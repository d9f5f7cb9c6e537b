"""`asOf`: which moments may be asked about, and what an answer about one says of its age."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from core.clock import utc_now
from read_api.http.problems.errors import InvalidFieldError

AsOf = Annotated[
    datetime | None,
    QueryParameter(name="asOf", description="What the hub knew at this moment (RFC 3339, with an offset)"),
]

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Long before any hub. Moments near the year 1 or 9999 have no equivalent in some zones (OverflowError)."""


def checked(as_of: datetime | None) -> datetime | None:
    """The moment, UTC.

    Raises:
        InvalidFieldError: it has no offset, is before 1970, or is still to come.
    """
    if as_of is None:
        return None
    if as_of.tzinfo is None:
        raise InvalidFieldError("asOf", "needs an offset, such as 2026-11-01T00:00:00Z")
    if as_of < EARLIEST:
        raise InvalidFieldError("asOf", "is before 1970")
    if as_of > utc_now():
        raise InvalidFieldError("asOf", "is still to come")
    return as_of.astimezone(UTC)


def meta_of(at: datetime) -> bytes:
    """What an answer about the past says of its age."""
    age = int((utc_now() - at).total_seconds())
    meta: dict[str, Any] = {"asOf": at, "ageSeconds": age, "stale": False, "historical": True}
    return msgspec.json.encode(meta)
