"""GetClientsAddons."""

from collections.abc import Iterator, Sequence

from sandbox.whmcs.install import GATEWAYS, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import as_texts, day, money
from sandbox.whmcs.services import next_due
from sandbox.world.world import FIRST_SERVICE_ID

FIRST_ADDON_ID = 9001
_TEXTS = frozenset({"id", "qty", "userid", "orderid", "serviceid", "addonid"})  # as in the vendor's sample


class Addons:
    """The add-ons of one install's services."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.world = install.world

    @property
    def first_free_id(self) -> int:
        return FIRST_ADDON_ID + len(self.world.service_index)

    def get_clients_addons(self, params: Params) -> Row:
        services = [int(part) for part in text(params, "serviceid").split(",") if part.strip().isdigit()]
        asked = {"serviceid": text(params, "serviceid"), "clientid": text(params, "clientid")}
        known = (self.current(FIRST_ADDON_ID + number) for number in self._asked_addons(services, params))
        addon_id = whole(params, "addonid")
        found = [*known, *self._created(services, whole(params, "clientid"))]
        rows = [row for row in found if row is not None and addon_id in {0, row["addonid"]}]
        answer: Row = {"result": "success", **asked, "totalresults": str(len(rows))}
        return {**answer, "addons": {"addon": [as_texts(row, _TEXTS) for row in rows]}} if rows else answer

    def _asked_addons(self, service_ids: Sequence[int], params: Params) -> Sequence[int]:
        """Numbers of the services whose add-ons are asked for. There is no paging: no filter means all."""
        count = len(self.world.service_index)
        if service_ids:
            return [i - FIRST_SERVICE_ID for i in service_ids if 0 <= i - FIRST_SERVICE_ID < count]
        if text(params, "clientid"):
            client = self.world.client_number(whole(params, "clientid"))
            return [] if client is None else self.world.service_index.of(client)
        return range(count)

    def _created(self, service_ids: Sequence[int], client_id: int) -> Iterator[Row]:
        """Add-ons that only the overlay knows, of these services, else of this client, else all."""
        for key, change in self.install.state.overlay.changed("whmcs", "addon").items():
            row = change.fields
            mine = row.get("serviceid") in service_ids if service_ids else client_id in {0, row.get("userid")}
            if int(key) >= self.first_free_id and mine and not change.deleted:
                yield {name: value for name, value in row.items() if not name.startswith("_")}

    def current(self, addon_id: int) -> Row | None:
        """The add-on as it is now, None if there is none."""
        change, number = self.install.change("addon", addon_id), addon_id - FIRST_ADDON_ID
        if change is not None and change.deleted:
            return None
        row = self._addon(number) if 0 <= number < len(self.world.service_index) else None
        if row is None and change is not None:
            return dict(change.fields)
        return row and self.install.with_changes("addon", addon_id, row)

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
            "nextduedate": next_due(plan),
            "nextinvoicedate": next_due(plan),
            "paymentmethod": "stripe",
            "paymentmethodname": GATEWAYS["stripe"],
            "notes": "",
        }
