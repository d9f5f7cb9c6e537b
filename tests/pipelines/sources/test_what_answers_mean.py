"""What each client concludes of each answer that the world gives: which error, whether something may have come of the
call, how long to wait, how often it is tried, and what the circuit hears.

A table for each of: what comes from whoever is in between, whatever is called; bodies that are none; connections that
end; and each source's own words. A source does not say whether it answered before or after the effect, so every row
holds for both. Sources stand beside the rows; RFC 9110 where none is named.
"""

import gc
import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import stamina

from core.errors import (
    BusyError,
    CredentialsError,
    QuotaError,
    RejectedError,
    SourceError,
    ThrottledError,
    UnavailableError,
)
from core.settings import FreebitSettings, SalesforceSettings, WhmcsSettings
from pipelines.sources.circuit import Circuit
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.salesforce.answers import TooMuchError
from pipelines.sources.salesforce.client import Changed, Lines, SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient
from tests.pipelines.sources.conftest import Reply, Request, as_json

SYSTEMS = ("salesforce", "whmcs", "freebit")
TRIES = 2
"""How often a read is tried where trying again may help."""
PAGE = "<html><body>Try again later</body></html>"

ANSWERED = "answered"
"""The source is up."""
ONE_FAILED = "this call failed"
"""It counts only together with other calls that fail."""
ALL_FAILED = "any call would have failed"
UNTOUCHED = ""


@dataclass(frozen=True)
class Concluded:
    """What a client made of an answer; `code` only where somebody acts on it."""

    kind: type[SourceError]
    nothing_came: bool
    tries: int
    circuit: str
    wait: float | None = None


class Noting(Circuit):
    """A circuit that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = UNTOUCHED

    def answered(self) -> None:
        self.heard = ANSWERED

    def failed(self, error: SourceError, about: str | None) -> None:  # noqa: ARG002 - the port's own
        self.heard = ALL_FAILED if about is None else ONE_FAILED


READS: dict[str, Any] = {
    "salesforce": lambda client: client.count("SELECT COUNT() FROM Case"),
    "whmcs": lambda client: client.call("GetInvoice", invoiceid=7),
    "freebit": lambda client: client.traffic("09012345678"),
}
WRITES: dict[str, tuple[str, Any]] = {
    "create": ("salesforce", lambda client: client.create("CaseComment", {"CommentBody": "Hello"})),
    "create_tree": (
        "salesforce",
        lambda client: client.create_tree("Order", {"Status": "Draft"}, Lines("OrderItems", "OrderItem", [{}])),
    ),
    "create_file": ("salesforce", lambda client: client.create_file({"PathOnClient": "a.pdf"}, [b"%PDF"])),
    "whmcs change": ("whmcs", lambda client: client.change("CreateInvoice", userid=1)),
    "freebit change": ("freebit", lambda client: client.change("master/addSpec/", {"account": "09012345678"})),
}
"""Whatever makes something new, and would do so again."""
REPEATABLE: dict[str, Any] = {
    "update": lambda client: client.update("Case", "500", {"Status": "Closed"}),
    "upsert": lambda client: client.upsert("Case", "Key__c", "k", {"Status": "Closed"}),
    "update_together": lambda client: client.update_together([Changed("Order", "801", {"Status": "Draft"})]),
}
"""What sets fields of Salesforce's, as often as it is called."""


