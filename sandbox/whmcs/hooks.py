"""Which hook WHMCS runs for a change, and the record that the hook names. Source: WHMCS hooks reference."""

from collections.abc import Mapping
from typing import NamedTuple

from sandbox.world import World
from sandbox.world.world import FIRST_INVOICE_ID, FIRST_PAY_METHOD_ID, FIRST_SERVICE_ID, FIRST_WHMCS_ORDER_ID

_DELETED = {"client": "PreDeleteClient", "service": "ServiceDelete", "order": "DeleteOrder"}
_CREATED = {
    "invoice": "InvoiceCreated",
    "client": "ClientAdd",
    "service": "AfterShoppingCartCheckout",
    "order": "AfterShoppingCartCheckout",
    "cancellation": "CancellationRequest",
}
_CHANGED = {"invoice": "UpdateInvoiceTotal", "client": "ClientEdit", "service": "ServiceEdit", "pay_method": "CCUpdate"}
_STATUSES = {
    ("invoice", "Paid"): "InvoicePaid",
    ("invoice", "Unpaid"): "InvoiceUnpaid",
    ("invoice", "Cancelled"): "InvoiceCancelled",
    ("invoice", "Refunded"): "InvoiceRefunded",
    ("client", "Closed"): "ClientClose",
    ("service", "Active"): "AfterModuleCreate",
    ("service", "Suspended"): "AfterModuleSuspend",
    ("service", "Terminated"): "AfterModuleTerminate",
    ("order", "Active"): "AcceptOrder",
    ("order", "Pending"): "PendingOrder",
    ("order", "Cancelled"): "CancelOrder",
    ("order", "Fraud"): "FraudOrder",
}


class Notification(NamedTuple):
    """What a hook says: its name, the record and, where it says so, the client."""

    event: str
    entity: str
    entity_id: str
    client_id: str | None


class Hooks:
    """The hooks of one install. It remembers statuses, to tell a change of status from any other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._statuses: dict[tuple[str, str], object] = {}

    def of(self, kind: str, record_id: str, fields: Mapping[str, object], *, deleted: bool) -> Notification | None:
        """The hook that runs for this change of a record, None where WHMCS has none (a deleted invoice, a ticket)."""
        event = self._event(kind, record_id, fields, deleted=deleted)
        return None if event is None else self._notification(event, kind, record_id, fields)

    def _event(self, kind: str, record_id: str, fields: Mapping[str, object], *, deleted: bool) -> str | None:
        known = (kind, record_id) in self._statuses
        before = self._statuses.get((kind, record_id))
        status = self._statuses[kind, record_id] = fields.get("status", before)
        if deleted or (kind == "cancellation" and "relid" not in fields):
            return _DELETED.get(kind)
        if not known and not self._is_of_the_world(kind, record_id) and kind in _CREATED:
            return _CREATED[kind]
        if (kind, status, before) == ("service", "Active", "Suspended"):
            return "AfterModuleUnsuspend"
        named = _STATUSES.get((kind, str(status))) if status != before else None
        return named or _CHANGED.get(kind)

    def _is_of_the_world(self, kind: str, record_id: str) -> bool:
        number, world = int(record_id), self._world
        if kind == "client":
            return world.client_number(number) is not None
        first, count = {
            "invoice": (FIRST_INVOICE_ID, world.invoice_index.total),
            "service": (FIRST_SERVICE_ID, len(world.service_index)),
            "order": (FIRST_WHMCS_ORDER_ID, len(world.service_index)),
        }.get(kind, (0, 0))
        return first <= number < first + count

    def _notification(self, event: str, kind: str, record_id: str, fields: Mapping[str, object]) -> Notification | None:
        if kind == "client":
            return Notification(event, "client", record_id, record_id)
        if kind == "cancellation":
            service = str(fields["relid"])
            return Notification(event, "service", service, self._client("service", int(service), {}))
        client = self._client(kind, int(record_id), fields)
        if kind == "pay_method":
            # The hook names the client alone.
            return None if client is None else Notification(event, "pay_method", client, client)
        return Notification(event, kind, record_id, client)

    def _client(self, kind: str, record_id: int, fields: Mapping[str, object]) -> str | None:
        """The client that the hook, or the hook file by a look at the tables, can name."""
        if kind == "invoice":
            return None
        named = fields.get("userid" if kind == "order" else "clientid")
        if named is not None:
            return str(named)
        world = self._world
        if kind == "pay_method":
            number, count, read = record_id - FIRST_PAY_METHOD_ID, len(world.pay_method_index), world.pay_method
            return str(read(number).client_id) if 0 <= number < count else None
        # The world's orders have one service each, of the same number.
        number = record_id - (FIRST_SERVICE_ID if kind == "service" else FIRST_WHMCS_ORDER_ID)
        return str(world.service(number).client_id) if 0 <= number < len(world.service_index) else None
