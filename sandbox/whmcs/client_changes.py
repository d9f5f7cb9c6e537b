"""UpdateClient."""

from sandbox.whmcs.clients import BIRTH_DATE, CUSTOMER_NUMBER, GENDER, NATIONALITY, Clients
from sandbox.whmcs.install import GATEWAYS, ApiError, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, listed, text, truthy, whole
from sandbox.whmcs.php import fields_from

_FIELD_NAMES = {
    CUSTOMER_NUMBER: "Customer Number",
    GENDER: "Gender",
    NATIONALITY: "Nationality",
    BIRTH_DATE: "Date of Birth",
}
_TEXTS = (
    "firstname", "lastname", "companyname", "email", "address1", "address2", "city", "state", "postcode", "country",
    "phonenumber", "tax_id", "language", "notes",
)  # fmt: skip
_NO_DOMAIN_EMAILS = (
    "You must have at least one email address enabled to receive domain related notifications as required by ICANN. "
    "To disable domain notifications, please create an alternative contact that is set to receive them"
)
_FLAGS = ("latefeeoveride", "overideduenotices", "taxexempt", "separateinvoices", "disableautocc", "overrideautoclose")


class ClientChanges:
    """The action that changes clients; unlike a service's, a client's field is cleared by an empty text."""

    def __init__(self, install: Install, clients: Clients) -> None:
        self.install = install
        self._clients = clients

    def update_client(self, params: Params) -> Row:
        client_id = whole(params, "clientid") or self._clients.of_email(text(params, "clientemail")) or 0
        row = self._clients.current(client_id)
        if row is None:
            raise ApiError("Client ID Not Found")
        self._check_email(params, client_id)
        self._check_preferences(params, client_id)
        changed = self.changed(params, row)
        if changed:
            self.install.put("client", client_id, **changed)
            self.install.note("client_update", client_id, None, fields=sorted(changed))
        return {"result": "success", "clientid": str(client_id)}

    def _check_email(self, params: Params, client_id: int) -> None:
        email = text(params, "email")
        if not email:
            return
        if "@" not in email.strip("@"):
            raise ApiError("The email address entered is not valid")
        if self._clients.of_email(email) not in {None, client_id}:
            raise ApiError("Duplicate Email Address")

    def _check_preferences(self, params: Params, client_id: int) -> None:
        """Somebody must hear of the client's domains: he himself, or a contact of his."""
        wanted = listed(params, "email_preferences").get("domain")
        if wanted is None or wanted not in {"", "0"}:
            return
        contacts = self._clients.get_contacts({"userid": str(client_id), "limitnum": "100000"}).decoded()
        if not any(contact.get("domainemails") for contact in contacts):
            raise ApiError(_NO_DOMAIN_EMAILS)

    def changed(self, params: Params, row: Row) -> Row:
        """The fields of a client that the request sets, with what WHMCS makes of them."""
        saved = self.install.saved
        changed: Row = {name: saved(text(params, name)) for name in _TEXTS if name in params}
        changed |= {name: truthy(params, name) for name in _FLAGS if name in params}
        if "groupid" in params:
            changed["groupid"] = whole(params, "groupid")
        if text(params, "status") in {"Active", "Inactive", "Closed"}:
            changed["status"] = text(params, "status")
        if text(params, "paymentmethod") in GATEWAYS:
            changed["defaultgateway"] = text(params, "paymentmethod")
        if "marketingoptin" in params:
            wants = truthy(params, "marketingoptin")
            changed |= {"marketing_emails_opt_in": wants, "isOptedInToMarketingEmails": wants}
        preferences = {
            name: str(int(value not in {"", "0"})) for name, value in listed(params, "email_preferences").items()
        }
        if preferences:
            changed["email_preferences"] = row["email_preferences"] | preferences  # type: ignore[operator]
        changed |= _custom(self.install, params, row)
        return changed | _derived(row | changed) if changed else {}


def _custom(install: Install, params: Params, row: Row) -> Row:
    """Custom fields, once as a list and once flattened."""
    given = fields_from(text(params, "customfields"))
    if not given:
        return {}
    present: list[Row] = row["customfields"]  # type: ignore[assignment]
    fields = []
    for field in present:
        number = int(str(field["id"]))
        value = given.get(str(number), given.get(_FIELD_NAMES.get(number, "")))
        fields.append(field if value is None else {**field, "value": install.saved(value)})
    return {"customfields": fields} | {f"customfields{at}": field["value"] for at, field in enumerate(fields, 1)}


def _derived(row: Row) -> Row:
    """What WHMCS makes of the fields that are written."""
    digits = "".join(char for char in str(row["phonenumber"]) if char.isdigit())
    phone = f"+81.{digits.removeprefix('0')}"
    return {
        "fullname": f"{row['firstname']} {row['lastname']}",
        "fullstate": row["state"],
        "statecode": row["state"],
        "countrycode": row["country"],
        "countryname": "Japan" if row["country"] == "JP" else row["country"],
        "phonenumberformatted": phone,
        "telephoneNumber": phone,
    }
