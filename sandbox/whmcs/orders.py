"""GetOrders, GetOrderStatuses."""

from collections.abc import Callable, Sequence
from typing import cast

from sandbox.state import Change
from sandbox.whmcs.addons import FIRST_ADDON_ID, Addons
from sandbox.whmcs.install import CURRENCY, GATEWAYS, Install, Owner, rendered
from sandbox.whmcs.invoices import Invoices
from sandbox.whmcs.listing import Base, Few, Page, Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import moment, money
from sandbox.whmcs.services import Services
from sandbox.world.profiles import ServicePlan
from sandbox.world.world import FIRST_INVOICE_ID, FIRST_WHMCS_ORDER_ID

_STATUSES = {"Pending": "Pending", "Fraud": "Fraud", "Cancelled": "Cancelled"}  # any other service's: Active


class Orders:
    """The orders of one install: the world's have one service each, created ones what their creator put in."""

    def __init__(self, install: Install, services: Services, addons: Addons, invoices: Invoices) -> None:
        self.install = install
        self.world = install.world
        self._services, self._addons, self._invoices = services, addons, invoices

    @property
    def first_free_id(self) -> int:
        return FIRST_WHMCS_ORDER_ID + len(self.world.service_index)

    def get_orders(self, params: Params) -> Page:
        status, order_id = text(params, "status"), whole(params, "id")
        # Whoever asks for an order is the user who owns the client of the same id.
        client_id = whole(params, "userid") or whole(params, "requestor_id")
        base: Base
        if order_id or client_id:
            base = Few(self._asked(order_id, client_id, status))
        else:
            base = self._services.having(_in_status(status))

        def fits(row: Row) -> bool:
            wanted = (("id", order_id), ("userid", client_id), ("status", status))
            return all(not value or str(row[name]) == str(value) for name, value in wanted)

        return self.install.page(
            base,
            params,
            kind="order",
            names=("orders", "order"),
            first_id=FIRST_WHMCS_ORDER_ID,
            render=rendered(self._order),
            row_of=self._changed,
            fits=fits if order_id or client_id or status else None,
            empty="[]",
            only=order_id,
            owner=Owner("userid", str(client_id), self._of_client(client_id)) if client_id else None,
        )

    def _of_client(self, client_id: int) -> range:
        client = self.world.client_number(client_id)
        return range(0) if client is None else self.world.service_index.of(client)

    def _asked(self, order_id: int, client_id: int, status: str) -> list[int]:
        numbers: Sequence[int] = [order_id - FIRST_WHMCS_ORDER_ID] if order_id else []
        if client_id:
            numbers = [n for n in self._of_client(client_id) if not order_id or n in numbers]
        known = [number for number in numbers if 0 <= number < len(self.world.service_index)]
        return [n for n in known if not status or _status(self.world.service(n).plan) == status]

    def current(self, order_id: int) -> Row | None:
        """The order as it is now, None if there is none."""
        change, number = self.install.change("order", order_id), order_id - FIRST_WHMCS_ORDER_ID
        if change is not None:
            return None if change.deleted else self._changed(order_id, change)
        return self._order(number) if 0 <= number < len(self.world.service_index) else None

    def marker(self, order: Row) -> str | None:
        """The text by which whoever made the order knows it."""
        change = self.install.change("order", int(str(order["id"])))
        made = change.fields.get("_marker") if change is not None else None
        return str(made or order["notes"]) or None

    def parts(self, order_id: int) -> tuple[list[int], list[int]]:
        """Ids of the services and of the add-ons that the order brought."""
        change, number = self.install.change("order", order_id), order_id - FIRST_WHMCS_ORDER_ID
        if change is not None and "_services" in change.fields:
            return cast(list[int], change.fields["_services"]), cast(list[int], change.fields["_addons"])
        if not 0 <= number < len(self.world.service_index):
            return [], []
        service = self.world.service(number)
        return [service.service_id], [FIRST_ADDON_ID + number] if service.plan.has_addon else []

    def _changed(self, order_id: int, change: Change) -> Row:
        number = order_id - FIRST_WHMCS_ORDER_ID
        row = self._order(number if 0 <= number < len(self.world.service_index) else 0)
        row = {**row, "id": order_id, **{name: value for name, value in change.fields.items() if name in row}}
        if "_services" not in change.fields:
            return row
        services, addons = self.parts(order_id)
        lines = [self._service_line(service) for service in services] + [self._addon_line(addon) for addon in addons]
        invoice = self._invoices.current(int(str(row["invoiceid"])))
        return row | {
            "paymentstatus": invoice["status"] if invoice else "",
            "lineitems": {"lineitem": [line for line in lines if line]},
        }

    def _order(self, number: int) -> Row:
        service = self.world.service(number)
        plan, customer = service.plan, self.world.customer(service.customer)
        billed = plan.month in self.world.profile(service.customer).invoices
        invoice = self.world.invoice_number(service.customer, plan.month) if billed else None
        paid = None if invoice is None else self._invoices.status(FIRST_INVOICE_ID + invoice)
        return {
            "id": service.whmcs_order_id,
            "ordernum": service.whmcs_order_number if number % 2 else str(service.whmcs_order_number),
            "userid": service.client_id,
            "contactid": 0,
            "requestor_id": service.client_id,
            "admin_requestor_id": 0,
            "date": moment(plan.registered_on, number),
            "nameservers": "",
            "transfersecret": "",
            "renewals": "",
            "renewalsByType": {"domains": [], "services": [], "addons": []},
            "promocode": "",
            "promotype": "",
            "promovalue": "",
            "orderdata": "[]",
            "amount": money(plan.first_amount),
            "paymentmethod": "stripe",
            "paymentmethodname": GATEWAYS["stripe"],
            "invoiceid": 0 if invoice is None else FIRST_INVOICE_ID + invoice,
            "status": _status(plan),
            "ipaddress": "192.0.2.1",
            "fraudmodule": "",
            "fraudoutput": "",
            "frauddata": "",
            "validationdata": "",
            "notes": f"sfOrderId={service.sf_order_id}" if service.sf_order_id else "",
            "paymentstatus": paid or "",
            "name": self.install.saved(f"{customer.first_name} {customer.last_name}"),
            "currencyprefix": "¥",
            "currencysuffix": f" {CURRENCY}",
            "lineitems": {"lineitem": [line for line in [self._service_line(service.service_id)] if line]},
        }

    def _service_line(self, service_id: int) -> Row | None:
        row = self._services.current(service_id)
        if row is None:
            return None
        return {
            "type": "product",
            "relid": service_id,
            "producttype": "Other Product/Service",
            "product": f"{row['groupname']} - {row['name']}",
            "domain": row["domain"],
            "billingcycle": str(row["billingcycle"]).replace("One Time", "One-Time"),
            "amount": row["firstpaymentamount"],
            "status": row["status"],
        }

    def _addon_line(self, addon_id: int) -> Row | None:
        row = self._addons.current(addon_id)
        if row is None:
            return None
        return {
            "type": "addon",
            "relid": addon_id,
            "producttype": "Addon",
            "product": row["name"],
            "domain": "",
            "billingcycle": row["billingcycle"],
            "amount": row["recurring"],
            "status": row["status"],
        }

    def get_order_statuses(self, _: Params) -> Row:
        titles = ("Pending", "Active", "Fraud", "Cancelled")
        rows = [{"title": title, "count": self.get_orders({"status": title}).total} for title in titles]
        return {"result": "success", "totalresults": len(rows), "statuses": {"status": rows}}


def _status(plan: ServicePlan) -> str:
    return _STATUSES.get(plan.status, "Active")


def _in_status(title: str) -> Callable[[ServicePlan], bool]:
    return lambda plan: not title or _status(plan) == title
