"""Entity tags: a client that has the newest version is told so without a look at the tables.

A tag is made of the customer's last change, as far as this process has followed the log, and of the day, which decides
what is overdue. A change is seen here some milliseconds after it commits (CAUGHT_UP_SECONDS at most); until then an
unchanged answer may be said of what has just changed. While the log cannot be followed, no answer has a tag.
"""

from hashlib import blake2b
from typing import Any

from litestar import Request
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from read_api.auth.caller import caller_of
from read_api.live.follower import Follower

UNTAGGED = "untagged"
"""Option of a route that must hear of every read, such as one that has what is looked at read again."""
TAG = "hub.tag"
"""Key of the request's scope: the tag that a 200 is sent with, as bytes."""
VARY = b"Authorization, X-Customer"
"""What says whose an answer is: with a service key, its header (auth/service_keys.py)."""


class Unchanged(ASGIResponse):
    """304: what the client has is what we would send."""

    def __init__(self, tag: bytes) -> None:
        self._tag = tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = [(b"etag", self._tag), (b"cache-control", b"private, no-cache"), (b"vary", VARY)]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def unchanged(request: Request[Any, Any, Any], follower: Follower, today: str) -> Unchanged | None:
    """304, if the client's tag is today's; else nothing, and the tag is kept for the answer."""
    caller = caller_of(request)
    version = follower.version(caller.customer)
    if version is None:
        return None
    # Some answers say who looks on, so a view has tags of its own.
    whose = caller.customer if caller.actor is None else f"{caller.customer} {caller.session}"
    digest = blake2b(f"{whose} {version} {today}".encode(), digest_size=12).hexdigest()
    tag = f'W/"{digest}"'.encode()
    request.scope[TAG] = tag  # type: ignore[literal-required]
    return Unchanged(tag) if tag in _known_tags(request) else None


def _known_tags(request: Request[Any, Any, Any]) -> list[bytes]:
    for name, value in request.scope["headers"]:
        if name == b"if-none-match":
            return [part.strip() for part in value.split(b",")]
    return []
