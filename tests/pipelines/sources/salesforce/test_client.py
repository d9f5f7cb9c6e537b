"""Salesforce over real sockets, log-in included: what breaks first, then what works."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from email.utils import format_datetime
from threading import Barrier

import pytest
import structlog

from core.errors import (
    CredentialsError,
    QuotaError,
    RejectedError,
    SourceError,
    ThrottledError,
    UnavailableError,
)
from pipelines.sources.salesforce.bulk import BulkPosition
from pipelines.sources.salesforce.client import Changed, Lines, SalesforceClient
from tests.pipelines.sources.conftest import FakeSource
from tests.pipelines.sources.salesforce.conftest import (
    DATA,
    NAME,
    NOON,
    SECRET,
    TOKEN_PATH,
    calls,
    error,
    logins,
    result,
)


def test_a_session_that_stays_refused_is_renewed_once_and_then_given_up(source, client, org, json_reply):
    org(json_reply(error("INVALID_SESSION_ID"), 401))

    with pytest.raises(CredentialsError) as caught:
        client.count("SELECT COUNT() FROM Account")

    assert (caught.value.code, logins(source), len(calls(source))) == ("INVALID_SESSION_ID", 2, 2)


def test_a_session_that_expires_in_the_middle_of_a_query_is_renewed(source, client, org, json_reply):
    more = f"{DATA}/query/01gRO0000016PIAYA2-1"
    org(
        json_reply(result({"Id": "1"}, done=False, nextRecordsUrl=more)),
        json_reply(error("INVALID_SESSION_ID"), 401),
        json_reply(result({"Id": "2"})),
    )

    pages = list(client.query("SELECT Id FROM Account"))

    assert pages == [[{"Id": "1"}], [{"Id": "2"}]]
    assert [request.headers["Authorization"] for request in calls(source)] == ["Bearer s1", "Bearer s1", "Bearer s2"]
    assert calls(source)[2].path == more


def test_threads_call_at_once_and_one_of_them_renews_the_session_for_all(source, client, json_reply, monkeypatch):
    sessions, both = iter(("s1", "s2", "s3")), Barrier(2)

    def reply_to(request):
        if request.path == TOKEN_PATH:
            return json_reply({"access_token": next(sessions), "instance_url": "https://acme.my.salesforce.com"})
        if request.headers["Authorization"] == "Bearer s1":
            both.wait(timeout=30)  # neither is answered before both are under way
            return json_reply(error("INVALID_SESSION_ID"), 401)
        return json_reply(result(total=7))

    monkeypatch.setattr(source, "reply_to", reply_to)
    with ThreadPoolExecutor(2) as threads:
        counts = list(threads.map(client.count, ["SELECT COUNT() FROM Account"] * 2))

    assert counts == [7, 7]
    assert next(sessions) == "s3"


@pytest.mark.parametrize(
    "broken",
    [
        {"body": "<html>down</html>", "status": 503},
        {"body": "", "status": 502},
        {"body": "edge", "status": 420},
        {"body": json.dumps(error("UNABLE_TO_LOCK_ROW")), "status": 400},
        {"body": json.dumps(error("UNKNOWN_EXCEPTION")), "status": 500},
        {"body": "<html>bad</html>", "status": 400},
        {"body": "<html>fine</html>"},
        {"body": '{"records":[{"Id"'},
        {"body": '{"records":[', "cut": True},
        {"body": "[]"},
        {"silent": True},
    ],
    ids=lambda broken: str(broken)[:50],
)
def test_an_unusable_answer_is_requested_again_and_then_given_up(source, client, org, reply, broken):
    org(reply(**broken))

    with pytest.raises(UnavailableError):
        client.count("SELECT COUNT() FROM Account")

    assert len(calls(source)) == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "MALFORMED_QUERY"), (400, "INVALID_FIELD"), (400, "INVALID_QUERY_LOCATOR"), (404, "NOT_FOUND")],
)
def test_a_refused_query_is_not_repeated_and_its_message_not_quoted(*, source, client, org, json_reply, status, code):
    org(json_reply(error(code), status))

    with structlog.testing.capture_logs() as events, pytest.raises(RejectedError) as caught:
        list(client.query("SELECT Id FROM Account WHERE Name = 'Yamada Hanako'"))

    assert (caught.value.code, len(calls(source))) == (code, 1)
    assert NAME not in f"{caught.value!r} {events}"
    assert SECRET not in f"{caught.value!r} {events}"


def test_the_end_of_the_allowance_ends_the_run(source, client, org, json_reply):
    org(json_reply(error("REQUEST_LIMIT_EXCEEDED"), 403))

    with pytest.raises(QuotaError):
        client.count("SELECT COUNT() FROM Account")

    assert len(calls(source)) == 1


@pytest.mark.parametrize("info", ["api-usage=90/100", "per-app-api-usage=1/99(appName=x); api-usage=95/100"])
def test_we_stop_by_ourselves_before_the_allowance_is_used_up(source, client, org, json_reply, info):
    org(json_reply(result(), Sforce_Limit_Info=info))
    client.count("SELECT COUNT() FROM Account")

    with pytest.raises(QuotaError):
        client.count("SELECT COUNT() FROM Account")

    assert len(calls(source)) == 1


def test_what_one_app_may_use_is_not_the_orgs_allowance(source, client, org, json_reply):
    org(json_reply(result(), Sforce_Limit_Info="api-usage=1/100; per-app-api-usage=99/99(appName=x)"))

    client.count("SELECT COUNT() FROM Account")
    client.count("SELECT COUNT() FROM Account")

    assert len(calls(source)) == 2


def test_a_source_that_asks_for_more_patience_than_we_have_is_left_alone(source, client, org, reply):
    org(reply("", 429, {"Retry-After": "600"}))

    with pytest.raises(ThrottledError):
        client.count("SELECT COUNT() FROM Account")

    assert len(calls(source)) == 1


def test_a_query_asks_for_deleted_records_and_reads_fractions_exactly(source, client, org, reply):
    org(
        reply('{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Order"},"Total":0.10,"Note":"a\\u0000b"}]}')
    )

    (page,) = client.query("SELECT Total, Note FROM Order")

    (request,) = calls(source)
    assert page == [{"Total": Decimal("0.10"), "Note": "ab"}]
    assert request.path.startswith(f"{DATA}/queryAll?")
    assert request.headers["Sforce-Query-Options"] == "batchSize=2000"
    assert request.headers["Sforce-Call-Options"] == "client=hub"


def test_the_orgs_names_of_fields_are_used_outside_and_ours_inside(source, settings, org, json_reply):
    vocabulary = {"fields": {"Portal_Status__c": "PortalState__c"}}
    row = {"Id": "1", "portalstate__c": "Active", "Order": {"attributes": {}, "PortalState__c": "x"}}
    org(json_reply(result(row)))

    with SalesforceClient(settings(vocabulary=vocabulary)) as client:
        (page,) = client.query("SELECT Id, Portal_Status__c, Order.Portal_Status__c FROM Account")

    assert calls(source)[0].query["q"] == ["SELECT Id, PortalState__c, Order.PortalState__c FROM Account"]
    assert page == [{"Id": "1", "Portal_Status__c": "Active", "Order": {"Portal_Status__c": "x"}}]


def test_the_count_is_salesforces_own(client, org, json_reply):
    org(json_reply(result(total=42)))

    assert client.count("SELECT COUNT() FROM Account") == 42


def job(json_reply, state="JobComplete", **more):
    return json_reply({"id": "750", "state": state, "numberRecordsProcessed": 3, **more}, Date=format_datetime(NOON))


def csv_page(reply, text, count, locator="null"):
    headers = {"Sforce-NumberOfRecords": str(count), "Sforce-Locator": locator, "Date": format_datetime(NOON)}
    return reply(text, 200, headers)


FIRST = '"Id","Note"\n"1","a ""quoted""\nline, and more"\n"2",""\n'
SECOND = '"Id","Note"\n"3","c"\n'


def test_a_job_that_fails_gives_its_code_and_not_its_message(client, org, json_reply):
    org(job(json_reply, "UploadComplete"), job(json_reply, "Failed", errorMessage=f"INVALID_FIELD: {NAME}"))

    with pytest.raises(RejectedError) as caught:
        list(client.bulk_query("SELECT Id FROM Account", 2))

    assert caught.value.code == "INVALID_FIELD"
    assert NAME not in repr(caught.value)


@pytest.mark.parametrize("text", [FIRST[:-8], '"Id","Note"\n"1"\n', '"Id","Note"\n"1","open'])
def test_a_page_of_a_job_that_comes_cut_is_fetched_again(*, source, client, org, reply, json_reply, text):
    org(job(json_reply), csv_page(reply, text, 2), csv_page(reply, FIRST, 2))

    (page,) = client.bulk_query("SELECT Id, Note FROM Account", 2)

    assert [row["Id"] for row in page.rows] == ["1", "2"]


def test_a_job_is_read_page_by_page_to_its_end(source, client, org, reply, json_reply):
    org(
        job(json_reply, "UploadComplete"),
        job(json_reply, "InProgress"),
        job(json_reply),
        csv_page(reply, FIRST, 2, "MTA"),
        csv_page(reply, SECOND, 1),
    )

    first, second = client.bulk_query("SELECT Id, Note FROM Account", 2)

    assert first.rows == [{"Id": "1", "Note": 'a "quoted"\nline, and more'}, {"Id": "2", "Note": ""}]
    assert second.rows == [{"Id": "3", "Note": "c"}]
    assert (first.last, second.last, second.total, second.position.read) == (False, True, 3, 3)
    assert NOON - timedelta(seconds=1) < first.position.started_at <= NOON
    assert json.loads(calls(source)[0].body)["operation"] == "queryAll"
    assert calls(source)[-1].query == {"locator": ["MTA"], "maxRecords": ["2"]}


def test_a_job_is_gone_on_with_at_the_page_where_it_stopped(source, client, org, reply):
    org(csv_page(reply, SECOND, 1))
    stored = json.loads(json.dumps(BulkPosition("750", "MTA", NOON, read=2, total=3).to_json()))

    (page,) = client.bulk_query("SELECT Id, Note FROM Account", 2, BulkPosition.from_json(stored))

    assert [row["Id"] for row in page.rows] == ["3"]
    assert page.position == BulkPosition("750", "null", NOON, read=3, total=3)
    assert [request.path.partition("?")[0] for request in calls(source)] == [f"{DATA}/jobs/query/750/results"]


def test_a_job_that_was_read_to_its_end_is_not_requested_again(source, client):
    (page,) = client.bulk_query("SELECT Id FROM Account", 2, BulkPosition("750", "null", NOON, read=3, total=3))

    assert (page.rows, page.last, source.requests) == ([], True, [])


def test_a_job_that_salesforce_has_forgotten_is_run_again(source, client, org, reply, json_reply):
    org(json_reply(error("NOT_FOUND"), 404), job(json_reply), csv_page(reply, SECOND, 1))
    forgotten = BulkPosition("749", "MTA", NOON, read=2, total=3)

    (page,) = client.bulk_query("SELECT Id, Note FROM Account", 2, forgotten)

    assert (page.position.job_id, page.position.read) == ("750", 1)


def test_a_job_without_rows_has_one_empty_page(client, org, reply, json_reply):
    org(job(json_reply, numberRecordsProcessed=0), csv_page(reply, '"Id"\n', 0))

    (page,) = client.bulk_query("SELECT Id FROM Account", 2)

    assert (page.rows, page.last, page.total) == ([], True, 0)


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_ended_without_a_result_is_no_longer_waited_for(source, client, org, json_reply, state):
    org(job(json_reply, "InProgress"), job(json_reply, state))

    with pytest.raises(RejectedError) as caught:
        list(client.bulk_query("SELECT Id FROM Account", 2))

    assert (caught.value.code, len(calls(source))) == (state, 2)


def test_a_session_that_ends_in_the_middle_of_a_job_is_renewed_and_the_job_goes_on(
    *, source, client, org, reply, json_reply
):
    ended = json_reply(error("INVALID_SESSION_ID"), 401)
    org(
        job(json_reply, "UploadComplete"), ended, job(json_reply), csv_page(reply, FIRST, 2, "MTA"), ended,
        csv_page(reply, SECOND, 1),
    )  # fmt: skip

    pages = list(client.bulk_query("SELECT Id, Note FROM Account", 2))

    assert [row["Id"] for page in pages for row in page.rows] == ["1", "2", "3"]
    assert (logins(source), len([request for request in calls(source) if request.method == "POST"])) == (3, 1)
    assert calls(source)[-1].query == {"locator": ["MTA"], "maxRecords": ["2"]}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"body": "<html>down</html>", "status": 503}, UnavailableError),
        ({"body": "<html>gone</html>", "status": 404}, UnavailableError),
        ({"body": json.dumps(error("UNKNOWN_EXCEPTION")), "status": 500}, UnavailableError),
        ({"body": json.dumps(error("INVALID_SESSION_ID")), "status": 401}, CredentialsError),
        ({"lost": True}, UnavailableError),
    ],
    ids=["503", "a bare 404", "a fault", "no session", "no answer"],
)
def test_a_job_of_earlier_is_taken_for_forgotten_only_where_salesforce_says_so(
    *, source, client, org, reply, answer, kind
):
    """Run anew, it costs all its pages once more; a result is kept for seven days."""
    org(reply(**answer))

    with pytest.raises(kind):
        list(client.bulk_query("SELECT Id, Note FROM Account", 2, BulkPosition("750", "MTA", NOON, read=2, total=3)))

    assert {request.method for request in calls(source)} == {"GET"}


def test_a_right_withdrawn_in_the_middle_of_a_job_ends_it(source, client, org, reply, json_reply):
    org(job(json_reply), csv_page(reply, FIRST, 2, "MTA"), json_reply(error("INSUFFICIENT_ACCESS"), 403))
    pages = client.bulk_query("SELECT Id, Note FROM Account", 2)

    assert len(next(pages).rows) == 2
    with pytest.raises(RejectedError) as caught:
        next(pages)

    assert caught.value.code == "INSUFFICIENT_ACCESS"


# airbyte#14659, #12372, #19289: marks, NULs and wrong charset headers.
def test_a_page_of_a_job_may_begin_with_a_mark_and_is_utf_8_whatever_its_header_says(client, org, reply, json_reply):
    text = '"Id","Note"\n"1","M\u00fcl\0ler"\n'
    page = csv_page(reply, b"\xef\xbb\xbf" + text.encode(), 1)
    org(job(json_reply), replace(page, headers=page.headers | {"Content-Type": "text/csv; charset=ISO-8859-1"}))

    (read,) = client.bulk_query("SELECT Id, Note FROM Account", 2)

    assert read.rows == [{"Id": "1", "Note": "M\u00fcller"}]


def test_a_page_of_a_job_in_another_charset_is_not_guessed_at(client, org, reply, json_reply):
    org(job(json_reply), csv_page(reply, '"Id","Note"\n"1","M\u00fcller"\n'.encode("latin-1"), 1))

    with pytest.raises(UnavailableError):
        list(client.bulk_query("SELECT Id, Note FROM Account", 2))


# -- an org that moves (A9) ------------------------------------------------------------------------------------------
# amazon-connect-salesforce-lambda#12, restforce#939: 400 URL_NOT_RESET. SalesforceMobileSDK-Shared#310: a redirect.

LEFT_BEHIND = {
    "url_not_reset": {"body": json.dumps(error("URL_NOT_RESET")), "status": 400},
    "redirect": {"body": "", "status": 302, "headers": {"Location": "https://acme2.my.salesforce.com/"}},
    "permanent redirect": {
        "body": "<html>",
        "status": 308,
        "headers": {"Location": "https://acme2.my.salesforce.com/"},
    },
    "forbidden": {"body": json.dumps(error("INVALID_SESSION_ID")), "status": 403},
    "another instance's": {"body": json.dumps(error("ORG_NOT_OWNED_BY_INSTANCE")), "status": 500},
}


@pytest.mark.parametrize("left", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_an_org_that_moved_is_found_where_it_lives_now(*, source, client, org, reply, json_reply, left):
    org(reply(**left), json_reply(result(total=7)), json_reply({"organization_id": "00D"}))

    count = client.count("SELECT COUNT() FROM Account")

    assert (count, logins(source)) == (7, 2)
    assert client.identity() == ("s2", "https://acme2.my.salesforce.com", "00D")


@pytest.mark.parametrize("left", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_what_the_old_instance_refused_is_written_once_at_the_new_one(*, source, client, org, reply, json_reply, left):
    org(reply(**left), json_reply({"id": "500", "success": True}, 201))

    assert client.create("CaseComment", {"CommentBody": "x"}) == "500"
    assert [request.headers["Authorization"] for request in calls(source)] == ["Bearer s1", "Bearer s2"]


def test_a_redirect_that_stays_is_reported_and_nothing_came_of_the_call(source, client, org, reply):
    org(reply(**LEFT_BEHIND["redirect"]))

    with pytest.raises(UnavailableError) as caught:
        client.create("CaseComment", {"CommentBody": "x"})

    assert (caught.value.code, caught.value.nothing_came, logins(source)) == ("http_302", True, 2)


def test_a_bulk_job_goes_on_where_the_org_lives_now(source, client, org, reply, json_reply):
    org(
        job(json_reply, "UploadComplete"),
        reply(**LEFT_BEHIND["url_not_reset"]),
        job(json_reply),
        reply(**LEFT_BEHIND["redirect"]),
        csv_page(reply, SECOND, 1),
    )

    (page,) = client.bulk_query("SELECT Id, Note FROM Account", 2)

    assert ([row["Id"] for row in page.rows], logins(source)) == (["3"], 3)


@pytest.mark.parametrize("left", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_an_upload_that_the_old_instance_refused_succeeds_when_it_is_sent_again(
    *, source, client, org, reply, json_reply, left
):
    org(reply(**left), json_reply({"id": "068", "success": True}, 201))
    fields = {"Title": "t", "PathOnClient": "a.pdf", "FirstPublishLocationId": "001"}

    with pytest.raises(UnavailableError) as caught:
        client.create_file(fields, [])

    assert caught.value.nothing_came
    assert client.create_file(fields, []) == "068"
    assert logins(source) == 2


def test_an_instance_whose_name_is_taken_away_is_left_with_the_next_try(source, client, org, json_reply):
    """Gravity-Forms-Salesforce#298: the name of the instance that an org has left does not resolve any more."""
    org(json_reply(result(total=7), Connection="close"))
    client.count("SELECT COUNT() FROM Account")
    source.stop()
    with pytest.raises(UnavailableError) as caught:
        client.count("SELECT COUNT() FROM Account")

    back = FakeSource(int(source.url.rpartition(":")[2]))
    back.script = source.script
    count = client.count("SELECT COUNT() FROM Account")
    back.stop()

    assert caught.value.nothing_came
    assert (count, [request.path for request in back.requests].count(TOKEN_PATH)) == (7, 1)


