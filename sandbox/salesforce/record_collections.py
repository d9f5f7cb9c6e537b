"""sObject collections: up to 200 records in one call (salesforce.md, section 2.5)."""

from collections.abc import Callable

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.objects import OBJECTS
from sandbox.salesforce.org import Org
from sandbox.salesforce.records import Records
from sandbox.salesforce.savepoint import rolled_back_on_failure

MOST_RECORDS = 200
Document = dict[str, object]


class Collections:
    """Every method answers with one result per record, in the order of the input."""

    def __init__(self, org: Org, records: Records) -> None:
        self._org, self._records = org, records

    def create(self, body: object) -> list[Document]:
        def one(record: Document) -> Document:
            return _done(self._records.create(_type_of(record), record))

        return self._each(*_batch(body), one)

    def read(self, kind: str, ids: list[str], fields: list[str], version: str) -> list[Document | None]:
        """The records in the order of the ids, null for one that is not there ("Get Records with Collections")."""
        if not ids or not fields:
            raise SalesforceError(400, "MALFORMED_ID" if not ids else "INVALID_FIELD", "ids and fields are required")
        found: list[Document | None] = []
        for record_id in ids:
            try:
                found.append(self._records.read(kind, record_id, fields, version))
            except SalesforceError as error:
                if error.status != 404:
                    raise
                found.append(None)
        return found

    def update(self, body: object) -> list[Document]:
        def one(record: Document) -> Document:
            fields = {name: value for name, value in record.items() if name.lower() != "id"}
            record_id = str(record.get("id") or record.get("Id"))
            self._records.change(_type_of(record), record_id, fields)
            return _done(full_id(record_id))

        return self._each(*_batch(body), one)

    def upsert(self, kind: str, key: str, body: object) -> list[Document]:
        def one(record: Document) -> Document:
            value = next((str(given) for name, given in record.items() if name.lower() == key.lower()), "")
            fields = {name: given for name, given in record.items() if name.lower() != key.lower()}
            done = self._records.upsert(kind, key, value, fields)
            return _done(done.record_id) | {"created": done.created}

        return self._each(*_batch(body), one)

    def delete(self, ids: str, *, all_or_none: bool) -> list[Document]:
        prefixes = {definition.prefix: definition.name for definition in OBJECTS.values()}

        def one(record: Document) -> Document:
            record_id = str(record["id"])
            self._records.delete(prefixes.get(record_id[:3], record_id[:3]), record_id)
            return _done(full_id(record_id))

        return self._each([{"id": record_id} for record_id in ids.split(",") if record_id], all_or_none, one)

    def _each(self, records: list[Document], all_or_none: bool, one: Callable[[Document], Document]) -> list[Document]:
        if len(records) > MOST_RECORDS:
            problem = "The limit of 200 records in one request was exceeded"
            raise SalesforceError(400, "EXCEEDED_MAX_SIZE_REQUEST", problem)
        with rolled_back_on_failure(self._org.state, active=all_or_none) as attempt:
            results = []
            for record in records:
                try:
                    results.append(one(record))
                except SalesforceError as error:
                    attempt.failed = True
                    results.append({"success": False, "errors": [error.as_collection()]})
        return [_rolled_back(result) for result in results] if all_or_none and attempt.failed else results


def _batch(body: object) -> tuple[list[Document], bool]:
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "A list of records is required")
    return records, bool(body.get("allOrNone", False))


def _type_of(record: Document) -> str:
    kind = record.get("attributes")
    if not isinstance(kind, dict) or "type" not in kind:
        raise SalesforceError(400, "INVALID_INPUT", "Include an sObject type in attributes.")
    return str(kind["type"])


def _done(record_id: str | None) -> Document:
    return {"id": record_id, "success": True, "errors": []}


def _rolled_back(result: Document) -> Document:
    if not result["success"]:
        return result
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    error = SalesforceError(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", message)
    return {"success": False, "errors": [error.as_collection()]}
