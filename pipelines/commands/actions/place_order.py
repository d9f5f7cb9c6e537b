"""place_order: a cart becomes an Order in Salesforce, for an agent to approve (portal reference, section 6.3)."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.clock import utc_now
from core.errors import RejectedError
from domain.commands import kinds
from domain.common.times import midnight
from domain.orders.placing import Address, PlaceOrder, Porting, SimChoices, is_weekend
from pipelines.commands.actions.accounts import account_of
from pipelines.commands.actions.opportunities import BegunOpportunity, KeptOpportunity
from pipelines.commands.saga import Action, LaterError, RefreshRequest, RefusalError, Result, Step, Work
from pipelines.sources.salesforce.client import Lines

Placing = Work[PlaceOrder]

MARKER = "Hub_Command_Id__c"
ORDER_TYPES = {"internet": "Internet", "sim": "SIM", "vpn": "VPN"}
SIM_TYPES = {"esim": "eSIM", "physical": "Physical SIM"}
CURRENCY_AGAIN_IN_SECONDS = 60.0
GENDERS = {"male": "M", "female": "W", "corporate": "C"}


class PlacedOrder(Result, frozen=True, omit_defaults=True):
    """The order's id in Salesforce, and the number that people call it by, where it is known by then."""

    order: str
    number: str | None = None


class OrderNumber(Result, frozen=True):
    """The number that people call the order by; null: it may not be read."""

    number: str | None = None


def find_opportunity(work: Placing) -> BegunOpportunity:
    """Only an order for internet goes on with what a check began."""
    if work.input.type != "internet":
        return BegunOpportunity()
    found = work.clients.salesforce.find(
        "SELECT Id FROM Opportunity WHERE AccountId = {} AND StageName IN {} ORDER BY CreatedDate DESC LIMIT 1",
        account_of(work),
        list(work.clients.salesforce_settings.vocabulary.opportunity_begun),
    )
    return BegunOpportunity(found[0]["Id"] if found else None)


def keep_opportunity(work: Placing) -> KeptOpportunity:
    """The opportunity the order is for, one stage on; a new one carries our marker."""
    known = work.result(BegunOpportunity).id
    stage = work.clients.salesforce_settings.vocabulary.opportunity_ordered
    if known:
        work.clients.salesforce.update("Opportunity", known, {"StageName": stage})
        return KeptOpportunity(known)
    fields = {
        "Name": f"Portal order: {ORDER_TYPES[work.input.type]}",
        "StageName": stage,
        "CloseDate": _today(),
        "AccountId": account_of(work),
        "Opportunity_Source__c": "Portal - Order Placement",
    }
    return KeptOpportunity(work.clients.salesforce.upsert("Opportunity", MARKER, work.marker, fields))


def create_order(work: Placing) -> PlacedOrder:
    """The order with its lines, in one transaction: the marker is unique, so there is never a second one."""
    cart = work.row("actions/cart", account_id=work.command.account_id, skus=[line.sku for line in work.input.items])
    fields, lines = _placed(work, cart or {})
    try:
        order = work.clients.salesforce.create_tree("Order", fields, lines)
    except RejectedError as error:
        found = find_order(work) if error.code == "DUPLICATE_VALUE" else None
        if found is None:
            raise
        return found
    return PlacedOrder(order)


def find_order(work: Placing) -> PlacedOrder | None:
    """The order that carries our marker."""
    found = work.clients.salesforce.find("SELECT Id, OrderNumber FROM Order WHERE Hub_Command_Id__c = {}", work.marker)
    return PlacedOrder(found[0]["Id"], found[0]["OrderNumber"]) if found else None


def read_number(work: Placing) -> OrderNumber | None:
    """The order is placed, whether or not we may read its number."""
    try:
        found = find_order(work)
    except RejectedError:
        return None
    return OrderNumber(found.number) if found is not None else None


def number_is_unknown(work: Placing) -> bool:
    return work.result(PlacedOrder).number is None


def _placed(work: Placing, cart: Mapping[str, Any]) -> tuple[dict[str, Any], Lines]:
    """The order, and the lines under it."""
    entries: dict[str, Any] = cart.get("entries") or {}
    missing = [line.sku for line in work.input.items if line.sku not in entries]
    if missing:
        raise RefusalError("NOT_PRICED", f"{missing[0]} has no price in the portal's price book any more.")
    lines = [
        {
            "PricebookEntryId": entries[line.sku]["entry"],
            "Quantity": line.quantity,
            "UnitPrice": float(entries[line.sku]["amount"]),
            "Billing_Cycle__c": entries[line.sku]["cycle"],
        }
        for line in work.input.items
    ]
    return _order(work, cart, entries), Lines("OrderItems", "OrderItem", lines)


