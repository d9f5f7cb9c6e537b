"""`GET /api/live`, and the same over WebSocket."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, aclosing, suppress
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from read_api.admission import CATCH_UPS, admit
from read_api.auth.caller import CALLER, Caller, caller_of
from read_api.auth.cookies import is_own_page
from read_api.auth.guard import bearer_token
from read_api.auth.tokens import InvalidTokenError
from read_api.http.answers import ApiRequest, customer_of, database_of
from read_api.http.doors import UnfinishedBodyError
from read_api.http.problems.catalogue import TOO_MANY_REQUESTS, TOO_MANY_STREAMS
from read_api.http.problems.errors import InvalidFieldError, NotAdmittedError
from read_api.http.problems.handlers import no_seat
from read_api.http.responses import answers
from read_api.http.services import services_of
from read_api.live.changes import OLDER_THAN_ALL, Position, position_of
from read_api.live.follower import Follower
from read_api.live.seats import NoSeatError
from read_api.live.stream import BEAT, EXPIRED, Item, items
from read_api.live.tags import UNTAGGED
from read_api.store.database import DatabaseDownError, UnknownCustomerError

GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER = 1001, 1008, 1013
SUBPROTOCOL = "bearer"
TAKEN_WITHIN_SECONDS = 20.0
"""A client that takes nothing for so long has gone, or holds its seat for nothing."""
EVENT_STREAM = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"private, no-store"),
    # nginx would keep events back until its buffer is full, or for ever (nginx#1505, django-eventstream#37).
    (b"x-accel-buffering", b"no"),
)


class Changes(msgspec.Struct):
    """A stream of events: `change` with this as data, `reset` (read again what you show), `expired` (get a token)."""

    entity: str
    id: str
    operation: str
    columns: list[str]


class EventStream(ASGIResponse):
    """Server-Sent Events until the client goes. It takes its seat when it begins and raises NoSeatError without one."""

    def __init__(
        self,
        seat: AbstractContextManager[None],
        begun: Callable[[], Awaitable[AsyncGenerator[Item, None]]],
        ended: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._seat = seat
        self._begun = begun
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        with self._seat:
            async with aclosing(await self._begun()) as stream:
                await send({"type": "http.response.start", "status": 200, "headers": list(EVENT_STREAM)})
                ended = () if self._ended is None else (self._ended(),)
                if await _while_there(_send(send, stream), _left(receive), *ended):
                    await _taken(send({"type": "http.response.body", "body": _as_event(EXPIRED), "more_body": False}))


class LiveController(Controller):
    """What changes, as it happens."""

    path = "/api"
    tags = ("live",)

    @get(
        "/live",
        operation_id="followChanges",
        opt={UNTAGGED: True},
        responses={
            **answers(Changes, TOO_MANY_REQUESTS, TOO_MANY_STREAMS),
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
        named, caller = customer_of(request), caller_of(request)
        if last_event_id:
            await admit(request, named, CATCH_UPS)
        begun = partial(_begun, request, named, _position(last_event_id), caller.expires)
        return EventStream(_seat(request, caller), begun, _called_back(request, caller))


@websocket("/api/live/ws")
async def live_socket(socket: WebSocket[Any, Any, Any]) -> None:
    """The same stream as JSON messages; the token in Authorization, or as the second of two subprotocols.

    Who is not let in gets no connection (403; 429 or 503 where there are too many), nor does a page of another origin
    than the API's and AUTH_ORIGINS. It ends with 1008 when the token does; after any other end, come again with the
    last id as `after`.
    """
    guard = services_of(socket).guard
    protocols = [each.strip() for each in socket.headers.get("sec-websocket-protocol", "").split(",")]
    after = _position(socket.query_params.get("after"))
    if not is_own_page(socket, services_of(socket).door.settings.origins):
        await socket.close(code=POLICY_VIOLATION)
        return
    try:
        caller = guard.caller(
            socket, protocols[1] if len(protocols) == 2 and protocols[0] == SUBPROTOCOL else bearer_token(socket)
        )
        scope: Any = socket.scope
        scope[CALLER] = caller
        await services_of(socket).views.admit(caller, socket)
        named = caller.customer
        with _seat(socket, caller):
            if after:
                await admit(socket, named, CATCH_UPS)
            stream = await _begun(socket, named, after, caller.expires)
            await socket.accept(subprotocols=SUBPROTOCOL if protocols[0] == SUBPROTOCOL else None)
            async with aclosing(stream):
                ended = _called_back(socket, caller)
                await _while_there(_tell(socket, stream), _closed(socket), *(() if ended is None else (ended(),)))
            if socket.connection_state != "disconnect":
                # Only now: the server does not close what somebody still waits to receive from.
                await socket.close(code=GOING_AWAY if follower_of(socket).closed else POLICY_VIOLATION)
    except NoSeatError as error:
        await _refuse(socket, no_seat(socket, error))
    except (InvalidTokenError, InvalidFieldError):
        await socket.close(code=POLICY_VIOLATION)
    except (UnknownCustomerError, DatabaseDownError, NotAdmittedError):
        await socket.close(code=TRY_AGAIN_LATER)


def _seat(connection: Any, caller: Caller) -> AbstractContextManager[None]:
    """A live stream's place among all, for the customer and the caller's address.

    Whoever looks as the customer takes none of the customer's.
    """
    client = connection.scope.get("client")
    whose = caller.customer if caller.actor is None else f"view {caller.session}"
    return services_of(connection).seats.taken(whose, client[0] if client else "")


def _called_back(connection: Any, caller: Caller) -> Callable[[], Coroutine[Any, Any, None]] | None:
    """What ends when the caller's token is called back; None: it cannot be, for nobody logged in."""
    verification = services_of(connection).verification
    if caller.key is not None:
        return partial(verification.service_key_ended, caller.key)
    if caller.session is None:
        return None
    return partial(verification.called_back, caller.session, caller.epoch)