def test_a_session_opened_anew_on_the_way_is_the_one_that_is_handed_out(source, client, org, reply, json_reply):
    org(reply(**LEFT_BEHIND["redirect"]), json_reply({"organization_id": "00D"}))

    assert client.identity(renewed=True) == ("s2", "https://acme2.my.salesforce.com", "00D")


def test_who_we_are_is_asked_again_when_the_token_expired(source, client, org, reply, json_reply):
    # SalesforceMobileSDK-Android#2430, jsforce#736: there it is a 403 without a code.
    org(reply("Bad_OAuth_Token", 403), json_reply({"organization_id": "00D"}))

    assert client.identity()[0] == "s2"


# -- what else may come in place of an answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '{"totalSize":1,"done":false,"records":[]}',
        '{"totalSize":1,"done":false,"records":[],"nextRecordsUrl":"https://elsewhere.example/x"}',
        '{"totalSize":1,"done":true,"records":[null]}',
        '{"totalSize":1,"done":true,"records":{}}',
        '{"totalSize":NaN,"done":true,"records":[]}',
        "[" * 100_000,
        b'{"totalSize":1,"done":true,"records":[{"Name":"\xe9"}]}',
        "",
    ],
    ids=["no next", "next elsewhere", "null record", "no list", "NaN", "too deep", "latin-1", "empty"],
)
def test_half_an_answer_is_no_answer(source, client, org, reply, body):
    org(reply(body))

    with pytest.raises(UnavailableError):
        list(client.query("SELECT Id FROM Account"))


