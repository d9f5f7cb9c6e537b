"""What somebody says of themselves to become a customer, and what links one whom the billing system knows already."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from domain.commands.input import CommandInput
from domain.customer.changing import EMAIL, PHONE, UpdateAddress

Language = Literal["en", "ja"]
MOST_OF_STREET = 255


def joined(address1: str, address2: str | None) -> str:
    return "\n".join(filter(None, (address1, address2)))


class NewCustomer(UpdateAddress):
    """Who they are, how to reach them, and where. Lengths are Salesforce's, whose fields are the shorter ones.

    `customer_number`: of an account that the CRM has of them, where they know one.
    """

    first_name: str = Field(min_length=1, max_length=100)
    last_name: str = Field(min_length=1, max_length=100)
    company_name: str | None = Field(None, min_length=1, max_length=100)
    phone: str = Field(pattern=PHONE, examples=["090-1234-5678"])
    city: str = Field(min_length=1, max_length=40)
    state: str = Field(min_length=1, max_length=80)
    customer_number: str | None = Field(None, min_length=1, max_length=80, examples=["C0000123"])

    @field_validator("address2")
    @classmethod
    def _fits_with_address1(cls, address2: str | None, info: ValidationInfo) -> str | None:
        """Raises ValueError: both together are too long for the one field that they share."""
        if len(joined(info.data.get("address1", ""), address2)) > MOST_OF_STREET:
            raise ValueError(f"must not have more than {MOST_OF_STREET - 1} characters together with address1")
        return address2

    @property
    def street(self) -> str:
        """Both lines, as Salesforce has them."""
        return joined(self.address1, self.address2)

    @property
    def name(self) -> str:
        """What they are called in lists."""
        return self.company_name or f"{self.first_name} {self.last_name}"


class LinkWhmcs(CommandInput):
    """A client of WHMCS whose owner proved it by their password there, by the client's id."""

    client: str = Field(pattern=r"^[0-9]{1,12}$")


class SignUp(NewCustomer):
    """The same, with the mailbox that they proved to be theirs. Their password is where only the database reads it."""

    email: str = Field(pattern=EMAIL, max_length=254)
    language: Language
