"""The endpoint …/includes/api.php: who may call, which action, and the answer in the format asked for.

Action, credentials and everything else may stand in the address, in the body or in both, whatever the method: the
vendor's page "Access Control" shows them in the address, its page "Getting Started" a POST.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import md5
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode
from xml.sax.saxutils import escape

from sandbox.asgi import App, Request, Response, asgi, form
from sandbox.config import Config
from sandbox.state import State
from sandbox.whmcs.addons import Addons
from sandbox.whmcs.bills import Bills
from sandbox.whmcs.client_changes import ClientChanges
from sandbox.whmcs.clients import Clients
from sandbox.whmcs.figures import Figures
from sandbox.whmcs.install import ApiError, Install
from sandbox.whmcs.invoice_changes import InvoiceChanges
from sandbox.whmcs.invoices import Invoices
from sandbox.whmcs.listing import Page
from sandbox.whmcs.new_clients import NewClients
from sandbox.whmcs.office import Office
from sandbox.whmcs.order_states import OrderStates
from sandbox.whmcs.ordering import Ordering
from sandbox.whmcs.orders import Orders
from sandbox.whmcs.params import Params, params_from, text, whole
from sandbox.whmcs.payments import Payments
from sandbox.whmcs.quirks import reshaped, reshapes
from sandbox.whmcs.rendering import as_json
from sandbox.whmcs.service_changes import ServiceChanges
from sandbox.whmcs.services import Services
from sandbox.whmcs.sso import PAGE, SingleSignOn
from sandbox.whmcs.tickets import Tickets
from sandbox.whmcs.users import Users
from sandbox.whmcs.webhooks import Webhooks
from sandbox.world import World

_API = "/includes/api.php"
_CHUNK = 1 << 16
_UNENCODABLE = "Error generating JSON encoded response: Malformed UTF-8 characters, possibly incorrectly encoded"
_SHOWN = ("orderid", "invoiceid", "clientid", "client_id", "userid", "serviceid", "status", "orderby", "order",
          "limitstart", "limitnum")  # fmt: skip

Answer = dict[str, object] | Page | Iterator[str]


class RefusedError(Exception):
    """The call is refused before any action: HTTP `status` and this message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def create_app(world: World, state: State, config: Config | None = None) -> App:
    """WHMCS as an ASGI app."""
    config = config or Config()
    Webhooks(world, state, config)
    return asgi(Endpoint(Install(world, state, config)).answer)


def label(request: Request) -> str:
    """Action and the parameters that say which rows, for the log of calls and the matching of faults."""
    params = _params(request)
    return " ".join([text(params, "action"), *(f"{n}={text(params, n)}" for n in _SHOWN if n in params)])


def page_before(request: Request, _: State) -> Request:
    """The request for the page before the one that this asks for; as it is where that is the first."""
    fields = dict(_fields(request))
    start = whole(fields, "limitstart")
    if start <= 0:
        return request
    earlier = {**fields, "limitstart": str(max(start - whole(fields, "limitnum", 25), 0))}
    return request._replace(body=urlencode(earlier).encode())


def _fields(request: Request) -> list[tuple[str, str]]:
    """Parameters of the address, then those of the body, which win."""
    return [*parse_qsl(request.query, keep_blank_values=True), *form(request)]


def _params(request: Request) -> dict[str, object]:
    return params_from(_fields(request))


