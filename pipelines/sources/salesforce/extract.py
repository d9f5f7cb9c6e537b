"""What to ask Salesforce, and from where: a bulk job for a large first load, a watermark from then on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.errors import IncompleteReadError
from pipelines.sources.salesforce.bulk import BulkPosition
from pipelines.sync.dataset import Page, ReadRequest


@dataclass(frozen=True)
class Query:
    """The fields of one object that we read; ids, stamps and the deletion flag come with every one."""

    object: str
    fields: tuple[str, ...]

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
        yield Page(rows=page.rows, position={"job": reached.to_json()}, expected=page.total)
        if page.last:
            if page.total is not None and reached.read < page.total:
                raise IncompleteReadError(query.object, read=reached.read, reported=page.total)
            yield _complete(reached.started_at)


def _by_stamp(query: Query, request: ReadRequest, low: datetime | None, *, total: int | None) -> Iterator[Page]:
    client = request.source.client
    started_at = client.server_time()
    condition = f" WHERE SystemModstamp >= {low:%Y-%m-%dT%H:%M:%SZ}" if low else ""
    read = 0
    resumable: dict[str, Any] = {"watermark": request.position["watermark"]} if "watermark" in request.position else {}
    for rows in client.query(query.soql(f"{condition} ORDER BY SystemModstamp, Id"), include_deleted=True):
        read += len(rows)
        if rows:
            resumable = resumable if "watermark" in resumable else {"since": _stamp(rows[-1])}
            yield Page(rows=rows, position=resumable, expected=total)
    if total is not None and low is None and read < total:
        raise IncompleteReadError(query.object, read=read, reported=total)
    yield _complete(started_at)


def _complete(known_up_to: datetime) -> Page:
    return Page(rows=(), position={"watermark": known_up_to.isoformat()}, complete=True)


def _stamp(row: dict[str, Any]) -> str:
    return datetime.fromisoformat(str(row["SystemModstamp"])).isoformat()
