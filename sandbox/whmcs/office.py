"""What an install says of itself: products, gateways, currencies, version, figures, its log, tickets."""

from sandbox.whmcs.install import CURRENCY, GATEWAYS, Install, rendered
from sandbox.whmcs.listing import Base, Chosen, Few, Page, Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import moment, money
from sandbox.world import Product
from sandbox.world.index import OwnerIndex
from sandbox.world.profiles import month_start

_CYCLES = ("monthly", "quarterly", "semiannually", "annually", "biennially", "triennially")
_GROUP_IDS = {"Internet": 1, "SIM": 2, "VPN": 3, "Other": 4}


class Office:
    """Actions that are about the install rather than about a customer's money."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.world = install.world
        counts = [int(p.has_whmcs and p.slot % 10 == 3) for p in self.world.profiles]
        self._tickets = OwnerIndex(self.world.customers, counts)

    @property
    def first_free_ticket_id(self) -> int:
        return 1 + self._tickets.total

    def get_products(self, params: Params) -> Row:
        pids = {int(part) for part in text(params, "pid").split(",") if part.strip().isdigit()}
        gid = whole(params, "gid")
        fitting = [
            product
            for product in self.world.products
            if (not pids or product.pid in pids) and gid in {0, _GROUP_IDS[product.category]}
        ]
        rows = [self._product(product) for product in fitting]
        return {"result": "success", "totalresults": len(rows), "products": {"product": rows} if rows else ""}

    def _product(self, product: Product) -> Row:
        saved = self.install.saved
        once = product.billing_cycle == "Onetime"
        prices = dict.fromkeys(_CYCLES, "-1.00") | {"monthly": money(product.price)}
        setup = {f"{cycle[0]}setupfee": "0.00" for cycle in _CYCLES}
        return {
            "pid": product.pid,
            "gid": _GROUP_IDS[product.category],
            "type": "other",
            "name": saved(product.whmcs_name),
            "slug": product.sku.lower(),
            "product_url": f"https://billing.example/store/{product.sku.lower()}",
            "description": f"<p>{saved(product.name)}</p>\r\n<ul><li>JPY</li></ul>",
            "module": "",
            "paytype": "onetime" if once else "recurring",
            "allowqty": self.install.allow_qty(product.pid),
            "quantity_available": 0,
            "pricing": {CURRENCY: {"prefix": "¥", "suffix": "", **setup, **prices}},
            "customfields": {"customfield": []},
            "configoptions": {"configoption": []},
        }

    def get_payment_methods(self, _: Params) -> Row:
        rows = [{"module": module, "displayname": name} for module, name in GATEWAYS.items()]
        return {"result": "success", "totalresults": len(rows), "paymentmethods": {"paymentmethod": rows}}

    def get_currencies(self, _: Params) -> Row:
        row = {"id": 1, "code": CURRENCY, "prefix": "¥", "suffix": "", "format": "1", "rate": "1.00000"}
        return {"result": "success", "totalresults": 1, "currencies": {"currency": [row]}}

    def whmcs_details(self, _: Params) -> Row:
        return {"result": "success", "whmcs": {"version": "8.13.0", "canonicalversion": "8.13.0-release.1"}}

    def get_stats(self, params: Params) -> Row:
        days = min(90, whole(params, "timeline_days"))
        statuses = [plan.status for profile in self.world.profiles for plan in profile.services]
        zero = f"¥0.00 {CURRENCY}"
        income = {f"income_{span}": zero for span in ("today", "thismonth", "thisyear", "alltime")}
        answer: Row = {"result": "success", **income, "orders_pending": statuses.count("Pending")}
        answer |= {"cancellations_pending": 0, "todoitems_due": 0, "networkissues_open": 0, "staff_online": 1}
        series = ("new_orders", "accepted_orders", "income", "expenditure", "new_tickets")
        return {**answer, "timeline_data": {name: {} for name in series}} if days else answer

    def get_activity_log(self, params: Params) -> Row:
        """What was changed through the control plane, newest first."""
        start, count = self.install.span(params)
        entries = [
            (change.changed_at, kind, record_id)
            for kind in ("client", "service", "invoice", "order", "pay_method")
            for record_id, change in self.install.state.overlay.changed("whmcs", kind).items()
        ]
        rows = [
            {
                "id": len(entries) - at,
                "clientId": 0,
                "userId": 0,
                "adminId": 1,
                "date": self.install.local(changed_at),
                "description": f"Modified {kind} - ID: {record_id}",
                "username": "Admin",
                "ipaddress": "192.0.2.1",
                "userid": 0,
            }
            for at, (changed_at, kind, record_id) in enumerate(sorted(entries, reverse=True))
        ]
        wanted = text(params, "description")
        rows = [row for row in rows if wanted in str(row["description"])]
        page = rows[start : start + count]
        head: Row = {"result": "success", "totalresults": len(rows), "startnumber": start}
        return {**head, "activity": {"entry": page} if page else ""}

    def get_automation_log(self, _: Params) -> Row:
        now = self.install.local(self.install.state.clock.now())
        return {"result": "success", "currentDatetime": now, "statistics": {}}

    def get_tickets(self, params: Params) -> Page:
        base: Base = Chosen(self._tickets, [(0,) if count else () for count in self._tickets.counts])
        if text(params, "clientid"):
            client = self.world.client_number(whole(params, "clientid"))
            base = Few([] if client is None else list(self._tickets.of(client)))
        return self.install.page(
            base,
            params,
            kind="ticket",
            names=("tickets", "ticket"),
            first_id=1,
            render=rendered(self._ticket),
            row_of=lambda ticket_id, change: {"id": ticket_id, **change.fields},
            fits=lambda row: not text(params, "clientid") or str(row.get("userid")) == text(params, "clientid"),
            counts_as_text=True,
        )

    def _ticket(self, number: int) -> Row:
        customer = self.world.customer(self._tickets.owner(number).customer)
        name = self.install.saved(f"{customer.first_name} {customer.last_name}")
        opened = moment(month_start(number % 24), number)
        return {
            "id": number + 1,
            "tid": f"{100_000 + number}",
            "deptid": 1,
            "userid": customer.client_id,
            "name": name,
            "owner_name": name,
            "email": customer.email,
            "requestor_name": name,
            "requestor_email": customer.email,
            "requestor_type": "Owner",
            "cc": "",
            "c": f"c{number:07x}",
            "date": opened,
            "subject": self.install.saved("Invoice & receipt"),
            "status": ("Open", "Answered", "Closed")[number % 3],
            "priority": ("Low", "Medium", "High")[number % 3],
            "admin": "",
            "attachment": "",
            "attachments": [],
            "attachments_removed": False,
            "lastreply": opened,
            "flag": 0,
            "service": "",
        }
