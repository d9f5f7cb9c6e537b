"""An order from the cart to its services, through three systems that know nothing of each other."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from pipelines.commands.provisioning import request_missed
from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import EXAMPLES, VPN


def placed(hub: Hub, customer: Customer, cart: dict[str, Any] = VPN) -> str:
    """The Salesforce id of an order that was placed."""
    command = hub.ask("place_order", customer, cart)
    assert hub.forward() == ["succeeded"]
    order: str = hub.command(command)["result"]["salesforceOrderId"]
    return order


def whmcs_orders(hub: Hub, order: str) -> list[dict[str, Any]]:
    """WHMCS orders that were made for a Salesforce order."""
    return hub.ledger(system="whmcs", kind="order", marker=f"sfOrderId={order}")


def test_a_cart_becomes_an_order_with_its_lines_and_prices(hub: Hub, customer: Customer) -> None:
    command = hub.ask("place_order", customer, VPN)

    assert hub.forward() == ["succeeded"]

    order = hub.salesforce_record("Order", hub.command(command)["result"]["salesforceOrderId"])
    assert (order["Status"], order["AccountId"]) == ("Draft", customer.salesforce)
    assert (order["Hub_Command_Id__c"], order["TotalAmount"]) == (str(command), 4200)
    assert hub.command(command)["result"]["orderNumber"] == order["OrderNumber"]


@pytest.mark.parametrize("street", ["@{placed.id}", "@{record.id}", "c/o @{number.OrderNumber}, @{a[0].Id}", "@{"])
def test_what_a_customer_types_is_never_read_as_a_reference(hub: Hub, customer: Customer, street: str) -> None:
    # V: REST API Developer Guide, "Composite Subrequest": @{referenceId.field} in any text of a body is one.
    address = {"street": street, "city": "Minato", "state": "Tokyo", "postcode": "106-0041", "country": "JP"}

    order = hub.salesforce_record("Order", placed(hub, customer, {**VPN, "address": address}))

    assert (order["BillingStreet"], order["TotalAmount"]) == (street, 4200)
    assert len(hub.ledger(system="salesforce", kind="order")) == 1


def test_an_order_is_placed_even_if_its_number_cannot_be_read(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"salesforce.hidden_fields": "Order.OrderNumber"})
    command = hub.ask("place_order", customer, VPN)

    assert hub.forward() == ["succeeded"]
    assert hub.command(command)["result"]["orderNumber"] is None


def test_an_agent_sees_on_the_order_how_it_is_to_be_installed(hub: Hub, customer: Customer) -> None:
    skus = ("INTERNET-GOLD-HOME-1G", "INTERNET-INSTALL-12M", "INTERNET-INSTALL-WEEKEND")
    cart = {"type": "internet", "accessMode": "PPPoE", "items": [{"sku": sku, "quantity": 1} for sku in skus]}

    order = hub.salesforce_record("Order", placed(hub, customer, cart))

    assert (order["Installation_Type__c"], order["Weekend_Install__c"]) == ("12 Months", True)
    assert (order["Internet_Plan_Tier__c"], order["Access_Mode__c"]) == ("Gold", "PPPoE")


def test_an_order_is_read_back_and_goes_by_the_id_that_the_customer_was_given(hub: Hub, customer: Customer) -> None:
    command = hub.ask("place_order", customer, VPN)
    hub.forward()

    hub.apply()

    assert hub.rows("SELECT status, command_id FROM hub.orders WHERE command_id = %s", command) == [("draft", command)]


def test_an_approved_order_becomes_services_and_salesforce_is_told(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    hub.approve(order)
    hub.apply()

    assert hub.forward() == ["succeeded"]

    record = hub.salesforce_record("Order", order)
    assert (record["Status"], record["Activation_Status__c"]) == ("Processed", "Activated")
    services = hub.ledger(system="whmcs", kind="service", marker=order)
    assert [service["detail"]["pid"] for service in services] == [401, 410]
    hub.apply()
    shown = hub.rows(
        "SELECT s.product_name, s.status FROM hub.order_items i JOIN hub.subscriptions s ON s.id = i.subscription_id"
        " JOIN hub.orders o ON o.id = i.order_id WHERE o.source_id = %s ORDER BY 1",
        order,
    )
    assert shown == [("VPN Remote Access USA-SF", "active"), ("VPN activation fee", "active")]


def test_an_approval_told_twice_provisions_once(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    hub.approve(order)
    hub.clients.salesforce.update("Order", order, {"Status": "Draft"})
    hub.approve(order)
    hub.apply()

    hub.forward()

    assert len(whmcs_orders(hub, order)) == 1


@pytest.mark.parametrize("lost", ["drop", "after:503"])
def test_what_was_ordered_is_found_again_where_whmcs_keeps_no_notes(hub: Hub, customer: Customer, lost: str) -> None:
    hub.control("quirks", order_notes="off")
    order = placed(hub, customer)
    hub.approve(order)
    hub.apply()
    hub.control("faults", match="AddOrder", mode=lost, times=1)
    assert hub.forward() == ["waiting"]
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    assert len(hub.ledger(system="whmcs", kind="order", marker=order)) == 1


def test_without_a_payment_method_nothing_is_ordered_and_the_agent_sees_why(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    for (method,) in hub.rows(
        "SELECT p.source_id FROM hub.payment_methods p JOIN hub.customer_accounts a ON a.id = p.account_id"
        " WHERE a.source_id = %s", customer.whmcs
    ):  # fmt: skip
        hub.control("mutate", system="whmcs", object="pay_method", id=method, fields=None)
    hub.approve(order)
    hub.apply()

    assert hub.forward() == ["failed"]

    record = hub.salesforce_record("Order", order)
    assert record["Activation_Status__c"] == "Failed"
    assert record["Activation_Error_Code__c"] == "PAYMENT_METHOD_MISSING"
    assert whmcs_orders(hub, order) == []


def provisioning(hub: Hub, order: str) -> UUID:
    """The command of an order that was approved just now, known or not before."""
    hub.sync_records("salesforce.orders", order)
    return hub.provision(order)


def status_in_whmcs(hub: Hub, order: str) -> list[str]:
    """How the WHMCS orders stand that were made for a Salesforce order, oldest first."""
    return [
        hub.clients.whmcs.call("GetOrders", id=made["id"])["orders"]["order"][0]["status"]
        for made in whmcs_orders(hub, order)
    ]


def test_an_order_for_a_later_day_waits_for_that_day_to_begin_in_japan(hub: Hub, customer: Customer) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    day = datetime.now(tokyo).date() + timedelta(days=9)
    begins = datetime.combine(day, time(), tokyo)
    order = placed(hub, customer, {**VPN, "activateOn": day.isoformat()})
    record = hub.salesforce_record("Order", order)
    assert (record["Activation_Type__c"], record["EffectiveDate"]) == ("Scheduled", day.isoformat())
    assert datetime.fromisoformat(record["Activation_Scheduled_At__c"]) == begins
    command = provisioning(hub, order)
    before = hub.command(command)["deadline_at"]

    assert hub.forward() == ["waiting"]

    found = hub.command(command)
    assert abs(found["due_at"] - begins) < timedelta(seconds=5)
    assert found["deadline_at"] - before > timedelta(days=7), "waiting for its day costs nothing of its time"
    assert whmcs_orders(hub, order) == []

    hub.clients.salesforce.update("Order", order, {"Activation_Scheduled_At__c": datetime.now(UTC)})
    hub.now_due()
    assert hub.forward() == ["succeeded"]
    assert len(whmcs_orders(hub, order)) == 1


def test_an_order_that_was_accepted_is_not_taken_back_and_a_new_approval_goes_on_with_it(
    hub: Hub, customer: Customer
) -> None:
    order = placed(hub, customer)
    (item, *_) = hub.clients.salesforce.find("SELECT Id FROM OrderItem WHERE OrderId = {} ORDER BY Id", order)
    command = provisioning(hub, order)
    gone = {"system": "salesforce", "object": "OrderItem", "id": item["Id"], "fields": {}}
    hub.control("mutate", **gone, deleted=True, before="AcceptOrder")

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "SALESFORCE_UPDATE_FAILED"
    assert status_in_whmcs(hub, order) == ["Active"]
    assert hub.salesforce_record("Order", order)["Activation_Error_Code__c"] == "SALESFORCE_UPDATE_FAILED"

    hub.control("mutate", **gone)
    hub.clients.salesforce.update("Order", order, {"Status": "Draft"})
    again = hub.provision(order)
    assert hub.forward() == ["succeeded"]
    assert status_in_whmcs(hub, order) == ["Active"]
    assert hub.command(again)["result"]["whmcsOrderId"] == whmcs_orders(hub, order)[0]["id"]


def test_what_was_taken_back_is_ordered_anew_when_it_is_approved_again(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    (product,) = hub.clients.salesforce.find(
        "SELECT Id, WH_Product_ID__c FROM Product2 WHERE StockKeepingUnit = {}", "VPN-ACTIVATION-FEE"
    )
    hub.clients.salesforce.update("Product2", product["Id"], {"WH_Product_ID__c": 9999})  # WHMCS makes nothing of it
    provisioning(hub, order)
    assert hub.forward() == ["failed"]
    assert status_in_whmcs(hub, order) == ["Cancelled"]
    hub.clients.salesforce.update("Product2", product["Id"], {"WH_Product_ID__c": int(product["WH_Product_ID__c"])})
    hub.clients.salesforce.update("Order", order, {"Status": "Draft"})
    hub.provision(order)

    assert hub.forward() == ["succeeded"]

    assert status_in_whmcs(hub, order) == ["Cancelled", "Active"]
    steps = [each for kind in ("order", "order_cancel", "order_accept") for each in hub.ledger(kind=kind)]
    told = [each["kind"] for each in steps if each["detail"].get("emailed")]
    assert told == [], "what WHMCS takes back and does anew is no news to the customer: the portal tells them"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Status": "Draft"}, "ORDER_NOT_APPROVED"),
        ({"Activation_Status__c": "Failed"}, "ORDER_NOT_APPROVED"),
        ({"AccountId": "another's"}, "MAPPING_MISSING"),
    ],
)
def test_an_order_that_is_not_to_be_provisioned_any_more_is_left_alone(
    hub: Hub, customer: Customer, other_customer: Customer, changed: dict[str, str], code: str
) -> None:
    order = placed(hub, customer)
    command = provisioning(hub, order)
    fields = {name: other_customer.salesforce if name == "AccountId" else value for name, value in changed.items()}
    hub.control("mutate", system="salesforce", object="Order", id=order, fields=fields)
    hub.rows(
        "UPDATE command.commands SET accepted_at = now() - interval '2 minutes' WHERE id = %s RETURNING 1", command
    )

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == code
    assert whmcs_orders(hub, order) == []


def test_an_approval_that_is_not_readable_yet_is_waited_for(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    command = provisioning(hub, order)
    hub.control("mutate", system="salesforce", object="Order", id=order, fields={"Status": "Draft"})

    assert hub.forward() == ["waiting"]

    assert hub.command(command)["waits_for"] == "The approval is not readable yet."


def test_an_order_with_a_product_that_cannot_be_billed_is_not_ordered_in_part(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    (product,) = hub.clients.salesforce.find("SELECT Id FROM Product2 WHERE StockKeepingUnit = 'VPN-ACTIVATION-FEE'")
    hub.clients.salesforce.update("Product2", product["Id"], {"WH_Product_ID__c": None})
    command = provisioning(hub, order)

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "PRODUCT_MAPPING_MISSING"
    assert whmcs_orders(hub, order) == []


def test_an_order_whose_answer_never_came_is_not_taken_for_an_older_one(hub: Hub, customer: Customer) -> None:
    placed(hub, customer)
    hub.control("faults", match="composite/tree/Order", mode="html500", times=1)  # nothing is made; nobody can tell
    command = hub.ask("place_order", customer, VPN)
    assert hub.forward() == ["waiting"]
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    made = hub.salesforce_record("Order", hub.command(command)["result"]["salesforceOrderId"])
    assert made["Hub_Command_Id__c"] == str(command)


@pytest.mark.parametrize("gone", ["is_active = false", "in_portal = false", "deleted_at = now()"])
def test_what_is_sold_no_more_when_the_order_is_placed_is_not_ordered(hub: Hub, customer: Customer, gone: str) -> None:
    command = hub.ask("place_order", customer, VPN)
    hub.rows(f"UPDATE hub.prices SET {gone} RETURNING id")  # noqa: S608 - our own words

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "NOT_PRICED"
    assert hub.ledger(system="salesforce", kind="order") == []


def test_several_of_a_product_cost_its_price_each(hub: Hub, customer: Customer) -> None:
    cart = {"type": "vpn", "items": [VPN["items"][0], {**VPN["items"][1], "quantity": 3}]}
    order = placed(hub, customer, cart)

    items = hub.clients.salesforce.find(
        "SELECT Quantity, UnitPrice, PricebookEntry.UnitPrice FROM OrderItem WHERE OrderId = {} ORDER BY Quantity",
        order,
    )

    assert [item["Quantity"] for item in items] == [1, 3]
    assert [item["UnitPrice"] for item in items] == [item["PricebookEntry"]["UnitPrice"] for item in items]


def test_an_order_is_for_the_address_on_file_unless_another_is_given(hub: Hub, customer: Customer) -> None:
    ((street, city),) = hub.rows(
        "SELECT concat_ws(E'\n', nullif(address1, ''), nullif(address2, '')), city FROM hub.customer_accounts"
        " WHERE source_id = %s AND source = 'whmcs'",
        customer.whmcs,
    )
    given = {"street": "1-1", "city": "Minato", "state": "Tokyo", "postcode": "106-0041", "country": "JP"}

    on_file = hub.salesforce_record("Order", placed(hub, customer))
    changed = hub.salesforce_record("Order", placed(hub, customer, {**VPN, "address": given}))

    assert (on_file["BillingStreet"], on_file["BillingCity"], on_file["Address_Changed__c"]) == (street, city, False)
    assert (changed["BillingStreet"], changed["BillingCity"], changed["Address_Changed__c"]) == ("1-1", "Minato", True)


def test_an_order_that_waits_for_an_operator_is_not_asked_for_again(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    command = provisioning(hub, order)
    hub.sync("salesforce.orders")
    hub.rows(
        "UPDATE command.commands SET status = 'dead', accepted_at = now() - interval '1 day' WHERE id = %s RETURNING 1",
        command,
    )

    with psycopg.connect(hub.database.sync, autocommit=True) as connection:
        assert request_missed(connection, patience_seconds=0) == 0


def test_an_order_that_can_neither_be_accepted_nor_taken_back_waits_for_an_operator(
    hub: Hub, customer: Customer
) -> None:
    order = placed(hub, customer)
    hub.approve(order)
    hub.apply()
    hub.control("faults", match="AcceptOrder", mode="drop", times=1)
    assert hub.forward() == ["waiting"]
    (whmcs_order,) = whmcs_orders(hub, order)
    hub.control("mutate", system="whmcs", object="order", id=whmcs_order["id"], fields={"status": "Fraud"})
    hub.now_due()

    assert hub.forward() == ["dead"]

    assert len(whmcs_orders(hub, order)) == 1


def test_an_approval_nobody_told_of_is_found_once(hub: Hub, customer: Customer) -> None:
    order = placed(hub, customer)
    hub.clients.salesforce.update("Order", order, {"Status": "Approved"})
    hub.sync("salesforce.orders")
    with psycopg.connect(hub.database.sync, autocommit=True) as connection:
        assert request_missed(connection, patience_seconds=0) == 1
        assert request_missed(connection, patience_seconds=0) == 0

    assert hub.forward() == ["succeeded"]

    assert len(whmcs_orders(hub, order)) == 1


def test_an_order_with_a_field_of_another_type_is_an_operators(hub: Hub, customer: Customer) -> None:
    command = EXAMPLES["provision_order"](hub, customer)
    ((order,),) = hub.rows("SELECT input ->> 'order' FROM command.commands WHERE id = %s", command)
    hub.control("mutate", system="salesforce", object="Order", id=order, fields={"WHMCS_Order_ID__c": 5})

    assert hub.forward() == ["dead"]

    assert hub.command(command)["failure_code"] == "ORDER_UNREADABLE"
