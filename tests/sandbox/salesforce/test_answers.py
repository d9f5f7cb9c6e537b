"""What independent clients ask for on their usual tour, beside plain queries and records."""

# ruff: noqa: S608 - the statements are made of the tests' own words

import http.client
import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from sandbox.salesforce import versions
from sandbox.salesforce.soql.periods import bounds, is_period

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)  # a Wednesday


# -- queries ----------------------------------------------------------------------------------------------------------
def test_groups_say_what_counting_the_rows_says(sf):
    rows = sf.query_all("SELECT Status, TotalAmount, AccountId FROM Order")["records"]
    amounts: dict[str, list[float]] = {}
    for row in rows:
        amounts.setdefault(row["Status"], []).append(row["TotalAmount"])

    found = sf.query(
        "SELECT Status, COUNT(Id), SUM(TotalAmount) total, MIN(TotalAmount), MAX(TotalAmount) most, AVG(TotalAmount)"
        " FROM Order GROUP BY Status ORDER BY COUNT(Id) DESC, Status"
    )

    groups = {row["Status"]: row for row in found["records"]}
    assert groups.keys() == amounts.keys()
    for status, each in amounts.items():
        group = groups[status]
        assert group["attributes"] == {"type": "AggregateResult"}
        assert (group["expr0"], group["total"], group["expr1"]) == (len(each), sum(each), min(each))
        assert (group["most"], group["expr2"]) == (max(each), pytest.approx(sum(each) / len(each)))
    counts = [row["expr0"] for row in found["records"]]
    assert counts == sorted(counts, reverse=True)
    assert found["totalSize"] == len(groups)


def test_groups_can_be_of_a_parent_s_field_and_be_chosen_by_having(sf):
    rows = sf.query_all("SELECT Account.Name, Status FROM Order")["records"]
    several = {name: n for name, n in Counter(row["Account"]["Name"] for row in rows).items() if n > 1}

    found = sf.query("SELECT Account.Name, COUNT(Id) n FROM Order GROUP BY Account.Name HAVING COUNT(Id) > 1")[
        "records"
    ]

    assert {row["Name"]: row["n"] for row in found} == several
    assert several


def test_an_aggregate_without_groups_is_one_row_and_counts_each_value_once(sf):
    rows = sf.query_all("SELECT Status FROM Order WHERE Status != null")["records"]

    (row,) = sf.query("SELECT COUNT_DISTINCT(Status) kinds, COUNT(Status), MAX(CreatedDate) FROM Order")["records"]
    (none,) = sf.query("SELECT COUNT(Id), MAX(CreatedDate) FROM Order WHERE Status = 'nothing'")["records"]

    assert (row["kinds"], row["expr0"]) == (len({each["Status"] for each in rows}), len(rows))
    assert (none["expr0"], none["expr1"]) == (0, None)


@pytest.mark.parametrize(
    ("period", "low", "high"),
    [
        # SOQL reference, "Date Formats and Date Literals"
        (("TODAY", 0), "2026-05-20", "2026-05-21"),
        (("THIS_WEEK", 0), "2026-05-17", "2026-05-24"),
        (("NEXT_WEEK", 0), "2026-05-24", "2026-05-31"),
        (("LAST_MONTH", 0), "2026-04-01", "2026-05-01"),
        (("THIS_QUARTER", 0), "2026-04-01", "2026-07-01"),
        (("LAST_QUARTER", 0), "2026-01-01", "2026-04-01"),
        (("NEXT_FISCAL_QUARTER", 0), "2026-07-01", "2026-10-01"),
        (("THIS_YEAR", 0), "2026-01-01", "2027-01-01"),
        (("LAST_90_DAYS", 0), "2026-02-19", "2026-05-21"),
        (("LAST_N_DAYS", 3), "2026-05-17", "2026-05-21"),
        (("NEXT_N_DAYS", 3), "2026-05-21", "2026-05-24"),
        (("LAST_N_MONTHS", 2), "2026-03-01", "2026-05-01"),
        (("LAST_N_QUARTERS", 2), "2025-10-01", "2026-04-01"),
        (("NEXT_N_YEARS", 2), "2027-01-01", "2029-01-01"),
        (("N_DAYS_AGO", 2), "2026-05-18", "2026-05-19"),
        (("N_WEEKS_AGO", 1), "2026-05-10", "2026-05-17"),
    ],
)
def test_a_date_literal_is_the_span_that_the_reference_gives(period, low, high):
    assert is_period(period[0])
    assert bounds(period, NOW, as_date=True) == (low, high)


