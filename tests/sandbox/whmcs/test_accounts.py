"""Accounts begin and end, orders go back and away, tickets are found: what a client other than the hub needs.

Texts and effects: the pages AddClient, CloseClient, PendingOrder, FraudOrder, DeleteOrder, GetTicket, GetTickets,
OpenTicket, GetSupportDepartments and GetClients of the vendor's API reference.
"""

from typing import Any

import pytest

from sandbox.whmcs.users import password_of
from tests.sandbox.whmcs.conftest import serialized

SIM = 303
NEW = {
    "firstname": "Hana", "lastname": "O'Brien", "email": "hana@customers.example", "address1": "1-1 Chiyoda",
    "city": "Chiyoda-ku", "state": "Tokyo", "postcode": "100-0001", "country": "JP", "phonenumber": "03-1234-5678",
    "password2": "a-password",
}  # fmt: skip


# -- AddClient, CloseClient -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"firstname": ""}, "You did not enter your first name"),
        ({"lastname": ""}, "You did not enter your last name"),
        ({"email": ""}, "You did not enter your email address"),
        ({"email": "", "skipvalidation": 1}, "You did not enter your email address"),
        ({"email": "nobody"}, "The email address you entered was not valid"),
        ({"address1": ""}, "You did not enter your  address line 1"),
        ({"city": ""}, "You did not enter your city"),
        ({"state": ""}, "You did not enter your state"),
        ({"postcode": ""}, "You did not enter your postcode"),
        ({"country": ""}, "Valid country required"),
        ({"country": "Japan"}, "Valid country required"),
        ({"phonenumber": ""}, "You did not enter your phone number"),
        ({"phonenumber": "call me"}, "Invalid telephone phone number"),
        ({"owner_user_id": 999_999}, "Invalid Owner User ID"),
    ],
)
def test_an_account_that_cannot_be_is_refused_and_leaves_nothing(api: Any, wrong: Any, message: str) -> None:
    assert api.refused("AddClient", **{**NEW, **wrong}) == message
    assert api.effects() == []


def test_an_address_that_a_user_has_is_refused_unless_that_user_is_named_as_the_owner(api: Any) -> None:
    client = api.client()
    email = api.call("GetClientsDetails", clientid=client)["client"]["email"]

    refusal = api.refused("AddClient", **{**NEW, "email": email})
    second = api.call("AddClient", **{**NEW, "email": email, "owner_user_id": client})

    assert refusal == "A user already exists with that email address"
    assert second["owner_user_id"] == client != int(second["clientid"])


def test_a_new_account_shows_everywhere_with_its_own_values_and_nobody_else_s(api: Any) -> None:
    made = api.call("AddClient", **NEW, customfields=serialized({198: "C-1"}), notes="VIP")

    client = api.call("GetClientsDetails", clientid=made["clientid"], stats=1)
    detail = client["client"]
    assert type(made["clientid"]) is str
    assert (detail["fullname"], detail["address1"], detail["notes"]) == ("Hana O&#039;Brien", "1-1 Chiyoda", "VIP")
    assert (detail["status"], detail["credit"], detail["companyname"], detail["lastlogin"]) == (
        "Active",
        "0.00",
        "",
        "",
    )
    assert [field["value"] for field in detail["customfields"]] == ["C-1", "", "", ""]
    assert detail["users"]["user"][0]["email"] == NEW["email"]
    assert client["stats"]["productsnumtotal"] == client["stats"]["numunpaidinvoices"] == 0
    found = api.rows("GetClients", "clients", "client", search="hana@customers")
    assert [(row["id"], row["firstname"], row["status"]) for row in found] == [
        (int(made["clientid"]), "Hana", "Active")
    ]
    assert api.call("GetPayMethods", clientid=made["clientid"])["paymethods"] == []
    assert api.services(clientid=made["clientid"]) == api.invoices(userid=made["clientid"]) == []


def test_without_validation_an_address_alone_makes_an_account(api: Any) -> None:
    made = api.call("AddClient", email="alone@customers.example", skipvalidation=1)

    assert api.call("GetClientsDetails", email="alone@customers.example")["client"]["id"] == int(made["clientid"])


