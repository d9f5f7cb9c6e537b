"""How one value of a source is read, whichever system sent it: texts, labels, amounts, flags.

A missing or null value is None, unless the field is `required`. Numbers may come as strings and strings as numbers:
identifiers and texts are strings here. Converters of long columns recognise the usual form of a value by themselves,
because pydantic takes longer, and leave every other form to pydantic.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from domain.common.failures import FieldError
from domain.common.field_table import Convert, Converter, reading
from domain.common.labels import OTHER
from domain.common.numbers import Amount, AmountOrZero, AmountSent
from domain.common.text import plain, unescaped

_SENT = ConfigDict(hide_input_in_errors=True, coerce_numbers_to_str=True)


def taken_as(annotation: Any) -> Convert:
    """Pydantic's reading of a value. Inputs stay out of its errors: they are customers' data."""
    taken: Convert = TypeAdapter(annotation, config=_SENT).validator.validate_python
    return taken


_string = taken_as(str)


def string(sent: object) -> str:
    """A string, or a number written as one, which PostgreSQL can hold: no text means anything by NUL.

    Raises:
        ValueError: it is neither, or has half of a character (a lone surrogate).
    """
    text: str = sent if type(sent) is str else _string(sent)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise FieldError("half a character") from None
    return text.replace("\x00", "") if "\x00" in text else text


def string_or_none(sent: object) -> str | None:
    """The same of what may be null."""
    return None if sent is None else string(sent)


def _text(sent: object) -> str | None:
    return None if sent is None else plain(string(sent))


def _escaped(sent: object) -> str | None:
    return None if sent is None else unescaped(string(sent))


text = partial(reading, convert=_text, makes=str | None)
"""A text of a source that escapes nothing, without padding; empty is nothing."""

escaped = partial(reading, convert=_escaped, makes=str | None)
"""A text of WHMCS, which escapes what people type. Its own words (states, cycles) are no texts: nobody typed them."""


def as_sent(source: str, *, required: bool = False, nothing: tuple[object, ...] = ()) -> Converter:
    """A source's own word, as sent."""
    if required:
        return reading(source, string, required=True, nothing=nothing, makes=str)
    return reading(source, string_or_none, nothing=nothing, makes=str | None)


def label(source: str, words: Mapping[str, str], *, none: str | None = OTHER, **how: Any) -> Converter:
    """Our word for a source's; `other` for one that nobody knows, `none` where there is none."""
    return as_sent(source, **how).then(lambda sent: words.get(sent, OTHER) if sent else words.get("", none))


_AMOUNT = re.compile(r"-?\d{1,13}(?:\.\d{1,20})?", re.ASCII)
_amount, _amount_sent, _amount_or_zero = map(taken_as, (Amount, AmountSent, AmountOrZero))


def _as_amount(otherwise: Convert) -> Callable[[object], str | Decimal]:
    def read(sent: object) -> Any:
        if type(sent) is str and _AMOUNT.fullmatch(sent):
            return sent
        return otherwise(sent)

    return read


def _or_none(convert: Convert) -> Convert:
    def read(sent: object) -> Any:
        return None if sent is None or (isinstance(sent, str) and not sent.strip()) else convert(sent)

    return read


_exact, _written, _or_zero = map(_as_amount, (_amount, _amount_sent, _amount_or_zero))
_exact_or_none, _written_or_none = map(_or_none, (_exact, _written))


def amount(source: str, *, required: bool = False, **how: Any) -> Converter:
    """Money, a rate or a quantity: a number, or its digits."""
    if required:
        return reading(source, _exact, required=True, makes=Amount, **how)
    return reading(source, _exact_or_none, makes=Amount | None, **how)


def written_amount(source: str, *, required: bool = False) -> Converter:
    """The same of WHMCS, which may send it as people read it (`1,100.00`)."""
    if required:
        return reading(source, _written, required=True, makes=Amount)
    return reading(source, _written_or_none, makes=Amount | None)


written_amount_or_zero = partial(reading, convert=_or_zero, makes=Amount)
"""The same of what is added or taken off: none is zero."""

_decimal = taken_as(Decimal)


def number_or_none(sent: object) -> Decimal | None:
    """A number that is neither money nor bounded by what it is stored in; its field's contract bounds it."""
    return None if sent is None else _decimal(sent)


_bool = taken_as(bool)


def _flag(sent: object) -> bool:
    return False if sent is None else bool(_bool(sent))


flag = partial(reading, convert=_flag)
"""Yes or no; no where the source does not say."""
