"""/composite/tree: records with their children in one call, all of them or none ("sObject Tree")."""

from collections.abc import Iterator

from sandbox.salesforce.calls import Answer
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.records import Records
from sandbox.salesforce.savepoint import rolled_back_on_failure
from sandbox.salesforce.schema import SObject

MOST_RECORDS = 200
Document = dict[str, object]


class Trees:
    """Creates records and what hangs below them."""

    def __init__(self, org: Org, records: Records) -> None:
        self._org, self._records = org, records

    def create(self, kind: str, body: object) -> Answer:
        """Each record's id by its reference, or the errors of those that were refused. Raises SalesforceError."""
        definition = self._org.table(kind).definition
        records = _records_of(body)
        references = list(_references(records, definition))
        if len(references) > MOST_RECORDS or len(set(references)) < len(references):
            raise SalesforceError(400, "INVALID_INPUT", "At most 200 records, each with a referenceId of its own")
        with rolled_back_on_failure(self._org.state) as attempt:
            results = [result for record in records for result in self._created(definition, record, {})]
            culprits = [result for result in results if "errors" in result]
            attempt.failed = bool(culprits)
        return Answer({"hasErrors": bool(culprits), "results": culprits or results}, 400 if culprits else 201)

    def _created(self, definition: SObject, record: Document, parent: Document) -> Iterator[Document]:
        reference = _reference(record)
        own = {name: value for name, value in record.items() if name.lower() not in definition.by_child}
        try:
            record_id = self._records.create(definition.name, own | parent)
        except SalesforceError as error:
            yield {"referenceId": reference, "errors": [error.as_collection()]}
            return
        yield {"referenceId": reference, "id": record_id}
        for name, nested in record.items():
            child = definition.by_child.get(name.lower())
            if child is not None:
                below = self._org.table(child.sobject).definition
                for each in _records_of(nested):
                    yield from self._created(below, each, {child.field: record_id})


def _records_of(body: object) -> list[Document]:
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "A list of records is required")
    return records


def _references(records: list[Document], definition: SObject) -> Iterator[str]:
    for record in records:
        yield _reference(record)
        for name, nested in record.items():
            if name.lower() in definition.by_child:
                yield from _references(_records_of(nested), definition)


def _reference(record: Document) -> str:
    about = record.get("attributes")
    if not isinstance(about, dict) or not about.get("referenceId"):
        raise SalesforceError(400, "INVALID_INPUT", "Include a reference ID for each record in the request.")
    return str(about["referenceId"])
