"""Codes by e-mail, for whoever logs in by a password alone on a device that they have not logged in on before."""

import hmac
from secrets import randbelow

from core.settings import AuthSettings
from read_api.auth.entering import Client, hashed, read, text_of
from read_api.auth.errors import ChallengeEndedError
from read_api.auth.limits import Limit, attempt, key_of
from read_api.store.database import Database
from read_api.store.questions import Question

SEND_CODE = Question("auth/send_code")
WAITS_FOR_CODE = Question("auth/waits_for_code")

DIGITS = 6
HOUR_SECONDS = 3600


class DeviceCodes:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, settings: AuthSettings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def send(self, person: str, proven: str, challenge: bytes, client: Client) -> None:
        """Have a code sent, for a log-in that waits for one. It is sent once an e-mail server takes it.

        `proven`: of the hash of the password that was proven, `key_of`: with another password, codes count anew.

        Raises:
            ChallengeEndedError: none waits any more.
            TooManyTriesError, DatabaseDownError.
        """
        limit = Limit("codes", key_of("code", person, proven), self._settings.codes_per_person, HOUR_SECONDS)
        await attempt(self._database, "device_code", limit)
        code = f"{randbelow(10**DIGITS):0{DIGITS}}"
        values = {
            "challenge": hashed(challenge), "client": client.digest, "code": code,
            "code_hash": proof_of(challenge, code), "minutes": str(self._settings.challenge_minutes),
            "device": client.device, "address": client.address,
        }  # fmt: skip
        ((sent,),) = await self._database.tell(SEND_CODE, values)
        if sent != b"t":
            raise ChallengeEndedError("this log-in cannot be gone on with")

    async def send_again(self, challenge: str, client: Client) -> None:
        """Have another code sent, which is then the only good one.

        Raises:
            ChallengeEndedError: no log-in waits for one by that challenge.
            TooManyTriesError, DatabaseDownError.
        """
        waiting = read(challenge)
        asked = {"challenge": hashed(waiting or b""), "client": client.digest}
        rows = await self._database.tell(WAITS_FOR_CODE, asked)
        if waiting is None or not rows:
            raise ChallengeEndedError("this log-in cannot be gone on with")
        person, proven = map(text_of, rows[0])
        await self.send(person, proven, waiting, client)


def proof_of(challenge: bytes, code: str) -> str:
    """What is kept of a code, however it was typed: from that alone, nobody can try all codes."""
    return hmac.digest(challenge, code.replace(" ", "").replace("-", "").encode(), "sha256").hex()
