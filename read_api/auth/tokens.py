"""Bearer tokens: JWT, HS256, whose subject is the id of a customer."""

from datetime import datetime, timedelta
from uuid import UUID

import jwt

from core.clock import utc_now
from core.errors import HubError
from core.settings import ApiSettings

ALGORITHM = "HS256"
CLOCKS_DIFFER_SECONDS = 30
"""How far the clock of whoever signs may be ahead of ours. Source: RFC 7519, 4.1: "some small leeway"."""


class InvalidTokenError(HubError):
    """The token is not ours, not for us, out of date or garbled. Never says which: that helps only a forger."""


def mint(settings: ApiSettings, customer_id: UUID, now: datetime | None = None) -> str:
    """A token that speaks for one customer for `settings.jwt_minutes` from `now` (UTC)."""
    issued = now or utc_now()
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": str(customer_id),
        "iat": issued,
        "exp": issued + timedelta(minutes=settings.jwt_minutes),
    }
    return jwt.encode(claims, settings.jwt_key.get_secret_value(), algorithm=ALGORITHM)


def claims_of(settings: ApiSettings, token: str) -> tuple[str, float]:
    """The customer's id as text, and when the token expires, seconds since 1970.

    Signature, issuer, audience, expiry and length of life are checked.

    Raises:
        InvalidTokenError: any of these does not hold.
    """
    try:
        claims = jwt.decode(
            token,
            settings.jwt_key.get_secret_value(),
            algorithms=[ALGORITHM],
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            leeway=CLOCKS_DIFFER_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        # Whoever signs decides what a token says; how long one that leaks is good for, the settings decide.
        if not float(claims["exp"]) - float(claims["iat"]) <= settings.jwt_minutes * 60:
            raise jwt.InvalidTokenError("it lives too long")  # noqa: TRY301 - one answer to every bad token
        return str(UUID(claims["sub"])), float(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise InvalidTokenError("the bearer token is not valid") from error
