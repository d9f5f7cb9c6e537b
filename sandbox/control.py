"""What surrounds every emulator: the control plane, faults and the log of calls.

Modes of a fault:
    status:503       that status with a plain body (any number), nothing applied
    status:503+2     the same, with `Retry-After: 2`; `+0`; `+date`: as a date two seconds ahead (RFC 9110, 10.2.3)
    429              too many requests, with Retry-After: 1
    html500          an HTML page, as when PHP prints before the answer
    html200          the same with status 200, as log-in pages of proxies come; nothing applied
    empty200         the true answer applied, then status 200 and not a byte, as when PHP dies in the middle
    timeout          no answer until the caller hangs up
    slow:250         the true answer, that many milliseconds late
    malformed        the true answer applied, its body cut in half but a well-formed HTTP response
    doubled          the true answer applied, its body twice
    bom              the true answer, led by a byte order mark
    charset          the true answer in Latin-1 or Shift JIS, said to be UTF-8 (true, where all of it is ASCII)
    trickle:400      the true answer, in pieces over that many milliseconds, as over a slow network
    cut              the true answer applied, then the connection closed in the middle of it
    drop             the true answer applied, then the connection closed without a byte of it
    timeout_after    the true answer applied, then no answer until the caller hangs up
    after:503        the true answer applied, then that status with a page and Retry-After: 1, as proxies answer;
                     another wait or none: after:503+2, +0, +date, +none
    expire           every Salesforce session is over, then the call is answered
    repeat           a list: the page before the one asked for, once more; any other call is answered truly
    code:400-230     Freebit only: that resultCode-statusCode
    none             no fault: forget those that wait

A change (`mutate`) that says `before` is made when the next call whose label contains that text comes, before it is
answered: so rows come, go and move between two pages of one read. One that says `after` is made once the app has made
its answer and before that leaves: the answer is old when it comes.

The control plane is for whoever sits at the machine, not for web pages that are open on it: it answers only to the
sandbox's own names, and to no page of another site.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.asgi import App, Message, Receive, Request, Response, Scope, Send, json_response, read_request
from sandbox.asgi import send_response as send_whole
from sandbox.state import Call, Change, Planned, State
from sandbox.world import World

PREFIX = "/__sandbox__/"
_MODES = re.compile(
    r"(?:status|after):[1-5]\d\d(?:\+(?:\d+|date|none))?|timeout|timeout_after|cut|drop|malformed|repeat|none|429"
    r"|html500|html200|empty200|doubled|bom|charset|expire|slow:\d+|trickle:\d+|code:\d{3}-\d{3}"
)
_MODE_NAMES = (
    "status:NNN, after:NNN (either with +SECONDS, +date, +none), timeout, timeout_after, cut, drop, malformed, doubled,"
    " bom, charset, repeat, none, 429, html500, html200, empty200, expire, slow:MS, trickle:MS, code:A-B"
)
_SECRETS = re.compile(r"(?i)((?:secret|password|token|key|assertion|session_?id)\d*=)[^&\s]*")
_HTML = b"<html><head><title>500</title></head><body><h1>Whoops, looks like something went wrong.</h1></body></html>"
CUT = "sandbox: connection cut on purpose"

Label = Callable[[Request], str]
# Takes the query (GET) or the JSON of the body (POST). ValueError, KeyError and TypeError become 400 with their text.
Control = Callable[[Any, World, State], Response | Awaitable[Response]]


class CutError(RuntimeError):
    """Raised to make the server drop the connection."""


# The request for the page before the one that this asks for; the request itself where there is none.
PageBefore = Callable[[Request, State], Request]


def plain_label(_: Request) -> str:
    return ""


def no_page(request: Request, _: State) -> Request:
    return request


def wrapped(
    app: App,
    *,
    system: str,
    world: World,
    state: State,
    label: Label = plain_label,
    page_before: PageBefore = no_page,
    host: str = "127.0.0.1",
) -> App:
    """`app` behind the control plane. `label` adds what the path does not say, such as a WHMCS action.

    host: where it listens, and what it may be called besides the machine's own names.
    """

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await read_request(scope, receive)
        if request.path.startswith(PREFIX):
            reached = (scope.get("server") or (host,))[0]
            if refusal := _foreign(request.headers, {host, reached}):
                await send_whole(json_response({"error": refusal}, 403), send)
                return
            await send_whole(await _control(request, world, state), send)
            return
        text = _text(request, label)
        for change in state.plans.take(text):
            await _make(change, state)
        earlier = page_before(request, state)
        late = state.plans.take(text, after=True)
        asked = _changed_after(app, late, state) if late else app
        await _called(asked, scope, request, receive, send, system=system, state=state, text=text, earlier=earlier)

    return outer


def _changed_after(app: App, changes: list[Planned], state: State) -> App:
    """The app, which makes its answer, then lets these changes happen, and only then sends it."""

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        messages = await _answer(app, scope, receive)
        for change in changes:
            await _make(change, state)
        for message in messages:
            await send(message)

    return late


async def _answer(app: App, scope: Scope, receive: Receive) -> list[Message]:
    messages: list[Message] = []

    async def kept(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, kept)
    return messages


def _text(request: Request, label: Label) -> str:
    where = request.path + ("?" + request.query if request.query else "")
    return _SECRETS.sub(r"\1***", f"{request.method} {where} {label(request)}".rstrip())


async def _called(
    app: App,
    scope: Scope,
    request: Request,
    receive: Receive,
    send: Send,
    *,
    system: str,
    state: State,
    text: str,
    earlier: Request,
) -> None:
    """Let the app answer, or a fault in its place, and note the call. `earlier`: the request for the page before."""
    fault = state.faults.take(text) if state.faults.waiting else None
    started, status = time.perf_counter(), 0
    request_id = request.headers.get("x-request-id")
    state.calls.begin(request, text, request_id)

    async def noting(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        if fault is None:
            await app(scope, _replayed(request.body, receive), noting)
        elif fault == "expire":
            state.posts["expire-sessions"]({}, None, state)
            await app(scope, _replayed(request.body, receive), noting)
        elif fault == "repeat":
            await app({**scope, "path": earlier.path}, _replayed(earlier.body, receive), noting)
        else:
            await _failed(
                fault, app, {**scope, "sandbox.fault": fault}, request, receive, noting, partial(_hang_up, send)
            )
    finally:
        now = time.perf_counter()
        spent = round((now - started) * 1000, 3)
        state.calls.end(request)
        state.calls.add(Call(state.clock.now(), now, system, text, status, fault, request_id, spent))


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more for the app that comes after us, then whatever the connection says."""
    pending = [body]

    async def again() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return again


