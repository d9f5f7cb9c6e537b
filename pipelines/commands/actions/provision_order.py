"""provision_order: an approved Order becomes services in WHMCS, and Salesforce is told (portal reference, section 6.4).

Its marker is the order itself, so that whatever asks for it, and however often, finds what was done before.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from core.clock import utc_now
from core.errors import RejectedError
from domain.commands import kinds
from domain.common.text import unescaped
from pipelines.commands.actions.open_line import LINE_FAILING, LINE_LEFT_OPEN, LINE_STEPS, LINE_WRITE_BACK, is_sim
from pipelines.commands.actions.provisioning import Provisioning, order_of, plan_of
from pipelines.commands.saga import Action, LaterError, RefusalError, Result, Step, Wish
from pipelines.sources.salesforce.client import Changed
from pipelines.sources.whmcs.lists import rows_at
from pipelines.sources.whmcs.php import custom_fields

READABLE_AFTER = timedelta(minutes=1)
"""How long after the event the order may not show yet what the event says."""


def read_order(work: Provisioning) -> Result:
    """The order and its lines as they are now, if they are to be provisioned."""
    found = work.clients.salesforce.find(
        "SELECT Id, AccountId, Status, OpportunityId, Order_Type__c, Activation_Type__c, Activation_Scheduled_At__c,"
        " Activation_Status__c, WHMCS_Order_ID__c, SIM_Type__c, EID__c, SIM_Voice_Mail__c, SIM_Call_Waiting__c,"
        " MNP_Application__c, MNP_Reservation_Number__c, MNP_Expiry_Date__c, MNP_Phone_Number__c,"
        " Porting_LastName__c, Porting_FirstName__c, Porting_LastName_Katakana__c, Porting_FirstName_Katakana__c,"
        " Porting_Gender__c, Porting_DateOfBirth__c, Assign_Physical_SIM__c FROM Order WHERE Id = {}",
        work.asked.order,
    )
    if not found:
        raise _unless_new(work, RefusalError("ORDER_NOT_FOUND", "The order does not exist any more."))
    order, words = found[0], work.clients.salesforce_settings.vocabulary
    if order["WHMCS_Order_ID__c"] and order["Activation_Status__c"] == words.order_activated:
        return {"already": True, "whmcsOrder": order["WHMCS_Order_ID__c"]}
    if order["Status"] not in words.order_approved or order["Activation_Status__c"] != words.order_activating:
        raise _unless_new(work, RefusalError("ORDER_NOT_APPROVED", "The order is not approved any more."))
    if order["AccountId"] != work.account:
        raise RefusalError("MAPPING_MISSING", "The order belongs to another account.")
    _wait_for_its_day(order["Activation_Type__c"], order["Activation_Scheduled_At__c"])
    items = work.clients.salesforce.find(
        "SELECT Id, Quantity, Billing_Cycle__c, Product2.StockKeepingUnit, Product2.WH_Product_ID__c,"
        " Product2.Item_Class__c, Product2.SIM_Plan_Type__c, Product2.SIM_Data_Size__c"
        " FROM OrderItem WHERE OrderId = {} ORDER BY Id",
        work.asked.order,
    )
    return {"already": False, "order": order, "items": [_item(item) for item in items]}


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    product = item["Product2"] or {}
    pid = product.get("WH_Product_ID__c")
    return {
        "id": item["Id"],
        "sku": product.get("StockKeepingUnit"),
        "pid": None if pid is None else int(pid),
        "class": product.get("Item_Class__c"),
        "quantity": int(item["Quantity"]),
        "cycle": (item["Billing_Cycle__c"] or "").lower(),
        "planType": product.get("SIM_Plan_Type__c"),
        "dataSize": product.get("SIM_Data_Size__c"),
    }


def _unless_new(work: Provisioning, refusal: RefusalError) -> Exception:
    """An event may overtake the change it tells of: for a while that is no reason to refuse."""
    if utc_now() - work.command.accepted_at < READABLE_AFTER:
        return LaterError(2.0, "The approval is not readable yet.")
    return refusal


def _wait_for_its_day(kind: str | None, at: str | None) -> None:
    if kind == "Scheduled" and at:
        left = (datetime.fromisoformat(at) - utc_now()).total_seconds()
        if left > 0:
            raise LaterError(left, "It is scheduled for a later day.")


def is_new(work: Provisioning) -> bool:
    return work.results["read_order"]["already"] is False


def check_products(work: Provisioning) -> Result | None:
    """All lines have a WHMCS product, or none is ordered; and an order for a SIM is for one."""
    items = work.results["read_order"]["items"]
    if not items or any(item["pid"] is None for item in items):
        raise RefusalError("PRODUCT_MAPPING_MISSING", "A product of the order cannot be billed yet.")
    # The portal offers no other, but agents write orders too: a second line would be billed and never opened.
    if is_sim(work) and [item["quantity"] for item in items if item["class"] == "Service"] != [1]:
        raise RefusalError("ONE_LINE_AN_ORDER", "An order opens one line: order each by itself.")
    return None


def check_payment_method(work: Provisioning) -> Result | None:
    if not rows_at(work.clients.whmcs.call("GetPayMethods", clientid=work.client), "paymethods"):
        raise RefusalError("PAYMENT_METHOD_MISSING", "The customer has no payment method on file.")
    return None


def add_order(work: Provisioning) -> Result:
    """One WHMCS order of all lines; every service of it carries the Salesforce order's id."""
    words, items = work.clients.whmcs_settings.vocabulary, work.results["read_order"]["items"]
    marks = [
        custom_fields({words.command_field_ids.get(item["pid"], words.command_field_id): work.asked.order})
        for item in items
    ]
    answer = work.clients.whmcs.change(
        "AddOrder",
        clientid=work.client,
        paymentmethod=words.payment_method,
        pid=[str(item["pid"]) for item in items],
        qty=[item["quantity"] for item in items],
        billingcycle=[item["cycle"] for item in items],
        customfields=marks,
        notes=f"sfOrderId={work.asked.order}",  # for people; nothing relies on it (decision 0012)
        noemail=True,
    )
    return {"order": str(answer["orderid"])}


