"""Rows converted a column at a time.

Nearly all rows of a long list have one plain form: amounts like `1100.00`, times like `2026-01-31 09:00:00`. Checked
and converted together they cost a quarter of what they cost one by one. Nothing is decided here about any other form,
however good it may be: these functions raise NotPlainError, and the mapper of single rows judges.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

from domain.common.text import unescaped
from domain.common.times import day_or_none, is_none, offset_of_hour

Column = Sequence[str | None]
Columns = Mapping[str, Column]
"""Of each field of a contract what it is in every row, as text that PostgreSQL reads; None: nothing."""

Value = TypeVar("Value")
Made = TypeVar("Made")

_NUMBER = r"\d{1,18}"
_AMOUNT = r"-?\d{1,13}(?:\.\d{1,20})?"
_TIME = r"[12]\d{3}-\d\d-\d\d (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"


class NotPlainError(ValueError):
    """Some value of a column has another form than the plain one."""


def rows_to_columns(rows: Iterable[Mapping[str, object]], fields: Sequence[str]) -> dict[str, Sequence[object]]:
    """The values of these fields, by field.

    Raises:
        NotPlainError: a row lacks one of them.
    """
    try:
        return {field: [row[field] for row in rows] for field in fields}
    except KeyError:
        raise NotPlainError("a field is missing") from None


def texts(values: Sequence[object]) -> list[str]:
    """The values, each of which is a text."""
    if not {str}.issuperset(map(type, values)):
        raise NotPlainError("a value is no text")
    return cast("list[str]", values)


def optional_texts(values: Sequence[object]) -> list[str | None]:
    """The values, each of which is a text or None."""
    if not {str, type(None)}.issuperset(map(type, values)):
        raise NotPlainError("a value is no text")
    return cast("list[str | None]", values)


def escaped_texts(values: Sequence[object]) -> list[str | None]:
    """Texts as `Escaped` reads them."""
    return folded(optional_texts(values), unescaped)


def numbers(values: Sequence[object]) -> list[str]:
    """Whole numbers, sent as such or as digits."""
    return _matching(_NUMBERS, list(map(str, values)))


def amounts(values: Sequence[object]) -> list[str]:
    """Decimal numbers, sent as texts; they fit `Amount`."""
    found = texts(values)
    _matching(_AMOUNTS, list(set(found)))
    return found


def instants(values: Sequence[object], zone: ZoneInfo) -> list[str | None]:
    """Local times as `times.local_to_utc` reads them, with the zone's offset; None for empty and zero times."""
    found = optional_texts(values)
    different = set(found)
    times = _matching(_TIMES, [value for value in different if value is not None and not is_none(value)])
    offsets = _Offsets(zone)
    made: dict[str | None, str | None] = dict.fromkeys(different)
    made.update((value, value + offsets[value[:13]]) for value in times)
    return [made[value] for value in found]


def days(values: Sequence[object]) -> list[str | None]:
    """Days as `times.day_or_none` reads them."""

    def day(value: str | None) -> str | None:
        found = day_or_none(value, "day")
        return None if found is None else found.isoformat()

    return folded(optional_texts(values), day)


def currencies(values: Sequence[object]) -> list[str]:
    """Three-letter codes."""
    return folded(texts(values), _currency)


def required(values: Sequence[str | None]) -> list[str]:
    """The values, none of which is None."""
    return texts(values)


def folded(values: Sequence[Value], convert: Callable[[Value], Made]) -> list[Made]:
    """What `convert` makes of each value; called once for each of the different ones.

    Raises:
        NotPlainError: it raised ValueError.
    """
    try:
        made = {value: convert(value) for value in set(values)}
    except ValueError as error:
        raise NotPlainError("a value cannot be converted") from error
    return [made[value] for value in values]


def _currency(code: str) -> str:
    if not _CURRENCY.fullmatch(code):
        raise NotPlainError("no currency")
    return code


class _Offsets(dict[str, str]):
    """By local hour (`YYYY-MM-DD HH`): what the zone is ahead of UTC, as `+09:00`."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, hour: str) -> str:
        """Raises NotPlainError: there is no such hour, or the offset changes in it, or it is none of whole minutes."""
        try:
            offset = offset_of_hour(hour, self._zone)
        except ValueError:
            raise NotPlainError("there is no such hour") from None
        minutes, rest = divmod(offset.total_seconds(), 60) if offset is not None else (0, 1)
        if rest:
            raise NotPlainError("clocks change in that hour")
        sign, (hours, minutes) = "-" if minutes < 0 else "+", divmod(abs(int(minutes)), 60)
        self[hour] = text = f"{sign}{hours:02}:{minutes:02}"
        return text


def _matching(lines: re.Pattern[str], values: list[str]) -> list[str]:
    # One look at all of them. A line's end within a value would make two of it.
    joined = "\n".join(values)
    if values and (not lines.fullmatch(joined) or joined.count("\n") != len(values) - 1):
        raise NotPlainError("a value has another form")
    return values


def _lines_of(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{form}\n)*{form}", re.ASCII)


_NUMBERS, _AMOUNTS, _TIMES = map(_lines_of, (_NUMBER, _AMOUNT, _TIME))
_CURRENCY = re.compile("[A-Z]{3}")
