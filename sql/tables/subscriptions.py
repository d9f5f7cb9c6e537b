"""Subscriptions: WHMCS services."""

from sqlalchemy import Index, Table

from domain.common.vocabulary import ServiceType
from domain.subscriptions.contract import BillingCycle, SubscriptionStatus
from sql.tables.columns import amount, choice, day, hub_times, metadata, owner, synced, text

subscriptions = Table(
    "subscriptions",
    metadata,
    *synced("whmcs", "service"),
    owner("WHMCS"),
    text("whmcs_order_id", "WHMCS order it came from", personal=False),
    text("whmcs_product_id", "WHMCS product (pid)", personal=False),
    text("product_name", "Product name in WHMCS", personal=False),
    text("group_name", "Product group in WHMCS", personal=False),
    choice(
        "service_type",
        ServiceType,
        "Kind of service, told from the product name",
        required=True,
    ),
    choice(
        "status",
        SubscriptionStatus,
        "Where the service stands",
        required=True,
    ),
    text("source_status", "status, as sent", personal=False),
    choice("billing_cycle", BillingCycle, "How often it is billed", required=True),
    text("source_billing_cycle", "billingcycle, as sent", personal=False),
    amount(
        "amount",
        "recurringamount: charge per cycle, in the currency of its account (hub.customer_accounts.currency)",
        required=True,
    ),
    amount("first_amount", "firstpaymentamount: first charge, in the currency of its account"),
    # The release before writes it; the next one may drop it.
    text(
        "currency",
        "Always null: WHMCS names a currency per account (hub.customer_accounts.currency), not per service",
        personal=False,
    ),
    day("registered_on", "regdate: first day, WHMCS local date"),
    day("next_due_on", "nextduedate: next due date, WHMCS local date; null: none"),
    text("payment_method", "Gateway that pays it, as sent", personal=False),
    text("domain", "domain: WHMCS's free label of the service", personal=True),
    text("opportunity_id", "Salesforce Opportunity, from the service's custom field", personal=False),
    *hub_times(),
    schema="hub",
    comment="One row per subscription (WHMCS service).",
)

Index(None, subscriptions.c.account_id, subscriptions.c.id)