async def _failed(
    mode: str, app: App, scope: Scope, request: Request, receive: Receive, send: Send, hang_up: Callable[[], None]
) -> None:
    replay = _replayed(request.body, receive)
    if mode.startswith("code:"):
        await app(scope, replay, send)
    elif mode.startswith("slow:"):
        await asyncio.sleep(int(mode[5:]) / 1000)
        await app(scope, replay, send)
    elif mode == "timeout":
        await _silence(receive)
    elif mode.startswith("after:"):
        await app(scope, replay, _nowhere)
        status, _, wait = mode[6:].partition("+")
        await send_whole(Response(_HTML, int(status), "text/html", _retry_after(wait or "1")), send)
    elif mode in {"drop", "timeout_after"}:
        await app(scope, replay, _nowhere)
        if mode == "drop":
            hang_up()
        await _silence(receive)
    elif mode in _SPOILT or mode.startswith("trickle:"):
        await _spoilt(mode, await _answer(app, scope, replay), send)
    elif mode in {"cut", "malformed"}:
        await _halved(mode, app, scope, replay, send, hang_up)
    else:
        await send_whole(_refusal(mode), send)


def _in_another_charset(body: bytes) -> bytes:
    text = body.decode(errors="replace")
    for charset in ("latin-1", "cp932"):
        try:
            return text.encode(charset)
        except UnicodeEncodeError:
            continue
    return body


_SPOILT: Mapping[str, Callable[[bytes], bytes]] = {
    "doubled": lambda body: body * 2,
    "bom": lambda body: b"\xef\xbb\xbf" + body,
    "charset": _in_another_charset,
    "empty200": lambda _: b"",
}


