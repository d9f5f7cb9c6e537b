"""provision_order: an approved Order becomes services in WHMCS, and Salesforce is told (portal reference, section 6.4).

Its marker is the order itself, so that whatever asks for it, and however often, finds what was done before.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from core.clock import utc_now
from core.errors import RejectedError
from domain.commands import kinds
from domain.common.text import unescaped
from pipelines.commands.actions.accounts import account_of, client_of
from pipelines.commands.actions.open_line import LINE_FAILING, LINE_LEFT_OPEN, LINE_STEPS, LINE_WRITE_BACK, is_sim
from pipelines.commands.actions.provisioning import (
    ORDER_FIELDS,
    ChosenLine,
    Item,
    Order,
    Provisioning,
    ReadOrder,
    order_of,
    plan_of,
)
from pipelines.commands.saga import Action, AlertError, Done, LaterError, RefreshRequest, RefusalError, Result, Step
from pipelines.sources.salesforce.client import Changed
from pipelines.sources.whmcs.lists import rows_at
from pipelines.sources.whmcs.php import custom_fields

READABLE_AFTER = timedelta(minutes=1)
"""How long after the event the order may not show yet what the event says."""


class AddedOrder(Result, frozen=True):
    """The order's id in WHMCS."""

    order: str


class LinkedServices(Result, frozen=True):
    """Ids of the services that each item of the order became, by the item's id."""

    services: dict[str, list[str]]


class MarkedService(Result, frozen=True):
    """The id of the service that the order's plan became."""

    service: str


def read_order(work: Provisioning) -> ReadOrder:
    """The order and its lines as they are now, if they are to be provisioned."""
    found = work.clients.salesforce.find(
        f"SELECT {ORDER_FIELDS} FROM Order WHERE Id = {{}}",  # noqa: S608 - names of our own
        work.input.order,
    )
    if not found:
        raise _unless_new(work, RefusalError("ORDER_NOT_FOUND", "The order does not exist any more."))
    order, words = _order(found[0]), work.clients.salesforce_settings.vocabulary
    if order.whmcs_order and order.activation_status == words.order_activated:
        return ReadOrder(already=True, whmcs_order=order.whmcs_order)
    if order.status not in words.order_approved or order.activation_status != words.order_activating:
        raise _unless_new(work, RefusalError("ORDER_NOT_APPROVED", "The order is not approved any more."))
    if order.account != account_of(work):
        raise RefusalError("MAPPING_MISSING", "The order belongs to another account.")
    _wait_for_its_day(order.activation_type, order.scheduled_at)
    items = work.clients.salesforce.find(
        "SELECT Id, Quantity, Billing_Cycle__c, Product2.StockKeepingUnit, Product2.WH_Product_ID__c,"
        " Product2.Item_Class__c, Product2.SIM_Plan_Type__c, Product2.SIM_Data_Size__c"
        " FROM OrderItem WHERE OrderId = {} ORDER BY Id",
        work.input.order,
    )
    return ReadOrder(already=False, order=order, items=tuple(_item(item) for item in items))


def _order(sent: Mapping[str, Any]) -> Order:
    """An org may have given one of the fields another type: an operator must look."""
    try:
        return msgspec.convert(sent, Order)
    except msgspec.ValidationError as error:
        raise AlertError("ORDER_UNREADABLE", f"A field of the order has another type: {error}") from error


def _item(item: Mapping[str, Any]) -> Item:
    product = item["Product2"] or {}
    pid = product.get("WH_Product_ID__c")
    return Item(
        id=item["Id"],
        sku=product.get("StockKeepingUnit"),
        pid=None if pid is None else int(pid),
        item_class=product.get("Item_Class__c"),
        quantity=int(item["Quantity"]),
        cycle=(item["Billing_Cycle__c"] or "").lower(),
        plan_type=product.get("SIM_Plan_Type__c"),
        data_size=product.get("SIM_Data_Size__c"),
    )


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
    return not work.result(ReadOrder).already


def check_products(work: Provisioning) -> Done | None:
    """All lines have a WHMCS product, or none is ordered; and an order for a SIM is for one."""
    items = work.result(ReadOrder).items
    if not items or any(item.pid is None for item in items):
        raise RefusalError("PRODUCT_MAPPING_MISSING", "A product of the order cannot be billed yet.")
    # The portal offers no other, but agents write orders too: a second line would be billed and never opened.
    if is_sim(work) and [item.quantity for item in items if item.item_class == "Service"] != [1]:
        raise RefusalError("ONE_LINE_AN_ORDER", "An order opens one line: order each by itself.")
    return None


def check_payment_method(work: Provisioning) -> Done | None:
    if not rows_at(work.clients.whmcs.call("GetPayMethods", clientid=client_of(work)), "paymethods"):
        raise RefusalError("PAYMENT_METHOD_MISSING", "The customer has no payment method on file.")
    return None


