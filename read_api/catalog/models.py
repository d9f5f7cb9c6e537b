"""Wire models of the catalogue."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from domain.catalog.contract import BillingCycle, Category, ItemClass
from read_api.http.wire import Money, Wire, page_of


class Product(Wire, frozen=True):
    """A product shown in the portal."""

    id: UUID
    sku: Annotated[str | None, Meta(description="Stock-keeping unit")]
    name: str
    description: str | None
    category: Category
    item_class: ItemClass
    billing_cycle: BillingCycle
    is_orderable: bool
    display_order: Annotated[int | None, Meta(description="Place in lists")]
    prices: Annotated[list[Money], Meta(description="Portal prices without consumption tax")]
    internet_plan_tier: str | None
    internet_offering_type: str | None
    sim_data_size: str | None
    sim_plan_type: str | None
    sim_has_family_discount: bool
    vpn_region: str | None
    is_default: bool
    auto_add: Annotated[bool, Meta(description="Added to an order by itself")]
    is_bundled_addon: bool
    bundled_addon_id: Annotated[UUID | None, Meta(description="Product it is bundled with")]
    required_skus: Annotated[list[str], Meta(description="Must be in the same order")]
    dependent_skus: Annotated[list[str], Meta(description="Need this one")]
    exclusive_skus: Annotated[list[str], Meta(description="May not be in the same order")]


ProductList = page_of(Product, "ProductList", "A page of products.")
