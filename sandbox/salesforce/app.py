"""The emulator as an ASGI app: log-in, versions, and the REST API behind a session."""

import re
from email.utils import format_datetime
from functools import partial
from urllib.parse import parse_qsl

import msgspec

from sandbox.asgi import App, Request, Response, asgi
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

VERSIONS = {58: "Summer '23", 59: "Winter '24", 60: "Spring '24", 62: "Winter '25", 64: "Summer '25", 66: "Spring '26"}
_LONGEST_HEAD = 16_384  # bytes of the URI and the headers together
_REST = re.compile(r"/services/data/v(\d\d\.\d)(?:/(.*))?", re.DOTALL)
_LOCATOR = re.compile(r"(/services/data/v\d\d\.\d/query(?:All)?/\w+)-(\d+)", re.IGNORECASE)
_SOAP = re.compile(r"/services/Soap/u/(\d\d\.\d)(?:/.*)?", re.IGNORECASE)


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
        self._rest = Rest(Org(world, state), self._usage)
        self._token = TokenEndpoint(credentials, self._sessions, state.clock)
        self._soap = SoapLogin(credentials, self._sessions)
        self._resets = state.resets

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
            return _json(Answer(_versions()))
        return self._guarded(request, path, partial(self._userinfo, base_url))

    def _guarded(self, request: Request, path: str, userinfo: partial[Answer]) -> Response:
        """What only a session may see, and every such answer says how much of the allowance is used."""
        try:
            self._sessions.use(request.headers.get("authorization", ""))
            self._usage.count()
            answer = userinfo() if path == "/services/oauth2/userinfo" else self._rest.answer(_call(request, path))
        except SalesforceError as error:
            answer = Answer(_error_body(error), error.status)
        response = _json(answer)
        if answer.status == 401:
            return response
        return response._replace(headers=(*response.headers, ("Sforce-Limit-Info", self._usage.header())))

    def _userinfo(self, base_url: str) -> Answer:
        user = {
            "sub": f"{base_url}/id/{ORGANIZATION_ID}/{USER_ID}",
            "user_id": USER_ID,
            "organization_id": ORGANIZATION_ID,
            "preferred_username": self._credentials.username,
            "name": "Data Hub",
        }
        return Answer(user)

    def _forget_after_reset(self) -> None:
        if self._state.resets != self._resets:
            self._resets = self._state.resets
            for memory in (self._sessions, self._usage, self._rest):
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
    if answer.status == 204:
        return Response(b"", 204, headers=headers)
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, "text/csv; charset=UTF-8", headers)
    return Response(msgspec.json.encode(answer.body), answer.status, "application/json;charset=UTF-8", headers)


def _error_body(error: SalesforceError) -> list[object]:
    if error.status == 300:  # several records have the external id: their addresses
        return list(error.message.split(","))
    return [error.as_rest()]


def _head_length(request: Request) -> int:
    return len(request.path) + len(request.query) + sum(len(k) + len(v) + 4 for k, v in request.headers.items())


def _versions() -> list[dict[str, str]]:
    return [{"version": f"{n}.0", "label": label, "url": f"/services/data/v{n}.0"} for n, label in VERSIONS.items()]
