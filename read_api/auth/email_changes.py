"""Another e-mail address: a link is sent to it, and counts by a session of whoever asked.

PostgreSQL decides (sql/objects/auth_email.sql).
"""

from read_api.auth.caller import Caller
from read_api.auth.entering import Client
from read_api.auth.errors import LinkEndedError
from read_api.auth.factors import Factors
from read_api.auth.limits import Limit, attempt, key_of
from read_api.auth.password_links import DAY_SECONDS, HOUR_SECONDS, LINK_MINUTES, hash_of, new_token
from read_api.auth.sign_ups import mailbox
from read_api.store.database import Database
from read_api.store.questions import Question

REQUEST_EMAIL_CHANGE = Question("auth/request_email_change")
CONFIRM_EMAIL = Question("auth/confirm_email")

ASKED_AN_HOUR, SENT_A_DAY, TRIED_AN_HOUR = 3, 5, 20
"""Links that a person may ask for; those to one address, whoever asks; links that a person may try."""


class EmailChanges:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, factors: Factors, database: Database) -> None:
        self._factors = factors
        self._database = database

    async def request(self, caller: Caller, email: str, client: Client) -> None:
        """Have a link sent to the address that the caller wants. Whether somebody has it makes no difference here.

        Raises:
            FreshAuthenticationNeededError, TooManyTriesError, DatabaseDownError.
        """
        await self._factors.require_fresh(caller)
        await attempt(
            self._database,
            "email_change",
            Limit("person", key_of("person", caller.person or ""), ASKED_AN_HOUR, HOUR_SECONDS),
            Limit("address", key_of("wanted", mailbox(email)), SENT_A_DAY, DAY_SECONDS),
        )
        token = new_token()
        values = {
            "session": caller.session, "fresh": self._factors.fresh_minutes, "email": email, "token": token,
            "token_hash": hash_of(token), "minutes": str(LINK_MINUTES), "address": client.address,
        }  # fmt: skip
        ((outcome,),) = await self._database.tell(REQUEST_EMAIL_CHANGE, values)
        await self._factors.require_done(caller, outcome == b"stale")

    async def confirm(self, caller: Caller, token: str, client: Client) -> int:
        """Log in with the new address from now on; how many other sessions of the caller's ended.

        Raises:
            LinkEndedError: it was used, is too old, was followed by another, is another person's, or never was one; or
                somebody else has the address by now.
            TooManyTriesError, DatabaseDownError.
        """
        limit = Limit("person", key_of("person", caller.person or ""), TRIED_AN_HOUR, HOUR_SECONDS)
        await attempt(self._database, "email_confirmed", limit)
        values = {"token_hash": hash_of(token), "session": caller.session, "address": client.address}
        ((ended,),) = await self._database.tell(CONFIRM_EMAIL, values)
        if ended is None:
            raise LinkEndedError("the link is good no more")
        return int(ended)
