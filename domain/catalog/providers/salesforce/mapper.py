"""Salesforce products and prices in our words."""

import json
from collections.abc import Mapping

from pydantic import ValidationError

from domain.catalog.contract import BillingCycle, Category, ItemClass, Price, Product
from domain.catalog.providers.salesforce.raw import RawPrice, RawProduct
from domain.common.failures import broken
from domain.common.identifiers import hub_id
from domain.common.salesforce import flat
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


def product_from_row(
    row: Mapping[str, object],
    vocabulary: SalesforceVocabulary,  # noqa: ARG001 - every mapper is called alike
) -> Product:
    """The product that a Product2 record describes.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawProduct.model_validate(flat(row))
        return Product(
            id=hub_id("salesforce", "product", raw.id),
            source="salesforce",
            source_id=raw.id,
            source_updated_at=raw.system_modstamp,
            deleted_at=raw.deleted_at,
            sku=raw.sku,
            name=raw.name or "",
            description=raw.description,
            category=CATEGORIES.get(raw.category or "", "other"),
            source_category=raw.category,
            item_class=ITEM_CLASSES.get(raw.item_class or "", "other"),
            source_item_class=raw.item_class,
            billing_cycle=CYCLES.get(raw.billing_cycle or "", "other"),
            source_billing_cycle=raw.billing_cycle,
            is_active=raw.is_active,
            in_catalog=raw.in_catalog,
            is_orderable=raw.is_orderable,
            whmcs_product_id=raw.whmcs_product_id,
            whmcs_product_name=raw.whmcs_product_name,
            internet_plan_tier=raw.internet_plan_tier,
            internet_offering_type=raw.internet_offering_type,
            sim_data_size=raw.sim_data_size,
            sim_plan_type=raw.sim_plan_type,
            sim_has_family_discount=raw.sim_has_family_discount,
            vpn_region=raw.vpn_region,
            is_default=raw.is_default,
            auto_add=raw.auto_add,
            display_order=int(raw.display_order) if raw.display_order is not None else None,
            is_bundled_addon=raw.is_bundled_addon,
            bundled_addon_id=hub_id("salesforce", "product", raw.bundled_addon) if raw.bundled_addon else None,
            required_skus=_skus(raw.required),
            dependent_skus=_skus(raw.dependent),
            exclusive_skus=_skus(raw.exclusive),
        )
    except (ValidationError, ValueError) as error:
        raise broken("salesforce", row.get("Id"), error) from error


def price_from_row(row: Mapping[str, object], vocabulary: SalesforceVocabulary) -> Price:
    """The price that a PricebookEntry record describes.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawPrice.model_validate(flat(row))
        return Price(
            id=hub_id("salesforce", "price", raw.id),
            source="salesforce",
            source_id=raw.id,
            source_updated_at=raw.system_modstamp,
            deleted_at=raw.deleted_at,
            product_id=hub_id("salesforce", "product", raw.product),
            pricebook_id=raw.pricebook,
            pricebook_name=raw.pricebook_name,
            in_portal=vocabulary.portal_pricebook in {raw.pricebook, raw.pricebook[:15], raw.pricebook_name},
            amount=raw.unit_price,
            currency=vocabulary.currency_of(raw.currency),
            is_active=raw.is_active,
        )
    except (ValidationError, ValueError) as error:
        raise broken("salesforce", row.get("Id"), error) from error


def _skus(text: str | None) -> list[str]:
    """The SKUs in a JSON array; a rule that cannot be read is no rule (the fields are a proposal in the reference)."""
    try:
        skus = json.loads(text or "[]")
    except ValueError:
        return []
    return [sku for sku in skus if isinstance(sku, str)] if isinstance(skus, list) else []
