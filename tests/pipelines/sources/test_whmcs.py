"""WHMCS over real sockets: what breaks first, then what works."""

import json
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from types import SimpleNamespace

import pytest
import structlog

from core.errors import CredentialsError, RejectedError, ThrottledError, UnavailableError
from core.settings import WhmcsSettings
from pipelines.sources.whmcs.answers import body_of
from pipelines.sources.whmcs.client import WhmcsClient
from pipelines.sources.whmcs.extract import chosen_clients
from pipelines.sources.whmcs.form import encoded
from pipelines.sources.whmcs.lists import rows_at
from pipelines.sync.dataset import ReadRequest, Selection, Source

SECRET = "the-secret-of-whmcs"
ADDRESS = "someone@example.com"


@pytest.fixture
def settings(source):
    def settings(**changes):
        given = {"url": source.url, "identifier": "us", "secret": SECRET, "calls_per_second": 10_000, **changes}
        return WhmcsSettings(_env_file=None, **given)

    return settings


@pytest.fixture
def client(settings):
    with WhmcsClient(settings(retry_attempts=3)) as client:
        yield client


def success(**body):
    return {"result": "success", **body}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("result=error;message=Invalid IP 192.0.2.7", "address_not_allowed"),
        ('{"result":"error","message":"Invalid or missing credentials"}', "credentials"),
        ('{"result":"error","message":"Invalid Permissions: API action \\"x\\" is not allowed"}', "action_not_allowed"),
        ("<html>Forbidden</html>", "http_403"),
    ],
)
def test_a_refusal_is_never_tried_again_because_repeats_get_the_address_banned(source, client, reply, body, code):
    source.answers(reply(body, 403))

    with pytest.raises(CredentialsError) as caught:
        client.call("GetClients")

    assert (caught.value.code, len(source.requests)) == (code, 1)
    assert "192.0.2.7" not in str(caught.value)


def test_an_action_the_installation_does_not_have_is_for_an_operator_not_for_the_record(source, client, json_reply):
    source.answers(json_reply({"result": "error", "message": "The requested API Action could not be found"}))

    with pytest.raises(CredentialsError):
        client.call("GetInvoice", invoiceid=1)


@pytest.mark.parametrize(
    "broken",
    [
        {"body": "<html>Whoops</html>", "status": 500},
        {"body": "<html>a notice printed before the answer</html>"},
        {"body": '{"result":"success","clients":{"client":[{"id":'},
        {"body": '{"result":"success","clients":', "cut": True},
        {"body": "[]"},
        {"body": "{}"},
        {"body": b"\xff\xfe"},
        {"body": "", "status": 301, "headers": {"Location": "https://elsewhere.example"}},
        {"body": "not here", "status": 404},
        {"silent": True},
    ],
    ids=lambda broken: str(broken)[:50],
)
def test_an_unusable_answer_is_requested_again_and_then_given_up(source, settings, reply, broken):
    source.answers(reply(**broken))

    with WhmcsClient(settings(retry_attempts=2, timeout_seconds=0.2)) as client, pytest.raises(UnavailableError):
        client.call("GetClients")

    assert len(source.requests) == 2


def test_an_answer_that_comes_well_the_second_time_is_the_answer(source, client, reply, json_reply):
    source.answers(reply("<html>", 500), json_reply(success(id=7)))

    body = client.call("GetInvoice", invoiceid=7)

    assert body["id"] == 7
    assert len({request.headers["X-Request-ID"] for request in source.requests}) == 1


def test_a_source_that_asks_for_more_patience_than_we_have_is_left_alone(source, client, reply):
    source.answers(reply("", 429, {"Retry-After": "3600"}))

    with pytest.raises(ThrottledError) as caught:
        client.call("GetClients")

    assert (caught.value.retry_after, len(source.requests)) == (3600.0, 1)


def test_a_record_that_does_not_exist_is_recognised(source, client, json_reply):
    source.answers(json_reply({"result": "error", "message": "Invoice ID Not Found"}))

    with pytest.raises(RejectedError) as caught:
        client.call("GetInvoice", invoiceid=1)

    assert (caught.value.code, len(source.requests)) == ("not_found", 1)


def test_a_refusal_never_repeats_what_was_sent_or_answered(source, client, json_reply):
    source.answers(json_reply({"result": "error", "message": f"No mail to {ADDRESS} {SECRET}"}))

    with structlog.testing.capture_logs() as events, pytest.raises(RejectedError) as caught:
        client.call("GetClientsDetails", email=ADDRESS)

    shown = f"{caught.value!r} {caught.value} {events}"
    assert ADDRESS not in shown
    assert SECRET not in shown


