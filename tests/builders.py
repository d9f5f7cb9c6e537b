"""Rows for tests that are not about them: `insert` fills in whatever a table demands and the test does not care for."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Jsonb
from sqlalchemy import Column, Table

from sql.tables import metadata

NOON = datetime(2025, 4, 1, 3, tzinfo=UTC)

# What a required column holds unless told: something likely, so that a test of lists or sums finds what it expects.
LIKELY: dict[str, object] = {
    "algorithm": "EdDSA",
    "amount": Decimal(1000),
    "billing_cycle": "monthly",
    "category": "internet",
    "currency": "JPY",
    "entity": "invoices",
    "item_class": "service",
    "kind": "payment",
    "operation": "insert",
    "in_catalog": True,
    "in_portal": True,
    "is_active": True,
    "is_open": True,
    "is_orderable": True,
    "opened_at": NOON,
    "written_at": NOON,
    "payload": Jsonb({}),
    "placed_at": NOON,
    "priority": "medium",
    "service_type": "internet",
    "quantity": Decimal(1),
    "role": "owner",
    "subtotal": Decimal(1000),
    "target_seconds": 3600,
    "tax": Decimal(100),
    "tax_rate": Decimal(10),
    "total": Decimal(1100),
    "used_kb": 1024,
    "used_on": date(2025, 4, 1),
}
LIKELY_BY_TABLE: dict[str, dict[str, object]] = {
    "commands": {"kind": "change_plan", "subject_kind": "sims", "deadline_at": datetime(2100, 1, 1, tzinfo=UTC)},
    "customer_accounts": {"source": "whmcs", "name": "A customer"},
    "case_comments": {"author": "agent", "is_public": True},
    "customers": {"name": "A customer"},
    "inbox": {"kind": "record", "entity": "invoice"},
    "invoices": {"status": "unpaid", "issued_on": date(2025, 4, 1), "due_on": date(2025, 4, 15)},
    "orders": {"status": "approved", "type": "internet"},
    "invoice_items": {"type": "service"},
    "payment_methods": {"type": "credit_card"},
    "payments": {"amount_in": Decimal(1100), "paid_at": NOON},
    "products": {"name": "A product"},
    "runs": {"mode": "incremental"},
    "signing_keys": {"state": "retired"},
    "subscriptions": {"status": "active"},
    "steps": {"number": 1, "status": "done"},
    "streams": {"state": "listening"},
    "support_cases": {"status": "new"},
    "windows": {"number": 0},
}
SYSTEMS = {"products": "salesforce", "prices": "salesforce", "orders": "salesforce", "order_items": "salesforce"}
SYSTEMS |= {"support_cases": "salesforce", "case_comments": "salesforce", "sim_usage": "freebit"}

_numbers = count(1)


def insert(connection: psycopg.Connection[Any], table: str, **values: object) -> dict[str, Any]:
    """Store one row of hub.<table> (or <schema>.<table>) and hand back all of it as stored, defaults included.

    `connection` is the owner's, or hub_sync's but for schema auth; it is not committed. Dicts are stored as JSON.
    """
    model = metadata.tables[table if "." in table else f"hub.{table}"]
    for column in model.c:
        if column.foreign_keys and column.name not in values:
            owner = next(iter(column.foreign_keys)).column
            values[column.name] = insert(connection, str(owner.table))[owner.name]
    likely = {column.name: _likely(model, column) for column in model.c if _is_demanded(column)}
    row = likely | LIKELY_BY_TABLE.get(model.name, {}) | values
    statement = SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
        Identifier(str(model.schema), model.name),
        SQL(", ").join(map(Identifier, row)),
        SQL(", ").join(map(Placeholder, row)),
        SQL(", ").join(Identifier(column.name) for column in model.c),
    )
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        stored = cursor.execute(
            statement, {name: Jsonb(value) if isinstance(value, dict) else value for name, value in row.items()}
        ).fetchone()
    assert stored is not None
    return stored


def insert_customer(connection: psycopg.Connection[Any], **values: object) -> dict[str, Any]:
    """A customer with one linked account in each system; its row of hub.customers.

    `salesforce_account_id` and `whmcs_account_id` of that row are what its records carry as `account_id`.
    """
    crm = insert(connection, "customer_accounts", source="salesforce", link_status="linked")
    billing = insert(connection, "customer_accounts", source="whmcs", link_status="linked", customer_id=crm["id"])
    ids = {"id": crm["id"], "salesforce_account_id": crm["id"], "whmcs_account_id": billing["id"]}
    return insert(connection, "customers", **{"status": "active", **ids, **values})


def account_of(customer: dict[str, Any], table: str) -> UUID:
    """The `account_id` that rows of `table` carry when they belong to `customer`."""
    system = "salesforce" if SYSTEMS.get(table) == "salesforce" else "whmcs"
    account: UUID = customer[f"{system}_account_id"]
    return account


def _is_demanded(column: Column[Any]) -> bool:
    by_trigger = column.table.name == "customer_accounts" and column.name == "customer_id"
    return not (column.nullable or column.server_default is not None or column.identity or by_trigger)


def _likely(table: Table, column: Column[Any]) -> object:
    if column.name == "source":
        return SYSTEMS.get(table.name, "whmcs")
    if column.name in LIKELY:
        return LIKELY[column.name]
    empty: dict[type, object] = {
        UUID: uuid4(), bool: False, Decimal: Decimal(0), list: [], int: 0, bytes: uuid4().bytes, datetime: NOON,
    }  # fmt: skip
    return empty.get(column.type.python_type, f"{column.name}-{next(_numbers)}")
