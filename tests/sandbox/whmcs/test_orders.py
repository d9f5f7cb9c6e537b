"""AddOrder, AcceptOrder, CancelOrder, UpdateClientProduct and AddCancelRequest, over a socket."""

import base64
from typing import Any

import pytest

from tests.sandbox.whmcs.conftest import serialized

SIM, FEE, VOICE_MAIL, DENWA = 303, 310, 311, 246
MARKER, SIM_NUMBER = 307, 301


def _order(api: Any, **params: Any) -> Any:
    order = {"clientid": api.client(), "paymentmethod": "stripe", "pid": [SIM], "billingcycle": ["monthly"]}
    return api.call("AddOrder", **{**order, **params})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"clientid": 999_999}, "Client ID Not Found"),
        ({"paymentmethod": "cash"}, "Invalid Payment Method. Valid options include stripe,mailin"),
        ({"pid": "303"}, "Expecting parameter 'pid' to be an array"),
        ({"pid": [303], "customfields": "x"}, "Expecting parameter 'customfields' to be an array"),
        ({"pid": []}, "No items added to cart so order cannot proceed"),
        ({"pid": [999]}, "No items added to cart so order cannot proceed"),
        ({"addons": ["303"]}, "Addon ID invalid"),
        ({"pid": [], "addonid": 311, "serviceid": 999_999}, "Service ID not owned by Client ID provided"),
    ],
)
def test_an_order_that_cannot_be_is_refused_and_leaves_nothing(api: Any, wrong: Any, message: str) -> None:
    order = {"clientid": api.client(), "paymentmethod": "stripe", "pid": [SIM]}

    assert api.refused("AddOrder", **{**order, **wrong}) == message
    assert api.effects() == []


def test_a_closed_client_orders_nothing(api: Any) -> None:
    client = api.client()
    api.call("UpdateClient", clientid=client, status="Closed")

    refusal = api.refused("AddOrder", clientid=client, paymentmethod="stripe", pid=[SIM])

    assert refusal == "Unable to add order when client status is Closed"


def test_an_order_makes_pending_services_and_an_unpaid_invoice_that_every_list_shows(api: Any) -> None:
    client = api.client()
    made = _order(api, clientid=client, pid=[SIM, FEE], billingcycle=["monthly", "onetime"], notes="sfOrderId=801x")

    order = api.orders(id=made["orderid"])[0]
    services = {str(row["id"]): row for row in api.services(clientid=client)}
    ids = made["serviceids"].split(",")
    invoice = next(row for row in api.invoices(userid=client) if str(row["id"]) == made["invoiceid"])
    detail = api.call("GetInvoice", invoiceid=made["invoiceid"])
    assert {name: type(made[name]) for name in ("orderid", "serviceids", "invoiceid")} == dict.fromkeys(
        ("orderid", "serviceids", "invoiceid"), str
    )
    assert (order["status"], order["notes"], order["paymentstatus"]) == ("Pending", "sfOrderId=801x", "Unpaid")
    assert [str(line["relid"]) for line in order["lineitems"]["lineitem"]] == ids
    assert [services[i]["status"] for i in ids] == ["Pending", "Pending"]
    assert [services[i]["billingcycle"] for i in ids] == ["Monthly", "One Time"]
    assert [services[i]["recurringamount"] for i in ids] == ["1580.00", "0.00"]
    assert [services[i]["nextduedate"] != "0000-00-00" for i in ids] == [True, False]
    assert (invoice["status"], invoice["subtotal"], invoice["total"]) == ("Unpaid", "3080.00", "3388.00")
    assert [item["relid"] for item in detail["items"]["item"]] == [int(i) for i in ids]
    assert detail["balance"] == "3388.00"
    assert invoice["created_at"] == invoice["updated_at"] > "2026"


def test_what_is_created_never_has_an_id_of_the_world_or_of_another(api: Any) -> None:
    world = api.world
    taken = {row["id"] for row in api.services()}
    first, second = _order(api, addons=[str(VOICE_MAIL)]), _order(api)

    assert {int(made["serviceids"]) for made in (first, second)}.isdisjoint(taken)
    assert int(first["orderid"]) < int(second["orderid"])
    assert int(first["invoiceid"]) > world.invoice_index.total
    items = [api.call("GetInvoice", invoiceid=made["invoiceid"])["items"]["item"] for made in (first, second)]
    assert len({item["id"] for lines in items for item in lines}) == 3


def test_the_same_order_twice_is_two_orders_services_and_invoices(api: Any) -> None:
    client = api.client()
    before = len(api.orders(userid=client)), len(api.services(clientid=client)), len(api.invoices(userid=client))

    for _ in range(2):
        _order(api, clientid=client, notes="cmd-1")

    after = len(api.orders(userid=client)), len(api.services(clientid=client)), len(api.invoices(userid=client))
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 2, 2]
    for kind in ("order", "service", "invoice"):
        assert len(api.effects(kind=kind, marker="cmd-1")) == 2


