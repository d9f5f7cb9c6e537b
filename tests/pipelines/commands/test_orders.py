"""An order from the cart to its services, through three systems that know nothing of each other."""

from typing import Any

import psycopg
import pytest

from pipelines.commands.forwarder import request_missed
from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import VPN


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


def test_what_was_ordered_is_found_again_where_whmcs_keeps_no_notes(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", order_notes="off")
    order = placed(hub, customer)
    hub.approve(order)
    hub.apply()
    hub.control("faults", match="AddOrder", mode="drop", times=1)
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
