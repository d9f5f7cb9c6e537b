"""Bulk API 2.0 query jobs: one query, its result fetched in pages that stay where they are for days.

simple-salesforce's own handler keeps the session it began with and cannot go on from a page, so the calls are made
through our session (reference §1.5, §3).
"""

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from requests import Response

from core.errors import RejectedError, SourceError, UnavailableError
from pipelines.sources.salesforce.answers import decoded, error_said
from pipelines.sources.salesforce.names import FieldNames
from pipelines.sources.salesforce.session import Session
from pipelines.sources.salesforce.times import before_request

NO_MORE = "null"
"""The locator of the last page's successor: this text."""

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_JOB_SECONDS = 4 * 3600.0


@dataclass(frozen=True)
class BulkPosition:
    """Where to go on: the page at `locator` (empty: the first) of a finished job.

    `started_at` is a moment of Salesforce's clock before the job was made, UTC: what changed before is in it. `read`
    rows came before this position, of `total` that the job found, where it says so.
    """

    job_id: str
    locator: str
    started_at: datetime
    read: int
    total: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"started_at": self.started_at.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "started_at": datetime.fromisoformat(stored["started_at"])})


@dataclass(frozen=True)
class BulkPage:
    """Rows as text, columns by our names, "" for null; and the position after them. `last`: nothing comes after."""

    rows: list[dict[str, str]]
    position: BulkPosition

    @property
    def total(self) -> int | None:
        return self.position.total

    @property
    def last(self) -> bool:
        return self.position.locator == NO_MORE


class BulkQueries:
    """Runs query jobs. `sleep` waits between two polls of a job."""

    def __init__(
        self, session: Session, names: FieldNames, poll_seconds: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._session = session
        self._names = names
        self._poll_seconds = poll_seconds
        self._sleep = sleep

    def pages(self, soql: str, page_rows: int, start: BulkPosition | None) -> Iterator[BulkPage]:
        """The pages of a job from `start` on, or of a new job; deleted records are among the rows. At least one page.

        Results are kept for seven days. A job that cannot be gone on with is run again, from its first page.

        Raises:
            RejectedError: the query is refused, or the job failed for good.
            SourceError: the job failed for what its code means, see `answers`.
        """
        page = self._first_page(soql, page_rows, start)
        yield page
        while not page.last:
            page = self._page(page.position, page_rows)
            yield page

    def _first_page(self, soql: str, page_rows: int, start: BulkPosition | None) -> BulkPage:
        if start is not None and start.locator == NO_MORE:
            return BulkPage([], start)
        if start is not None:
            with suppress(RejectedError):
                return self._page(start, page_rows)
        return self._page(self._finished_job(soql), page_rows)

    def _finished_job(self, soql: str) -> BulkPosition:
        query = self._names.query(soql)
        wanted = {
            "operation": "queryAll",
            "query": query,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        made_at, job = self._session.send("POST", "jobs/query", "bulk.create", _made_job, json=wanted)
        waited, wait = 0.0, min(_FIRST_WAIT_SECONDS, self._poll_seconds)
        while job["state"] not in {"JobComplete", "Failed", "Aborted"}:
            if waited > _LONGEST_JOB_SECONDS:
                raise UnavailableError("salesforce", "did not finish the bulk job", code=job["state"])
            self._sleep(wait)
            waited, wait = waited + wait, min(wait * 2, self._poll_seconds)
            job = self._session.send("GET", f"jobs/query/{job['id']}", "bulk.poll", _job)
        if job["state"] != "JobComplete":
            raise _job_error(job, query)
        return BulkPosition(job["id"], "", made_at, read=0, total=job.get("numberRecordsProcessed"))

    def _page(self, position: BulkPosition, page_rows: int) -> BulkPage:
        params = {"maxRecords": str(page_rows)} | ({"locator": position.locator} if position.locator else {})
        path = f"jobs/query/{position.job_id}/results"

        def read(answer: Response) -> BulkPage:
            rows = self._rows(answer)
            reached = replace(position, locator=answer.headers["Sforce-Locator"], read=position.read + len(rows))
            return BulkPage(rows, reached)

        return self._session.send("GET", path, "bulk.results", read, headers={"Accept": "text/csv"}, params=params)

    def _rows(self, answer: Response) -> list[dict[str, str]]:
        """The page's rows.

        Raises:
            UnavailableError: the page is cut or malformed, or something else that was sent in its place.
        """
        # A page of HTML is rows to a reader of CSV, and one line of it is the last page of a table without rows.
        counted = answer.headers.get("Sforce-NumberOfRecords", "")
        if not counted.isdecimal() or not answer.headers.get("Sforce-Locator"):
            raise UnavailableError("salesforce", "sent something other than a page of a bulk job", code="malformed")
        try:
            text = answer.content.decode("utf-8-sig").replace("\0", "")
            # Values may hold line ends: the parser, not the file, splits lines.
            lines = csv.reader(io.StringIO(text, newline=""), strict=True)
            header = [self._names.column(name) for name in next(lines, [])]
            rows = [dict(zip(header, line, strict=True)) for line in lines]
        except (csv.Error, ValueError) as error:
            raise UnavailableError("salesforce", "sent a malformed page of a bulk job", code="malformed") from error
        if int(counted) != len(rows):
            raise UnavailableError("salesforce", "sent part of a page of a bulk job", code="malformed")
        return rows


def _made_job(answer: Response) -> tuple[datetime, dict[str, Any]]:
    return before_request(answer), _job(answer)


def _job(answer: Response) -> dict[str, Any]:
    job = decoded(answer.content)
    named = isinstance(job, dict) and isinstance(job.get("id"), str) and isinstance(job.get("state"), str)
    if not named or not isinstance(job.get("numberRecordsProcessed"), int | None):
        raise UnavailableError("salesforce", "sent something other than a bulk job", code="malformed")
    found: dict[str, Any] = job
    return found


def _job_error(job: Mapping[str, Any], query: str) -> SourceError:
    """What the error code at the head of the job's message means; the rest may quote data."""
    head, _, text = str(job.get("errorMessage") or "").partition(":")
    code = head.strip()
    if not code.replace("_", "").isalpha():
        return RejectedError("salesforce", "did not complete the bulk job", code=str(job["state"]))
    return error_said([(code, text)], None, query)
