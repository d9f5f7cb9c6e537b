"""Approved orders become commands: when an event tells of one, and where nobody told."""

from typing import Any

from psycopg import Connection

from core.logging import logger
from domain.commands.kinds import PROVISION_ORDER
from sql.statements import statement

log = logger(__name__)

_KIND = {
    "kind": PROVISION_ORDER.name,
    "subject": PROVISION_ORDER.subject,
    "deadline": PROVISION_ORDER.deadline,
}


def request_provisioning(connection: Connection[Any], order: str, *, key: str, event: str, request_id: str) -> bool:
    """Ask for an order, by its source's id, to be provisioned: once per key. False: the hub does not know the order."""
    values = {**_KIND, "order": order, "key": key, "event": event, "request_id": request_id}
    return connection.execute(statement("provisioning/request"), values).fetchone() is not None


def request_missed(connection: Connection[Any], patience_seconds: float = 60.0) -> int:
    """Ask for approved orders to be provisioned that nobody told of; how many."""
    row = connection.execute(
        statement("provisioning/request_missed"), {**_KIND, "patience": patience_seconds}
    ).fetchone()
    if row is None:
        return 0
    log.warning("forward.missed_orders", orders=row[0])
    return int(row[0])
