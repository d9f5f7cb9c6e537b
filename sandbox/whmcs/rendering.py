"""How WHMCS writes values: entities, money, dates without zone, zero dates."""

import json
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from html import escape

ZERO_DATE = "0000-00-00"
ZERO_TIME = "0000-00-00 00:00:00"
# What PHP makes of those where it has calculated with them: openprovider/Openprovider-WHMCS-domains#63.
_CALCULATED_DATE = "-0001-11-30"
_CALCULATED_TIME = "-0001-11-30 00:00:00"
_dumps = json.JSONEncoder(ensure_ascii=False).encode


def as_json(value: object) -> str:
    return _dumps(value)


@lru_cache(maxsize=4096)
def saved(text: str, *, entities: bool = True) -> str:
    """Text as stored: escaped when it was typed in."""
    return escape(text).replace("&#x27;", "&#039;") if entities else text


@lru_cache(maxsize=4096)
def quoted(text: str, *, entities: bool = True) -> str:
    """The JSON literal of a saved text."""
    return _dumps(saved(text, entities=entities))


def as_texts(row: dict[str, object], names: Collection[str]) -> dict[str, object]:
    """The row with those of its columns as texts, as the actions write them that read the database themselves."""
    if not names:
        return row
    return {name: str(value) if name in names else value for name, value in row.items()}


def money(amount: int | Decimal) -> str:
    return f"{amount}.00" if isinstance(amount, int) else f"{amount:.2f}"


def zero_date(number: int) -> str:
    """How the record of that number writes that it has no date: some were calculated with."""
    return _CALCULATED_DATE if number % 4 == 1 else ZERO_DATE


def zero_time(number: int) -> str:
    return _CALCULATED_TIME if number % 4 == 1 else ZERO_TIME


def day(value: date | None) -> str:
    return value.isoformat() if value else ZERO_DATE


def moment(value: date | None, seconds: int) -> str:
    """Local date and time, `seconds` after nine in the morning; a zero time for none, in either form."""
    if value is None:
        return zero_time(seconds)
    minutes, second = divmod(9 * 3600 + seconds % 36_000, 60)
    return f"{value.isoformat()} {minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"


def localised(value: date | datetime, form: str) -> str:
    """A date in the install's display format, such as DD/MM/YYYY."""
    return form.replace("DD", f"{value:%d}").replace("MM", f"{value:%m}").replace("YYYY", f"{value:%Y}")
