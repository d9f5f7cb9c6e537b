"""Salesforce over REST: queries, large ones as bulk jobs, and writes. Thread-safe."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

from requests import Response
from simple_salesforce.format import format_soql

from core.errors import UnavailableError
from core.settings import SalesforceSettings
from pipelines.sources.circuit import Circuit
from pipelines.sources.salesforce.answers import decoded, error_said, errors_in
from pipelines.sources.salesforce.bulk import BulkPage, BulkPosition, BulkQueries
from pipelines.sources.salesforce.names import FieldNames
from pipelines.sources.salesforce.session import Session
from pipelines.sources.salesforce.times import before_request, written

Row = dict[str, Any]


@dataclass(frozen=True)
class QueryPage:
    """A page of a query's records. `began`: a moment of Salesforce's clock before it was requested (`before_request`).

    None: the answer carried no date.
    """

    rows: list[Row]
    began: datetime | None


@dataclass(frozen=True)
class Lines:
    """Records to be made under another one, which knows them as `relationship`."""

    relationship: str
    kind: str
    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Changed:
    """Fields to be set of one record of several."""

    kind: str
    record_id: str
    fields: Mapping[str, Any]


class SalesforceClient:
    """Logs in with the first call. Queries and rows carry our names of fields, whatever the org calls them."""

    def __init__(self, settings: SalesforceSettings, circuit: Circuit | None = None) -> None:
        self._session = Session(settings, circuit or Circuit())
        self._names = FieldNames(settings.vocabulary.fields)
        self._bulk = BulkQueries(self._session, self._names, settings.bulk_poll_seconds)
        self._page_rows = settings.page_rows

    def pages(self, soql: str, *, include_deleted: bool = True) -> Iterator[QueryPage]:
        """The pages of a query, records as sent, fractions as Decimal. Deleted ones come too, marked `IsDeleted`.

        Raises:
            RejectedError: the query is refused.
            ForgottenError: it took us too long to ask on; what was read until then stands.
            TooMuchError: Salesforce cannot answer it in the time it allows.
            SourceError: see `Session.send`.
        """
        path, params = "queryAll" if include_deleted else "query", {"q": self._names.query(soql)}
        more: str | None = path
        while more is not None:
            result, began = self._result(more, params)
            yield QueryPage([self._names.row(record) for record in result["records"]], began)
            more, params = None if result["done"] else result["nextRecordsUrl"], {}

    def query(self, soql: str, *, include_deleted: bool = True) -> Iterator[list[Row]]:
        """The records of `pages`, which see."""
        for page in self.pages(soql, include_deleted=include_deleted):
            yield page.rows

    def find(self, soql: str, *values: object) -> list[Row]:
        """The records, one page at most, that a query finds; `{}` in it stands for each value, quoted."""
        return next(self.query(format_soql(soql, *values), include_deleted=False))

    def count(self, soql: str, *, include_deleted: bool = True) -> int:
        """How many records `SELECT COUNT() FROM ...` finds."""
        path = "queryAll" if include_deleted else "query"
        return int(self._result(path, {"q": self._names.query(soql)})[0]["totalSize"])

    def deleted(self, kind: str, start: datetime, end: datetime) -> tuple[list[str], datetime]:
        """Ids of records deleted in a window of at most 15 days, and the moment up to which Salesforce vouches for it.

        Both ends are cut to the minute and must be more than one minute apart (source: reference, getDeleted). The
        log may have been purged in part; records that came back are among the ids.

        Raises:
            ForgottenError: the log does not reach back to `start` (jsforce#406).
            TooMuchError: more than 600,000 were deleted.
        """
        params = {"start": written(start), "end": written(end)}
        return self._session.send("GET", f"sobjects/{kind}/deleted", "deleted", _deletions, params=params)

    def bulk_query(self, soql: str, page_rows: int, start: BulkPosition | None = None) -> Iterator[BulkPage]:
        """The pages of a query run as a bulk job, or of a job of earlier from `start` on; see `BulkQueries.pages`."""
        return self._bulk.pages(soql, page_rows, start)

    def identity(self, *, renewed: bool = False) -> tuple[str, str, str]:
        """Session id, address of the instance and id of the org (18 characters): what the Pub/Sub API wants of us."""
        self._session.opened(renewed=renewed)
        organization = self._session.send("GET", "/services/oauth2/userinfo", "userinfo", _organization)
        # Asking may have found out that the org has moved, and opened another session.
        session_id, instance = self._session.opened()
        return session_id, instance, organization

    def create(self, kind: str, fields: Mapping[str, Any]) -> str:
        """A new record's id. Called once: see `Session.send` for what a failure leaves open."""
        return self._session.send(
            "POST", f"sobjects/{kind}", f"create {kind}", _created, once=True, json=self._names.fields(fields)
        )

    def create_file(self, fields: Mapping[str, Any], content: Iterable[bytes]) -> str:
        """A new ContentVersion's id. The content is sent on as it comes; one call, see `Session.pass_on`.

        Source: REST API Developer Guide, "Insert or Update Blob Data": a part of JSON, then one of bytes.
        """
        boundary = uuid4().hex
        body = multipart(boundary, self._names.fields(fields), str(fields["PathOnClient"]), content)
        kind = f"multipart/form-data; boundary={boundary}"
        return self._session.pass_on("sobjects/ContentVersion", "create ContentVersion", kind, body, _created)

    def update(self, kind: str, record_id: str, fields: Mapping[str, Any]) -> None:
        """Set fields of a record; setting them again changes nothing."""
        path = f"sobjects/{kind}/{record_id}"
        self._session.send("PATCH", path, f"update {kind}", _nothing, json=self._names.fields(fields))

    def upsert(self, kind: str, key: str, value: str, fields: Mapping[str, Any]) -> str:
        """The id of the one record whose external-id field `key` holds `value`, created or set; safe to repeat."""
        org_key = next(iter(self._names.fields({key: None})))
        path = f"sobjects/{kind}/{org_key}/{quote(value, safe='')}"
        return self._session.send("PATCH", path, f"upsert {kind}", _created, json=self._names.fields(fields))

    def create_tree(self, kind: str, fields: Mapping[str, Any], lines: Lines) -> str:
        """Make a record and the records under it in one transaction, all or none: the id of the first.

        Called once: see `Session.send` for what a failure leaves open.

        This is Salesforce's way of making parents and children together that takes texts as they are: /composite reads
        `@{name.field}` in any of them as a reference, and has no escape for it (source: REST API Developer Guide,
        "Composite" and "sObject Tree").

        Raises:
            RejectedError: one record was refused, and with it all; `code` is that one's.
        """
        children = [
            {"attributes": {"type": lines.kind, "referenceId": f"line{number}"}, **self._names.fields(record)}
            for number, record in enumerate(lines.records)
        ]
        record = {
            "attributes": {"type": kind, "referenceId": "record"},
            **self._names.fields(fields),
            lines.relationship: {"records": children},
        }
        return self._session.send(
            "POST", f"composite/tree/{kind}", f"create {kind} tree", _planted, once=True, json={"records": [record]}
        )

    def update_together(self, changes: Sequence[Changed]) -> None:
        """Set fields of several records in one transaction, all or none; setting them again changes nothing.

        Raises:
            RejectedError: one record was refused, and with it all; `code` is that one's.
        """
        records = [
            {"attributes": {"type": each.kind}, "id": each.record_id, **self._names.fields(each.fields)}
            for each in changes
        ]
        body = {"allOrNone": True, "records": records}

        def read(answer: Response) -> None:
            _all_done(answer, len(records))

        self._session.send("PATCH", "composite/sobjects", "update together", read, json=body)

    def _result(self, path: str, params: dict[str, str]) -> tuple[dict[str, Any], datetime | None]:
        headers = {"Sforce-Query-Options": f"batchSize={self._page_rows}"}
        return self._session.send("GET", path, "query", _query_result, headers=headers, params=params)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def multipart(boundary: str, fields: Mapping[str, Any], filename: str, content: Iterable[bytes]) -> Iterator[bytes]:
    """The body of a call that makes a file: its fields, then its bytes as they come. `filename`: plain characters."""
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="entity_content"\r\n'
        f"Content-Type: application/json\r\n\r\n{json.dumps(fields)}\r\n"
        f'--{boundary}\r\nContent-Disposition: form-data; name="VersionData"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    yield from content
    yield f"\r\n--{boundary}--\r\n".encode()


def _query_result(answer: Response) -> tuple[dict[str, Any], datetime | None]:
    result = decoded(answer.content)
    if not isinstance(result, dict) or not _is_query_result(result):
        raise UnavailableError("salesforce", "sent something other than a query result", code="malformed")
    return result, before_request(answer) if "Date" in answer.headers else None


def _is_query_result(result: dict[str, Any]) -> bool:
    records, done, more = result.get("records"), result.get("done"), result.get("nextRecordsUrl")
    return (
        isinstance(records, list)
        and all(isinstance(record, dict) for record in records)
        and isinstance(result.get("totalSize"), int)
        and (done is True or (done is False and isinstance(more, str) and more.startswith("/services/data/")))
    )


def _deletions(answer: Response) -> tuple[list[str], datetime]:
    result = decoded(answer.content)
    try:
        ids = [str(record["id"]) for record in result["deletedRecords"]]
        return ids, datetime.fromisoformat(str(result["latestDateCovered"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnavailableError("salesforce", "sent something other than deletions", code="malformed") from error


def _organization(answer: Response) -> str:
    identity = decoded(answer.content)
    if not isinstance(identity, dict) or not identity.get("organization_id"):
        raise UnavailableError("salesforce", "did not say which org this is", code="malformed")
    return str(identity["organization_id"])


def _created(answer: Response) -> str:
    result = decoded(answer.content)
    if not isinstance(result, dict) or not result.get("id"):
        raise UnavailableError("salesforce", "did not say which record it wrote", code="malformed")
    return str(result["id"])


def _nothing(answer: Response) -> None:
    # A page of HTML with status 200 is no word of Salesforce's that it was done.
    if answer.status_code != 204:
        raise UnavailableError("salesforce", "did not say that it was done", code="malformed")


def _planted(answer: Response) -> str:
    result = decoded(answer.content)
    planted = result.get("results") if isinstance(result, dict) and result.get("hasErrors") is False else None
    ids = {str(each.get("referenceId")): each.get("id") for each in planted or () if isinstance(each, dict)}
    if not isinstance(ids.get("record"), str):
        raise UnavailableError("salesforce", "did not say which records it wrote", code="malformed")
    return str(ids["record"])


def _all_done(answer: Response, records: int) -> None:
    results = decoded(answer.content)
    if not isinstance(results, list) or not all(isinstance(each, dict) and "success" in each for each in results):
        raise UnavailableError("salesforce", "sent something other than the results of a collection", code="malformed")
    said = list(errors_in(results))
    if said:
        # All the others say that the transaction was rolled back.
        raise error_said(said, answer.request)
    if len(results) != records or not all(each["success"] is True for each in results):
        raise UnavailableError("salesforce", "did not say that it was done", code="malformed")
