"""How WHMCS sends values that have a form of its own: numbers of records, local times, zero dates, custom fields."""

from datetime import date
from functools import lru_cache, partial
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from domain.common.converters import string, string_or_none, taken_as
from domain.common.custom_fields import field_named, field_numbered
from domain.common.failures import FieldError
from domain.common.field_table import Convert, Converter, reading, reading_by_words
from domain.common.identifiers import hub_ids_of
from domain.common.times import Instant, day_or_none, local_to_utc, local_with_offset
from domain.common.vocabulary import WhmcsVocabulary

_number = taken_as(Annotated[str, Field(pattern=r"^[0-9]{1,18}$")])


def as_number(sent: object) -> str:
    """A record's number, sent as a number or as digits; records without one would share one row."""
    digits = str(sent) if type(sent) is int else sent
    if type(digits) is str and len(digits) <= 18 and digits.isascii() and digits.isdigit():
        return digits
    return str(_number(sent))


number = partial(reading, convert=as_number, required=True, makes=str)
"""The number of a record, which every record has."""


def hub_id_of(kind: str, source: str) -> Converter:
    """The hub's id of the record of that kind which has that number."""
    return reading(source, _hub_id_of(kind), required=True, makes=UUID)


@lru_cache
def _hub_id_of(kind: str) -> Convert:
    digits_of = hub_ids_of("whmcs", kind)
    return lambda sent: digits_of(as_number(sent))


_NONE = frozenset({None, "", "0"})


def _other_number(sent: object) -> str | None:
    written = string_or_none(sent)
    return None if written in _NONE else written


other_number = partial(reading, convert=_other_number)
"""The number of another record, where there is one: 0 is none."""


def other_hub_id(kind: str, source: str) -> Converter:
    """The hub's id of the other record."""
    return other_number(source).then(lambda sent: hub_ids_of("whmcs", kind)(sent) if sent else None, makes=UUID | None)


def _day(sent: object) -> date | None:
    return day_or_none(string_or_none(sent))


def day(source: str, *, missing: str | None = None) -> Converter:
    """A day of the server's calendar; None for zero dates. `missing`: why a record without one is refused."""
    if missing is None:
        return reading(source, _day, makes=date | None)

    def required(sent: object) -> date:
        found = day_or_none(string(sent))
        if found is None:
            raise FieldError(missing)
        return found

    return reading(source, required, required=True, makes=date)


@lru_cache
def _instant_in(zone: ZoneInfo) -> Convert:
    def read(sent: object) -> object:
        if sent is None:
            return None
        if type(sent) is str and (plain := local_with_offset(sent, zone)) is not None:
            return plain
        return local_to_utc(string(sent), zone)

    return read


def _instant(vocabulary: WhmcsVocabulary) -> Convert:
    return _instant_in(vocabulary.zone)


instant = partial(reading_by_words, bind=_instant, makes=Instant | None)
"""A moment by the server's clock; None for zero times."""


def custom_field(name: str) -> Converter:
    """The custom field of a service whose name that entry of the vocabulary gives."""
    return reading_by_words(
        "customfields", lambda words: lambda sent: string_or_none(field_named(sent, getattr(words, name)))
    )


def numbered_custom_field(number_in: str) -> Converter:
    """The same of a client, whose custom fields come without names."""
    return reading_by_words(
        "customfields", lambda words: lambda sent: string_or_none(field_numbered(sent, getattr(words, number_in)))
    )