@pytest.fixture(autouse=True)
def nothing_is_collected() -> Iterator[None]:
    """The deepest body is read up to the interpreter's recursion limit: a finalizer that runs just there fails."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def concluded(source: Any) -> Any:
    """What a client of that system concludes of one and the same answer, or returns."""

    def concluded(system: str, answer: Reply, do: Any) -> Any:
        tries: list[Request] = []

        def script(request: Request) -> Reply:
            if "oauth2/token" in request.path:
                return as_json({"access_token": "s1", "instance_url": "https://acme.my.salesforce.com"})
            if "authOem" in request.path:
                return as_json({"resultCode": "100", "authKey": "k"})
            tries.append(request)
            return answer

        source.script = script
        circuit = Noting()
        with opened(system, source.url, circuit) as client:
            try:
                return do(client)
            except SourceError as error:
                wait = getattr(error, "retry_after", None)
                return Concluded(type(error), error.nothing_came, len(tries), circuit.heard, wait)

    return concluded


def opened(system: str, url: str, circuit: Any = None) -> Any:
    if system == "salesforce":
        given = {"domain": "acme.my", "client_id": "us", "client_secret": "s", "base_url": url}
        settings = SalesforceSettings(_env_file=None, retry_attempts=TRIES, timeout_seconds=0.5, **given)
        return SalesforceClient(settings, circuit)
    if system == "whmcs":
        whmcs = {"identifier": "us", "secret": "s", "retry_attempts": TRIES, "timeout_seconds": 0.5}
        return WhmcsClient(WhmcsSettings(_env_file=None, url=url, calls_per_second=10_000, **whmcs), circuit)
    freebit = {"oem_id": "us", "oem_key": "k", "retry_attempts": TRIES, "timeout_ms": 500}
    return FreebitClient(FreebitSettings(_env_file=None, base_url=url, calls_per_minute=100_000, **freebit), circuit)


def page(status: int, wait: str | None = None) -> Reply:
    return Reply(PAGE, status, {"Content-Type": "text/html"} | ({} if wait is None else {"Retry-After": wait}))


# -- from somebody in between ----------------------------------------------------------------------------------------

# Retry-After: section 10.2.3. A day at most; what is neither a number nor a date says nothing.
WAITS = [
    (None, None),
    ("0", 0.0),
    ("30", 30.0),
    ("600", 600.0),
    ("9" * 30, 86_400.0),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ("Fri, 01 Jan 2100 00:00:00 GMT", 86_400.0),
    ("soon", None),
    ("1.5", None),
    ("-1", None),
    ("", None),
    ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
]
# 408 (15.5.9), 421 (15.5.20), 425 (RFC 8470, 5.2); 406 and 420 from Salesforce's edge; 520 and 524: Cloudflare's pages.
PASSING = (406, 408, 420, 421, 425, 500, 502, 503, 504, 520, 524)


def worth_another_try(wait: float | None) -> int:
    """Who asks for more patience than a minute is left alone at once."""
    return 1 if wait is not None and wait > 60 else TRIES


@pytest.mark.parametrize(("header", "wait"), WAITS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_server_fault_is_waited_out_as_long_as_it_asks(
    concluded: Any, system: str, header: str | None, wait: float | None
) -> None:
    read = concluded(system, page(503, header), READS[system])

    assert read == Concluded(UnavailableError, False, worth_another_try(wait), ONE_FAILED, wait)


@pytest.mark.parametrize(("header", "wait"), WAITS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_who_is_asked_for_patience_knows_that_nothing_was_done(
    concluded: Any, system: str, header: str | None, wait: float | None
) -> None:
    """RFC 6585, section 4."""
    read = concluded(system, page(429, header), READS[system])

    assert read == Concluded(ThrottledError, True, worth_another_try(wait), ALL_FAILED, wait)


@pytest.mark.parametrize("status", PASSING)
@pytest.mark.parametrize("system", SYSTEMS)
def test_what_passes_is_requested_again(concluded: Any, system: str, status: int) -> None:
    read = concluded(system, page(status), READS[system])

    assert read == Concluded(UnavailableError, False, TRIES, ONE_FAILED)


@pytest.mark.parametrize("status", [*PASSING, 403, 404, 405])
@pytest.mark.parametrize("write", WRITES)
def test_a_page_in_place_of_an_answer_to_a_write_leaves_it_open(concluded: Any, write: str, status: int) -> None:
    """DESIGN: a 5xx proves nothing, nor does any status that may be a proxy's; look before repeating."""
    system, do = WRITES[write]

    written = concluded(system, page(status, "30"), do)

    assert (written.nothing_came, written.tries) == (False, 1)
    assert written.kind is not RejectedError


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_is_asked_for_patience_is_not_repeated_by_the_client(concluded: Any, write: str) -> None:
    system, do = WRITES[write]

    assert concluded(system, page(429, "30"), do) == Concluded(ThrottledError, True, 1, ALL_FAILED, 30.0)


