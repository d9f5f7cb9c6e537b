"""Who asks: what every request under /api passes first."""

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
        self._settings = settings
        self._known: dict[str, tuple[str, float]] = {}

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
        known = self._known.get(token)
        if known is None:
            customer, expires = claims_of(self._settings, token)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[token] = (str(customer), expires)
        if known[1] <= time():
            del self._known[token]
            raise InvalidTokenError("the bearer token is not valid")
        return known


def _authorization(request: Request[Any, Any, Any]) -> str:
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            return value.decode("latin-1")
    return ""
