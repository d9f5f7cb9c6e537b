"""Pages of other origins: those that the settings name may ask and read, no other may (CORS)."""

from collections.abc import Collection

from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from read_api.live.tags import VARY

SENT = [
    "Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer", "Sign-Up",
    "X-Request-ID",
]  # fmt: skip
"""Headers that a portal's page may send, besides those that every page may."""
READ = ["ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID", "X-Viewed-By"]
"""Headers of answers that it may read, besides those that every page may."""
PREFLIGHT_SECONDS = 600


def cross_origin(origins: Collection[str]) -> CORSConfig | None:
    """What browsers are told of requests by pages of these origins; None: there are none, so nothing is said at all."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=SENT,
        expose_headers=READ,
        allow_credentials=True,  # the cookie of /auth
        max_age=PREFLIGHT_SECONDS,
    )


class VariesByOrigin:
    """The ASGI layer that says on every answer that it is another for another page, token or customer.

    Litestar says `Vary: Origin` instead of what was said, and only to pages that it lets in: a cache could give a page
    the answer of a request without an origin, or one customer's answer to another.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = [header for header in message["headers"] if header[0].lower() != b"vary"]
                message = {**message, "headers": [*said, (b"vary", VARY + b", Origin")]}
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == ScopeType.HTTP else send)
