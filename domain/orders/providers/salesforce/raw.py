"""Orders and their items as Salesforce sends them (source: Object Reference; portal reference, section 6.1)."""

from datetime import date
from decimal import Decimal

from pydantic import Field

from domain.common.salesforce import Instant, RawRecord, SalesforceId
from domain.common.text import Text


class RawOrder(RawRecord):
    """An Order."""

    account: SalesforceId = Field(alias="AccountId")
    number: Text = Field(None, alias="OrderNumber")
    status: str | None = Field(None, alias="Status")
    effective: date | None = Field(None, alias="EffectiveDate")
    total: Decimal | None = Field(None, alias="TotalAmount")
    currency: str | None = Field(None, alias="CurrencyIsoCode", description="in orgs with several currencies only")
    created: Instant = Field(alias="CreatedDate")
    type: str | None = Field(None, alias="Order_Type__c")
    activation_type: Text = Field(None, alias="Activation_Type__c")
    activation_scheduled: Instant | None = Field(None, alias="Activation_Scheduled_At__c")
    activation_status: str | None = Field(None, alias="Activation_Status__c")
    activation_error_code: Text = Field(None, alias="Activation_Error_Code__c")
    activation_error_message: Text = Field(None, alias="Activation_Error_Message__c")
    sim_type: Text = Field(None, alias="SIM_Type__c")
    access_mode: Text = Field(None, alias="Access_Mode__c")
    whmcs_order: Text = Field(None, alias="WHMCS_Order_ID__c")
    command: Text = Field(None, alias="Hub_Command_Id__c")
    street: Text = Field(None, alias="BillingStreet")
    city: Text = Field(None, alias="BillingCity")
    state: Text = Field(None, alias="BillingState")
    postcode: Text = Field(None, alias="BillingPostalCode")
    country: Text = Field(None, alias="BillingCountry")


class RawOrderItem(RawRecord):
    """An OrderItem, with its order's account and its product's name and SKU."""

    order: SalesforceId = Field(alias="OrderId")
    account: SalesforceId = Field(alias="Order.AccountId")
    product: SalesforceId | None = Field(None, alias="Product2Id")
    product_name: Text = Field(None, alias="Product2.Name")
    sku: Text = Field(None, alias="Product2.StockKeepingUnit")
    price: SalesforceId | None = Field(None, alias="PricebookEntryId")
    quantity: Decimal = Field(alias="Quantity")
    unit_price: Decimal | None = Field(None, alias="UnitPrice")
    total: Decimal | None = Field(None, alias="TotalPrice")
    currency: str | None = Field(None, alias="CurrencyIsoCode", description="in orgs with several currencies only")
    billing_cycle: str | None = Field(None, alias="Billing_Cycle__c")
    whmcs_service: Text = Field(None, alias="WHMCS_Service_ID__c")
