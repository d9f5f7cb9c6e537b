"""What an operator's own organisation decides: field names, custom-field numbers, plan codes, zones, currency.

Every default is the value of the portal's reference; an operator changes it in the environment (docs/settings.md).
"""

from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from domain.common.failures import FieldError
from domain.common.zones import ZoneName, zone

CurrencyCode = str
ServiceType = Literal["internet", "sim", "vpn", "other"]


class SalesforceVocabulary(BaseModel):
    """Names an operator may have given to things in Salesforce."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: CurrencyCode = Field("JPY", pattern=r"^[A-Z]{3}$", description="currency of a single-currency org")
    multi_currency: bool = Field(
        False, description="whether the org has several currencies: each record then names its own (CurrencyIsoCode)"
    )
    portal_pricebook: str = Field("Portal", min_length=1, description="name or id of the pricebook shown in the portal")
    order_created: str = Field("Draft", description="Order.Status of a new order; newer orgs: Pending Review")
    order_approved: tuple[str, ...] = Field(
        ("Approved", "Reactivate"), description="Order.Status of orders that may be provisioned"
    )
    order_done: str = Field("Processed", description="Order.Status of a provisioned order")
    order_activating: str = Field("Activating", description="Activation_Status__c while an order is provisioned")
    order_activated: str = Field("Activated", description="Activation_Status__c of a provisioned order")
    order_failed: str = Field("Failed", description="Activation_Status__c of an order that could not be")
    order_not_started: str = Field("Not Started", description="Activation_Status__c of a new order")
    opportunity_begun: tuple[str, ...] = Field(
        ("Introduction", "Ready"),
        min_length=1,
        description="StageName of opportunities that an order goes on with; the first is that of a new internet check",
    )
    opportunity_ordered: str = Field("Post Processing", description="StageName once an order is placed")
    opportunity_active: str = Field("Active", description="StageName once an order is provisioned")
    case_new: str = Field("New", description="Case.Status of a new case")
    case_closed: str = Field("Closed", description="Case.Status of a case that its customer closed")
    case_origin: str = Field("Portal Website", description="Case.Origin of cases that the hub opens")
    eligibility_pending: str = Field("Pending", description="Internet_Eligibility_Status__c while it is checked")
    identity_submitted: str = Field("Submitted", description="Id_Verification_Status__c of a document that waits")
    portal_active: str = Field("Active", description="Portal_Status__c of an account whose people may log in")
    portal_signed_up: str = Field("New Signup", description="Portal_Registration_Source__c of who signed up")
    portal_migrated: str = Field("Migrated", description="the same of who was billed before they logged in")
    card_available: str = Field("Available", description="Status__c of a SIM card in stock")
    card_reserved: str = Field("Reserved", description="Status__c of a SIM card that an order is being given")
    card_assigned: str = Field("Assigned", description="Status__c of a SIM card that a customer has")
    installation_types: dict[str, str] = Field(
        default_factory=lambda: {
            "INTERNET-INSTALL-SINGLE": "Single Payment",
            "INTERNET-INSTALL-12M": "12 Months",
            "INTERNET-INSTALL-24M": "24 Months",
        },
        description="Installation_Type__c by the SKU of the installation",
    )
    portal_users: tuple[str, ...] = Field(
        (),
        description="usernames that write comments on cases for customers; default: the one that the hub logs in as",
    )
    fields: dict[str, str] = Field(
        default_factory=dict, description="our name of a custom field -> the org's name of it, where they differ"
    )

    def currency_of(self, named: str | None) -> CurrencyCode:
        """The currency of a record's amounts, by what the record names.

        Raises:
            FieldError: the org has several, and the record names none.
        """
        if not self.multi_currency:
            return self.currency
        if named is None:
            raise FieldError("missing")
        return named


class WhmcsVocabulary(BaseModel):
    """Names and numbers an operator may have given to things in WHMCS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timezone: ZoneName = Field("Asia/Tokyo", description="zone of the server's clock: WHMCS sends no offsets")
    customer_number_field_id: int = Field(198, ge=1, description="client custom field holding the customer number")
    sim_number_fields: tuple[str, ...] = ("SIM Number", "Phone Number", "MSISDN")
    serial_number_field: str = "Serial Number"
    eid_field: str = "EID"
    opportunity_field: str = "OpportunityId"
    command_field: str = "Hub Command"
    """Admin-only product custom field that holds our marker: WHMCS has nothing else that could."""
    command_field_id: int = Field(307, ge=1, description="its number, where a product has none of its own below")
    command_field_ids: dict[int, int] = Field(
        default_factory=dict, description="its number by WHMCS product (pid): custom fields belong to products"
    )
    service_types: dict[str, ServiceType] = Field(
        default_factory=dict,
        description="kind of service by WHMCS product (pid) or product group (name), where product names do not tell",
    )
    payment_method: str = Field("stripe", description="gateway of new orders and invoices")

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone(self.timezone)


class FreebitVocabulary(BaseModel):
    """Plan codes and zone of the operator's Freebit contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timezone: ZoneName = "Asia/Tokyo"
    plan_names: dict[str, str] = Field(
        default_factory=lambda: {
            "SIM_5G": "5 GB",
            "SIM_5G_DATA": "5 GB data",
            "SIM_10G": "10 GB",
            "SIM_10G_DATA": "10 GB data",
            "SIM_25G": "25 GB",
            "SIM_25G_DATA": "25 GB data",
            "SIM_50G": "50 GB",
            "SIM_50G_DATA": "50 GB data",
        }
    )

    plan_codes: dict[str, str] = Field(
        default_factory=dict,
        description="plan code by `<data size>:<plan type>` of a product, where unusual",
    )

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone(self.timezone)

    def plan_code(self, data_size: str, plan_type: str) -> str:
        """The code of a plan: `5GB`, `DataOnly` -> `SIM_5G_DATA`, or what `plan_codes` says for `5GB:DataOnly`."""
        usual = f"SIM_{data_size.removesuffix('GB')}G" + ("_DATA" if plan_type == "DataOnly" else "")
        return self.plan_codes.get(f"{data_size}:{plan_type}", usual)
