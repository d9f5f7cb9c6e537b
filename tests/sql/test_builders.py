"""The builders know every table, so that no other test has to."""

import psycopg
import pytest

from sql.tables import metadata
from tests.builders import insert, insert_customer
from tests.conftest import Database


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_every_table_takes_a_row_that_nobody_described(database: Database, table: str) -> None:
    # Who permits deletions, who was erased, and who may come in, is the owner's alone to say.
    owners = table.startswith("auth.") or table in {"sync.deletion_permits", "sync.erased", "sync.erasures"}
    with psycopg.connect(database.owner if owners else database.sync) as connection:
        stored = insert(connection, table)

    assert set(stored) == set(metadata.tables[table].c.keys())


def test_a_customer_comes_with_a_linked_account_in_each_system(database: Database) -> None:
    with psycopg.connect(database.sync) as connection:
        customer = insert_customer(connection, name="Acme")
        accounts = connection.execute(
            "SELECT source, customer_id FROM hub.customer_accounts ORDER BY source"
        ).fetchall()

    assert customer["name"] == "Acme"
    assert accounts == [("salesforce", customer["id"]), ("whmcs", customer["id"])]
