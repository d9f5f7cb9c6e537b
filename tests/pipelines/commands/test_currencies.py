"""What is ordered is ordered in the currency that the customer is billed in."""

import psycopg
import pytest

from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import VPN


def bill_in(hub: Hub, customer: Customer, currency: str | None) -> None:
    with psycopg.connect(hub.database.owner) as connection:
        connection.execute(
            "UPDATE hub.customer_accounts SET currency = %s WHERE customer_id = %s AND source = 'whmcs'",
            [currency, customer.id],
        )


def test_an_order_at_prices_of_another_currency_is_not_placed(hub: Hub, customer: Customer) -> None:
    bill_in(hub, customer, "USD")
    command = hub.ask("place_order", customer, VPN)

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "NOT_PRICED"
    assert hub.ledger(system="salesforce", kind="order") == []


def test_where_there_are_several_currencies_an_order_waits_for_its_own_to_be_known(
    hub: Hub, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALESFORCE_VOCABULARY__MULTI_CURRENCY", "true")
    bill_in(hub, customer, None)
    command = hub.ask("place_order", customer, VPN)

    assert hub.forward() == ["waiting"]

    assert "currency" in hub.command(command)["waits_for"]
    assert hub.ledger(system="salesforce", kind="order") == []


def test_where_there_are_several_currencies_an_order_names_its_own(
    hub: Hub, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sandbox's org has one currency and refuses the field, like every such org: so it shows that it was named.
    monkeypatch.setenv("SALESFORCE_VOCABULARY__MULTI_CURRENCY", "true")
    command = hub.ask("place_order", customer, VPN)

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "ORDER_REFUSED"
    assert hub.ledger(system="salesforce", kind="order") == []
