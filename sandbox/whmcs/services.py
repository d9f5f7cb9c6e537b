"""GetClientsProducts, GetCancelledPackages."""

from collections.abc import Callable, Sequence

from sandbox.state import Change
from sandbox.whmcs.install import GATEWAYS, Install, Owner, rendered
from sandbox.whmcs.listing import Base, Chosen, Few, Page, Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import ZERO_DATE, ZERO_TIME, day, moment, money, zero_date
from sandbox.world import Service
from sandbox.world.index import PROFILES
from sandbox.world.profiles import ServicePlan
from sandbox.world.world import FIRST_SERVICE_ID, sim_of_phone

SIM_NUMBER, PHONE_NUMBER, MSISDN, SERIAL, EID, OPPORTUNITY, COMMAND = 301, 302, 303, 304, 305, 306, 307
FIELD_NAMES = {
    SIM_NUMBER: "SIM Number",
    PHONE_NUMBER: "Phone Number",
    MSISDN: "MSISDN",
    SERIAL: "Serial Number",
    EID: "EID",
    OPPORTUNITY: "OpportunityId",
    COMMAND: "Hub Command",
}
_FIELD_IDS = {"SIM Number": SIM_NUMBER, "Phone Number": PHONE_NUMBER, "MSISDN": MSISDN}

# Numbers that the vendor's samples of the two actions write as texts.
_TEXTS = frozenset({"id", "qty", "clientid", "orderid", "ordernumber", "pid", "serverid", "promoid", "diskusage",
                    "disklimit", "bwusage", "bwlimit"})  # fmt: skip
_PACKAGE_TEXTS = frozenset({"id", "relid"})


class Services:
    """The services of one install."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.world = install.world

    # -- GetClientsProducts ------------------------------------------------------------------------------------------

    def get_clients_products(self, params: Params) -> Page:
        asked = {name: text(params, name) or None for name in ("clientid", "serviceid", "pid", "domain")}
        username = text(params, "username2")

        def fits(row: Row) -> bool:
            wanted = (("clientid", "clientid"), ("serviceid", "id"), ("pid", "pid"), ("domain", "domain"))
            named = not username or row["username"] == username
            return named and all(not asked[name] or str(row[column]) == asked[name] for name, column in wanted)

        return self.install.page(
            self._base(asked, username),
            params,
            kind="service",
            names=("products", "product"),
            first_id=FIRST_SERVICE_ID,
            render=rendered(self._row, _TEXTS),
            row_of=self._changed_row,
            texts=_TEXTS,
            fits=fits if username or any(asked.values()) else None,
            more=dict(asked),
            counts_as_text="total",
            owner=self._owner(asked["clientid"]),
            only=whole(params, "serviceid"),
        )

    def _owner(self, client_id: str | None) -> Owner | None:
        if not client_id:
            return None
        client = self.world.client_number(whole({"id": client_id}, "id"))
        return Owner("clientid", client_id, range(0) if client is None else self.world.service_index.of(client))

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
            return self.having(lambda plan: not pid or plan.product.pid == pid)
        services = [self.world.service(number) for number in numbers]
        return Few([s.number for s in services if (not pid or s.product.pid == pid) and _is_named(s, asked)])

    def having(self, wanted: Callable[[ServicePlan], bool]) -> Chosen:
        return Chosen(self.world.service_index, _picks(self.world.profiles, wanted))

    def current(self, service_id: int) -> Row | None:
        """The service as it is now, None if there is none."""
        change = self.install.change("service", service_id)
        if change is not None:
            return None if change.deleted else self._changed_row(service_id, change)
        number = service_id - FIRST_SERVICE_ID
        return self._row(number) if 0 <= number < len(self.world.service_index) else None

    @property
    def first_free_id(self) -> int:
        return FIRST_SERVICE_ID + len(self.world.service_index)

    def blank(self) -> Row:
        """A row with every column, for a service to be created from."""
        return {**self._row(0), "ordernumber": "", "customfields": {"customfield": []}}

    def _changed_row(self, service_id: int, change: Change) -> Row:
        number = service_id - FIRST_SERVICE_ID
        known = 0 <= number < len(self.world.service_index)
        row = self._row(number) if known else {**self.blank(), "id": service_id}
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
            "billingcycle": plan.cycle,
            "nextduedate": next_due(plan) if recurring else zero_date(number),
            "status": plan.status,
            "username": service.msisdn or "",
            "password": f"pw-{service.whmcs_order_number}",
            "subscriptionid": "",
            "promoid": 0,
            "overideautosuspend": "",
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

    # -- GetClientsDomains -------------------------------------------------------------------------------------------

    @staticmethod
    def get_clients_domains(params: Params) -> Row:
        """Nobody here has a domain: the business sells none."""
        asked = {name: text(params, name) for name in ("clientid", "domainid")}
        counts = dict.fromkeys(("totalresults", "startnumber", "numreturned"), "0")
        return {"result": "success", **asked, **counts, "domains": ""}

    # -- GetCancelledPackages ----------------------------------------------------------------------------------------

    def get_cancelled_packages(self, params: Params) -> Page:
        return self.install.page(
            self.having(lambda plan: plan.status == "Cancelled"),
            params,
            kind="cancellation",
            names=("packages", "package"),
            first_id=1,
            render=rendered(self._cancellation, _PACKAGE_TEXTS),
            row_of=lambda record_id, change: {"id": record_id, **change.fields},
            texts=_PACKAGE_TEXTS,
            counts_as_text="all",
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


def _is_named(service: Service, asked: dict[str, str | None]) -> bool:
    client, domain = asked["clientid"], asked["domain"]
    return (not client or str(service.client_id) == client) and (not domain or service.domain == domain)


def next_due(plan: ServicePlan) -> str:
    """First day after December 2025 on which an open service is billed; a closed one keeps its last."""
    return "2026-01-01" if plan.status in {"Active", "Suspended", "Pending", "On Hold"} else "2025-06-01"
