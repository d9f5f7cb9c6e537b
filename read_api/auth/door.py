"""Logging in, staying logged in, logging out: what happens behind /auth. Everything that is kept is PostgreSQL's."""

import hmac
from collections.abc import Sequence
from functools import reduce
from secrets import token_bytes
from uuid import UUID, uuid4

import msgspec

from core.errors import NotFoundError
from core.settings import ApiSettings, AuthSettings
from read_api.auth.caller import Caller
from read_api.auth.device_codes import DeviceCodes
from read_api.auth.entering import (
    TOKEN_BYTES,
    Challenged,
    Client,
    Entered,
    Issuer,
    caller_of_row,
    hashed,
    read,
    text_of,
    written,
)
from read_api.auth.errors import (
    NoAccountError,
    PersonLockedError,
    SessionEndedError,
    TooManyTriesError,
    WrongCredentialsError,
)
from read_api.auth.limits import Limit, attempt, key_of, neighbourhood
from read_api.auth.notes import note
from read_api.auth.password_links import PasswordLinks
from read_api.auth.passwords import Passwords, is_long, least_of, objection
from read_api.auth.tokens import InvalidTokenError
from read_api.http.problems.errors import InvalidFieldError
from read_api.store.database import Database, Row
from read_api.store.questions import Question

KNOWN = Question("auth/known")
BEGIN_SESSION = Question("auth/begin_session")
OPEN_CHALLENGE = Question("auth/open_challenge")
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
DEVICES_OF = Question("auth/devices_of")
FORGET_DEVICE = Question("auth/forget_device")

HOUR_SECONDS = 3600
QUARTER_SECONDS = 900
MINUTE_SECONDS = 60