def test_without_an_invoice_there_is_none_and_the_text_false_means_true(api: Any) -> None:
    made = _order(api, noinvoice="false")

    assert made["invoiceid"] == "0"
    assert api.orders(id=made["orderid"])[0]["paymentstatus"] == ""
    assert api.effects(kind="invoice") == []


def test_custom_fields_are_kept_by_id_and_unreadable_or_unknown_ones_are_lost(api: Any) -> None:
    broken = base64.b64encode(b'a:1:{i:301;s:99:"0701";}').decode()
    fields = [serialized({MARKER: "コマンド-1", 999: "lost"}), broken]

    made = _order(api, pid=[SIM, SIM], customfields=fields)

    values = [
        {field["id"]: field["value"] for field in api.services(serviceid=i)[0]["customfields"]["customfield"]}
        for i in made["serviceids"].split(",")
    ]
    assert values[0] == {301: "", 304: "", 305: "", 306: "", MARKER: "コマンド-1"}
    assert values[1][SIM_NUMBER] == ""
    assert [effect["marker"] for effect in api.effects(kind="service")] == ["コマンド-1", "コマンド-1"]


def test_an_install_may_know_neither_notes_nor_the_hidden_field(api: Any) -> None:
    api.state.quirks |= {"order_notes": "off", "marker_field": "off"}

    made = _order(api, notes="cmd-1", customfields=[serialized({MARKER: "cmd-1"})])

    assert api.orders(id=made["orderid"])[0]["notes"] == ""
    fields = api.services(serviceid=made["serviceids"])[0]["customfields"]["customfield"]
    assert MARKER not in {field["id"] for field in fields}


def test_a_price_may_be_overridden_and_a_quantity_multiplies_it(api: Any) -> None:
    made = _order(api, pid={"a": SIM}, billingcycle={"a": "annually"}, priceoverride={"a": "500.5"}, qty={"a": 2})

    row = api.services(serviceid=made["serviceids"])[0]
    assert (row["qty"], row["firstpaymentamount"], row["billingcycle"]) == ("2", "1001.00", "Monthly")


def test_an_order_that_costs_nothing_is_paid_at_once(api: Any) -> None:
    made = _order(api, priceoverride=["0"])

    assert api.call("GetInvoice", invoiceid=made["invoiceid"])["status"] == "Paid"


def test_an_add_on_comes_with_its_service_or_later_to_one_that_is_there(api: Any) -> None:
    client = api.client()
    made = _order(api, clientid=client, addons=[f"{VOICE_MAIL}"])
    later = api.call("AddOrder", clientid=client, paymentmethod="mailin", addonid=DENWA, serviceid=made["serviceids"])

    addons = api.rows("GetClientsAddons", "addons", "addon", serviceid=made["serviceids"])

    assert [str(row["id"]) for row in addons] == [made["addonids"], later["addonids"]]
    assert [row["status"] for row in addons] == ["Pending", "Pending"]
    assert {row["id"] for row in addons} <= {
        row["id"] for row in api.rows("GetClientsAddons", "addons", "addon", clientid=client)
    }
    lines = api.orders(id=made["orderid"])[0]["lineitems"]["lineitem"]
    assert [line["type"] for line in lines] == ["product", "addon"]
    assert api.call("GetInvoice", invoiceid=later["invoiceid"])["subtotal"] == "450.00"


# -- AcceptOrder, CancelOrder -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["AcceptOrder", "CancelOrder"])
def test_only_a_pending_order_is_accepted_or_cancelled_and_only_once(api: Any, action: str) -> None:
    refusal = "Order ID not found or Status not Pending"
    order = _order(api)["orderid"]
    api.call(action, orderid=order)

    assert api.refused(action, orderid=order) == refusal
    assert api.refused(action, orderid=999_999) == refusal
    active = api.orders(status="Active")[0]["id"]
    assert api.refused(action, orderid=active) == refusal


def test_accepting_activates_services_only_when_asked_to_set_them_up(api: Any) -> None:
    asked, left = _order(api, addons=[str(VOICE_MAIL)]), _order(api)

    api.call("AcceptOrder", orderid=asked["orderid"], autosetup=1, serviceusername="09012345678")
    api.call("AcceptOrder", orderid=left["orderid"])

    row = api.services(serviceid=asked["serviceids"])[0]
    assert (row["status"], row["username"]) == ("Active", "09012345678")
    assert api.services(serviceid=left["serviceids"])[0]["status"] == "Pending"
    assert api.rows("GetClientsAddons", "addons", "addon", serviceid=asked["serviceids"])[0]["status"] == "Active"
    assert {order["status"] for order in api.orders(userid=api.client()) if str(order["id"]) in {
        asked["orderid"], left["orderid"]}} == {"Active"}  # fmt: skip
    assert [effect["id"] for effect in api.effects(kind="service_active")] == [asked["serviceids"]]
    api.state.quirks["accept_activates"] = "always"
    third = _order(api)
    api.call("AcceptOrder", orderid=third["orderid"])
    assert api.services(serviceid=third["serviceids"])[0]["status"] == "Active"


