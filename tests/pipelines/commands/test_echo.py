"""What our own writes make sources tell finds nothing new: no loop, and no value that comes and goes."""

from collections import defaultdict
from typing import Any
from uuid import uuid4

import pytest

from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import ADDRESS, VPN, chip, line, of_line

# What Salesforce's events and WHMCS's webhooks would name, by what the ledger calls an effect.
TELLS = {
    "salesforce": {"order": "Order", "orderitem": "OrderItem", "case": "Case", "casecomment": "CaseComment",
                   "account": "Account"},
    "whmcs": {"order": "order", "service": "service", "invoice": "invoice", "client": "client", "charge": "invoice"},
}  # fmt: skip


def echo(hub: Hub) -> int:
    """Every source tells of everything that was done there, twice, and it is applied; how much was told."""
    told = 0
    for effect in hub.ledger() * 2:
        entity = TELLS.get(effect["system"], {}).get(effect["kind"].removesuffix("_update"))
        if entity is not None:
            told += 1
            hub.rows(
                "SELECT sync.receive_notification(%s, %s, %s, %s, %s, now(), '{}')",
                *(effect["system"], uuid4().hex, entity, str(effect["id"]), _owner(hub, effect)),
            )
    hub.rows("UPDATE sync.inbox SET due_at = received_at WHERE state = 'waiting' RETURNING id")
    hub.apply()
    return told


def _owner(hub: Hub, effect: dict[str, Any]) -> str | None:
    return str(effect["detail"].get("client")) if effect["detail"].get("client") else None


@pytest.fixture(autouse=True)
def began(hub: Hub) -> int:
    """Where the log of changes stood when the test began."""
    ((seq,),) = hub.rows("SELECT max(seq) FROM sync.changes")
    return int(seq)


def changes(hub: Hub, began: int) -> list[tuple[Any, ...]]:
    """Every change since, save that something was read again and found the same: each is pushed once to who listens."""
    return hub.rows(
        "SELECT entity, entity_id, operation, before, after FROM sync.changes WHERE seq > %s"
        " AND coalesce(after - ARRAY['items_as_of', 'details_as_of', 'usage_as_of'], 'null') <> '{}'",
        began,
    )


def flapping(hub: Hub, began: int) -> list[tuple[Any, ...]]:
    """Columns that took a value again which they had lost."""
    had: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for entity, entity_id, operation, before, after in changes(hub, began):
        if operation != "update" or entity == "commands":
            continue
        for column, value in (after or {}).items():
            values = had[entity, entity_id, column] or [(before or {}).get(column)]
            had[entity, entity_id, column] = [*values, value]
    return [(*key, values) for key, values in had.items() if len({str(value) for value in values}) < len(values)]


def commands(hub: Hub) -> list[tuple[Any, ...]]:
    return hub.rows("SELECT kind, status FROM command.commands ORDER BY seq")


def test_an_order_is_told_as_often_as_it_changes(hub: Hub, customer: Customer, began: int) -> None:
    command = hub.ask("place_order", customer, VPN)
    hub.forward()
    echo(hub)
    order = hub.command(command)["result"]["salesforceOrderId"]
    hub.approve(order)
    echo(hub)
    hub.forward()

    told, after_one = echo(hub), changes(hub, began)
    echo(hub)

    assert told > 10
    assert changes(hub, began) == after_one
    assert commands(hub) == [("place_order", "succeeded"), ("provision_order", "succeeded")]
    assert flapping(hub, began) == []
    assert [status for (status,) in hub.rows(
        "SELECT after ->> 'status' FROM sync.changes WHERE entity = 'orders' AND after ? 'status' ORDER BY seq"
    )] == ["approved", "processed"]  # fmt: skip


def change_customer(hub: Hub, customer: Customer) -> None:
    hub.ask("update_address", customer, ADDRESS, subject=("customers", customer.id), system="whmcs")


def change_line(hub: Hub, customer: Customer) -> None:
    of_line("top_up", lambda _: {"megabytes": 1500})(hub, customer)
    of_line("change_voice", lambda _: {"voiceMail": True})(hub, customer)


def change_chip(hub: Hub, customer: Customer) -> None:
    sim, owner = line(hub, esim=True)
    hub.ask("reissue_esim", Customer(owner, "", ""), {"eid": chip()}, subject=("sims", sim), system="whmcs")


@pytest.mark.parametrize("change", [change_customer, change_line, change_chip])
def test_other_changes_find_nothing_new_when_they_come_back(
    hub: Hub, customer: Customer, change: Any, began: int
) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0", "freebit.spacing_seconds": "0"})
    change(hub, customer)
    assert set(hub.forward()) == {"succeeded"}
    echo(hub)
    after_one, done = changes(hub, began), commands(hub)

    echo(hub)

    assert changes(hub, began) == after_one
    assert commands(hub) == done
    assert flapping(hub, began) == []
