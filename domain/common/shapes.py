"""Lists and flags in every shape that PHP turns them into (source: WHMCS reference, response quirks)."""

from collections.abc import Mapping, Sequence
from typing import Any

# A dict is looked for first: asking whether something is any kind of Mapping takes five times as long.
_MAPPING = (dict, Mapping)

TRUE = frozenset({"1", "true", "on", "yes"})


def rows_of(value: object, singular: str | None = None) -> Sequence[Mapping[str, Any]]:
    """The records of a list, however it was sent: list, {singular: list}, numeric keys, one record, "" or nothing."""
    if isinstance(value, _MAPPING):
        if singular is not None and singular in value:
            return rows_of(value[singular])
        if value and all(str(key).isdigit() for key in value):
            return [row for row in value.values() if isinstance(row, _MAPPING)]
        return [value] if value else []
    if isinstance(value, list):
        # A reply without attachments comes as [[]]: what is no record is none.
        return [row for row in value if isinstance(row, _MAPPING)]
    return []


def flag(value: object) -> bool:
    """Whether any of the forms of yes was sent: true, 1, "1", "on", "true"."""
    return value is True or str(value).strip().lower() in TRUE
