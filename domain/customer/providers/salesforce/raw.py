"""Accounts as Salesforce sends them (source: Object Reference; custom fields: portal reference, sections 2 to 4)."""

from pydantic import Field

from domain.common.salesforce import Instant, RawRecord
from domain.common.text import Text


class RawAccount(RawRecord):
    """An Account."""

    name: Text = Field(None, alias="Name")
    phone: Text = Field(None, alias="Phone")
    created: Instant | None = Field(None, alias="CreatedDate")
    account_number: Text = Field(None, alias="SF_Account_No__c")
    billing_client: Text = Field(None, alias="WH_Account__c", description="#1234 - Customer Name")
    portal_status: str | None = Field(None, alias="Portal_Status__c")
    eligibility: Text = Field(None, alias="Internet_Eligibility__c")
    eligibility_status: str | None = Field(None, alias="Internet_Eligibility_Status__c")
    identity_status: str | None = Field(None, alias="Id_Verification_Status__c")
