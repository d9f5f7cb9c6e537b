"""The running servers: control plane, faults, log, starting and stopping."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.config import Config, ConfigError, config_from
from sandbox.server import RunningSandbox, start

CREDENTIALS = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}


def _invoices(sandbox: RunningSandbox, **headers: str) -> httpx.Response:
    fields = {**CREDENTIALS, "action": "GetInvoices"}
    return httpx.post(f"{sandbox.whmcs_url}/includes/api.php", data=fields, headers=headers, timeout=5)


def _control(sandbox: RunningSandbox, name: str, content: object) -> httpx.Response:
    return httpx.post(f"{sandbox.whmcs_url}/__sandbox__/{name}", json=content)


def _fail(sandbox: RunningSandbox, mode: str, times: int = 1) -> None:
    fault = {"match": "getinvoices", "times": times, "mode": mode}
    assert _control(sandbox, "faults", fault).status_code == 200


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("faults", {"match": "x", "mode": "explode"}),
        ("faults", {"match": "x"}),
        ("mutate", {"system": "whmcs", "object": "invoice", "id": 1, "fields": "Paid"}),
        ("clock", {"advance_seconds": "soon"}),
        ("clock", []),
    ],
)
def test_a_control_without_sense_is_refused_with_a_reason(sandbox: RunningSandbox, name: str, content: Any) -> None:
    refused = _control(sandbox, name, content)

    assert refused.status_code == 400
    assert refused.json()["error"]


def test_an_unknown_control_lists_those_there_are(sandbox: RunningSandbox) -> None:
    answer = httpx.get(f"{sandbox.freebit_url}/__sandbox__/nothing")

    assert answer.status_code == 404
    assert "mutate" in answer.json()["post"]


@pytest.mark.parametrize(("mode", "status"), [("status:503", 503), ("429", 429), ("html500", 500)])
def test_a_fault_answers_in_place_of_the_emulator_as_often_as_asked(
    sandbox: RunningSandbox, mode: str, status: int
) -> None:
    _fail(sandbox, mode, times=2)

    assert [_invoices(sandbox).status_code for _ in range(3)] == [status, status, 200]


def test_a_cut_connection_ends_within_the_body(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "cut")

    with pytest.raises(httpx.RemoteProtocolError):
        _invoices(sandbox)
    assert _invoices(sandbox).json()["result"] == "success"


def test_a_malformed_answer_is_whole_http_but_half_json(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "malformed")

    answer = _invoices(sandbox)

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_timeout_says_nothing_and_the_server_lives_on(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "timeout")

    fields = {**CREDENTIALS, "action": "GetInvoices"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{sandbox.whmcs_url}/includes/api.php", data=fields, timeout=0.2)
    assert _invoices(sandbox).status_code == 200


def _top_up(sandbox: RunningSandbox, description: str, timeout: float = 5) -> httpx.Response:
    fields = {**CREDENTIALS, "action": "CreateInvoice", "userid": 1001, "notes": description}
    fields |= {"itemdescription1": description, "itemamount1": "500"}
    return httpx.post(f"{sandbox.whmcs_url}/includes/api.php", data=fields, timeout=timeout)


def _ledger(sandbox: RunningSandbox, **wanted: str) -> list[dict[str, Any]]:
    return httpx.get(f"{sandbox.freebit_url}/__sandbox__/ledger", params=wanted).json()["effects"]


@pytest.mark.parametrize(
    ("mode", "error", "applied"),
    [
        ("drop", httpx.RemoteProtocolError, 1),
        ("cut", httpx.RemoteProtocolError, 1),
        ("timeout_after", httpx.ReadTimeout, 1),
        ("timeout", httpx.ReadTimeout, 0),
    ],
)
def test_the_ledger_knows_what_became_of_a_call_whose_caller_does_not(
    sandbox: RunningSandbox, mode: str, error: type[Exception], applied: int
) -> None:
    _control(sandbox, "faults", {"match": "createinvoice", "mode": mode})

    with pytest.raises(error):
        _top_up(sandbox, "order-1", timeout=0.3)

    assert len(_ledger(sandbox, marker="order-1")) == applied
    assert _top_up(sandbox, "order-1").json()["result"] == "success"
    effects = _ledger(sandbox, system="whmcs", kind="invoice", marker="order-1")
    assert len(effects) == applied + 1
    assert {"number", "at", "system", "kind", "id", "marker", "detail"} == set(effects[0])


def test_a_dropped_connection_ends_without_a_byte(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "drop")
    host, port = sandbox.whmcs_url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=5) as connection:
        body = b"action=GetInvoices"
        head = f"POST /includes/api.php HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body)

        assert connection.recv(1) == b""


def test_a_reset_empties_the_ledger(sandbox: RunningSandbox) -> None:
    _top_up(sandbox, "order-2")

    _control(sandbox, "reset", {})

    assert _ledger(sandbox) == []


def test_a_slow_answer_is_late_and_true(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "slow:50")

    answer = _invoices(sandbox)

    assert answer.elapsed.total_seconds() >= 0.05
    assert answer.json()["result"] == "success"


def test_freebit_can_be_made_to_answer_a_code(sandbox: RunningSandbox) -> None:
    _control(sandbox, "faults", {"match": "authOem", "mode": "code:503-001"})

    answer = httpx.post(f"{sandbox.freebit_url}/emptool/api/authOem/", data={"json": "{}"}).json()

    assert (answer["resultCode"], answer["status"]["statusCode"]) == ("503", "001")


def test_a_change_to_no_record_is_refused(sandbox: RunningSandbox) -> None:
    change = {"system": "whmcs", "object": "invoice", "id": "", "fields": {"status": "Paid"}}

    answer = httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", json=change)

    assert (answer.status_code, "id must name a record" in answer.text) == (400, True)


def test_the_log_tells_what_was_asked_and_hides_secrets(sandbox: RunningSandbox) -> None:
    _invoices(sandbox, **{"X-Request-ID": "call-1"})

    log = httpx.get(f"{sandbox.salesforce_url}/__sandbox__/calls?match=getinvoices")

    call = log.json()["calls"][0]
    assert (call["system"], call["status"], call["request_id"]) == ("whmcs", 200, "call-1")
    assert "sandbox-secret" not in log.text


@pytest.mark.parametrize("system", ["salesforce_url", "whmcs_url", "freebit_url"])
def test_every_port_tells_the_same_of_world_and_dirt(sandbox: RunningSandbox, system: str) -> None:
    base = getattr(sandbox, system)

    assert httpx.get(f"{base}/__sandbox__/world").json()["customers"] == 60
    listed = httpx.get(f"{base}/__sandbox__/dirt").json()
    assert listed == [row._asdict() for row in sandbox.world.dirt()]


def test_the_nameless_accounts_listed_are_those_salesforce_serves(sandbox: RunningSandbox) -> None:
    login = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    token = httpx.post(f"{sandbox.salesforce_url}/services/oauth2/token", data=login).json()["access_token"]
    answer = httpx.get(
        f"{sandbox.salesforce_url}/services/data/v62.0/query",
        params={"q": "SELECT Id FROM Account WHERE Name = null"},
        headers={"Authorization": f"Bearer {token}"},
    )

    served = [record["Id"] for record in answer.json()["records"]]
    assert served == [row.source_id for row in sandbox.world.dirt() if row.dataset == "salesforce.accounts"]
    assert served


def test_a_mended_row_leaves_the_dirt_list(sandbox: RunningSandbox) -> None:
    row = next(row for row in sandbox.world.dirt() if row.dataset == "whmcs.invoices")

    mended = {"system": "whmcs", "object": "invoice", "id": row.source_id, "fields": {"date": "2025-12-01"}}
    _control(sandbox, "mutate", mended)

    left = httpx.get(f"{sandbox.whmcs_url}/__sandbox__/dirt").json()
    assert row._asdict() not in left
    assert len(left) == len(list(sandbox.world.dirt())) - 1


def test_calls_are_told_apart_in_time_though_the_clock_is_set_back(sandbox: RunningSandbox) -> None:
    _invoices(sandbox)
    _control(sandbox, "clock", {"advance_seconds": -3600})
    _invoices(sandbox)

    log = httpx.get(f"{sandbox.whmcs_url}/__sandbox__/calls?match=getinvoices").json()["calls"]

    later, earlier = log
    assert later["at"] < earlier["at"]
    assert 0 < later["uptime"] - earlier["uptime"] < 3600


def test_a_reset_undoes_changes_faults_and_the_clock(sandbox: RunningSandbox) -> None:
    before = _invoices(sandbox).json()
    first = str(before["invoices"]["invoice"][0]["id"])
    _control(sandbox, "mutate", {"system": "whmcs", "object": "invoice", "id": first, "fields": None})
    _control(sandbox, "clock", {"advance_seconds": 86_400})
    _control(sandbox, "quirks", {"numbers": "strings"})
    assert _invoices(sandbox).json() != before

    _control(sandbox, "reset", {})

    assert _invoices(sandbox).json() == before


def test_after_stop_nothing_listens_and_a_second_stop_is_nothing() -> None:
    stopped = start(Config(customers=1, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0))
    stopped.stop()
    stopped.stop()

    with pytest.raises(httpx.ConnectError):
        _invoices(stopped)


def test_a_taken_port_stops_the_start_and_frees_the_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
        probe.close()
        with pytest.raises(OSError, match="in use"):
            start(
                Config(salesforce_port=free, salesforce_grpc_port=0, whmcs_port=taken.getsockname()[1], freebit_port=0)
            )

        socket.create_server(("127.0.0.1", free)).close()


@pytest.mark.parametrize("name", ["salesforce_tls_port", "salesforce_grpc_tls_port"])
def test_a_taken_tls_port_stops_the_start_too(name: str) -> None:
    free = {f"{each}_port": 0 for each in ("salesforce", "salesforce_grpc", "whmcs", "freebit")}
    tls = {"salesforce_tls_port": 0, "salesforce_grpc_tls_port": 0}
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match=r"in use|is taken"):
        start(Config(customers=1, tls=True, **free, **{**tls, name: taken.getsockname()[1]}))


def test_with_tls_the_program_names_the_certificate_to_trust_and_removes_it_at_its_end() -> None:
    names = ("SALESFORCE", "SALESFORCE_GRPC", "SALESFORCE_TLS", "SALESFORCE_GRPC_TLS", "WHMCS", "FREEBIT")
    environment = {**os.environ, **{f"SANDBOX_{name}_PORT": "0" for name in names}, "SANDBOX_TLS": "on"}
    command = [sys.executable, "-m", "sandbox"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(8)]
        certificate = next(Path(line.split()[1]) for line in lines if line.startswith("certificate"))
        begins = certificate.read_text()
        program.send_signal(signal.SIGTERM)

        try:
            assert program.wait(timeout=10) == 0
        finally:
            program.kill()
    assert begins.startswith("-----BEGIN CERTIFICATE-----")
    assert [line.split()[0] for line in lines if line.strip().startswith("https://")]
    assert not certificate.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_prints_its_urls_and_ends_at_a_signal(number: signal.Signals) -> None:
    ports = {f"SANDBOX_{system}_PORT": "0" for system in ("SALESFORCE", "SALESFORCE_GRPC", "WHMCS", "FREEBIT")}
    environment = {**os.environ, **ports, "SANDBOX_CUSTOMERS": "1000000"}
    command = [sys.executable, "-m", "sandbox"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(5)]
        program.send_signal(number)

        try:
            assert program.wait(timeout=10) == 0
        finally:
            program.kill()
    assert [line.split()[0] for line in lines] == ["salesforce", "events", "whmcs", "freebit", "customers"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SANDBOX_CUSTOMERS", "many"),
        ("SANDBOX_WHMCS_PORT", "70000"),
        ("SANDBOX_QUIRKS", "numbers"),
        ("SANDBOX_TLS", "maybe"),
        ("SANDBOX_TLS_KEY", "key.pem"),  # without its certificate
    ],
)
def test_a_malformed_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        config_from({name: value})


def test_variables_set_the_configuration_and_empty_ones_do_not() -> None:
    config = config_from({"SANDBOX_CUSTOMERS": "7", "SANDBOX_HOST": "", "SANDBOX_QUIRKS": "numbers=strings"})

    assert (config.customers, config.host, config.quirks) == (7, "127.0.0.1", {"numbers": "strings"})


def _page(sandbox: RunningSandbox, start: int) -> list[str]:
    fields = {**CREDENTIALS, "action": "GetInvoices", "orderby": "id", "limitstart": str(start), "limitnum": "5"}
    answer = httpx.post(f"{sandbox.whmcs_url}/includes/api.php", data=fields, timeout=5).json()
    return [str(row["id"]) for row in answer["invoices"]["invoice"]]


def test_a_repeated_page_is_the_one_before(sandbox: RunningSandbox) -> None:
    first, second = _page(sandbox, 0), _page(sandbox, 5)
    _fail(sandbox, "repeat")

    assert [_page(sandbox, 5), _page(sandbox, 5)] == [first, second]


def test_a_planned_change_is_made_between_two_pages(sandbox: RunningSandbox) -> None:
    first, second = _page(sandbox, 0), _page(sandbox, 5)
    planned = {"system": "whmcs", "object": "invoice", "id": first[0], "fields": None, "before": "limitstart=5"}
    _control(sandbox, "mutate", planned)

    assert _page(sandbox, 0) == first
    assert _page(sandbox, 5)[:4] == second[1:]


def test_faults_that_wait_can_be_called_off(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "status:503", times=3)

    _control(sandbox, "faults", {"mode": "none"})

    assert _invoices(sandbox).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "attacker.example:8401"},  # a name that was made to point at 127.0.0.1 after the page was loaded
        {"Host": "127.0.0.1.attacker.example"},
        {"Host": "localhost@attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9"},  # another site of the same machine
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_of_another_site_does_not_drive_the_sandbox(
    sandbox: RunningSandbox, headers: dict[str, str]
) -> None:
    # A form or a fetch of a page can POST text/plain to any port of the machine that shows it, without asking first.
    fault = {"match": "getinvoices", "mode": "status:503"}

    posted = httpx.post(
        f"{sandbox.whmcs_url}/__sandbox__/faults",
        content=json.dumps(fault),
        headers={"Content-Type": "text/plain", **headers},
    )
    read = httpx.get(f"{sandbox.freebit_url}/__sandbox__/ledger", headers=headers)

    assert (posted.status_code, read.status_code) == (403, 403)
    assert posted.json()["error"]
    assert _invoices(sandbox).status_code == 200


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "127.0.0.2", "[::1]"])
def test_the_sandbox_is_driven_by_its_own_names(sandbox: RunningSandbox, name: str) -> None:
    # As the README's tour does: curl -d, with the type of a form.
    port = httpx.URL(sandbox.whmcs_url).port
    host = f"{name}:{port}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"} | form
    turned = httpx.post(f"{sandbox.whmcs_url}/__sandbox__/clock", content='{"advance_seconds": 0}', headers=headers)

    assert turned.status_code == 200


@pytest.mark.parametrize(
    ("mode", "status", "wait"),
    [
        ("status:503", 503, None),
        ("status:503+7", 503, "7"),
        ("status:503+0", 503, "0"),
        ("after:502", 502, "1"),
        ("after:502+none", 502, None),
        ("after:504+0", 504, "0"),
    ],
)
def test_a_refusal_asks_for_as_much_patience_as_told(
    sandbox: RunningSandbox, mode: str, status: int, wait: str | None
) -> None:
    _fail(sandbox, mode)

    answer = _invoices(sandbox)

    assert (answer.status_code, answer.headers.get("retry-after")) == (status, wait)


def test_patience_may_be_asked_for_until_a_date(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "status:503+date")

    assert _invoices(sandbox).headers["retry-after"].endswith(" GMT")


def test_spoilt_bodies_are_the_true_one_in_another_form(sandbox: RunningSandbox) -> None:
    true = _invoices(sandbox).content

    for mode, body in {"doubled": true * 2, "bom": b"\xef\xbb\xbf" + true, "empty200": b"", "trickle:40": true}.items():
        _fail(sandbox, mode)
        answer = _invoices(sandbox)
        assert (answer.status_code, answer.content) == (200, body), mode


def test_a_page_of_html_may_say_that_all_is_well(sandbox: RunningSandbox) -> None:
    _fail(sandbox, "html200")

    answer = _invoices(sandbox)

    assert (answer.status_code, answer.headers["content-type"], answer.content[:6]) == (200, "text/html", b"<html>")


def test_a_change_planned_for_after_an_answer_is_not_in_it(sandbox: RunningSandbox) -> None:
    row = _invoices(sandbox).json()["invoices"]["invoice"][0]
    change = {"system": "whmcs", "object": "invoice", "id": str(row["id"]), "fields": {"total": "7.00"}}
    _control(sandbox, "mutate", change | {"after": "GetInvoices"})

    totals = [_invoices(sandbox).json()["invoices"]["invoice"][0]["total"] for _ in range(2)]

    assert totals == [row["total"], "7.00"]


def test_half_of_an_emoji_is_said_in_ascii(sandbox: RunningSandbox) -> None:
    case, url = "5005i0000000000AAA", sandbox.salesforce_url
    change = {"system": "salesforce", "object": "Case", "id": case, "fields": {"Subject": "Half \ud83d"}}
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", content=json.dumps(change)).raise_for_status()

    answer = httpx.get(
        f"{url}/services/data/v62.0/query",
        params={"q": f"SELECT Subject FROM Case WHERE Id = '{case}'"},  # noqa: S608 - SOQL of our own
        headers={"Authorization": f"Bearer {_token(url)}"},
    )

    assert b"Half \\ud83d" in answer.content


def test_an_object_that_was_taken_away_is_of_no_known_type(sandbox: RunningSandbox) -> None:
    url = sandbox.salesforce_url
    _control(sandbox, "quirks", {"salesforce.hidden_objects": "Case"})

    headers = {"Authorization": f"Bearer {_token(url)}"}
    answer = httpx.get(f"{url}/services/data/v62.0/query", params={"q": "SELECT Id FROM Case"}, headers=headers)

    assert answer.json()[0]["errorCode"] == "INVALID_TYPE"


def _token(url: str) -> str:
    login = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    return str(httpx.post(f"{url}/services/oauth2/token", data=login).json()["access_token"])