def test_nobody_there_is_unavailable(source, settings):
    source.stop()

    with WhmcsClient(settings(retry_attempts=2)) as client, pytest.raises(UnavailableError) as caught:
        client.call("GetClients")

    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "empty", [{"invoices": ""}, {}, {"invoices": {"invoice": []}}, {"invoices": []}, {"invoices": {}},
              {"invoices": None}, {"invoices": {"invoice": [[]]}}],
)  # fmt: skip
def test_every_shape_of_an_empty_list_is_empty(empty):
    assert rows_at(empty, "invoices.invoice") == []


@pytest.mark.parametrize(
    "shape",
    [
        {"invoices": {"invoice": [{"id": 1}]}},
        {"invoices": {"invoice": {"id": 1}}},
        {"invoices": {"invoice": {"0": {"id": 1}}}},
        {"invoices": {"7": {"id": 1}}},
        {"invoices": [{"id": 1}]},
    ],
)
def test_every_shape_of_a_list_gives_its_rows(shape):
    assert rows_at(shape, "invoices.invoice") == [{"id": 1}]


@pytest.mark.parametrize("wrong", ["a notice", 7, ["a", "b"], [1]])
def test_a_list_of_anything_else_is_not_taken_for_an_empty_one(wrong):
    with pytest.raises(UnavailableError):
        rows_at({"paymethods": wrong}, "paymethods")


def test_rows_that_are_counted_and_not_there_are_no_empty_page(source, client, json_reply):
    source.answers(json_reply(success(totalresults=9, numreturned=9, invoices={"other": []})))

    with pytest.raises(UnavailableError):
        next(client.pages("GetInvoices", "invoices.invoice", 10))


@pytest.mark.parametrize("start", [0, "0"])
def test_a_page_that_comes_twice_is_not_taken_for_the_one_requested(source, client, json_reply, start):
    page = {"totalresults": 4, "startnumber": start, "numreturned": 2, "clients": {"client": [{"id": 1}, {"id": 2}]}}
    source.script = lambda _: json_reply(success(**page))
    pages = client.pages("GetClients", "clients.client", 2)

    assert next(pages).next_offset == 2
    with pytest.raises(UnavailableError, match="another page"):
        next(pages)


def listing(rows, json_reply, **counters):
    """A list action over `rows`; counters may be left out or sent as text."""

    def script(request):
        start, size = int(request.form["limitstart"]), int(request.form["limitnum"])
        page = [{"id": row} for row in rows[start : start + size]]
        counts = {name: count(len(rows), len(page)) for name, count in counters.items()}
        return json_reply(success(**counts, clients={"client": page} if page else ""))

    return script


@pytest.mark.parametrize(
    ("counters", "total"),
    [
        ({"totalresults": lambda total, _: total, "numreturned": lambda _, returned: returned}, 5),
        ({"totalresults": lambda total, _: str(total), "numreturned": lambda _, returned: str(returned)}, 5),
        ({"totalresults": lambda total, _: total}, 5),
        ({}, 5),
    ],
    ids=["numbers", "texts", "no numreturned", "no counters"],
)
def test_a_list_is_read_to_its_end_whatever_its_counters_look_like(source, client, json_reply, counters, total):
    source.script = listing(range(5), json_reply, **counters)

    pages = list(client.pages("GetClients", "clients.client", 2, orderby="id"))

    assert [row["id"] for page in pages for row in page.rows] == [0, 1, 2, 3, 4]
    assert pages[-1].total == total
    assert [page.offset for page in pages][:3] == [0, 2, 4]
    assert source.requests[0].form["orderby"] == "id"


def test_a_list_that_hands_over_less_than_requested_is_read_to_its_end(source, client, json_reply):
    """A row that is counted and left out, or a limit of the installation's own, makes a page short."""
    rows = range(5)

    def script(request):
        start = int(request.form["limitstart"])
        page = [{"id": row} for row in rows[start : start + 2]]
        return json_reply(success(totalresults=5, numreturned=len(page), clients={"client": page}))

    source.script = script

    pages = list(client.pages("GetClients", "clients.client", 4))

    assert [row["id"] for page in pages for row in page.rows] == [*rows]


def test_a_list_is_gone_on_with_where_it_stopped(source, client, json_reply):
    source.script = listing(range(5), json_reply, totalresults=lambda total, _: total)

    pages = list(client.pages("GetClients", "clients.client", 2, offset=3))

    assert [row["id"] for page in pages for row in page.rows] == [3, 4]


def test_a_list_that_stops_early_reports_the_total_it_owes(source, client, json_reply):
    source.answers(json_reply(success(totalresults=9, numreturned=0, clients="")))

    (page,) = client.pages("GetClients", "clients.client", 2)

    assert (page.rows, page.next_offset, page.total) == ([], 0, 9)


def test_a_call_carries_credentials_format_and_the_request_id_bound_around_it(source, client, json_reply):
    source.answers(json_reply(success()))

    with structlog.contextvars.bound_contextvars(request_id="req-7"):
        client.call("GetInvoice", invoiceid=7)

    (request,) = source.requests
    assert request.path == "/includes/api.php"
    assert request.headers["X-Request-ID"] == "req-7"
    assert request.form == {
        "action": "GetInvoice", "responsetype": "json", "identifier": "us", "secret": SECRET, "invoiceid": "7",
    }  # fmt: skip


