"""What is read of Salesforce, and up to when it is known, whatever comes instead of rows."""

import re
from datetime import datetime, timedelta
from threading import Event
from urllib.parse import unquote_plus

import pytest
import structlog

from core.errors import IncompleteReadError, SourceError, UnavailableError
from pipelines.sources.circuit import SharedCircuit
from pipelines.sources.salesforce.answers import ForgottenError, TooMuchError
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.salesforce.extract import Query, changed_records, chosen_records
from pipelines.sync.dataset import ReadRequest, Selection, Source
from tests.pipelines.sources.salesforce.conftest import NOON, TOKEN_PATH, calls, error, result

CASES = Query("Case", ("Subject",), owner="AccountId")
HOUR = timedelta(hours=1)
BOUND = re.compile(r"SystemModstamp (>=|<) (\S+Z)")


@pytest.fixture
def read(settings, client):
    """Every page of a read from a watermark on (None: the first), or of a selection, as of noon."""

    def read(watermark=None, only=None, **changes):
        given = settings(**changes) if changes else settings()
        position = {"watermark": watermark.isoformat()} if watermark else {}
        request = ReadRequest(Source(client, given), position, full=False, now=lambda: NOON)
        if only is not None:
            return list(chosen_records(CASES, ReadRequest(Source(client, given), {}, full=False, only=only)))
        return list(changed_records(CASES, request))

    return read


def row(record, stamp=NOON - HOUR):
    return {"Id": f"{record:0>15}AAA", "SystemModstamp": f"{stamp:%Y-%m-%dT%H:%M:%S.000+0000}", "IsDeleted": False}


@pytest.fixture
def salesforce(source, json_reply, answer):
    """Answers queries with `queries`, what was deleted with `deleted`, each given the call; logs everybody in."""

    def salesforce(queries, deleted=None):
        none = {"deletedRecords": [], "latestDateCovered": "2026-01-02T12:00:00.000+0000"}

        def script(request):
            if request.path == TOKEN_PATH:
                return json_reply({"access_token": "s", "instance_url": "https://acme.my.salesforce.com"})
            if "/deleted?" in request.path:
                return deleted(request) if deleted else answer(none)
            return queries(request)

        source.script = script

    return salesforce


def bounds(request):
    """The part of the time that a query asks for."""
    found = {sign: datetime.fromisoformat(moment) for sign, moment in BOUND.findall(unquote_plus(request.path))}
    return found.get(">="), found.get("<")


def rows_of(pages):
    return [each["Id"] for page in pages for each in page.rows]


# -- up to when it is known (A17) ------------------------------------------------------------------------------------


def test_no_read_needs_the_right_to_view_setup(source, salesforce, read, answer):
    # V: REST API Developer Guide, "Limits": "API users with the View Setup and Configuration permission".
    salesforce(lambda _: answer(result(row(1))))

    read(watermark=NOON - HOUR)
    read()

    assert [request.path for request in calls(source) if "/limits" in request.path] == []


def test_what_a_slow_query_may_have_missed_is_read_the_next_time(salesforce, read, answer):
    """The Date of an answer is its end; what was changed while the query ran is after the query began."""

    def slowly(_):
        Event().wait(0.3)  # it takes Salesforce this long, and its answer says when it was ready
        return answer(result(row(1)))

    salesforce(slowly)

    (*_, last) = read(watermark=NOON - HOUR)

    assert datetime.fromisoformat(last.position["watermark"]) <= NOON - timedelta(seconds=0.3)


def test_the_first_page_says_up_to_when_it_is_known(salesforce, read, answer):
    more = "/services/data/v62.0/query/01g-1"
    pages = [
        answer(result(row(1), done=False, nextRecordsUrl=more)),
        answer(result(row(2)), at=NOON + HOUR),
    ]
    salesforce(lambda _: pages.pop(0))

    (*_, last) = read(watermark=NOON - HOUR)

    assert NOON - timedelta(seconds=1) < datetime.fromisoformat(last.position["watermark"]) <= NOON


def test_a_proxy_that_takes_the_date_away_leaves_nothing_known(salesforce, read, json_reply):
    salesforce(lambda _: json_reply(result(row(1))))

    with pytest.raises(UnavailableError, match="no date"):
        read(watermark=NOON - HOUR)


# -- what takes too long (A13): airbyte#17503, tap-salesforce halves the window --------------------------------------


def test_what_takes_too_long_is_requested_in_smaller_parts_of_the_time(source, salesforce, read, answer):
    stamps = [NOON - HOUR * number / 10 for number in range(9, 0, -1)]

    def queries(request):
        low, end = bounds(request)
        if (end or NOON) - low > HOUR / 2:
            return answer(error("QUERY_TIMEOUT", "Your query request was running for too long."), 400)
        found = [row(number, stamp) for number, stamp in enumerate(stamps) if low <= stamp < (end or NOON + HOUR)]
        return answer(result(*found))

    salesforce(queries)

    pages = read(watermark=NOON - HOUR, overlap_seconds=0)

    assert rows_of(pages) == [row(number)["Id"] for number in range(9)]
    assert pages[-1].complete
    queried = [bounds(request) for request in calls(source) if "SystemModstamp" in request.path]
    assert queried[-1][1] is None, "the last part has no end, so nothing is missing after it"


