"""The refresh token's cookie, and whose pages may use it."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from litestar import Request

from read_api.auth.errors import ForeignOriginError

NAME = "__Host-hub_refresh"
"""The prefix makes browsers take it from this host alone: no other subdomain can set or overwrite it (cookie tossing,
session fixation). It wants Path=/, so the path is not narrowed: that would keep it from nobody (decision 0031)."""
ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"

AnyRequest = Request[Any, Any, Any]


def token_in(request: AnyRequest) -> str:
    """The refresh token that came; empty: none, or more than one, of which one is not ours."""
    found = [
        value
        for name, header in request.scope["headers"]
        if name == b"cookie"
        for pair in header.decode("latin-1").split(";")
        for key, _, value in [pair.strip().partition("=")]
        if key == NAME
    ]
    return found[0] if len(found) == 1 else ""


def setting(token: str, days: int) -> bytes:
    """The header that has a browser keep it."""
    return f"{NAME}={token}; Max-Age={days * 86_400}; {ATTRIBUTES}".encode()


FORGETTING = f"{NAME}=; Max-Age=0; {ATTRIBUTES}".encode()


def require_own_page(request: AnyRequest, origins: Collection[str]) -> None:
    """A browser says which page makes a request; what is no browser sends no cookie that it was not given on purpose.

    Raises:
        ForeignOriginError: the page is neither one of the settings' nor of the host that is asked.
    """
    headers = request.headers
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    if origin is None:
        if site in {"same-origin", "none"}:
            return
        raise ForeignOriginError("the page that asks is of another site")
    if origin not in origins and urlsplit(origin).netloc != headers.get("host", ""):
        raise ForeignOriginError("the page that asks is of another site")
