"""What to ask Salesforce, and from where: a bulk job for a large first load, a watermark from then on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.errors import IncompleteReadError, RejectedError, UnavailableError
from core.logging import logger
from core.settings import SalesforceSettings
from domain.common.identifiers import salesforce_id
from domain.common.vocabulary import SalesforceVocabulary
from pipelines.sources.salesforce.answers import ForgottenError, TooMuchError
from pipelines.sources.salesforce.bulk import BulkPosition
from pipelines.sources.salesforce.client import QueryPage, SalesforceClient
from pipelines.sources.salesforce.times import written
from pipelines.sync.dataset import Page, ReadRequest
from pipelines.sync.reading import batches, timed

SalesforceRequest = ReadRequest[SalesforceClient, SalesforceSettings]

log = logger(__name__)

# 18 characters, quotes and a comma each: well below the 16,384 bytes of an address (source: reference, limits).
_IDS_PER_QUERY = 300
# What getDeleted looks back at most, less an hour for clocks (source: reference, getDeleted).
_LONGEST_WINDOW = timedelta(days=15) - timedelta(hours=1)
# Both ends of getDeleted's window are cut to the minute, and it wants more than one minute between them.
_SHORTEST_WINDOW = timedelta(minutes=3)
# Of stamps in this time there are too few for a query that cannot be answered: something else is wrong.
_SHORTEST_READ = timedelta(seconds=30)


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


def changed_records(query: Query, request: SalesforceRequest) -> Iterator[Page]:
    """Records of the object touched since the watermark, deleted ones included; all of them at first.

    A first load above the threshold, or too large to be counted, is one Bulk API 2.0 job, resumed at the page where it
    stopped. Otherwise rows come by (SystemModstamp, Id), from `overlap_seconds` before the watermark: a row can become
    visible with a stamp older than others already read (source: reference, incremental extraction).
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
    try:
        total = client.count(query.count())
        if total <= settings.bulk_threshold_rows:
            since = position.get("since")
            yield from _by_stamp(query, request, datetime.fromisoformat(since) if since else None, total=total)
            return
    except TooMuchError:
        log.warning("read.too_much", object=query.object, instead="bulk job")
    yield from _bulk(query, request, None)


def _bulk(query: Query, request: SalesforceRequest, start: BulkPosition | None) -> Iterator[Page]:
    client, settings = request.source.client, request.source.settings
    for page in client.bulk_query(query.soql(), settings.bulk_page_rows, start):
        reached = page.position
        # A job's result is as old as the job; Salesforce's clock stands in for ours.
        yield Page(
            rows=page.rows, position={"job": reached.to_json()}, expected=page.total, requested_at=reached.started_at
        )
        if page.last:
            if page.total is not None and reached.read < page.total:
                raise IncompleteReadError(query.object, read=reached.read, reported=page.total)
            # Its clock may be ahead of ours, and nothing is known of what is to come.
            yield replace(_complete(reached.started_at), known_since=min(reached.started_at, request.now()))


def _by_stamp(query: Query, request: SalesforceRequest, low: datetime | None, *, total: int | None) -> Iterator[Page]:
    read, began = 0, None
    resumable: dict[str, Any] = {"watermark": request.position["watermark"]} if "watermark" in request.position else {}
    for requested_at, page in timed(_stamped(query, request, low), request.now):
        # The first page's: whatever was read after it was at least as new.
        began = began or page.began
        read += len(page.rows)
        if page.rows:
            resumable = resumable if "watermark" in resumable else {"since": _stamp(page.rows[-1]).isoformat()}
            yield Page(rows=page.rows, position=resumable, expected=total, requested_at=requested_at)
    if began is None:
        raise UnavailableError("salesforce", "sent no date with its answers", code="malformed")
    if total is not None and low is None and read < total:
        raise IncompleteReadError(query.object, read=read, reported=total)
    yield from _purged(query, request, low, began, resumable)
    yield _complete(began)


def _stamped(query: Query, request: SalesforceRequest, low: datetime | None) -> Iterator[QueryPage]:
    """The records from a stamp on, by (SystemModstamp, Id); some may come twice.

    What takes Salesforce too long is requested in halves of the time that is left, as tap-salesforce does; a cursor
    that it has thrown away is replaced by a query from the last record it brought.

    Raises:
        TooMuchError: it cannot be requested in smaller parts.
    """
    reached, width = low, None
    while True:
        end = None if reached is None or width is None else reached + width
        if end is not None and end >= request.now():
            end = None
        seen = reached
        try:
            for page in request.source.client.pages(query.soql(_between(reached, end)), include_deleted=True):
                yield page
                seen = _stamp(page.rows[-1]) if page.rows else seen
        except TooMuchError:
            if seen is None or ((end or request.now()) - seen) / 2 < _SHORTEST_READ:
                raise
            width = ((end or request.now()) - seen) / 2
            log.warning("read.too_much", object=query.object, instead=f"{width.total_seconds():.0f} s at a time")
            reached = seen
        except ForgottenError:
            if seen == reached:
                raise
            reached = seen
        else:
            if end is None:
                return
            reached, width = end, width * 2 if width else None


