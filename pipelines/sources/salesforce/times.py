"""Moments between Salesforce and us: how one is written there, and what an answer proves of Salesforce's clock."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from requests import Response

from core.errors import UnavailableError


def written(moment: datetime) -> str:
    """`2026-01-02T03:04:05.678Z`: the documented form, in UTC, cut to the millisecond.

    Source: REST API Developer Guide, "Valid Date and DateTime Formats": three fractional digits, `Z` or an offset.

    Raises:
        ValueError: it has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone is none")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def before_request(answer: Response) -> datetime:
    """A moment by Salesforce's clock, UTC, that was not later than when the call left us: what it read is not older.

    `Date` alone would not do. It is written when the answer is ready, up to ten minutes after the call was made, and
    what was changed in between may be missing from what the call read. The call left us, was answered and came back,
    so no more time passed between its leaving and its `Date` than we waited, by a clock of ours that nobody sets.
    `Date` has whole seconds and is cut, not rounded, which makes the moment only earlier. That a record can appear
    later with an older stamp, and that Salesforce's machines differ by moments, is what a read's overlap is for.

    Raises:
        UnavailableError: the answer carries no date.
    """
    try:
        dated = parsedate_to_datetime(answer.headers["Date"]).replace(tzinfo=UTC)  # HTTP knows no other zone
    except (KeyError, ValueError) as error:
        raise UnavailableError("salesforce", "sent no date with its answer", code="malformed") from error
    # From before the connection was made until the last header was read.
    return dated - max(answer.elapsed, timedelta())
