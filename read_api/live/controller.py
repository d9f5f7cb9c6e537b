"""`GET /api/live`, and the same over WebSocket."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from typing import Annotated, Any

import msgspec
from litestar import Controller, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from read_api.admission import CATCH_UPS, admit
from read_api.answers import ApiRequest, customer_of, database_of
from read_api.auth.guard import EXPIRES, BearerGuard
from read_api.auth.tokens import InvalidTokenError
from read_api.database import DatabaseDownError, UnknownCustomerError
from read_api.live.changes import OLDER_THAN_ALL, Position, position_of
from read_api.live.follower import Follower
from read_api.live.stream import BEAT, Item, items
from read_api.live.tags import UNTAGGED
from read_api.problems.catalogue import TOO_MANY_REQUESTS
from read_api.problems.errors import NotAdmittedError
from read_api.responses import answers

GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER = 1001, 1008, 1013
SUBPROTOCOL = "bearer"


class Changes(msgspec.Struct):
    """A stream of events: `change` with this as data, `reset` (read again what you show), `expired` (get a token)."""

    entity: str
    id: str
    operation: str
    columns: list[str]


class EventStream(ASGIResponse):
    """Server-Sent Events until the client goes."""

    def __init__(self, stream: AsyncGenerator[Item, None]) -> None:
        self._items = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"private, no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with aclosing(self._items):
            await _while_there(self._send(send), _left(receive))

    async def _send(self, send: Send) -> None:
        async for item in self._items:
            await send({"type": "http.response.body", "body": _as_event(item), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class LiveController(Controller):
    """What changes, as it happens."""

    path = "/api"
    tags = ("live",)

    @get(
        "/live",
        operation_id="followChanges",
        opt={UNTAGGED: True},
        responses={
            **answers(Changes, TOO_MANY_REQUESTS),
            200: ResponseSpec(Changes, description="Server-Sent Events", media_type="text/event-stream"),
        },
    )
    async def live(
        self,
        request: ApiRequest,
        last_event_id: Annotated[
            str | None, HeaderParameter(name="Last-Event-ID", description="Where to go on: the last event's id")
        ] = None,
    ) -> ASGIResponse:
        """The customer's changes as Server-Sent Events, resumable; ids and names of columns, never values."""
        follower = follower_of(request)
        named = customer_of(request)
        customer = await database_of(request).customer(named)
        expires: float = request.scope[EXPIRES]  # type: ignore[literal-required]
        if last_event_id:
            await admit(request, named, CATCH_UPS)
        return EventStream(items(follower, named, customer, _position(last_event_id), expires))


@websocket("/api/live/ws")
async def live_socket(socket: WebSocket[Any, Any, Any]) -> None:
    """The same stream as JSON messages; the token in Authorization, or as the second of two subprotocols.

    Who is not let in gets no connection (403). It ends with 1008 when the token does; after any other end, come again
    with the last id as `after`.
    """
    guard: BearerGuard = socket.app.state["guard"]
    protocols = [each.strip() for each in socket.headers.get("sec-websocket-protocol", "").split(",")]
    token = protocols[1] if len(protocols) == 2 and protocols[0] == SUBPROTOCOL else _bearer(socket)
    try:
        named, expires = guard.claims(token)
        customer = await database_of(socket).customer(named)
        if socket.query_params.get("after"):
            await admit(socket, named, CATCH_UPS)
    except InvalidTokenError:
        await socket.close(code=POLICY_VIOLATION)
        return
    except (UnknownCustomerError, DatabaseDownError, NotAdmittedError):
        await socket.close(code=TRY_AGAIN_LATER)
        return
    await socket.accept(subprotocols=SUBPROTOCOL if protocols[0] == SUBPROTOCOL else None)
    after = _position(socket.query_params.get("after"))
    follower = follower_of(socket)
    async with aclosing(items(follower, named, customer, after, expires)) as stream:
        await _while_there(_tell(socket, stream), _closed(socket))
    if socket.connection_state != "disconnect":
        # Only now: the server does not close what somebody still waits to receive from.
        await socket.close(code=GOING_AWAY if follower.closed else POLICY_VIOLATION)


async def _tell(socket: WebSocket[Any, Any, Any], stream: AsyncGenerator[Item, None]) -> None:
    async for item in stream:
        await socket.send_text(_as_message(item))


async def _closed(socket: WebSocket[Any, Any, Any]) -> None:
    """Until the client goes; what it says meanwhile is of no interest."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _while_there(sending: Coroutine[Any, Any, None], leaving: Coroutine[Any, Any, None]) -> None:
    """Until all is sent, or the client has left: one that is only noticed missing by a send is held for nothing."""
    tasks = asyncio.create_task(sending), asyncio.create_task(leaving)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, OSError, WebSocketDisconnect):
                await task


def follower_of(connection: Any) -> Follower:
    follower: Follower = connection.app.state["follower"]
    return follower


def _position(cursor: str | None) -> Position | None:
    """A cursor that is none of ours is older than everything: its client is told to read again."""
    return None if not cursor else position_of(cursor) or OLDER_THAN_ALL


def _bearer(socket: WebSocket[Any, Any, Any]) -> str:
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _as_event(item: Item) -> bytes:
    if item is BEAT:
        return b": alive\n\n"
    identity = f"id: {item.cursor}\n".encode() if item.cursor else b""
    return b"%bevent: %b\ndata: %b\n\n" % (identity, item.event.encode(), item.data)


def _as_message(item: Item) -> str:
    # Signs of life are messages here: nothing less passes through every proxy, and a browser shows no pings.
    return msgspec.json.encode(
        {"event": item.event or "alive", "id": item.cursor, "data": msgspec.Raw(item.data)}
    ).decode()
