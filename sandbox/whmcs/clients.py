"""GetClients, GetClientsDetails, GetContacts, GetPayMethods."""

from collections.abc import Callable, Iterator
from uuid import UUID

from sandbox.state import Change
from sandbox.whmcs.install import CURRENCY, ApiError, Install, rendered
from sandbox.whmcs.listing import Base, Chosen, Descending, Few, Page, Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import localised, zero_time
from sandbox.world.index import PROFILES, OwnerIndex
from sandbox.world.mixing import mixed
from sandbox.world.profiles import month_start
from sandbox.world.world import FIRST_CLIENT_ID, FIRST_PAY_METHOD_ID

CUSTOMER_NUMBER, GENDER, NATIONALITY, BIRTH_DATE = 198, 199, 200, 201
FIRST_CONTACT_ID = 1
# What a client has from the start: his country, his currency, how he pays.
_NEVER_BLANK = frozenset({"country", "countrycode", "countryname", "phonecc", "currency_code", "defaultgateway",
                          "status", "credit"})  # fmt: skip
_CONTACT_FILTERS = ("firstname", "lastname", "email", "address1", "address2", "city", "state", "postcode", "country",
                    "phonenumber")  # fmt: skip
_COLUMNS = frozenset({"id", "firstname", "lastname", "companyname", "email", "groupid", "datecreated", "status"})


