"""Proving who one is by a passkey: asking a browser to use one, and what auth.prove takes for its answer."""

from dataclasses import dataclass
from secrets import token_bytes
from typing import Any
from uuid import UUID, uuid4

import msgspec
from webauthn.helpers import base64url_to_bytes

from core.settings import AuthSettings
from read_api.auth.ceremonies import MINUTES, Answer, Site, challenge_of
from read_api.auth.entering import TOKEN_BYTES, Client, hashed, text_of
from read_api.auth.errors import PasskeyRefusedError
from read_api.store.database import Database
from read_api.store.questions import Question

BEGIN_CEREMONY = Question("auth/begin_ceremony")
PASSKEY = Question("auth/passkey")


@dataclass(frozen=True)
class Proof:
    """By whose passkey something was signed, and what auth.prove takes for it."""

    person: str
    text: str


class Assertions:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, settings: AuthSettings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def begin(self, client: Client) -> dict[str, Any]:
        """What a browser is to be asked with, for whichever passkey it has.

        Raises:
            NotSetUpError, DatabaseDownError.
        """
        site, challenge = Site.of(self._settings), token_bytes(TOKEN_BYTES)
        values = {"challenge": hashed(challenge), "client": client.digest, "minutes": str(MINUTES)}
        await self._database.tell(BEGIN_CEREMONY, values)
        return site.to_use(challenge)

    async def proof(self, answer: Answer, client: Client, used: str | None = None) -> Proof:
        """Whose passkey signed the answer. It counts once PostgreSQL has used its ceremony up, as `used`, an id.

        Raises:
            PasskeyRefusedError: nobody has it, or it is not right.
            NotSetUpError, DatabaseDownError.
        """
        site, credential = Site.of(self._settings), _bytes(answer["id"])
        rows = await self._database.tell(PASSKEY, {"credential": credential.hex()})
        if not rows:
            raise PasskeyRefusedError("the passkey is not accepted")
        person = text_of(rows[0][0])
        signed = site.used(answer, bytes.fromhex(text_of(rows[0][1])))
        # What the authenticator knows its owner by: the browser had it from there, for nobody was named.
        if _bytes(answer["response"]["userHandle"] or "") != UUID(person).bytes:
            raise PasskeyRefusedError("the passkey is not accepted")
        shown = {
            "challenge": challenge_of(answer), "client": client.digest, "credential": credential.hex(),
            "used": used or str(uuid4()), "count": signed.new_sign_count, "backed_up": signed.credential_backed_up,
        }  # fmt: skip
        return Proof(person, msgspec.json.encode(shown).decode())


def _bytes(written: str) -> bytes:
    try:
        return base64url_to_bytes(written)
    except ValueError as error:
        raise PasskeyRefusedError("the passkey is not accepted") from error
