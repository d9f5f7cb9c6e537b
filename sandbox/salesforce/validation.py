"""What Salesforce refuses to store, and how it stores the rest (salesforce.md, sections 2.3 and 4)."""

import re
from datetime import UTC, date, datetime
from math import isfinite

from sandbox.salesforce.errors import SalesforceError, malformed_id
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import Row
from sandbox.salesforce.schema import NUMBERS, STRINGS, Field, SObject
from sandbox.salesforce.soql.literals import datetime_text

_TOO_LARGE = 10**16  # 18 digits, two of them after the point
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)?"
_DATE = re.compile(r"\d{4}-\d\d-\d\d" + _ZONE)
# A date alone is its midnight. More than three digits of a second are no form the vendor promises to take.
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,3})?" + _ZONE + ")?")


def accepted(org: Org, definition: SObject, body: object, *, creating: bool) -> Row:
    """The fields of a request body as they are stored: canonical names, trimmed text, full ids.

    Raises:
        SalesforceError: a field is unknown, read-only, missing, or holds what its type does not.
    """
    if not isinstance(body, dict):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "The HTTP entity body is required to be a JSON object")
    stored: Row = {}
    for name, value in body.items():
        if name.lower() == "attributes":
            continue
        field, given = _field(org, definition, str(name), value)
        if not (field.createable if creating else field.updateable):
            raise _read_only(field)
        stored[field.name] = _stored(org, definition, field, given)
    _require(definition, stored, creating=creating)
    return stored


def _field(org: Org, definition: SObject, name: str, value: object) -> tuple[Field, object]:
    """The field meant; a parent may also be named by its relationship and an external id of its own."""
    field = definition.by_name.get(name.lower())
    if field is not None and not org.hides(definition, field):
        return field, value
    field = definition.by_relationship.get(name.lower())
    if field is not None and isinstance(value, dict):
        return field, _parent_id(org, field, value)
    problem = f"No such column '{name}' on sobject of type {definition.name}"
    raise SalesforceError(400, "INVALID_FIELD", problem)


def _parent_id(org: Org, field: Field, key: dict[str, object]) -> object:
    table = org.table(str(field.refers_to))
    given = {name.lower(): value for name, value in key.items() if name.lower() != "attributes"}
    found = [
        row["Id"] for row in table.by_id() if all(row.get(_name(table.definition, n)) == v for n, v in given.items())
    ]
    if len(found) != 1:
        problem = f"Foreign key external ID not found for field {', '.join(key)} in entity {table.definition.name}"
        raise SalesforceError(400, "INVALID_FIELD", problem)
    return found[0]


def _name(definition: SObject, name: str) -> str:
    field = definition.by_name.get(name)
    return field.name if field else name


def _require(definition: SObject, stored: Row, *, creating: bool) -> None:
    missing = [f.name for f in definition.fields if f.required and stored.get(f.name, None if creating else "") is None]
    if missing:
        problem = f"Required fields are missing: [{', '.join(missing)}]"
        raise SalesforceError(400, "REQUIRED_FIELD_MISSING", problem, tuple(missing))


def _read_only(field: Field) -> SalesforceError:
    problem = (
        f"Unable to create/update fields: {field.name}. Please check the security settings of this field and verify"
        " that it is read/write for your profile or permission set."
    )
    return SalesforceError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", problem, (field.name,))


def _stored(org: Org, definition: SObject, field: Field, value: object) -> object:
    if isinstance(value, dict | list):
        raise _unreadable(field, value, "START_OBJECT" if isinstance(value, dict) else "START_ARRAY")
    if value is None or (isinstance(value, str) and not value.strip() and field.type in STRINGS):
        return False if field.type == "boolean" else None
    if field.type == "boolean":
        return _boolean(field, value)
    if field.type in NUMBERS:
        return _number(field, value)
    text = str(value).strip()
    if field.type in {"date", "datetime"}:
        return _moment(field, text)
    if field.type == "reference":
        return _reference(org, field, text)
    if field.length and len(text) > field.length:
        problem = f"{field.name}: data value too large: {text} (max length={field.length})"
        raise SalesforceError(400, "STRING_TOO_LONG", problem, (field.name,))
    if field.type == "email" and "@" not in text:
        problem = f"{field.name}: invalid email address: {text}"
        raise SalesforceError(400, "INVALID_EMAIL_ADDRESS", problem, (field.name,))
    if text not in definition.restricted.get(field.name, (text,)):
        problem = f"{field.name}: bad value for restricted picklist field: {text}"
        raise SalesforceError(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", problem, (field.name,))
    return text


def _boolean(field: Field, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    raise _unreadable(field, value)


def _number(field: Field, value: object) -> float | int:
    try:
        number = float(str(value))
    except ValueError as error:
        raise _unreadable(field, value) from error
    if not isfinite(number) or (field.type == "int" and not number.is_integer()):
        raise _unreadable(field, value)
    if abs(number) >= _TOO_LARGE:
        problem = f"{field.name}: value outside of valid range on numeric field: {value}"
        raise SalesforceError(400, "NUMBER_OUTSIDE_VALID_RANGE", problem, (field.name,))
    return int(number) if field.type == "int" else number


def _moment(field: Field, text: str) -> str:
    """Sources: "Valid Date Format in Records"; verbb/formie#2790 (no `T`), qore#3908 (a date with a time)."""
    if (_DATE if field.type == "date" else _DATETIME).fullmatch(text) is None:
        raise _unreadable(field, text)
    try:
        if field.type == "date":
            return date.fromisoformat(text[:10]).isoformat()
        # Fractions are taken, but a field keeps whole seconds (salesforce.md, section 4.1).
        moment = datetime.fromisoformat(text).replace(microsecond=0)
        return datetime_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except ValueError as error:
        raise _unreadable(field, text) from error


def _reference(org: Org, field: Field, text: str) -> str:
    record_id = full_id(text)
    if record_id is None:
        raise malformed_id(text)
    row = org.table(field.refers_to).get(record_id) if field.refers_to else {"IsDeleted": False}
    if row is None or row["IsDeleted"]:
        raise SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field.name,))
    return record_id


def _unreadable(field: Field, value: object, token: str | None = None) -> SalesforceError:
    """The position is that of the whole body: where in it the value stands is not known here."""
    if token is None:
        token = "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER_FLOAT"
    problem = (
        f"Cannot deserialize instance of {field.type} from {token} value {value} or request may be missing a required"
        " field at [line:1, column:1]"
    )
    return SalesforceError(400, "JSON_PARSER_ERROR", problem)