@pytest.mark.parametrize("status", [408, 500, 503])
@pytest.mark.parametrize("write", REPEATABLE)
def test_fields_that_may_be_set_are_set_again(concluded: Any, write: str, status: int) -> None:
    written = concluded("salesforce", page(status), REPEATABLE[write])

    assert written == Concluded(UnavailableError, False, TRIES, ONE_FAILED)


# 403: pages of edge networks (scarecr0w12/whmcs-mcp-tool#43). WHMCS bans addresses that repeat what it refuses.
@pytest.mark.parametrize(
    ("system", "kind", "tries"),
    [("salesforce", UnavailableError, TRIES), ("whmcs", CredentialsError, 1), ("freebit", CredentialsError, 1)],
)
def test_a_403_by_status_alone_is_no_word_of_the_source(
    concluded: Any, system: str, kind: type[SourceError], tries: int
) -> None:
    assert concluded(system, page(403), READS[system]) == Concluded(kind, False, tries, ONE_FAILED)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long clients wait between tries; nobody does."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waited.append))
    stamina.set_testing(False)
    return waited


@pytest.mark.parametrize(("header", "wait"), [("0", 0.5), ("30", 30.0), ("60", 60.0)])
@pytest.mark.parametrize("system", SYSTEMS)
def test_between_two_tries_lies_what_was_requested_and_never_nothing(
    concluded: Any, naps: list[float], system: str, header: str, wait: float
) -> None:
    concluded(system, page(503, header), READS[system])

    assert naps == [wait]


# -- bodies ----------------------------------------------------------------------------------------------------------

NAME = "\u682a\u5f0f\u4f1a\u793e"
GOOD: dict[str, dict[str, Any]] = {
    "salesforce": {"totalSize": 7, "done": True, "records": [], "name": NAME},
    "whmcs": {"result": "success", "name": NAME},
    "freebit": {"resultCode": "100", "name": NAME},
}


def good(system: str, name: str = NAME) -> bytes:
    return json.dumps(GOOD[system] | {"name": name}, ensure_ascii=False).encode()


def bodies(system: str) -> dict[str, Reply]:
    """With status 200, and none of them an answer."""
    whole = good(system)
    return {
        "a page": Reply(PAGE, headers={"Content-Type": "text/html"}),
        "a page said to be JSON": Reply(PAGE, headers={"Content-Type": "application/json"}),
        "nothing": Reply(b""),
        "spaces": Reply(b" \r\n"),
        "a mark": Reply(b"\xef\xbb\xbf"),
        "cut by its sender": Reply(whole[:-2]),
        "cut on the way": Reply(whole[:-2], cut=True),
        "another answer behind": Reply(whole + b'{"result":"error","resultCode":"500"}'),
        "latin-1": Reply(json.dumps(GOOD[system] | {"name": "M\u00fcller"}, ensure_ascii=False).encode("latin-1")),
        "Shift_JIS": Reply(json.dumps(GOOD[system], ensure_ascii=False).encode("shift_jis")),
        "said to be gzip": Reply(whole, headers={"Content-Encoding": "gzip"}),
        "a text": Reply(b'"down"'),
        "a list": Reply(b"[]"),
        "null": Reply(b"null"),
        "an empty object": Reply(b"{}"),
        "too deep": Reply(b"[" * 100_000),
    }


NO_ANSWERS = tuple(bodies("whmcs"))


