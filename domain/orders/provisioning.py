"""What is asked for when an order was approved."""

from pydantic import Field

from domain.commands.asked import Asked


class ProvisionOrder(Asked):
    """The Salesforce id of an order that was approved, and who says so."""

    order: str = Field(pattern=r"^[A-Za-z0-9]{18}$")
    event: str | None = None
