"""How parameters reach the API, and who is refused how.

Sources: the pages "Getting Started", "Authentication" and "Access Control" of the vendor's developer documentation.
"""

import hashlib
import json
from typing import Any

import httpx
import pytest

CREDENTIALS = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}


def _url(api: Any) -> str:
    return f"{api.sandbox.whmcs_url}/includes/api.php"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_action_and_credentials_may_stand_in_the_address(api: Any, method: str) -> None:
    # "Access Control": ?action=xxxx&username=xxx&password=xxx&accesskey=...
    login = {"username": "sandbox-identifier", "password": "sandbox-secret"}
    query = {"action": "GetClients", **login, "responsetype": "json", "limitnum": "2"}

    answer = httpx.request(method, _url(api), params=query)

    assert (answer.status_code, answer.json()["numreturned"]) == (200, 2)


def test_address_and_body_are_read_together_and_the_body_wins(api: Any) -> None:
    # whmcs-api-client posts its form to api.php?action=GetClients.
    answer = httpx.post(
        _url(api), params={"action": "GetClients", "limitnum": "1"}, data={**CREDENTIALS, "limitnum": "3"}
    )

    assert answer.json()["numreturned"] == 3


def test_a_multipart_body_is_read_as_a_form(api: Any) -> None:
    # whmcs-go posts multipart bodies.
    parts = {name: (None, value) for name, value in {**CREDENTIALS, "action": "GetClients", "search": "山"}.items()}

    answer = httpx.post(_url(api), files=parts).json()

    assert answer["result"] == "success"
    assert all(row["lastname"].startswith("山") or row["companyname"] for row in answer["clients"]["client"])


def test_a_call_by_the_address_is_logged_without_its_password(api: Any) -> None:
    httpx.get(_url(api), params={**CREDENTIALS, "action": "GetClients", "password": "very-secret-word"})

    calls = httpx.get(f"{api.sandbox.whmcs_url}/__sandbox__/calls", params={"match": "getclients"}).json()["calls"]

    assert calls
    assert not any("very-secret-word" in call["label"] or "sandbox-secret" in call["label"] for call in calls)


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        ({}, "Invalid or missing credentials"),
        ({"identifier": "sandbox-identifier", "secret": "wrong"}, "Invalid or missing credentials"),
        ({"username": "sandbox-identifier", "password": "wrong"}, "Authentication Failed"),  # node-whmcs#17
        ({"username": "sandbox-admin", "password": "sandbox-password"}, "Authentication Failed"),  # not hashed
    ],
)
def test_wrong_credentials_are_refused_with_403_in_the_words_of_their_kind(
    whmcs: Any, credentials: dict[str, str], message: str
) -> None:
    status, body = whmcs.post({**credentials, "action": "GetClients", "responsetype": "json"})

    assert (status, json.loads(body)) == (403, {"result": "error", "message": message})


def test_an_administrator_logs_in_with_the_hash_of_his_password(whmcs: Any) -> None:
    # "Authenticating with Login Credentials": the MD5 of the administrator's password.
    hashed = hashlib.md5(b"sandbox-password", usedforsecurity=False).hexdigest()

    login = {"username": "sandbox-admin", "password": hashed}
    status, body = whmcs.post({**login, "action": "GetClients", "responsetype": "json"})

    assert (status, json.loads(body)["result"]) == (200, "success")


def test_the_format_where_none_is_asked_for_is_xml_unless_the_install_answers_in_pairs(whmcs: Any) -> None:
    # "Response Types" names three formats and no default; JSON is asked for in every sample.
    wanted = {name: value for name, value in CREDENTIALS.items() if name != "responsetype"} | {"action": "WhmcsDetails"}

    as_xml = whmcs.post(wanted)[1]
    whmcs.state.quirks["default_format"] = "nvp"
    as_pairs = whmcs.post({**wanted, "action": "AcceptOrder", "orderid": "1"})[1]

    assert as_xml.startswith(b"<?xml")
    assert as_pairs == b"result=error;message=Order ID not found or Status not Pending"
