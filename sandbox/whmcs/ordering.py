"""AddOrder, which nothing keeps from doing the same twice, AcceptOrder and CancelOrder."""

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from sandbox.whmcs import bills, cycles
from sandbox.whmcs.addons import Addons
from sandbox.whmcs.bills import Bills
from sandbox.whmcs.clients import Clients
from sandbox.whmcs.install import GATEWAYS, ApiError, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.orders import Orders
from sandbox.whmcs.params import Params, amount, listed, text, truthy, whole
from sandbox.whmcs.php import fields_from
from sandbox.whmcs.rendering import ZERO_DATE, ZERO_TIME, localised, money
from sandbox.whmcs.service_changes import ServiceChanges, custom_fields
from sandbox.whmcs.services import COMMAND, FIELD_NAMES, Services
from sandbox.world import Product
from sandbox.world.catalogue import BY_PID
from sandbox.world.mixing import mixed

_LISTS = (
    "pid",
    "qty",
    "domain",
    "billingcycle",
    "addons",
    "customfields",
    "configoptions",
    "priceoverride",
    "hostname",
)
_MULTIPLE, _SCALING = 1, 2  # of "Allow Multiple Quantities" (source: docs.whmcs.com, Products, Details)
_NOT_PENDING = "Order ID not found or Status not Pending"


class OrderedItem(NamedTuple):
    """One product of an order as asked for."""

    product: Product
    quantity: int
    cycle: str  # as answers name it
    price: Decimal  # of one period, quantity included
    domain: str
    addons: list[Product]
    fields: dict[str, str]  # custom fields by id or name