def add_order(work: Provisioning) -> AddedOrder:
    """One WHMCS order of all lines; every service of it carries the Salesforce order's id."""
    words, items = work.clients.whmcs_settings.vocabulary, work.result(ReadOrder).items
    marks = [
        custom_fields({words.command_field_ids.get(item.pid or 0, words.command_field_id): work.input.order})
        for item in items
    ]
    answer = work.clients.whmcs.change(
        "AddOrder",
        clientid=client_of(work),
        paymentmethod=words.payment_method,
        pid=[str(item.pid) for item in items],
        qty=[item.quantity for item in items],
        billingcycle=[item.cycle for item in items],
        customfields=marks,
        notes=f"sfOrderId={work.input.order}",  # for people; nothing relies on it (decision 0012)
        noemail=True,
    )
    return AddedOrder(str(answer["orderid"]))


def find_services(work: Provisioning) -> AddedOrder | None:
    """The WHMCS order whose services carry the Salesforce order's id, unless it was cancelled."""
    name = work.clients.whmcs_settings.vocabulary.command_field
    orders = {str(service["orderid"]) for service in _services(work) if _field(service, name) == work.input.order}
    return AddedOrder(min(orders, key=int)) if orders else None


def _services(work: Provisioning) -> Iterator[Mapping[str, Any]]:
    """The client's services that were not taken back."""
    for page in work.clients.whmcs.pages("GetClientsProducts", "products.product", 250, clientid=client_of(work)):
        yield from (row for row in page.rows if row.get("status") not in {"Cancelled", "Fraud"})


def link_services(work: Provisioning) -> LinkedServices:
    """Which services each item of the order became, by the item's id.

    Told by product, not by position: a product is set to make of a quantity that many services, or one ("Allow Multiple
    Quantities"), and what AddOrder lists is in no order that anybody promises. Items of one product take its services
    in the order of their ids, so that every try links the same.

    Raises:
        RefusalError: WHMCS made other services than were ordered.
    """
    order, items = work.result(AddedOrder).order, work.result(ReadOrder).items
    made: dict[str, list[str]] = {}
    for service in sorted(_services(work), key=lambda row: int(row["id"])):
        if str(service["orderid"]) == order:
            made.setdefault(str(service["pid"]), []).append(str(service["id"]))
    linked: dict[str, list[str]] = {}
    for pid in {str(item.pid) for item in items}:
        same = [item for item in items if str(item.pid) == pid]
        services = made.get(pid, [])
        shares = [item.quantity for item in same]
        if len(services) == len(same):
            shares = [1] * len(same)
        if len(services) != sum(shares):
            raise RefusalError("WHMCS_ADD_FAILED", "The billing system made other services than were ordered.")
        for item, share in zip(same, shares, strict=True):
            linked[item.id], services = services[:share], services[share:]
    return LinkedServices(linked)


def service_of(work: Provisioning, item: Item) -> str:
    """The service that an item of the order became; of several, the first."""
    return work.result(LinkedServices).services[item.id][0]


def _field(service: Mapping[str, Any], name: str) -> str | None:
    rows = rows_at(service, "customfields.customfield")
    return next((row.get("value") for row in rows if unescaped(row.get("name")) == name), None)


def accept_order(work: Provisioning) -> Done | None:
    try:
        work.clients.whmcs.change("AcceptOrder", orderid=work.result(AddedOrder).order, autosetup=True, sendemail=False)
    except RejectedError:
        # Accepted by an earlier try, or half done by the server's own module: only reading tells.
        found = find_accepted(work)
        if found is None:
            raise
        return found
    return None


def find_accepted(work: Provisioning) -> Done | None:
    return Done() if _status(work) == "Active" else None


def _status(work: Provisioning) -> str | None:
    rows = rows_at(work.clients.whmcs.call("GetOrders", id=work.result(AddedOrder).order), "orders.order")
    return str(rows[0]["status"]) if rows else None


def mark_service(work: Provisioning) -> MarkedService:
    """The main service knows its opportunity and, for a SIM, its line."""
    words = work.clients.whmcs_settings.vocabulary
    line = work.result_or_none(ChosenLine)
    known = {
        words.sim_number_fields[0]: line and line.account,
        words.serial_number_field: line and line.serial,
        words.eid_field: line and line.eid,
        words.opportunity_field: order_of(work).opportunity,
    }
    service = main_service(work)
    ids = _field_ids(work, service)
    values = {ids[name]: str(value) for name, value in known.items() if value and name in ids}
    if values:
        work.clients.whmcs.change("UpdateClientProduct", serviceid=service, customfields=custom_fields(values))
    return MarkedService(service)


