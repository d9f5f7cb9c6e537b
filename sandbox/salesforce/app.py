"""The emulator as an ASGI app: log-in, versions, and the REST API behind a session."""

import re
from email.utils import format_datetime
from urllib.parse import parse_qsl

import msgspec

from sandbox.asgi import App, Request, Response, asgi, json_bytes, json_response
from sandbox.salesforce import versions
from sandbox.salesforce.bulk_one import PREFIX as BULK_ONE
from sandbox.salesforce.bulk_one import BulkOne
from sandbox.salesforce.calls import Answer, RestCall
from sandbox.salesforce.credentials import Credentials
from sandbox.salesforce.cursors import batch_size
from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.limits import Usage
from sandbox.salesforce.oauth import TokenEndpoint
from sandbox.salesforce.org import ORGANIZATION_ID, Org
from sandbox.salesforce.rest import Rest
from sandbox.salesforce.rows import USER_ID
from sandbox.salesforce.sessions import Sessions
from sandbox.salesforce.soap import SoapLogin
from sandbox.state import State
from sandbox.world import World

_LONGEST_HEAD = 16_384  # bytes of the URI and the headers together
_REST = re.compile(r"/services/data/v(\d{1,3}\.\d)(?:/(.*))?", re.DOTALL)
_LOCATOR = re.compile(r"(/services/data/v\d\d\.\d/query(?:All)?/\w+)-(\d+)", re.IGNORECASE)
_SOAP = re.compile(r"/services/Soap/u/(\d{1,3}\.\d)(?:/.*)?", re.IGNORECASE)
_USER = f"/id/{ORGANIZATION_ID}/{USER_ID}"


def create_app(
    world: World,
    state: State,
    credentials: Credentials | None = None,
    *,
    sends_date: bool = False,
    sessions: Sessions | None = None,
) -> App:
    """The emulator as an ASGI app.

    `sends_date`: name the sandbox's time in `Date`; the server must then not add a Date of its own. `sessions` are
    those it hands out, for another server that asks for them.
    """
    emulator = Emulator(
        world, state, credentials or Credentials(), sends_date=sends_date, sessions=sessions or Sessions(state)
    )
    return asgi(emulator.answer)


class Emulator:
    """Routes requests to the log-ins and the REST API."""

    def __init__(
        self, world: World, state: State, credentials: Credentials, *, sends_date: bool, sessions: Sessions
    ) -> None:
        self._state, self._credentials, self._sends_date = state, credentials, sends_date
        self._sessions, self._usage = sessions, Usage(state)
        org = Org(world, state)
        self._rest, self._bulk_one = Rest(org, self._usage), BulkOne(org, self._sessions)
        self._token = TokenEndpoint(credentials, self._sessions, state.clock)
        self._soap = SoapLogin(credentials, self._sessions)
        self._resets = state.resets
        state.posts["move"] = self._move

    def _move(self, content: dict[str, str], _: World, __: State) -> Response:
        """The org moves. `answer`: what its old instance says from now on, one of sessions.MOVED."""
        self._sessions.leave(content.get("answer", "url_not_reset"))
        return json_response({"moved": True})

    def answer(self, request: Request) -> Response:
        """Never raises for what a caller may send."""
        self._forget_after_reset()
        response = self._routed(request)
        date = (("Date", format_datetime(self._state.clock.now().replace(microsecond=0), usegmt=True)),)
        return response._replace(headers=response.headers + date) if self._sends_date else response

    def _routed(self, request: Request) -> Response:
        base_url = f"{request.scheme}://{request.headers.get('host', '127.0.0.1')}"
        path = request.path.rstrip("/")
        if path == "/services/oauth2/token" and request.method == "POST":
            return self._token.answer(request, base_url)
        soap = _SOAP.fullmatch(path)
        if soap and request.method == "POST":
            return self._soap.answer(request, base_url, soap.group(1))
        if path == "/services/data":
            return _json(Answer(versions.every()))
        if path == "/services/oauth2/revoke":
            return self._token.revoke(request)
        if path.startswith(BULK_ONE):
            return self._bulk_one.answer(request)
        return self._guarded(request, path, base_url)

    def _guarded(self, request: Request, path: str, base_url: str) -> Response:
        """What only a session may see, and every such answer says how much of the allowance is used."""
        try:
            self._sessions.use(request.headers.get("authorization", ""))
            self._usage.count()
            answer = self._user(path, base_url) or self._rest.answer(_call(request, path))
        except SalesforceError as error:
            answer = Answer(_error_body(error), error.status)
        response = _json(answer)
        if answer.status == 401:
            return response
        if answer.status == 302:
            return Response(b"", 302, "text/html", (("Location", f"https://moved.my.salesforce.com{path}"),))
        return response._replace(headers=(*response.headers, ("Sforce-Limit-Info", self._usage.header())))

    def _user(self, path: str, base_url: str) -> Answer | None:
        """Who is logged in: the OpenID form, or the form of the identity URL that a token answer names."""
        username = self._credentials.username
        common = {"user_id": USER_ID, "organization_id": ORGANIZATION_ID}
        if path == "/services/oauth2/userinfo":
            named = {"preferred_username": username, "name": "Data Hub", "email": username, "zoneinfo": "GMT"}
            return Answer({"sub": base_url + _USER} | common | named)
        if path != _USER:
            return None
        named = {"username": username, "display_name": "Data Hub", "email": username, "user_type": "STANDARD"}
        rest = f"{base_url}/services/data/v{{version}}/"
        urls = {"rest": rest, "sobjects": rest + "sobjects/", "query": rest + "query/"}
        return Answer({"id": base_url + _USER, "asserted_user": True, "active": True, "urls": urls} | common | named)

    def _forget_after_reset(self) -> None:
        if self._state.resets != self._resets:
            self._resets = self._state.resets
            for memory in (self._sessions, self._usage, self._rest, self._bulk_one):
                memory.clear()


def page_before(request: Request, state: State) -> Request:
    """The request for the page before the one that this asks for; as it is where that is the first."""
    locator = _LOCATOR.fullmatch(request.path)
    if locator is None:
        return request
    size = batch_size(request.headers.get("sforce-query-options"), state.quirks)
    return request._replace(path=f"{locator.group(1)}-{max(int(locator.group(2)) - size, 0)}")


def _call(request: Request, path: str) -> RestCall:
    """The call a request makes. Raises SalesforceError when it cannot be one."""
    if _head_length(request) > _LONGEST_HEAD:
        raise SalesforceError(414, "URI_TOO_LONG", "URI and headers exceed 16,384 bytes")
    match = _REST.fullmatch(path)
    if match is None:
        raise not_found()
    versions.check(match.group(1))
    return RestCall(
        request.method,
        (match.group(2) or "").strip("/"),
        match.group(1),
        dict(parse_qsl(request.query, keep_blank_values=True)),
        request.headers,
        request.body,
    )


def _json(answer: Answer) -> Response:
    headers = tuple(answer.headers.items())
    if answer.body is None:
        return Response(b"", answer.status, headers=headers)
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, "text/csv; charset=UTF-8", headers)
    return Response(_encoded(answer.body), answer.status, "application/json;charset=UTF-8", headers)


def _encoded(body: object) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair, as a text that was cut in the middle of an emoji has
        return json_bytes(body)


def _error_body(error: SalesforceError) -> list[object]:
    if error.status == 300:  # several records have the external id: their addresses
        return list(error.message.split(","))
    return [error.as_rest()]


def _head_length(request: Request) -> int:
    return len(request.path) + len(request.query) + sum(len(k) + len(v) + 4 for k, v in request.headers.items())