async def _begun(connection: Any, named: str, after: Position | None, expires: float) -> AsyncGenerator[Item, None]:
    """What to tell whoever a token names, once the database said which customer that is today.

    Raises:
        UnknownCustomerError, DatabaseDownError.
    """
    customer = await database_of(connection).customer(named)
    return items(follower_of(connection), named, customer, after, expires)


async def _refuse(socket: WebSocket[Any, Any, Any], answer: Response[bytes]) -> None:
    """No connection, but an answer that says why (ASGI's extension `websocket.http.response`)."""
    headers = {"content-type": "application/problem+json", **answer.headers}
    start = {"status": answer.status_code, "headers": [(n.lower().encode(), v.encode()) for n, v in headers.items()]}
    send: Any = socket.send
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": answer.content, "more_body": False})


async def _send(send: Send, stream: AsyncGenerator[Item, None]) -> None:
    async for item in stream:
        await _taken(send({"type": "http.response.body", "body": _as_event(item), "more_body": True}))
    await _taken(send({"type": "http.response.body", "body": b"", "more_body": False}))


async def _tell(socket: WebSocket[Any, Any, Any], stream: AsyncGenerator[Item, None]) -> None:
    async for item in stream:
        await _taken(socket.send_text(_as_message(item)))


async def _taken(sending: Awaitable[None]) -> None:
    """Wait until the client took what is sent; a TimeoutError ends its stream."""
    async with asyncio.timeout(TAKEN_WITHIN_SECONDS):
        await sending


async def _closed(socket: WebSocket[Any, Any, Any]) -> None:
    """Until the client goes; what it says meanwhile is of no interest."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _while_there(
    sending: Coroutine[Any, Any, None], leaving: Coroutine[Any, Any, None], *ending: Coroutine[Any, Any, None]
) -> bool:
    """Until all is sent, or the client has left: one that is only noticed missing by a send is held for nothing.

    True: neither, but the client's token is good no more.
    """
    tasks = [asyncio.create_task(each) for each in (sending, leaving, *ending)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return not done & set(tasks[:2])
    finally:
        for task in tasks:
            task.cancel()
            # TimeoutError, which is an OSError: it takes nothing. UnfinishedBodyError: it hung up within its request.
            with suppress(asyncio.CancelledError, OSError, WebSocketDisconnect, UnfinishedBodyError):
                await task


def follower_of(connection: Any) -> Follower:
    return services_of(connection).follower


def _position(cursor: str | None) -> Position | None:
    """A cursor that is none of ours is older than everything: its client is told to read again."""
    return None if not cursor else position_of(cursor) or OLDER_THAN_ALL


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
