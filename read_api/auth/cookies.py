"""The refresh token's cookie, and whose pages may use it."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection

from read_api.auth.errors import ForeignOriginError

NAME = "__Host-hub_refresh"
DEVICE = "__Host-hub_device"
"""The prefix makes browsers take it from this host alone: no other subdomain can set or overwrite it (cookie tossing,
session fixation). It wants Path=/, so the path is not narrowed: that would keep it from nobody (decision 0031)."""
ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"

AnyRequest = Request[Any, Any, Any]


def token_in(request: AnyRequest, name: str = NAME) -> str:
    """The token that came in a cookie; empty: none, or more than one, of which one is not ours."""
    found = [
        value
        for sent, header in request.scope["headers"]
        if sent == b"cookie"
        for pair in header.decode("latin-1").split(";")
        for key, _, value in [pair.strip().partition("=")]
        if key == name
    ]
    return found[0] if len(found) == 1 else ""


def setting(token: str, days: int, name: str = NAME) -> bytes:
    """The header that has a browser keep it."""
    return f"{name}={token}; Max-Age={days * 86_400}; {ATTRIBUTES}".encode()


FORGETTING = f"{NAME}=; Max-Age=0; {ATTRIBUTES}".encode()


def require_own_page(request: AnyRequest, origins: Collection[str]) -> None:
    """Raises ForeignOriginError: as `is_own_page` says."""
    if not is_own_page(request, origins):
        raise ForeignOriginError("the page that asks is of another site")


def is_own_page(connection: ASGIConnection[Any, Any, Any, Any], origins: Collection[str]) -> bool:
    """Whether the page that asks is one of the settings' or of the host that is asked.

    A browser says which it is. What is no browser does not, and sends no cookie that it was not given on purpose.
    """
    headers = connection.headers
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    return origin in origins or urlsplit(origin).netloc == headers.get("host", "")
