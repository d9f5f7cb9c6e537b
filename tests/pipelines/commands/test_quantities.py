"""Which service an item of an order became: told by product and order, whatever a quantity makes of it in WHMCS.

Source: a product's setting "Allow Multiple Quantities" makes of a quantity several services or one (docs.whmcs.com,
Products, Details; `allowqty` of GetProducts). No page says in which order AddOrder lists what it made.
"""

from typing import Any

import pytest

from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.test_orders import placed

PLAN, FEE, VPN_PLAN, VPN_FEE = (
    "SIM-DATA-VOICE-10GB",
    "SIM-ACTIVATION-FEE",
    "VPN-REMOTE-ACCESS-USA-SF",
    "VPN-ACTIVATION-FEE",
)


def cart(fees: int, *, plans: int = 1) -> dict[str, Any]:
    """The fee comes first, so that its services do as well."""
    items = [{"sku": FEE, "quantity": fees}, {"sku": PLAN, "quantity": plans}]
    return {"type": "sim", "items": items, "sim": {"simType": "physical"}}


def pid_of(hub: Hub, sku: str) -> int:
    found = hub.clients.salesforce.find("SELECT WH_Product_ID__c FROM Product2 WHERE StockKeepingUnit = {}", sku)
    return int(found[0]["WH_Product_ID__c"])


def provisioned(hub: Hub, order: str) -> None:
    hub.sync_records("salesforce.orders", order)
    hub.provision(order)
    assert hub.forward() in (["succeeded"], ["waiting"])
    while hub.rows("SELECT 1 FROM command.commands WHERE status = 'waiting'"):
        hub.now_due()
        hub.forward()


def services_of(hub: Hub, order: str) -> dict[str, int]:
    """The WHMCS services of a Salesforce order and the product of each."""
    made = hub.ledger(system="whmcs", kind="service", marker=order)
    return {str(service["id"]): service["detail"]["pid"] for service in made}


def linked(hub: Hub, order: str) -> list[tuple[int, str]]:
    """The product of each item of the order, and the service that Salesforce was told it became."""
    items = hub.clients.salesforce.find(
        "SELECT Product2.WH_Product_ID__c, WHMCS_Service_ID__c FROM OrderItem WHERE OrderId = {} ORDER BY Id", order
    )
    return [(int(item["Product2"]["WH_Product_ID__c"]), item["WHMCS_Service_ID__c"]) for item in items]


def number_on(hub: Hub, service: str) -> str | None:
    rows = hub.clients.whmcs.call("GetClientsProducts", serviceid=service)["products"]["product"]
    fields = rows[0]["customfields"]["customfield"]
    return next((field["value"] for field in fields if field["name"] == "SIM Number" and field["value"]), None)


@pytest.mark.parametrize("told", ["all", "reversed", "spaced", "none"])
@pytest.mark.parametrize(("setting", "made"), [("1", 3), ("2", 2), ("0", 2)])
def test_the_number_is_written_to_the_plan_whatever_a_quantity_makes_of_the_fee(
    hub: Hub, customer: Customer, setting: str, made: int, told: str
) -> None:
    plan, fee = pid_of(hub, PLAN), pid_of(hub, FEE)
    hub.control("quirks", allow_qty=f"{fee}={setting}", services_told=told)
    order = placed(hub, customer, cart(fees=2))

    provisioned(hub, order)

    services = services_of(hub, order)
    assert len(services) == made
    assert [(pid, services[service]) for pid, service in linked(hub, order)] == [(fee, fee), (plan, plan)]
    assert {pid for service, pid in services.items() if number_on(hub, service)} == {plan}


def test_items_of_one_product_have_services_of_their_own(hub: Hub, customer: Customer) -> None:
    pid = pid_of(hub, VPN_FEE)
    hub.control("quirks", allow_qty=f"{pid}=1", services_told="reversed")
    order = placed(hub, customer, {"type": "vpn", "items": [{"sku": VPN_PLAN}, {"sku": VPN_FEE, "quantity": 2}]})
    entry = hub.clients.salesforce.find(
        "SELECT PricebookEntryId FROM OrderItem WHERE OrderId = {} AND Product2.StockKeepingUnit = {}", order, VPN_FEE
    )
    again = {"OrderId": order, "Quantity": 1, "UnitPrice": 1, "PricebookEntryId": entry[0]["PricebookEntryId"]}
    hub.clients.salesforce.create("OrderItem", again)

    provisioned(hub, order)

    services, items = services_of(hub, order), linked(hub, order)
    assert [services[service] for _, service in items] == [item for item, _ in items]
    assert len({service for _, service in items}) == len(items)


@pytest.mark.parametrize("step", ["AddOrder", "AcceptOrder", "UpdateClientProduct", "GetClientsProducts"])
def test_the_same_services_are_linked_after_an_answer_that_never_came(hub: Hub, customer: Customer, step: str) -> None:
    plan, fee = pid_of(hub, PLAN), pid_of(hub, FEE)
    hub.control("quirks", allow_qty=f"{fee}=1")
    order = placed(hub, customer, cart(fees=2))
    hub.control("faults", match=step, mode="drop", times=1)

    provisioned(hub, order)

    services = services_of(hub, order)
    assert len(services) == 3
    assert [(pid, services[service]) for pid, service in linked(hub, order)] == [(fee, fee), (plan, plan)]
    assert linked(hub, order)[0][1] == min((service for service, pid in services.items() if pid == fee), key=int)


def test_an_order_for_two_lines_is_refused_before_anything_is_done(hub: Hub, customer: Customer) -> None:
    """An agent may write what the portal does not offer: one order opens one line."""
    order = placed(hub, customer, cart(fees=1))
    (item,) = hub.clients.salesforce.find(
        "SELECT Id FROM OrderItem WHERE OrderId = {} AND Product2.StockKeepingUnit = {}", order, PLAN
    )
    hub.clients.salesforce.update("OrderItem", item["Id"], {"Quantity": 2})
    hub.sync_records("salesforce.orders", order)
    command = hub.provision(order)

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "ONE_LINE_AN_ORDER"
    assert hub.salesforce_record("Order", order)["Activation_Error_Code__c"] == "ONE_LINE_AN_ORDER"
    assert hub.ledger(system="freebit") == []
    assert services_of(hub, order) == {}


def test_what_whmcs_did_not_make_is_not_linked_to_something_else(hub: Hub, customer: Customer) -> None:
    """Products that it does not know are passed over in silence."""
    order = placed(hub, customer, {"type": "vpn", "items": [{"sku": VPN_FEE}, {"sku": VPN_PLAN}]})
    (product,) = hub.clients.salesforce.find("SELECT Id FROM Product2 WHERE StockKeepingUnit = {}", VPN_FEE)
    hub.clients.salesforce.update("Product2", product["Id"], {"WH_Product_ID__c": 9999})
    hub.sync_records("salesforce.orders", order)
    command = hub.provision(order)

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "WHMCS_ADD_FAILED"
    (made,) = hub.ledger(system="whmcs", kind="order", marker=f"sfOrderId={order}")
    orders = hub.clients.whmcs.call("GetOrders", id=made["id"])["orders"]["order"]
    assert [each["status"] for each in orders] == ["Cancelled"]
