"""Bulk API 2.0 ingest jobs: records written from CSV ("Create a Job", "Upload Job Data", "Get Job Successful ...")."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.salesforce.bulk import DELIMITERS, LINE_ENDINGS
from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.org import Org
from sandbox.salesforce.records import Records
from sandbox.salesforce.rows import USER_ID, instant
from sandbox.salesforce.schema import SObject
from sandbox.world import salesforce_id

OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
_FINISHED = frozenset({"JobComplete", "Aborted", "Failed"})
_FIRST_NUMBER = 500_000  # apart from the numbers of query jobs
Cells = dict[str, str]
Document = dict[str, object]


@dataclass
class Job:
    """An ingest job. Its rows are written when the upload is complete; it says so one poll later."""

    number: int
    definition: SObject
    operation: str
    key: str | None
    version: str
    delimiter: str
    line_ending: str
    created_at: datetime
    state: str = "Open"
    columns: list[str] = field(default_factory=list)
    waiting: list[Cells] = field(default_factory=list)
    written: list[tuple[str, bool, Cells]] = field(default_factory=list)  # id, whether it was created, the row
    failed: list[tuple[str, str, Cells]] = field(default_factory=list)  # id, why, the row

    @property
    def job_id(self) -> str:
        return "750" + salesforce_id("Order", self.number)[3:]


class Ingest:
    """The org's ingest jobs. Every method raises SalesforceError."""

    def __init__(self, org: Org, records: Records) -> None:
        self._org, self._records = org, records
        self._jobs: dict[str, Job] = {}
        self._created = 0

    def create(self, body: object, version: str) -> Document:
        if not isinstance(body, dict):
            raise SalesforceError(400, "JSON_PARSER_ERROR", "The job must be an object")
        operation, key = str(body.get("operation")), body.get("externalIdFieldName")
        definition = self._org.table(str(body.get("object"))).definition
        if operation not in OPERATIONS or (operation == "upsert" and not key):
            raise SalesforceError(400, "INVALIDJOB", "Bad operation, or an upsert without externalIdFieldName")
        delimiter, ending = str(body.get("columnDelimiter", "COMMA")), str(body.get("lineEnding", "LF"))
        if delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
            raise SalesforceError(400, "INVALIDJOB", "Bad columnDelimiter or lineEnding")
        self._created += 1
        job = Job(
            _FIRST_NUMBER + self._created,
            definition,
            operation,
            str(key) if key else None,
            version,
            delimiter,
            ending,
            self._org.clock.now(),
        )
        self._jobs[job.job_id] = job
        return self._document(job)

    def upload(self, job_id: str, body: object) -> None:
        job = self._job(job_id)
        if job.state != "Open" or job.columns or not isinstance(body, bytes):
            raise SalesforceError(
                400, "INVALIDJOBSTATE", f"A job in state {job.state} takes no data, or has it already"
            )
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig")), delimiter=DELIMITERS[job.delimiter])
        job.columns, job.waiting = list(reader.fieldnames or ()), list(reader)

    def change(self, job_id: str, body: object) -> Document:
        job, wanted = self._job(job_id), body.get("state") if isinstance(body, dict) else None
        if wanted not in {"UploadComplete", "Aborted"} or job.state != "Open":
            raise SalesforceError(400, "INVALIDJOBSTATE", f"A job in state {job.state} cannot become {wanted}")
        job.state = str(wanted)
        return self._document(job)

    def poll(self, job_id: str) -> Document:
        job = self._job(job_id)
        if job.state == "InProgress":
            job.state = "JobComplete"
        if job.state == "UploadComplete":
            job.state = "InProgress"
            self._process(job)
        done = {"numberRecordsProcessed": len(job.written) + len(job.failed), "numberRecordsFailed": len(job.failed)}
        return self._document(job) | {"jobType": "V2Ingest", "retries": 0, "totalProcessingTime": 100, **done}

    def successful(self, job_id: str) -> bytes:
        job = self._job(job_id)
        rows = [[record_id, str(created).lower(), *_cells(job, row)] for record_id, created, row in job.written]
        return self._csv(job, ["sf__Id", "sf__Created"], rows)

    def failed(self, job_id: str) -> bytes:
        job = self._job(job_id)
        rows = [[record_id, why, *_cells(job, row)] for record_id, why, row in job.failed]
        return self._csv(job, ["sf__Id", "sf__Error"], rows)

    def unprocessed(self, job_id: str) -> bytes:
        job = self._job(job_id)
        return self._csv(job, [], [_cells(job, row) for row in job.waiting])

    def every(self) -> Document:
        return {"done": True, "records": [self._document(job) for job in self._jobs.values()], "nextRecordsUrl": None}

    def delete(self, job_id: str) -> None:
        job = self._job(job_id)
        if job.state not in _FINISHED:
            problem = "Error encountered when deleting the job because the job is not terminated"
            raise SalesforceError(400, "API_ERROR", problem)
        del self._jobs[job.job_id]

    def clear(self) -> None:
        self._jobs.clear()

    # -- the work ---------------------------------------------------------------------------------------------------
    def _process(self, job: Job) -> None:
        write = self._writer(job)
        for row in job.waiting:
            record_id = next((value for name, value in row.items() if name.lower() == "id"), "")
            try:
                job.written.append((*write(row, record_id), row))
            except SalesforceError as error:
                job.failed.append((record_id, f"{error.code}:{error.message}:{' '.join(error.fields) or '--'}", row))
        job.waiting = []

    def _writer(self, job: Job) -> Callable[[Cells, str], tuple[str, bool]]:
        """What writes a row, given its Id, and answers with the record's id and whether it is new."""
        kind = job.definition.name

        def insert(row: Cells, _: str) -> tuple[str, bool]:
            return self._records.create(kind, _fields(row)), True

        def update(row: Cells, record_id: str) -> tuple[str, bool]:
            self._records.change(kind, record_id, _fields(row))
            return record_id, False

        def upsert(row: Cells, _: str) -> tuple[str, bool]:
            key = str(job.key)
            value = next((given for name, given in row.items() if name.lower() == key.lower()), "")
            done = self._records.upsert(kind, key, value, {n: v for n, v in _fields(row).items() if n != key})
            return done.record_id, done.created

        def delete(_: Cells, record_id: str) -> tuple[str, bool]:
            self._records.delete(kind, record_id)
            return record_id, False

        return {"insert": insert, "update": update, "upsert": upsert}.get(job.operation, delete)

    def _csv(self, job: Job, own: list[str], rows: list[list[str]]) -> bytes:
        text = io.StringIO()
        ending = LINE_ENDINGS[job.line_ending]
        writer = csv.writer(text, delimiter=DELIMITERS[job.delimiter], lineterminator=ending, quoting=csv.QUOTE_ALL)
        writer.writerows([own + job.columns, *rows])
        return text.getvalue().encode()

    def _job(self, job_id: str) -> Job:
        job = next((job for key, job in self._jobs.items() if key[:15] == job_id[:15]), None)
        if job is None:
            raise not_found()
        return job

    def _document(self, job: Job) -> Document:
        created = instant(job.created_at)
        return {
            "id": job.job_id,
            "operation": job.operation,
            "object": job.definition.name,
            "createdById": USER_ID,
            "createdDate": created,
            "systemModstamp": created,
            "state": job.state,
            "externalIdFieldName": job.key,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(job.version),
            "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.job_id}/batches",
            "lineEnding": job.line_ending,
            "columnDelimiter": job.delimiter,
        }


def _cells(job: Job, row: Cells) -> list[str]:
    return [row.get(name) or "" for name in job.columns]


def _fields(row: Cells) -> Document:
    """The fields that a row writes: an empty cell leaves one as it is, `#N/A` empties it."""
    named = {name: value for name, value in row.items() if name.lower() != "id" and value}
    return {name: None if value == "#N/A" else value for name, value in named.items()}
