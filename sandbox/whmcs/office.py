"""What an install says of itself: products, gateways, currencies, version, its log."""

from sandbox.whmcs.install import CURRENCY, GATEWAYS, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import money
from sandbox.world import Product

_CYCLES = ("monthly", "quarterly", "semiannually", "annually", "biennially", "triennially")
_GROUP_IDS = {"Internet": 1, "SIM": 2, "VPN": 3, "Other": 4}


class Office:
    """Actions that are about the install rather than about a customer's money."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.world = install.world

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
            self.install.quirk("product_url"): f"https://billing.example/store/{product.sku.lower()}",
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
        row = {"id": "1", "code": CURRENCY, "prefix": "¥", "suffix": "", "format": "1", "rate": "1.00000"}
        return {"result": "success", "totalresults": "1", "currencies": {"currency": [row]}}

    def whmcs_details(self, _: Params) -> Row:
        return {"result": "success", "whmcs": {"version": "8.13.0", "canonicalversion": "8.13.0-release.1"}}

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

    def get_automation_log(self, params: Params) -> Row:
        """Of the days asked for, this day where none is. What the statistics hold, the vendor's sample leaves out."""
        today = self.install.now().date().isoformat()
        start, end = (text(params, name) or today for name in ("startdate", "enddate"))
        return {
            "result": "success",
            "currentDatetime": self.install.stamp(),
            "lastDailyCronInvocationTime": f"{today} 09:00:00",
            "startdate": f"{start[:10]} 00:00:00",
            "enddate": f"{end[:10]} 23:59:59",
            "statistics": {},
        }
