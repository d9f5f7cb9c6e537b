"""What whoever comes in is given: an access token, a refresh token for the cookie, or a challenge to prove more."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.settings import ApiSettings
from read_api.auth.access import SigningKey, signed
from read_api.auth.caller import Caller
from read_api.auth.tokens import ROLES
from read_api.http.problems.errors import NotSetUpError
from read_api.store.database import Database
from read_api.store.questions import Question

SIGNING_KEY = Question("auth/signing_key")

KEY_SECONDS = 5.0
"""For how long a copy goes on signing with a key that was retired: far less than the next one was published before."""
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Client:
    """Where a request comes from.

    device: what the browser says it is. known_by: the token that it was remembered by; empty: it shows none.
    """

    address: str
    device: str
    known_by: str = ""

    @property
    def digest(self) -> str:
        """What tells one client from another, for whoever asks for a lost answer again or goes on with a log-in."""
        return sha256(self.device.encode()).hexdigest()


@dataclass(frozen=True)
class Remembered:
    """A device that is known for so many days by a token."""

    token: str
    days: int


@dataclass(frozen=True)
class Entered:
    """Somebody is in. `refresh`: the token for the cookie; None: they keep the one they have.

    minutes: how long the access token is good.
    device: None: it is not to be remembered, or is already.
    """

    access: str
    caller: Caller
    refresh: str | None
    minutes: int
    device: Remembered | None = None


@dataclass(frozen=True)
class Challenged:
    """Somebody has proven something, and must prove one of `methods` besides, by this challenge."""

    challenge: str
    methods: Sequence[str]


class Issuer:
    """Makes access tokens, by the key that signs now."""

    def __init__(self, api: ApiSettings, database: Database) -> None:
        self._api = api
        self._database = database
        self._key: SigningKey | None = None
        self._key_read_at = float("-inf")

    async def key(self) -> SigningKey:
        """Asked for before anything is done, so that nothing is used up where no token can be made.

        Raises:
            NotSetUpError: nobody has made one yet.
        """
        if self._key is None or monotonic() - self._key_read_at > KEY_SECONDS:
            at, rows = monotonic(), await self._database.tell(SIGNING_KEY, {})
            if not rows:
                raise NotSetUpError("logging in is not set up: there is no key to sign with (`hub keys rotate`)")
            private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text_of(rows[0][1])))
            self._key, self._key_read_at = SigningKey(text_of(rows[0][0]), private), at
        return self._key

    def entered(
        self, key: SigningKey, caller: Caller, token: bytes | None = None, minutes: int | None = None
    ) -> Entered:
        minutes = minutes or self._api.jwt_minutes
        access = signed(self._api, key, caller, minutes=minutes)
        return Entered(access, caller, None if token is None else written(token), minutes)


def written(token: bytes) -> str:
    """A token as whoever gets it sees it."""
    return urlsafe_b64encode(token).rstrip(b"=").decode()


def read(token: str) -> bytes | None:
    """The token that was written so; None: it is none of ours."""
    try:
        found = urlsafe_b64decode(token.encode("ascii") + b"=")
    except ValueError:
        return None
    return found if len(found) == TOKEN_BYTES else None


def hashed(token: bytes) -> str:
    """As it is kept: whoever reads that has no token."""
    return sha256(token).hexdigest()


def text_of(value: bytes | None) -> str:
    return (value or b"").decode()


def caller_of_row(  # noqa: PLR0917 - a row
    customer: bytes | None, role: bytes | None, epoch: bytes | None, amr: bytes | None, since: bytes | None,
    person: str | None, session: str | None,
) -> Caller:  # fmt: skip
    words = tuple(text_of(amr).split())
    return Caller(
        text_of(customer), ROLES[text_of(role)], 0.0, person, session, int(epoch or b"0"), words,
        authenticated_at=float(since or b"0"),
    )  # fmt: skip
