"""What somebody says of themselves to become a customer, and what links one whom the billing system knows already."""

from typing import Literal

from pydantic import Field

from domain.commands.input import CommandInput
from domain.customer.changing import EMAIL, PHONE, UpdateAddress

Language = Literal["en", "ja"]


class NewCustomer(UpdateAddress):
    """Who they are, how to reach them, and where.

    `customer_number`: of an account that the CRM has of them, where they know one.
    """

    first_name: str = Field(min_length=1, max_length=100)
    last_name: str = Field(min_length=1, max_length=100)
    company_name: str | None = Field(None, min_length=1, max_length=100)
    phone: str = Field(pattern=PHONE, examples=["090-1234-5678"])
    customer_number: str | None = Field(None, min_length=1, max_length=80, examples=["C0000123"])

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
