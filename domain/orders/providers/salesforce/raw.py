"""Orders and their items as Salesforce sends them (source: Object Reference; portal reference, section 6.1)."""

from datetime import date
from decimal import Decimal

from pydantic import Field

from domain.common.salesforce import Instant, RawRecord, SalesforceId


class RawOrder(RawRecord):
    """An Order."""

    account: SalesforceId = Field(alias="AccountId")
    number: str | None = Field(None, alias="OrderNumber")
    status: str | None = Field(None, alias="Status")
    effective: date | None = Field(None, alias="EffectiveDate")
    total: Decimal | None = Field(None, alias="TotalAmount")
    created: Instant = Field(alias="CreatedDate")
    type: str | None = Field(None, alias="Order_Type__c")
    activation_type: str | None = Field(None, alias="Activation_Type__c")
    activation_scheduled: Instant | None = Field(None, alias="Activation_Scheduled_At__c")
    activation_status: str | None = Field(None, alias="Activation_Status__c")
    activation_error_code: str | None = Field(None, alias="Activation_Error_Code__c")
    activation_error_message: str | None = Field(None, alias="Activation_Error_Message__c")
    sim_type: str | None = Field(None, alias="SIM_Type__c")
    access_mode: str | None = Field(None, alias="Access_Mode__c")
    whmcs_order: str | None = Field(None, alias="WHMCS_Order_ID__c")
    command: str | None = Field(None, alias="Hub_Command_Id__c")
    street: str | None = Field(None, alias="BillingStreet")
    city: str | None = Field(None, alias="BillingCity")
    state: str | None = Field(None, alias="BillingState")
    postcode: str | None = Field(None, alias="BillingPostalCode")
    country: str | None = Field(None, alias="BillingCountry")


class RawOrderItem(RawRecord):
    """An OrderItem, with its order's account and its product's name and SKU."""

    order: SalesforceId = Field(alias="OrderId")
    account: SalesforceId = Field(alias="Order.AccountId")
    product: SalesforceId | None = Field(None, alias="Product2Id")
    product_name: str | None = Field(None, alias="Product2.Name")
    sku: str | None = Field(None, alias="Product2.StockKeepingUnit")
    price: SalesforceId | None = Field(None, alias="PricebookEntryId")
    quantity: Decimal = Field(alias="Quantity")
    unit_price: Decimal | None = Field(None, alias="UnitPrice")
    total: Decimal | None = Field(None, alias="TotalPrice")
    billing_cycle: str | None = Field(None, alias="Billing_Cycle__c")
    whmcs_service: str | None = Field(None, alias="WHMCS_Service_ID__c")