class Clients:
    """The client actions of one install."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.world = install.world
        self.stats: Callable[[int], Row] = lambda _: {}  # of a client; see figures.py, which reads the other lists
        slots = self.world.profiles
        self._everybody = OwnerIndex(self.world.customers, [1] * PROFILES)
        self._with_contact = OwnerIndex(self.world.customers, [int(p.has_whmcs and p.slot % 10 == 4) for p in slots])

    # -- GetClients --------------------------------------------------------------------------------------------------

    def get_clients(self, params: Params) -> Page:
        # What is searched for is escaped as what is stored is.
        status, search = text(params, "status"), self.install.saved(text(params, "search"))
        base: Base = Few(self._found(search)) if search else self._of_status(status)
        column = text(params, "orderby")
        if column in _COLUMNS - {"id"}:
            numbers = list(base.numbers(0, base.total))
            base = Few(sorted(numbers, key=lambda number: (str(self._row(number)[column]), number)))
        if text(params, "sorting").upper() == "DESC":
            base = Descending(base)
        return self.install.page(
            base,
            params,
            kind="client",
            names=("clients", "client"),
            first_id=FIRST_CLIENT_ID,
            render=rendered(self._row),
            row_of=self._changed_row,
            fits=lambda row: (not status or row["status"] == status) and (not search or _starts(row, search)),
        )

    def _of_status(self, status: str) -> Chosen:
        picks = [(0,) if p.has_whmcs and (not status or p.client_status == status) else () for p in self.world.profiles]
        return Chosen(self._everybody, picks)

    def _found(self, search: str) -> list[int]:
        """Clients some text of which starts with `search`: a scan, as it is for WHMCS."""
        clients = (number for number in range(self.world.customers) if self.world.profile(number).has_whmcs)
        return [number for number in clients if _starts(self._row(number), search)]

    def _row(self, number: int) -> Row:
        customer = self.world.customer(number)
        return {
            "id": customer.client_id,
            "firstname": self.install.saved(customer.first_name),
            "lastname": self.install.saved(customer.last_name),
            "companyname": self.install.saved(customer.company),
            "email": customer.email,
            "datecreated": customer.signup_date,
            "groupid": 0,
            "status": customer.client_status,
        }

    def _changed_row(self, client_id: int, change: Change) -> Row:
        number = self.world.client_number(client_id)
        blank: Row = dict.fromkeys(("firstname", "lastname", "companyname", "email"), "")
        today = self.install.now().date().isoformat()
        base = {"id": client_id, **blank, "datecreated": today, "groupid": 0, "status": "Active"}
        base = base if number is None else self._row(number)
        return {**base, **{name: value for name, value in change.fields.items() if name in base}}

    # -- GetClientsDetails -------------------------------------------------------------------------------------------

    def get_clients_details(self, params: Params) -> Row:
        client = self._details(self._asked(params))
        answer: Row = {"result": "success", **client, "client": client}
        if text(params, "stats") not in {"", "0", "false"}:
            answer["stats"] = self.stats(int(str(client["id"])))
        return answer

    def _asked(self, params: Params) -> int:
        """The client id asked for by id or e-mail address."""
        email = text(params, "email")
        if not text(params, "clientid") and not email:
            raise ApiError("Either clientid Or email Is Required")
        if text(params, "clientid"):
            return whole(params, "clientid")
        found = self.of_email(email)
        if found is None:
            raise ApiError("Client Not Found")
        return found

    def of_email(self, email: str) -> int | None:
        """The client with this address, None if there is none."""
        email = self.install.saved(email)
        for key, change in self.install.state.overlay.changed("whmcs", "client").items():
            if str(change.fields.get("email", "")).lower() == email.lower() and not change.deleted:
                return int(key)
        tail = email.partition("@")[0].rpartition(".")[2]
        number = int(tail) if tail.isdecimal() else -1
        client_id = FIRST_CLIENT_ID + number
        known = self.world.client_number(client_id) is not None and self.world.email(number).lower() == email.lower()
        current = self.current(client_id) if known else None
        return client_id if current and str(current["email"]).lower() == email.lower() else None

    def current(self, client_id: int) -> Row | None:
        """The client's details as they are now, None if there is no such client."""
        number = self.world.client_number(client_id)
        change = self.install.change("client", client_id)
        if (number is None and change is None) or (change is not None and change.deleted):
            return None
        row = self._client(number) if number is not None else self.blank(client_id)
        return row if change is None else {**row, **{k: v for k, v in change.fields.items() if k in row}}

    def _details(self, client_id: int) -> Row:
        row = self.current(client_id)
        if row is None:
            raise ApiError("Client Not Found")
        return row

    @property
    def first_free_id(self) -> int:
        return FIRST_CLIENT_ID + self.world.customers

    def blank(self, client_id: int) -> Row:
        """The details of a client of whom nothing is known yet."""
        row = self._client(next(iter(self._of_status("").numbers(0, 1))))
        texts = {name: "" for name, value in row.items() if isinstance(value, str) and name not in _NEVER_BLANK}
        fields = [{**field, "value": ""} for field in row["customfields"]]  # type: ignore[attr-defined]
        ids = dict.fromkeys(("id", "client_id", "userid", "owner_user_id"), client_id)
        return {**row, **texts, **ids, "customfields": fields, "users": {"user": []}}

    def _client(self, number: int) -> Row:
        customer = self.world.customer(number)
        saved, address, client_id = self.install.saved, customer.address, customer.client_id
        bits = mixed(self.world.seed, 20, number)
        custom = {
            CUSTOMER_NUMBER: customer.field_198,
            GENDER: ("Male", "Female", "")[bits % 3],
            NATIONALITY: ("Japan", "Vietnam", "India", "")[bits >> 4 & 3],
            BIRTH_DATE: f"{1955 + bits % 50}-{bits // 50 % 12 + 1:02d}-{bits // 600 % 28 + 1:02d}",
        }
        digits = customer.phone.replace("-", "")
        full_name = saved(f"{customer.first_name} {customer.last_name}")
        email = customer.email
        return {
            "client_id": client_id,
            "owner_user_id": client_id,
            "userid": client_id,
            "id": client_id,
            "uuid": str(UUID(int=bits << 64 | client_id)),
            "firstname": saved(customer.first_name),
            "lastname": saved(customer.last_name),
            "fullname": full_name,
            "companyname": saved(customer.company),
            "email": email,
            "address1": saved(address.address1),
            "address2": saved(address.address2),
            "city": saved(address.city),
            "fullstate": saved(address.state),
            "state": saved(address.state),
            "statecode": saved(address.state),
            "postcode": address.postcode,
            "countrycode": address.country,
            "country": address.country,
            "countryname": "Japan",
            "phonenumber": customer.phone,
            "phonecc": "81",
            "phonenumberformatted": f"+81.{digits[1:]}",
            "telephoneNumber": f"+81.{digits[1:]}",
            "tax_id": "",
            "email_preferences": dict.fromkeys(
                ("general", "invoice", "support", "product", "domain", "affiliate"), "1"
            ),
            "billingcid": 0,
            "notes": "",
            "currency": 1,
            "currency_code": CURRENCY,
            "defaultgateway": "stripe",
            "groupid": 0,
            "status": customer.client_status,
            "credit": "0.00",
            "taxexempt": False,
            "latefeeoveride": False,
            "overideduenotices": False,
            "separateinvoices": False,
            "disableautocc": False,
            "emailoptout": False,
            "marketing_emails_opt_in": bool(bits & 1),
            "isOptedInToMarketingEmails": bool(bits & 1),
            "overrideautoclose": False,
            "allowSingleSignOn": 1,
            "email_verified": bool(bits & 2),
            "language": ("japanese", "english", "")[bits >> 8 & 1] if bits >> 16 & 7 else "",
            "lastlogin": f"Date: 01/12/2025 10:00<br>IP Address: 192.0.2.{bits % 250}<br>Host: host.example",
            "customfields": [{"id": field, "value": saved(value)} for field, value in custom.items()],
            **{f"customfields{at}": saved(value) for at, value in enumerate(custom.values(), 1)},
            "users": {"user": [{"id": client_id, "name": full_name, "email": email, "is_owner": True}]},
        }

    # -- GetContacts -------------------------------------------------------------------------------------------------

    def get_contacts(self, params: Params) -> Page:
        index = self._with_contact
        base: Base = Chosen(index, [(0,) if count else () for count in index.counts])
        if text(params, "userid"):
            client = self.world.client_number(whole(params, "userid"))
            base = Few([] if client is None else list(index.of(client)))
        wanted = {name: text(params, name) for name in _CONTACT_FILTERS if text(params, name)}

        def fits(row: Row) -> bool:
            return all(str(row.get(name)) == value for name, value in wanted.items())

        if wanted:
            base = Few([number for number in base.numbers(0, base.total) if fits(self._contact(number))])
        return self.install.page(
            base,
            params,
            kind="contact",
            fits=fits if wanted else None,
            names=("contacts", "contact"),
            first_id=FIRST_CONTACT_ID,
            render=rendered(self._contact),
            row_of=self._changed_contact,
            empty=None,
        )

    def _changed_contact(self, contact_id: int, change: Change) -> Row:
        number = contact_id - FIRST_CONTACT_ID
        known = 0 <= number < self._with_contact.total
        return {"id": contact_id, **(self._contact(number) if known else {}), **change.fields}

    def _contact(self, number: int) -> Row:
        customer = self.world.customer(self._with_contact.owner(number).customer)
        saved, address = self.install.saved, customer.address
        # Old ones were made before WHMCS wrote down when (the vendor's sample).
        created = zero_time(number) if number % 2 else self.install.local(customer.created_at)
        mails = dict.fromkeys(("domain", "general", "invoice", "product", "support", "affiliate"), True)
        return {
            "id": FIRST_CONTACT_ID + number,
            "userid": customer.client_id,
            "firstname": "経理",
            "lastname": saved(customer.last_name),
            "email": f"billing.{customer.email}",
            "address1": saved(address.address1),
            "address2": saved(address.address2),
            "city": saved(address.city),
            "state": saved(address.state),
            "postcode": address.postcode,
            "country": address.country,
            "phonenumber": customer.phone,
            **{f"{name}emails": wanted for name, wanted in mails.items()},
            "created_at": created,
            "updated_at": created,
        }

    # -- GetPayMethods -----------------------------------------------------------------------------------------------

    def get_pay_methods(self, params: Params) -> Row:
        wanted, only = text(params, "type"), whole(params, "paymethodid")
        if not text(params, "clientid"):
            raise ApiError("Client ID Is Required")
        if wanted not in {"", "BankAccount", "CreditCard"}:
            raise ApiError("Invalid Pay Method Type. Should be 'BankAccount' or 'CreditCard'")
        client_id = whole(params, "clientid")
        number = self.world.client_number(client_id)
        created = self.install.change("client", client_id)
        if number is None and created is None:
            raise ApiError("Client Not Found")
        methods = self.pay_methods(client_id)
        fitting = [m for m in methods if str(m["type"]).endswith(wanted) and only in {0, m["id"]}]
        return {"result": "success", "clientid": str(client_id), "paymethods": fitting}

    def pay_methods(self, client_id: int) -> list[Row]:
        """The client's pay methods as they are now."""
        return list(self._pay_methods(client_id, self.world.client_number(client_id)))

    def _pay_methods(self, client_id: int, number: int | None) -> Iterator[Row]:
        """The client's pay methods with the overlay's changes, then those that only the overlay knows."""
        changes = self.install.state.overlay.changed("whmcs", "pay_method")
        rows = {} if number is None else {m.pay_method_id: self._pay_method(m.number) for m in
                                          self.world.pay_methods(number)}  # fmt: skip
        for pay_method_id, row in rows.items():
            change = changes.get(str(pay_method_id))
            if not (change and change.deleted):
                yield {**row, **(change.fields if change else {})}
        for key, change in changes.items():
            if int(key) not in rows and not change.deleted and str(change.fields.get("clientid")) == str(client_id):
                yield {"id": int(key), **change.fields}

    def _pay_method(self, number: int) -> Row:
        method = self.world.pay_method(number)
        plan = method.plan
        start = month_start(number % 20)
        updated = localised(start, self.install.quirk("date_format")) + " 10:30"
        row: Row = {
            "id": FIRST_PAY_METHOD_ID + number,
            "type": plan.type,
            "description": self.install.saved(plan.bank or plan.card_type),
            "gateway_name": plan.gateway,
            "contact_type": "Client",
            "contact_id": method.client_id,
        }
        if plan.bank:
            row |= {"bank_name": self.install.saved(plan.bank)}
        else:
            row |= {"card_last_four": method.last_four, "expiry_date": plan.expires, "start_date": "",
                    "issue_number": "", "card_type": plan.card_type}  # fmt: skip
        token = (
            f'{{"customer":"cus_{method.client_id}","method":"pm_{number}"}}' if plan.type.startswith("Remote") else ""
        )
        return {**row, "remote_token": token, "last_updated": updated}


def _starts(row: Row, search: str) -> bool:
    names = [str(row[name]) for name in ("email", "firstname", "lastname", "companyname")]
    full = f"{row['firstname']} {row['lastname']}"
    return any(name.lower().startswith(search.lower()) for name in (*names, full))