class Door:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(
        self, api: ApiSettings, settings: AuthSettings, database: Database, *, device_codes: bool = False
    ) -> None:
        self.settings = settings
        self.issuer = Issuer(api, database)
        self.passwords = Passwords(settings)
        self.password_links = PasswordLinks(settings, database, self.passwords)
        self.device_codes = DeviceCodes(settings, database)
        self._asks_for_codes = device_codes
        self._database = database

    async def log_in(self, email: str, password: str, client: Client) -> Entered | Challenged:
        """A session for whoever knows the password, or a challenge to prove more.

        Whoever has a second factor proves that. Whoever has none and is on a device that is not known for theirs proves
        a code, which is sent by e-mail, where the settings want it.

        Raises:
            WrongCredentialsError: nobody has that address, or another password. It takes as long either way.
            TooManyTriesError, PersonLockedError, NoAccountError, BusyError, NotSetUpError, DatabaseDownError.
        """
        key = await self.issuer.key()
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
        if not await self.passwords.fits(password, stored) or stored is None:
            await note(self._database, "login.refused", client, person, why="wrong_password" if person else "unknown")
            raise WrongCredentialsError("e-mail address and password do not belong together")
        rehashed = await self.passwords.hashed(password) if self.passwords.is_outdated(stored) else None
        token, session = token_bytes(TOKEN_BYTES), str(uuid4())
        values = {
            "session": session, "person": person, "verified": stored, "rehashed": rehashed, "token": hashed(token),
            "device": client.device, "amr": "pwd", "days": str(self.settings.session_days), "forgiven": theirs,
            "address": client.address, "codes": str(self._asks_for_codes).lower(),
            "shown": None if (shown := read(client.known_by)) is None else hashed(shown),
        }  # fmt: skip
        ((outcome, customer, role, epoch, since),) = await self._database.tell(BEGIN_SESSION, values)
        if outcome == b"challenged":
            return await self._challenged(person, rehashed or stored, theirs, client)
        if outcome == b"refused":
            raise WrongCredentialsError("e-mail address and password do not belong together")
        require_begun(outcome)
        caller = caller_of_row(customer, role, epoch, b"pwd", since, person, session)
        return self.issuer.entered(key, caller, token)

    async def refresh(self, token: str, client: Client) -> Entered:
        """The next refresh token of a session, and an access token that says who its person is by now.

        Whoever lost the answer may ask again, for a moment: it gets the family's newest token, which only a token of
        the family and the salts that are kept together can tell.

        Raises:
            SessionEndedError: it is none of ours, or good no more. One that somebody else showed before ends the
                session, for one of the two stole it.
            TooManyTriesError, NoAccountError, NotSetUpError, DatabaseDownError.
        """
        shown, key = _shown(token), await self.issuer.key()
        address = key_of("address", neighbourhood(client.address))
        await attempt(
            self._database,
            "refresh",
            Limit("token", key_of("token", token), self.settings.refreshes_per_token, MINUTE_SECONDS),
            Limit("address", address, self.settings.refreshes_per_address, MINUTE_SECONDS),
        )
        salt = token_bytes(TOKEN_BYTES)
        values = {
            "token": hashed(shown), "salt": salt.hex(), "successor": hashed(_next(shown, salt)),
            "client": client.digest, "grace": str(self.settings.grace_seconds), "days": str(self.settings.session_days),
            "longest": str(self.settings.session_longest_days), "address": client.address,
        }  # fmt: skip
        ((outcome, session, person, customer, role, epoch, amr, since, salts),) = await self._database.tell(
            REFRESH, values
        )
        if outcome == b"no_account":
            raise NoAccountError("this person may act for no customer any more")
        if outcome not in {b"rotated", b"repeated"}:
            raise SessionEndedError("the session is over")
        newest = reduce(_next, [bytes.fromhex(each) for each in (salts or b"").decode().split(",")], shown)
        caller = caller_of_row(customer, role, epoch, amr, since, text_of(person), text_of(session))
        return self.issuer.entered(key, caller, newest)

    async def log_out(self, token: str, client: Client) -> bool:
        """End the session of a refresh token; whether it was good."""
        try:
            values = {"token": hashed(_shown(token)), "address": client.address}
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

    async def devices(self, caller: Caller) -> bytes:
        """The devices on which the caller is asked for no code, as JSON."""
        return await self._json(DEVICES_OF, caller)

    async def forget_device(self, caller: Caller, which: UUID, client: Client) -> None:
        """Ask for a code again on one of the caller's devices.

        Raises:
            NotFoundError: it is none of theirs.
        """
        values = {"session": caller.session, "which": str(which), "address": client.address}
        if (await self._database.tell(FORGET_DEVICE, values))[0][0] != b"t":
            raise NotFoundError("there is no such device")

    async def act_for(self, caller: Caller, customer: UUID, client: Client) -> Entered:
        """Another access token, for another of the caller's customers.

        Raises:
            NotFoundError: the caller may not act for it.
        """
        key = await self.issuer.key()
        values = {"session": caller.session, "customer": str(customer), "address": client.address}
        rows = await self._database.tell(ACT_FOR, values)
        if not rows:
            raise NotFoundError("there is no such customer")
        person, chosen, role, epoch, amr, since = rows[0]
        return self.issuer.entered(key, caller_of_row(chosen, role, epoch, amr, since, text_of(person), caller.session))

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
        person, email, stored, has_another = rows[0]
        if reason := objection(new, text_of(email), least_of(has_another == b"t")):
            raise InvalidFieldError("newPassword", reason)
        if not await self.passwords.fits(current, None if stored is None else stored.decode()):
            await note(self._database, "password.refused", client, text_of(person), why="wrong_password")
            raise InvalidFieldError("currentPassword", "is not the password")
        values = {
            "session": session, "verified": text_of(stored), "hashed": await self.passwords.hashed(new),
            "suffices": str(is_long(new)).lower(), "address": client.address,
        }  # fmt: skip
        ended = (await self._database.tell(CHANGE_PASSWORD, values))[0][0]
        if ended is None:
            raise InvalidFieldError("currentPassword", "is not the password any more")
        return int(ended)

    def close(self) -> None:
        self.passwords.close()

    async def _json(self, question: Question, caller: Caller) -> bytes:
        rows = await self._database.tell(question, {"session": caller.session})
        if not rows:
            raise InvalidTokenError("the session is over")
        return msgspec.json.format(rows[0][0] or b"null", indent=-1)

    async def _challenged(self, person: str | None, verified: str, forgiven: str, client: Client) -> Challenged:
        challenge = token_bytes(TOKEN_BYTES)
        values = {
            "challenge": hashed(challenge), "person": person, "verified": verified, "client": client.digest,
            "forgiven": forgiven, "minutes": str(self.settings.challenge_minutes), "address": client.address,
        }  # fmt: skip
        ((methods,),) = await self._database.tell(OPEN_CHALLENGE, values)
        if methods == b"email":
            await self.device_codes.send(person or "", key_of(verified), challenge, client)
        return Challenged(written(challenge), text_of(methods).split())

    async def _tell_limited(self, email: str, client: Client, limit: Limit) -> None:
        """By e-mail, that the account is tried too often; at most once in the limit's time."""
        limits = msgspec.json.encode([limit]).decode()
        await self._database.tell(TELL_LIMITED, {"email": email, "limits": limits, "address": client.address})

    @staticmethod
    def _known(rows: Sequence[Row]) -> tuple[str | None, str | None]:
        if not rows:
            return None, None
        person, stored = rows[0]
        return text_of(person), None if stored is None else stored.decode()


def require_begun(outcome: bytes | None) -> None:
    """What became of a session that somebody has proven enough for.

    Raises:
        PersonLockedError, NoAccountError.
    """
    if outcome == b"locked":
        raise PersonLockedError("an operator has locked this log-in")
    if outcome == b"no_account":
        raise NoAccountError("this person may act for no customer")


def _shown(token: str) -> bytes:
    if (found := read(token)) is None:
        raise SessionEndedError("the session is over")
    return found


def _next(token: bytes, salt: bytes) -> bytes:
    """The token after this one. Neither the token nor the salt alone tells it."""
    return hmac.digest(token, salt, "sha256")