def find_services(work: Provisioning) -> Result | None:
    """The WHMCS order whose services carry the Salesforce order's id, unless it was cancelled."""
    name = work.clients.whmcs_settings.vocabulary.command_field
    orders = {str(service["orderid"]) for service in _services(work) if _field(service, name) == work.asked.order}
    return {"order": min(orders, key=int)} if orders else None


def _services(work: Provisioning) -> Iterator[Mapping[str, Any]]:
    """The client's services that were not taken back."""
    for page in work.clients.whmcs.pages("GetClientsProducts", "products.product", 250, clientid=work.client):
        yield from (row for row in page.rows if row.get("status") not in {"Cancelled", "Fraud"})


def link_services(work: Provisioning) -> Result:
    """Which services each item of the order became, by the item's id.

    Told by product, not by position: a product is set to make of a quantity that many services, or one ("Allow Multiple
    Quantities"), and what AddOrder lists is in no order that anybody promises. Items of one product take its services
    in the order of their ids, so that every try links the same.

    Raises:
        RefusalError: WHMCS made other services than were ordered.
    """
    order, items = work.results["add_order"]["order"], work.results["read_order"]["items"]
    made: dict[str, list[str]] = {}
    for service in sorted(_services(work), key=lambda row: int(row["id"])):
        if str(service["orderid"]) == order:
            made.setdefault(str(service["pid"]), []).append(str(service["id"]))
    linked: dict[str, list[str]] = {}
    for pid in {str(item["pid"]) for item in items}:
        same = [item for item in items if str(item["pid"]) == pid]
        services = made.get(pid, [])
        shares = [item["quantity"] for item in same]
        if len(services) == len(same):
            shares = [1] * len(same)
        if len(services) != sum(shares):
            raise RefusalError("WHMCS_ADD_FAILED", "The billing system made other services than were ordered.")
        for item, share in zip(same, shares, strict=True):
            linked[item["id"]], services = services[:share], services[share:]
    return {"services": linked}


def service_of(work: Provisioning, item: Mapping[str, Any]) -> str:
    """The service that an item of the order became; of several, the first."""
    return str(work.results["link_services"]["services"][item["id"]][0])


def _field(service: Mapping[str, Any], name: str) -> str | None:
    rows = rows_at(service, "customfields.customfield")
    return next((row.get("value") for row in rows if unescaped(row.get("name")) == name), None)


def accept_order(work: Provisioning) -> Result | None:
    try:
        work.clients.whmcs.change(
            "AcceptOrder", orderid=work.results["add_order"]["order"], autosetup=True, sendemail=False
        )
    except RejectedError:
        # Accepted by an earlier try, or half done by the server's own module: only reading tells.
        found = find_accepted(work)
        if found is None:
            raise
        return found
    return None


def find_accepted(work: Provisioning) -> Result | None:
    return {} if _status(work) == "Active" else None


def _status(work: Provisioning) -> str | None:
    rows = rows_at(work.clients.whmcs.call("GetOrders", id=work.results["add_order"]["order"]), "orders.order")
    return str(rows[0]["status"]) if rows else None


def mark_service(work: Provisioning) -> Result | None:
    """The main service knows its opportunity and, for a SIM, its line."""
    words = work.clients.whmcs_settings.vocabulary
    line = work.results.get("choose_line", {})
    known = {
        words.sim_number_fields[0]: line.get("account"),
        words.serial_number_field: line.get("serial"),
        words.eid_field: line.get("eid"),
        words.opportunity_field: order_of(work).get("OpportunityId"),
    }
    service = main_service(work)
    ids = _field_ids(work, service)
    values = {ids[name]: str(value) for name, value in known.items() if value and name in ids}
    if values:
        work.clients.whmcs.change("UpdateClientProduct", serviceid=service, customfields=custom_fields(values))
    return {"service": service}


def main_service(work: Provisioning) -> str:
    """The service that the order's plan became."""
    return service_of(work, plan_of(work))


