"""Accounts as each system keeps them. The database draws customers together from them (decision 0002)."""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from domain.common.record import Contract, Record

ClientStatus = Literal["active", "inactive", "closed", "other"]
PortalStatus = Literal["active", "not_yet", "other"]
EligibilityStatus = Literal["not_requested", "pending", "eligible", "ineligible", "other"]
IdentityStatus = Literal["not_submitted", "pending", "verified", "rejected", "other"]


class CrmAccount(Record):
    """An account of the CRM. `partner_key` is the id of the billing client it claims as its own."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (
        ("portal_status", "source_portal_status"),
        ("internet_eligibility_status", "source_internet_eligibility_status"),
        ("identity_status", "source_identity_status"),
    )

    name: str = Field(min_length=1)
    account_number: str | None
    partner_key: str | None
    phone: str | None
    registered_on: date | None
    portal_status: PortalStatus | None
    source_portal_status: str | None
    internet_eligibility: str | None
    internet_eligibility_status: EligibilityStatus | None
    source_internet_eligibility_status: str | None
    identity_status: IdentityStatus | None
    source_identity_status: str | None


class BillingClient(Record):
    """A billing client, as a list of clients tells it. `name` is the company's, else the person's."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (("status", "source_status"),)

    name: str | None
    first_name: str | None
    last_name: str | None
    company_name: str | None
    email: str | None
    status: ClientStatus
    source_status: str | None
    registered_on: date | None


class BillingClientDetails(Contract):
    """What only a call for one billing client tells. `partner_key` is the customer number it claims as its own.

    `country` is ISO 3166-1 alpha-2, upper case.
    """

    partner_key: str | None
    phone: str | None
    address1: str | None
    address2: str | None
    city: str | None
    state: str | None
    postcode: str | None
    country: str | None = Field(pattern=r"^[A-Z]{2}$")
    currency: str | None = Field(pattern=r"^[A-Z]{3}$")
    language: str | None
