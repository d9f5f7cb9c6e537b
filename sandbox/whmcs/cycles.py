"""Billing cycles: how requests name them, how answers do, and when the next payment is due."""

from calendar import monthrange
from datetime import date

NAMES = {
    "free": "Free Account",
    "onetime": "One Time",
    "monthly": "Monthly",
    "quarterly": "Quarterly",
    "semiannually": "Semi-Annually",
    "annually": "Annually",
    "biennially": "Biennially",
    "triennially": "Triennially",
}
_MONTHS = {"Monthly": 1, "Quarterly": 3, "Semi-Annually": 6, "Annually": 12, "Biennially": 24, "Triennially": 36}


def is_recurring(cycle: str) -> bool:
    """`cycle`: as answers name it."""
    return cycle in _MONTHS


def after(day: date, cycle: str) -> date:
    """The day one cycle later, the month's last where there is no such day; the same day where nothing recurs."""
    months = day.year * 12 + day.month - 1 + _MONTHS.get(cycle, 0)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
