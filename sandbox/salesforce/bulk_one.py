"""Bulk API 1.0 queries, which older clients still use: a job, batches of one statement each, their results as CSV.

Source: "Bulk API and Bulk API 2.0 Developer Guide", part Bulk API: "Create a Job", "Add a Batch to a Job", "Get
Information for a Batch", "Get Batch Results"; errors are `exceptionCode` and `exceptionMessage`, not REST's arrays.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from sandbox.asgi import Request, Response, json_response
from sandbox.salesforce import versions
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import USER_ID, instant
from sandbox.salesforce.sessions import Sessions
from sandbox.salesforce.soql.parser import parse
from sandbox.salesforce.soql.plan import Plan
from sandbox.salesforce.soql.selection import csv_columns
from sandbox.world import salesforce_id

PREFIX = "/services/async/"
_PATH = re.compile(r"/services/async/(\d{1,3}\.\d)/job(?:/(\w+))?(/batch)?(?:/(\w+))?(/result)?(?:/(\w+))?")
_NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
_FIRST_NUMBER = 700_000  # apart from the numbers of Bulk API 2.0 jobs
Info = dict[str, object]


@dataclass
class Job:
    job_id: str
    operation: str
    kind: str
    version: str
    created_at: datetime
    state: str = "Open"
    batches: dict[str, str] = field(default_factory=dict)  # the statement by the batch's id


class BulkError(Exception):
    """A refusal in the form of this API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class BulkOne:
    """The org's Bulk API 1.0 jobs."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self._org, self._sessions = org, sessions
        self._jobs: dict[str, Job] = {}
        self._created = 0

    def answer(self, request: Request) -> Response:
        """XML, or JSON to a caller that sent JSON; results are CSV."""
        as_json = "json" in request.headers.get("content-type", "")
        try:
            return self._answer(request, as_json=as_json)
        except BulkError as error:
            return self._told("error", {"exceptionCode": error.code, "exceptionMessage": error.message}, as_json, 400)
        except SalesforceError as error:
            answer: Info = {"exceptionCode": error.code, "exceptionMessage": error.message}
            return self._told("error", answer, as_json, error.status)

    def clear(self) -> None:
        self._jobs.clear()

    def _answer(self, request: Request, *, as_json: bool) -> Response:
        try:
            self._sessions.use(f"Bearer {request.headers.get('x-sfdc-session', '')}")
        except SalesforceError as error:
            raise BulkError("InvalidSessionId", "Invalid session id") from error
        match = _PATH.fullmatch(request.path.rstrip("/"))
        if match is None:
            raise BulkError("InvalidUrl", f"Destination URL not recognized: {request.path}")
        version, job_id, batches, batch, results, result = match.groups()
        versions.check(version)
        posts = request.method == "POST"
        if job_id is None:
            return self._told("jobInfo", self._create(_fields(request, as_json=as_json), version), as_json, 201)
        job = self._job(job_id)
        if batch or batches:
            return self._of_batches(job, batch, results, result, soql=request.body if posts else None)
        if posts:
            self._change(job, str(_fields(request, as_json=as_json).get("state")))
        return self._told("jobInfo", self._info(job), as_json)

    def _of_batches(
        self, job: Job, batch: str | None, results: str | None, result: str | None, *, soql: bytes | None
    ) -> Response:
        """What lies below a job: its batches and their results; `soql`: a batch to add."""
        if batch and result:
            return self._result(job, batch)
        if results:
            # One result a batch, and it has the batch's number.
            listed = f"<result>{batch}</result>"
            return _xml(f'<result-list xmlns="{_NAMESPACE}">{listed}</result-list>')
        if batch:
            return self._told("batchInfo", self._batch(job, batch), as_json=False)
        if soql is not None:
            return self._told("batchInfo", self._add(job, soql.decode("utf-8", "replace")), as_json=False)
        infos = "".join(_element("batchInfo", self._batch(job, each)) for each in job.batches)
        return _xml(f'<batchInfoList xmlns="{_NAMESPACE}">{infos}</batchInfoList>')

    def _create(self, asked: Info, version: str) -> Info:
        operation = str(asked.get("operation"))
        if operation not in {"query", "queryAll"} or asked.get("contentType", "CSV") != "CSV":
            raise BulkError("FeatureNotEnabled", "Here this API only queries, and answers with CSV")
        kind = self._org.table(str(asked.get("object"))).definition.name
        self._created += 1
        job_id = "750" + salesforce_id("Order", _FIRST_NUMBER + self._created)[3:]
        self._jobs[job_id] = Job(job_id, operation, kind, version, self._org.clock.now())
        return self._info(self._jobs[job_id])

    def _change(self, job: Job, state: str) -> None:
        if state not in {"Closed", "Aborted"} or job.state != "Open":
            raise BulkError("InvalidJobState", f"A job in state {job.state} cannot become {state}")
        job.state = state

    def _add(self, job: Job, soql: str) -> Info:
        if job.state != "Open":
            raise BulkError("InvalidJobState", f"A job in state {job.state} takes no batch")
        batch = "751" + salesforce_id("Order", _FIRST_NUMBER + self._created * 100 + len(job.batches))[3:]
        job.batches[batch] = soql
        return self._batch(job, batch) | {"state": "Queued"}

    def _batch(self, job: Job, batch: str) -> Info:
        """A batch is done as soon as it is asked for; a statement that is wrong is said here, not when it is added."""
        if batch not in job.batches:
            raise BulkError("InvalidBatch", f"Unable to find batch {batch}")
        now = instant(job.created_at)
        info: Info = {"id": batch, "jobId": job.job_id, "createdDate": now, "systemModstamp": now}
        try:
            plan = self._plan(job, batch)
        except SalesforceError as error:
            failed = f"InvalidBatch : Failed to process query: {error.code}: {error.message}"
            return info | {"state": "Failed", "stateMessage": failed, "numberRecordsProcessed": 0}
        return info | {"state": "Completed", "numberRecordsProcessed": plan.count()}

    def _plan(self, job: Job, batch: str) -> Plan:
        query = parse(job.batches[batch])
        if query.is_aggregate or query.offset is not None:
            raise SalesforceError(400, "FeatureNotEnabled", "aggregates and OFFSET are not supported")
        plan = Plan(self._org, query, include_deleted=job.operation == "queryAll")
        csv_columns(plan, plan.paths)
        return plan

    def _result(self, job: Job, batch: str) -> Response:
        plan = self._plan(job, batch)
        header, cells = csv_columns(plan, plan.paths)
        rows = [[cell(row).replace('"', '""') for cell in cells] for _, row in plan.window()]
        lines = [f'"{quoted}"\n' for quoted in ('","'.join(row) for row in [header, *rows])]
        return Response("".join(lines).encode(errors="replace"), 200, "text/csv; charset=UTF-8")

    def _job(self, job_id: str) -> Job:
        job = next((job for key, job in self._jobs.items() if key[:15] == job_id[:15]), None)
        if job is None:
            raise BulkError("InvalidJob", f"Unable to find job {job_id}")
        return job

    def _info(self, job: Job) -> Info:
        now, count = instant(job.created_at), len(job.batches)
        return {
            "id": job.job_id,
            "operation": job.operation,
            "object": job.kind,
            "createdById": USER_ID,
            "createdDate": now,
            "systemModstamp": now,
            "state": job.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "numberBatchesCompleted": count,
            "numberBatchesTotal": count,
            "apiVersion": float(job.version),
        }

    def _told(self, name: str, info: Info, as_json: bool, status: int = 200) -> Response:
        return json_response(info, status) if as_json else _xml(_element(name, info, _NAMESPACE), status)


def _fields(request: Request, *, as_json: bool) -> Info:
    try:
        if as_json:
            return dict(json.loads(request.body))
        # The sandbox listens to its own machine.
        return {each.tag.rpartition("}")[2]: each.text for each in ET.fromstring(request.body)}  # noqa: S314
    except (ET.ParseError, ValueError, TypeError) as error:
        raise BulkError("InvalidJob", "Unable to parse Job") from error


def _element(name: str, info: Info, namespace: str = "") -> str:
    inner = "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in info.items())
    return f'<{name} xmlns="{namespace}">{inner}</{name}>' if namespace else f"<{name}>{inner}</{name}>"


def _xml(body: str, status: int = 200) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode(), status, "application/xml")