class Ordering:
    """The actions that make, accept and cancel orders."""

    def __init__(
        self,
        install: Install,
        *,
        clients: Clients,
        orders: Orders,
        services: Services,
        addons: Addons,
        bills: Bills,
        changes: ServiceChanges,
    ) -> None:
        self.install = install
        self._clients, self._orders, self._services, self._addons = clients, orders, services, addons
        self._bills, self._changes = bills, changes

    # -- AddOrder ----------------------------------------------------------------------------------------------------

    def add_order(self, params: Params) -> Row:
        client = self._clients.current(whole(params, "clientid"))
        if client is None:
            raise ApiError("Client ID Not Found")
        if client["status"] == "Closed":
            raise ApiError("Unable to add order when client status is Closed")
        if text(params, "paymentmethod") not in GATEWAYS:
            raise ApiError(f"Invalid Payment Method. Valid options include {','.join(GATEWAYS)}")
        items, hosts = self._items(params), self._hosts(params, int(str(client["id"])))
        if not items and not hosts:
            raise ApiError("No items added to cart so order cannot proceed")
        return self._ordered(params, int(str(client["id"])), items, hosts)

    def _items(self, params: Params) -> list[OrderedItem]:
        """What is ordered; products that do not exist are passed over, as they are on the order form."""
        for name in _LISTS:
            if name in params and not isinstance(params[name], dict):
                raise ApiError(f"Expecting parameter '{name}' to be an array")
        columns = {name: listed(params, name) for name in _LISTS}
        pids = {key: whole(columns["pid"], key) for key in columns["pid"]}
        return [
            item for key, pid in pids.items() if pid in BY_PID for item in self._items_of(BY_PID[pid], key, columns)
        ]

    def _items_of(self, product: Product, key: str, columns: dict[str, dict[str, str]]) -> list[OrderedItem]:
        """A quantity is that many services, one service of that quantity, or nothing: as the product is set."""
        setting, quantity = self.install.allow_qty(product.pid), max(1, whole(columns["qty"], key, 1))
        if setting == _MULTIPLE:
            return [self._item(product, key, columns, 1)] * quantity
        return [self._item(product, key, columns, quantity if setting == _SCALING else 1)]

    def _item(self, product: Product, key: str, columns: dict[str, dict[str, str]], quantity: int) -> OrderedItem:
        override = columns["priceoverride"].get(key, "")
        price = amount(override) if override else Decimal(product.price)
        # Every product has one price, so any other cycle falls back to the one that has it.
        cycle = "One Time" if product.billing_cycle == "Onetime" else "Monthly"
        if columns["billingcycle"].get(key) == "free":
            cycle, price = "Free Account", Decimal(0)
        addons = [self._addon(pid) for pid in columns["addons"].get(key, "").split(",") if pid.strip()]
        fields = fields_from(columns["customfields"].get(key, ""))
        return OrderedItem(product, quantity, cycle, price * quantity, columns["domain"].get(key, ""), addons, fields)

    @staticmethod
    def _addon(pid: str) -> Product:
        product = BY_PID.get(whole({"id": pid}, "id"))
        if product is None or product.item_class != "Add-on":
            raise ApiError("Addon ID invalid")
        return product

    def _hosts(self, params: Params, client_id: int) -> list[tuple[int, Product]]:
        """(service, add-on) of an order for add-ons alone."""
        pairs = {**listed(params, "serviceids")}, {**listed(params, "addonids")}
        if text(params, "addonid"):
            pairs = {"": text(params, "serviceid")}, {"": text(params, "addonid")}
        hosts = []
        for key, pid in pairs[1].items():
            service = self._services.current(whole(pairs[0], key))
            if service is None or service["clientid"] != client_id:
                raise ApiError("Service ID not owned by Client ID provided")
            hosts.append((int(str(service["id"])), self._addon(pid)))
        return hosts

    def _ordered(
        self, params: Params, client_id: int, items: list[OrderedItem], hosts: list[tuple[int, Product]]
    ) -> Row:
        order_id = self.install.new_id("order", self._orders.first_free_id)
        notes = text(params, "notes") if self.install.quirk("order_notes") == "on" else ""
        marker = notes or next((item.fields[str(COMMAND)] for item in items if str(COMMAND) in item.fields), None)
        number = str(mixed(self.install.world.seed, 40, order_id) % 9_000_000_000 + 1_000_000_000)
        gateway = text(params, "paymentmethod")
        common: Row = {"orderid": order_id, "paymentmethod": gateway, "paymentmethodname": GATEWAYS[gateway]}
        services: list[int] = []
        for item in items:
            services.append(self._new_service(client_id, item, {**common, "ordernumber": number}, marker))
            hosts = [*hosts, *((services[-1], addon) for addon in item.addons)]
        addons = [self._new_addon(client_id, service, addon, common, marker) for service, addon in hosts]
        invoice_id = 0 if truthy(params, "noinvoice") else self._billed(client_id, services, addons, gateway, marker)
        self._put_order(
            order_id,
            userid=client_id,
            ordernum=number,
            contactid=whole(params, "contactid"),
            promocode=self.install.saved(text(params, "promocode")),
            amount=money(sum((item.price for item in items), Decimal(sum(addon.price for _, addon in hosts)))),
            invoiceid=invoice_id,
            ipaddress=text(params, "clientip"),
            notes=self.install.saved(notes),
            paymentmethod=gateway,
            paymentmethodname=GATEWAYS[gateway],
            _marker=marker,
            _services=services,
            _addons=addons,
        )
        self.install.note(
            "order", order_id, marker, clientid=client_id, invoiceid=invoice_id, emailed=not truthy(params, "noemail")
        )
        return {
            "result": "success",
            "orderid": str(order_id),
            "serviceids": self._ids_of(services),
            "addonids": ",".join(map(str, addons)),
            "domainids": "",
            "invoiceid": str(invoice_id),
            "productids": ",".join(map(str, services)),
        }

    def _ids_of(self, services: list[int]) -> str:
        """No page says in which order they come."""
        form = self.install.quirk("services_told")
        listed = sorted(services, reverse=form == "reversed")
        return "" if form == "none" else (", " if form == "spaced" else ",").join(map(str, listed))

    def _put_order(self, order_id: int, **fields: object) -> None:
        client = self._clients.current(int(str(fields["userid"]))) or {}
        self.install.put(
            "order",
            order_id,
            requestor_id=fields["userid"],
            date=self.install.stamp(),
            name=client.get("fullname", ""),
            status="Pending",
            **fields,
        )

    def _new_service(self, client_id: int, item: OrderedItem, common: Row, marker: str | None) -> int:
        service_id = self.install.new_id("service", self._services.first_free_id)
        today = self.install.now().date().isoformat()
        name, group = self.install.saved(item.product.whmcs_name), self.install.saved(item.product.group)
        recurring = cycles.is_recurring(item.cycle)
        blank = self._services.blank()
        row = blank | common | {
            "qty": item.quantity,
            "clientid": client_id,
            "pid": item.product.pid,
            "regdate": today,
            "name": name,
            "translated_name": name,
            "groupname": group,
            "translated_groupname": group,
            "domain": self.install.saved(item.domain),
            "suspensionreason": "",
            "firstpaymentamount": money(item.price),
            "recurringamount": money(item.price if recurring else Decimal(0)),
            "nextduedate": today if recurring else ZERO_DATE,
            "billingcycle": item.cycle,
            "status": "Pending",
            "username": "",
            "password": "",
            "lastupdate": ZERO_TIME,
            "customfields": custom_fields(self.install, item.product.category, [], item.fields),
        }  # fmt: skip
        del row["id"]
        own = item.fields.get(str(COMMAND)) or item.fields.get(FIELD_NAMES[COMMAND])
        self.install.put("service", service_id, **row, _marker=own or marker)
        self.install.note("service", service_id, own or marker, orderid=common["orderid"], pid=item.product.pid)
        return service_id

    def _new_addon(self, client_id: int, service_id: int, addon: Product, common: Row, marker: str | None) -> int:
        addon_id = self.install.new_id("addon", self._addons.first_free_id)
        today = self.install.now().date().isoformat()
        row: Row = {
            "id": addon_id,
            "qty": 1,
            "userid": client_id,
            "orderid": common["orderid"],
            "serviceid": service_id,
            "addonid": addon.pid,
            "name": self.install.saved(addon.name),
            "setupfee": "0.00",
            "recurring": money(addon.price),
            "billingcycle": "One Time" if addon.billing_cycle == "Onetime" else "Monthly",
            "tax": "on",
            "status": "Pending",
            "regdate": today,
            "nextduedate": today,
            "nextinvoicedate": today,
            "paymentmethod": common["paymentmethod"],
            "paymentmethodname": common["paymentmethodname"],
            "notes": "",
        }
        self.install.put("addon", addon_id, **row)
        self.install.note("addon", addon_id, marker, orderid=common["orderid"], serviceid=service_id)
        return addon_id

    def _billed(self, client_id: int, services: list[int], addons: list[int], gateway: str, marker: str | None) -> int:
        """The order's invoice: a line for every service and add-on; paid at once when there is nothing to pay."""
        items = [self._service_item(service) for service in services] + [self._addon_item(addon) for addon in addons]
        invoice_id = self._bills.create(client_id, items, marker, paymentmethod=gateway, _marker=marker)
        if all(item["amount"] == "0.00" for item in items):
            self.install.put("invoice", invoice_id, status="Paid", datepaid=self.install.stamp())
        return invoice_id

    def _service_item(self, service_id: int) -> Row:
        row = self._services.current(service_id) or {}
        description, cycle = str(row["name"]), str(row["billingcycle"])
        if cycles.is_recurring(cycle):
            start = self.install.now().date()
            end = cycles.after(start, cycle) - timedelta(days=1)
            form = self.install.quirk("date_format")
            description += f" ({localised(start, form)} - {localised(end, form)})"
        price = Decimal(str(row["firstpaymentamount"]))
        return bills.item(self._bills.item_id(), description, price, taxed=True, kind="Hosting", relid=service_id)

    def _addon_item(self, addon_id: int) -> Row:
        row = self._addons.current(addon_id) or {}
        price, name = Decimal(str(row["recurring"])), str(row["name"])
        return bills.item(self._bills.item_id(), name, price, taxed=True, kind="Addon", relid=addon_id)

    # -- AcceptOrder, CancelOrder ------------------------------------------------------------------------------------

    def accept_order(self, params: Params) -> Row:
        """Only with `autosetup` are services activated: no product here has a module that could refuse."""
        order_id, order = self._pending(params)
        self.install.put("order", order_id, status="Active")
        self._note_order("order_accept", order_id, order, emailed=truthy(params, "sendemail"))
        setup = truthy(params, "autosetup") or self.install.quirk("accept_activates") == "always"
        given = {"username": text(params, "serviceusername"), "password": text(params, "servicepassword")}
        services, addons = self._orders.parts(order_id)
        for service_id in services:
            self.install.put("service", service_id, **{name: value for name, value in given.items() if value})
            if setup:
                self._changes.set_status(service_id, "Active")
        for addon_id in addons if setup else []:
            self.install.put("addon", addon_id, status="Active")
        return {"result": "success"}

    def cancel_order(self, params: Params) -> Row:
        order_id, order = self._pending(params)
        self.install.put("order", order_id, status="Cancelled")
        self._note_order("order_cancel", order_id, order, emailed=not truthy(params, "noemail"))
        services, addons = self._orders.parts(order_id)
        for service_id in services:
            self._changes.set_status(service_id, "Cancelled")
        for addon_id in addons:
            self.install.put("addon", addon_id, status="Cancelled")
        if order["invoiceid"] and order["paymentstatus"] in {"Unpaid", "Draft"}:
            invoice_id = int(str(order["invoiceid"]))
            self.install.put("invoice", invoice_id, status="Cancelled", date_cancelled=self.install.stamp())
            self._note_order("invoice_cancel", invoice_id, order)
        return {"result": "success"}

    def _pending(self, params: Params) -> tuple[int, Row]:
        order_id = whole(params, "orderid")
        order = self._orders.current(order_id)
        if order is None or order["status"] != "Pending":
            raise ApiError(_NOT_PENDING)
        return order_id, order

    def _note_order(self, kind: str, record_id: int, order: Row, **detail: object) -> None:
        marker, who = self._orders.marker(order), {"orderid": order["id"], "clientid": order["userid"]}
        self.install.note(kind, record_id, marker, **who, **detail)