def test_a_new_account_orders_pays_and_closes(api: Any) -> None:
    client = api.call("AddClient", **NEW)["clientid"]
    paid = api.call("AddOrder", clientid=client, paymentmethod="mailin", pid=[SIM])
    api.call("AcceptOrder", orderid=paid["orderid"], autosetup=1)
    api.call("AddInvoicePayment", invoiceid=paid["invoiceid"], transid="t-1", gateway="mailin", date="2026-01-05")
    open_order = api.call("AddOrder", clientid=client, paymentmethod="mailin", pid=[SIM])

    api.call("CloseClient", clientid=client)

    states = {row["id"]: row["status"] for row in api.services(clientid=client)}
    assert states == {paid["serviceids"]: "Terminated", open_order["serviceids"]: "Cancelled"}
    statuses = {str(row["id"]): row["status"] for row in api.invoices(userid=client)}
    assert statuses == {paid["invoiceid"]: "Paid", open_order["invoiceid"]: "Cancelled"}
    assert api.call("GetClientsDetails", clientid=client, stats=1)["stats"]["numpaidinvoices"] == 1
    refusal = api.refused("AddOrder", clientid=client, paymentmethod="mailin", pid=[SIM])
    assert refusal == "Unable to add order when client status is Closed"
    assert api.refused("CloseClient", clientid=999_999) == "Client ID Not Found"


@pytest.mark.parametrize("column", ["firstname", "lastname", "companyname", "email", "datecreated", "status"])
def test_clients_come_in_the_order_of_the_column_asked_for(whmcs: Any, column: str) -> None:
    rows = whmcs.call("GetClients", orderby=column, limitnum=5000)["clients"]["client"]
    backwards = whmcs.call("GetClients", orderby=column, sorting="DESC", limitnum=5000)["clients"]["client"]

    assert [row[column] for row in rows] == sorted(row[column] for row in rows)
    assert backwards == rows[::-1]


def test_somebody_must_hear_of_a_client_s_domains(api: Any) -> None:
    # UpdateClient: a rule of ICANN's.
    contacts = {row["userid"] for row in api.rows("GetContacts", "contacts", "contact")}
    with_contact = next(iter(contacts))
    alone = next(row["id"] for row in api.rows("GetClients", "clients", "client") if row["id"] not in contacts)

    refusal = api.refused("UpdateClient", clientid=alone, email_preferences={"domain": 0})
    api.call("UpdateClient", clientid=with_contact, email_preferences={"domain": 0})

    assert refusal.startswith("You must have at least one email address enabled to receive domain related")
    assert api.call("GetClientsDetails", clientid=with_contact)["client"]["email_preferences"]["domain"] == "0"


# -- orders -----------------------------------------------------------------------------------------------------------


def _order(api: Any) -> Any:
    return api.call("AddOrder", clientid=api.client(), paymentmethod="stripe", pid=[SIM], addons=["311"])


@pytest.mark.parametrize(("action", "status"), [("PendingOrder", "Pending"), ("FraudOrder", "Fraud")])
def test_an_accepted_order_may_go_back_or_turn_out_a_fraud_with_all_that_is_on_it(
    api: Any, action: str, status: str
) -> None:
    made = _order(api)
    api.call("AcceptOrder", orderid=made["orderid"], autosetup=1)

    api.call(action, orderid=made["orderid"])

    assert api.orders(id=made["orderid"])[0]["status"] == status
    assert api.services(serviceid=made["serviceids"])[0]["status"] == status
    addons = api.call("GetClientsAddons", serviceid=made["serviceids"])["addons"]["addon"]
    assert [addon["status"] for addon in addons] == [status]
    assert api.refused(action, orderid=999_999) == "Order ID Not Found"


def test_only_a_cancelled_order_is_deleted_and_takes_all_that_is_on_it_along(api: Any) -> None:
    made = _order(api)

    refusal = api.refused("DeleteOrder", orderid=made["orderid"])
    api.call("CancelOrder", orderid=made["orderid"])
    api.call("DeleteOrder", orderid=made["orderid"])

    assert refusal == "The order status must be in Cancelled or Fraud to be deleted"
    assert api.orders(id=made["orderid"]) == api.services(serviceid=made["serviceids"]) == []
    assert "addons" not in api.call("GetClientsAddons", serviceid=made["serviceids"])
    assert api.refused("GetInvoice", invoiceid=made["invoiceid"]) == "Invoice ID Not Found"
    assert api.refused("DeleteOrder", orderid=made["orderid"]) == "Order ID not found"


def test_today_s_orders_are_counted_by_their_status(api: Any) -> None:
    before = api.call("GetStats")["orders_pending"]
    _order(api)
    api.call("CancelOrder", orderid=_order(api)["orderid"])

    stats = api.call("GetStats", timeline_days=3)

    assert stats["orders_pending"] == before + 1
    assert (stats["orders_today_total"], stats["orders_today_pending"], stats["orders_today_cancelled"]) == (2, 1, 1)
    assert list(stats["timeline_data"]["new_orders"].values()) == [2, 0, 0]
    assert "timeline_data" not in api.call("GetStats")


def test_nobody_has_a_domain_and_the_list_says_so_in_its_own_way(api: Any) -> None:
    # The vendor's counters are texts; an empty list is an empty text (whmcs-api-client).
    answer = api.call("GetClientsDomains", clientid=api.client())

    assert (answer["totalresults"], answer["domains"]) == ("0", "")


