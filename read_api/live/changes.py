"""A change as clients are told of it: whose, of what, where in the log; never a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from read_api.http.cursors import parts_of

Position = tuple[int, int]
"""Where a change is in the log: (transaction, number). Readers follow this order."""

OLDER_THAN_ALL: Position = (-1, -1)
# What PostgreSQL can hold: a transaction's number is an xid8, a row's a bigint; -1 stands before the first row.
MOST_TRANSACTION, MOST_NUMBER = 2**64 - 1, 2**63 - 1

# Tables by the API's names. Others, such as accounts, change what other things say and are told with those.
ENTITIES: Mapping[str, str] = {
    "customers": "customer",
    "products": "product",
    "prices": "price",
    "subscriptions": "subscription",
    "invoices": "invoice",
    "invoice_items": "invoiceItem",
    "payments": "payment",
    "payment_methods": "paymentMethod",
    "sims": "sim",
    "sim_usage": "simUsage",
    "orders": "order",
    "order_items": "orderItem",
    "support_cases": "case",
    "case_comments": "caseComment",
    "commands": "command",
}
EVERYBODYS = frozenset({"products", "prices"})
ACCOUNTS = frozenset({"salesforce_account_id", "whmcs_account_id"})
"""Columns of a customer that say whose rows it sees."""


@dataclass(frozen=True)
class Change:
    """One row of sync.live_changes. `customer`: null where it concerns everybody, or nobody."""

    position: Position
    customer: str | None
    entity: str
    entity_id: str
    operation: str
    columns: Sequence[str]
    changed_at: datetime

    @property
    def is_told(self) -> bool:
        return self.entity in ENTITIES and (self.customer is not None or self.entity in EVERYBODYS)

    @property
    def is_relinking(self) -> bool:
        """Whether what the customer sees came or went with an account, without a change of its own for each row."""
        return self.entity == "customers" and not ACCOUNTS.isdisjoint(self.columns)

    def message(self) -> bytes:
        """The change as JSON."""
        return msgspec.json.encode(
            {
                "entity": ENTITIES[self.entity],
                "id": self.entity_id,
                "operation": self.operation,
                "columns": [_camel(column) for column in self.columns],
                "changedAt": self.changed_at,
            }
        )


def change_of(row: Sequence[Any]) -> Change:
    """A change from a row of sync.live_changes, its numbers as text."""
    xid, seq, customer, entity, entity_id, operation, columns, changed_at = row
    whose = None if customer is None else str(customer)
    return Change((int(xid), int(seq)), whose, entity, str(entity_id), operation, columns or (), changed_at)


def position_of(cursor: str) -> Position | None:
    """The position that a cursor stands for; None: it is none of ours."""
    try:
        xid, seq = parts_of(cursor, tuple[int, int])
    except ValueError:
        return None
    return (xid, seq) if 0 <= xid <= MOST_TRANSACTION and -1 <= seq <= MOST_NUMBER else None


def _camel(column: str) -> str:
    head, *rest = column.split("_")
    return head + "".join(part.capitalize() for part in rest)
