import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

GOOD = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "action": "GetClients"}
JSON = {"responsetype": "json"}


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"action": "GetClients"}, 403, "Invalid or missing credentials"),
        ({**GOOD, "secret": "wrong"}, 403, "Invalid or missing credentials"),
        ({**GOOD, "action": ""}, 400, "Empty action request"),
        ({**GOOD, "action": "GetNothing"}, 200, "Command Not Found"),
        ({**GOOD, "action": "GetInvoice", "invoiceid": "1"}, 200, "Invoice ID Not Found"),
        ({**GOOD, "action": "GetInvoice", "invoiceid": "abc"}, 200, "Invoice ID Not Found"),
        ({**GOOD, "action": "GetClientsDetails"}, 200, "Either clientid Or email Is Required"),
        ({**GOOD, "action": "GetClientsDetails", "clientid": "9"}, 200, "Client Not Found"),
        ({**GOOD, "action": "GetPayMethods"}, 200, "Client ID Is Required"),
        ({**GOOD, "action": "GetPayMethods", "clientid": "9"}, 200, "Client Not Found"),
    ],
)
def test_a_refusal_has_the_documented_status_and_text(
    whmcs: Any, fields: dict[str, object], status: int, message: str
) -> None:
    answered, body = whmcs.post({**fields, **JSON})

    assert answered == status
    assert json.loads(body) == {"result": "error", "message": message}


def test_a_refusal_before_the_credentials_are_known_may_come_as_name_value_pairs(whmcs: Any) -> None:
    whmcs.state.quirks["auth_errors"] = "nvp"

    assert whmcs.post({**JSON, "action": "GetClients"}) == (
        403,
        b"result=error;message=Invalid or missing credentials",
    )


def test_an_address_off_the_allow_list_needs_the_access_key(whmcs: Any) -> None:
    whmcs.state.quirks["allowed_ips"] = "198.51.100.1"

    assert json.loads(whmcs.post({**GOOD, **JSON})[1])["message"] == "Invalid IP 192.0.2.7"
    assert whmcs.post({**GOOD, **JSON, "accesskey": "sandbox-access-key"})[0] == 200


def test_a_role_without_the_action_is_refused_naming_it_in_lower_case(whmcs: Any) -> None:
    whmcs.state.quirks["forbidden"] = "GetClients"

    status, body = whmcs.post({**GOOD, **JSON})

    assert status == 403
    assert json.loads(body)["message"] == 'Invalid Permissions: API action "getclients" is not allowed'


def test_the_legacy_field_names_of_the_credentials_are_accepted_and_the_action_in_any_case(whmcs: Any) -> None:
    legacy = {"username": "sandbox-identifier", "password": "sandbox-secret", "action": "getclients"}

    assert json.loads(whmcs.post({**legacy, **JSON})[1])["result"] == "success"


def test_json_is_not_the_default(whmcs: Any) -> None:
    status, body = whmcs.post({**GOOD, "limitnum": "2"})

    document = ET.fromstring(body)  # noqa: S314 - we wrote it
    assert (status, document.tag, document.findtext("result")) == (200, "whmcsapi", "success")
    assert len(document.findall("clients/client")) == 2


def test_any_install_path_will_do_but_no_other_page(whmcs: Any) -> None:
    assert whmcs.post({**GOOD, **JSON}, path="/billing/includes/api.php")[0] == 200
    assert whmcs.post({**GOOD, **JSON}, path="/index.php")[0] == 404