def test_a_byte_order_mark_is_no_part_of_an_answer(client, org, reply):
    org(reply(b"\xef\xbb\xbf" + json.dumps(result(total=7)).encode()))

    assert client.count("SELECT COUNT() FROM Account") == 7


def test_a_maintenance_page_in_place_of_a_bulk_page_is_no_end_of_the_table(client, org, reply, json_reply):
    dated = {"Date": format_datetime(NOON)}
    org(job(json_reply), reply("<html><body>Down for maintenance</body></html>", 200, dated))

    with pytest.raises(UnavailableError):
        list(client.bulk_query("SELECT Id FROM Account", 2))


def test_a_maintenance_page_is_no_word_that_a_record_was_changed(source, client, org, reply):
    org(reply("<html>down</html>"), reply("", 204))

    client.update("Account", "001", {"Phone": "1"})

    assert len(calls(source)) == 2


def test_a_proxys_403_is_no_word_about_our_rights(client, org, reply):
    org(reply("<html>blocked</html>", 403))

    with pytest.raises(UnavailableError):
        client.count("SELECT COUNT() FROM Account")


# -- refusals (A13) --------------------------------------------------------------------------------------------------


def test_a_field_that_the_org_lacks_is_named_and_nothing_else_of_the_message(client, org, json_reply):
    # MinnPost/object-sync#343; the form of the message: forcedotcom/soql-tooling#86.
    message = (
        f"\nSELECT Id FROM Account WHERE Name = '{NAME}'\n ^\nERROR at Row:1:Column:12\n"
        "No such column 'Portal_Status__c' on entity 'Account'. If you are attempting to use a custom field, be sure"
        " to append the '__c' after the custom field name."
    )
    org(json_reply(error("INVALID_FIELD", message), 400))

    with pytest.raises(RejectedError) as caught:
        list(client.query("SELECT Id, Portal_Status__c FROM Account WHERE Name = 'Yamada Hanako'"))

    assert str(caught.value) == "salesforce: refused the call: Portal_Status__c, Account [INVALID_FIELD]"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
        (400, "INVALID_TYPE", "sObject type 'Case' is not supported."),
        (400, "TXN_SECURITY_NO_ACCESS", f"blocked for {NAME}"),
    ],
)
def test_a_right_that_is_missing_names_the_object_and_is_no_fault_of_our_log_in(
    *, source, client, org, json_reply, status, code, message
):
    org(json_reply(error(code, message), status))

    with pytest.raises(RejectedError) as caught:
        list(client.query("SELECT Id, Subject FROM Case"))

    assert str(caught.value) == f"salesforce: refused the call: Case [{code}]"


