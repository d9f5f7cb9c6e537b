"""Logging in by a passkey, and a person's own passkeys."""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any
from uuid import UUID, uuid4

from core.errors import NotFoundError
from read_api.auth.caller import Caller
from read_api.auth.ceremonies import MINUTES, Answer, Site, challenge_of
from read_api.auth.door import Door, require_begun
from read_api.auth.entering import TOKEN_BYTES, Client, Entered, caller_of_row, hashed, text_of
from read_api.auth.errors import PasskeyRefusedError
from read_api.auth.factors import Factors, codes_as_array, require_enough_left
from read_api.auth.notes import note
from read_api.auth.recovery import new_codes
from read_api.store.database import Database
from read_api.store.questions import Question

ENTER_BY_PASSKEY = Question("auth/enter_by_passkey")
BEGIN_PASSKEY = Question("auth/begin_passkey")
ADD_PASSKEY = Question("auth/add_passkey")
END_PASSKEY = Question("auth/end_passkey")


@dataclass(frozen=True)
class Added:
    """A passkey that is on, recovery codes to be shown once where none were left, and how many other sessions ended."""

    id: str
    codes: Sequence[str]
    ended: int


class Passkeys:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, door: Door, factors: Factors, database: Database) -> None:
        self._settings = door.settings
        self._issuer = door.issuer
        self._factors = factors
        self._assertions = factors.assertions
        self._database = database

    async def options(self, client: Client) -> dict[str, Any]:
        """What a browser is to be asked with, to log in, to go on with a log-in, or to step up.

        Raises:
            NotSetUpError, TooManyTriesError, DatabaseDownError.
        """
        await self._factors.attempt_from(client)
        return await self._assertions.begin(client)

    async def log_in(self, answer: Answer, client: Client) -> Entered:
        """A session for whoever the passkey is: it is two factors by itself.

        Raises:
            PasskeyRefusedError: nobody has it, or it does not count.
            TooManyTriesError, PersonLockedError, NoAccountError, NotSetUpError, DatabaseDownError.
        """
        key, token, session = await self._issuer.key(), token_bytes(TOKEN_BYTES), str(uuid4())
        await self._factors.attempt_from(client)
        try:
            proof = await self._assertions.proof(answer, client, session)
        except PasskeyRefusedError:
            await note(self._database, "login.refused", client, None, why="wrong_passkey")
            raise
        values = {
            "person": proof.person, "proof": proof.text, "session": session, "token": hashed(token),
            "device": client.device, "days": str(self._settings.session_days), "address": client.address,
        }  # fmt: skip
        ((outcome, customer, role, epoch, amr, since),) = await self._database.tell(ENTER_BY_PASSKEY, values)
        require_begun(outcome)
        if outcome != b"begun":
            raise PasskeyRefusedError("the passkey is not accepted")
        return self._issuer.entered(key, caller_of_row(customer, role, epoch, amr, since, proof.person, session), token)

    # -- one's own ---------------------------------------------------------------------------------------------------

    async def begin(self, caller: Caller, client: Client) -> dict[str, Any]:
        """What a browser is to be asked with, to make a passkey.

        Raises:
            FreshAuthenticationNeededError, NotSetUpError, DatabaseDownError.
        """
        site, challenge = Site.of(self._settings), token_bytes(TOKEN_BYTES)
        await self._factors.require_fresh(caller)
        values = {
            "session": caller.session, "fresh": self._factors.fresh_minutes, "challenge": hashed(challenge),
            "client": client.digest, "minutes": str(MINUTES),
        }  # fmt: skip
        rows = await self._database.tell(BEGIN_PASSKEY, values)
        await self._factors.require_done(caller, not rows)
        person, email, credentials = map(text_of, rows[0])
        return site.to_make(challenge, UUID(person), email, map(bytes.fromhex, credentials.split()))

    async def confirm(self, caller: Caller, name: str, answer: Answer, client: Client) -> Added:
        """The passkey that a browser made is the caller's from now on.

        Raises:
            PasskeyRefusedError: it is not right, was not asked for in this session, or somebody has it.
            FreshAuthenticationNeededError, TooManyTriesError, NotSetUpError, DatabaseDownError.
        """
        site = Site.of(self._settings)
        await self._factors.require_fresh(caller)
        await self._factors.attempt_from(client)
        made, codes, passkey = site.made(answer), new_codes(), str(uuid4())
        values = {
            "session": caller.session, "fresh": self._factors.fresh_minutes, "challenge": challenge_of(answer),
            "client": client.digest, "passkey": passkey, "name": name, "credential": made.credential_id.hex(),
            "public_key": made.credential_public_key.hex(), "count": str(made.sign_count),
            "transports": " ".join(answer["response"]["transports"]),
            "backed_up": str(made.credential_backed_up).lower(), "codes": codes_as_array(codes),
            "address": client.address,
        }  # fmt: skip
        ((outcome, with_codes, ended),) = await self._database.tell(ADD_PASSKEY, values)
        await self._factors.require_done(caller, outcome == b"stale")
        if outcome != b"added":
            raise PasskeyRefusedError("the passkey is not accepted")
        return Added(passkey, codes if with_codes == b"t" else (), int(ended or b"0"))

    async def end(self, caller: Caller, which: UUID, client: Client) -> int:
        """Take a passkey away; how many other sessions ended.

        Raises:
            NotFoundError: it is none of the caller's.
            PasswordTooShortError, LastWayInError: with what would be left they could not log in.
            FreshAuthenticationNeededError, DatabaseDownError.
        """
        await self._factors.require_fresh(caller)
        values = {
            "session": caller.session, "fresh": self._factors.fresh_minutes, "passkey": str(which),
            "address": client.address,
        }  # fmt: skip
        ((outcome, ended),) = await self._database.tell(END_PASSKEY, values)
        await self._factors.require_done(caller, outcome == b"stale")
        require_enough_left(outcome)
        if outcome != b"off":
            raise NotFoundError("there is no such passkey")
        return int(ended or b"0")