def test_a_page_that_takes_too_long_is_gone_on_with_where_the_last_one_ended(source, salesforce, read, answer):
    more = "/services/data/v62.0/query/01g-1"

    def queries(request):
        if request.path == more:
            return answer(error("QUERY_TIMEOUT"), 400)
        low, _ = bounds(request)
        if low == NOON - 2 * HOUR:
            return answer(result(row(1), done=False, nextRecordsUrl=more))
        return answer(result(row(1), row(2, NOON - HOUR / 2)))

    salesforce(queries)

    pages = read(watermark=NOON - 2 * HOUR, overlap_seconds=0)

    assert set(rows_of(pages)) == {row(1)["Id"], row(2)["Id"]}
    assert bounds(calls(source)[2])[0] == NOON - HOUR


def test_a_query_that_no_smaller_part_helps_is_given_up(source, salesforce, read, answer):
    salesforce(lambda _: answer(error("QUERY_TIMEOUT"), 400))

    with pytest.raises(TooMuchError):
        read(watermark=NOON - HOUR)

    assert len(calls(source)) < 12


def test_a_table_too_large_to_be_counted_is_read_as_a_bulk_job(source, salesforce, read, answer, reply):
    def queries(request):
        if "COUNT" in request.path:
            return answer(error("QUERY_TIMEOUT"), 400)
        if request.path.endswith("/results?maxRecords=10000"):
            return reply('"Id"\n"1"\n', 200, {"Sforce-NumberOfRecords": "1", "Sforce-Locator": "null"})
        return answer({"id": "750", "state": "JobComplete", "numberRecordsProcessed": 1})

    salesforce(queries)

    assert rows_of(read()) == ["1"]


def test_ids_that_are_too_many_for_one_query_are_requested_by_halves(source, salesforce, read, answer):
    ids = [row(number)["Id"] for number in range(8)]

    def queries(request):
        wanted = [each for each in ids if each in unquote_plus(request.path)]
        if len(wanted) > 2:
            return answer(error("QUERY_TOO_COMPLICATED"), 400)
        return answer(result(*({"Id": each, "SystemModstamp": "2026-01-01T00:00:00.000+0000"} for each in wanted)))

    salesforce(queries)

    (page,) = read(only=Selection(records=frozenset(ids)))

    assert (sorted(each["Id"] for each in page.rows), page.gone) == (ids, ())


def test_a_read_begins_a_little_before_the_watermark(source, salesforce, read, answer):
    # airbyte#27146: a record can become visible after a later-stamped one.
    salesforce(lambda _: answer(result(row(1))))

    read(watermark=NOON - HOUR, overlap_seconds=90)

    assert bounds(calls(source)[0]) == (NOON - HOUR - timedelta(seconds=90), None)


def test_a_first_read_goes_on_from_the_last_stamp_it_stored(source, client, settings, salesforce, answer):
    salesforce(lambda request: answer(result(total=1) if "COUNT" in request.path else result(row(1, NOON - HOUR))))
    request = ReadRequest(
        Source(client, settings()), {"since": (NOON - HOUR).isoformat()}, full=False, now=lambda: NOON
    )

    pages = list(changed_records(CASES, request))

    assert bounds(calls(source)[1])[0] == NOON - HOUR
    assert pages[0].position == {"since": (NOON - HOUR).isoformat()}
    assert "watermark" in pages[-1].position


@pytest.mark.parametrize("way", ["query", "bulk job"])
def test_fewer_records_than_salesforce_counts_are_no_whole_read(salesforce, read, answer, reply, way):
    """Half of a read taken for all of it would have the rest deleted."""

    def queries(request):
        if "COUNT" in request.path:
            return answer(result(total=3))
        if request.path.endswith("/results?maxRecords=10000"):
            return reply('"Id"\n"1"\n', 200, {"Sforce-NumberOfRecords": "1", "Sforce-Locator": "null"})
        if "jobs/query" in request.path:
            return answer({"id": "750", "state": "JobComplete", "numberRecordsProcessed": 3})
        return answer(result(row(1)))

    salesforce(queries)

    with pytest.raises(IncompleteReadError, match="read 1 rows, the source reports 3"):
        read(bulk_threshold_rows=10 if way == "query" else 1)