def test_a_customers_value_is_repeated_in_no_refusal_even_if_it_looks_like_a_name(client, org, json_reply):
    message = "Yamada: data value too large: 'Yamada' [LastName]"
    org(json_reply(error("STRING_TOO_LONG", message, fields=["LastName"]), 400))

    with pytest.raises(RejectedError) as caught:
        client.create("Contact", {"LastName": "Yamada"})

    assert caught.value.reason == "refused the call: LastName"


def test_too_many_calls_at_once_are_no_end_of_the_allowance(source, client, org, json_reply):
    # API Request Limits and Allocations: the same code says both.
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    org(json_reply(error("REQUEST_LIMIT_EXCEEDED", message), 403), json_reply(result(total=7)))

    assert client.count("SELECT COUNT() FROM Account") == 7


@pytest.mark.parametrize(
    ("status", "code", "nothing_came"),
    [
        (400, "UNABLE_TO_LOCK_ROW", True),
        (503, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", True),
        (400, "DUPLICATE_VALUE", True),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", True),
        (403, "REQUEST_LIMIT_EXCEEDED", True),
        (500, "UNKNOWN_EXCEPTION", False),
        (503, "SERVER_UNAVAILABLE", False),
        (400, "QUERY_TIMEOUT", False),
        (500, "FIELD_CUSTOM_VALIDATION_EXCEPTION", False),
        (500, "SOMETHING_NEW", False),
    ],
)
def test_a_refused_write_says_whether_something_may_have_come_of_it(
    *, client, org, json_reply, status, code, nothing_came
):
    org(json_reply(error(code), status))

    with pytest.raises(SourceError) as caught:
        client.create("Case", {"Subject": "x"})

    assert (caught.value.code, caught.value.nothing_came) == (code, nothing_came)


def test_a_bulk_job_that_fails_for_a_while_is_no_refusal(client, org, json_reply):
    org(job(json_reply, "Failed", errorMessage="InternalServerError : Retried more than fifteen times"))

    with pytest.raises(UnavailableError) as caught:
        list(client.bulk_query("SELECT Id FROM Account", 2))

    assert caught.value.code == "InternalServerError"


# -- what is written (A21) -------------------------------------------------------------------------------------------


def test_moments_and_days_are_written_in_the_documented_forms(source, client, org, reply):
    # REST API Developer Guide, "Valid Date and DateTime Formats".
    org(reply("", 204))
    moment = datetime(2026, 1, 2, 21, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))

    client.update("Account", "001", {"Checked__c": moment, "Birthdate": date(2026, 1, 2)})

    assert json.loads(calls(source)[0].body) == {"Checked__c": "2026-01-02T12:00:00.123Z", "Birthdate": "2026-01-02"}