def _between(low: datetime | None, end: datetime | None) -> str:
    bounds = [
        *([f"SystemModstamp >= {_cut(low)}"] if low else []),
        *([f"SystemModstamp < {_cut(end)}"] if end else []),
    ]
    return f"{' WHERE ' if bounds else ''}{' AND '.join(bounds)} ORDER BY SystemModstamp, Id"


def _cut(moment: datetime) -> str:
    """Both ends of a part of the time are cut alike, so that no record falls between two parts."""
    return written(moment.replace(microsecond=0))


def _purged(
    query: Query, request: SalesforceRequest, low: datetime | None, now: datetime, position: dict[str, Any]
) -> Iterator[Page]:
    """Records deleted since `low` that not even queryAll shows any more; nothing to look for on a first read."""
    if low is None:
        return
    since = max(min(low, now - _SHORTEST_WINDOW), now - _LONGEST_WINDOW)
    # `now` may be a second or two early, and the end is cut to the minute: two past it miss none of this minute.
    for ids in _deleted(query, request, since, now + timedelta(minutes=2)):
        for requested_at, (found, missing) in timed(_by_id(query, request, ids), request.now):
            yield Page(rows=found, position=position, gone=missing, requested_at=requested_at)


def _deleted(query: Query, request: SalesforceRequest, since: datetime, until: datetime) -> Iterator[Sequence[str]]:
    """Ids of deleted records, by parts of the time where there are too many for one answer.

    Where Salesforce keeps no log that reaches back so far, or there are too many even in a few minutes, they are left
    to the nightly comparison, which asks for every record: what changed is read all the same.
    """
    try:
        ids, _ = request.source.client.deleted(query.object, since, until)
    except (ForgottenError, TooMuchError) as error:
        if isinstance(error, TooMuchError) and until - since > 2 * _SHORTEST_WINDOW:
            middle = since + (until - since) / 2
            yield from _deleted(query, request, since, middle + timedelta(minutes=1))
            yield from _deleted(query, request, middle, until)
            return
        log.warning("deletions.left_to_reconcile", object=query.object, since=since.isoformat(), code=error.code)
        return
    yield ids


def chosen_records(query: Query, request: SalesforceRequest) -> Iterator[Page]:
    """The records of a selection, deleted ones included; those that Salesforce has no trace of are gone.

    Raises:
        RejectedError: what is wanted is no id of Salesforce.
    """
    query = query.for_org(request.source.vocabulary)
    records, owners = request.only.records, request.only.owners if query.owner else frozenset[str]()
    if query.owner == "Id":  # An account is its own owner; only what is requested by its id is found to be gone.
        records, owners = records | owners, frozenset()
    ids = sorted(_checked(record) for record in records)
    for requested_at, (found, missing) in timed(_by_id(query, request, ids), request.now):
        yield Page(rows=found, position={}, gone=missing, requested_at=requested_at)
    for some in batches(sorted(owners), _IDS_PER_QUERY):
        for requested_at, rows in timed(_matching(query, request, str(query.owner), some), request.now):
            yield Page(rows=rows, position={}, requested_at=requested_at)


def _by_id(
    query: Query, request: SalesforceRequest, ids: Sequence[str]
) -> Iterator[tuple[list[dict[str, Any]], tuple[str, ...]]]:
    """What there is of some records, and the ids of those that there are not."""
    for some in batches(ids, _IDS_PER_QUERY):
        rows = [row for page in _matching(query, request, "Id", some) for row in page]
        there = {salesforce_id(str(row["Id"])) for row in rows}
        yield rows, tuple(each for each in some if each not in there)


def _matching(
    query: Query, request: SalesforceRequest, field: str, ids: Sequence[str]
) -> Iterator[list[dict[str, Any]]]:
    """Records whose field holds one of the ids, requested by half of the ids where Salesforce cannot; some twice."""
    try:
        yield from request.source.client.query(query.soql(f" WHERE {field} IN ({_quoted(ids)})"))
    except TooMuchError:
        if len(ids) == 1:
            raise
        middle = len(ids) // 2
        yield from _matching(query, request, field, ids[:middle])
        yield from _matching(query, request, field, ids[middle:])


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


def _stamp(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(row["SystemModstamp"]))
