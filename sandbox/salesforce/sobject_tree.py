"""/composite/tree: records and the records under them, made together or not at all (salesforce.md, section 2.5)."""

from collections.abc import Iterator

from sandbox.salesforce.calls import Answer
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.record_collections import MOST_RECORDS
from sandbox.salesforce.records import Records
from sandbox.salesforce.savepoint import rolled_back_on_failure

Document = dict[str, object]


def planted(org: Org, records: Records, kind: str, body: object) -> Answer:
    """Ids by reference, or the culprit and its errors. Texts are stored as they are: a tree knows no references."""
    roots = _records(body)
    results: list[Document] = []
    with rolled_back_on_failure(org.state) as attempt:
        for root in roots:
            for reference, one_kind, fields in _unfolded(org, kind, root, None, results):
                if len(results) >= MOST_RECORDS:
                    raise SalesforceError(400, "INVALID_INPUT", "at most 200 records")
                try:
                    results.append({"referenceId": reference, "id": records.create(one_kind, fields)})
                except SalesforceError as error:
                    attempt.failed = True
                    culprit: Document = {"referenceId": reference, "errors": [error.as_collection()]}
                    return Answer({"hasErrors": True, "results": [culprit]}, 400)
    return Answer({"hasErrors": False, "results": results}, 201)


def _records(body: object) -> list[Document]:
    found = body.get("records") if isinstance(body, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(record, dict) for record in found):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "records must be a list of records")
    return found


def _unfolded(
    org: Org, kind: str, record: Document, parent: tuple[str, str] | None, made: list[Document]
) -> Iterator[tuple[str, str, Document]]:
    """A record, then those under it. `parent`: the field of theirs that names it, and its reference; `made`: ids."""
    attributes = record.get("attributes")
    if not isinstance(attributes, dict) or not attributes.get("referenceId"):
        raise SalesforceError(400, "INVALID_INPUT", "Include a reference ID for each record in the request.")
    definition = org.table(kind).definition
    children = {name: value for name, value in record.items() if name.lower() in definition.by_child}
    fields = {name: value for name, value in record.items() if name not in {"attributes", *children}}
    if parent is not None:
        field, reference = parent
        fields[field] = next(each["id"] for each in made if each["referenceId"] == reference)
    own = str(attributes["referenceId"])
    yield own, kind, fields
    for name, below in children.items():
        child = definition.by_child[name.lower()]
        for each in _records(below):
            yield from _unfolded(org, child.sobject, each, (child.field, own), made)