def _field_ids(work: Provisioning, service: str) -> dict[str, int]:
    rows = rows_at(work.clients.whmcs.call("GetClientsProducts", serviceid=service), "products.product")
    listed = rows_at(rows[0], "customfields.customfield") if rows else []
    return {unescaped(str(row["name"])) or "": int(row["id"]) for row in listed}


def write_back(work: Provisioning) -> Result | None:
    """Salesforce learns the WHMCS order and services; the order's own status comes after all else."""
    words, added = work.clients.salesforce_settings.vocabulary, work.results["add_order"]
    told = {
        "WHMCS_Order_ID__c": added["order"],
        "Activation_Status__c": words.order_activated,
        "Activation_Error_Code__c": None,
        "Activation_Error_Message__c": None,
        "Activation_Last_Attempt_At__c": utc_now(),
    }
    items = [
        Changed("OrderItem", item["id"], {"WHMCS_Service_ID__c": service_of(work, item)})
        for item in work.results["read_order"]["items"]
    ]
    work.clients.salesforce.update_together([Changed("Order", work.asked.order, told), *items])
    return None


def update_opportunity(work: Provisioning) -> Result | None:
    service = main_service(work)
    stage = work.clients.salesforce_settings.vocabulary.opportunity_active
    fields = {"StageName": stage, "WHMCS_Service_ID__c": service, "WH_Registeration__c": service}
    work.clients.salesforce.update("Opportunity", order_of(work)["OpportunityId"], fields)
    return None


def finish_order(work: Provisioning) -> Result | None:
    status = work.clients.salesforce_settings.vocabulary.order_done
    work.clients.salesforce.update("Order", work.asked.order, {"Status": status})
    return None


def cancel_order(work: Provisioning) -> Result | None:
    """Only an order that was not accepted is taken back."""
    try:
        work.clients.whmcs.change("CancelOrder", orderid=work.results["add_order"]["order"], noemail=True)
    except RejectedError:
        if _status(work) != "Cancelled":
            raise
    return None


def was_only_added(work: Provisioning) -> bool:
    return work.has("add_order") and not work.has("accept_order")


def tell_failure(work: Provisioning) -> Result | None:
    """The agent sees on the order why it failed."""
    row = work.row("commands/failure", id=work.command.id) or {}
    fields = {
        "Activation_Status__c": work.clients.salesforce_settings.vocabulary.order_failed,
        "Activation_Error_Code__c": row.get("failure_code"),
        "Activation_Error_Message__c": row.get("failure_reason"),
        "Activation_Last_Attempt_At__c": utc_now(),
    }
    work.clients.salesforce.update("Order", work.asked.order, fields)
    return None


def was_guarded(work: Provisioning) -> bool:
    """The order was there and approved: what failed after that is for its agent to know."""
    return work.has("read_order")


def affected(work: Provisioning) -> Iterator[Wish]:
    yield Wish("salesforce.orders", record=work.asked.order)
    if work.accounts.salesforce:
        yield Wish("salesforce.order_items", owner=work.accounts.salesforce)
    if work.has("add_order") and work.accounts.whmcs:
        yield Wish("whmcs.services", owner=work.accounts.whmcs)
        yield Wish("whmcs.invoices", owner=work.accounts.whmcs)
        if work.has("choose_line") and work.has("link_services"):
            yield Wish("freebit.line_details", record=main_service(work))
            yield Wish("freebit.line_usage", record=main_service(work))


PROVISION_ORDER = Action(
    kind=kinds.PROVISION_ORDER,
    steps=(
        Step("read_order", read_order, reads=True),
        Step("check_products", check_products, reads=True, when=is_new),
        Step("check_payment_method", check_payment_method, reads=True, when=is_new),
        *LINE_STEPS,
        Step(
            "add_order",
            add_order,
            look=find_services,
            looks_first=True,
            when=is_new,
            refused=("WHMCS_ADD_FAILED", "The billing system refused the order."),
        ),
        Step("link_services", link_services, reads=True, when=is_new),
        Step(
            "accept_order",
            accept_order,
            look=find_accepted,
            when=is_new,
            refused=("WHMCS_ACCEPT_FAILED", "The billing system did not accept the order."),
        ),
        Step("mark_service", mark_service, repeatable=True, when=is_new),
        Step(
            "write_back",
            write_back,
            repeatable=True,
            when=is_new,
            refused=("SALESFORCE_UPDATE_FAILED", "The order could not be updated in the CRM."),
        ),
        *LINE_WRITE_BACK,
        Step(
            "update_opportunity",
            update_opportunity,
            repeatable=True,
            when=lambda work: is_new(work) and bool(order_of(work).get("OpportunityId")),
        ),
        Step("finish_order", finish_order, repeatable=True, when=is_new),
    ),
    failing=(
        Step("cancel_order", cancel_order, repeatable=True, when=was_only_added),
        *LINE_FAILING,
        Step("tell_failure", tell_failure, repeatable=True, when=was_guarded),
        LINE_LEFT_OPEN,
    ),
    affects=affected,
    result=lambda work: {
        "whmcsOrderId": work.results["add_order"]["order"]
        if work.has("add_order")
        else work.results["read_order"].get("whmcsOrder")
    },
)
