"""CreateSsoToken and the page its tokens open, once and within a minute."""

from datetime import datetime, timedelta
from hashlib import sha1
from html import escape

from sandbox.asgi import Request, Response
from sandbox.whmcs.clients import Clients
from sandbox.whmcs.install import ApiError, Install
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, text, whole

PAGE = "/oauth/singlesignon.php"
_LIFETIME = timedelta(seconds=60)
_DESTINATIONS = {
    "clientarea:profile": "clientarea.php?action=details",
    "clientarea:billing_info": "clientarea.php?action=creditcard",
    "clientarea:emails": "clientarea.php?action=emails",
    "clientarea:announcements": "announcements.php",
    "clientarea:downloads": "downloads.php",
    "clientarea:knowledgebase": "knowledgebase.php",
    "clientarea:network_status": "serverstatus.php",
    "clientarea:services": "clientarea.php?action=services",
    "clientarea:product_details": "clientarea.php?action=productdetails",
    "clientarea:invoices": "clientarea.php?action=invoices",
    "clientarea:tickets": "supporttickets.php",
    "clientarea:submit_ticket": "submitticket.php",
    "clientarea:shopping_cart": "cart.php",
    "sso:custom_redirect": "",
}


class SingleSignOn:
    """The tokens handed out since the last reset."""

    def __init__(self, install: Install, clients: Clients) -> None:
        self.install = install
        self._clients = clients
        self._tokens: dict[str, tuple[datetime, str]] = {}  # token: (end of its life, where it leads)
        self._issued = 0
        self._resets = install.state.resets

    def create_sso_token(self, params: Params, base_url: str) -> Row:
        self._check(params)
        destination = text(params, "destination") or "clientarea:profile"
        if destination not in _DESTINATIONS:
            raise ApiError("Invalid destination")
        where = _DESTINATIONS[destination] or text(params, "sso_redirect_path").lstrip("/")
        service = text(params, "service_id")
        where += f"&id={service}" if service and destination == "clientarea:product_details" else ""
        token = self._issue(where or "clientarea.php")
        return {"result": "success", "access_token": token, "redirect_url": f"{base_url}{PAGE}?access_token={token}"}

    def _check(self, params: Params) -> None:
        client_id, user_id = whole(params, "client_id"), whole(params, "user_id")
        if not client_id and not user_id:
            raise ApiError("A valid client_id or user_id is required")
        client = self._clients.current(client_id or user_id)  # every client is owned by the user of the same id
        if client is None:
            raise ApiError("Invalid client_id" if client_id else "Invalid user_id")
        if client_id and user_id and user_id != client["owner_user_id"]:
            raise ApiError("Invalid user_id for client")
        if not int(str(client["allowSingleSignOn"])):
            raise ApiError(f"SSO authentication blocked for client {client['id']}")

    def _issue(self, where: str) -> str:
        self._forget()
        self._issued += 1
        token = sha1(f"{self._resets}/{self._issued}".encode(), usedforsecurity=False).hexdigest()
        self._tokens[token] = (self.install.state.clock.now() + _LIFETIME, where)
        return token

    def open(self, request: Request, token: str) -> Response:
        """The browser's visit: led on to the destination, or told that the token is spent."""
        self._forget()
        ends, where = self._tokens.pop(token, (None, ""))
        if ends is None or self.install.state.clock.now() >= ends:
            return Response(b"<html><body><h1>Invalid or expired token</h1></body></html>", 403, "text/html")
        address = request.path.removesuffix(PAGE) + "/" + where
        body = f'<html><body><a href="{escape(address)}">Continue</a></body></html>'.encode()
        return Response(body, 302, "text/html", (("Location", address),))

    def _forget(self) -> None:
        if self._resets != self.install.state.resets:
            self._resets = self.install.state.resets
            self._tokens.clear()
