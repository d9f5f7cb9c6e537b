"""The REST resources below /services/data/vXX.X (salesforce.md, section 2.1)."""

from sandbox.salesforce.bulk import MOST_ROWS, Jobs
from sandbox.salesforce.calls import Answer, RestCall, Routes
from sandbox.salesforce.composite import batch, compose, graphs
from sandbox.salesforce.cursors import Cursors, batch_size
from sandbox.salesforce.describe import basic_information, described, described_globally
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ingest import Ingest
from sandbox.salesforce.limits import Usage
from sandbox.salesforce.org import Org
from sandbox.salesforce.record_collections import Collections
from sandbox.salesforce.records import Records
from sandbox.salesforce.replication import deleted, updated
from sandbox.salesforce.sobject_tree import planted

DENIED_QUIRK = "salesforce.denied_resources"  # state.quirks: "limits jobs ...", what the user has no permission for
_RESOURCES = ("query", "queryAll", "sobjects", "composite", "limits", "jobs", "recent")


class Rest:
    """Answers calls to the org's data."""

    def __init__(self, org: Org, usage: Usage) -> None:
        self._org, self._usage = org, usage
        self._cursors, self._jobs, self._records = Cursors(org), Jobs(org), Records(org)
        self._collections = Collections(org, self._records)
        self._ingest = Ingest(org, self._records)
        self._routes = self._table_of_routes()

    def answer(self, call: RestCall) -> Answer:
        """Raises SalesforceError."""
        denied = self._org.state.quirks.get(DENIED_QUIRK)
        if denied and call.path.partition("/")[0].lower() in denied.lower().split():
            raise SalesforceError(403, "INSUFFICIENT_ACCESS", "You don't have permission to view this resource.")
        handler, names = self._routes.find(call)
        return handler(call, **names)

    def clear(self) -> None:
        """Forgets open queries and jobs."""
        self._cursors.clear()
        self._jobs.clear()
        self._ingest.clear()

    def _table_of_routes(self) -> Routes:
        routes = Routes()
        record, keyed = "sobjects/{kind}/{record_id}", "sobjects/{kind}/{key}/{value}"
        collection = "composite/sobjects"
        for method, path, handler in (
            ("GET", "", self._index),
            ("GET", "query", self._query),
            ("GET", "queryall", self._query_all),
            ("GET", "query/{locator}", self._more),
            ("GET", "queryall/{locator}", self._more),
            ("GET", "limits", lambda _: Answer(self._usage.limits())),
            ("POST", "jobs/query", lambda call: Answer(self._jobs.create(call.json(), call.version))),
            ("GET", "jobs/query", lambda _: Answer(self._jobs.every())),
            ("GET", "jobs/query/{job}", lambda _, job: Answer(self._jobs.poll(job))),
            ("PATCH", "jobs/query/{job}", lambda call, job: Answer(self._jobs.change(job, call.json()))),
            ("DELETE", "jobs/query/{job}", self._delete_job),
            ("GET", "jobs/query/{job}/results", self._results),
            ("GET", "jobs/query/{job}/resultpages", self._result_pages),
            ("POST", "jobs/ingest", lambda call: Answer(self._ingest.create(call.json(), call.version))),
            ("GET", "jobs/ingest", lambda _: Answer(self._ingest.every())),
            ("GET", "jobs/ingest/{job}", lambda _, job: Answer(self._ingest.poll(job))),
            ("PUT", "jobs/ingest/{job}/batches", self._upload),
            ("PATCH", "jobs/ingest/{job}", lambda call, job: Answer(self._ingest.change(job, call.json()))),
            ("DELETE", "jobs/ingest/{job}", self._delete_ingest),
            ("GET", "jobs/ingest/{job}/successfulresults", lambda _, job: Answer(self._ingest.successful(job))),
            ("GET", "jobs/ingest/{job}/failedresults", lambda _, job: Answer(self._ingest.failed(job))),
            ("GET", "jobs/ingest/{job}/unprocessedrecords", lambda _, job: Answer(self._ingest.unprocessed(job))),
            ("POST", "composite", lambda call: compose(call.json(), self._org.state, self.answer)),
            ("POST", "composite/graph", lambda call: graphs(call.json(), self._org.state, self.answer)),
            ("POST", "composite/batch", lambda call: batch(call.json(), self.answer)),
            ("GET", collection + "/{kind}", self._read_several),
            ("POST", collection + "/{kind}", self._read_several),
            ("GET", "recent", lambda _: Answer([])),
            ("POST", "composite/tree/{kind}", self._plant),
            ("POST", collection, lambda call: Answer(self._collections.create(call.json()))),
            ("PATCH", collection, lambda call: Answer(self._collections.update(call.json()))),
            ("DELETE", collection, self._delete_several),
            ("PATCH", collection + "/{kind}/{key}", self._upsert_several),
            ("GET", "sobjects", lambda call: Answer(described_globally(call.version))),
            ("GET", "sobjects/{kind}", self._information),
            ("POST", "sobjects/{kind}", self._create),
            ("GET", "sobjects/{kind}/describe", self._describe),
            ("GET", "sobjects/{kind}/updated", self._updated),
            ("GET", "sobjects/{kind}/deleted", self._deleted),
            ("GET", record, self._read),
            ("PATCH", record, self._change),
            ("DELETE", record, self._delete),
            ("GET", keyed, self._read_by_key),
            ("PATCH", keyed, self._upsert),
            ("DELETE", keyed, self._delete_by_key),
        ):
            routes.add(method, path, handler)
        return routes

    def _index(self, call: RestCall) -> Answer:
        return Answer({name: f"/services/data/v{call.version}/{name}" for name in _RESOURCES})

    # -- queries --------------------------------------------------------------------------------------------------
    def _query(self, call: RestCall, *, include_deleted: bool = False) -> Answer:
        if call.query.get("explain"):
            return Answer(self._cursors.explain(call.query["explain"]))
        if not call.query.get("q"):
            raise SalesforceError(400, "MALFORMED_QUERY", "A query string has to be specified")
        size = batch_size(call.headers.get("sforce-query-options"), self._org.state.quirks)
        return Answer(self._cursors.query(call.query["q"], call.version, size, include_deleted=include_deleted))

    def _query_all(self, call: RestCall) -> Answer:
        return self._query(call, include_deleted=True)

    def _more(self, call: RestCall, locator: str) -> Answer:
        size = batch_size(call.headers.get("sforce-query-options"), self._org.state.quirks)
        return Answer(self._cursors.more(locator, call.version, size))

    # -- query jobs -----------------------------------------------------------------------------------------------
    def _results(self, call: RestCall, job: str) -> Answer:
        limit = call.query.get("maxRecords", str(MOST_ROWS))
        if not limit.isdigit() or int(limit) < 1:
            raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "maxRecords must be a positive number")
        page = self._jobs.results(job, call.query.get("locator"), int(limit), call.version)
        headers = {"Sforce-NumberOfRecords": str(page.rows), "Sforce-Locator": page.locator}
        return Answer(page.csv, headers=headers)

    def _result_pages(self, call: RestCall, job: str) -> Answer:
        return Answer(self._jobs.result_pages(job, call.query.get("locator"), call.version))

    def _delete_job(self, _: RestCall, job: str) -> Answer:
        self._jobs.delete(job)
        return Answer(status=204)

    # -- ingest jobs ----------------------------------------------------------------------------------------------
    def _upload(self, call: RestCall, job: str) -> Answer:
        self._ingest.upload(job, call.body)
        return Answer(status=201)

    def _delete_ingest(self, _: RestCall, job: str) -> Answer:
        self._ingest.delete(job)
        return Answer(status=204)

    # -- objects and records --------------------------------------------------------------------------------------
    def _information(self, call: RestCall, kind: str) -> Answer:
        return Answer(basic_information(self._org.table(kind).definition, call.version))

    def _describe(self, call: RestCall, kind: str) -> Answer:
        return Answer(described(self._org, self._org.table(kind).definition, call.version))

    def _updated(self, call: RestCall, kind: str) -> Answer:
        return Answer(updated(self._org, kind, call.query.get("start"), call.query.get("end")))

    def _deleted(self, call: RestCall, kind: str) -> Answer:
        return Answer(deleted(self._org, kind, call.query.get("start"), call.query.get("end")))

    def _create(self, call: RestCall, kind: str) -> Answer:
        record_id = self._records.create(kind, call.json())
        location = f"/services/data/v{call.version}/sobjects/{self._org.table(kind).definition.name}/{record_id}"
        return Answer({"id": record_id, "success": True, "errors": []}, 201, {"Location": location})

    def _read(self, call: RestCall, kind: str, record_id: str) -> Answer:
        fields = call.query["fields"].split(",") if call.query.get("fields") else None
        return Answer(self._records.read(kind, record_id, fields, call.version))

    def _change(self, call: RestCall, kind: str, record_id: str) -> Answer:
        self._records.change(kind, record_id, call.json())
        return Answer(status=204)

    def _delete(self, _: RestCall, kind: str, record_id: str) -> Answer:
        self._records.delete(kind, record_id)
        return Answer(status=204)

    def _read_by_key(self, call: RestCall, kind: str, key: str, value: str) -> Answer:
        return self._read(call, kind, self._records.one_by_key(kind, key, value))

    def _delete_by_key(self, call: RestCall, kind: str, key: str, value: str) -> Answer:
        return self._delete(call, kind, self._records.one_by_key(kind, key, value))

    def _upsert(self, call: RestCall, kind: str, key: str, value: str) -> Answer:
        update_only = call.query.get("updateOnly", "").lower() == "true"
        done = self._records.upsert(kind, key, value, call.json(), update_only=update_only)
        body = {"id": done.record_id, "success": True, "errors": [], "created": done.created}
        if not done.created and float(call.version) < 46:
            return Answer(status=204)
        return Answer(body, 201 if done.created else 200)

    def _plant(self, call: RestCall, kind: str) -> Answer:
        return planted(self._org, self._records, kind, call.json())

    # -- collections ----------------------------------------------------------------------------------------------
    def _delete_several(self, call: RestCall) -> Answer:
        all_or_none = call.query.get("allOrNone", "").lower() == "true"
        return Answer(self._collections.delete(call.query.get("ids", ""), all_or_none=all_or_none))

    def _read_several(self, call: RestCall, kind: str) -> Answer:
        asked: object = (
            call.json() if call.method == "POST" else {n: call.query.get(n, "").split(",") for n in call.query}
        )
        if not isinstance(asked, dict):
            raise SalesforceError(400, "JSON_PARSER_ERROR", "ids and fields are required")
        ids, fields = ([str(one) for one in asked.get(name) or () if one] for name in ("ids", "fields"))
        return Answer(self._collections.read(kind, ids, fields, call.version))

    def _upsert_several(self, call: RestCall, kind: str, key: str) -> Answer:
        return Answer(self._collections.upsert(kind, key, call.json()))
