"""AddClient and CloseClient."""

import re
from uuid import UUID

from sandbox.whmcs.client_changes import ClientChanges
from sandbox.whmcs.clients import Clients
from sandbox.whmcs.install import ApiError, Install
from sandbox.whmcs.invoices import Invoices
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, text, truthy, whole
from sandbox.whmcs.service_changes import ServiceChanges
from sandbox.whmcs.services import Services
from sandbox.whmcs.users import Users
from sandbox.world.mixing import mixed

# In the order in which the form asks for them. The two blanks before "address" are WHMCS's own.
_REQUIRED = {
    "firstname": "You did not enter your first name",
    "lastname": "You did not enter your last name",
    "email": "You did not enter your email address",
    "address1": "You did not enter your  address line 1",
    "city": "You did not enter your city",
    "state": "You did not enter your state",
    "postcode": "You did not enter your postcode",
    "country": "Valid country required",
    "phonenumber": "You did not enter your phone number",
}
_PHONE = re.compile(r"[\d\s().+-]+")
_CLOSED = {"Pending": "Cancelled", "Active": "Terminated", "Suspended": "Terminated"}


class NewClients:
    """The actions with which an account begins and ends."""

    def __init__(
        self,
        install: Install,
        *,
        clients: Clients,
        details: ClientChanges,
        services: Services,
        changes: ServiceChanges,
        invoices: Invoices,
        users: Users,
    ) -> None:
        self.install = install
        self._clients, self._details, self._services = clients, details, services
        self._changes, self._invoices, self._users = changes, invoices, users

    # -- AddClient ---------------------------------------------------------------------------------------------------

    def add_client(self, params: Params) -> Row:
        """A new client; its owner is a user of the same id, unless a known user is named."""
        owner = whole(params, "owner_user_id")
        self._check(params, owner)
        client_id = self.install.new_id("client", self._clients.first_free_id)
        if not owner:
            owner = client_id
            self._users.add(owner, text(params, "email"), text(params, "password2"))
        blank = self._clients.blank(client_id)
        name = f"{text(params, 'firstname')} {text(params, 'lastname')}"
        row: Row = {
            "uuid": str(UUID(int=mixed(self.install.world.seed, 42, client_id) << 64 | client_id)),
            "owner_user_id": owner,
            "users": {"user": [{"id": owner, "name": self.install.saved(name), "email": text(params, "email"),
                                "is_owner": True}]},
            "datecreated": self.install.now().date().isoformat(),
            "status": "Active",
            "customfields": blank["customfields"],
        }  # fmt: skip
        self.install.put("client", client_id, **row | self._details.changed(params, blank))
        self.install.note("client", client_id, text(params, "notes"), owner=owner)
        return {"result": "success", "clientid": str(client_id), "owner_user_id": owner}

    def _check(self, params: Params, owner: int) -> None:
        """Raises ApiError: what the form would refuse."""
        if owner and self._clients.current(owner) is None:  # every user owns the client of the same id
            raise ApiError("Invalid Owner User ID")
        email = text(params, "email")
        required = _REQUIRED if not truthy(params, "skipvalidation") else {"email": _REQUIRED["email"]}
        for name, refusal in required.items():
            if not text(params, name).strip():
                raise ApiError(refusal)
        phone, country = text(params, "phonenumber"), text(params, "country")
        problems = (
            ("@" not in email.strip("@"), "The email address you entered was not valid"),
            (bool(country) and not re.fullmatch("[A-Z]{2}", country), "Valid country required"),
            (bool(phone) and not _PHONE.fullmatch(phone), "Invalid telephone phone number"),
            (not owner and self._clients.of_email(email) is not None, "A user already exists with that email address"),
        )
        for is_wrong, refusal in problems:
            if is_wrong:
                raise ApiError(refusal)

    # -- CloseClient -------------------------------------------------------------------------------------------------

    def close_client(self, params: Params) -> Row:
        """The client is closed, his services end, his unpaid invoices are cancelled."""
        client_id = whole(params, "clientid")
        if self._clients.current(client_id) is None:
            raise ApiError("Client ID Not Found")
        self.install.put("client", client_id, status="Closed")
        self.install.note("client_closed", client_id)
        mine = {"clientid": str(client_id), "userid": str(client_id), "limitnum": "100000"}
        for row in self._services.get_clients_products(mine).decoded():
            if row["status"] in _CLOSED:
                self._changes.set_status(int(str(row["id"])), _CLOSED[str(row["status"])])
        for row in self._invoices.get_invoices(mine).decoded():
            if row["status"] == "Unpaid":
                invoice_id = int(str(row["id"]))
                self.install.put("invoice", invoice_id, status="Cancelled", date_cancelled=self.install.stamp())
                self.install.note("invoice_cancelled", invoice_id, clientid=client_id)
        return {"result": "success"}
