"""What to ask Salesforce, and from where: a bulk job for a large first load, a watermark from then on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.errors import IncompleteReadError, RejectedError
from domain.common.identifiers import salesforce_id
from domain.common.vocabulary import SalesforceVocabulary
from pipelines.sources.salesforce.bulk import BulkPosition
from pipelines.sync.dataset import Page, ReadRequest
from pipelines.sync.reading import asked, batches

# 18 characters, quotes and a comma each: well below the 16,384 bytes of an address (source: reference, limits).
_IDS_PER_QUERY = 300
# What getDeleted looks back at most, less an hour for clocks (source: reference, getDeleted).
_LONGEST_LOOK_BACK = timedelta(days=15) - timedelta(hours=1)
# Both ends of getDeleted's window are cut to the minute, and it wants more than one minute between them.
_SHORTEST_WINDOW = timedelta(minutes=3)


@dataclass(frozen=True)
class Query:
    """The fields of one object that we read; ids, stamps and the deletion flag come with every one.

    `owner` is the field that names the account a record belongs to, where it has one. `has_amounts`: in an org with
    several currencies each record names the one of its amounts; other orgs refuse a query that asks for it.
    """

    object: str
    fields: tuple[str, ...]
    owner: str | None = None
    has_amounts: bool = False

    def for_org(self, words: SalesforceVocabulary) -> "Query":
        """The query as that org takes it."""
        names_currency = self.has_amounts and words.multi_currency
        return replace(self, fields=(*self.fields, "CurrencyIsoCode")) if names_currency else self

    def soql(self, condition: str = "") -> str:
        return f"SELECT Id, IsDeleted, SystemModstamp, {', '.join(self.fields)} FROM {self.object}{condition}"  # noqa: S608 - SOQL of our own constants

    def count(self) -> str:
        return f"SELECT COUNT() FROM {self.object}"  # noqa: S608 - SOQL of our own constants


def changed_records(query: Query, request: ReadRequest) -> Iterator[Page]:
    """Records of the object touched since the watermark, deleted ones included; all of them at first.

    A first load above the threshold is one Bulk API 2.0 job, resumed at the page where it stopped. Otherwise rows
    come by (SystemModstamp, Id), from `overlap_seconds` before the watermark: a row can become visible with a stamp
    older than others already read (source: reference, incremental extraction).
    """
    position = request.position
    client, settings = request.source.client, request.source.settings
    query = query.for_org(settings.vocabulary)
    if "job" in position:
        yield from _bulk(query, request, BulkPosition.from_json(position["job"]))
        return
    if "watermark" in position:
        low = datetime.fromisoformat(position["watermark"]) - timedelta(seconds=settings.overlap_seconds)
        yield from _by_stamp(query, request, low, total=None)
        return
    total = client.count(query.count())
    if total > settings.bulk_threshold_rows:
        yield from _bulk(query, request, None)
    else:
        since = position.get("since")
        yield from _by_stamp(query, request, datetime.fromisoformat(since) if since else None, total=total)


def _bulk(query: Query, request: ReadRequest, start: BulkPosition | None) -> Iterator[Page]:
    client, settings = request.source.client, request.source.settings
    for page in client.bulk_query(query.soql(), settings.bulk_page_rows, start):
        reached = page.position
        # A job's result is as old as the job; Salesforce's clock stands in for ours.
        yield Page(
            rows=page.rows, position={"job": reached.to_json()}, expected=page.total, asked_at=reached.started_at
        )
        if page.last:
            if page.total is not None and reached.read < page.total:
                raise IncompleteReadError(query.object, read=reached.read, reported=page.total)
            # Its clock may be ahead of ours, and nothing is known of what is to come.
            yield replace(_complete(reached.started_at), known_since=min(reached.started_at, request.now()))


def _by_stamp(query: Query, request: ReadRequest, low: datetime | None, *, total: int | None) -> Iterator[Page]:
    client = request.source.client
    started_at = client.server_time()
    condition = f" WHERE SystemModstamp >= {low:%Y-%m-%dT%H:%M:%SZ}" if low else ""
    read = 0
    resumable: dict[str, Any] = {"watermark": request.position["watermark"]} if "watermark" in request.position else {}
    found = client.query(query.soql(f"{condition} ORDER BY SystemModstamp, Id"), include_deleted=True)
    for asked_at, rows in asked(found, request.now):
        read += len(rows)
        if rows:
            resumable = resumable if "watermark" in resumable else {"since": _stamp(rows[-1])}
            yield Page(rows=rows, position=resumable, expected=total, asked_at=asked_at)
    if total is not None and low is None and read < total:
        raise IncompleteReadError(query.object, read=read, reported=total)
    yield from _purged(query, request, low, started_at, resumable)
    yield _complete(started_at)


def _purged(
    query: Query, request: ReadRequest, low: datetime | None, now: datetime, position: dict[str, Any]
) -> Iterator[Page]:
    """Records deleted since `low` that not even queryAll shows any more; nothing to look for on a first read."""
    if low is None:
        return
    since = max(min(low, now - _SHORTEST_WINDOW), now - _LONGEST_LOOK_BACK)
    ids, _ = request.source.client.deleted(query.object, since, now + timedelta(minutes=1))
    for asked_at, (found, missing) in asked(_by_id(query, request, ids), request.now):
        yield Page(rows=found, position=position, gone=missing, asked_at=asked_at)


def chosen_records(query: Query, request: ReadRequest) -> Iterator[Page]:
    """The records of a selection, deleted ones included; those that Salesforce has no trace of are gone.

    Raises:
        RejectedError: what is wanted is no id of Salesforce.
    """
    query = query.for_org(request.source.vocabulary)
    records = sorted(_checked(record) for record in request.only.records)
    for asked_at, (found, missing) in asked(_by_id(query, request, records), request.now):
        yield Page(rows=found, position={}, gone=missing, asked_at=asked_at)
    owners = sorted(request.only.owners) if query.owner else ()
    for some in batches(owners, _IDS_PER_QUERY):
        condition = f" WHERE {query.owner} IN ({_quoted(some)})"
        for asked_at, rows in asked(request.source.client.query(query.soql(condition)), request.now):
            yield Page(rows=rows, position={}, asked_at=asked_at)


def _by_id(
    query: Query, request: ReadRequest, ids: Sequence[str]
) -> Iterator[tuple[list[dict[str, Any]], tuple[str, ...]]]:
    """What there is of some records, and the ids of those that there are not."""
    for some in batches(ids, _IDS_PER_QUERY):
        found = request.source.client.query(query.soql(f" WHERE Id IN ({_quoted(some)})"))
        rows = [row for page in found for row in page]
        there = {salesforce_id(str(row["Id"])) for row in rows}
        yield rows, tuple(each for each in some if each not in there)


def _checked(record: str) -> str:
    try:
        return salesforce_id(record)
    except ValueError as error:
        raise RejectedError("salesforce", "has no ids of that form", code="MALFORMED_ID") from error


def _quoted(ids: Sequence[str]) -> str:
    """Ids as SOQL texts: letters and digits, or they are refused."""
    return ",".join(f"'{_checked(each)}'" for each in ids)


def _complete(known_up_to: datetime) -> Page:
    return Page(rows=(), position={"watermark": known_up_to.isoformat()}, complete=True)


def _stamp(row: dict[str, Any]) -> str:
    return datetime.fromisoformat(str(row["SystemModstamp"])).isoformat()
