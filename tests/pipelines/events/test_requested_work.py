"""An event that asks for work becomes a command, once however often it is received, and never silently none."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from core.errors import NotFoundError
from pipelines.events.orders import ASKS, request_work
from pipelines.events.routes import InboxEntry
from tests.builders import insert, insert_customer

ORDER = "8015i0000000000AAA"


@pytest.fixture
def connection(database: Any) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.sync, autocommit=True) as connection:
        yield connection


@pytest.fixture
def placed(database: Any) -> None:
    with psycopg.connect(database.owner) as owner:
        customer = insert_customer(owner)
        insert(owner, "orders", account_id=customer["salesforce_account_id"], source="salesforce", source_id=ORDER)


def asking(
    number: int, key: str | None, order: str | None = ORDER, kind: str = "event", entity: str = ASKS
) -> InboxEntry:
    return InboxEntry(
        number, "salesforce", kind, entity, order, None, {"IdemKey__c": key, "CorrelationId__c": "c-1"}, 0
    )


def asked(connection: psycopg.Connection[Any]) -> list[Any]:
    query = "SELECT kind, subject_kind, input ->> 'order', request_id FROM command.commands"
    return connection.execute(query).fetchall()


@pytest.mark.usefixtures("placed")
def test_an_approved_order_asks_to_be_provisioned(connection: psycopg.Connection[Any]) -> None:
    request_work(connection, [asking(1, f"{ORDER}:1")])

    assert asked(connection) == [("provision_order", "orders", ORDER, "c-1")]


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize(
    ("keys", "commands"), [(("k", "k"), 1), (("k", "l"), 2), ((None, None), 2)], ids=["same", "two", "no key"]
)
def test_it_does_so_once_for_each_key_it_gives(
    connection: psycopg.Connection[Any], keys: tuple[str | None, ...], commands: int
) -> None:
    """The bus delivers at least once; the org's flow may publish the same approval twice."""
    for number, key in enumerate(keys, start=1):
        request_work(connection, [asking(number, key)])

    assert len(asked(connection)) == commands


@pytest.mark.usefixtures("placed")
def test_an_event_received_again_without_a_key_is_the_same_event(connection: psycopg.Connection[Any]) -> None:
    for _ in range(2):
        request_work(connection, [asking(1, None)])

    assert len(asked(connection)) == 1


@pytest.mark.usefixtures("placed")
def test_a_change_of_an_order_asks_for_nothing(connection: psycopg.Connection[Any]) -> None:
    request_work(connection, [asking(1, "k", kind="record", entity="Order"), asking(2, "k", entity="Other__e")])

    assert asked(connection) == []


@pytest.mark.parametrize("order", [ORDER, "no id"], ids=["not here yet", "no order"])
def test_an_order_that_is_not_here_is_tried_again(connection: psycopg.Connection[Any], order: str) -> None:
    with pytest.raises(NotFoundError):
        request_work(connection, [asking(1, "k", order=order)])
