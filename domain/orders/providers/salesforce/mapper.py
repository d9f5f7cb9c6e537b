"""Salesforce orders and order items in our words (source: Object Reference; portal reference, section 6.1)."""

from collections.abc import Mapping
from uuid import UUID

from domain.common.identifiers import hub_ids_of
from domain.common.salesforce import amount, as_sent, currency, day, hub_id_of, instant, label, table_of, text
from domain.orders.contract import ActivationStatus, BillingCycle, Order, OrderItem, OrderStatus, OrderType

MAPPER_VERSION = "3"

TYPES: Mapping[str, OrderType] = {
    "Internet": "internet",
    "SIM": "sim",
    "eSIM": "sim",  # an older org's word for it
    "VPN": "vpn",
    "Other": "other",
}
STATUSES: Mapping[str, OrderStatus] = {
    "Draft": "draft",
    "Pending Review": "pending_review",
    "Approved": "approved",
    "Reactivate": "approved",  # fulfilment starts again
    "Processed": "processed",
    "Activated": "processed",
    "Cancelled": "cancelled",
    "Rejected": "rejected",
}
ACTIVATION_STATUSES: Mapping[str, ActivationStatus] = {
    "Not Started": "not_started",
    "Scheduled": "scheduled",
    "Activating": "activating",
    "Activated": "activated",
    "Failed": "failed",
}
CYCLES: Mapping[str, BillingCycle] = {"Monthly": "monthly", "Onetime": "onetime"}


def _command(marker: str | None) -> UUID | None:
    """The command that placed it; what another program wrote into our field is not ours."""
    try:
        return UUID(marker) if marker else None
    except ValueError:
        return None


ORDER = table_of(
    Order,
    id=hub_id_of("order", "Id", required=True),
    account_id=hub_id_of("account", "AccountId", required=True),
    order_number=text("OrderNumber"),
    type=label("Order_Type__c", TYPES),
    source_type=as_sent("Order_Type__c"),
    status=label("Status", STATUSES),
    source_status=as_sent("Status"),
    activation_status=label("Activation_Status__c", ACTIVATION_STATUSES, none=None),
    source_activation_status=as_sent("Activation_Status__c"),
    activation_error_code=text("Activation_Error_Code__c"),
    activation_error_message=text("Activation_Error_Message__c"),
    activation_type=text("Activation_Type__c"),
    activation_scheduled_at=instant("Activation_Scheduled_At__c"),
    effective_on=day("EffectiveDate"),
    total=amount("TotalAmount"),
    currency=currency,
    placed_at=instant("CreatedDate", required=True),
    whmcs_order_id=text("WHMCS_Order_ID__c"),
    command_id=text("Hub_Command_Id__c").then(_command),
    sim_type=text("SIM_Type__c"),
    access_mode=text("Access_Mode__c"),
    billing_street=text("BillingStreet"),
    billing_city=text("BillingCity"),
    billing_state=text("BillingState"),
    billing_postcode=text("BillingPostalCode"),
    billing_country=text("BillingCountry"),
)
"""An Order."""

ORDER_ITEM = table_of(
    OrderItem,
    id=hub_id_of("order_item", "Id", required=True),
    account_id=hub_id_of("account", "Order.AccountId", required=True),
    order_id=hub_id_of("order", "OrderId", required=True),
    product_id=hub_id_of("product", "Product2Id"),
    price_id=hub_id_of("price", "PricebookEntryId"),
    sku=text("Product2.StockKeepingUnit"),
    product_name=text("Product2.Name"),
    quantity=amount("Quantity", required=True),
    unit_price=amount("UnitPrice"),
    total=amount("TotalPrice"),
    currency=currency,
    billing_cycle=label("Billing_Cycle__c", CYCLES, none=None),
    source_billing_cycle=as_sent("Billing_Cycle__c"),
    whmcs_service_id=text("WHMCS_Service_ID__c"),
    subscription_id=text("WHMCS_Service_ID__c").then(
        lambda service: hub_ids_of("whmcs", "subscription")(service) if service else None, makes=UUID | None
    ),
)
"""An OrderItem, with its order's account and its product's name and SKU."""
