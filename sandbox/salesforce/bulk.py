"""Bulk API 2.0 query jobs. Results are computed when they are asked for: a job holds its plan, not its rows."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import USER_ID, Row, instant
from sandbox.salesforce.soql.parser import parse
from sandbox.salesforce.soql.plan import Place, Plan
from sandbox.salesforce.soql.selection import csv_columns
from sandbox.world import salesforce_id

DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
MOST_ROWS = 50_000  # of a page whose caller named no maximum
KEPT = timedelta(days=7)
_FINISHED = frozenset({"JobComplete", "Aborted", "Failed"})
_RESULT_PAGES = 5


class ResultPage(NamedTuple):
    csv: bytes
    rows: int
    locator: str  # "null" on the last page


@dataclass
class Job:
    """A query job. It completes `steps` polls after its creation."""

    number: int
    operation: str
    soql: str
    version: str
    delimiter: str
    line_ending: str
    created_at: datetime
    plan: Plan
    header: list[str]
    cells: list[Callable[[Row], str]]
    steps: int
    state: str = "UploadComplete"

    @property
    def job_id(self) -> str:
        return "750" + salesforce_id("Order", self.number)[3:]


class Jobs:
    """The org's query jobs."""

    def __init__(self, org: Org, steps: int = 1) -> None:
        """`steps`: polls that still see a job at work."""
        self._org, self._steps = org, steps
        self._jobs: dict[str, Job] = {}
        self._created = 0

    def create(self, body: object, version: str) -> dict[str, object]:
        """The new job. Raises SalesforceError."""
        if not isinstance(body, dict):
            raise SalesforceError(400, "JSON_PARSER_ERROR", "The job must be an object")
        operation, soql = str(body.get("operation")), body.get("query")
        if operation not in {"query", "queryAll"} or not isinstance(soql, str):
            raise SalesforceError(400, "INVALIDJOB", "Bad operation or query")
        delimiter, ending = str(body.get("columnDelimiter", "COMMA")), str(body.get("lineEnding", "LF"))
        if delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
            raise SalesforceError(400, "INVALIDJOB", "Bad columnDelimiter or lineEnding")
        plan = self._plan(soql, include_deleted=operation == "queryAll")
        header, cells = csv_columns(plan, plan.paths)
        self._created += 1
        now = self._org.clock.now()
        job = Job(
            self._created, operation, soql, version, delimiter, ending, now, plan, header, cells, steps=self._steps
        )
        self._jobs[job.job_id] = job
        return self._document(job)

    def poll(self, job_id: str) -> dict[str, object]:
        job = self._job(job_id)
        if job.state not in _FINISHED:
            job.state = "InProgress" if job.steps > 0 else "JobComplete"
            job.steps -= 1
        processed = job.plan.count() if job.state == "JobComplete" else 0
        extra = {"jobType": "V2Query", "numberRecordsProcessed": processed, "retries": 0}
        return self._document(job) | extra | {"totalProcessingTime": 100, "isPkChunkingSupported": True}

    def results(self, job_id: str, locator: str | None, limit: int, version: str) -> ResultPage:
        """A page of a finished job's rows; the header row leads every page. Raises SalesforceError."""
        job = self._finished(job_id, version)
        offset, place = _read_locator(locator)
        if job.plan.query.limit is not None:
            limit = min(limit, max(job.plan.query.limit - offset, 0))
        cells, delimiter = job.cells, DELIMITERS[job.delimiter]
        between, end = f'"{delimiter}"', f'"{LINE_ENDINGS[job.line_ending]}'
        lines = ['"' + between.join(job.header) + end]
        rows = job.plan.rows(place)
        for reached, row in islice(rows, limit):
            place = reached
            lines.append('"' + between.join([cell(row).replace('"', '""') for cell in cells]) + end)
        count = len(lines) - 1
        more = count == limit and not self._exhausted(job, offset + count) and next(rows, None) is not None
        following = _locator(offset + count, place) if more else "null"
        return ResultPage("".join(lines).encode(errors="replace"), count, following)

    def result_pages(self, job_id: str, locator: str | None, version: str) -> dict[str, object]:
        """Where up to five pages of the results are, for reading them in parallel."""
        job, at = self._finished(job_id, version), locator
        urls: list[dict[str, str]] = []
        base = f"/services/data/v{version}/jobs/query/{job.job_id}"
        while len(urls) < _RESULT_PAGES and at != "null":
            urls.append({"resultUrl": f"{base}/results" + (f"?locator={at}" if at else "")})
            at = self.results(job_id, at, MOST_ROWS, version).locator
        done = at == "null"
        return {
            "resultPages": urls,
            "nextRecordsUrl": None if done else f"{base}/resultPages?locator={at}",
            "done": done,
        }

    def every(self) -> dict[str, object]:
        return {"done": True, "records": [self._document(job) for job in self._jobs.values()], "nextRecordsUrl": None}

    def change(self, job_id: str, body: object) -> dict[str, object]:
        """Abort a job. Raises SalesforceError."""
        job = self._job(job_id)
        if not isinstance(body, dict) or body.get("state") != "Aborted":
            raise SalesforceError(400, "INVALIDJOBSTATE", "The state can only be changed to Aborted")
        if job.state in _FINISHED:
            raise SalesforceError(400, "INVALIDJOBSTATE", f"A job in state {job.state} cannot be aborted")
        job.state = "Aborted"
        return self._document(job)

    def delete(self, job_id: str) -> None:
        """Raises SalesforceError."""
        if self._job(job_id).state not in _FINISHED:
            problem = "Error encountered when deleting the job because the job is not terminated"
            raise SalesforceError(400, "API_ERROR", problem)
        del self._jobs[self._job(job_id).job_id]

    def clear(self) -> None:
        self._jobs.clear()

    def _plan(self, soql: str, *, include_deleted: bool) -> Plan:
        query = parse(soql)
        if query.offset is not None or query.is_aggregate:
            problem = "Implementation restriction: aggregates and OFFSET are not supported by the Bulk API"
            raise SalesforceError(400, "API_ERROR", problem)
        return Plan(self._org, query, include_deleted=include_deleted)

    def _exhausted(self, job: Job, reached: int) -> bool:
        return job.plan.query.limit is not None and reached >= job.plan.query.limit

    def _job(self, job_id: str) -> Job:
        job = next((job for key, job in self._jobs.items() if key[:15] == job_id[:15]), None)
        if job is None or self._org.clock.now() - job.created_at > KEPT:
            raise not_found()
        return job

    def _finished(self, job_id: str, version: str) -> Job:
        job = self._job(job_id)
        if job.state != "JobComplete":
            raise SalesforceError(400, "INVALIDJOBSTATE", f"Results of a job in state {job.state} cannot be read")
        if job.version != version:
            raise SalesforceError(409, "API_ERROR", "The API version must be the one the job was created with")
        return job

    def _document(self, job: Job) -> dict[str, object]:
        created = instant(job.created_at)
        return {
            "id": job.job_id,
            "operation": job.operation,
            "object": job.plan.table.definition.name,
            "createdById": USER_ID,
            "createdDate": created,
            "systemModstamp": created,
            "state": job.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(job.version),
            "lineEnding": job.line_ending,
            "columnDelimiter": job.delimiter,
        }


def _locator(reached: int, place: Place | None) -> str:
    return base64.urlsafe_b64encode(json.dumps([reached, place]).encode()).decode().rstrip("=")


def _read_locator(locator: str | None) -> tuple[int, Place | None]:
    if not locator:
        return 0, None
    try:
        reached, place = json.loads(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
        return int(reached), tuple(str(part) for part in place)
    except (binascii.Error, ValueError, TypeError) as error:
        raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid locator") from error