def test_a_halved_read_of_a_large_table_is_no_outage(database, source, settings, salesforce, answer):
    """Each half is another call, and Salesforce answers each: five of those in a row opened the circuit."""
    stamps = [NOON - timedelta(days=number) for number in range(60, 0, -1)]

    def queries(request):
        low, end = bounds(request)
        if (end or NOON) - low > timedelta(days=1):
            return answer(error("QUERY_TIMEOUT"), 400)
        found = [row(number, stamp) for number, stamp in enumerate(stamps) if low <= stamp < (end or NOON + HOUR)]
        return answer(result(*found))

    salesforce(queries)
    with SalesforceClient(settings(), SharedCircuit(database.sync, "salesforce")) as client:
        position = {"watermark": (NOON - timedelta(days=64)).isoformat()}
        request = ReadRequest(Source(client, settings()), position, full=False, now=lambda: NOON)
        pages = list(changed_records(CASES, request))

    assert len(set(rows_of(pages))) == 60


# -- a cursor that died ----------------------------------------------------------------------------------------------


def test_a_cursor_that_died_is_replaced_from_the_last_record_it_brought(source, salesforce, read, answer):
    # V: API Query Cursor Limits; restforce#616.
    more = "/services/data/v62.0/query/01g-1"

    def queries(request):
        if request.path == more:
            return answer(error("INVALID_QUERY_LOCATOR"), 400)
        low, _ = bounds(request)
        if low == NOON - 2 * HOUR:
            return answer(result(row(1), done=False, nextRecordsUrl=more))
        return answer(result(row(1), row(2)))

    salesforce(queries)

    pages = read(watermark=NOON - 2 * HOUR, overlap_seconds=0)

    assert set(rows_of(pages)) == {row(1)["Id"], row(2)["Id"]}
    assert pages[-1].complete


def test_a_cursor_that_dies_before_it_brought_anything_new_ends_the_read(source, salesforce, read, answer):
    salesforce(lambda _: answer(error("INVALID_QUERY_LOCATOR"), 400))

    with pytest.raises(ForgottenError):
        read(watermark=NOON - HOUR)

    assert len(calls(source)) == 1


# -- single records -----------------------------------------------------------------------------------------------


def test_of_records_requested_by_id_those_that_do_not_come_are_gone(salesforce, read, answer):
    salesforce(lambda _: answer(result(row(1))))

    (page,) = read(only=Selection(records=frozenset({row(1)["Id"], row(2)["Id"]})))

    assert (rows_of([page]), page.gone) == ([row(1)["Id"]], (row(2)["Id"],))


@pytest.mark.parametrize(
    ("code", "status"),
    [("INSUFFICIENT_ACCESS", 403), ("INVALID_TYPE", 400), ("INVALID_FIELD", 400), ("NOT_FOUND", 404), ("NEW", 400)],
)
def test_a_refusal_is_no_word_that_a_record_is_gone(*, salesforce, read, answer, code, status):
    """A right that is withdrawn hides an object whole."""
    salesforce(lambda _: answer(error(code), status))

    with pytest.raises(SourceError):
        read(only=Selection(records=frozenset({row(1)["Id"]})))


# -- the log of deletions --------------------------------------------------------------------------------------------


def test_a_log_of_deletions_that_is_too_young_stops_no_poll(salesforce, read, answer):
    # jsforce#406: INVALID_REPLICATION_DATE.
    refused = error("INVALID_REPLICATION_DATE", "startDate before org replication enabled date")
    salesforce(lambda _: answer(result(row(1))), deleted=lambda _: answer(refused, 400))

    with structlog.testing.capture_logs() as events:
        pages = read(watermark=NOON - HOUR)

    assert (rows_of(pages), pages[-1].complete) == ([row(1)["Id"]], True)
    assert [each["code"] for each in events if each["event"] == "deletions.left_to_reconcile"] == [
        "INVALID_REPLICATION_DATE"
    ]


def test_too_many_deletions_for_one_answer_are_requested_by_parts_of_the_time(source, salesforce, read, answer):
    def deleted(request):
        start, end = (datetime.fromisoformat(request.query[name][0]) for name in ("start", "end"))
        if end - start > timedelta(minutes=30):
            return answer(error("EXCEEDED_ID_LIMIT"), 400)
        gone = NOON - timedelta(minutes=40)
        found = [{"id": row(9)["Id"], "deletedDate": "x"}] if start <= gone < end else []
        return answer({"deletedRecords": found, "latestDateCovered": "2026-01-02T12:00:00.000+0000"})

    salesforce(
        lambda request: answer(result(*([] if "IN (" in unquote_plus(request.path) else [row(1)]))), deleted=deleted
    )

    pages = read(watermark=NOON - HOUR)

    assert {each for page in pages for each in page.gone} == {row(9)["Id"]}


def test_a_right_that_is_missing_parks_the_data_set_and_names_its_object(salesforce, read, answer):
    salesforce(lambda _: answer(error("INSUFFICIENT_ACCESS", "no"), 403))

    with pytest.raises(SourceError) as caught:
        read(watermark=NOON - HOUR)

    assert str(caught.value) == "salesforce: refused the call: Case [INSUFFICIENT_ACCESS]"
