"""Salesforce products and prices in our words (source: Object Reference; portal reference, section 5)."""

import json
from collections.abc import Mapping

from domain.catalog.contract import BillingCycle, Category, ItemClass, Price, Product
from domain.common.converters import string
from domain.common.field_table import combined_by_words
from domain.common.salesforce import (
    amount,
    as_sent,
    currency,
    flag,
    hub_id_of,
    label,
    number,
    record_id,
    table_of,
    text,
)
from domain.common.vocabulary import SalesforceVocabulary

MAPPER_VERSION = "2"

CATEGORIES: Mapping[str, Category] = {"Internet": "internet", "SIM": "sim", "VPN": "vpn", "Other": "other"}
ITEM_CLASSES: Mapping[str, ItemClass] = {
    "Service": "service",
    "Installation": "installation",
    "Add-on": "addon",
    "Activation": "activation",
}
CYCLES: Mapping[str, BillingCycle] = {"Monthly": "monthly", "Onetime": "onetime"}


def _skus(written: str | None) -> list[str]:
    """The SKUs in a JSON array; a rule that cannot be read is no rule (the fields are a proposal in the reference)."""
    try:
        skus = json.loads(written or "[]")
        return [string(sku) for sku in skus if isinstance(sku, str)] if isinstance(skus, list) else []
    except ValueError:
        return []


PRODUCT = table_of(
    Product,
    id=hub_id_of("product", "Id", required=True),
    sku=text("StockKeepingUnit"),
    name=text("Name").then(lambda name: name or ""),
    description=text("Description"),
    category=label("Product2Categories1__c", CATEGORIES),
    source_category=as_sent("Product2Categories1__c"),
    item_class=label("Item_Class__c", ITEM_CLASSES),
    source_item_class=as_sent("Item_Class__c"),
    billing_cycle=label("Billing_Cycle__c", CYCLES),
    source_billing_cycle=as_sent("Billing_Cycle__c"),
    is_active=flag("IsActive"),
    in_catalog=flag("Portal_Catalog__c"),
    is_orderable=flag("Portal_Accessible__c"),
    whmcs_product_id=text("WH_Product_ID__c"),
    whmcs_product_name=text("WH_Product_Name__c"),
    internet_plan_tier=text("Internet_Plan_Tier__c"),
    internet_offering_type=text("Internet_Offering_Type__c"),
    sim_data_size=text("SIM_Data_Size__c"),
    sim_plan_type=text("SIM_Plan_Type__c"),
    sim_has_family_discount=flag("SIM_Has_Family_Discount__c"),
    vpn_region=text("VPN_Region__c"),
    is_default=flag("Is_Default__c"),
    auto_add=flag("Auto_Add__c"),
    display_order=number("Display_Order__c").then(lambda place: None if place is None else int(place)),
    # Assumed, as the next one: no source names how a bundled add-on is marked.
    is_bundled_addon=flag("Is_Bundled_Addon__c"),
    bundled_addon_id=hub_id_of("product", "Bundled_Addon__c"),
    required_skus=text("Required_Products__c").then(_skus),
    dependent_skus=text("Dependent_Products__c").then(_skus),
    exclusive_skus=text("Mutually_Exclusive__c").then(_skus),
)
"""A Product2."""


def _in_portal(pricebook: str, name: str | None, words: SalesforceVocabulary) -> bool:
    return words.portal_pricebook in {pricebook, pricebook[:15], name}


PRICE = table_of(
    Price,
    id=hub_id_of("price", "Id", required=True),
    product_id=hub_id_of("product", "Product2Id", required=True),
    pricebook_id=record_id("Pricebook2Id"),
    pricebook_name=text("Pricebook2.Name"),
    in_portal=combined_by_words(_in_portal, record_id("Pricebook2Id"), text("Pricebook2.Name")),
    amount=amount("UnitPrice", required=True),
    currency=currency,
    is_active=flag("IsActive"),
)
"""A PricebookEntry, with its pricebook's name."""