# -- tickets ----------------------------------------------------------------------------------------------------------


def _ticket(api: Any, **params: Any) -> Any:
    return api.call("OpenTicket", **{"clientid": api.client(), "deptid": 2, "subject": "My bill", "message": "A & B",
                                     **params})  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"clientid": 999_999}, "Client ID Not Found"),
        ({"userid": 999_999}, "The system cannot find the provided user ID."),
        ({"contactid": 999_999}, "Contact ID Not Found"),
        ({"clientid": ""}, "Name and email address are required if not a client"),
        ({"clientid": "", "name": "Guest", "email": "nobody"}, "Email Address Invalid"),
        ({"deptid": 9}, "Department ID not found"),
        ({"subject": ""}, "Subject is required"),
        ({"message": ""}, "Message is required"),
        ({"serviceid": 999_999}, "Service ID Not Found"),
        ({"domainid": 1}, "Domain ID Not Found"),
        ({"created": "yesterday"}, "Invalid Date Format"),
        ({"created": "2999-01-01 00:00:00"}, "Ticket creation date cannot be in the future"),
    ],
)
def test_a_ticket_that_cannot_be_is_refused(api: Any, wrong: Any, message: str) -> None:
    ticket = {"clientid": api.client(), "deptid": 1, "subject": "One", "message": "Two", **wrong}

    assert api.refused("OpenTicket", **ticket) == message


def test_a_ticket_is_found_by_either_number_with_its_message_as_the_first_reply(api: Any) -> None:
    made = _ticket(api)

    by_id, by_number = api.call("GetTicket", ticketid=made["id"]), api.call("GetTicket", ticketnum=made["tid"])

    assert by_id == by_number
    assert (by_id["ticketid"], by_id["deptid"], by_id["deptname"], by_id["subject"]) == (
        made["id"], "2", "Billing", "My bill")  # fmt: skip
    first = by_id["replies"]["reply"][0]
    assert (first["replyid"], first["message"], first["attachments"]) == ("0", "A &amp; B", [[]])
    assert api.refused("GetTicket", ticketid=999_999) == "Ticket ID Not Found"


def test_tickets_are_listed_by_status_department_address_and_words_of_the_subject(api: Any) -> None:
    made = _ticket(api)
    guest = _ticket(api, clientid="", name="Guest", email="guest@else.example", subject="A BILL of mine")

    def found(**filters: Any) -> set[str]:
        return {row["id"] for row in api.rows("GetTickets", "tickets", "ticket", **filters)}

    everything = {row["id"]: row["status"] for row in api.rows("GetTickets", "tickets", "ticket")}
    assert found(deptid=2) == found(subject="bill") == {made["id"], guest["id"]}
    assert found(email="guest@else.example") == {guest["id"]}
    assert found(status="Closed") == {key for key, status in everything.items() if status == "Closed"} != set()
    assert found(status="All Active Tickets") == everything.keys() - found(status="Closed")
    assert made["id"] in found(status="Awaiting Reply", clientid=api.client())
    departments = {row["name"]: row for row in api.rows("GetSupportDepartments", "departments", "department")}
    assert (departments["Billing"]["awaitingreply"], departments["Billing"]["opentickets"]) == ("2", "2")


# -- ValidateLogin -----------------------------------------------------------------------------------------------------

REFUSED = "Email or Password Invalid"


def test_a_user_logs_in_with_their_own_address_and_password(api: Any) -> None:
    client = api.client()
    email = api.call("GetClientsDetails", clientid=client)["client"]["email"]
    api.call("UpdateClient", clientid=client, email="billing@customers.example")

    found = api.call("ValidateLogin", email=email.upper(), password2=password_of(client))
    api.state.quirks["two_factor"] = str(client)
    with_factor = api.call("ValidateLogin", email=email, password2=password_of(client))

    # The client has another address by now; its owner has not.
    assert (found["userid"], found["twoFactorEnabled"]) == (client, "false")
    assert (with_factor["twoFactorEnabled"], "passwordhash" in with_factor) == ("true", False)
    assert api.refused("ValidateLogin", email="billing@customers.example", password2=password_of(client)) == REFUSED
    assert api.refused("ValidateLogin", email=email, password2="wrong") == REFUSED
    assert api.refused("ValidateLogin", email="nobody@customers.example", password2=password_of(client)) == REFUSED


def test_a_new_client_brings_a_user_unless_one_is_named(api: Any) -> None:
    made = api.call("AddClient", **NEW)
    second = api.call("AddClient", **NEW, owner_user_id=made["owner_user_id"])

    found = api.call("ValidateLogin", email=NEW["email"], password2=NEW["password2"])

    assert found["userid"] == made["owner_user_id"] != int(second["clientid"])
