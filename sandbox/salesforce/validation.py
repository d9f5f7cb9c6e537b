"""What Salesforce refuses to store, and how it stores the rest (salesforce.md, sections 2.3 and 4)."""

from datetime import date, datetime

from sandbox.salesforce.errors import SalesforceError, malformed_id
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import Row
from sandbox.salesforce.schema import NUMBERS, Field, SObject
from sandbox.salesforce.soql.literals import datetime_text


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
        stored[field.name] = _stored(org, field, given)
    _require(definition, stored, creating=creating)
    return stored


def _field(org: Org, definition: SObject, name: str, value: object) -> tuple[Field, object]:
    """The field meant; a parent may also be named by its relationship and an external id of its own."""
    field = definition.by_name.get(name.lower())
    if field is not None:
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


def _stored(org: Org, field: Field, value: object) -> object:
    if value is None or (isinstance(value, str) and not value.strip()):
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
        problem = f"{field.name}: data value too large: (max length={field.length})"
        raise SalesforceError(400, "STRING_TOO_LONG", problem, (field.name,))
    if field.type == "email" and "@" not in text:
        problem = f"{field.name}: invalid email address: {text}"
        raise SalesforceError(400, "INVALID_EMAIL_ADDRESS", problem, (field.name,))
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
    return int(number) if field.type == "int" else number


def _moment(field: Field, text: str) -> str:
    try:
        if field.type == "date":
            return date.fromisoformat(text[:10]).isoformat()
        return datetime_text(datetime.fromisoformat(text))
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


def _unreadable(field: Field, value: object) -> SalesforceError:
    problem = f"Cannot deserialize instance of {field.type} from value {value!r} for field {field.name}"
    return SalesforceError(400, "JSON_PARSER_ERROR", problem)
