"""What stands between a browser and the Dagster UI, which by itself does whatever any page asks of it.

Dagster's web server knows no users, carries out mutations by GET and under any Host, and looks at no Origin. So a web
page that an operator visits could launch and stop runs: by a form, an image, a WebSocket, or a name of its own that it
points at this machine (DNS rebinding). Here each request must come under a known name, from the UI's own pages, in the
form the UI uses, and with a session.
"""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.ui.sessions import ENTRANCE, Sessions

COOKIE = "hub_dagster"
MAY = "hub.may"
"""The key of the request's scope under which the application finds what its sender may do."""

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
# Says versions only; how `hub up` knows that it answers.
OPEN_TO_ALL = "/server_info"

FOREIGN_HOST = "This name is not one of the UI's (HUB_UI_HOSTS)."
FOREIGN_PAGE = "Another site's page asks for this. Open the UI by its own address."
NO_SESSION = "Open the UI by a link of `hub dagster --link` (one use, ten minutes)."
WRONG_FORM = "The UI does not ask this way: questions are POSTs of application/json to /graphql."


class Guard:
    """An ASGI application around Dagster's."""

    def __init__(self, app: ASGIApp, sessions: Sessions, hosts: tuple[str, ...] = ()) -> None:
        self._app = app
        self._sessions = sessions
        self._hosts = {*THIS_MACHINE, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers)
        if answer is None and scope["path"] == ENTRANCE and scope["type"] == "http":
            answer = self._entered(scope)
        may = self._sessions.may(_cookie(headers))
        if answer is None and may is None and scope["path"] != OPEN_TO_ALL:
            answer = PlainTextResponse(NO_SESSION, 401)
        if answer is None:
            scope[MAY] = may
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # Before it was accepted: the client sees a 403.
        else:
            await answer(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            return PlainTextResponse(FOREIGN_HOST, 421)
        # Pages of other ports of this machine are `same-site` and no better than any other's.
        foreign_site = headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}
        origin = headers.get("origin")
        if foreign_site or (origin is not None and urlsplit(origin).netloc != hosts[0]):
            return PlainTextResponse(FOREIGN_PAGE, 403)
        if scope["type"] == "http" and not _is_form_of_ui(scope, headers):
            return PlainTextResponse(WRONG_FORM, 405)
        return None

    def _entered(self, scope: Scope) -> Response:
        links = parse_qs(scope["query_string"].decode("latin-1")).get("link", [""])
        session = self._sessions.opened_by(links[0])
        if session is None:
            return PlainTextResponse(NO_SESSION, 401)
        # Away from the address with the link in it. 303: whatever is sent again later is the page, not the link.
        answer = RedirectResponse("/", 303, headers={"referrer-policy": "no-referrer", "cache-control": "no-store"})
        life = int(self._sessions.life.total_seconds())
        answer.set_cookie(COOKIE, session, max_age=life, httponly=True, samesite="strict")
        return answer


def _is_form_of_ui(scope: Scope, headers: Headers) -> bool:
    """GET reads pages and never asks GraphQL; POST asks GraphQL, in the one type that no form of a page can send."""
    if scope["path"] != "/graphql":
        return scope["method"] in {"GET", "HEAD"}
    if scope["method"] == "GET":
        return "text/html" in headers.get("accept", "")  # GraphQL's own page, whatever else was asked
    return scope["method"] == "POST" and _type(headers) == "application/json"


def _type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _cookie(headers: Headers) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _unframed(send: Send) -> Send:
    """Nobody shows the UI inside a page of his own, to have it clicked on."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-frame-options", b"DENY")]
        await send(message)

    return sent