def _order(work: Placing, cart: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    input, words = work.input, work.clients.salesforce_settings.vocabulary
    chosen = [entries[line.sku] for line in input.items]
    service = next((entry for entry in chosen if entry["class"] == "service"), chosen[0])
    if words.multi_currency and cart.get("currency") is None:
        raise LaterError(CURRENCY_AGAIN_IN_SECONDS, "The currency that the account is billed in is not known yet.")
    fields = {
        MARKER: work.marker,
        "AccountId": account_of(work),
        "EffectiveDate": (input.activate_on or work.command.accepted_at.date()).isoformat(),
        "Status": words.order_created,
        "Pricebook2Id": service["pricebook"],
        "CurrencyIsoCode": service["currency"] if words.multi_currency else None,
        "Order_Type__c": ORDER_TYPES[input.type],
        "OpportunityId": work.result(KeptOpportunity).id,
        "Activation_Type__c": "Scheduled" if input.activate_on else "Immediate",
        "Activation_Status__c": words.order_not_started,
        "Internet_Plan_Tier__c": service["tier"],
        "VPN_Region__c": service["region"],
        "Installation_Type__c": next(
            (words.installation_types[line.sku] for line in input.items if line.sku in words.installation_types), None
        ),
        "Access_Mode__c": input.access_mode,
        "Weekend_Install__c": any(is_weekend(line.sku) for line in input.items),
        "Hikari_Denwa__c": any("HIKARI-DENWA" in line.sku for line in input.items),
        **_address(input.address, cart),
    }
    if input.activate_on is not None:
        # The first day of service is the first that is billed, so it begins by the billing system's clock.
        fields["Activation_Scheduled_At__c"] = midnight(input.activate_on, work.clients.whmcs_settings.vocabulary.zone)
    if input.sim is not None:
        fields |= sim_fields(input.sim)
    return {name: value for name, value in fields.items() if value is not None}


def _address(given: Address | None, on_file: Mapping[str, Any]) -> dict[str, Any]:
    if given is not None:
        street, rest = given.street, (given.city, given.state, given.postcode, given.country)
    else:
        street = "\n".join(filter(None, (on_file.get("address1"), on_file.get("address2"))))
        rest = tuple(on_file.get(name) for name in ("city", "state", "postcode", "country"))  # type: ignore[assignment]
    names = ("BillingCity", "BillingState", "BillingPostalCode", "BillingCountry")
    return {"BillingStreet": street, **dict(zip(names, rest, strict=True)), "Address_Changed__c": given is not None}


def sim_fields(sim: SimChoices) -> dict[str, Any]:
    """What an order says of how its SIM is wanted."""
    fields = {
        "SIM_Type__c": SIM_TYPES[sim.sim_type],
        "EID__c": sim.eid,
        "SIM_Voice_Mail__c": sim.voice_mail,
        "SIM_Call_Waiting__c": sim.call_waiting,
    }
    return fields | (porting_fields(sim.porting) if sim.porting is not None else {})


def porting_fields(porting: Porting) -> dict[str, Any]:
    """What an order says of a number that is brought along."""
    return {
        "MNP_Application__c": True,
        "MNP_Reservation_Number__c": porting.reservation_number,
        "MNP_Expiry_Date__c": porting.expires_on.isoformat(),
        "MNP_Phone_Number__c": porting.phone_number,
        "MVNO_Account_Number__c": porting.carrier_account,
        "Porting_LastName__c": porting.last_name,
        "Porting_FirstName__c": porting.first_name,
        "Porting_LastName_Katakana__c": porting.last_name_katakana,
        "Porting_FirstName_Katakana__c": porting.first_name_katakana,
        "Porting_Gender__c": GENDERS[porting.gender],
        "Porting_DateOfBirth__c": porting.birth_date.isoformat(),
    }


def _today() -> str:
    return utc_now().date().isoformat()


def affected(work: Placing) -> Iterator[RefreshRequest]:
    placed = work.result_or_none(PlacedOrder)
    if placed is not None:
        yield RefreshRequest("salesforce.orders", record=placed.order)
        yield RefreshRequest("salesforce.order_items", owner=account_of(work))


def shown(work: Placing) -> Mapping[str, Any]:
    placed, read = work.result(PlacedOrder), work.result_or_none(OrderNumber)
    return {"salesforceOrderId": placed.order, "orderNumber": read.number if read is not None else placed.number}


PLACE_ORDER = Action(
    kind=kinds.PLACE_ORDER,
    steps=(
        Step("find_opportunity", find_opportunity, brings=BegunOpportunity, reads=True),
        Step("keep_opportunity", keep_opportunity, brings=KeptOpportunity, repeatable=True),
        Step(
            "create_order",
            create_order,
            brings=PlacedOrder,
            find_existing=find_order,
            refused=("ORDER_REFUSED", "The order could not be created; it was not placed."),
        ),
        Step("read_number", read_number, brings=OrderNumber, reads=True, when=number_is_unknown),
    ),
    affects=affected,
    result=shown,
)
