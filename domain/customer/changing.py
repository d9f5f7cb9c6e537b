"""What customers may change of themselves and ask for, and the rules (portal reference, sections 3 and 4)."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from domain.commands.input import Broken, CommandInput
from domain.common.countries import Country

RuleCode = Literal[
    "ADDRESS_MISSING",
    "ALREADY_ASKED",
    "ALREADY_ELIGIBLE",
]
"""Rules that a request for a check may break."""

# What PHP's FILTER_VALIDATE_EMAIL takes, by which WHMCS judges, less what no provider gives out: quoted names, hosts
# without a domain. ASCII only; no dot at an end or beside another.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])$"
MOST_BEFORE_THE_AT = 64
PHONE = r"^\+?[0-9 ()-]{8,20}$"


def deliverable(email: str | None) -> str | None:
    """The address, if any server may take it.

    Raises:
        ValueError: none does.
    """
    if email is not None and email.index("@") > MOST_BEFORE_THE_AT:
        raise ValueError(f"must not have more than {MOST_BEFORE_THE_AT} characters before the @")
    return email


class UpdateProfile(CommandInput):
    """The billing contact; what is absent stays as it is."""

    first_name: str | None = Field(None, min_length=1, max_length=100)
    last_name: str | None = Field(None, min_length=1, max_length=100)
    company_name: str | None = Field(None, min_length=1, max_length=100)
    email: str | None = Field(None, pattern=EMAIL, max_length=254)
    phone: str | None = Field(None, pattern=PHONE, examples=["090-1234-5678"])

    _deliverable = field_validator("email")(deliverable)

    @model_validator(mode="after")
    def _something(self) -> "UpdateProfile":
        if not self.model_dump(exclude_none=True):
            raise ValueError("at least one field must be given")
        return self


class UpdateAddress(CommandInput):
    """The whole address on file."""

    address1: str = Field(min_length=1, max_length=255)
    address2: str | None = Field(None, max_length=255)
    city: str = Field(min_length=1, max_length=100)
    state: str = Field(min_length=1, max_length=100)
    postcode: str = Field(min_length=1, max_length=20)
    country: Country = "JP"


class RequestEligibility(CommandInput):
    """A check of which internet services reach the address on file."""


class CustomerFacts(BaseModel):
    """What the hub knows of the customer."""

    has_address: bool
    eligibility_status: str | None


def eligibility_rules(_: RequestEligibility, customer: CustomerFacts, __: date) -> list[Broken]:
    found = []
    if not customer.has_address:
        found.append(_rule("ADDRESS_MISSING", "needs an address on file"))
    if customer.eligibility_status == "pending":
        found.append(_rule("ALREADY_ASKED", "is being looked into already"))
    if customer.eligibility_status == "eligible":
        found.append(_rule("ALREADY_ELIGIBLE", "was found eligible already"))
    return found


def _rule(code: RuleCode, reason: str) -> Broken:
    return Broken(field="request", code=code, reason=reason)
