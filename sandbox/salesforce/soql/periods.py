"""Date literals such as TODAY or LAST_N_DAYS:3 as half-open ranges (SOQL reference, "Date Formats and Date Literals").

The emulated user lives in UTC, and the fiscal year is the calendar's.
"""

import re
from datetime import UTC, date, datetime, time, timedelta

from sandbox.salesforce.soql.literals import datetime_text

_DAY = timedelta(days=1)
_RELATIVE = re.compile(r"(LAST|THIS|NEXT)_(?:FISCAL_)?(WEEK|MONTH|QUARTER|YEAR)")
_COUNTED = re.compile(r"(LAST|NEXT)_N_(?:FISCAL_)?(DAY|WEEK|MONTH|QUARTER|YEAR)S")
_AGO = re.compile(r"N_(?:FISCAL_)?(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO")
_DAYS = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def is_period(name: str) -> bool:
    """Whether the (upper-case) name is a date literal."""
    return name in _DAYS or name in {"LAST_90_DAYS", "NEXT_90_DAYS"} or bool(_RELATIVE.fullmatch(name)) or counts(name)


def counts(name: str) -> bool:
    """Whether the literal is followed by `:n`."""
    return bool(_COUNTED.fullmatch(name) or _AGO.fullmatch(name))


def bounds(period: object, now: datetime, *, as_date: bool) -> tuple[str, str]:
    """First moment of the period and first after it, in the form the field's values have.

    Raises:
        ValueError: no such period.
    """
    name, count = period if isinstance(period, tuple) else (period, 0)
    low, high = _days(str(name), int(count), now.date())
    if as_date:
        return low.isoformat(), high.isoformat()
    return _midnight(low), _midnight(high)


def _midnight(day: date) -> str:
    # Lower case, as values are folded before they are compared.
    return datetime_text(datetime.combine(day, time(), UTC)).casefold()


def _days(name: str, count: int, today: date) -> tuple[date, date]:
    if name in _DAYS:
        return _span("DAY", today, _DAYS[name], 1)
    if name in {"LAST_90_DAYS", "NEXT_90_DAYS"}:
        name, count = name.replace("90", "N"), 90
    if relative := _RELATIVE.fullmatch(name):
        which, unit = relative.groups()
        return _span(unit, today, {"LAST": -1, "THIS": 0, "NEXT": 1}[which], 1)
    if ago := _AGO.fullmatch(name):
        return _span(ago.group(1), today, -count, 1)
    counted = _COUNTED.fullmatch(name)
    if counted is None:
        raise ValueError(name)
    which, unit = counted.groups()
    if which == "NEXT":
        return _span(unit, today, 1, count)
    # The last n days go on until now; the last n of a longer unit end with the one before this.
    return _span(unit, today, -count, count + 1 if unit == "DAY" else count)


def _span(unit: str, today: date, first: int, length: int) -> tuple[date, date]:
    """From the start of the unit `first` units from today's on, `length` units long."""
    return _start(unit, today, first), _start(unit, today, first + length)


def _start(unit: str, today: date, away: int) -> date:
    if unit == "DAY":
        return today + away * _DAY
    if unit == "WEEK":  # weeks begin on Sunday
        return today - _DAY * ((today.weekday() + 1) % 7) + 7 * away * _DAY
    months = _MONTHS[unit]
    month = (today.year * 12 + today.month - 1) // months * months + away * months
    return date(month // 12, month % 12 + 1, 1)
