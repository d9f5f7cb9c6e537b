"""What is sold, and for how much: the Salesforce catalogue."""

from sqlalchemy import ARRAY, Column, Index, Table, Text

from domain.catalog.contract import BillingCycle, Category, ItemClass
from sql.tables.columns import (
    amount,
    choice,
    currency,
    flag,
    hub_times,
    integer,
    metadata,
    reference,
    synced,
    text,
)


def _skus(name: str, comment: str) -> Column[list[str]]:
    return Column(name, ARRAY(Text), nullable=False, comment=comment)


products = Table(
    "products",
    metadata,
    *synced("salesforce", "Product2"),
    text("sku", "Stock-keeping unit: StockKeepingUnit"),
    text("name", "Product name", required=True),
    text("description", "Description for customers"),
    choice("category", Category, "Kind of service", required=True),
    text("source_category", "Product2Categories1__c, as sent"),
    choice("item_class", ItemClass, "Part in an order", required=True),
    text("source_item_class", "Item_Class__c, as sent"),
    choice("billing_cycle", BillingCycle, "How it is charged", required=True),
    text("source_billing_cycle", "Billing_Cycle__c, as sent"),
    flag("is_active", "IsActive: in use in Salesforce", required=True),
    flag("in_catalog", "Portal_Catalog__c: shown in the portal's catalogue", required=True),
    flag("is_orderable", "Portal_Accessible__c: may be ordered, hidden fees and add-ons too", required=True),
    text("whmcs_product_id", "WHMCS product (pid): WH_Product_ID__c"),
    text("whmcs_product_name", "WHMCS product name: WH_Product_Name__c"),
    text("internet_plan_tier", "Internet only: Silver, Gold, Platinum, as sent"),
    text("internet_offering_type", "Internet only: Home 1G, Apartment 1G, Apartment 100M, as sent"),
    text("sim_data_size", "SIM only: data per month, as sent, such as 5GB"),
    text("sim_plan_type", "SIM only: DataOnly, DataSmsVoice, VoiceOnly, as sent"),
    flag("sim_has_family_discount", "SIM only: for customers who already have an active SIM", required=True),
    text("vpn_region", "VPN only: region, as sent, such as USA-SF"),
    flag("is_default", "Is_Default__c: the one to pick of several fees", required=True),
    flag("auto_add", "Auto_Add__c: added to an order by itself", required=True),
    integer("display_order", "Display_Order__c: place in lists, 0 first"),
    flag("is_bundled_addon", "Is_Bundled_Addon__c: sold together with another product", required=True),
    reference("bundled_addon_id", "The product it is bundled with: hub.products.id"),
    _skus("required_skus", "Required_Products__c: SKUs that must be in the same order"),
    _skus("dependent_skus", "Dependent_Products__c: SKUs that need this one"),
    _skus("exclusive_skus", "Mutually_Exclusive__c: SKUs that may not be in the same order"),
    *hub_times(),
    schema="hub",
    comment="One row per product of the catalogue (Salesforce Product2), shown in the portal or not.",
)

prices = Table(
    "prices",
    metadata,
    *synced("salesforce", "PricebookEntry"),
    reference("product_id", "Product priced: hub.products.id, which may arrive later", required=True),
    text("pricebook_id", "Salesforce Pricebook2 id, 18 characters", required=True),
    text("pricebook_name", "Pricebook2 name"),
    flag("in_portal", "Whether the pricebook is the portal's (setting of the hub)", required=True),
    amount("amount", "Unit price without consumption tax, in currency", required=True),
    currency(),
    flag("is_active", "IsActive: the price is in use", required=True),
    *hub_times(),
    schema="hub",
    comment="One row per product and price book (Salesforce PricebookEntry).",
)

Index(None, prices.c.product_id)