def main_service(work: Provisioning) -> str:
    """The service that the order's plan became."""
    return service_of(work, plan_of(work))


def _field_ids(work: Provisioning, service: str) -> dict[str, int]:
    rows = rows_at(work.clients.whmcs.call("GetClientsProducts", serviceid=service), "products.product")
    listed = rows_at(rows[0], "customfields.customfield") if rows else []
    return {unescaped(str(row["name"])) or "": int(row["id"]) for row in listed}


def write_back(work: Provisioning) -> Done | None:
    """Salesforce learns the WHMCS order and services; the order's own status comes after all else."""
    words = work.clients.salesforce_settings.vocabulary
    told = {
        "WHMCS_Order_ID__c": work.result(AddedOrder).order,
        "Activation_Status__c": words.order_activated,
        "Activation_Error_Code__c": None,
        "Activation_Error_Message__c": None,
        "Activation_Last_Attempt_At__c": utc_now(),
    }
    items = [
        Changed("OrderItem", item.id, {"WHMCS_Service_ID__c": service_of(work, item)})
        for item in work.result(ReadOrder).items
    ]
    work.clients.salesforce.update_together([Changed("Order", work.input.order, told), *items])
    return None


def update_opportunity(work: Provisioning) -> Done | None:
    service = main_service(work)
    stage = work.clients.salesforce_settings.vocabulary.opportunity_active
    fields = {"StageName": stage, "WHMCS_Service_ID__c": service, "WH_Registeration__c": service}
    work.clients.salesforce.update("Opportunity", order_of(work).opportunity or "", fields)
    return None


def finish_order(work: Provisioning) -> Done | None:
    status = work.clients.salesforce_settings.vocabulary.order_done
    work.clients.salesforce.update("Order", work.input.order, {"Status": status})
    return None


def cancel_order(work: Provisioning) -> Done | None:
    """Only an order that was not accepted is taken back."""
    try:
        work.clients.whmcs.change("CancelOrder", orderid=work.result(AddedOrder).order, noemail=True)
    except RejectedError:
        if _status(work) != "Cancelled":
            raise
    return None


def was_only_added(work: Provisioning) -> bool:
    return work.has("add_order") and not work.has("accept_order")


def tell_failure(work: Provisioning) -> Done | None:
    """The agent sees on the order why it failed."""
    row = work.row("actions/failure", id=work.command.id) or {}
    fields = {
        "Activation_Status__c": work.clients.salesforce_settings.vocabulary.order_failed,
        "Activation_Error_Code__c": row.get("failure_code"),
        "Activation_Error_Message__c": row.get("failure_reason"),
        "Activation_Last_Attempt_At__c": utc_now(),
    }
    work.clients.salesforce.update("Order", work.input.order, fields)
    return None


def was_guarded(work: Provisioning) -> bool:
    """The order was there and approved: what failed after that is for its agent to know."""
    return work.has("read_order")


def affected(work: Provisioning) -> Iterator[RefreshRequest]:
    yield RefreshRequest("salesforce.orders", record=work.input.order)
    if "salesforce" in work.accounts:
        yield RefreshRequest("salesforce.order_items", owner=work.accounts["salesforce"])
    if work.has("add_order") and "whmcs" in work.accounts:
        yield RefreshRequest("whmcs.services", owner=work.accounts["whmcs"])
        yield RefreshRequest("whmcs.invoices", owner=work.accounts["whmcs"])
        if work.has("choose_line") and work.has("link_services"):
            yield RefreshRequest("freebit.line_details", record=main_service(work))
            yield RefreshRequest("freebit.line_usage", record=main_service(work))


PROVISION_ORDER = Action(
    kind=kinds.PROVISION_ORDER,
    steps=(
        Step("read_order", read_order, brings=ReadOrder, reads=True),
        Step("check_products", check_products, reads=True, when=is_new),
        Step("check_payment_method", check_payment_method, reads=True, when=is_new),
        *LINE_STEPS,
        Step(
            "add_order",
            add_order,
            brings=AddedOrder,
            find_existing=find_services,
            find_existing_first=True,
            when=is_new,
            refused=("WHMCS_ADD_FAILED", "The billing system refused the order."),
        ),
        Step("link_services", link_services, brings=LinkedServices, reads=True, when=is_new),
        Step(
            "accept_order",
            accept_order,
            find_existing=find_accepted,
            when=is_new,
            refused=("WHMCS_ACCEPT_FAILED", "The billing system did not accept the order."),
        ),
        Step("mark_service", mark_service, brings=MarkedService, repeatable=True, when=is_new),
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
            when=lambda work: is_new(work) and bool(order_of(work).opportunity),
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
        "whmcsOrderId": work.result(AddedOrder).order if work.has("add_order") else work.result(ReadOrder).whmcs_order
    },
)
