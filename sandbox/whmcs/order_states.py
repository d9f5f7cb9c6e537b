"""PendingOrder, FraudOrder and DeleteOrder: what an order may become after it was accepted or cancelled."""

from collections.abc import Iterator

from sandbox.whmcs.install import ApiError, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.orders import Orders
from sandbox.whmcs.params import Params, whole
from sandbox.whmcs.service_changes import ServiceChanges

_DELETABLE = ("Cancelled", "Fraud")


class OrderStates:
    """The actions that move an order whatever its status, and the one that removes it."""

    def __init__(self, install: Install, *, orders: Orders, changes: ServiceChanges) -> None:
        self.install = install
        self._orders, self._changes = orders, changes

    def pending_order(self, params: Params) -> Row:
        return self._moved(params, "Pending")

    def fraud_order(self, params: Params) -> Row:
        return self._moved(params, "Fraud")

    def _moved(self, params: Params, status: str) -> Row:
        """The order and everything on it take the status."""
        order_id, order = self._known(params, "Order ID Not Found")
        self.install.put("order", order_id, status=status)
        self._note(f"order_{status.lower()}", order)
        services, addons = self._orders.parts(order_id)
        for service_id in services:
            self._changes.set_status(service_id, status)
        for addon_id in addons:
            self.install.put("addon", addon_id, status=status)
        return {"result": "success"}

    def delete_order(self, params: Params) -> Row:
        """The order goes with its services, add-ons and invoice."""
        order_id, order = self._known(params, "Order ID not found")
        if order["status"] not in _DELETABLE:
            raise ApiError("The order status must be in Cancelled or Fraud to be deleted")
        for kind, record_id in [*self._items(order_id, order), ("order", order_id)]:
            self.install.state.overlay.put("whmcs", kind, str(record_id), {}, deleted=True)
        self._note("order_delete", order)
        return {"result": "success"}

    def _items(self, order_id: int, order: Row) -> Iterator[tuple[str, int]]:
        services, addons = self._orders.parts(order_id)
        yield from (("service", service_id) for service_id in services)
        yield from (("addon", addon_id) for addon_id in addons)
        if invoice_id := int(str(order["invoiceid"])):
            yield "invoice", invoice_id

    def _known(self, params: Params, otherwise: str) -> tuple[int, Row]:
        order_id = whole(params, "orderid")
        order = self._orders.current(order_id)
        if order is None:
            raise ApiError(otherwise)
        return order_id, order

    def _note(self, kind: str, order: Row) -> None:
        self.install.note(kind, order["id"], self._orders.marker(order), clientid=order["userid"])
