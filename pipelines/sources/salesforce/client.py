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

from core.errors import RejectedError, UnavailableError
from core.settings import SalesforceSettings
from pipelines.sources.circuit import AlwaysClosed, Circuit
from pipelines.sources.salesforce.answers import PASSING, decoded
from pipelines.sources.salesforce.bulk import BulkPage, BulkPosition, BulkQueries, server_time
from pipelines.sources.salesforce.names import FieldNames
from pipelines.sources.salesforce.session import Session

Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One record of several written together, or read with them: `path` below sobjects/, as `Order` or `Order/<id>`.

    Path and fields may refer to a record made before, as `@{name.id}`.
    """

    name: str
    method: str
    path: str
    fields: Mapping[str, Any] | None = None


class SalesforceClient:
    """Logs in with the first call. Queries and rows carry our names of fields, whatever the org calls them."""

    def __init__(self, settings: SalesforceSettings, circuit: Circuit | None = None) -> None:
        self._session = Session(settings, circuit or AlwaysClosed())
        self._names = FieldNames(settings.vocabulary.fields)
        self._bulk = BulkQueries(self._session, self._names, settings.bulk_poll_seconds)
        self._page_rows = settings.page_rows
        self._api_version = settings.api_version

    def query(self, soql: str, *, include_deleted: bool = True) -> Iterator[list[Row]]:
        """The pages of a query, records as sent, fractions as Decimal. Deleted ones come too, marked `IsDeleted`.

        Raises:
            RejectedError: the query is refused; `code` INVALID_QUERY_LOCATOR: it took us too long to ask on.
            SourceError: see `Session.send`.
        """
        path, params = "queryAll" if include_deleted else "query", {"q": self._names.query(soql)}
        page = self._result(path, params)
        yield [self._names.row(record) for record in page["records"]]
        while not page["done"]:
            page = self._result(page["nextRecordsUrl"], {})
            yield [self._names.row(record) for record in page["records"]]

    def find(self, soql: str, *values: object) -> list[Row]:
        """The records, one page at most, that a query finds; `{}` in it stands for each value, quoted."""
        return next(self.query(format_soql(soql, *values), include_deleted=False))

    def count(self, soql: str, *, include_deleted: bool = True) -> int:
        """How many records `SELECT COUNT() FROM ...` finds."""
        path = "queryAll" if include_deleted else "query"
        return int(self._result(path, {"q": self._names.query(soql)})["totalSize"])

    def deleted(self, kind: str, start: datetime, end: datetime) -> tuple[list[str], datetime]:
        """Ids of records deleted in a window of at most 15 days, and the moment up to which Salesforce vouches for it.

        Both ends are cut to the minute and must be more than one minute apart (source: reference, getDeleted). The
        log may have been purged in part; records that came back are among the ids.
        """
        params = {"start": start.isoformat(), "end": end.isoformat()}
        return self._session.send("GET", f"sobjects/{kind}/deleted", "deleted", _deletions, params=params)

    def bulk_query(self, soql: str, page_rows: int, start: BulkPosition | None = None) -> Iterator[BulkPage]:
        """The pages of a query run as a bulk job, or of a job of earlier from `start` on; see `BulkQueries.pages`."""
        return self._bulk.pages(soql, page_rows, start)

    def identity(self, *, renewed: bool = False) -> tuple[str, str, str]:
        """Session id, address of the instance and id of the org (18 characters): what the Pub/Sub API wants of us."""
        session_id, instance = self._session.opened(renewed=renewed)
        organization = self._session.send("GET", "/services/oauth2/userinfo", "userinfo", _organization)
        return session_id, instance, organization

    def server_time(self) -> datetime:
        """Salesforce's clock, UTC, to the second: one call."""
        return self._session.send("GET", "limits", "limits", server_time)

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

    def together(self, parts: Sequence[Part]) -> list[Row]:
        """Write several records in one transaction, all or none: what Salesforce says of each, in order.

        Of one that was created that is its `id`, of one that was changed nothing, of one that was read its fields.

        Called once: see `Session.send` for what a failure leaves open.

        Raises:
            RejectedError: one part was refused, and with it all; `code` is that part's.
        """
        root = f"/services/data/v{self._api_version}/sobjects"
        requests = [
            {
                "method": part.method,
                "url": f"{root}/{part.path}",
                "referenceId": part.name,
                **({} if part.fields is None else {"body": self._names.fields(part.fields)}),
            }
            for part in parts
        ]
        body = {"allOrNone": True, "compositeRequest": requests}
        return self._session.send("POST", "composite", "composite", _written_together, once=True, json=body)

    def _result(self, path: str, params: dict[str, str]) -> dict[str, Any]:
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


def _query_result(answer: Response) -> dict[str, Any]:
    result = decoded(answer.content)
    if not isinstance(result, dict) or not {"records", "done", "totalSize"} <= result.keys():
        raise UnavailableError("salesforce", "sent something other than a query result", code="malformed")
    return result


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


def _nothing(_: Response) -> None:
    return None


def _written_together(answer: Response) -> list[Row]:
    result = decoded(answer.content)
    parts = result.get("compositeResponse") if isinstance(result, dict) else None
    if not isinstance(parts, list):
        raise UnavailableError("salesforce", "sent something other than a composite result", code="malformed")
    refused = [code for part in parts if part["httpStatusCode"] >= 300 for code in _codes(part["body"])]
    if refused:
        # All the others say that the transaction was rolled back.
        code = next((c for c in refused if c != _HALTED), _HALTED)
        if code in PASSING:
            raise UnavailableError("salesforce", "could not do it now", code=code, sent=False)
        raise RejectedError("salesforce", "refused the call", code=code)
    return [part["body"] if isinstance(part["body"], dict) else {} for part in parts]


_HALTED = "PROCESSING_HALTED"


def _codes(body: Any) -> list[str]:
    return [str(error.get("errorCode")) for error in body if isinstance(error, dict)] if isinstance(body, list) else []
