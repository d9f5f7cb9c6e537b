"""Products and prices as Salesforce sends them (source: Object Reference; portal reference, section 5)."""

from decimal import Decimal

from pydantic import Field

from domain.common.salesforce import RawRecord, SalesforceId
from domain.common.text import Text


class RawProduct(RawRecord):
    """A Product2. The last two fields are assumed: no source names how a bundled add-on is marked."""

    sku: Text = Field(None, alias="StockKeepingUnit")
    name: Text = Field(None, alias="Name")
    description: Text = Field(None, alias="Description")
    is_active: bool = Field(False, alias="IsActive")
    category: str | None = Field(None, alias="Product2Categories1__c")
    in_catalog: bool = Field(False, alias="Portal_Catalog__c")
    is_orderable: bool = Field(False, alias="Portal_Accessible__c")
    item_class: str | None = Field(None, alias="Item_Class__c")
    billing_cycle: str | None = Field(None, alias="Billing_Cycle__c")
    whmcs_product_id: Text = Field(None, alias="WH_Product_ID__c")
    whmcs_product_name: Text = Field(None, alias="WH_Product_Name__c")
    internet_plan_tier: Text = Field(None, alias="Internet_Plan_Tier__c")
    internet_offering_type: Text = Field(None, alias="Internet_Offering_Type__c")
    sim_data_size: Text = Field(None, alias="SIM_Data_Size__c")
    sim_plan_type: Text = Field(None, alias="SIM_Plan_Type__c")
    sim_has_family_discount: bool = Field(False, alias="SIM_Has_Family_Discount__c")
    vpn_region: Text = Field(None, alias="VPN_Region__c")
    is_default: bool = Field(False, alias="Is_Default__c")
    auto_add: bool = Field(False, alias="Auto_Add__c")
    display_order: Decimal | None = Field(None, alias="Display_Order__c")
    required: str | None = Field(None, alias="Required_Products__c", description="JSON array of SKUs")
    dependent: str | None = Field(None, alias="Dependent_Products__c", description="JSON array of SKUs")
    exclusive: str | None = Field(None, alias="Mutually_Exclusive__c", description="JSON array of SKUs")
    is_bundled_addon: bool = Field(False, alias="Is_Bundled_Addon__c")
    bundled_addon: SalesforceId | None = Field(None, alias="Bundled_Addon__c")


class RawPrice(RawRecord):
    """A PricebookEntry, with its pricebook's name."""

    product: SalesforceId = Field(alias="Product2Id")
    pricebook: SalesforceId = Field(alias="Pricebook2Id")
    pricebook_name: Text = Field(None, alias="Pricebook2.Name")
    unit_price: Decimal = Field(alias="UnitPrice")
    currency: str | None = Field(None, alias="CurrencyIsoCode", description="in orgs with several currencies only")
    is_active: bool = Field(False, alias="IsActive")