@pytest.mark.parametrize("body", NO_ANSWERS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_body_that_is_no_answer_is_requested_again(concluded: Any, system: str, body: str) -> None:
    read = concluded(system, bodies(system)[body], READS[system])

    assert read == Concluded(UnavailableError, False, TRIES, ONE_FAILED)


@pytest.mark.parametrize("body", NO_ANSWERS)
@pytest.mark.parametrize("write", WRITES)
def test_a_body_that_is_no_answer_to_a_write_leaves_it_open(concluded: Any, write: str, body: str) -> None:
    system, do = WRITES[write]

    assert concluded(system, bodies(system)[body], do) == Concluded(UnavailableError, False, 1, ONE_FAILED)


@pytest.mark.parametrize("body", ["a page", "nothing", "a list", "{}", '[{"id":"801"}]', '[{"success":false}]'])
@pytest.mark.parametrize("write", REPEATABLE)
def test_that_fields_were_set_is_believed_only_if_it_is_said(concluded: Any, write: str, body: str) -> None:
    """`[]` is a collection's answer of which nothing is left."""
    answer = bodies("salesforce").get(body) or Reply(body)

    assert concluded("salesforce", answer, REPEATABLE[write]).kind is UnavailableError


# A mark before JSON, which RFC 8259, section 8.1, lets a reader ignore; PHP sends one for each file that begins with
# one. Charset: JSON is UTF-8 whatever the header says (the same section). Halves of an emoji: RFC 8259, section 8.2.
ODD = {
    "a mark": (lambda system: Reply(b"\xef\xbb\xbf" + good(system)), NAME),
    "marks and lines": (lambda system: Reply(b"\xef\xbb\xbf\r\n\xef\xbb\xbf" + good(system)), NAME),
    "another charset in the header": (
        lambda system: Reply(good(system), headers={"Content-Type": "text/html; charset=Shift_JIS"}),
        NAME,
    ),
    "half an emoji, written out": (lambda system: Reply(good(system, "cut?").replace(b"?", rb"\ud83d")), "cut\ufffd"),
    "half an emoji in bytes": (lambda system: Reply(good(system, "cut?").replace(b"?", b"\xed\xa0\xbd")), "cut\ufffd"),
    "NUL": (lambda system: Reply(good(system, "a?b").replace(b"?", rb"\u0000")), "ab"),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_odd_about_an_answer_does_not_hide_it(concluded: Any, system: str, odd: str) -> None:
    make, name = ODD[odd]
    reads = READS | {"salesforce": lambda client: client._result("query", {"q": "SELECT Id FROM Case"})[0]}

    assert concluded(system, make(system), reads[system])["name"] == name


def test_whmcs_alone_may_answer_twice_the_same(concluded: Any) -> None:
    """PHP prints what hooks echo around the answer; Salesforce and Freebit have no such thing, so it is no answer."""
    read = {system: concluded(system, Reply(good(system) * 2), READS[system]) for system in SYSTEMS}

    assert read["whmcs"] == GOOD["whmcs"]
    assert read["salesforce"] == read["freebit"] == Concluded(UnavailableError, False, TRIES, ONE_FAILED)


# -- connections -----------------------------------------------------------------------------------------------------

LOST = {
    "closed without a word": Reply(lost=True),
    "reset": Reply(reset=True),
    "silent": Reply(silent=True),
    "cut": Reply('{"id":"1","result":"success","resultCode":"100"', 201, cut=True),
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("write", WRITES)
def test_a_connection_that_is_lost_after_a_write_left_proves_nothing(concluded: Any, write: str, lost: str) -> None:
    """Section 9.2.2: a client should not retry what is not idempotent unless it knows that nothing was applied."""
    system, do = WRITES[write]

    assert concluded(system, LOST[lost], do) == Concluded(UnavailableError, False, 1, ONE_FAILED)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_connection_that_is_lost_during_a_read_is_made_again(concluded: Any, system: str, lost: str) -> None:
    assert concluded(system, LOST[lost], READS[system]) == Concluded(UnavailableError, False, TRIES, ONE_FAILED)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_key_or_a_session_that_cannot_be_had_proves_that_the_write_was_not_begun(source: Any, system: str) -> None:
    source.script = lambda _: page(503, "120")
    circuit = Noting()
    (do,) = [do for name, (of, do) in WRITES.items() if of == system and not name.startswith("create_")]

    with opened(system, source.url, circuit) as client, pytest.raises(UnavailableError) as caught:
        do(client)

    # WHMCS takes its credentials with each call: the one that fails is the write itself.
    has_log_in = system != "whmcs"
    assert caught.value.nothing_came is has_log_in
    assert circuit.heard == (ALL_FAILED if has_log_in else ONE_FAILED)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_somebody_in_between_refuses_proves_that_the_change_was_not_begun(source: Any, status: int) -> None:
    source.script = lambda _: page(status)

    with opened("freebit", source.url) as client, pytest.raises(CredentialsError) as caught:
        client.change("master/addSpec/", {"account": "09012345678"})

    assert (caught.value.nothing_came, len(source.requests)) == (True, 1)


# -- in the sources' own words ---------------------------------------------------------------------------------------


def said(code: str, status: int = 400, message: str = "", **headers: str) -> Reply:
    """An error of Salesforce's REST API."""
    return as_json([{"errorCode": code, "message": message}], status, **headers)


CONCURRENT = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
# V: REST API Developer Guide, "Status Codes and Error Responses"; the codes' own sources stand in answers.py.
SALESFORCE = {
    "a session that stays refused": (
        said("INVALID_SESSION_ID", 401), Concluded(CredentialsError, True, 2, ALL_FAILED)),
    "a right withdrawn for an object": (said("INVALID_TYPE"), Concluded(RejectedError, True, 1, ANSWERED)),
    "a right withdrawn for a field": (said("INVALID_FIELD"), Concluded(RejectedError, True, 1, ANSWERED)),
    "a right withdrawn for a record": (
        said("INSUFFICIENT_ACCESS_OR_READONLY", 403), Concluded(RejectedError, True, 1, ANSWERED)),
    "a record refused for ever": (
        said("FIELD_CUSTOM_VALIDATION_EXCEPTION"), Concluded(RejectedError, True, 1, ANSWERED)),
    "a record that is not there": (said("NOT_FOUND", 404), Concluded(RejectedError, True, 1, ANSWERED)),
    "a locked row": (said("UNABLE_TO_LOCK_ROW"), Concluded(UnavailableError, True, TRIES, ONE_FAILED)),
    "a fault": (said("UNKNOWN_EXCEPTION", 500), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "a fault of an unknown name": (
        said("SOMETHING_NEW", 500), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "a refusal with a fault's status": (
        said("INVALID_FIELD", 500), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "a fault that asks for patience": (
        said("SERVER_UNAVAILABLE", 503, Retry_After="120"),
        Concluded(UnavailableError, False, 1, ONE_FAILED, 120.0)),
    "a fault of an unknown name that asks for patience": (
        said("SOMETHING_NEW", 503, Retry_After="120"), Concluded(UnavailableError, False, 1, ONE_FAILED, 120.0)),
    "maintenance that asks for patience": (
        said("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", 503, Retry_After="30"),
        Concluded(UnavailableError, True, TRIES, ONE_FAILED, 30.0)),
    "a query that takes too long": (said("QUERY_TIMEOUT"), Concluded(TooMuchError, False, 1, ANSWERED)),
    "the day's calls are used": (
        said("REQUEST_LIMIT_EXCEEDED", 403), Concluded(QuotaError, True, 1, UNTOUCHED)),
    "too many calls at once": (
        said("REQUEST_LIMIT_EXCEEDED", 403, CONCURRENT), Concluded(ThrottledError, True, TRIES, ALL_FAILED)),
    "an org that moved and does not say where": (
        Reply("", 302, {"Location": "https://elsewhere.example"}),
        Concluded(UnavailableError, True, 2 * TRIES, ALL_FAILED)),
    "a version that is retired": (
        said("UNSUPPORTED_API_VERSION", 410), Concluded(CredentialsError, True, 1, ALL_FAILED)),
}  # fmt: skip


@pytest.mark.parametrize("what", SALESFORCE)
def test_what_salesforce_says_of_a_read(concluded: Any, what: str) -> None:
    answer, expected = SALESFORCE[what]

    assert concluded("salesforce", answer, READS["salesforce"]) == expected


@pytest.mark.parametrize("what", SALESFORCE)
@pytest.mark.parametrize("write", ["create", "create_tree"])
def test_what_salesforce_says_of_a_write(concluded: Any, write: str, what: str) -> None:
    """The same, but once: only what the old session or the old instance refused is sent again, to the new one."""
    answer, expected = SALESFORCE[what]

    written = concluded("salesforce", answer, WRITES[write][1])

    sent_anew = what in {"a session that stays refused", "an org that moved and does not say where"}
    assert written == Concluded(
        expected.kind, expected.nothing_came, 2 if sent_anew else 1, expected.circuit, expected.wait
    )


def refused(message: str, status: int = 200) -> Reply:
    return as_json({"result": "error", "message": message}, status)


# V: developers.whmcs.com/api/response-types; field notes, "WHMCS".
WHMCS = {
    "a record that is not there": (refused("Invoice ID Not Found"), Concluded(RejectedError, True, 1, ANSWERED)),
    "a record refused for ever": (refused("You did not supply any items"), Concluded(RejectedError, True, 1, ANSWERED)),
    "a record that cannot be written as JSON": (
        refused("Error generating JSON encoded response: Malformed UTF-8 characters, possibly incorrectly encoded"),
        Concluded(RejectedError, True, 1, ANSWERED)),
    "our address": (refused("Invalid IP 192.0.2.7", 403), Concluded(CredentialsError, True, 1, ALL_FAILED)),
    "our secret": (refused("Authentication Failed", 403), Concluded(CredentialsError, True, 1, ALL_FAILED)),
    "a right withdrawn for an action": (
        refused('Invalid Permissions: API action "getinvoice" is not allowed', 403),
        Concluded(CredentialsError, True, 1, ANSWERED)),
    "an error with a fault's status": (
        refused("Invoice ID Not Found", 500), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "a success with a fault's status": (
        as_json({"result": "success"}, 500), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "a result of an unknown name": (
        as_json({"result": "queued"}), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "an address that moved": (
        Reply("", 301, {"Location": "https://elsewhere.example"}),
        Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
}  # fmt: skip


@pytest.mark.parametrize("what", WHMCS)
def test_what_whmcs_says(concluded: Any, what: str) -> None:
    answer, expected = WHMCS[what]

    read = concluded("whmcs", answer, READS["whmcs"])
    written = concluded("whmcs", answer, WRITES["whmcs change"][1])

    assert read == expected
    assert written == Concluded(expected.kind, expected.nothing_came, 1, expected.circuit, expected.wait)


def result(code: str, detail: str) -> Reply:
    return as_json({"resultCode": code, "status": {"message": "NG", "statusCode": detail}})


# Reference, freebit.md, section 3: the pairs are ours but for 400-356; success is 100 and nothing else (S3).
FREEBIT = {
    "a line that is not there": (result("400", "210"), Concluded(RejectedError, True, 1, ANSWERED)),
    "a line refused for ever": (result("400", "356"), Concluded(RejectedError, True, 1, ANSWERED)),
    "a line that is being changed": (result("400", "230"), Concluded(BusyError, True, 1, ANSWERED, 1800.0)),
    "a line changed less than half an hour ago": (
        result("400", "231"), Concluded(BusyError, True, 1, ANSWERED, 1800.0)),
    "a key that stays refused": (result("401", "001"), Concluded(CredentialsError, True, 2, ALL_FAILED)),
    "a fault": (result("500", "001"), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "maintenance": (result("503", "001"), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "a fault that is documented nowhere": (result("504", "001"), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
    "a success with a fault's status": (
        as_json({"resultCode": "100"}, 502), Concluded(UnavailableError, False, TRIES, ONE_FAILED)),
}  # fmt: skip


@pytest.mark.parametrize("what", FREEBIT)
def test_what_freebit_says(concluded: Any, what: str) -> None:
    answer, expected = FREEBIT[what]

    read = concluded("freebit", answer, READS["freebit"])
    written = concluded("freebit", answer, WRITES["freebit change"][1])

    tries = 2 if what == "a key that stays refused" else 1
    assert read == expected
    assert written == Concluded(expected.kind, expected.nothing_came, tries, expected.circuit, expected.wait)
