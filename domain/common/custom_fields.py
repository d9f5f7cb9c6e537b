"""Custom fields of WHMCS, on clients and on services: what an operator added, by name or by number."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.common.shapes import rows_of
from domain.common.text import unescaped


def field_named(fields: object, name: str) -> str | None:
    """The value of the custom field that its operator called so; names are escaped like every other text."""
    return next((_value(field) for field in _sent(fields) if unescaped(str(field.get("name"))) == name), None)


def field_numbered(fields: object, number: int) -> str | None:
    """The value of the custom field with that id: a client's fields come without names."""
    return next((_value(field) for field in _sent(fields) if str(field.get("id")) == str(number)), None)


def _sent(fields: object) -> Iterator[Mapping[str, Any]]:
    yield from rows_of(fields, "customfield")


def _value(field: Mapping[str, Any]) -> str | None:
    value = field.get("value")
    return None if value is None else unescaped(str(value))
