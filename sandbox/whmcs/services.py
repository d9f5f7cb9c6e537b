"""GetClientsProducts, GetClientsAddons, GetOrders, GetCancelledPackages, GetOrderStatuses."""

from collections import Counter
from collections.abc import Callable, Sequence

from sandbox.state import Change
from sandbox.whmcs.install import CURRENCY, GATEWAYS, Install, rendered
from sandbox.whmcs.listing import Base, Chosen, Few, Page, Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import ZERO_DATE, ZERO_TIME, day, moment, money
from sandbox.world import Service
from sandbox.world.index import PROFILES
from sandbox.world.profiles import InvoicePlan, ServicePlan
from sandbox.world.world import FIRST_INVOICE_ID, FIRST_SERVICE_ID, FIRST_WHMCS_ORDER_ID, sim_of_phone

FIRST_ADDON_ID = 9001
SIM_NUMBER, PHONE_NUMBER, MSISDN, SERIAL, EID, OPPORTUNITY = 301, 302, 303, 304, 305, 306
_FIELD_IDS = {"SIM Number": SIM_NUMBER, "Phone Number": PHONE_NUMBER, "MSISDN": MSISDN}
_ORDER_STATUSES = {"Pending": "Pending", "Fraud": "Fraud", "Cancelled": "Cancelled"}  # any other service's: Active


