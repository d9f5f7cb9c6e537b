"""Second factors: proving them at log-in and again later, switching them on and off.

The API finds out whether a code is right; PostgreSQL decides whether it counts (sql/objects/auth_factors.sql, which
also says what a further method takes; here it takes a branch of `_proof`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from secrets import token_bytes
from typing import Literal
from uuid import uuid4

import msgspec

from core.clock import Clock, utc_now
from core.errors import NotFoundError
from read_api.auth.assertions import Assertions
from read_api.auth.caller import Caller
from read_api.auth.ceremonies import Answer
from read_api.auth.device_codes import proof_of
from read_api.auth.door import QUARTER_SECONDS, Door, require_begun
from read_api.auth.entering import (
    TOKEN_BYTES,
    Client,
    Entered,
    Remembered,
    caller_of_row,
    hashed,
    read,
    text_of,
    written,
)
from read_api.auth.errors import (
    ChallengeEndedError,
    FreshAuthenticationNeededError,
    LastWayInError,
    NoAccountError,
    PasskeyRefusedError,
    PasswordTooShortError,
    WrongCodeError,
)
from read_api.auth.limits import Limit, attempt, key_of, neighbourhood
from read_api.auth.notes import note
from read_api.auth.passwords import ALONE
from read_api.auth.recovery import hash_of, new_codes
from read_api.auth.tokens import InvalidTokenError
from read_api.auth.totp import Seal, new_secret, step_of, uri
from read_api.http.problems.errors import InvalidFieldError
from read_api.store.database import Database
from read_api.store.questions import Question

ChallengeMethod = Literal["passkey", "totp", "recovery", "email"]
Method = Literal["password", "passkey", "totp", "recovery"]

TRY_CHALLENGE = Question("auth/try_challenge")
MEET_CHALLENGE = Question("auth/meet_challenge")
PROVING = Question("auth/proving")
STEP_UP_METHODS = Question("auth/step_up_methods")
STEP_UP = Question("auth/step_up")
FACTORS_OF = Question("auth/factors_of")
BEGIN_TOTP = Question("auth/begin_totp")
CONFIRM_TOTP = Question("auth/confirm_totp")
END_TOTP = Question("auth/end_totp")
RENEW_RECOVERY_CODES = Question("auth/renew_recovery_codes")

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Known:
    """What a person's proofs are compared with: their password's hash, their app's sealed secret, their challenge.

    `proven`: of a log-in that waits for a code by e-mail, what tells the password that was proven from an earlier one.
    """

    person: str
    password_hash: str | None = None
    secret: str | None = None
    challenge: bytes = b""
    proven: str = ""


@dataclass(frozen=True)
class NewApp:
    """What an authenticator app is given: the secret, and the same as a QR code holds it."""

    secret: str
    uri: str


@dataclass(frozen=True)
class Renewed:
    """Recovery codes, to be shown once, and how many other sessions ended."""

    codes: Sequence[str]
    ended: int


class Factors:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, door: Door, database: Database, now: Clock = utc_now) -> None:
        self.max_age = door.settings.fresh_minutes * 60
        self._settings = door.settings
        self._issuer = door.issuer
        self._passwords = door.passwords
        self._database = database
        self._seal = Seal(door.settings)
        self.assertions = Assertions(door.settings, database)
        self._now = now

    # -- proving it --------------------------------------------------------------------------------------------------

    async def verify(
        self, challenge: str, method: ChallengeMethod, shown: str | Answer, client: Client, *, remember_days: int = 0
    ) -> Entered:
        """Go on with a log-in by a second factor, or a code by e-mail: what a log-in gives.

        `shown`: the code, or of a passkey the answer. `remember_days`: for how long no code is sent to this device.

        Raises:
            ChallengeEndedError: it is none of ours, another client's, too old, used, or was tried too often.
            WrongCodeError, PasskeyRefusedError: it is not right, or was used before.
            InvalidFieldError: the person has no such factor.
            TooManyTriesError, PersonLockedError, NoAccountError, NotSetUpError, DatabaseDownError.
        """
        key, waiting = await self._issuer.key(), read(challenge)
        await self.attempt_from(client)
        if waiting is None:
            raise ChallengeEndedError("this log-in cannot be gone on with")
        asked = {"challenge": hashed(waiting), "client": client.digest}
        rows = await self._database.tell(TRY_CHALLENGE, asked | {"most": str(self._settings.tries_per_challenge)})
        if not rows:
            raise ChallengeEndedError("this log-in cannot be gone on with")
        person, methods, secret, proven = map(text_of, rows[0])
        require_method(method, methods.split())
        known = Known(person, secret=secret, challenge=waiting, proven=proven)
        proof = await self._proof(known, method, shown, client)
        if proof is None:
            await note(self._database, "login.refused", client, person, why="wrong_code", method=method)
            raise _refused(method)
        token, session, device = token_bytes(TOKEN_BYTES), str(uuid4()), token_bytes(TOKEN_BYTES)
        remembers = method == "email" and remember_days > 0
        values = asked | {
            "method": method, "proof": proof, "session": session, "token": hashed(token), "device": client.device,
            "days": str(self._settings.session_days), "forgiven": tries_of(person, method, proven),
            "address": client.address,
            "remembered": hashed(device) if remembers else None, "remember_days": str(remember_days),
        }  # fmt: skip
        ((outcome, _, customer, role, epoch, amr, since, _),) = await self._database.tell(MEET_CHALLENGE, values)
        if outcome == b"wrong":
            raise _refused(method)
        require_begun(outcome)
        if outcome != b"begun":
            raise ChallengeEndedError("this log-in cannot be gone on with")
        caller = caller_of_row(customer, role, epoch, amr, since, person, session)
        entered = self._issuer.entered(key, caller, token)
        return replace(entered, device=Remembered(written(device), remember_days)) if remembers else entered

    async def step_up(self, caller: Caller, method: Method, shown: str | Answer, client: Client) -> Entered:
        """The caller proves again who they are: an access token that is fresh.

        `shown`: the password, the code, or of a passkey the answer.

        Raises:
            InvalidFieldError: the password is wrong, or it takes another method.
            WrongCodeError, PasskeyRefusedError, TooManyTriesError, NoAccountError, InvalidTokenError, BusyError,
            NotSetUpError, DatabaseDownError.
        """
        key, person = await self._issuer.key(), caller.person or ""
        await self.attempt_from(client)
        require_method(method, await self.step_up_methods(caller))
        known = await self._known(person)
        proof = await self._proof(known, method, shown, client)
        if proof is None:
            await note(self._database, "session.step_up_refused", client, person, method=method)
            raise _refused(method)
        values = {
            "session": caller.session, "method": method, "proof": proof, "forgiven": tries_of(person, method),
            "address": client.address,
        }  # fmt: skip
        ((outcome, _, customer, role, epoch, amr, since),) = await self._database.tell(STEP_UP, values)
        if outcome in {b"wrong", b"refused"}:
            raise _refused(method)
        if outcome == b"no_account":
            raise NoAccountError("this person may act for no customer any more")
        if outcome != b"fresh":
            raise InvalidTokenError("the session is over")
        return self._issuer.entered(key, caller_of_row(customer, role, epoch, amr, since, person, caller.session))

    async def step_up_methods(self, caller: Caller) -> Sequence[str]:
        """By which methods the caller can prove now who they are."""
        if caller.person is None:
            return ()
        ((methods,),) = await self._database.tell(STEP_UP_METHODS, {"person": caller.person})
        return text_of(methods).split()

    async def require_fresh(self, caller: Caller) -> None:
        """Raises FreshAuthenticationNeededError: it was too long ago that the caller proved who they are."""
        if not self.is_fresh(caller):
            raise FreshAuthenticationNeededError(await self.step_up_methods(caller), self.max_age)

    def is_fresh(self, caller: Caller) -> bool:
        """Whether the caller has proven lately who they are."""
        return self._now().timestamp() - caller.authenticated_at < self.max_age

    # -- one's own factors -------------------------------------------------------------------------------------------

    async def factors_of(self, caller: Caller) -> bytes:
        """What the caller proves who they are with, as JSON.

        Raises:
            InvalidTokenError: the session is over by now.
        """
        rows = await self._database.tell(FACTORS_OF, {"session": caller.session})
        if not rows:
            raise InvalidTokenError("the session is over")
        return msgspec.json.format(rows[0][0] or b"null", indent=-1)

    async def begin_totp(self, caller: Caller) -> NewApp:
        """A secret for an authenticator app; it counts once a code of it came.

        Raises:
            FreshAuthenticationNeededError, NotSetUpError, DatabaseDownError.
        """
        await self.require_fresh(caller)
        secret = new_secret()
        ((email, *_),) = await self._database.tell(PROVING, {"person": caller.person})
        values = {"session": caller.session, "fresh": self.fresh_minutes, "sealed": self._seal.sealed(secret)}
        ((begun,),) = await self._database.tell(BEGIN_TOTP, values)
        await self.require_done(caller, begun != b"t")
        return NewApp(secret, uri(secret, text_of(email), self._settings.portal_name))

    async def confirm_totp(self, caller: Caller, code: str, client: Client) -> Renewed:
        """Switch on the app that such a code came from: new recovery codes.

        Raises:
            NotFoundError: no secret was given out within the last hour.
            WrongCodeError, FreshAuthenticationNeededError, TooManyTriesError, NotSetUpError, DatabaseDownError.
        """
        await self.require_fresh(caller)
        person = caller.person or ""
        await self._attempt_of(person, "totp")
        ((*_, pending),) = await self._database.tell(PROVING, {"person": person})
        if pending is None:
            raise NotFoundError("no app waits to be switched on")
        step = step_of(self._seal.opened(pending.decode()), code, self._now().timestamp())
        if step is None:
            raise WrongCodeError("the code is not right")
        codes = new_codes()
        values = {
            "session": caller.session, "fresh": self.fresh_minutes, "sealed": pending.decode(), "step": str(step),
            "codes": codes_as_array(codes), "forgiven": tries_of(person, "totp"), "address": client.address,
        }  # fmt: skip
        ((outcome, ended),) = await self._database.tell(CONFIRM_TOTP, values)
        await self.require_done(caller, outcome == b"stale")
        if outcome != b"on":
            raise WrongCodeError("the code is not right")
        return Renewed(codes, int(ended or b"0"))

    async def renew_recovery_codes(self, caller: Caller, client: Client) -> Renewed:
        """New recovery codes; earlier ones are good no more.

        Raises:
            NotFoundError: the caller has no second factor.
            FreshAuthenticationNeededError, DatabaseDownError.
        """
        await self.require_fresh(caller)
        codes = new_codes()
        values = {
            "session": caller.session,
            "fresh": self.fresh_minutes,
            "codes": codes_as_array(codes),
            "address": client.address,
        }
        ((outcome, ended),) = await self._database.tell(RENEW_RECOVERY_CODES, values)
        await self.require_done(caller, outcome == b"stale")
        if outcome != b"renewed":
            raise NotFoundError("there is no second factor")
        return Renewed(codes, int(ended or b"0"))

    async def end_totp(self, caller: Caller, client: Client) -> int:
        """Switch the app off; how many other sessions ended.

        Raises:
            NotFoundError: there is none.
            PasswordTooShortError, LastWayInError: with what would be left they could not log in.
            FreshAuthenticationNeededError, DatabaseDownError.
        """
        await self.require_fresh(caller)
        values = {"session": caller.session, "fresh": self.fresh_minutes, "address": client.address}
        ((outcome, ended),) = await self._database.tell(END_TOTP, values)
        await self.require_done(caller, outcome == b"stale")
        require_enough_left(outcome)
        if outcome != b"off":
            raise NotFoundError("there is no app that is switched on")
        return int(ended or b"0")

    # -- what these share --------------------------------------------------------------------------------------------

    @property
    def fresh_minutes(self) -> str:
        """As the database's functions take it."""
        return str(self._settings.fresh_minutes)

    async def require_done(self, caller: Caller, is_stale: bool) -> None:
        """The database asks of the session what was asked of the token, and may find that it is not fresh any more."""
        if is_stale:
            raise FreshAuthenticationNeededError(await self.step_up_methods(caller), self.max_age)

    async def _known(self, person: str) -> Known:
        rows = await self._database.tell(PROVING, {"person": person})
        if not rows:
            raise InvalidTokenError("the session is over")
        _, password_hash, secret, _ = (None if each is None else each.decode() for each in rows[0])
        return Known(person, password_hash, secret)

    async def _proof(
        self, known: Known, method: Method | ChallengeMethod, shown: str | Answer, client: Client
    ) -> str | None:
        """What auth.prove takes for what was shown; None: it is not right.

        Raises:
            TooManyTriesError, BusyError, NotSetUpError, DatabaseDownError.
        """
        if not isinstance(shown, str):
            try:
                proof = await self.assertions.proof(shown, client)
            except PasskeyRefusedError:
                return None
            return proof.text if proof.person == known.person else None
        if method == "recovery":
            # Nobody guesses 120 bits. Were these tries counted, whoever knows the password could keep the person out.
            return hash_of(shown)
        if method == "password":
            await self._attempt_of(known.person, method)
            return known.password_hash if await self._passwords.fits(shown, known.password_hash) else None
        if method == "email":
            await self._attempt_of(known.person, method, known.proven)
            return proof_of(known.challenge, shown)
        # Before it counts as a try: that a key is missing is not the person's fault.
        secret = self._seal.opened(known.secret or "")
        await self._attempt_of(known.person, method)
        step = step_of(secret, shown, self._now().timestamp())
        return None if step is None else str(step)

    async def _attempt_of(self, person: str, method: str, proven: str = "") -> None:
        """Counted by person and method: who guesses one keeps nobody from using another.

        Codes by e-mail are counted by the password `proven`, too: who guesses them knows it, until there is another.
        """
        await attempt(
            self._database,
            "factor",
            Limit(method, tries_of(person, method, proven), self._settings.tries_per_factor, QUARTER_SECONDS),
            Limit(
                f"{method}_a_day",
                key_of("factor", person, method, proven, "day"),
                self._settings.tries_per_factor_a_day,
                DAY_SECONDS,
            ),
        )

    async def attempt_from(self, client: Client) -> None:
        address = key_of("address", neighbourhood(client.address))
        await attempt(
            self._database, "factor", Limit("address", address, self._settings.tries_per_address, QUARTER_SECONDS)
        )


def tries_of(person: str, method: str, proven: str = "") -> str:
    """Under which a person's tries of a method count, until one is right."""
    return key_of("factor", person, method, proven)


def require_method(method: str, methods: Sequence[str]) -> None:
    """Raises InvalidFieldError: it is none of these."""
    if method not in methods:
        raise InvalidFieldError("method", f"must be {' or '.join(methods)}" if methods else "is not offered")


def require_enough_left(outcome: bytes | None) -> None:
    """Raises PasswordTooShortError, LastWayInError: with what would be left somebody could not log in."""
    if outcome == b"short":
        raise PasswordTooShortError(f"change the password first, to one of at least {ALONE} characters")
    if outcome == b"last":
        raise LastWayInError("set a password first, by a link that resets it")


def _refused(method: str) -> Exception:
    if method == "passkey":
        return PasskeyRefusedError("the passkey is not accepted")
    if method == "password":
        return InvalidFieldError("password", "is not the password")
    return WrongCodeError("the code is not right")


def codes_as_array(codes: Sequence[str]) -> str:
    """The codes' hashes, as PostgreSQL reads an array of bytes."""
    return "{" + ",".join(rf'"\\x{hash_of(code)}"' for code in codes) + "}"
