"""What can be sold, and for how much.

Product2, PricebookEntry: Object Reference; custom fields: portal reference, 5. A bundled add-on is assumed.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from domain.catalog.contract import Price, Product
from domain.common.vocabulary import SalesforceVocabulary
from tests.domain.literals.literal import SALESFORCE, Labels, Literal, Row, ours
from tests.domain.readers import price_from_row, product_from_row

MANY_CURRENCIES = SalesforceVocabulary(multi_currency=True, portal_pricebook="01s000000000001")


def product(row: Row) -> object:
    return product_from_row(row, SALESFORCE)


def price(row: Row) -> object:
    return price_from_row(row, SALESFORCE)


def price_of_many(row: Row) -> object:
    return price_from_row(row, MANY_CURRENCIES)


SIM: dict[str, Any] = {
    "attributes": {"type": "Product2"}, "Id": "01t000000000001AAA", "IsDeleted": False,
    "SystemModstamp": "2026-02-03T04:05:06.000+0000", "StockKeepingUnit": "SIM-DATA-VOICE-50GB-FAMILY",
    "Name": "SIM 50GB <family>", "Description": "Data &amp; voice", "IsActive": True,
    "Product2Categories1__c": "SIM", "Portal_Catalog__c": False, "Portal_Accessible__c": True,
    "Item_Class__c": "Service", "Billing_Cycle__c": "Monthly", "WH_Product_ID__c": "195",
    "WH_Product_Name__c": "SIM 50GB (family)", "Internet_Plan_Tier__c": "Gold",
    "Internet_Offering_Type__c": "Home 1G", "SIM_Data_Size__c": "50GB", "SIM_Plan_Type__c": "DataSmsVoice",
    "SIM_Has_Family_Discount__c": True, "VPN_Region__c": "USA-SF", "Is_Default__c": False, "Auto_Add__c": True,
    "Display_Order__c": Decimal("7.0"), "Required_Products__c": '["SIM-ACTIVATION-FEE"]',
    "Dependent_Products__c": '["SIM-ADDON-VOICE-MAIL", "SIM-ADDON-CALL-WAITING"]',
    "Mutually_Exclusive__c": '["SIM-DATA-ONLY-5GB"]', "Is_Bundled_Addon__c": False,
    "Bundled_Addon__c": "01tD000000IRFma",
}  # fmt: skip
PHONE: dict[str, Any] = {
    "attributes": {"type": "Product2"}, "Id": "01t000000000002AAA", "IsDeleted": True,
    "SystemModstamp": "2026-02-04T00:00:00.000+0000", "StockKeepingUnit": None, "Name": "Hikari Denwa",
    "Description": None, "IsActive": False, "Product2Categories1__c": None, "Portal_Catalog__c": True,
    "Portal_Accessible__c": True, "Item_Class__c": None, "Billing_Cycle__c": None, "WH_Product_ID__c": None,
    "WH_Product_Name__c": None, "Internet_Plan_Tier__c": None, "Internet_Offering_Type__c": None,
    "SIM_Data_Size__c": None, "SIM_Plan_Type__c": None, "SIM_Has_Family_Discount__c": False, "VPN_Region__c": None,
    "Is_Default__c": True, "Auto_Add__c": False, "Display_Order__c": 0, "Required_Products__c": None,
    "Dependent_Products__c": '{"not": "a list"}', "Mutually_Exclusive__c": "none, I think",
    "Is_Bundled_Addon__c": True, "Bundled_Addon__c": None,
}  # fmt: skip
FEE = PHONE | {
    "Id": "01t000000000003AAA", "IsDeleted": False, "IsActive": True, "Portal_Catalog__c": False,
    "Portal_Accessible__c": False, "SIM_Has_Family_Discount__c": False, "Is_Default__c": True, "Auto_Add__c": True,
    "Is_Bundled_Addon__c": False, "Display_Order__c": None, "Dependent_Products__c": '["A", 7, null]',
}  # fmt: skip
SET_UP = FEE | {
    "Id": "01t000000000004AAA", "Portal_Accessible__c": True, "Auto_Add__c": False, "Is_Bundled_Addon__c": True,
    "Dependent_Products__c": None,
}  # fmt: skip
HIDDEN: dict[str, Any] = {
    "Id": "01t000000000005AAA", "SystemModstamp": "2026-02-04T00:00:00.000+0000", "Name": "Hikari Denwa",
}  # fmt: skip
SIM_SAYS = (Product, {
    "id": ours("salesforce:product:01t000000000001AAA"), "source": "salesforce", "source_id": "01t000000000001AAA",
    "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "sku": "SIM-DATA-VOICE-50GB-FAMILY",
    "name": "SIM 50GB <family>", "description": "Data &amp; voice", "category": "sim", "source_category": "SIM",
    "item_class": "service", "source_item_class": "Service", "billing_cycle": "monthly",
    "source_billing_cycle": "Monthly", "is_active": True, "in_catalog": False, "is_orderable": True,
    "whmcs_product_id": "195", "whmcs_product_name": "SIM 50GB (family)", "internet_plan_tier": "Gold",
    "internet_offering_type": "Home 1G", "sim_data_size": "50GB", "sim_plan_type": "DataSmsVoice",
    "sim_has_family_discount": True, "vpn_region": "USA-SF", "is_default": False, "auto_add": True,
    "display_order": 7, "is_bundled_addon": False,
    "bundled_addon_id": ours("salesforce:product:01tD000000IRFmaIAH"), "required_skus": ["SIM-ACTIVATION-FEE"],
    "dependent_skus": ["SIM-ADDON-VOICE-MAIL", "SIM-ADDON-CALL-WAITING"], "exclusive_skus": ["SIM-DATA-ONLY-5GB"],
})  # fmt: skip
_PHONE = {
    "source": "salesforce", "source_updated_at": datetime(2026, 2, 4, tzinfo=UTC), "name": "Hikari Denwa",
    "category": "other", "item_class": "other", "billing_cycle": "other", "sim_has_family_discount": False,
    "is_default": True, "required_skus": [], "exclusive_skus": [],
}  # fmt: skip
PHONE_SAYS = (Product, _PHONE | {
    "id": ours("salesforce:product:01t000000000002AAA"), "source_id": "01t000000000002AAA",
    "deleted_at": datetime(2026, 2, 4, tzinfo=UTC), "is_active": False, "in_catalog": True, "is_orderable": True,
    "auto_add": False, "is_bundled_addon": True, "display_order": 0, "dependent_skus": [],
})  # fmt: skip
FEE_SAYS = (Product, _PHONE | {
    "id": ours("salesforce:product:01t000000000003AAA"), "source_id": "01t000000000003AAA", "is_active": True,
    "in_catalog": False, "is_orderable": False, "auto_add": True, "is_bundled_addon": False, "dependent_skus": ["A"],
})  # fmt: skip
SET_UP_SAYS = (Product, FEE_SAYS[1] | {
    "id": ours("salesforce:product:01t000000000004AAA"), "source_id": "01t000000000004AAA", "is_orderable": True,
    "auto_add": False, "is_bundled_addon": True, "dependent_skus": [],
})  # fmt: skip
HIDDEN_SAYS = (Product, _PHONE | {
    "id": ours("salesforce:product:01t000000000005AAA"), "source_id": "01t000000000005AAA", "is_active": False,
    "in_catalog": False, "is_orderable": False, "is_default": False, "auto_add": False, "is_bundled_addon": False,
    "dependent_skus": [],
})  # fmt: skip

PRICE: dict[str, Any] = {
    "attributes": {"type": "PricebookEntry"}, "Id": "01u000000000001AAA", "IsDeleted": False,
    "SystemModstamp": "2026-02-03T04:05:06.000+0000", "Product2Id": "01tD000000IRFma",
    "Pricebook2Id": "01s000000000001AAA",
    "Pricebook2": {"attributes": {"type": "Pricebook2"}, "Name": "Portal"}, "UnitPrice": Decimal("980.5"),
    "IsActive": True,
}  # fmt: skip
STANDARD_PRICE = PRICE | {
    "Id": "01u000000000002AAA", "IsDeleted": True, "Pricebook2Id": "01s000000000009AAA",
    "Pricebook2": {"attributes": {"type": "Pricebook2"}, "Name": "Standard Price Book"}, "UnitPrice": 12,
    "CurrencyIsoCode": "USD",
}  # fmt: skip
_PRICE = {
    "source": "salesforce", "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "product_id": ours("salesforce:product:01tD000000IRFmaIAH"), "is_active": True,
}  # fmt: skip
PRICE_SAYS = (Price, _PRICE | {
    "id": ours("salesforce:price:01u000000000001AAA"), "source_id": "01u000000000001AAA",
    "pricebook_id": "01s000000000001AAA", "pricebook_name": "Portal", "in_portal": True, "amount": Decimal("980.5"),
    "currency": "JPY",
})  # fmt: skip
_STANDARD = _PRICE | {
    "id": ours("salesforce:price:01u000000000002AAA"), "source_id": "01u000000000002AAA",
    "deleted_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "pricebook_id": "01s000000000009AAA",
    "pricebook_name": "Standard Price Book", "in_portal": False, "amount": Decimal(12),
}  # fmt: skip

LITERALS = (
    Literal("a plan", product, SIM, (SIM_SAYS,)),
    Literal("an add-on that is deleted, with rules that cannot be read", product, PHONE, (PHONE_SAYS,)),
    Literal("a fee that is added by itself", product, FEE, (FEE_SAYS,)),
    Literal("what comes with an add-on and is paid once", product, SET_UP, (SET_UP_SAYS,)),
    Literal("a product whose fields the hub may not read: nobody can order it", product, HIDDEN, (HIDDEN_SAYS,)),
    Literal("a price of the portal, by its price book's name", price, PRICE, (PRICE_SAYS,)),
    Literal(
        "a price that the portal does not show",
        price, STANDARD_PRICE, ((Price, _STANDARD | {"currency": "JPY"}),),
    ),
    # Operators name the price book by its name, or by its id in either form.
    Literal(
        "a price of the portal, by its price book's id, in dollars",
        price_of_many, STANDARD_PRICE | {"Pricebook2Id": "01s000000000001"},
        ((Price, _STANDARD | {"currency": "USD", "in_portal": True, "pricebook_id": "01s000000000001AAA"}),),
    ),
    Literal(
        "a price that is not active",
        price, PRICE | {"IsActive": False}, ((Price, PRICE_SAYS[1] | {"is_active": False}),),
    ),
)  # fmt: skip

# Portal reference, 5.
LABELS = (
    Labels("Product2Categories1__c", "category", product, SIM, {
        "Internet": "internet", "SIM": "sim", "VPN": "vpn", "Other": "other",
    }),
    Labels("Item_Class__c", "item_class", product, SIM, {
        "Service": "service", "Installation": "installation", "Add-on": "addon", "Activation": "activation",
    }),
    Labels("Billing_Cycle__c", "billing_cycle", product, SIM, {"Monthly": "monthly", "Onetime": "onetime"}),
)  # fmt: skip
