"""Date literals such as TODAY or LAST_N_DAYS:3 as half-open ranges. The emulated user lives in UTC."""

from datetime import UTC, date, datetime, time, timedelta

from sandbox.salesforce.soql.literals import datetime_text

_DAY = timedelta(days=1)


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
    week = today - _DAY * ((today.weekday() + 1) % 7)  # weeks begin on Sunday
    month = today.replace(day=1)
    last_month, next_month = (month - _DAY).replace(day=1), (month + 31 * _DAY).replace(day=1)
    year = today.year
    ranges = {
        "TODAY": (today, today + _DAY),
        "YESTERDAY": (today - _DAY, today),
        "TOMORROW": (today + _DAY, today + 2 * _DAY),
        "LAST_90_DAYS": (today - 90 * _DAY, today + _DAY),
        "NEXT_90_DAYS": (today + _DAY, today + 91 * _DAY),
        "THIS_WEEK": (week, week + 7 * _DAY),
        "LAST_WEEK": (week - 7 * _DAY, week),
        "THIS_MONTH": (month, next_month),
        "LAST_MONTH": (last_month, month),
        "NEXT_MONTH": (next_month, (next_month + 31 * _DAY).replace(day=1)),
        "THIS_YEAR": (date(year, 1, 1), date(year + 1, 1, 1)),
        "LAST_YEAR": (date(year - 1, 1, 1), date(year, 1, 1)),
        "NEXT_YEAR": (date(year + 1, 1, 1), date(year + 2, 1, 1)),
        "LAST_N_DAYS": (today - count * _DAY, today + _DAY),
        "NEXT_N_DAYS": (today + _DAY, today + (count + 1) * _DAY),
        "N_DAYS_AGO": (today - count * _DAY, today - (count - 1) * _DAY),
    }
    if name not in ranges:
        raise ValueError(name)
    return ranges[name]