def test_a_query_can_be_explained_instead_of_run(emulated):
    soql = "SELECT Id FROM Account WHERE Name = 'x'"

    answer = emulated.call("GET", "query", params={"explain": soql}).json()

    (plan,) = answer["plans"]
    assert (plan["sobjectType"], plan["sobjectCardinality"]) == ("Account", len(emulated.world.accounts))
    assert answer["sourceQuery"] == soql


# -- log-ins ----------------------------------------------------------------------------------------------------------
def test_a_refresh_token_opens_a_session_and_a_revoked_token_closes_it(emulated):
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    url = f"{emulated.url}/services/oauth2/"

    stale = emulated.session().post(url + "token", data=form | {"refresh_token": "old"}).json()
    token = emulated.session().post(url + "token", data=form | {"refresh_token": "sandbox-refresh-token"}).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    who = emulated.session().get(token["id"], headers=headers).json()
    revoked = emulated.session().post(url + "revoke", data={"token": token["access_token"]})
    again = emulated.session().post(url + "revoke", data={"token": token["access_token"]})
    after = emulated.session().get(token["id"], headers=headers)

    assert (stale["error"], stale["error_description"]) == ("invalid_grant", "expired access/refresh token")
    assert (who["username"], who["id"]) == ("hub@sandbox.example", token["id"])
    assert (revoked.status_code, again.status_code, after.status_code) == (200, 400, 401)


def test_every_supported_version_is_listed_with_its_season():
    labels = {each["version"]: each["label"] for each in versions.every()}

    assert (labels["31.0"], labels["58.0"], labels["59.0"]) == ("Summer '14", "Summer '23", "Winter '24")
    assert (labels["62.0"], labels["66.0"]) == ("Winter '25", "Spring '26")
    assert "30.0" not in labels


def test_headers_come_in_the_casing_the_vendor_sends(emulated, sf):
    # Airbyte's source-salesforce 2.10.3 reads headers['Sforce-Locator'] from a plain dictionary.
    body = {"operation": "query", "query": "SELECT Id FROM Account"}
    path = "jobs/query/" + emulated.call("POST", "jobs/query", json=body).json()["id"]
    for _ in range(2):
        emulated.call("GET", path)
    connection = http.client.HTTPConnection(emulated.netloc, timeout=20)
    connection.request("GET", f"/services/data/v60.0/{path}/results", headers=dict(sf.headers))
    names = [name for name, _ in connection.getresponse().getheaders()]
    connection.close()

    assert {"Sforce-Locator", "Sforce-NumberOfRecords", "Sforce-Limit-Info", "Content-Type", "Date"} <= set(names)


# -- several at once --------------------------------------------------------------------------------------------------
def test_a_tree_is_made_whole_or_not_at_all(emulated, sf):
    def tree(last_name: str | None) -> dict[str, object]:
        contact = {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": last_name}
        account = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "Tree"}
        return {"records": [account | {"Contacts": {"records": [contact]}}]}

    made = emulated.call("POST", "composite/tree/Account", json=tree("Mori"))
    refused = emulated.call("POST", "composite/tree/Account", json=tree(None))

    ids = {each["referenceId"]: each["id"] for each in made.json()["results"]}
    assert (made.status_code, refused.status_code) == (201, 400)
    assert sf.Contact.get(ids["c"])["AccountId"] == ids["a"]
    (culprit,) = refused.json()["results"]
    assert (culprit["referenceId"], culprit["errors"][0]["statusCode"]) == ("c", "REQUIRED_FIELD_MISSING")
    assert sf.query("SELECT COUNT() FROM Account WHERE Name = 'Tree'")["totalSize"] == 1


def test_each_graph_stands_or_falls_by_itself(emulated, sf):
    url = "/services/data/v60.0/sobjects/Account"
    good = {"method": "POST", "url": url, "referenceId": "a", "body": {"Name": "Graph"}}
    bad = {"method": "POST", "url": url, "referenceId": "b", "body": {}}
    body = {"graphs": [{"graphId": n, "compositeRequest": r} for n, r in (("1", [good]), ("2", [good, bad]))]}

    first, second = emulated.call("POST", "composite/graph", json=body).json()["graphs"]

    assert (first["isSuccessful"], second["isSuccessful"]) == (True, False)
    assert [part["httpStatusCode"] for part in second["graphResponse"]["compositeResponse"]] == [400, 400]
    assert sf.query("SELECT COUNT() FROM Account WHERE Name = 'Graph'")["totalSize"] == 1


