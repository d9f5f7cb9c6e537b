"""GetTickets, GetTicket, GetSupportDepartments, OpenTicket."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from sandbox.state import Change
from sandbox.whmcs.clients import Clients
from sandbox.whmcs.install import ApiError, Install, rendered
from sandbox.whmcs.listing import Base, Chosen, Few, Page, Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import as_texts, moment
from sandbox.whmcs.services import Services
from sandbox.world.index import OwnerIndex
from sandbox.world.mixing import mixed
from sandbox.world.profiles import month_start

DEPARTMENTS = {1: "Support", 2: "Billing"}
OPEN_STATUSES = ("Open", "Answered", "Customer-Reply", "On Hold", "In Progress")
_GROUPS = {"All Active Tickets": OPEN_STATUSES, "Awaiting Reply": ("Open", "Customer-Reply"), "My Flagged Tickets": ()}
_STATUSES = ("Open", "Answered", "Closed")  # of the world's tickets, by turns
_TEXTS = frozenset({"id", "deptid", "userid", "flag"})  # as in the vendor's sample


class Tickets:
    """The support tickets of one install: the world's, then those that were opened here."""

    def __init__(self, install: Install, *, clients: Clients, services: Services) -> None:
        self.install = install
        self.world = install.world
        self._clients, self._services = clients, services
        self._index = OwnerIndex(
            self.world.customers, [int(p.has_whmcs and p.slot % 10 == 3) for p in self.world.profiles]
        )

    # -- reading -----------------------------------------------------------------------------------------------------

    def get_tickets(self, params: Params) -> Page:
        fits = _filter(params)
        base: Base = Chosen(self._index, [(0,) if count else () for count in self._index.counts])
        if text(params, "clientid"):
            client = self.world.client_number(whole(params, "clientid"))
            base = Few([] if client is None else list(self._index.of(client)))
        if fits is not None:
            base = Few([number for number in base.numbers(0, base.total) if fits(self._ticket(number))])
        return self.install.page(
            base,
            params,
            kind="ticket",
            names=("tickets", "ticket"),
            first_id=1,
            render=rendered(self._ticket, _TEXTS),
            row_of=self._changed,
            fits=fits,
            texts=_TEXTS,
            counts_as_text="total",
        )

    def get_ticket(self, params: Params) -> Row:
        """One ticket by either of its numbers. What WHMCS says of an unknown one, its page does not tell."""
        ticket_id = self._asked(params)
        row = self._current(ticket_id) if ticket_id else None
        if row is None:
            raise ApiError("Ticket ID Not Found")
        change = self.install.change("ticket", ticket_id)
        message = str(change.fields.get("_message", "")) if change else "Hello,\r\n\r\nplease send a receipt."
        shared = ("userid", "name", "email", "requestor_name", "requestor_email", "requestor_type", "date")
        reply: Row = {"replyid": "0", **{name: row[name] for name in shared}, "contactid": "0", "message": message}
        reply |= {"attachment": "", "attachments": [[]], "attachments_removed": False, "admin": row["admin"]}
        names = ("tid", "c", "deptid", "userid", "name", "email", "cc", "date", "subject", "status", "priority",
                 "admin", "lastreply", "flag", "service")  # fmt: skip
        head = {name: row[name] for name in names}
        head |= {"deptname": DEPARTMENTS[int(str(row["deptid"]))], "contactid": "0"}
        answer: Row = {"result": "success", "ticketid": str(ticket_id), **as_texts(head, _TEXTS)}
        return {**answer, "replies": {"reply": [as_texts(reply, _TEXTS)]}, "notes": ""}

    def _asked(self, params: Params) -> int:
        """The ticket's id, 0 for none. `ticketnum` is the number that the customer knows."""
        number = text(params, "ticketnum")
        if not number:
            return whole(params, "ticketid")
        for key, change in self.install.state.overlay.changed("whmcs", "ticket").items():
            if change.fields.get("tid") == number:
                return int(key)
        at = int(number) - 100_000 if number.isdecimal() else -1
        return at + 1 if 0 <= at < self._index.total else 0

    def get_support_departments(self, _: Params) -> Row:
        rows = self.get_tickets({"limitnum": "1000000"}).decoded()
        counts = Counter((int(str(row["deptid"])), str(row["status"])) for row in rows)

        def count(department: int, statuses: tuple[str, ...]) -> str:
            return str(sum(counts[department, status] for status in statuses))

        departments = [
            {
                "id": str(number),
                "name": name,
                "awaitingreply": count(number, _GROUPS["Awaiting Reply"]),
                "opentickets": count(number, OPEN_STATUSES),
            }
            for number, name in DEPARTMENTS.items()
        ]
        return {"result": "success", "totalresults": len(departments), "departments": {"department": departments}}

    def counts(self) -> Counter[str]:
        """How many tickets have which status."""
        return Counter(str(row["status"]) for row in self.get_tickets({"limitnum": "1000000"}).decoded())

    def _current(self, ticket_id: int) -> Row | None:
        change, number = self.install.change("ticket", ticket_id), ticket_id - 1
        if change is not None:
            return None if change.deleted else self._changed(ticket_id, change)
        return self._ticket(number) if 0 <= number < self._index.total else None

    def _changed(self, ticket_id: int, change: Change) -> Row:
        number = ticket_id - 1
        row = self._ticket(number) if 0 <= number < self._index.total else {"id": ticket_id}
        return row | {name: value for name, value in change.fields.items() if not name.startswith("_")}

    def _ticket(self, number: int) -> Row:
        customer = self.world.customer(self._index.owner(number).customer)
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
            "status": _STATUSES[number % 3],
            "priority": ("Low", "Medium", "High")[number % 3],
            "admin": "",
            "attachment": "",
            "attachments": [],
            "attachments_removed": False,
            "lastreply": opened,
            "flag": 0,
            "service": "",
        }

    # -- OpenTicket --------------------------------------------------------------------------------------------------

    def open_ticket(self, params: Params) -> Row:
        client = self._checked(params)
        saved, ticket_id = self.install.saved, self.install.new_id("ticket", 1 + self._index.total)
        bits = mixed(self.world.seed, 41, ticket_id)
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
        self.install.put("ticket", ticket_id, **row, _message=saved(text(params, "message")))
        self.install.note("ticket", ticket_id, text(params, "subject"), clientid=row["userid"])
        return {"result": "success", "id": str(ticket_id), "tid": row["tid"], "c": row["c"]}

    def _checked(self, params: Params) -> Row | None:
        """The client who asks, None for a guest."""
        client_id, user_id = whole(params, "clientid"), whole(params, "userid")
        client = self._clients.current(client_id) if client_id else None
        service_id, email = whole(params, "serviceid"), text(params, "email")
        created = self._created(text(params, "created"))
        problems = (
            (bool(client_id) and client is None, "Client ID Not Found"),
            # Every user owns the client of the same id.
            (bool(user_id) and self._clients.current(user_id) is None, "The system cannot find the provided user ID."),
            (bool(whole(params, "contactid")) and not self._has_contact(params), "Contact ID Not Found"),
            (
                not client_id and not (text(params, "name") and email),
                "Name and email address are required if not a client",
            ),
            (not client_id and "@" not in email.strip("@"), "Email Address Invalid"),
            (whole(params, "deptid") not in DEPARTMENTS, "Department ID not found"),
            (not text(params, "subject"), "Subject is required"),
            (not text(params, "message"), "Message is required"),
            (bool(service_id) and self._services.current(service_id) is None, "Service ID Not Found"),
            (bool(whole(params, "domainid")), "Domain ID Not Found"),  # nobody here has a domain
            (bool(text(params, "created")) and created is None, "Invalid Date Format"),
            (
                created is not None and created > self.install.now().replace(tzinfo=None),
                "Ticket creation date cannot be in the future",
            ),
        )  # fmt: skip
        for is_wrong, message in problems:
            if is_wrong:
                raise ApiError(message)
        return client

    def _has_contact(self, params: Params) -> bool:
        rows = self._clients.get_contacts({"userid": text(params, "clientid"), "limitnum": "100000"}).decoded()
        return any(row["id"] == whole(params, "contactid") for row in rows)

    def _created(self, given: str) -> datetime | None:
        """The moment in the install's own time; None where there is none."""
        try:
            moment_of = datetime.fromisoformat(given)
        except ValueError:
            return None
        return moment_of.astimezone(self.install.zone).replace(tzinfo=None) if moment_of.tzinfo else moment_of


def _filter(params: Params) -> Callable[[Mapping[str, object]], bool] | None:
    """What a ticket must be like, None where nothing is asked for."""
    wanted = {name: text(params, name) for name in ("clientid", "deptid", "email", "status", "subject")}
    if not any(wanted.values()):
        return None
    statuses = _GROUPS.get(wanted["status"], (wanted["status"],))

    def fits(row: Mapping[str, object]) -> bool:
        return (
            wanted["clientid"] in {"", str(row.get("userid"))}
            and wanted["deptid"] in {"", str(row.get("deptid"))}
            and wanted["email"].lower() in {"", str(row.get("email")).lower()}
            and (not wanted["status"] or row.get("status") in statuses)
            and wanted["subject"].lower() in str(row.get("subject")).lower()
        )

    return fits
