"""Salesforce over real sockets, log-in included: what breaks first, then what works."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from threading import Barrier
from urllib.parse import parse_qs

import pytest
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.errors import CredentialsError, QuotaError, RejectedError, SettingsError, ThrottledError, UnavailableError
from core.settings import SalesforceSettings
from pipelines.sources.salesforce.bulk import BulkPosition
from pipelines.sources.salesforce.client import SalesforceClient

SECRET = "the-secret-of-salesforce"
NAME = "Yamada Hanako"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOKEN_PATH = "/services/oauth2/token"
DATA = "/services/data/v62.0"


@pytest.fixture
def settings(source):
    def settings(**changes):
        given = {
            "domain": "acme.my", "client_id": "us", "client_secret": SECRET, "base_url": source.url,
            "retry_attempts": 2, "timeout_seconds": 0.5, "bulk_poll_seconds": 0.01, **changes,
        }  # fmt: skip
        return SalesforceSettings(_env_file=None, **given)

    return settings


@pytest.fixture
def client(settings):
    with SalesforceClient(settings()) as client:
        yield client


@pytest.fixture
def org(source, json_reply):
    """Logs everyone in with session s1, s2, ...; answers the rest with the replies given, the last one for ever."""

    def org(*replies):
        sessions, waiting = iter(range(1, 1000)), list(replies)

        def script(asked):
            if asked.path == TOKEN_PATH:
                token = {"access_token": f"s{next(sessions)}", "instance_url": "https://acme.my.salesforce.com"}
                return json_reply(token)
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        source.script = script

    return org


def error(code, message=NAME):
    return [{"errorCode": code, "message": message}]


def result(*records, done=True, total=None, **more):
    return {"totalSize": len(records) if total is None else total, "done": done, "records": list(records), **more}


def calls(source):
    return [asked for asked in source.asked if asked.path != TOKEN_PATH]


def logins(source):
    return sum(asked.path == TOKEN_PATH for asked in source.asked)


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
    assert [asked.headers["Authorization"] for asked in calls(source)] == ["Bearer s1", "Bearer s1", "Bearer s2"]
    assert calls(source)[2].path == more


def test_threads_call_at_once_and_one_of_them_renews_the_session_for_all(source, client, json_reply, monkeypatch):
    sessions, both = iter(("s1", "s2", "s3")), Barrier(2)

    def reply_to(asked):
        if asked.path == TOKEN_PATH:
            return json_reply({"access_token": next(sessions), "instance_url": "https://acme.my.salesforce.com"})
        if asked.headers["Authorization"] == "Bearer s1":
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
def test_an_unusable_answer_is_asked_for_again_and_then_given_up(source, client, org, reply, broken):
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


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            ({"error": "invalid_grant", "error_description": "user hasn't approved this consumer"}, 400),
            CredentialsError,
        ),
        (({"error": "invalid_client"}, 401), CredentialsError),
        (({"error": "rate_limit_exceeded"}, 400), ThrottledError),
        (({"access_token": "s"}, 200), UnavailableError),
        (({}, 503), UnavailableError),
    ],
)
def test_a_log_in_that_fails_says_whether_trying_again_may_help(source, client, json_reply, answer, kind):
    source.answers(json_reply(*answer))

    with pytest.raises(kind) as caught:
        client.server_time()

    assert SECRET not in str(caught.value)
    assert logins(source) == (1 if kind is CredentialsError else 2)


def test_a_log_in_page_of_html_is_no_refusal(source, client, reply):
    source.answers(reply("<html>down</html>", 503))

    with pytest.raises(UnavailableError):
        client.server_time()


def test_settings_that_allow_no_log_in_say_what_is_missing(settings):
    with pytest.raises(SettingsError, match="SALESFORCE_CLIENT_ID: no way to log in is complete"):
        settings(client_id=None)


def test_a_private_key_that_cannot_be_read_is_for_an_operator(settings, tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("nonsense")

    given = settings(username="u@example.com", private_key_file=key)
    with SalesforceClient(given) as client, pytest.raises(CredentialsError):
        client.server_time()


def private_key(folder):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return folder / "key.pem"


@pytest.mark.parametrize(
    ("changes", "grant"),
    [
        ({}, "client_credentials"),
        ({"username": "u@example.com", "password": "p&<"}, "password"),
        ({"username": "u@example.com", "private_key_file": ...}, "urn:ietf:params:oauth:grant-type:jwt-bearer"),
    ],
)
def test_each_oauth_log_in_sends_its_own_grant(*, source, settings, org, json_reply, tmp_path, changes, grant):
    org(json_reply({}, Date=format_datetime(NOON)))
    if "private_key_file" in changes:
        changes = {**changes, "private_key_file": private_key(tmp_path)}

    with SalesforceClient(settings(**changes)) as client:
        client.server_time()

    assert parse_qs(source.asked[0].body)["grant_type"] == [grant]


def test_a_password_with_a_token_logs_in_by_soap(source, settings, reply):
    answer = (
        "<r><serverUrl>https://acme.my.salesforce.com/services/Soap/u/62.0/00D</serverUrl><sessionId>s1</sessionId></r>"
    )
    source.script = lambda asked: reply(answer if "/Soap/u/" in asked.path else json.dumps(result()))

    with SalesforceClient(settings(username="u@example.com", password="p", security_token="T")) as client:
        client.count("SELECT COUNT() FROM Account")

    assert [asked.path.partition("?")[0] for asked in source.asked] == ["/services/Soap/u/62.0", f"{DATA}/queryAll"]


def test_a_query_asks_for_deleted_records_and_reads_fractions_exactly(source, client, org, reply):
    org(
        reply('{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Order"},"Total":0.10,"Note":"a\\u0000b"}]}')
    )

    (page,) = client.query("SELECT Total, Note FROM Order")

    (asked,) = calls(source)
    assert page == [{"Total": Decimal("0.10"), "Note": "ab"}]
    assert asked.path.startswith(f"{DATA}/queryAll?")
    assert asked.headers["Sforce-Query-Options"] == "batchSize=2000"
    assert asked.headers["Sforce-Call-Options"] == "client=hub"


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
    assert first.position.started_at == NOON
    assert json.loads(calls(source)[0].body)["operation"] == "queryAll"
    assert calls(source)[-1].query == {"locator": ["MTA"], "maxRecords": ["2"]}


def test_a_job_is_gone_on_with_at_the_page_where_it_stopped(source, client, org, reply):
    org(csv_page(reply, SECOND, 1))
    stored = json.loads(json.dumps(BulkPosition("750", "MTA", NOON, read=2, total=3).to_json()))

    (page,) = client.bulk_query("SELECT Id, Note FROM Account", 2, BulkPosition.from_json(stored))

    assert [row["Id"] for row in page.rows] == ["3"]
    assert page.position == BulkPosition("750", "null", NOON, read=3, total=3)
    assert [asked.path.partition("?")[0] for asked in calls(source)] == [f"{DATA}/jobs/query/750/results"]


def test_a_job_that_was_read_to_its_end_is_not_asked_about_again(source, client):
    (page,) = client.bulk_query("SELECT Id FROM Account", 2, BulkPosition("750", "null", NOON, read=3, total=3))

    assert (page.rows, page.last, source.asked) == ([], True, [])


def test_a_job_that_salesforce_has_forgotten_is_run_again(source, client, org, reply, json_reply):
    org(json_reply(error("NOT_FOUND"), 404), job(json_reply), csv_page(reply, SECOND, 1))
    forgotten = BulkPosition("749", "MTA", NOON, read=2, total=3)

    (page,) = client.bulk_query("SELECT Id, Note FROM Account", 2, forgotten)

    assert (page.position.job_id, page.position.read) == ("750", 1)


def test_a_job_without_rows_has_one_empty_page(client, org, reply, json_reply):
    org(job(json_reply, numberRecordsProcessed=0), csv_page(reply, '"Id"\n', 0))

    (page,) = client.bulk_query("SELECT Id FROM Account", 2)

    assert (page.rows, page.last, page.total) == ([], True, 0)
