"""Bearer tokens: JWTs whose signature, issuer, audience, end and length of life are checked.

Those that people get by logging in are signed by EdDSA (access.py). The ones here are signed by HS256 with a key that
the settings hold, and speak for a customer without a log-in: for development, and refused in production.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import inf
from typing import Any
from uuid import UUID

import jwt

from core.clock import utc_now
from core.errors import HubError, SettingsError
from core.settings import ApiSettings
from domain.common.account_roles import AccountRole
from read_api.auth.caller import Caller

ALGORITHM = "HS256"
CLOCKS_DIFFER_SECONDS = 30
"""How far the clock of whoever signs may be ahead of ours. Source: RFC 7519, 4.1: "some small leeway"."""
VIEW_MINUTES = 60
"""How long a token of a view may live (view_as.py), which is not refreshed."""
ROLES: Mapping[Any, AccountRole] = {
    "owner": "owner",
    "billing": "billing",
    "technical": "technical",
    "read_only": "read_only",
}


class InvalidTokenError(HubError):
    """The token is not ours, not for us, out of date or garbled. Never says which: that helps only a forger."""


def mint(settings: ApiSettings, customer_id: UUID, now: datetime | None = None, role: AccountRole | None = None) -> str:
    """A token that speaks for one customer for `settings.jwt_minutes` from `now` (UTC), as its owner unless told.

    Raises:
        SettingsError: there is no key for such tokens.
    """
    issued = now or utc_now()
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": str(customer_id),
        "iat": issued,
        "exp": issued + timedelta(minutes=settings.jwt_minutes),
    }
    if role is not None:
        claims["role"] = role
    return jwt.encode(claims, _key(settings), algorithm=ALGORITHM)


def caller_by_development_token(settings: ApiSettings, token: str) -> Caller:
    """Whom such a token speaks for; it names a customer, and may name a role.

    It is always fresh: nobody logged in for it, so nobody can be asked to prove again who they are.

    Raises:
        InvalidTokenError: as `claims_of`.
    """
    claims = claims_of(settings, token, _key(settings), ALGORITHM)
    role = ROLES.get(claims.get("role", "owner"))
    if role is None:
        raise InvalidTokenError("the bearer token is not valid")
    return Caller(claims["sub"], role, claims["exp"], authenticated_at=inf)


def claims_of(
    settings: ApiSettings, token: str, key: Any, algorithm: str, *also: str, is_view: bool = False
) -> dict[str, Any]:
    """What the token claims; `sub` is an id as text and `exp` a number. `also`: claims that it must have besides.

    is_view: whether its type is a view's, which alone names who looks (`act`), and must.

    The algorithm is the key's, whatever the token says: a key of one kind never serves another.

    Raises:
        InvalidTokenError: signature, issuer, audience, expiry or length of life does not hold, or it names who looks
            and is no view.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            leeway=CLOCKS_DIFFER_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub", *also]},
        )
        # Whoever signs decides what a token says; how long one that leaks is good for, the settings decide.
        # Only the type of a view, which older copies do not know, may name who looks: they would let it in unwritten.
        if ("act" in claims) is not is_view:
            raise jwt.InvalidTokenError("who looks belongs to a view")  # noqa: TRY301 - one answer to every bad token
        minutes = VIEW_MINUTES if is_view else settings.jwt_minutes
        if not float(claims["exp"]) - float(claims["iat"]) <= minutes * 60:
            raise jwt.InvalidTokenError("it lives too long")  # noqa: TRY301 - one answer to every bad token
        return claims | {"sub": str(UUID(claims["sub"])), "exp": float(claims["exp"])}
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
        raise InvalidTokenError("the bearer token is not valid") from error


def _key(settings: ApiSettings) -> str:
    if settings.jwt_key is None:
        raise SettingsError(
            "API_JWT_KEY: not set; it signs tokens for development (HUB_MODE=development), for example the output of"
            " `openssl rand -hex 32`"
        )
    return settings.jwt_key.get_secret_value()
