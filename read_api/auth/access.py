"""Access tokens: what a person shows at each request, for fifteen minutes, after having logged in.

JWTs of type `at+jwt` (RFC 9068), of whoever looks as another `view+jwt` (view_as.py), signed by Ed25519 with a key that
has a name (`kid`). Which keys there are, and what was called back, every copy of the API keeps in memory
(verification.py); a signature is computed at first sight only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.clock import Clock, utc_now
from core.settings import ApiSettings
from read_api.auth.caller import Caller
from read_api.auth.tokens import ROLES, InvalidTokenError, claims_of

ALGORITHM = "EdDSA"
TYPE, VIEW_TYPE = "at+jwt", "view+jwt"
CLAIMS = ("customer", "role", "sid", "epoch", "amr")
OPERATOR = re.compile(r"operator:[!-~]{1,100}")


@dataclass(frozen=True)
class SigningKey:
    """A private key and its name."""

    kid: str
    private: Ed25519PrivateKey


def signed(
    settings: ApiSettings, key: SigningKey, caller: Caller, now: Clock = utc_now, minutes: int | None = None
) -> str:
    """A token that says who the caller is, for `settings.jwt_minutes` or so long; `caller.expires` is not looked at."""
    issued = now()
    claims: dict[str, Any] = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": caller.person,
        "customer": caller.customer,
        "role": caller.role,
        "sid": caller.session,
        "epoch": caller.epoch,
        "amr": list(caller.amr),
        "auth_time": int(caller.authenticated_at),
        "iat": issued,
        "exp": issued + timedelta(minutes=minutes or settings.jwt_minutes),
    }
    if caller.actor is not None:
        claims["act"] = {"sub": caller.actor}
    headers = {"kid": key.kid, "typ": TYPE if caller.actor is None else VIEW_TYPE}
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers=headers)


def caller_by_access_token(
    settings: ApiSettings, keys: Mapping[str, Ed25519PublicKey], header: Mapping[str, Any], token: str
) -> Caller:
    """Whom the token speaks for. `header`: its own, which only says which of our keys to try.

    Raises:
        InvalidTokenError: it is not ours, not in time, or of another kind.
    """
    key = keys.get(header.get("kid", ""))
    # An unknown name causes no look at the database: the keys that are known are a second old at most.
    if key is None or header.get("typ") not in {TYPE, VIEW_TYPE}:
        raise InvalidTokenError("the bearer token is not valid")
    is_view = header["typ"] == VIEW_TYPE
    claims = claims_of(settings, token, key, ALGORITHM, *CLAIMS, is_view=is_view)
    try:
        actor = _actor(claims["act"]["sub"]) if is_view else None
        return Caller(
            customer=str(UUID(claims["customer"])) if claims["customer"] != "" else "",
            # Whoever looks as another changes nothing, whatever the token says.
            role=ROLES[claims["role"]] if actor is None else "read_only",
            expires=claims["exp"],
            person=claims["sub"],
            session=str(UUID(claims["sid"])),
            epoch=int(claims["epoch"]),
            amr=tuple(map(str, claims["amr"])),
            actor=actor,
            authenticated_at=float(claims.get("auth_time", 0.0)),  # made by an older copy: never fresh
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidTokenError("the bearer token is not valid") from error


def _actor(said: str) -> str:
    return said if OPERATOR.fullmatch(said) else str(UUID(said))


def public_jwk(kid: str, public: bytes) -> dict[str, str]:
    """A public key as it stands in /.well-known/jwks.json (RFC 8037)."""
    x = jwt.utils.base64url_encode(public).decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": ALGORITHM, "use": "sig"}
