"""Orders and their lines, from Salesforce."""

from sqlalchemy import Index, Table

from domain.orders.contract import ActivationStatus, BillingCycle, OrderStatus, OrderType
from sql.tables.columns import (
    amount,
    choice,
    currency,
    day,
    hub_times,
    instant,
    metadata,
    owner,
    reference,
    synced,
    text,
)

orders = Table(
    "orders",
    metadata,
    *synced("salesforce", "Order"),
    owner("Salesforce"),
    text("order_number", "OrderNumber, as shown to people", personal=False),
    choice("type", OrderType, "What is ordered", required=True),
    text("source_type", "Order_Type__c, as sent", personal=False),
    choice(
        "status",
        OrderStatus,
        "Where the order stands",
        required=True,
    ),
    text("source_status", "Status, as sent; Reactivate counts as approved, Activated as processed", personal=False),
    choice(
        "activation_status",
        ActivationStatus,
        "Where activation stands",
    ),
    text("source_activation_status", "Activation_Status__c, as sent", personal=False),
    text("activation_error_code", "Why activation failed, as a code", personal=False),
    text("activation_error_message", "Why activation failed, for staff", personal=True),
    text("activation_type", "Immediate or Scheduled, as sent", personal=False),
    instant("activation_scheduled_at", "When activation is to happen, UTC"),
    day("effective_on", "EffectiveDate: first day of the order"),
    amount("total", "TotalAmount without consumption tax, in currency"),
    currency(),
    instant("placed_at", "CreatedDate: when it was placed, UTC", required=True),
    text("whmcs_order_id", "WHMCS order that fulfils it: WHMCS_Order_ID__c", personal=False),
    reference("command_id", "Command of the hub that placed it: Hub_Command_Id__c; null: placed elsewhere"),
    text("sim_type", "SIM only: eSIM or Physical SIM, as sent", personal=False),
    text("access_mode", "Internet only: IPoE-BYOR, IPoE-HGW, PPPoE, as sent", personal=False),
    text("billing_street", "Street at the time of the order", personal=True),
    text("billing_city", "City at the time of the order", personal=True),
    text("billing_state", "Prefecture or state at the time of the order", personal=False),
    text("billing_postcode", "Postal code at the time of the order", personal=True),
    text("billing_country", "Country at the time of the order, as sent", personal=False),
    *hub_times(),
    schema="hub",
    comment="One row per order (Salesforce Order).",
)

order_items = Table(
    "order_items",
    metadata,
    *synced("salesforce", "OrderItem"),
    owner("Salesforce"),
    reference("order_id", "Order it is a line of: hub.orders.id", required=True),
    reference("product_id", "Product ordered: hub.products.id"),
    reference("price_id", "Price it was ordered at: hub.prices.id"),
    text("sku", "SKU of the product at the time of reading", personal=False),
    text("product_name", "Name of the product at the time of reading", personal=False),
    amount("quantity", "How many", required=True),
    amount("unit_price", "Price of one, without consumption tax, in currency"),
    amount("total", "Price of the line, without consumption tax, in currency"),
    currency(),
    choice("billing_cycle", BillingCycle, "How it is charged; null: not said"),
    text("source_billing_cycle", "Billing_Cycle__c, as sent", personal=False),
    text("whmcs_service_id", "WHMCS service it became: WHMCS_Service_ID__c", personal=False),
    reference("subscription_id", "Subscription it became: hub.subscriptions.id; null: not yet"),
    *hub_times(),
    schema="hub",
    comment="One row per line of an order (Salesforce OrderItem).",
)

Index("orders_account_placed_idx", orders.c.account_id, orders.c.placed_at.desc(), orders.c.id.desc())
Index(None, order_items.c.order_id)
Index("orders_command_idx", orders.c.command_id, postgresql_where=orders.c.command_id.is_not(None))
