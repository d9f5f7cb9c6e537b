"""Avro schemas of events (salesforce.md, sections 5.5 and 5.6), and a record's fields as an event carries them."""

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import fastavro

from sandbox.salesforce.schema import Field, SObject

CHANGE_TYPES = (
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW",
    "SNAPSHOT",
)  # fmt: skip
_PARTS = ("Street", "City", "State", "PostalCode", "Country")
# What change events leave out (salesforce.md, section 5.6).
_NEVER = frozenset({"Id", "IsDeleted", "SystemModstamp"})
_LISTS = ("nulledFields", "diffFields", "changedFields")

PROVISION_REQUESTED = "OrderProvisionRequested__e"
PLATFORM_EVENTS: Mapping[str, Mapping[str, str]] = {
    PROVISION_REQUESTED: {
        "OrderId__c": "string", "IdemKey__c": "string", "CorrelationId__c": "string", "RequestedBy__c": "string",
        "Version__c": "double",
    },
}  # fmt: skip

FIELD_TYPES = frozenset({"string", "double", "boolean", "long"})

Schema = dict[str, Any]


def schema_id(schema: Schema) -> str:
    """22 characters, the same for the same schema."""
    digest = hashlib.md5(json.dumps(schema).encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def platform_schema(name: str, fields: Mapping[str, str]) -> Schema:
    made: list[Schema] = [
        {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"},
        {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"},
    ]
    made += [{"name": field, "type": ["null", kind], "default": None} for field, kind in fields.items()]
    return {"type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": made}


def change_schema(definition: SObject, extra: str = "") -> Schema:
    """The schema of an object's change events; `extra` names a field that an administrator has just added."""
    fields: list[Schema] = [{"name": "ChangeEventHeader", "type": _header()}]
    compounds = {f.name.removesuffix("Address") for f in definition.fields if f.type == "address"}
    for field in definition.fields:
        if field.type == "address":
            fields.append({"name": field.name, "type": ["null", _address(field.name)], "default": None})
        elif field.name not in _NEVER and not _is_part(field.name, compounds):
            fields.append({"name": field.name, "type": ["null", _avro(field)], "default": None})
    if extra:
        fields.append({"name": extra, "type": ["null", "string"], "default": None})
    name = f"{definition.name}ChangeEvent"
    return {"type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": fields}


def encoded(schema: Schema, record: Mapping[str, Any]) -> bytes:
    """Schemaless Avro: neither container nor magic byte."""
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), {k: _sayable(v) for k, v in record.items()})
    return out.getvalue()


def _sayable(value: object) -> object:
    """Half of a surrogate pair becomes a question mark, as Java's encoder has it: UTF-8 cannot say it."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def decoded(schema: Schema, payload: bytes) -> dict[str, Any] | None:
    """What was written with that schema; None where the bytes are something else, be it only by what follows."""
    source = BytesIO(payload)
    try:
        record = fastavro.schemaless_reader(source, fastavro.parse_schema(schema), None)
    except (EOFError, IndexError, ValueError, struct.error):
        return None
    return cast(dict[str, Any], record) if source.tell() == len(payload) else None


def body(definition: SObject, row: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    """The fields of a change event's body: those named (None: all that are populated), compounds as records."""
    compounds = {f.name.removesuffix("Address") for f in definition.fields if f.type == "address"}
    made: dict[str, Any] = {}
    for field in definition.fields:
        if field.type == "address":
            kind = field.name.removesuffix("Address")
            parts = {p: row.get(f"{kind}{p}") for p in _PARTS if names is None or f"{kind}{p}" in names}
            if any(value is not None for value in parts.values()):
                made[field.name] = {p: parts.get(p) for p in _PARTS}
        elif (
            field.name not in _NEVER and not _is_part(field.name, compounds) and (names is None or field.name in names)
        ):
            made[field.name] = _value(field, row.get(field.name))
    return made


def bitmap(schema: Schema, definition: SObject, names: frozenset[str]) -> list[str]:
    """Fields as hexadecimal bitmaps: bit i is field i of the schema; parts of a compound as `index-0x..`."""
    compounds = {f.name.removesuffix("Address") for f in definition.fields if f.type == "address"}
    own, nested = 0, list[str]()
    for index, field in enumerate(schema["fields"]):
        if field["name"] in names:
            own |= 1 << index
        kind = field["name"].removesuffix("Address")
        if kind in compounds and field["name"].endswith("Address"):
            bits = sum(1 << at for at, part in enumerate(_PARTS) if f"{kind}{part}" in names)
            if bits:
                nested.append(f"{index}-{_hex(bits)}")
    return ([_hex(own)] if own else []) + nested


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return f"0x{'0' * (len(digits) % 2)}{digits}"


def _header() -> Schema:
    strings = {"type": "array", "items": "string"}
    fields: list[Schema] = [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": strings},
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)}},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        *({"name": name, "type": strings} for name in _LISTS),
    ]
    return {"type": "record", "name": "ChangeEventHeader", "fields": fields}


def _address(name: str) -> Schema:
    fields = [{"name": part, "type": ["null", "string"], "default": None} for part in _PARTS]
    return {"type": "record", "name": f"{name}_Address", "fields": fields}


def _avro(field: Field) -> str:
    kinds = {"boolean": "boolean", "double": "double", "currency": "double", "percent": "double", "int": "int"}
    return kinds.get(field.type, "long" if field.type in {"date", "datetime"} else "string")


def _value(field: Field, value: Any) -> Any:
    """Instants and days as milliseconds since 1970."""
    if value is None:
        return None
    if field.type in {"date", "datetime"}:
        moment = datetime.fromisoformat(str(value))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return {"boolean": bool, "double": float, "int": int, "string": str}.get(_avro(field), str)(value)


def _is_part(name: str, compounds: set[str]) -> bool:
    return any(name == f"{kind}{part}" for kind in compounds for part in _PARTS)
