"""UpdateClient, CreateSsoToken and OpenTicket, over a socket."""

from typing import Any

import httpx
import pytest

from tests.sandbox.whmcs.conftest import serialized


def test_a_client_is_found_before_it_is_changed_and_keeps_a_mail_address_of_its_own(api: Any) -> None:
    client = api.client()
    other = next(row for row in api.rows("GetClients", "clients", "client") if row["id"] != client)

    assert api.refused("UpdateClient", clientid=999_999, city="x") == "Client ID Not Found"
    assert api.refused("UpdateClient", clientemail="nobody@customer.example", city="x") == "Client ID Not Found"
    assert api.refused("UpdateClient", clientid=client, email="nobody") == "The email address entered is not valid"
    assert api.refused("UpdateClient", clientid=client, email=other["email"].upper()) == "Duplicate Email Address"
    assert api.effects() == []


def test_an_address_is_changed_with_all_that_follows_from_it(api: Any) -> None:
    client = api.client()
    address = {"address1": "1-2-3 <Kita>", "address2": "", "city": "大阪市", "state": "大阪府", "postcode": "530-0001"}

    made = api.call("UpdateClient", clientid=client, **address, phonenumber="06-1234-5678", firstname="Ann")

    read = api.call("GetClientsDetails", clientid=client)
    assert made["clientid"] == str(client)
    assert {name: read[name] for name in address} == {**address, "address1": "1-2-3 &lt;Kita&gt;"}
    assert (read["fullstate"], read["client"]["city"]) == ("大阪府", "大阪市")
    assert (read["telephoneNumber"], read["fullname"].split()[0]) == ("+81.612345678", "Ann")
    assert next(r for r in api.rows("GetClients", "clients", "client") if r["id"] == client)["firstname"] == "Ann"
    assert [effect["id"] for effect in api.effects(kind="client_update")] == [str(client)]


def test_a_client_is_found_by_its_new_mail_address_and_no_longer_by_the_old(api: Any) -> None:
    client = api.client()
    old = api.call("GetClientsDetails", clientid=client)["email"]

    api.call("UpdateClient", clientemail=old, email="new@customer.example")

    assert api.call("GetClientsDetails", email="new@customer.example")["id"] == client
    assert api.refused("GetClientsDetails", email=old) == "Client Not Found"


def test_custom_fields_and_preferences_change_one_by_one(api: Any) -> None:
    client = api.client()
    before = {field["id"]: field["value"] for field in api.call("GetClientsDetails", clientid=client)["customfields"]}

    api.call(
        "UpdateClient", clientid=client, customfields=serialized({200: "Brazil"}), email_preferences={"invoice": 0}
    )

    read = api.call("GetClientsDetails", clientid=client)
    assert {field["id"]: field["value"] for field in read["customfields"]} == {**before, 200: "Brazil"}
    assert "Brazil" in {read[f"customfields{n}"] for n in range(1, 5)}
    assert (read["email_preferences"]["invoice"], read["email_preferences"]["general"]) == ("0", "1")


# -- CreateSsoToken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "A valid client_id or user_id is required"),
        ({"client_id": 999_999}, "Invalid client_id"),
        ({"user_id": 999_999}, "Invalid user_id"),
        ({"client_id": "mine", "user_id": 1}, "Invalid user_id for client"),
        ({"client_id": "mine", "destination": "admin:area"}, "Invalid destination"),
    ],
)
def test_a_token_that_leads_nowhere_is_not_given(api: Any, params: dict[str, Any], message: str) -> None:
    if params.get("client_id") == "mine":
        params = {**params, "client_id": api.client()}

    assert api.refused("CreateSsoToken", **params) == message


def test_a_client_may_be_blocked_from_single_sign_on(api: Any) -> None:
    client = api.client()
    api.state.overlay.put("whmcs", "client", str(client), {"allowSingleSignOn": 0})

    assert api.refused("CreateSsoToken", client_id=client) == f"SSO authentication blocked for client {client}"


def _visit(made: dict[str, Any]) -> httpx.Response:
    return httpx.get(made["redirect_url"])


def test_a_token_opens_its_page_once_within_a_minute_and_stays_out_of_the_log(api: Any) -> None:
    request = {"client_id": api.client(), "destination": "sso:custom_redirect"}
    good, late = (api.call("CreateSsoToken", **request, sso_redirect_path="/viewinvoice.php?id=7") for _ in range(2))

    first, second = _visit(good), _visit(good)
    api.state.clock.advance(61)
    third = _visit(late)

    assert len(good["access_token"]) == 40
    assert (first.status_code, first.headers["location"]) == (302, "/viewinvoice.php?id=7")
    assert [second.status_code, third.status_code] == [403, 403]
    calls = httpx.get(f"{api.sandbox.whmcs_url}/__sandbox__/calls").text
    assert good["access_token"] not in calls
    assert api.effects() == []


# -- OpenTicket -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"clientid": 999_999}, "Client ID Not Found"),
        ({"clientid": ""}, "Name and email address are required if not a client"),
        ({"deptid": 99}, "Department ID not found"),
        ({"subject": ""}, "Subject is required"),
        ({"message": ""}, "Message is required"),
        ({"serviceid": 1}, "Service ID Not Found"),
    ],
)
def test_a_ticket_that_lacks_something_is_refused(api: Any, wrong: dict[str, Any], message: str) -> None:
    ticket = {"clientid": api.client(), "deptid": 1, "subject": "Help", "message": "Please"}

    assert api.refused("OpenTicket", **{**ticket, **wrong}) == message


def test_the_same_ticket_twice_is_two_tickets_of_the_client(api: Any) -> None:
    client = api.client()
    before = len(api.rows("GetTickets", "tickets", "ticket", clientid=client))

    made = [api.call("OpenTicket", clientid=client, deptid=1, subject="A & B", message="x") for _ in range(2)]

    rows = api.rows("GetTickets", "tickets", "ticket", clientid=client)
    assert len(rows) == before + 2
    assert [(str(row["id"]), row["subject"], row["status"]) for row in rows[-2:]] == [
        (one["id"], "A &amp; B", "Open") for one in made
    ]
