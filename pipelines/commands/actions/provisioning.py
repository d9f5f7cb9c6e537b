"""What the parts of provisioning share."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from domain.commands.asked import Asked
from pipelines.commands.saga import Work


class ProvisionOrder(Asked):
    """The Salesforce id of an order that was approved, and who says so."""

    order: str = Field(pattern=r"^[A-Za-z0-9]{18}$")
    event: str | None = None


Provisioning = Work[ProvisionOrder]


def plan_of(work: Provisioning) -> Mapping[str, Any]:
    """The item of the order that is the plan."""
    items = work.results["read_order"]["items"]
    found: Mapping[str, Any] = next((item for item in items if item["class"] == "Service"), items[0])
    return found


def order_of(work: Provisioning) -> Mapping[str, Any]:
    """The Order record, once it was read."""
    order: Mapping[str, Any] = work.results["read_order"].get("order") or {}
    return order
