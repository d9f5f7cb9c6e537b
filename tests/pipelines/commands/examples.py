"""For every kind of command, one that can be asked for again and again: what the crash test plays."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.pipelines.commands.conftest import Customer, Hub

VPN = {
    "type": "vpn",
    "items": [
        {"sku": "VPN-REMOTE-ACCESS-USA-SF", "quantity": 1},
        {"sku": "VPN-ACTIVATION-FEE", "quantity": 1},
    ],
}

Example = Callable[[Hub, Customer], UUID]
"""Asks for one more command of a kind, everything before it being done; its id."""


def place_order(hub: Hub, customer: Customer) -> UUID:
    return hub.ask("place_order", customer, VPN)


def provision_order(hub: Hub, customer: Customer) -> UUID:
    placed = hub.ask("place_order", customer, VPN)
    hub.forward()
    order = hub.command(placed)["result"]["salesforceOrderId"]
    hub.sync_records("salesforce.orders", order)
    return hub.provision(order)


EXAMPLES: dict[str, Example] = {"place_order": place_order, "provision_order": provision_order}

__all__ = ["EXAMPLES", "VPN", "Any"]