def test_records_made_together_are_sent_as_a_tree(source, client, org, json_reply):
    planted = [{"referenceId": "record", "id": "801"}, {"referenceId": "line0", "id": "802"}]
    org(json_reply({"hasErrors": False, "results": planted}, 201))

    order = client.create_tree("Order", {"Status": "@{record.id}"}, Lines("OrderItems", "OrderItem", [{"Quantity": 1}]))

    (request,) = calls(source)
    (record,) = json.loads(request.body)["records"]
    assert (order, request.path) == ("801", f"{DATA}/composite/tree/Order")
    assert record["Status"] == "@{record.id}"
    assert record["OrderItems"]["records"][0]["Quantity"] == 1


def test_a_tree_of_which_one_record_is_refused_says_which_fault(client, org, json_reply):
    errors = [{"statusCode": "DUPLICATE_VALUE", "message": f"duplicates {NAME}", "fields": ["Status"]}]
    org(json_reply({"hasErrors": True, "results": [{"referenceId": "record", "errors": errors}]}, 400))

    with pytest.raises(RejectedError) as caught:
        client.create_tree("Order", {"Status": "x"}, Lines("OrderItems", "OrderItem", []))

    assert (caught.value.code, caught.value.reason) == ("DUPLICATE_VALUE", "refused the call: Status")


@pytest.mark.parametrize(
    ("code", "kind", "nothing_came"),
    [("UNABLE_TO_LOCK_ROW", UnavailableError, True), ("ENTITY_IS_DELETED", RejectedError, True)],
)
def test_of_records_changed_together_the_guilty_one_speaks(*, client, org, json_reply, code, kind, nothing_came):
    innocent = {"success": False, "errors": [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "x"}]}
    guilty = {"success": False, "errors": [{"statusCode": code, "message": NAME, "fields": []}]}
    org(json_reply([innocent, guilty]))

    with pytest.raises(kind) as caught:
        client.update_together([Changed("Order", "801", {}), Changed("OrderItem", "802", {})])

    assert (caught.value.code, caught.value.nothing_came) == (code, nothing_came)
