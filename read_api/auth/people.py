"""The people of an account: who acts for a customer, and who is invited to.

An owner decides, by a session that is fresh; PostgreSQL asks the same again (sql/objects/auth_people.sql).
"""

from uuid import UUID, uuid4

import msgspec

from core.errors import NotFoundError
from core.settings import AuthSettings
from domain.common.account_roles import AccountRole
from read_api.auth.caller import Caller
from read_api.auth.entering import Client, text_of
from read_api.auth.errors import LastOwnerError, LinkEndedError, LogInNeededError
from read_api.auth.factors import Factors
from read_api.auth.limits import Limit, attempt, key_of, neighbourhood
from read_api.auth.password_links import DAY_SECONDS, QUARTER_SECONDS, hash_of, new_token
from read_api.auth.passwords import Passwords, objection
from read_api.auth.sign_ups import mailbox
from read_api.auth.tokens import ROLES
from read_api.http.problems.errors import ForbiddenRoleError, InvalidFieldError
from read_api.store.database import Database
from read_api.store.questions import Question

MEMBERS = Question("auth/members")
CHANGE_MEMBER = Question("auth/change_member")
INVITE = Question("auth/invite")
END_INVITATION = Question("auth/end_invitation")
INVITATIONS_OF = Question("auth/invitations_of")
INVITATION = Question("auth/invitation")
ACCEPT_INVITATION = Question("auth/accept_invitation")

INVITATION_DAYS = 7
INVITED_BY_CUSTOMER, INVITED_ANYWHERE = 20, 5
"""Invitations a day: of one customer, and to one address by whomever."""


class People:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, settings: AuthSettings, factors: Factors, passwords: Passwords, database: Database) -> None:
        self._settings = settings
        self._factors = factors
        self._passwords = passwords
        self._database = database

    async def members(self, caller: Caller) -> bytes:
        """Who acts for the caller's customer, as JSON.

        Raises:
            ForbiddenRoleError: the caller is no owner by now.
        """
        return await self._json(MEMBERS, caller)

    async def change_member(self, caller: Caller, member: UUID, role: AccountRole | None, client: Client) -> None:
        """Give somebody another role for the caller's customer; None: none any more.

        Raises:
            NotFoundError: they do not act for it.
            LastOwnerError: nobody else would own it.
            ForbiddenRoleError, FreshAuthenticationNeededError, DatabaseDownError.
        """
        await self._factors.require_fresh(caller)
        values = self._asked(caller, client) | {"member": str(member), "role": role}
        ((outcome,),) = await self._database.tell(CHANGE_MEMBER, values)
        await self._require_owner(caller, outcome)
        if outcome == b"last_owner":
            raise LastOwnerError("the customer would have no owner")
        if outcome != b"changed":
            raise NotFoundError("there is no such person")

    async def invitations(self, caller: Caller) -> bytes:
        """Who is invited to act for the caller's customer, as JSON.

        Raises:
            ForbiddenRoleError: the caller is no owner by now.
        """
        return await self._json(INVITATIONS_OF, caller)

    async def invite(
        self, caller: Caller, email: str, role: AccountRole, language: str | None, client: Client
    ) -> dict[str, object]:
        """Send an address a link to act for the caller's customer. Whether anybody has it makes no difference here.

        Raises:
            TooManyTriesError, ForbiddenRoleError, FreshAuthenticationNeededError, DatabaseDownError.
        """
        await self._factors.require_fresh(caller)
        await attempt(
            self._database,
            "invitation",
            Limit("customer", key_of("customer", caller.customer), INVITED_BY_CUSTOMER, DAY_SECONDS),
            Limit("address", key_of("invited", mailbox(email)), INVITED_ANYWHERE, DAY_SECONDS),
        )
        invitation, token = str(uuid4()), new_token()
        values = self._asked(caller, client) | {
            "invitation": invitation, "email": email, "role": role, "language": language, "token": token,
            "token_hash": hash_of(token), "days": str(INVITATION_DAYS),
        }  # fmt: skip
        ((outcome, expires_at),) = await self._database.tell(INVITE, values)
        await self._require_owner(caller, outcome)
        ends = msgspec.json.decode(expires_at or b"null")
        return {"id": invitation, "email": email, "role": role, "expiresAt": ends}

    async def withdraw(self, caller: Caller, invitation: UUID, client: Client) -> None:
        """Let an invitation be good no more.

        Raises:
            NotFoundError: it is none of the customer's, or was accepted.
            ForbiddenRoleError, FreshAuthenticationNeededError, DatabaseDownError.
        """
        await self._factors.require_fresh(caller)
        values = self._asked(caller, client) | {"invitation": str(invitation)}
        ((outcome,),) = await self._database.tell(END_INVITATION, values)
        await self._require_owner(caller, outcome)
        if outcome != b"withdrawn":
            raise NotFoundError("there is no such invitation")

    async def accept(
        self, token: str, password: str | None, caller: Caller | None, client: Client
    ) -> tuple[str, AccountRole]:
        """Act for the customer that an invitation is of: its id, and the role. Nobody is logged in by it.

        Where nobody has the invited address, a person is made, with that password; else `caller` must be who has it: a
        link alone gives nothing to whoever holds it of somebody who is there already.

        Raises:
            LinkEndedError: it was accepted, withdrawn, is too old, or never was one.
            LogInNeededError: somebody has the address, and they are not the caller.
            InvalidFieldError, TooManyTriesError, BusyError, DatabaseDownError.
        """
        near, hashed = neighbourhood(client.address), hash_of(token)
        limit = Limit("address", key_of("address", near), self._settings.resets_per_address, QUARTER_SECONDS)
        await attempt(self._database, "invitation_accepted", limit)
        rows = await self._database.tell(INVITATION, {"token_hash": hashed})
        if not rows:
            raise LinkEndedError("the invitation is good no more")
        email, is_new = text_of(rows[0][0]), rows[0][1] != b"t"
        if is_new and password is None:
            raise InvalidFieldError("password", "is needed: nobody logs in with the invited address yet")
        if is_new and (reason := objection(password or "", email)):
            raise InvalidFieldError("password", reason)
        values = {
            "token_hash": hashed, "session": caller.session if caller else None, "address": client.address,
            "hashed": await self._passwords.hashed(password) if is_new and password else None,
        }  # fmt: skip
        ((outcome, customer, role),) = await self._database.tell(ACCEPT_INVITATION, values)
        if outcome == b"log_in":
            raise LogInNeededError("somebody logs in with the invited address")
        if outcome != b"accepted":
            raise LinkEndedError("the invitation is good no more")
        return text_of(customer), ROLES[text_of(role)]

    def _asked(self, caller: Caller, client: Client) -> dict[str, str | None]:
        return {"session": caller.session, "fresh": self._factors.fresh_minutes, "address": client.address}

    async def _require_owner(self, caller: Caller, outcome: bytes | None) -> None:
        """The database asks of the session what was asked of the token, and may find that it is otherwise by now."""
        await self._factors.require_done(caller, outcome == b"stale")
        if outcome == b"forbidden":
            raise ForbiddenRoleError(caller.role, ("owner",))

    async def _json(self, question: Question, caller: Caller) -> bytes:
        rows = await self._database.tell(question, {"session": caller.session})
        if not rows:
            raise ForbiddenRoleError(caller.role, ("owner",))
        return msgspec.json.format(rows[0][0] or b"null", indent=-1)
