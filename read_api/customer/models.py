"""Wire models of the customer."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from domain.customer.contract import ClientStatus, EligibilityStatus, IdentityStatus, PortalStatus
from read_api.commands.models import Pending
from read_api.http.wire import Wire, one_of


class Address(Wire, frozen=True):
    """Where the customer is billed."""

    address1: str | None
    address2: str | None
    city: str | None
    state: str | None
    postcode: str | None
    country: Annotated[str | None, Meta(description="ISO 3166-1 alpha-2", examples=["JP"])]


class Viewed(Wire, frozen=True):
    """Somebody of support looks at the portal as the customer sees it."""

    agent: Annotated[str, Meta(description="Who looks: an agent's id, or `operator:` and a log-in")]
    person: Annotated[UUID, Meta(description="As whom")]


class Me(Wire, frozen=True):
    """The customer whose token this is."""

    id: UUID
    account_number: Annotated[str | None, Meta(description="Customer number")]
    name: str | None
    first_name: str | None
    last_name: str | None
    company_name: str | None
    email: str | None
    phone: str | None
    address: Address
    currency: Annotated[str | None, Meta(description="ISO 4217 code the customer is billed in")]
    language: str | None
    status: ClientStatus | None
    portal_status: PortalStatus | None
    internet_eligibility: Annotated[str | None, Meta(description="Internet offering available at the address")]
    internet_eligibility_status: EligibilityStatus | None
    identity_status: IdentityStatus | None
    has_salesforce_account: Annotated[bool, Meta(description="Whether orders and cases can exist")]
    has_billing_account: Annotated[bool, Meta(description="Whether invoices and subscriptions can exist")]
    details_as_of: Annotated[datetime | None, Meta(description="When the address was read; null: not yet")]
    viewed_by: Annotated[Viewed | None, Meta(description="Who looks on; null: nobody of support does")]
    pending: Annotated[list[Pending], Meta(description="Changes that are on their way")]


MeAnswer = one_of(Me, "MeAnswer", "The customer.")
