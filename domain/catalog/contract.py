"""What can be sold and what it costs."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from domain.common.numbers import Amount, Small
from domain.common.record import Record

Category = Literal["internet", "sim", "vpn", "other"]
ItemClass = Literal["service", "installation", "addon", "activation", "other"]
BillingCycle = Literal["monthly", "onetime", "other"]


class Product(Record):
    """A product, a fee or an add-on. The lists of SKUs are composition rules: what it needs, allows and excludes."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (
        ("category", "source_category"),
        ("item_class", "source_item_class"),
        ("billing_cycle", "source_billing_cycle"),
    )

    sku: str | None
    name: str = Field(min_length=1)
    description: str | None
    category: Category
    source_category: str | None
    item_class: ItemClass
    source_item_class: str | None
    billing_cycle: BillingCycle
    source_billing_cycle: str | None
    is_active: bool
    in_catalog: bool
    is_orderable: bool
    whmcs_product_id: str | None
    whmcs_product_name: str | None
    internet_plan_tier: str | None
    internet_offering_type: str | None
    sim_data_size: str | None
    sim_plan_type: str | None
    sim_has_family_discount: bool
    vpn_region: str | None
    is_default: bool
    auto_add: bool
    display_order: Small | None
    is_bundled_addon: bool
    bundled_addon_id: UUID | None
    required_skus: list[str]
    dependent_skus: list[str]
    exclusive_skus: list[str]


class Price(Record):
    """A product's price in one pricebook. `in_portal`: it is the pricebook that the portal shows."""

    product_id: UUID
    pricebook_id: str
    pricebook_name: str | None
    in_portal: bool
    amount: Amount
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    is_active: bool
