"""How Salesforce sends values, whether by REST (nested JSON) or by the Bulk API (flat CSV).

CSV cannot tell an empty string from null, and Salesforce stores an empty string as null: both are nothing.
"""

import re
from datetime import date, datetime
from functools import lru_cache, partial
from uuid import UUID

from domain.common import converters
from domain.common.converters import string, taken_as
from domain.common.field_table import AnyContract, Convert, Converter, FieldTable, combined_by_words, reading
from domain.common.identifiers import hub_ids_of, salesforce_id
from domain.common.times import Instant

NOTHING = (None, "")

text = partial(converters.text, nothing=NOTHING)
flag = partial(converters.flag, nothing=NOTHING)
amount = partial(converters.amount, nothing=NOTHING)
number = partial(reading, convert=converters.number_or_none, nothing=NOTHING)
as_sent = partial(converters.as_sent, nothing=NOTHING)
label = partial(converters.label, nothing=NOTHING)


def _id(sent: object) -> str:
    return salesforce_id(string(sent))


record_id = partial(reading, convert=_id, required=True, nothing=NOTHING, makes=str)
"""An id in its 18-character form, whichever form was sent."""


def hub_id_of(kind: str, source: str, *, required: bool = False) -> Converter:
    """The hub's id of the record of that kind which has that id; None where there is none and none is required."""
    return reading(
        source, _hub_id_of(kind), required=required, nothing=NOTHING, makes=UUID if required else UUID | None
    )


@lru_cache
def _hub_id_of(kind: str) -> Convert:
    digits_of = hub_ids_of("salesforce", kind)
    return lambda sent: None if sent is None else digits_of(_id(sent))


# REST writes `+0000`, CSV `Z`.
_STAMP = re.compile(r"[12]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|\+00:?00)", re.ASCII)
_instant = taken_as(Instant)
_date = taken_as(date)


def _moment(sent: object) -> str | datetime | None:
    if sent is None:
        return None
    if type(sent) is str and _STAMP.fullmatch(sent) and _is_a_day(sent[:10]):
        return sent
    moment: datetime = _instant(sent)
    return moment


@lru_cache(maxsize=8192)
def _is_a_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def instant(source: str, *, required: bool = False) -> Converter:
    """A moment."""
    makes = Instant if required else Instant | None
    return reading(source, _moment, required=required, nothing=NOTHING, makes=makes)


def _day(sent: object) -> date | None:
    return None if sent is None else _date(sent)


day = partial(reading, convert=_day, nothing=NOTHING, makes=date | None)
"""A day."""


def _day_of_moment(sent: object) -> str | date | None:
    moment = _moment(sent)
    # A text is in UTC, and its day was looked at.
    return moment[:10] if isinstance(moment, str) else moment and moment.date()


day_of_instant = partial(reading, convert=_day_of_moment, nothing=NOTHING, makes=date | None)
"""The day of a moment, in UTC."""

CURRENCY_FIELD = "CurrencyIsoCode"
currency = combined_by_words(lambda named, words: words.currency_of(named), as_sent(CURRENCY_FIELD))
"""The currency of a record's amounts, which it names in orgs with several currencies only."""


def table_of(contract: type[AnyContract], **fields: Converter) -> FieldTable[AnyContract]:
    """The field table of an object, with what every record carries (source: Object Reference, "System Fields")."""
    return FieldTable(
        contract,
        "salesforce",
        named_by="Id",
        unwrap=None,
        only=None,
        requires=(),
        source_id=record_id("Id"),
        source_updated_at=instant("SystemModstamp", required=True),
        # A deletion moves SystemModstamp, and nothing else tells the moment.
        deleted_at=instant("SystemModstamp", required=True).where(flag("IsDeleted")),
        **fields,
    )