def test_an_order_of_the_world_is_accepted_too(api: Any) -> None:
    pending = api.orders(status="Pending")[0]
    counted = api.call("GetOrderStatuses")["statuses"]["status"]

    api.call("AcceptOrder", orderid=pending["id"], autosetup=1)

    service = pending["lineitems"]["lineitem"][0]["relid"]
    assert api.services(serviceid=service)[0]["status"] == "Active"
    assert api.orders(id=pending["id"])[0]["lineitems"]["lineitem"][0]["status"] == "Active"
    now = api.call("GetOrderStatuses")["statuses"]["status"]
    assert [row["count"] - was["count"] for row, was in zip(now, counted, strict=True)] == [-1, 1, 0, 0]


def test_cancelling_takes_services_and_unpaid_invoice_with_it_but_not_a_paid_one(api: Any) -> None:
    unpaid, paid = _order(api, notes="cmd-7"), _order(api)
    api.call("CapturePayment", invoiceid=paid["invoiceid"])

    for made in (unpaid, paid):
        api.call("CancelOrder", orderid=made["orderid"])

    rows = {str(row["id"]): row for row in api.invoices(userid=api.client())}
    assert (rows[unpaid["invoiceid"]]["status"], rows[paid["invoiceid"]]["status"]) == ("Cancelled", "Paid")
    assert rows[unpaid["invoiceid"]]["date_cancelled"] > "2026"
    assert api.services(serviceid=unpaid["serviceids"])[0]["status"] == "Cancelled"
    assert api.orders(id=unpaid["orderid"])[0]["status"] == "Cancelled"
    assert len(api.effects(kind="order_cancel", marker="cmd-7")) == 1


# -- UpdateClientProduct, AddCancelRequest ----------------------------------------------------------------------------


def test_a_service_that_is_not_there_is_neither_changed_nor_cancelled(api: Any) -> None:
    assert api.refused("UpdateClientProduct", serviceid=1, notes="x") == "Service ID Not Found"
    assert api.refused("AddCancelRequest", serviceid=1) == "Service ID Not Found"


def test_a_service_keeps_what_is_written_under_the_names_it_is_read_by(api: Any) -> None:
    service = _order(api)["serviceids"]
    fields = serialized({SIM_NUMBER: "07012345678", "EID": "8904", 999: "x"})

    api.call(
        "UpdateClientProduct",
        serviceid=service,
        status="Suspended",
        suspendreason='Unpaid & "late"',
        serviceusername="07012345678",
        recurringamount="990",
        customfields=fields,
        notes="first",
    )
    api.call("UpdateClientProduct", serviceid=service, notes="", domain="", status="Nonsense")

    row = api.services(serviceid=service)[0]
    assert (row["status"], row["username"], row["recurringamount"]) == ("Suspended", "07012345678", "990.00")
    assert (row["suspensionreason"], row["notes"]) == ("Unpaid &amp; &quot;late&quot;", "first")
    values = {field["name"]: field["value"] for field in row["customfields"]["customfield"]}
    assert (values["SIM Number"], values["EID"]) == ("07012345678", "8904")
    api.call("UpdateClientProduct", serviceid=service, unset=["notes", "serviceusername"])
    row = api.services(serviceid=service)[0]
    assert (row["notes"], row["username"], row["status"]) == ("", "", "Suspended")


def test_a_service_of_the_world_keeps_its_other_custom_fields(api: Any) -> None:
    row = next(row for row in api.services() if row["name"].startswith("SIM"))
    before = {field["id"]: field["value"] for field in row["customfields"]["customfield"]}

    api.call("UpdateClientProduct", serviceid=row["id"], customfields=serialized({MARKER: "cmd-2"}))

    fields = api.services(serviceid=row["id"])[0]["customfields"]["customfield"]
    assert {field["id"]: field["value"] for field in fields} == {**before, MARKER: "cmd-2"}


def test_a_second_cancellation_request_is_refused(api: Any) -> None:
    service = _order(api)["serviceids"]
    before = int(api.call("GetCancelledPackages")["totalresults"])

    made = api.call("AddCancelRequest", serviceid=service, type="End of Billing Period", reason="Moving & away")

    assert made == {"result": "success", "serviceid": service, "userid": str(api.client())}
    assert api.refused("AddCancelRequest", serviceid=service) == "Existing Cancellation Request Exists"
    row = api.rows("GetCancelledPackages", "packages", "package", limitstart=before)[0]
    assert (row["relid"], row["reason"]) == (service, "Moving &amp; away")
    assert (row["type"], row["created_at"]) == ("End of Billing Period", row["date"])
    cancelled = next(row["id"] for row in api.services() if row["status"] == "Cancelled")
    assert api.refused("AddCancelRequest", serviceid=cancelled) == "Existing Cancellation Request Exists"
