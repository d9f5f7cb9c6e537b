"""An event that asks for work: an approved order wants to be provisioned."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from core.errors import NotFoundError
from domain.common.identifiers import salesforce_id
from pipelines.commands.provisioning import request_provisioning
from pipelines.events.routes import InboxEntry

ASKS = "OrderProvisionRequested__e"


def request_work(connection: Connection[Any], entries: Sequence[InboxEntry]) -> None:
    """Make commands of events that ask for work: one each, however often it is received.

    Raises:
        NotFoundError: the order is not here yet, although it was just read; to be tried again.
    """
    for each in entries:
        if each.kind == "event" and each.entity == ASKS and each.record_id:
            key, order = each.payload.get("IdemKey__c") or str(each.id), _order(each.record_id)
            is_known = request_provisioning(
                connection,
                order,
                key=f"provision:{order}:{key}"[:200],
                event=key,
                request_id=str(each.payload.get("CorrelationId__c") or f"event-{each.id}")[:64],
            )
            if not is_known:
                raise NotFoundError("the order that is to be provisioned is not here yet")


def _order(record_id: str) -> str:
    try:
        return salesforce_id(record_id)
    except ValueError as error:
        raise NotFoundError("the event names no order") from error