class Services:
    """The service and order actions of one install."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.world = install.world

    # -- GetClientsProducts ------------------------------------------------------------------------------------------

    def get_clients_products(self, params: Params) -> Page:
        asked = {name: text(params, name) or None for name in ("clientid", "serviceid", "pid", "domain")}

        def fits(row: Row) -> bool:
            wanted = (("clientid", "clientid"), ("serviceid", "id"), ("pid", "pid"), ("domain", "domain"))
            return all(not asked[name] or str(row[column]) == asked[name] for name, column in wanted)

        return self.install.page(
            self._base(asked, text(params, "username2")),
            params,
            kind="service",
            names=("products", "product"),
            first_id=FIRST_SERVICE_ID,
            render=rendered(self._row),
            row_of=self._changed_row,
            fits=fits,
            more=dict(asked),
            counts_as_text=True,
        )

    def _base(self, asked: dict[str, str | None], username: str) -> Base:
        numbers: list[int] | None = None
        if asked["serviceid"]:
            number = whole({"id": asked["serviceid"]}, "id") - FIRST_SERVICE_ID
            numbers = [number] if 0 <= number < len(self.world.service_index) else []
        elif asked["clientid"]:
            client = self.world.client_number(whole({"id": asked["clientid"]}, "id"))
            numbers = [] if client is None else list(self.world.service_index.of(client))
        elif asked["domain"] or username:
            sim = sim_of_phone(asked["domain"] or username)
            known = sim is not None and sim < len(self.world.sim_index)
            numbers = [self.world.sim_service(sim).number] if known and sim is not None else []
        pid = whole({"id": asked["pid"] or "0"}, "id")
        if numbers is None:
            return self._having(lambda plan: not pid or plan.product.pid == pid)
        services = [self.world.service(number) for number in numbers]
        return Few([s.number for s in services if (not pid or s.product.pid == pid) and _is_named(s, asked)])

    def _having(self, wanted: Callable[[ServicePlan], bool]) -> Chosen:
        return Chosen(self.world.service_index, _picks(self.world.profiles, wanted))

    def _changed_row(self, service_id: int, change: Change) -> Row:
        number = service_id - FIRST_SERVICE_ID
        known = 0 <= number < len(self.world.service_index)
        row = self._row(number) if known else {**self._row(0), "id": service_id, "customfields": {"customfield": []}}
        return {**row, **{name: value for name, value in change.fields.items() if name in row}}

    def _row(self, number: int) -> Row:
        service = self.world.service(number)
        plan, saved = service.plan, self.install.saved
        name, group = saved(plan.product.whmcs_name), saved(plan.product.group)
        recurring = plan.cycle != "One Time"
        row: Row = {
            "id": service.service_id,
            "qty": 1,
            "clientid": service.client_id,
            "orderid": service.whmcs_order_id,
            "ordernumber": service.whmcs_order_number,
            "pid": plan.product.pid,
            "regdate": day(plan.registered_on),
            "name": name,
            "translated_name": name,
            "groupname": group,
            "translated_groupname": group,
            "domain": service.domain,
            "dedicatedip": "",
            "serverid": 0,
            "servername": "",
            "serverip": None,
            "serverhostname": None,
            "suspensionreason": "Overdue on payment" if plan.status == "Suspended" else "",
            "firstpaymentamount": money(plan.first_amount),
            "recurringamount": money(plan.amount),
            "paymentmethod": "stripe",
            "paymentmethodname": GATEWAYS["stripe"],
            "nextduedate": _next_due(plan) if recurring else ZERO_DATE,
            "billingcycle": plan.cycle,
            "status": plan.status,
            "username": service.msisdn or "",
            "password": f"pw-{service.whmcs_order_number}",
            "subscriptionid": "",
            "promoid": 0,
            "overideautosuspend": 0,
            "overidesuspenduntil": ZERO_DATE,
            "ns1": "",
            "ns2": "",
            "assignedips": "",
            "notes": "",
            "diskusage": 0,
            "disklimit": 0,
            "bwusage": 0,
            "bwlimit": 0,
            "lastupdate": ZERO_TIME,
            "customfields": {"customfield": self._custom(service)},
            "configoptions": {"configoption": []},
        }
        if number % 7 == 0:
            del row["ordernumber"]
        return row

    @staticmethod
    def _custom(service: Service) -> list[Row]:
        """Custom fields of a service. Lines carry their number where the plan says: in one of three fields or none."""
        values = {OPPORTUNITY: ("OpportunityId", service.opportunity_id or "")}
        if service.plan.is_sim:
            values = {
                SIM_NUMBER: ("SIM Number", ""),
                SERIAL: ("Serial Number", service.serial),
                EID: ("EID", service.eid),
            } | values
            field = service.plan.number_field
            if field in _FIELD_IDS:
                values[_FIELD_IDS[field]] = (field, service.number_text)
        elif service.plan.product.category == "Other":
            values = {}
        return [
            {"id": field, "name": name, "translated_name": name, "value": value}
            for field, (name, value) in sorted(values.items())
        ]

    # -- GetClientsAddons --------------------------------------------------------------------------------------------

    def get_clients_addons(self, params: Params) -> Row:
        services = [int(part) for part in text(params, "serviceid").split(",") if part.strip().isdigit()]
        asked = {"serviceid": text(params, "serviceid"), "clientid": text(params, "clientid")}
        rows = [self._addon(number) for number in self._asked_addons(services, params)]
        addon_id = whole(params, "addonid")
        rows = [row for row in rows if row is not None and addon_id in {0, row["addonid"]}]
        answer: Row = {"result": "success", **asked, "totalresults": len(rows)}
        return {**answer, "addons": {"addon": rows}} if rows else answer

    def _asked_addons(self, service_ids: Sequence[int], params: Params) -> Sequence[int]:
        """Numbers of the services whose add-ons are asked for. There is no paging: no filter means all."""
        count = len(self.world.service_index)
        if service_ids:
            return [i - FIRST_SERVICE_ID for i in service_ids if 0 <= i - FIRST_SERVICE_ID < count]
        if text(params, "clientid"):
            client = self.world.client_number(whole(params, "clientid"))
            return [] if client is None else self.world.service_index.of(client)
        return range(count)

    def _addon(self, number: int) -> Row | None:
        customer, k = self.world.service_index.owner(number)
        if not self.world.profile(customer).services[k].has_addon:
            return None
        service = self.world.service(number)
        addon, plan = service.plan.addon, service.plan
        if addon is None:
            return None
        return {
            "id": FIRST_ADDON_ID + number,
            "qty": 1,
            "userid": service.client_id,
            "orderid": service.whmcs_order_id,
            "serviceid": service.service_id,
            "addonid": addon.pid,
            "name": self.install.saved(addon.name),
            "setupfee": "0.00",
            "recurring": money(addon.price),
            "billingcycle": "Monthly",
            "tax": "on",
            "status": plan.status,
            "regdate": day(plan.registered_on),
            "nextduedate": _next_due(plan),
            "nextinvoicedate": _next_due(plan),
            "paymentmethod": "stripe",
            "paymentmethodname": GATEWAYS["stripe"],
            "notes": "",
        }

    # -- GetOrders ---------------------------------------------------------------------------------------------------

    def get_orders(self, params: Params) -> Page:
        status, client_id, order_id = text(params, "status"), whole(params, "userid"), whole(params, "id")
        base: Base
        if order_id or client_id:
            base = Few(self._asked_orders(order_id, client_id, status))
        else:
            base = self._having(lambda plan: not status or _order_status(plan) == status)

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
            row_of=self._changed_order,
            fits=fits,
            empty="[]",
        )

    def _asked_orders(self, order_id: int, client_id: int, status: str) -> list[int]:
        count = len(self.world.service_index)
        numbers: Sequence[int] = [order_id - FIRST_WHMCS_ORDER_ID] if order_id else []
        if client_id:
            client = self.world.client_number(client_id)
            mine = range(0) if client is None else self.world.service_index.of(client)
            numbers = [n for n in mine if not order_id or n in numbers]
        known = [number for number in numbers if 0 <= number < count]
        return [n for n in known if not status or _order_status(self.world.service(n).plan) == status]

    def _changed_order(self, order_id: int, change: Change) -> Row:
        number = order_id - FIRST_WHMCS_ORDER_ID
        row = self._order(number if 0 <= number < len(self.world.service_index) else 0)
        return {**row, "id": order_id, **{name: value for name, value in change.fields.items() if name in row}}

    def _order(self, number: int) -> Row:
        service = self.world.service(number)
        plan, customer = service.plan, self.world.customer(service.customer)
        billed = plan.month in self.world.profile(service.customer).invoices
        invoice = self.world.invoice_number(service.customer, plan.month) if billed else None
        paid: InvoicePlan | None = self.world.invoice(invoice).plan if invoice is not None else None
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
            "status": _order_status(plan),
            "ipaddress": "192.0.2.1",
            "fraudmodule": "",
            "fraudoutput": "",
            "frauddata": "",
            "validationdata": "",
            "notes": f"sfOrderId={service.sf_order_id}" if service.sf_order_id else "",
            "paymentstatus": paid.status if paid else "",
            "name": self.install.saved(f"{customer.first_name} {customer.last_name}"),
            "currencyprefix": "¥",
            "currencysuffix": f" {CURRENCY}",
            "lineitems": {"lineitem": [self._line(service)]},
        }

    def _line(self, service: Service) -> Row:
        plan = service.plan
        return {
            "type": "product",
            "relid": service.service_id,
            "producttype": "Other Product/Service",
            "product": self.install.saved(f"{plan.product.group} - {plan.product.whmcs_name}"),
            "domain": service.domain,
            "billingcycle": plan.cycle.replace("One Time", "One-Time"),
            "amount": f"¥{money(plan.first_amount)} {CURRENCY}",
            "status": plan.status,
        }

    def get_order_statuses(self, _: Params) -> Row:
        counts: Counter[str] = Counter()
        for profile in self.world.profiles:
            counts.update(_order_status(plan) for plan in profile.services)
        totals = {title: self._having(_in_order_status(title)).total for title in counts}
        titles = ("Pending", "Active", "Fraud", "Cancelled")
        rows = [{"title": title, "count": totals.get(title, 0)} for title in titles]
        return {"result": "success", "totalresults": len(rows), "statuses": {"status": rows}}

    # -- GetCancelledPackages ----------------------------------------------------------------------------------------

    def get_cancelled_packages(self, params: Params) -> Page:
        return self.install.page(
            self._having(lambda plan: plan.status == "Cancelled"),
            params,
            kind="cancellation",
            names=("packages", "package"),
            first_id=1,
            render=rendered(self._cancellation),
            row_of=lambda record_id, change: {"id": record_id, **change.fields},
            counts_as_text=True,
        )

    def _cancellation(self, number: int) -> Row:
        service = self.world.service(number)
        asked = moment(service.plan.registered_on, number)
        return {
            "id": number + 1,
            "date": asked,
            "relid": service.service_id,
            "reason": self.install.saved("Moving & no longer needed"),
            "type": "End of Billing Period",
            "created_at": asked,
            "updated_at": asked,
        }


def _picks(profiles: Sequence[object], wanted: Callable[[ServicePlan], bool]) -> list[list[int]]:
    assert len(profiles) == PROFILES  # noqa: S101 - the closed form depends on it
    return [[k for k, plan in enumerate(p.services) if wanted(plan)] for p in profiles]  # type: ignore[attr-defined]


def _in_order_status(title: str) -> Callable[[ServicePlan], bool]:
    return lambda plan: _order_status(plan) == title


def _is_named(service: Service, asked: dict[str, str | None]) -> bool:
    client, domain = asked["clientid"], asked["domain"]
    return (not client or str(service.client_id) == client) and (not domain or service.domain == domain)


def _order_status(plan: ServicePlan) -> str:
    return _ORDER_STATUSES.get(plan.status, "Active")


def _next_due(plan: ServicePlan) -> str:
    """First day after December 2025 on which an open service is billed; a closed one keeps its last."""
    return "2026-01-01" if plan.status in {"Active", "Suspended", "Pending", "On Hold"} else "2025-06-01"
