"""The one definition of every table: SQLAlchemy Core metadata, a module per domain."""

from sql.tables import billing, catalog, command, customer, orders, sim, subscriptions, support, sync
from sql.tables.columns import metadata

__all__ = [
    "billing",
    "catalog",
    "command",
    "customer",
    "metadata",
    "orders",
    "sim",
    "subscriptions",
    "support",
    "sync",
]
