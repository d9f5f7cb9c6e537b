"""Around every request: its id, its headers, its one log event."""

import re
from collections.abc import MutableSequence
from time import perf_counter
from typing import Any
from uuid import uuid4

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from core.logging import logger
from read_api.auth.caller import CALLER, Caller
from read_api.http.problems.errors import InvalidFieldError

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

# Pages show text of ours and nothing else: no script, no frame, no other site.
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)

VIEWED_BY = b"x-viewed-by"
"""Says on every answer that the guard let through that somebody looks as another, and who: `Caller.actor`."""

log = logger("read_api")


class Envelope:
    """The outermost ASGI layer; it sees unknown routes too. Nothing it logs names a customer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started = perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers: MutableSequence[Any] = list(message["headers"])
                headers.extend(HEADERS)
                headers.append((b"x-request-id", request_id))
                caller: Caller | None = scope.get(CALLER)  # type: ignore[assignment]
                if caller is not None and caller.actor is not None:
                    headers.append((VIEWED_BY, caller.actor.encode()))
                message = {**message, "headers": headers}
            await send(message)

        bound = structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        try:
            await self._app(scope, receive, answer)
        finally:
            _tell(scope["method"], scope["path"], status, perf_counter() - started)
            structlog.contextvars.reset_contextvars(**bound)


class HubRequest(Request[Any, Any, Any]):
    """A request whose body is JSON or a problem."""

    async def json(self) -> Any:
        """The body, decoded.

        Raises:
            InvalidFieldError: its bytes are not UTF-8, or it is nested too deeply: msgspec raises errors of Python's
                own for these two, which the framework does not expect.
            SerializationException: it is not JSON in any other way.
        """
        try:
            return await super().json()
        except (UnicodeDecodeError, RecursionError) as error:
            raise InvalidFieldError("body", "is not JSON") from error


def _request_id(scope: Scope) -> bytes:
    """The caller's, where it is harmless in a log, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return value
    return uuid4().hex.encode()


def _tell(method: str, path: str, status: int, seconds: float) -> None:
    # The path alone: a query may carry what a customer looks for.
    log.info(
        "request",
        method=method,
        path=path[:200],
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )
