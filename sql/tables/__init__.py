"""The one definition of every table: SQLAlchemy Core metadata, a module per domain."""

from sql.tables.auth import (
    attempts,
    audit,
    memberships,
    refresh_tokens,
    revocations,
    sessions,
    signing_keys,
    users,
)
from sql.tables.billing import invoice_items, invoices, payment_methods, payments
from sql.tables.catalog import prices, products
from sql.tables.columns import metadata
from sql.tables.command import commands, steps
from sql.tables.customer import customer_accounts, customers
from sql.tables.orders import order_items, orders
from sql.tables.sim import sim_usage, sims
from sql.tables.subscriptions import subscriptions
from sql.tables.support import case_comments, support_cases
from sql.tables.sync import changes, cursors, erased, erasures, freshness, quarantine, runs

__all__ = [
    "attempts",
    "audit",
    "case_comments",
    "changes",
    "commands",
    "cursors",
    "customer_accounts",
    "customers",
    "erased",
    "erasures",
    "freshness",
    "invoice_items",
    "invoices",
    "memberships",
    "metadata",
    "order_items",
    "orders",
    "payment_methods",
    "payments",
    "prices",
    "products",
    "quarantine",
    "refresh_tokens",
    "revocations",
    "runs",
    "sessions",
    "signing_keys",
    "sim_usage",
    "sims",
    "steps",
    "subscriptions",
    "support_cases",
    "users",
]
