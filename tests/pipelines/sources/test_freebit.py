"""Freebit over real sockets: what breaks first, then what works."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import structlog

from core.errors import BusyError, CredentialsError, RejectedError, UnavailableError
from core.settings import FreebitSettings
from domain.sim.contract import SimUsage
from pipelines.datasets.freebit import LINE_USAGE
from pipelines.sources.calls import Attempt
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.freebit.extract import line_traffic
from pipelines.sources.freebit.key import KeyRing
from pipelines.sync.dataset import ReadRequest, Source

MSISDN = "09012345678"
OEM_KEY = "the-key-of-the-operator"
ATTEMPT = Attempt(1, "r")


@pytest.fixture
def client(source):
    settings = FreebitSettings(
        _env_file=None, base_url=f"{source.url}/emptool/api", oem_id="us", oem_key=OEM_KEY, calls_per_minute=100_000,
        timeout_ms=300,
    )  # fmt: skip
    with FreebitClient(settings) as client:
        yield client


@pytest.fixture
def vendor(source, reply):
    """Issues k1, k2, ... and answers reads with the replies given."""

    def vendor(*replies):
        keys, waiting = iter(range(1, 1000)), list(replies)

        def script(request):
            if request.path.endswith("/authOem/"):
                return reply(json.dumps({"resultCode": "100", "authKey": f"k{next(keys)}"}))
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        source.script = script

    return vendor


def failed(result_code, detail):
    status = {"message": f"NG {MSISDN}", "statusCode": detail}
    return json.dumps({"resultCode": result_code, "status": status})


OK = json.dumps({"resultCode": 100, "status": {"message": "OK"}, "traffic": {"today": "12"}})


def keys_used(source):
    return [json.loads(request.form["json"])["authKey"] for request in source.requests if "authOem" not in request.path]


def test_a_key_that_stays_refused_is_renewed_once_and_no_more(source, client, vendor, reply):
    vendor(reply(failed("401", "001")))

    with pytest.raises(CredentialsError):
        client.traffic(MSISDN)

    assert keys_used(source) == ["k1", "k2"]


def test_a_key_that_dies_early_is_renewed_and_the_call_repeated(source, client, vendor, reply):
    vendor(reply(failed("401", "001")), reply(OK))

    body = client.traffic(MSISDN)

    assert body["traffic"] == {"today": "12"}
    assert keys_used(source) == ["k1", "k2"]


def test_wrong_operator_credentials_are_never_tried_again(source, client, reply):
    source.answers(reply(failed("401", "002")))

    with pytest.raises(CredentialsError):
        client.traffic(MSISDN)

    assert len(source.requests) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"body": failed("500", "001")},
        {"body": failed("503", "001")},
        {"body": "<html>", "status": 502},
        {"body": "<html>"},
        {"body": '{"resultCode":'},
        {"body": '{"resultCode":', "cut": True},
        {"body": "[]"},
        {"body": '{"status":{}}'},
        {"silent": True},
    ],
    ids=lambda broken: str(broken)[:50],
)
def test_a_read_without_a_usable_answer_is_tried_three_times(source, client, vendor, reply, broken):
    vendor(reply(**broken))

    with pytest.raises(UnavailableError):
        client.traffic(MSISDN)

    assert len(keys_used(source)) == 3


@pytest.mark.parametrize("detail", ["210", "212", "356", "999"])
def test_a_refused_read_is_not_repeated_and_says_the_vendors_code_but_no_number(source, client, vendor, reply, detail):
    vendor(reply(failed("400", detail)))

    with structlog.testing.capture_logs() as events, pytest.raises(RejectedError) as caught:
        client.account_detail(MSISDN)

    assert (caught.value.code, len(keys_used(source))) == (f"400-{detail}", 1)
    assert MSISDN not in f"{caught.value!r} {events}"
    assert OEM_KEY not in f"{caught.value!r} {events}"


def test_a_busy_line_is_left_alone_for_half_an_hour(source, client, vendor, reply):
    vendor(reply(failed("400", "230")))

    with pytest.raises(BusyError) as caught:
        client.account_detail(MSISDN)

    assert (caught.value.retry_after, len(keys_used(source))) == (1800, 1)


def test_an_answer_without_a_key_is_no_log_in(client, source, reply):
    source.answers(reply('{"resultCode":"100"}'))

    with pytest.raises(UnavailableError):
        client.traffic(MSISDN)


def test_threads_share_one_key(source, client, vendor, reply):
    vendor(reply(OK))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(client.traffic, [MSISDN] * 12))

    assert sum("authOem" in request.path for request in source.requests) == 1


def test_a_key_is_renewed_before_it_can_expire():
    now, issued = [0.0], iter(["k1", "k2"])
    ring = KeyRing(lambda _: next(issued), lambda: now[0])

    keys = []
    for minute in (0, 49.9, 50):
        now[0] = minute * 60
        keys.append(ring.current(ATTEMPT))

    assert keys == ["k1", "k1", "k2"]


def test_the_thread_that_comes_late_takes_the_key_another_has_fetched():
    issued = iter(["k1", "k2", "k3"])
    ring = KeyRing(lambda _: next(issued), lambda: 0.0)
    refused = ring.current(ATTEMPT)

    assert ring.instead_of(refused, ATTEMPT) == "k2"
    assert ring.instead_of(refused, ATTEMPT) == "k2"


def test_a_read_is_a_post_of_one_form_field_holding_json(source, client, vendor, reply):
    vendor(reply(OK))

    client.account_detail(MSISDN)
    client.quota_history(MSISDN, date(2026, 1, 2), date(2026, 2, 3))

    _, detail, history = source.requests
    assert (detail.method, detail.path) == ("POST", "/emptool/api/master/getDetail/")
    assert list(detail.form) == ["json"]
    assert json.loads(detail.form["json"]) == {
        "authKey": "k1", "version": "2", "requestDatas": [{"kind": "MVNO", "account": MSISDN}],
    }  # fmt: skip
    assert json.loads(history.form["json"]) == {
        "authKey": "k1", "account": MSISDN, "fromDate": "20260102", "toDate": "20260203",
    }  # fmt: skip


def test_usage_is_of_the_day_on_which_it_was_answered_not_of_that_on_which_the_list_was_taken(
    source, client, vendor, reply
):
    """Two lines read around midnight in Tokyo: all days of the second were one too early (issue 13, A10)."""
    vendor(*[reply(json.dumps({"resultCode": 100, "traffic": {"today": "7", "inRecentDays": "100,200"}}))] * 4)
    midnight = datetime(2026, 11, 1, 15, 0, tzinfo=UTC)
    # Before and after the first line, before and after the second, which midnight falls between, and once more.
    clock = iter([midnight - timedelta(seconds=each) for each in (9, 8, 1, -1, -2)])
    lines = [
        {"id": UUID(int=number), "source_id": str(number), "account_id": UUID(int=9), "msisdn": MSISDN, "due_count": 2}
        for number in (1, 2)
    ]
    settings = FreebitSettings(_env_file=None, base_url=source.url, oem_id="us", oem_key="k", concurrency=1)
    request = ReadRequest(Source(client, settings), position={}, full=False, due=lines, now=lambda: next(clock))

    page = next(iter(line_traffic(request)))

    contracts = [list(LINE_USAGE.to_contracts(row, settings.vocabulary)) for row in page.rows]
    days = [
        [contract.used_on.isoformat() for contract in found if isinstance(contract, SimUsage)] for found in contracts
    ]
    assert days == [
        ["2026-11-01", "2026-10-31", "2026-10-30"],
        ["2026-11-02", "2026-11-01", "2026-10-31"],
    ]


def test_a_byte_order_mark_is_no_part_of_the_answer(client, vendor, reply):
    vendor(reply(b"\xef\xbb\xbf\r\n" + OK.encode()))

    assert client.traffic(MSISDN)["traffic"] == {"today": "12"}


def test_an_empty_answer_is_none(client, vendor, reply):
    vendor(reply(b""))

    with pytest.raises(UnavailableError):
        client.traffic(MSISDN)
