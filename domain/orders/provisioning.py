"""The input of the command that an approved order causes."""

from pydantic import Field

from domain.commands.input import CommandInput


class ProvisionOrder(CommandInput):
    """The Salesforce id of an order that was approved, and who says so."""

    order: str = Field(pattern=r"^[A-Za-z0-9]{18}$")
    event: str | None = None
