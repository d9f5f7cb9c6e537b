"""Logging in, staying logged in, logging out: what happens behind /auth. Everything that is kept is PostgreSQL's."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from secrets import token_bytes
from time import monotonic
from uuid import UUID, uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import NotFoundError
from core.settings import ApiSettings, AuthSettings
from read_api.auth.access import SigningKey, signed
from read_api.auth.caller import Caller
from read_api.auth.errors import (
    NoAccountError,
    PersonLockedError,
    SessionEndedError,
    TooManyTriesError,
    WrongCredentialsError,
)
from read_api.auth.limits import Limit, attempt, key_of, neighbourhood
from read_api.auth.password_links import PasswordLinks
from read_api.auth.passwords import Passwords, objection
from read_api.auth.tokens import ROLES, InvalidTokenError
from read_api.http.problems.errors import InvalidFieldError, NotSetUpError
from read_api.store.database import Database, Row
from read_api.store.questions import Question

KNOWN = Question("auth/known")
NOTE = Question("auth/note")
SIGNING_KEY = Question("auth/signing_key")
BEGIN_SESSION = Question("auth/begin_session")
REFRESH = Question("auth/refresh")
ME = Question("auth/me")
SESSIONS_OF = Question("auth/sessions_of")
END_SESSION = Question("auth/end_session")
END_SESSION_OF = Question("auth/end_session_of")
END_ALL_SESSIONS = Question("auth/end_all_sessions")
ACT_FOR = Question("auth/act_for")
PASSWORD_OF = Question("auth/password_of")
CHANGE_PASSWORD = Question("auth/change_password")
TELL_LIMITED = Question("auth/tell_limited")

HOUR_SECONDS = 3600
QUARTER_SECONDS = 900
MINUTE_SECONDS = 60
KEY_SECONDS = 5.0
"""For how long a copy goes on signing with a key that was retired: far less than the next one was published before."""
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Client:
    """Where a request comes from. `device`: what the browser says it is."""

    address: str
    device: str

    @property
    def digest(self) -> str:
        """What tells one client from another, for whoever asks for a lost answer again."""
        return sha256(self.device.encode()).hexdigest()


@dataclass(frozen=True)
class Entered:
    """Somebody is in. `refresh`: the token for the cookie; None: they keep the one they have."""

    access: str
    caller: Caller
    refresh: str | None


class Door:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, api: ApiSettings, settings: AuthSettings, database: Database) -> None:
        self.settings = settings
        self.minutes = api.jwt_minutes
        self._api = api
        self._database = database
        self._passwords = Passwords(settings)
        self.password_links = PasswordLinks(settings, database, self._passwords)
        self._key: SigningKey | None = None
        self._key_read_at = float("-inf")

    async def log_in(self, email: str, password: str, client: Client) -> Entered:
        """A session for whoever knows the password.

        Raises:
            WrongCredentialsError: nobody has that address, or another password. It takes as long either way.
            TooManyTriesError, PersonLockedError, NoAccountError, BusyError, NotSetUpError, DatabaseDownError.
        """
        key = await self._signing_key()
        account, near = email.lower(), neighbourhood(client.address)
        theirs = key_of("account", account, near)
        anywhere, address = key_of("account", account), key_of("address", near)
        try:
            await attempt(
                self._database,
                "login",
                Limit("account", theirs, self.settings.tries_per_account, QUARTER_SECONDS),
                Limit("account_anywhere", anywhere, self.settings.tries_per_account_anywhere, QUARTER_SECONDS),
                Limit("address", address, self.settings.tries_per_address, QUARTER_SECONDS),
            )
        except TooManyTriesError as error:
            if error.limit != "address":
                await self._tell_limited(email, client, Limit("told", anywhere, 1, HOUR_SECONDS))
            raise
        person, stored = self._known(await self._database.tell(KNOWN, {"email": email}))
        if not await self._passwords.fits(password, stored) or stored is None:
            await self._note("login.refused", client, person, "wrong_password" if person else "unknown")
            raise WrongCredentialsError("e-mail address and password do not belong together")
        rehashed = await self._passwords.hashed(password) if self._passwords.is_outdated(stored) else None
        token, session = token_bytes(TOKEN_BYTES), str(uuid4())
        values = {
            "session": session, "person": person, "verified": stored, "rehashed": rehashed, "token": _hash(token),
            "device": client.device, "amr": "pwd", "days": str(self.settings.session_days), "forgiven": theirs,
            "address": client.address,
        }  # fmt: skip
        ((outcome, customer, role, epoch),) = await self._database.tell(BEGIN_SESSION, values)
        if outcome == b"refused":
            raise WrongCredentialsError("e-mail address and password do not belong together")
        if outcome == b"locked":
            raise PersonLockedError("an operator has locked this log-in")
        if outcome == b"no_account":
            raise NoAccountError("this person may act for no customer")
        caller = _caller(customer, role, epoch, b"pwd", person, session)
        return self._entered(key, caller, token)

    async def refresh(self, token: str, client: Client) -> Entered:
        """The next refresh token of a session, and an access token that says who its person is by now.

        Whoever lost the answer may ask again, for a moment: it gets the family's newest token, which only a token of
        the family and the salts that are kept together can tell.

        Raises:
            SessionEndedError: it is none of ours, or good no more. One that somebody else showed before ends the
                session, for one of the two stole it.
            TooManyTriesError, NoAccountError, NotSetUpError, DatabaseDownError.
        """
        shown, key = _read(token), await self._signing_key()
        address = key_of("address", neighbourhood(client.address))
        await attempt(
            self._database,
            "refresh",
            Limit("token", key_of("token", token), self.settings.refreshes_per_token, MINUTE_SECONDS),
            Limit("address", address, self.settings.refreshes_per_address, MINUTE_SECONDS),
        )
        salt = token_bytes(TOKEN_BYTES)
        values = {
            "token": _hash(shown), "salt": salt.hex(), "successor": _hash(_next(shown, salt)), "client": client.digest,
            "grace": str(self.settings.grace_seconds), "days": str(self.settings.session_days),
            "longest": str(self.settings.session_longest_days), "address": client.address,
        }  # fmt: skip
        ((outcome, session, person, customer, role, epoch, amr, salts),) = await self._database.tell(REFRESH, values)
        if outcome == b"no_account":
            raise NoAccountError("this person may act for no customer any more")
        if outcome not in {b"rotated", b"repeated"}:
            raise SessionEndedError("the session is over")
        newest = reduce(_next, [bytes.fromhex(each) for each in (salts or b"").decode().split(",")], shown)
        return self._entered(key, _caller(customer, role, epoch, amr, _text(person), _text(session)), newest)

    async def log_out(self, token: str, client: Client) -> bool:
        """End the session of a refresh token; whether it was good."""
        try:
            values = {"token": _hash(_read(token)), "address": client.address}
        except SessionEndedError:
            return False
        rows = await self._database.tell(END_SESSION_OF, values)
        return bool(rows) and rows[0][0] == b"t"

    async def log_out_everywhere(self, caller: Caller, client: Client) -> int:
        """End all sessions of the caller's; how many that were."""
        rows = await self._database.tell(END_ALL_SESSIONS, {"session": caller.session, "address": client.address})
        return int(rows[0][0] or b"0")

    async def end_session(self, caller: Caller, which: UUID, client: Client) -> None:
        """Log out one of the caller's own.

        Raises:
            NotFoundError: it is none of theirs, or over.
        """
        values = {"session": caller.session, "which": str(which), "address": client.address}
        if (await self._database.tell(END_SESSION, values))[0][0] != b"t":
            raise NotFoundError("there is no such session")

    async def me(self, caller: Caller) -> bytes:
        """Who the caller is, as JSON.

        Raises:
            InvalidTokenError: the session is over by now.
        """
        return await self._json(ME, caller)

    async def sessions(self, caller: Caller) -> bytes:
        """Where the caller is logged in, as JSON."""
        return await self._json(SESSIONS_OF, caller)

    async def act_for(self, caller: Caller, customer: UUID, client: Client) -> Entered:
        """Another access token, for another of the caller's customers.

        Raises:
            NotFoundError: the caller may not act for it.
        """
        key = await self._signing_key()
        values = {"session": caller.session, "customer": str(customer), "address": client.address}
        rows = await self._database.tell(ACT_FOR, values)
        if not rows:
            raise NotFoundError("there is no such customer")
        person, chosen, role, epoch, amr = rows[0]
        return self._entered(key, _caller(chosen, role, epoch, amr, _text(person), caller.session), None)

    async def change_password(self, caller: Caller, current: str, new: str, client: Client) -> int:
        """How many other sessions of the caller's ended with the old password.

        Raises:
            InvalidFieldError, WrongCredentialsError, TooManyTriesError, BusyError, InvalidTokenError.
        """
        session = caller.session or ""
        limit = Limit("session", key_of("session", session), self.settings.tries_per_account, QUARTER_SECONDS)
        await attempt(self._database, "password", limit)
        rows = await self._database.tell(PASSWORD_OF, {"session": session})
        if not rows:
            raise InvalidTokenError("the session is over")
        person, email, stored = rows[0]
        if reason := objection(new, _text(email)):
            raise InvalidFieldError("newPassword", reason)
        if not await self._passwords.fits(current, None if stored is None else stored.decode()):
            await self._note("password.refused", client, _text(person), "wrong_password")
            raise InvalidFieldError("currentPassword", "is not the password")
        values = {
            "session": session, "verified": _text(stored), "hashed": await self._passwords.hashed(new),
            "address": client.address,
        }  # fmt: skip
        ended = (await self._database.tell(CHANGE_PASSWORD, values))[0][0]
        if ended is None:
            raise InvalidFieldError("currentPassword", "is not the password any more")
        return int(ended)

    def close(self) -> None:
        self._passwords.close()

    async def _json(self, question: Question, caller: Caller) -> bytes:
        rows = await self._database.tell(question, {"session": caller.session})
        if not rows:
            raise InvalidTokenError("the session is over")
        return msgspec.json.format(rows[0][0] or b"null", indent=-1)

    async def _signing_key(self) -> SigningKey:
        """Raises NotSetUpError: nobody has made one yet."""
        if self._key is None or monotonic() - self._key_read_at > KEY_SECONDS:
            at, rows = monotonic(), await self._database.tell(SIGNING_KEY, {})
            if not rows:
                raise NotSetUpError("logging in is not set up: there is no key to sign with (`hub keys rotate`)")
            private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_text(rows[0][1])))
            self._key, self._key_read_at = SigningKey(_text(rows[0][0]), private), at
        return self._key

    async def _note(self, action: str, client: Client, person: str | None, why: str) -> None:
        values = {
            "actor": "anybody", "action": action, "record": None if person is None else f"user:{person}",
            "address": client.address, "details": msgspec.json.encode({"why": why}).decode(),
        }  # fmt: skip
        await self._database.tell(NOTE, values)

    async def _tell_limited(self, email: str, client: Client, limit: Limit) -> None:
        """By e-mail, that the account is tried too often; at most once in the limit's time."""
        limits = msgspec.json.encode([limit]).decode()
        await self._database.tell(TELL_LIMITED, {"email": email, "limits": limits, "address": client.address})

    def _entered(self, key: SigningKey, caller: Caller, token: bytes | None) -> Entered:
        refresh = None if token is None else urlsafe_b64encode(token).rstrip(b"=").decode()
        return Entered(signed(self._api, key, caller), caller, refresh)

    @staticmethod
    def _known(rows: Sequence[Row]) -> tuple[str | None, str | None]:
        if not rows:
            return None, None
        person, stored = rows[0]
        return _text(person), None if stored is None else stored.decode()


def _read(token: str) -> bytes:
    try:
        found = urlsafe_b64decode(token.encode("ascii") + b"=")
    except ValueError as error:
        raise SessionEndedError("the session is over") from error
    if len(found) != TOKEN_BYTES:
        raise SessionEndedError("the session is over")
    return found


def _next(token: bytes, salt: bytes) -> bytes:
    """The token after this one. Neither the token nor the salt alone tells it."""
    return hmac.digest(token, salt, "sha256")


def _hash(token: bytes) -> str:
    return sha256(token).hexdigest()


def _text(value: bytes | None) -> str:
    return (value or b"").decode()


def _caller(  # noqa: PLR0917 - a row
    customer: bytes | None, role: bytes | None, epoch: bytes | None, amr: bytes | None, person: str | None,
    session: str | None,
) -> Caller:  # fmt: skip
    words = tuple(_text(amr).split())
    return Caller(_text(customer), ROLES[_text(role)], 0.0, person, session, int(epoch or b"0"), words)
