"""What may be concluded from a failed write: only 429, or no connection at all, proves that nothing came of it.

Sources: 502/503/504 with `Retry-After` after the origin has finished (openSUSE/osc#1860, PanoramicData.OData.Client
#44); 403 from a firewall that looks at what the origin answered (ModSecurity's phase 4); RFC 9110 for 408, 421, 425.
"""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.errors import CredentialsError, SourceError, ThrottledError, UnavailableError
from core.settings import FreebitSettings, SalesforceSettings, WhmcsSettings
from pipelines.sources.calls import seconds
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient

WRITES = {"salesforce": "/sobjects/CaseComment", "whmcs": "/includes/api.php", "freebit": "/master/addSpec/"}
"""The path that each system's write goes to."""
SYSTEMS = tuple(WRITES)
PAGE = "<html><body>Try again later</body></html>"
NOBODY_KNOWS = (403, 406, 408, 420, 421, 425, 500, 502, 503, 504, 520, 524)
WAITS = (None, "1", "0", "Fri, 01 Jan 2100 00:00:00 GMT", "soon")


@pytest.fixture
def written(source, reply):
    """Writes once to a system whose answer to the write is the reply; the error, and how often the write arrived."""

    def written(system, answer):
        arrived = []

        def script(request):
            if "oauth2/token" in request.path:
                body = {"access_token": "s1", "instance_url": "https://acme.my.salesforce.com"}
                return reply(json.dumps(body))
            if "authOem" in request.path:
                return reply(json.dumps({"resultCode": "100", "authKey": "k"}))
            if WRITES[system] in request.path:  # not what some process asks that takes this port for one that was freed
                arrived.append(request)
            return answer

        source.script = script
        with pytest.raises(SourceError) as caught, opened(system, source.url) as client:
            write(system, client)
        return caught.value, len(arrived)

    return written


def opened(system, url):
    if system == "salesforce":
        given = {"domain": "acme.my", "client_id": "us", "client_secret": "s", "base_url": url}
        return SalesforceClient(SalesforceSettings(_env_file=None, **given))
    if system == "whmcs":
        return WhmcsClient(WhmcsSettings(_env_file=None, url=url, identifier="us", secret="s"))
    return FreebitClient(FreebitSettings(_env_file=None, base_url=url, oem_id="us", oem_key="k"))


def write(system, client):
    if system == "salesforce":
        client.create("CaseComment", {"ParentId": "500000000000001AAA", "CommentBody": "Hello"})
    elif system == "whmcs":
        client.change("CreateInvoice", userid=1)
    else:
        client.change("master/addSpec/", {"account": "09012345678", "quota": "1024"})


@pytest.mark.parametrize(
    ("status", "wait"), [*((status, None) for status in NOBODY_KNOWS), *((503, wait) for wait in WAITS[1:])]
)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_write_that_a_proxy_answers_for_is_neither_repeated_nor_taken_for_nothing(
    written, reply, system, status, wait
):
    headers = {"Content-Type": "text/html"} | ({} if wait is None else {"Retry-After": wait})

    error, arrived = written(system, reply(PAGE, status, headers))

    assert (error.nothing_came, arrived) == (False, 1)
    assert not isinstance(error, ThrottledError)


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_write_that_is_asked_for_patience_came_to_nothing(written, reply, system, wait):
    error, arrived = written(system, reply(PAGE, 429, {} if wait is None else {"Retry-After": wait}))

    assert isinstance(error, ThrottledError)
    assert (error.nothing_came, arrived) == (True, 1)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("broken", [{"body": "", "status": 200}, {"body": PAGE}, {"body": "{", "cut": True}], ids=str)
def test_a_write_whose_answer_is_lost_or_is_none_leaves_it_open(written, reply, system, broken):
    error, arrived = written(system, reply(**broken))

    assert isinstance(error, UnavailableError)
    assert (error.nothing_came, arrived) == (False, 1)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_write_that_finds_nobody_there_came_to_nothing(source, system):
    url = source.url
    source.stop()

    with pytest.raises(SourceError) as caught, opened(system, url) as client:
        write(system, client)

    # The log-in of Salesforce and Freebit is the call that finds nobody: the write itself was never begun.
    assert caught.value.nothing_came


def test_a_refusal_in_the_vendors_own_words_came_to_nothing(written, json_reply):
    error, arrived = written("whmcs", json_reply({"result": "error", "message": "Invalid IP 192.0.2.7"}, 403))

    assert isinstance(error, CredentialsError)
    assert (error.nothing_came, arrived) == (True, 1)


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("120", 120.0), ("0", 0.0), ("-5", None), ("soon", None), ("", None), ("\uff11\uff12", None),
     ("9" * 40, 86_400.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_a_number_of_seconds_a_day_at_most(header, expected):
    assert seconds(header) == expected


def test_retry_after_as_a_date_is_the_time_until_then():
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    assert 55 < (seconds(in_a_minute) or 0) <= 60


def test_a_read_waits_as_long_as_a_proxy_asks_and_tries_again(source, reply, json_reply):
    source.answers(reply(PAGE, 503, {"Retry-After": "0"}), json_reply({"result": "success", "id": 7}))

    with opened("whmcs", source.url) as client:
        body = client.call("GetInvoice", invoiceid=7)

    assert (body["id"], len(source.requests)) == (7, 2)