class Endpoint:
    """api.php of one install."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.sso = SingleSignOn(install, Clients(install))
        self.actions = actions(install)

    def answer(self, request: Request) -> Response:
        if request.path.endswith(PAGE):
            return self.sso.open(request, "".join(parse_qs(request.query).get("access_token", [])))
        if not request.path.endswith(_API):
            return Response(b"<html><body><h1>Not Found</h1></body></html>", 404, "text/html")
        params = _params(request)
        try:
            self._admit(request, params)
            answer = self._action(request, params)(params)
            broken = self._broken(answer, params) if isinstance(answer, Page) else None
            return broken or self._written(answer, params, 200)
        except RefusedError as refusal:
            return self._refused(refusal, params)
        except ApiError as error:
            return self._written({"result": "error", "message": str(error)}, params, 200)

    def _admit(self, request: Request, params: Params) -> None:
        """Allow-list, credentials, role, in WHMCS's order.

        Raises:
            RefusedError: not this caller, or not this action.
        """
        config, allowed = self.install.config, self.install.quirk("allowed_ips").split()
        if allowed and request.client not in allowed and text(params, "accesskey") != config.whmcs_access_key:
            raise RefusedError(403, f"Invalid IP {request.client}")
        self._check_credentials(params)
        name = text(params, "action").lower()
        if name and name in self.install.quirk("forbidden").lower().split():
            raise RefusedError(403, f'Invalid Permissions: API action "{name}" is not allowed')

    def _check_credentials(self, params: Params) -> None:
        """API credentials, in their own fields or in those of a log-in; or an administrator's name and hashed password.

        The two refusals: whmcs-mcp-server and php-whmcs-api match the first, node-whmcs#17 shows the second.
        """
        config = self.install.config
        known = {
            (config.whmcs_identifier, config.whmcs_secret),
            (config.whmcs_admin, md5(config.whmcs_admin_password.encode(), usedforsecurity=False).hexdigest()),
        }
        login = text(params, "username"), text(params, "password")
        credentials = text(params, "identifier") or login[0], text(params, "secret") or login[1]
        if credentials not in known:
            has_login = any(login) and not text(params, "identifier")
            raise RefusedError(403, "Authentication Failed" if has_login else "Invalid or missing credentials")

    def _action(self, request: Request, params: Params) -> Callable[[Params], Answer]:
        name = text(params, "action").lower()
        if not name:
            raise RefusedError(400, "Empty action request")
        if name == "createssotoken":
            base_url = f"http://{request.headers.get('host', '127.0.0.1')}"
            return partial(self.sso.create_sso_token, base_url=base_url + request.path.removesuffix(_API))
        action = self.actions.get(name)
        if action is None:
            raise ApiError("Command Not Found")
        return action

    def _broken(self, page: Page, params: Params) -> Response | None:
        """What comes instead of a page that holds a record of the quirks `unencodable` or `fatal`, or is too large."""
        if _holds(page, self.install.quirk("fatal")):
            return Response(b"<html><body>Oops! Something went wrong.</body></html>", 500, "text/html")
        is_json = text(params, "responsetype").lower() == "json"
        if is_json and _holds(page, self.install.quirk("unencodable")):
            raise ApiError(_UNENCODABLE)
        most = int(self.install.quirk("memory_rows"))
        if most and len(page.rows) > most:
            body = page.body()
            return Response(body[: len(body) // 2], 200)
        return None

    def _refused(self, refusal: RefusedError, params: Params) -> Response:
        if self.install.quirk("auth_errors") == "nvp":
            return Response(f"result=error;message={refusal}".encode(), refusal.status, "text/plain")
        return self._written({"result": "error", "message": str(refusal)}, params, refusal.status)

    def _written(self, answer: Answer, params: Params, status: int) -> Response:
        """The answer as JSON if that was asked for, else as XML, or name-value pairs."""
        kind = text(params, "responsetype").lower() or self.install.quirk("default_format")
        plain = reshapes(self.install.state.quirks) or kind != "json"
        if not plain and isinstance(answer, Iterator):
            return Response(_chunks(answer), status)
        if not plain:
            return Response(answer.body() if isinstance(answer, Page) else as_json(answer).encode(), status)
        content = reshaped(_decoded(answer), self.install.state.quirks)
        if kind == "json":
            return Response(as_json(content).encode(), status)
        if kind == "nvp":
            pairs = ";".join(f"{name}={value}" for name, value in content.items())
            return Response(pairs.encode(), status, "text/plain")
        document = f'<?xml version="1.0" encoding="utf-8"?>\n<whmcsapi>{_xml(content)}</whmcsapi>'
        return Response(document.encode(), status, "application/xml")


def actions(install: Install) -> dict[str, Callable[[Params], Answer]]:
    """Every action, by its name in lower case; CreateSsoToken, which needs to know its own address, is apart."""
    invoices, clients, services, office = Invoices(install), Clients(install), Services(install), Office(install)
    addons = Addons(install)
    orders = Orders(install, services, addons, invoices)
    named: dict[str, Callable[[Params], Any]] = {
        "GetClients": clients.get_clients,
        "GetClientsDetails": clients.get_clients_details,
        "GetContacts": clients.get_contacts,
        "GetPayMethods": clients.get_pay_methods,
        "GetClientsProducts": services.get_clients_products,
        "GetClientsDomains": services.get_clients_domains,
        "GetClientsAddons": addons.get_clients_addons,
        "GetOrders": orders.get_orders,
        "GetOrderStatuses": orders.get_order_statuses,
        "GetCancelledPackages": services.get_cancelled_packages,
        "GetInvoices": invoices.get_invoices,
        "GetInvoice": invoices.get_invoice,
        "GetTransactions": invoices.get_transactions,
        "GetProducts": office.get_products,
        "GetPaymentMethods": office.get_payment_methods,
        "GetCurrencies": office.get_currencies,
        "WhmcsDetails": office.whmcs_details,
        "GetActivityLog": office.get_activity_log,
        "GetAutomationLog": office.get_automation_log,
    }
    bills, changes = Bills(install, invoices), ServiceChanges(install, services)
    ordering = Ordering(
        install, clients=clients, orders=orders, services=services, addons=addons, bills=bills, changes=changes
    )
    billing = InvoiceChanges(install, clients=clients, invoices=invoices, bills=bills)
    payments = Payments(install, clients=clients, invoices=invoices, services=services)
    details, states = ClientChanges(install, clients), OrderStates(install, orders=orders, changes=changes)
    users = Users(install)
    accounts = NewClients(
        install, clients=clients, details=details, services=services, changes=changes, invoices=invoices, users=users
    )
    tickets = Tickets(install, clients=clients, services=services)
    figures = Figures(install, invoices=invoices, services=services, orders=orders, tickets=tickets)
    clients.stats = figures.of_client
    named |= {
        "AddOrder": ordering.add_order,
        "AcceptOrder": ordering.accept_order,
        "CancelOrder": ordering.cancel_order,
        "UpdateClientProduct": changes.update_client_product,
        "AddCancelRequest": changes.add_cancel_request,
        "CreateInvoice": billing.create_invoice,
        "UpdateInvoice": billing.update_invoice,
        "CapturePayment": payments.capture_payment,
        "AddInvoicePayment": payments.add_invoice_payment,
        "AddTransaction": payments.add_transaction,
        "PendingOrder": states.pending_order,
        "FraudOrder": states.fraud_order,
        "DeleteOrder": states.delete_order,
        "AddClient": accounts.add_client,
        "CloseClient": accounts.close_client,
        "UpdateClient": details.update_client,
        "ValidateLogin": users.validate_login,
        "OpenTicket": tickets.open_ticket,
        "GetTicket": tickets.get_ticket,
        "GetTickets": tickets.get_tickets,
        "GetSupportDepartments": tickets.get_support_departments,
        "GetStats": figures.get_stats,
    }
    return {name.lower(): action for name, action in named.items()}


def _holds(page: Page, records: str) -> bool:
    """Whether one of `product:30001 invoice:20000017` is on the page."""
    ids = {record.partition(":")[2] for record in records.split() if record.partition(":")[0] == page.singular}
    return bool(ids) and any(str(json.loads(row)["id"]) in ids for row in page.rows)


def _decoded(answer: Answer) -> dict[str, object]:
    if isinstance(answer, dict):
        return answer
    written = answer.body() if isinstance(answer, Page) else "".join(answer)
    decoded: dict[str, object] = json.loads(written)
    return decoded


def _chunks(texts: Iterator[str]) -> Iterator[bytes]:
    """The texts in chunks of a size worth sending."""
    waiting: list[str] = []
    size = 0
    for piece in texts:
        waiting.append(piece)
        size += len(piece)
        if size > _CHUNK:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()


def _xml(node: Mapping[str, object]) -> str:
    return "".join(_element(name, value) for name, value in node.items())


def _element(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_element(name, inner) for inner in value)
    text_of = _xml(value) if isinstance(value, Mapping) else escape("" if value is None else str(value))
    return f"<{name}>{text_of}</{name}>"
