"""UpdateClientProduct and AddCancelRequest."""

from sandbox.whmcs.install import GATEWAYS, ApiError, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, amount, listed, text, whole
from sandbox.whmcs.php import fields_from
from sandbox.whmcs.rendering import money
from sandbox.whmcs.services import COMMAND, EID, FIELD_NAMES, OPPORTUNITY, SERIAL, SIM_NUMBER, Services
from sandbox.world.catalogue import BY_PID
from sandbox.world.world import FIRST_SERVICE_ID

STATUSES = ("Pending", "Active", "Suspended", "Terminated", "Cancelled", "Fraud", "Completed")
# What is written under one name may be read under another.
_COLUMNS = {
    **{name: name for name in ("serverid", "regdate", "nextduedate", "domain", "subscriptionid", "notes", "promoid")},
    **{name: name for name in ("overideautosuspend", "overidesuspenduntil", "ns1", "ns2", "dedicatedip")},
    **{name: name for name in ("assignedips", "diskusage", "disklimit", "bwusage", "bwlimit", "billingcycle")},
    "serviceusername": "username",
    "servicepassword": "password",
    "suspendreason": "suspensionreason",
}
_UNSET = (
    "domain", "serviceusername", "servicepassword", "subscriptionid", "ns1", "ns2", "dedicatedip", "assignedips",
    "notes", "suspendreason",
)  # fmt: skip
_FIELDS = {
    "SIM": (SIM_NUMBER, SERIAL, EID, OPPORTUNITY, COMMAND),
    "Other": (COMMAND,),
}  # any other category's: _COMMON
_COMMON = (OPPORTUNITY, COMMAND)


def custom_fields(install: Install, category: str, present: list[Row], given: dict[str, str]) -> Row:
    """A service's custom fields: `given` values, by id or name, over those `present`; unknown ones are lost."""
    ids = [field for field in _FIELDS.get(category, _COMMON) if field != COMMAND or _has_marker(install)]
    rows = {field: {"id": field, "name": FIELD_NAMES[field], "translated_name": FIELD_NAMES[field], "value": ""}
            for field in ids}  # fmt: skip
    rows |= {int(str(row["id"])): dict(row) for row in present}
    for field, row in rows.items():
        value = given.get(str(field), given.get(str(row["name"])))
        if value is not None:
            row["value"] = install.saved(value)
    return {"customfield": [rows[field] for field in sorted(rows)]}


def _has_marker(install: Install) -> bool:
    return install.quirk("marker_field") == "on"


class ServiceChanges:
    """The actions that change services."""

    def __init__(self, install: Install, services: Services) -> None:
        self.install = install
        self._services = services

    def update_client_product(self, params: Params) -> Row:
        service_id = whole(params, "serviceid")
        row = self._services.current(service_id)
        if row is None:
            raise ApiError("Service ID Not Found")
        changed = self._changed(params, row)
        status = changed.pop("status", None)
        if changed:
            self.install.put("service", service_id, **changed)
            self.install.note("service_update", service_id, self._marker(service_id), fields=sorted(changed))
        if status is not None:
            self.set_status(service_id, str(status))
        return {"result": "success", "serviceid": str(service_id)}

    def _changed(self, params: Params, row: Row) -> Row:
        """Columns and their new values: an empty text changes nothing, `unset` does."""
        saved = self.install.saved
        changed: Row = {_COLUMNS[name]: saved(text(params, name)) for name in _COLUMNS if text(params, name)}
        for name in ("firstpaymentamount", "recurringamount"):
            if text(params, name):
                changed[name] = money(amount(text(params, name)))
        if text(params, "status") in STATUSES:
            changed["status"] = text(params, "status")
        if text(params, "paymentmethod") in GATEWAYS:
            gateway = text(params, "paymentmethod")
            changed |= {"paymentmethod": gateway, "paymentmethodname": GATEWAYS[gateway]}
        if product := BY_PID.get(whole(params, "pid")):
            name, group = saved(product.whmcs_name), saved(product.group)
            changed |= {"pid": product.pid, "name": name, "translated_name": name}
            changed |= {"groupname": group, "translated_groupname": group}
        changed |= {_COLUMNS[name]: "" for name in listed(params, "unset").values() if name in _UNSET}
        given = fields_from(text(params, "customfields"))
        if given:
            category = BY_PID[int(str(changed.get("pid", row["pid"])))].category
            present = row["customfields"]["customfield"]  # type: ignore[index]
            changed["customfields"] = custom_fields(self.install, category, present, given)
        return changed

    def set_status(self, service_id: int, status: str) -> None:
        """Write a status; another one than before is an effect of its own: service_active, service_cancelled, …."""
        row = self._services.current(service_id)
        if row is not None and row["status"] != status:
            self.install.put("service", service_id, status=status)
            self.install.note(f"service_{status.lower()}", service_id, self._marker(service_id), before=row["status"])

    def _marker(self, service_id: int) -> str | None:
        change = self.install.change("service", service_id)
        return str(change.fields["_marker"]) if change and change.fields.get("_marker") else None

    def add_cancel_request(self, params: Params) -> Row:
        service_id = whole(params, "serviceid")
        row = self._services.current(service_id)
        if row is None:
            raise ApiError("Service ID Not Found")
        if self._is_requested(service_id):
            raise ApiError("Existing Cancellation Request Exists")
        request_id = self.install.new_id("cancellation", 1 + len(self.install.world.service_index))
        now = self.install.stamp()
        kind = "Immediate" if text(params, "type") == "Immediate" else "End of Billing Period"
        reason = self.install.saved(text(params, "reason"))
        stamps = {"date": now, "created_at": now, "updated_at": now}
        self.install.put("cancellation", request_id, relid=service_id, reason=reason, type=kind, **stamps)
        self.install.note("cancel_request", request_id, text(params, "reason"), serviceid=service_id, type=kind)
        return {"result": "success", "serviceid": str(service_id), "userid": str(row["clientid"])}

    def _is_requested(self, service_id: int) -> bool:
        number, world = service_id - FIRST_SERVICE_ID, self.install.world
        known = 0 <= number < len(world.service_index)
        if known and world.service(number).plan.status == "Cancelled":
            return True  # see GetCancelledPackages
        made = self.install.state.overlay.changed("whmcs", "cancellation").values()
        return any(change.fields.get("relid") == service_id and not change.deleted for change in made)
