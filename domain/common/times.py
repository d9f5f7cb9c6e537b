"""Dates and times as sources send them: zero dates for none, local clocks without an offset."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime

from domain.common.failures import FieldError

Instant = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A moment in UTC."""

# What PHP makes of MySQL's 0000-00-00: that day itself, or, where it has calculated with it, one of the year -1
# (source: openprovider/Openprovider-WHMCS-domains#63). No record is from those years.
_ZERO = re.compile(r"(?:0000|-\d{4})-\d\d-\d\d(?:[T ][\d:.]+Z?)?", re.ASCII)


def is_none(value: str | None) -> bool:
    """Whether this is how a source writes that there is no date: nothing, or a zero date."""
    return not value or (value[0] in "0-" and _ZERO.fullmatch(value) is not None)


def day_or_none(value: str | None) -> date | None:
    """The day of an ISO date (or date-time); None for empty and zero dates.

    Raises:
        FieldError: it is no date.
    """
    if value is None or is_none(value):
        return None
    try:
        return _day(value[:10])
    except ValueError:
        raise FieldError("not a date") from None


@lru_cache(maxsize=8192)
def _day(value: str) -> date:
    return date.fromisoformat(value)


def local_to_utc(value: str | None, zone: ZoneInfo) -> datetime | None:
    """The instant of a local `YYYY-MM-DD[ HH:MM:SS]`, in UTC; None for empty and zero dates.

    A time that a change of clocks repeats is taken as its first; one that it skips moves on by the gap.

    Raises:
        FieldError: it is no time.
    """
    if value is None or is_none(value):
        return None
    try:
        return _instant(value, zone)
    except (ValueError, OverflowError):
        raise FieldError("not a time") from None


def _instant(value: str, zone: ZoneInfo) -> datetime:
    offset = offset_of_hour(value[:13], zone)
    if offset is None:
        return datetime.fromisoformat(value).replace(tzinfo=zone).astimezone(UTC)
    # A date alone takes no offset.
    return datetime.fromisoformat(f"{value}+00:00" if len(value) > 10 else f"{value} 00:00+00:00") - offset


@lru_cache(maxsize=65_536)
def offset_of_hour(hour: str, zone: ZoneInfo) -> timedelta | None:
    """What the zone is ahead of UTC during that local hour (`YYYY-MM-DD HH`); None where it changes within it.

    Asking the zone for every moment was a sixth of the time a first load takes.
    """
    start = datetime.fromisoformat(hour if len(hour) == 13 else f"{hour[:10]} 00").replace(tzinfo=zone)
    first, last = start.utcoffset(), start.replace(minute=59, second=59).utcoffset()
    return first if first == last else None


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins in a zone."""
    return datetime.combine(day, time(), zone)


_PLAIN = re.compile(r"[12]\d{3}-\d\d-\d\d (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII)


def local_with_offset(value: str, zone: ZoneInfo) -> str | None:
    """A local `YYYY-MM-DD HH:MM:SS` with what the zone is ahead of UTC (`+09:00`), as PostgreSQL reads it.

    The instant that `local_to_utc` makes, at a third of what it takes. None where it is not that plain: another form,
    no such day, an hour in which clocks change, an offset that is none of whole minutes.
    """
    offset = _offset_of_hour(value[:13], zone) if _PLAIN.fullmatch(value) else None
    return None if offset is None else value + offset


@lru_cache(maxsize=65_536)
def _offset_of_hour(hour: str, zone: ZoneInfo) -> str | None:
    try:
        offset = offset_of_hour(hour, zone)
    except ValueError:
        return None
    minutes, rest = divmod(offset.total_seconds(), 60) if offset is not None else (0, 1)
    if rest:
        return None
    sign, (hours, minutes) = "-" if minutes < 0 else "+", divmod(abs(int(minutes)), 60)
    return f"{sign}{hours:02}:{minutes:02}"


def first_of_next_month(day: date) -> date:
    """The first day of the month after that day's.

    Raises:
        ValueError: there is none, as after 9999-12.
    """
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def last_day_of(month_slash_year: str | None) -> date | None:
    """The last day of `MM/YY`; None where it is empty or no month."""
    month, _, year = (month_slash_year or "").strip().partition("/")
    if not (month.isdigit() and year.isdigit() and 1 <= int(month) <= 12):
        return None
    full_year = int(year) if len(year) == 4 else 2000 + int(year[-2:])
    return date(full_year, int(month), monthrange(full_year, int(month))[1])