def test_one_event_tells_of_each_try_without_payload(source, client, reply, json_reply):
    source.answers(reply("", 503), json_reply(success()))

    with structlog.testing.capture_logs() as events:
        client.call("GetClientsDetails", email=ADDRESS)

    called = [event for event in events if event["event"] == "source.called"]
    assert [(event["operation"], event["status"], event["attempt"]) for event in called] == [
        ("GetClientsDetails", 503, 1),
        ("GetClientsDetails", 200, 2),
    ]
    assert ADDRESS not in json.dumps(events, default=str)


def test_parameters_are_written_as_php_writes_them():
    params = {
        "pid": [1, 2],
        "renewals": {"example.com": 1},
        "noemail": True,
        "paid": False,
        "notes": None,
        "n": "a b&c",
    }

    form = encoded(params)

    assert form == b"pid%5B0%5D=1&pid%5B1%5D=2&renewals%5Bexample.com%5D=1&noemail=1&paid=0&n=a+b%26c"


def test_a_cookie_is_never_returned_because_php_runs_one_sessions_calls_one_by_one(source, client, json_reply):
    source.answers(json_reply(success(), Set_Cookie="WHMCSx=1; path=/"))

    client.call("GetClients")
    client.call("GetClients")

    assert not any("Cookie" in request.headers for request in source.requests)


def test_calls_of_many_threads_stay_within_the_budget(source, settings, json_reply):
    source.answers(json_reply(success()))

    started = perf_counter()
    with WhmcsClient(settings(calls_per_second=10)) as client, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: client.call("GetClients"), range(21)))

    assert perf_counter() - started >= 2


def test_a_nul_that_no_text_of_postgresql_can_hold_is_taken_out_before_it_stops_a_page():
    body = body_of(200, rb'{"result":"success","name":"a\u0000b","path":"c\\u0000"}', None)

    assert (body["name"], body["path"]) == ("ab", "c\\u0000")


def test_a_client_is_searched_by_the_address_that_was_typed(source, client, json_reply):
    kept = {"id": 5, "email": "o&#039;brien@example.com"}
    row = kept | {"firstname": "Pat", "status": "Active"}
    source.answers(json_reply(success(client=kept)), json_reply(success(totalresults=1, clients={"client": [row]})))
    of_whmcs = Source(client, SimpleNamespace(concurrency=1))

    pages = list(chosen_clients(ReadRequest(of_whmcs, {}, full=False, only=Selection(records=frozenset({"5"})))))

    assert [call.form["search"] for call in source.requests[1:]] == ["o'brien@example.com"]
    assert [row["id"] for page in pages for row in page.rows] == [5]


NOTICE = b"<br />\n<b>Warning</b>:  Undefined array key 7 in <b>/srv/hooks/a.php</b> on line <b>3</b><br />\n"
ANSWER = '{"result":"success","name":"株式会社"}'.encode()


# PHP: a file saved with a mark sends it first; display_errors prints notices into the answer (WHMCS reference §1.4).
@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + ANSWER,
        b"\xef\xbb\xbf\xef\xbb\xbf\r\n" + ANSWER,
        b"\n\n" + ANSWER,
        NOTICE + ANSWER,
        ANSWER + NOTICE,
        b"\xef\xbb\xbf" + NOTICE + ANSWER + b"\n",
        NOTICE + ANSWER + ANSWER,
        ANSWER + ANSWER,
    ],
    ids=["mark", "two marks", "lines", "notice before", "notice after", "mark and notice", "notice and twice", "twice"],
)
def test_what_php_prints_around_an_answer_is_no_part_of_it(content):
    assert body_of(200, content) == {"result": "success", "name": "株式会社"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf",
        NOTICE,
        NOTICE + ANSWER[:-4],
        ANSWER + b'{"result":"error","message":"No"}',
        b'{"result":"error","message":"No"}' + ANSWER,
    ],
    ids=["empty", "mark alone", "notice alone", "cut off", "success and error", "error and success"],
)
def test_an_answer_that_does_not_say_what_was_done_is_none(content):
    with pytest.raises(UnavailableError) as caught:
        body_of(200, content)

    assert not caught.value.nothing_came


def test_a_refusal_before_log_in_may_have_a_mark_as_well():
    with pytest.raises(CredentialsError):
        body_of(403, b"\xef\xbb\xbfresult=error;message=Invalid IP 192.0.2.7")


def test_an_answer_is_utf_8_whatever_its_header_says(source, client, reply):
    source.answers(reply(ANSWER, headers={"Content-Type": "text/html; charset=ISO-8859-1"}))

    assert client.call("GetClientsDetails", clientid=7)["name"] == "株式会社"