@pytest.mark.parametrize(("halts", "last"), [(False, 200), (True, 412)])
def test_a_batch_goes_on_after_a_failure_unless_told_to_halt(emulated, halts, last):
    requests = [{"method": "GET", "url": f"v60.0/{path}"} for path in ("limits", "nothing/here", "sobjects")]

    answer = emulated.call("POST", "composite/batch", json={"haltOnError": halts, "batchRequests": requests}).json()

    assert answer["hasErrors"] is True
    assert [result["statusCode"] for result in answer["results"]] == [200, 404, last]


def test_records_are_read_by_their_ids_null_for_one_that_is_not_there(emulated, an_account):
    known, missing = an_account(Name="Known"), "001000000000000AAA"

    by_address = emulated.call("GET", f"composite/sobjects/Account?ids={known},{missing}&fields=Id,Name").json()
    by_body = emulated.call(
        "POST", "composite/sobjects/Account", json={"ids": [known, missing], "fields": ["Id", "Name"]}
    ).json()

    assert by_address == by_body
    assert (by_body[0]["Name"], by_body[1]) == ("Known", None)


# -- bulk -------------------------------------------------------------------------------------------------------------
def ingest(emulated, operation: str, csv: str, **job: str) -> str:
    """The address of an ingest job that is done."""
    made = emulated.call("POST", "jobs/ingest", json={"object": "Account", "operation": operation, **job}).json()
    path = f"jobs/ingest/{made['id']}"
    assert emulated.call("PUT", f"{path}/batches", data=csv.encode()).status_code == 201
    assert emulated.call("PATCH", path, json={"state": "UploadComplete"}).json()["state"] == "UploadComplete"
    states = [emulated.call("GET", path).json()["state"] for _ in range(2)]
    assert states == ["InProgress", "JobComplete"]
    return path


def test_an_ingest_job_tells_row_by_row_what_became_of_it(emulated, sf):
    path = ingest(emulated, "insert", 'Name,Phone\n"Bulk, one",1\n,2\n')

    successful = emulated.call("GET", f"{path}/successfulResults").text.splitlines()
    failed = emulated.call("GET", f"{path}/failedResults").text.splitlines()
    job = emulated.call("GET", path).json()

    assert successful[0] == '"sf__Id","sf__Created","Name","Phone"'
    record_id = successful[1].split(",")[0].strip('"')
    assert (sf.Account.get(record_id)["Name"], len(successful)) == ("Bulk, one", 2)
    assert failed[0] == '"sf__Id","sf__Error","Name","Phone"'
    assert failed[1].startswith('"","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name"')
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 1)


def test_an_ingest_job_updates_upserts_and_deletes(emulated, sf, an_account):
    account = an_account(Name="Before", Phone="1")

    ingest(emulated, "update", f"Id,Name,Phone\n{account},After,#N/A\n")
    updated = sf.Account.get(account)
    for name in ("First", "Second"):
        key = {"externalIdFieldName": "SF_Account_No__c"}
        ingest(emulated, "upsert", f"SF_Account_No__c,Name\nBULK-1,{name}\n", **key)
    ingest(emulated, "delete", f"Id\n{account}\n")

    assert (updated["Name"], updated["Phone"]) == ("After", None)
    keyed = sf.query("SELECT Name FROM Account WHERE SF_Account_No__c = 'BULK-1'")["records"]
    assert [row["Name"] for row in keyed] == ["Second"]
    assert sf.query(f"SELECT COUNT() FROM Account WHERE Id = '{account}'")["totalSize"] == 0


def test_the_older_bulk_api_answers_a_query_job(emulated, sf):
    url = f"{emulated.url}/services/async/61.0/job"
    headers = {"X-SFDC-Session": sf.session_id, "Content-Type": "application/json"}
    session = emulated.session()

    job = session.post(url, headers=headers, data=json.dumps({"operation": "query", "object": "Account"})).json()
    as_csv = headers | {"Content-Type": "text/csv"}
    added = session.post(f"{url}/{job['id']}/batch", headers=as_csv, data="SELECT Id, Name FROM Account").text
    batch = added.partition("<id>")[2].partition("</id>")[0]
    state = session.get(f"{url}/{job['id']}/batch/{batch}", headers=as_csv).text
    rows = session.get(f"{url}/{job['id']}/batch/{batch}/result/{batch}", headers=as_csv).text.splitlines()
    nobody = session.post(url, headers={"X-SFDC-Session": "none"}, data="<jobInfo/>")
    unknown = session.get(f"{url}/750000000000000", headers=headers)

    assert "<state>Completed</state>" in state
    assert (rows[0], len(rows) - 1) == ('"Id","Name"', len(emulated.world.accounts))
    assert (nobody.status_code, "<exceptionCode>InvalidSessionId</exceptionCode>" in nobody.text) == (400, True)
    assert unknown.json()["exceptionCode"] == "InvalidJob"
