"""What every request passes before any controller: its body comes in time, and its caller's address is known."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from core.errors import HubError

MOST_BYTES = 64 * 1024
"""Size of a body, where its route says nothing else."""

# A sender has the patience of the settings, and a second more for every LEAST_BYTES_PER_SECOND that came, but no more
# than LONGEST_SECONDS: one rule is both a deadline and a minimum rate. An identity document of 5 MiB has 120 s, which
# is 44 kB/s: a bad mobile connection does that.
LEAST_BYTES_PER_SECOND = 16 * 1024
LONGEST_SECONDS = 120.0


class UnfinishedBodyError(HubError):
    """The body stopped coming, or came too slowly, or its sender hung up."""


class Doors:
    """The ASGI layer around the application.

    proxies: addresses whose X-Forwarded-For is believed, so that a caller is known by its own address.
    patience: seconds that a body may stand still, all its pauses together.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str], patience: float) -> None:
        self._patience = patience
        self._app: Any = wrap_asgi_with_proxy_headers(app, list(proxies))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and _has_body(scope):
            receive = _TimelyBody(receive, self._patience)
        await self._app(scope, receive, send)


class _TimelyBody:
    """A request's `receive` that gives up on a sender who is too slow.

    Only waiting counts: a sender must not pay for the time that we take to pass on what came.
    """

    def __init__(self, receive: Receive, patience: float) -> None:
        self._receive = receive
        self._patience = patience
        self._waited = 0.0
        self._bytes = 0
        self._is_whole = False

    async def __call__(self) -> Any:
        """The next part of the body; after its end, whatever comes.

        Raises:
            UnfinishedBodyError: this part did not come in time, or never will.
        """
        if self._is_whole:
            return await self._receive()
        allowed = min(self._patience + self._bytes / LEAST_BYTES_PER_SECOND, LONGEST_SECONDS)
        since = monotonic()
        try:
            message: Any = await asyncio.wait_for(_awaited(self._receive), allowed - self._waited)
        except TimeoutError:
            raise UnfinishedBodyError("the body came too slowly") from None
        self._waited += monotonic() - since
        if message["type"] != "http.request":
            raise UnfinishedBodyError("the sender hung up within the body")
        self._bytes += len(message["body"])
        self._is_whole = not message["more_body"]
        return message


async def _awaited(receive: Receive) -> Any:
    """`receive()` as a coroutine, of which a task can be made; the server returns an awaitable of its own kind."""
    return await receive()


def _has_body(scope: Scope) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])
