"""What an event's payload says: Avro by its own schema, header bitmaps as names of fields (reference §5.5, §5.6)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Self

import fastavro
from fastavro.schema import expand_schema

Schema = Mapping[str, Any]

_LISTS = ("changedFields", "nulledFields")


@dataclass(frozen=True)
class Decoded:
    """An event's fields. `header` is that of a change event, its bitmaps as names of fields; None: a platform event."""

    fields: Mapping[str, Any]
    header: Mapping[str, Any] | None


@dataclass(frozen=True)
class EventSchema:
    """A schema made ready once for all its events: to read with, and with every named type written out."""

    reader: Schema
    fields: list[Schema]

    @classmethod
    def of(cls, schema: Schema) -> Self:
        """Raises ValueError: it is no schema."""
        try:
            reader: Any = fastavro.parse_schema(dict(schema))
            expanded: Any = expand_schema(dict(schema))
            return cls(reader, expanded["fields"])
        except (fastavro.schema.SchemaParseException, KeyError, TypeError) as error:
            raise ValueError("not a schema of a record") from error


def decoded(payload: bytes, schema: EventSchema) -> Decoded:
    """Schemaless Avro, read with the schema it was written with.

    Raises:
        ValueError: the payload is no such record.
    """
    try:
        record = fastavro.schemaless_reader(BytesIO(payload), dict(schema.reader), None)
    except (EOFError, IndexError, StopIteration, TypeError, fastavro.schema.SchemaParseException) as error:
        raise ValueError(f"not a record of the schema: {type(error).__name__}") from error
    if not isinstance(record, dict):
        raise ValueError("not a record")  # noqa: TRY004 - the payload is to blame, not its type
    header = record.pop("ChangeEventHeader", None)
    if isinstance(header, dict):
        header |= {name: field_names(header.get(name, ()), schema) for name in _LISTS}
    return Decoded(record, header)


def field_names(bitmaps: Iterable[str], schema: EventSchema) -> list[str]:
    """`["0x400000", "4-0x01"]` as `["LastModifiedDate", "BillingAddress.Street"]`: bit i is field i of the schema.

    Raises:
        ValueError: a bitmap is malformed, or names a field that the schema does not have.
    """
    names: list[str] = []
    for bitmap in bitmaps:
        parent, _, bits = bitmap.rpartition("-")
        fields = schema.fields
        prefix = ""
        if parent:
            field = _at(fields, int(parent))
            prefix, fields = f"{field['name']}.", _parts(field)
        names += [f"{prefix}{_at(fields, index)['name']}" for index in _set_bits(bits)]
    return names


def _set_bits(text: str) -> list[int]:
    if not text.lower().startswith("0x"):
        raise ValueError("a bitmap is a hexadecimal number")
    number = int(text, 16)
    return [index for index in range(number.bit_length()) if number >> index & 1]


def _at(fields: list[Mapping[str, Any]], index: int) -> Mapping[str, Any]:
    if index >= len(fields):
        raise ValueError("a bitmap names a field that the schema does not have")
    return fields[index]


def _parts(field: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fields of a compound: a record, alone or among the kinds of a union."""
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    record = next((kind for kind in kinds if isinstance(kind, dict) and kind.get("type") == "record"), None)
    if record is None:
        raise ValueError("a bitmap looks into a field that has no parts")
    fields: list[Mapping[str, Any]] = record["fields"]
    return fields
