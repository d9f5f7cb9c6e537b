"""A cart is priced in the currency that its customer is billed in, or not at all."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from sql.statements import statement
from tests.builders import insert, insert_customer
from tests.conftest import Database


@pytest.mark.parametrize(
    ("billed_in", "amounts"),
    [
        ("USD", {"PLAN": 10.0}),
        ("JPY", {"PLAN": 1000.0, "FEE": 3000.0}),
        ("EUR", {}),
    ],
)
def test_a_cart_has_the_prices_of_its_customers_currency(database: Database, billed_in: str, amounts: Any) -> None:
    with psycopg.connect(database.sync, row_factory=dict_row) as connection:
        customer = insert_customer(connection)
        connection.execute(
            "UPDATE hub.customer_accounts SET currency = %s WHERE id = %s", [billed_in, customer["whmcs_account_id"]]
        )
        plan, fee = (insert(connection, "products", sku=sku)["id"] for sku in ("PLAN", "FEE"))
        for product, currency, amount in ((plan, "JPY", 1000), (plan, "USD", 10), (fee, "JPY", 3000)):
            insert(connection, "prices", product_id=product, currency=currency, amount=Decimal(amount))

        cart = connection.execute(
            statement("actions/cart"),
            {"account_id": customer["salesforce_account_id"], "skus": ["PLAN", "FEE"]},
        ).fetchone()

    assert cart is not None
    assert cart["currency"] == billed_in
    found = cart["entries"] or {}
    assert {sku: (entry["amount"], entry["currency"]) for sku, entry in found.items()} == {
        sku: (amount, billed_in) for sku, amount in amounts.items()
    }
