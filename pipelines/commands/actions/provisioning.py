"""What the parts of provisioning share."""

from collections.abc import Mapping
from typing import Any

from domain.orders.provisioning import ProvisionOrder
from pipelines.commands.saga import Work

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
