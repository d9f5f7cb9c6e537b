"""Setting a password by a link that was sent by e-mail: asked for by whoever forgot theirs, good once, for a while."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from secrets import token_bytes

from core.settings import AuthSettings
from read_api.auth.errors import LinkEndedError
from read_api.auth.limits import Limit, attempt, key_of, neighbourhood
from read_api.auth.passwords import Passwords, is_long, least_of, objection
from read_api.http.problems.errors import InvalidFieldError
from read_api.store.database import Database
from read_api.store.questions import Question

REQUEST_PASSWORD_LINK = Question("auth/request_password_link")
PASSWORD_LINK = Question("auth/password_link")
SET_PASSWORD_BY_LINK = Question("auth/set_password_by_link")

LINK_MINUTES = 30
TOKEN_BYTES = 32
QUARTER_SECONDS, HOUR_SECONDS, DAY_SECONDS = 900, 3600, 86_400


class PasswordLinks:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, settings: AuthSettings, database: Database, passwords: Passwords) -> None:
        self._settings = settings
        self._database = database
        self._passwords = passwords

    async def request(self, email: str, address: str) -> None:
        """Have a link sent to whoever has that e-mail address. Whether anybody has makes no difference here.

        Raises:
            TooManyTriesError, DatabaseDownError.
        """
        account, near = email.lower(), neighbourhood(address)
        await attempt(
            self._database,
            "password_link",
            Limit("account", key_of("account", account, near), self._settings.resets_per_account, HOUR_SECONDS),
            Limit(
                "account_anywhere",
                key_of("account", account),
                self._settings.resets_per_account_anywhere,
                DAY_SECONDS,
            ),
            Limit("address", key_of("address", near), self._settings.resets_per_address, QUARTER_SECONDS),
        )
        token = new_token()
        values = {
            "email": email, "token_hash": hash_of(token), "token": token, "minutes": str(LINK_MINUTES),
            "address": address,
        }  # fmt: skip
        await self._database.tell(REQUEST_PASSWORD_LINK, values)

    async def use(self, token: str, password: str, address: str) -> int:
        """Set the password of the link's person; how many sessions ended. A password that may not be uses up no link.

        Raises:
            LinkEndedError: it was used, is too old, or never was one.
            InvalidFieldError, TooManyTriesError, BusyError, DatabaseDownError.
        """
        near, hashed = neighbourhood(address), hash_of(token)
        limit = Limit("address", key_of("address", near), self._settings.resets_per_address, QUARTER_SECONDS)
        await attempt(self._database, "password_link_used", limit)
        rows = await self._database.tell(PASSWORD_LINK, {"token_hash": hashed})
        if not rows:
            raise LinkEndedError("the link is good no more")
        email, has_another = (rows[0][0] or b"").decode(), rows[0][1] == b"t"
        if reason := objection(password, email, least_of(has_another)):
            raise InvalidFieldError("newPassword", reason)
        values = {
            "token_hash": hashed, "hashed": await self._passwords.hashed(password),
            "suffices": str(is_long(password)).lower(), "forgiven": key_of("account", email.lower(), near),
            "address": address,
        }  # fmt: skip
        ((ended,),) = await self._database.tell(SET_PASSWORD_BY_LINK, values)
        if ended is None:
            raise LinkEndedError("the link is good no more")
        return int(ended)


def new_token() -> str:
    """256 random bits, as they stand in a link."""
    return urlsafe_b64encode(token_bytes(TOKEN_BYTES)).rstrip(b"=").decode()


def hash_of(token: str) -> str:
    """What is kept of a token, in hexadecimal."""
    return sha256(token.encode()).hexdigest()
