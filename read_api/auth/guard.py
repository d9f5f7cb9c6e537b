"""Who asks: what every request under /api passes first."""

from functools import lru_cache
from time import time
from typing import Any

import jwt
from litestar import Request
from litestar.connection import ASGIConnection

from core.settings import ApiSettings, HubSettings
from read_api.auth import access, tokens
from read_api.auth.access import caller_by_access_token
from read_api.auth.caller import CALLER, Caller
from read_api.auth.service_keys import KeyUses, caller_by_service_key, is_service_key, shown_key
from read_api.auth.tokens import InvalidTokenError, caller_by_development_token
from read_api.auth.verification import Verification

CUSTOMER = "hub.customer"
"""Key of the request's scope: the id that the token names, as text."""
EXPIRES = "hub.expires"
"""Key of the request's scope: when the token ends, seconds since 1970."""

Connection = ASGIConnection[Any, Any, Any, Any]

# A client sends one token many times; its signature need not be computed each time.
REMEMBERED = 10_000


class BearerGuard:
    """Lets in whoever brings a valid token or service key, and writes down who that is.

    Called as a hook before the request rather than as one of Litestar's guards, for each of which the framework copies
    the route's handler: that was a tenth of a request's cost.
    """

    def __init__(self, hub: HubSettings, settings: ApiSettings, verification: Verification, uses: KeyUses) -> None:
        self._settings = settings
        self._takes_development_tokens = hub.hub_mode == "development" and settings.jwt_key is not None
        self._verification = verification
        self._uses = uses
        self._verified = lru_cache(REMEMBERED)(self._at_first_sight)
        # A key that was withdrawn vouches for nothing that was remembered.
        verification.keys_changed = self._verified.cache_clear

    def __call__(self, request: Request[Any, Any, Any]) -> None:
        """Raises InvalidTokenError, InvalidFieldError, UnknownCustomerError, DatabaseDownError."""
        caller = self.caller(request, bearer_token(request))
        scope: Any = request.scope
        scope[CALLER] = caller
        scope[CUSTOMER] = caller.customer
        scope[EXPIRES] = caller.expires

    def caller(self, connection: Connection, token: str) -> Caller:
        """Whom a token speaks for; a service key, for the customer that the request names.

        Raises:
            InvalidTokenError: it is not valid, or no longer.
            InvalidFieldError, UnknownCustomerError: of a service key: no customer is named, or none of its.
            DatabaseDownError: whether it was called back cannot be known now.
        """
        if is_service_key(token):
            key = shown_key(self._verification.service_keys(), token)
            self._uses.saw(key, connection.client.host if connection.client else "")
            return caller_by_service_key(key, connection)
        caller = self._verified(token)
        if caller.expires <= time():
            raise InvalidTokenError("the bearer token is not valid")
        if caller.session is not None and self._verification.is_called_back(caller.session, caller.epoch):
            raise InvalidTokenError("the bearer token is not valid")
        return caller

    def person(self, connection: Connection) -> Caller:
        """Who logged in and shows their token.

        Raises:
            InvalidTokenError: nobody does; it is a system's, of `hub token`, or of whoever looks as another.
            DatabaseDownError: whether it was called back cannot be known now.
        """
        token = bearer_token(connection)
        if is_service_key(token):
            raise InvalidTokenError("a system has no log-in of a person")
        caller = self.caller(connection, token)
        if caller.session is None or caller.actor is not None:
            raise InvalidTokenError("nobody logged in for this token")
        return caller

    def _at_first_sight(self, token: str) -> Caller:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as error:
            raise InvalidTokenError("the bearer token is not valid") from error
        # What the header says chooses between two checks, each with a key and an algorithm of its own.
        if header.get("alg") == access.ALGORITHM:
            return caller_by_access_token(self._settings, self._verification.keys(), header, token)
        if header.get("alg") == tokens.ALGORITHM and self._takes_development_tokens:
            return caller_by_development_token(self._settings, token)
        raise InvalidTokenError("the bearer token is not valid")


def bearer_token(connection: Connection) -> str:
    """What `Authorization` holds after `Bearer`.

    Raises:
        InvalidTokenError: it holds nothing of the kind.
    """
    sent = next((value for name, value in connection.scope["headers"] if name == b"authorization"), b"")
    scheme, _, token = sent.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidTokenError("a bearer token is needed")
    return token.strip()