async def _spoilt(mode: str, messages: list[Message], send: Send) -> None:
    start, body = _joined(messages)
    if mode in _SPOILT:
        await _resent(start, _SPOILT[mode](body), send)
    else:
        await _trickled(start, body, int(mode.removeprefix("trickle:")) / 1000, send)


def _joined(messages: list[Message]) -> tuple[Message, bytes]:
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


async def _resent(start: Message, body: bytes, send: Send) -> None:
    headers = [pair for pair in start["headers"] if pair[0].lower() not in {b"content-length", b"transfer-encoding"}]
    await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def _trickled(start: Message, body: bytes, seconds: float, send: Send) -> None:
    pieces = 4
    size = len(body) // pieces + 1
    await send(start)
    for at in range(0, len(body), size):
        await asyncio.sleep(seconds / pieces)
        await send({"type": "http.response.body", "body": body[at : at + size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _silence(receive: Receive) -> None:
    """Until the connection has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nowhere(_: Message) -> None:
    pass


def _hang_up(send: Send) -> None:
    # ASGI cannot close a connection without an answer; uvicorn's `send` belongs to what holds the transport.
    send.__self__.transport.close()  # type: ignore[attr-defined]


async def _halved(mode: str, app: App, scope: Scope, receive: Receive, send: Send, hang_up: Callable[[], None]) -> None:
    start, body = _joined(await _answer(app, scope, receive))
    if not body and mode == "cut":  # there is no half of nothing
        hang_up()
        await _silence(receive)
        return
    headers = [pair for pair in start["headers"] if pair[0].lower() not in {b"content-length", b"transfer-encoding"}]
    length = len(body) if mode == "cut" else len(body) // 2
    headers.append((b"content-length", str(length).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": mode == "cut"})
    if mode == "cut":
        raise CutError(CUT)


def _refusal(mode: str) -> Response:
    if mode == "html500":
        return Response(_HTML, 500, "text/html")
    if mode == "429":
        return Response(b'{"message":"Rate Limit Exceeded"}', 429, headers=(("Retry-After", "1"),))
    if mode == "html200":
        return Response(_HTML, 200, "text/html")
    status, _, wait = mode.removeprefix("status:").partition("+")
    return Response(b"sandbox fault", int(status), "text/plain", _retry_after(wait or "none"))


def _retry_after(wait: str) -> tuple[tuple[str, str], ...]:
    """The header, in seconds or as a date; none of it."""
    if wait == "none":
        return ()
    if wait == "date":
        return (("Retry-After", format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)),)
    return (("Retry-After", wait),)


# -- the control plane -----------------------------------------------------------------------------------------------


def _foreign(headers: Mapping[str, str], own: set[str]) -> str | None:
    """Why a web page of another site may have sent this; None: it did not.

    A page can post plain text to any port of the machine that shows it, so the kind of the content proves nothing. What
    a browser says by itself does: the name it was led to (a foreign one may point here), and which page asks.
    """
    name = headers.get("host", "")
    if not _is_own(name, own):
        return "the control plane answers to the sandbox's own names only"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != name:
        return "the control plane answers to no page of another site"
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return "the control plane answers to no page of another site"
    return None


def _is_own(name: str, own: set[str]) -> bool:
    """Whether a Host header, with its port or without, names this machine."""
    try:
        host = "" if "@" in name else urlsplit(f"//{name}").hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host in own:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _control(request: Request, world: World, state: State) -> Response:
    name = request.path.removeprefix(PREFIX).strip("/")
    gets: Mapping[str, Control] = {**_GETS, **state.gets}
    posts: Mapping[str, Control] = {**_POSTS, **state.posts}
    is_post = request.method == "POST"
    if name not in (posts if is_post else gets):
        return json_response({"error": "no such control", "get": sorted(gets), "post": sorted(posts)}, 404)
    try:
        content = json.loads(request.body or b"{}") if is_post else parse_qs(request.query)
        answer = (posts if is_post else gets)[name](content, world, state)
        return answer if isinstance(answer, Response) else await answer
    except (ValueError, KeyError, TypeError) as error:
        return json_response({"error": f"{type(error).__name__}: {error}"}, 400)


def _get_world(_: dict[str, list[str]], world: World, state: State) -> Response:
    counts = world.counts()
    return json_response({"seed": world.seed, **counts, "clock": state.clock.now().isoformat()})


def _get_dirt(_: dict[str, list[str]], world: World, state: State) -> Response:
    healed = state.overlay.changed
    kinds = {"salesforce.accounts": "Account", "whmcs.clients": "client", "whmcs.services": "service"}
    kinds |= {"whmcs.invoices": "invoice"}
    rows = [row._asdict() for row in world.dirt() if row.source_id not in healed(row.system, kinds[row.dataset])]
    return json_response(rows)


def _get_calls(query: dict[str, list[str]], _: World, state: State) -> Response:
    limit = int(query.get("limit", ["100"])[0])
    match = query.get("match", [""])[0].lower()
    calls = [call for call in state.calls.latest(10_000) if not match or match in call.label.lower()]
    shown = [call._asdict() for call in calls[:limit]]
    return json_response({"total": state.calls.total, "matching": len(calls), "calls": shown})


def _get_ledger(query: dict[str, list[str]], _: World, state: State) -> Response:
    wanted = {name: query[name][0] for name in ("system", "kind", "id", "marker") if name in query}
    effects = [effect._asdict() for effect in state.ledger.effects(**wanted)]
    return json_response({"total": len(state.ledger), "matching": len(effects), "effects": effects})


def _get_faults(_: dict[str, list[str]], _world: World, state: State) -> Response:
    return json_response([fault._asdict() for fault in state.faults.waiting])


def _get_quirks(_: dict[str, list[str]], _world: World, state: State) -> Response:
    return json_response(state.quirks)


def _post_reset(_: dict[str, object], _world: World, state: State) -> Response:
    state.reset()
    return json_response({"reset": True})


def _post_faults(content: dict[str, object], _: World, state: State) -> Response:
    mode = str(content["mode"])
    if not _MODES.fullmatch(mode):
        raise ValueError(f"mode {mode!r} is none of {_MODE_NAMES}")
    if mode == "none":
        state.faults.clear()
        return json_response([])
    state.faults.add(str(content.get("match", "")), mode, int(str(content.get("times", 1))))
    return json_response([fault._asdict() for fault in state.faults.waiting])


async def _post_mutate(content: dict[str, object], _: World, state: State) -> Response:
    fields = content.get("fields")
    if fields is not None and not isinstance(fields, dict):
        raise TypeError("fields must be an object, or null to delete the record")
    if not str(content["id"]).strip():
        raise ValueError("id must name a record")
    deleted = fields is None or bool(content.get("deleted"))
    planned = Planned(
        str(content["system"]), str(content["object"]), str(content["id"]), dict(fields or {}), deleted=deleted
    )
    for moment in ("before", "after"):
        if match := str(content.get(moment) or ""):
            state.plans.add(match, planned, after=moment == "after")
            return json_response({"planned": len(state.plans)})
    change = await _make(planned, state)
    return json_response({"changed_at": change.changed_at.isoformat(), "deleted": change.deleted})


def _post_purge(content: dict[str, object], _: World, state: State) -> Response:
    change = state.overlay.purge("salesforce", str(content["object"]), str(content["id"]))
    return json_response({"changed_at": change.changed_at.isoformat(), "purged": change.purged})


async def _make(planned: Planned, state: State) -> Change:
    system, kind, record_id, fields, deleted = planned
    for announce in state.announcers:
        await announce(system, kind, record_id, fields, deleted=deleted)
    return state.overlay.put(system, kind, record_id, fields, deleted=deleted)


def _post_clock(content: dict[str, object], _: World, state: State) -> Response:
    state.clock.advance(float(str(content["advance_seconds"])))
    return json_response({"now": state.clock.now().isoformat()})


def _post_quirks(content: dict[str, object], _: World, state: State) -> Response:
    state.quirks.update({name: str(value) for name, value in content.items()})
    return json_response(state.quirks)


_GETS: dict[str, Control] = {
    "world": _get_world,
    "dirt": _get_dirt,
    "calls": _get_calls,
    "ledger": _get_ledger,
    "faults": _get_faults,
    "quirks": _get_quirks,
}
_POSTS: dict[str, Control] = {
    "reset": _post_reset,
    "faults": _post_faults,
    "mutate": _post_mutate,
    "purge": _post_purge,
    "clock": _post_clock,
    "quirks": _post_quirks,
}
