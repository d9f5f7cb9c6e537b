"""Custom fields of WHMCS, on clients and on services: what an operator added, by name or by number."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from domain.common.shapes import rows_of
from domain.common.text import unescaped

# A list of services has the same few names in every row.
_called = lru_cache(maxsize=1024)(unescaped)


def field_named(fields: object, name: str) -> str | None:
    """The value of the custom field that its operator called so; names are escaped like every other text."""
    for field in rows_of(fields, "customfield"):
        if _called(str(field.get("name"))) == name:
            return _value(field)
    return None


def field_numbered(fields: object, number: int) -> str | None:
    """The value of the custom field with that id: a client's fields come without names."""
    for field in rows_of(fields, "customfield"):
        if str(field.get("id")) == str(number):
            return _value(field)
    return None


def _value(field: Mapping[str, Any]) -> str | None:
    value = field.get("value")
    return None if value is None else unescaped(str(value))
