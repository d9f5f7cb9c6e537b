"""Bearer tokens that we did not make, or that should be good no more."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256
from hmac import new
from json import dumps

import jwt

from core.clock import utc_now
from tests.attack.suite import Seen, attack
from tests.attack.target import Target


def _statuses(target: Target, tokens: dict[str, str]) -> dict[str, int]:
    return {
        name: target.http.get("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code
        for name, token in tokens.items()
    }


def _all_refused(found: dict[str, int]) -> Seen:
    through = {name: status for name, status in found.items() if status != 401}
    return Seen(not through, f"let through: {through}" if through else f"{len(found)} tokens answered 401")


def _part(content: object) -> str:
    return urlsafe_b64encode(dumps(content).encode()).rstrip(b"=").decode()


@attack("held", quick=True, needs_stack=False, reads=True)
def forged_tokens(target: Target) -> Seen:
    """Only a token signed with our key, for us and in time, speaks for anybody."""
    key, now = target.settings.jwt_key.get_secret_value(), utc_now()
    claims = {
        "iss": target.settings.jwt_issuer,
        "aud": target.settings.jwt_audience,
        "sub": str(target.customers()[0]),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=5)).timestamp()),
    }

    def signed(key: str = key, algorithm: str = "HS256", **other: object) -> str:
        return jwt.encode(claims | other, key, algorithm=algorithm)

    def by_hand(**header: object) -> str:
        content = f"{_part({'typ': 'JWT', **header})}.{_part(claims)}"
        proof = urlsafe_b64encode(new(key.encode(), content.encode(), sha256).digest()).rstrip(b"=").decode()
        return f"{content}.{proof}"

    past = int((now - timedelta(minutes=1)).timestamp())
    return _all_refused(
        _statuses(
            target,
            {
                "alg none": f"{_part({'alg': 'none'})}.{_part(claims)}.",
                "alg None, signed": by_hand(alg="None"),
                "RS256 with our HMAC": by_hand(alg="RS256"),
                "HS512 with our key": signed(key * 2, "HS512"),
                "another key": signed("x" * 32),
                "another issuer": signed(iss="somebody"),
                "another audience": signed(aud="analytics"),
                "expired": signed(exp=past),
                "not yet": signed(nbf=int((now + timedelta(hours=1)).timestamp())),
                "nobody": signed(sub=""),
                "no id": signed(sub="' OR true --"),
                "cut": signed()[:-6],
                "no token": "x",
            },
        )
    )


@attack("9", quick=True, needs_stack=False, reads=True)
def eternal_token(target: Target) -> Seen:
    """A token lives no longer than the settings allow, whatever it says itself."""
    now = utc_now()
    claims = {
        "iss": target.settings.jwt_issuer,
        "aud": target.settings.jwt_audience,
        "sub": str(target.customers()[0]),
        "iat": now,
        "exp": now + timedelta(days=3650),
    }
    token = jwt.encode(claims, target.settings.jwt_key.get_secret_value(), algorithm="HS256")
    return _all_refused(_statuses(target, {"ten years": token}))


@attack("9", quick=True)
def token_of_a_deleted_customer(target: Target) -> Seen:
    """Deletion ends access: a token that is still in time reads and writes nothing."""
    customer = target.customers()[0]
    target.rows("UPDATE hub.customer_accounts SET deleted_at = now() WHERE customer_id = %s", customer)
    target.rows("UPDATE hub.customers SET deleted_at = now() WHERE id = %s", customer)

    read = target.http.get("/api/invoices", headers=target.headers(customer))
    write = target.http.post(
        "/api/support/cases",
        headers=target.keyed(customer),
        json={"subject": "still here", "description": "still here"},
    )

    shown = len(read.json().get("data", [])) if read.is_success else 0
    return Seen(shown == 0 and write.status_code != 202, f"{shown} invoices read; a case answered {write.status_code}")
