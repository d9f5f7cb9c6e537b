"""OpenTicket."""

from sandbox.whmcs.clients import Clients
from sandbox.whmcs.install import ApiError, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.services import Services
from sandbox.world.mixing import mixed

_DEPARTMENTS = (1, 2)


class Tickets:
    """The action that opens support tickets."""

    def __init__(self, install: Install, *, clients: Clients, services: Services, first_free_id: int) -> None:
        self.install = install
        self._clients, self._services, self._first_free_id = clients, services, first_free_id

    def open_ticket(self, params: Params) -> Row:
        client = self._checked(params)
        saved, ticket_id = self.install.saved, self.install.new_id("ticket", self._first_free_id)
        bits = mixed(self.install.world.seed, 41, ticket_id)
        name = str(client["fullname"]) if client else saved(text(params, "name"))
        email = str(client["email"]) if client else text(params, "email")
        now, kind = self.install.stamp(), "Owner" if client else "Guest"
        priority = text(params, "priority")
        row: Row = {
            "tid": f"{bits % 900_000 + 100_000}",
            "deptid": whole(params, "deptid"),
            "userid": client["id"] if client else 0,
            "name": name,
            "owner_name": name,
            "email": email,
            "requestor_name": name,
            "requestor_email": email,
            "requestor_type": kind,
            "cc": "",
            "c": f"{bits >> 20 & 0xFFFFFFFF:08x}",
            "date": now,
            "subject": saved(text(params, "subject")),
            "status": "Open",
            "priority": priority if priority in {"Low", "Medium", "High"} else "Medium",
            "admin": text(params, "admin"),
            "attachment": "",
            "attachments": [],
            "attachments_removed": False,
            "lastreply": now,
            "flag": 0,
            "service": f"S{whole(params, 'serviceid')}" if whole(params, "serviceid") else "",
        }
        self.install.put("ticket", ticket_id, **row)
        self.install.note("ticket", ticket_id, text(params, "subject"), clientid=row["userid"])
        return {"result": "success", "id": str(ticket_id), "tid": row["tid"], "c": row["c"]}

    def _checked(self, params: Params) -> Row | None:
        """The client who asks, None for a guest."""
        client_id = whole(params, "clientid")
        client = self._clients.current(client_id) if client_id else None
        service_id = whole(params, "serviceid")
        problems = (
            (bool(client_id) and client is None, "Client ID Not Found"),
            (
                not client_id and not (text(params, "name") and text(params, "email")),
                "Name and email address are required if not a client",
            ),
            (whole(params, "deptid") not in _DEPARTMENTS, "Department ID not found"),
            (not text(params, "subject"), "Subject is required"),
            (not text(params, "message"), "Message is required"),
            (bool(service_id) and self._services.current(service_id) is None, "Service ID Not Found"),
        )
        for is_wrong, message in problems:
            if is_wrong:
                raise ApiError(message)
        return client
