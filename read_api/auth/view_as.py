"""View-as: a support agent sees the portal as a customer does, and changes nothing.

A view has an access token of its own, of role read_only, whose claim `act` (RFC 8693) names who looks; there is no
refresh token. What it reads is in the audit before it is answered (sql/objects/auth_view_as.sql; decision 0037).
"""

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import msgspec
from litestar.connection import ASGIConnection

from core.clock import Clock
from core.errors import NotFoundError
from read_api.auth.caller import Caller
from read_api.auth.entering import Client, Entered, Issuer, text_of
from read_api.auth.errors import LookingOnError, NoAgentError
from read_api.auth.factors import Factors
from read_api.auth.limits import Limit, attempt, key_of
from read_api.auth.tokens import InvalidTokenError
from read_api.http.problems.errors import ForbiddenRoleError, NotAdmittedError
from read_api.store.database import Database, UnknownCustomerError
from read_api.store.questions import Question

BEGIN_VIEW = Question("auth/begin_view")
END_VIEWS = Question("auth/end_views")
NOTE_VIEW = Question("auth/note_view")
VIEWS_OF = Question("auth/views_of")

AN_HOUR = 30
"""How many customers an agent may look at in an hour: nobody helps more, and who stole the log-in reads no more."""
HOUR_SECONDS = 3600
READS_A_MINUTE = 120
"""What a view may read, of each copy of the API: every read takes its turn in the audit, which all log-ins wait for."""


Connection = ASGIConnection[Any, Any, Any, Any]


class Views:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(self, issuer: Issuer, factors: Factors, database: Database, now: Clock) -> None:
        self._issuer = issuer
        self._factors = factors
        self._database = database
        self._now = now
        # Of this minute alone, so that nothing is kept of views that ended.
        self._minute = 0
        self._reads = Counter[str]()

    async def begin(  # noqa: PLR0917 - what is asked for, and by whom
        self, caller: Caller, customer: UUID, person: UUID | None, reason: str, minutes: int, client: Client
    ) -> Entered:
        """An access token that looks at the customer as the person does; None: as its first owner.

        Raises:
            NoAgentError: the caller is no support agent.
            NotFoundError: that person, or anybody, does not act for such a customer.
            FreshAuthenticationNeededError, TooManyTriesError, NotSetUpError, DatabaseDownError.
        """
        key, agent = await self._issuer.key(), caller.person or ""
        await self._factors.require_fresh(caller)
        await attempt(self._database, "view", Limit("agent", key_of("view", agent), AN_HOUR, HOUR_SECONDS))
        view = str(uuid4())
        values = {
            "view": view, "session": caller.session, "fresh": self._factors.fresh_minutes, "customer": str(customer),
            "person": None if person is None else str(person), "reason": reason, "minutes": str(minutes),
            "address": client.address,
        }  # fmt: skip
        ((outcome, seen),) = await self._database.tell(BEGIN_VIEW, values)
        await self._factors.require_done(caller, outcome == b"stale")
        if outcome == b"no_agent":
            raise NoAgentError("only support agents look as customers do")
        if outcome != b"begun":
            raise NotFoundError("nobody logs in for such a customer")
        return self._issuer.entered(key, viewing(str(customer), text_of(seen), view, agent), minutes=minutes)

    async def end(self, caller: Caller, client: Client) -> int:
        """End the view whose token it is; by an agent's own token, all of theirs. How many ended."""
        values = {"session": caller.session, "address": client.address}
        return int((await self._database.tell(END_VIEWS, values))[0][0] or b"0")

    async def looked_at(self, caller: Caller) -> bytes:
        """When support looked at the customer that the caller owns, as JSON.

        Raises:
            ForbiddenRoleError: they are no owner by now.
        """
        rows = await self._database.tell(VIEWS_OF, {"session": caller.session})
        if not rows:
            raise ForbiddenRoleError(caller.role, ("owner",))
        return msgspec.json.format(rows[0][0] or b"null", indent=-1)

    async def note(self, caller: Caller, connection: Connection) -> None:
        """Add to the audit what is looked at, where somebody looks as another; before it is answered.

        Raises:
            LookingOnError: it is not a read.
            NotAdmittedError: the view has read enough in this minute.
            InvalidTokenError: the view is over.
            DatabaseDownError: it cannot be added, so it is not answered.
        """
        if caller.actor is None:
            return
        method = str(connection.scope.get("method", "GET"))  # a live socket has none
        if method != "GET":
            raise LookingOnError("whoever looks as a customer changes nothing")
        self._count(caller.session or "")
        values = {
            "view": caller.session, "method": method, "path": connection.scope["path_template"],
            "address": connection.client.host if connection.client else "",
        }  # fmt: skip
        if (await self._database.tell(NOTE_VIEW, values))[0][0] != b"t":
            raise InvalidTokenError("the view is over")

    def _count(self, view: str) -> None:
        minute, seconds = divmod(int(self._now().timestamp()), 60)
        if minute != self._minute:
            self._minute, self._reads = minute, Counter()
        self._reads[view] += 1
        if self._reads[view] > READS_A_MINUTE:
            raise NotAdmittedError("reads_by_a_view", "per_minute", 60 - seconds)

    async def admit(self, caller: Caller, connection: Connection) -> None:
        """What whoever asks for a customer's data must pass.

        Raises:
            UnknownCustomerError: they act for none, as an agent may.
            what `note` raises.
        """
        if not caller.customer:
            raise UnknownCustomerError("whoever asks acts for no customer")
        await self.note(caller, connection)


def operator(login: str) -> str:
    """A log-in of the machine as tokens and headers can name it."""
    return "".join(each if "!" <= each <= "~" else "?" for each in login)[:100]


def viewing(customer: str, person: str, view: str, actor: str) -> Caller:
    """Whom the token of a view speaks for. `actor`: as `Caller.actor`."""
    return Caller(customer, "read_only", 0.0, person, view, actor=actor)
