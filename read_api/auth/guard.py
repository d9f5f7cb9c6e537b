"""Who asks: what every request under /api passes first."""

from functools import lru_cache
from time import time
from typing import Any

from litestar import Request

from core.settings import ApiSettings
from read_api.auth.tokens import InvalidTokenError, claims_of

CUSTOMER = "hub.customer"
"""Key of the request's scope: the id that the token names, as text."""
EXPIRES = "hub.expires"
"""Key of the request's scope: when the token ends, seconds since 1970."""

# A client sends one token many times; its signature need not be computed each time.
REMEMBERED = 10_000


class BearerGuard:
    """Lets in whoever brings a valid token, and writes down who that is.

    Called as a hook before the request rather than as one of Litestar's guards, for each of which the framework copies
    the route's handler: that was a tenth of a request's cost.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._verified = lru_cache(REMEMBERED)(lambda token: claims_of(settings, token))

    def __call__(self, request: Request[Any, Any, Any]) -> None:
        """Raises InvalidTokenError."""
        scheme, _, token = _authorization(request).partition(" ")
        if scheme.lower() != "bearer":
            raise InvalidTokenError("a bearer token is needed")
        customer, expires = self.claims(token.strip())
        request.scope[CUSTOMER] = customer  # type: ignore[literal-required]
        request.scope[EXPIRES] = expires  # type: ignore[literal-required]

    def claims(self, token: str) -> tuple[str, float]:
        """The id that a token names, and when it ends.

        Raises:
            InvalidTokenError: it is not valid, or no longer.
        """
        customer, expires = self._verified(token)
        if expires <= time():
            raise InvalidTokenError("the bearer token is not valid")
        return customer, expires


def _authorization(request: Request[Any, Any, Any]) -> str:
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            return value.decode("latin-1")
    return ""
