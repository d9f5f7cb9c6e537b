"""Who asks, as a token says it."""

from typing import Any, NamedTuple

from litestar.connection import ASGIConnection

from domain.common.account_roles import AccountRole

CALLER = "hub.caller"
"""Key of the request's scope: the Caller."""


class Caller(NamedTuple):
    """Whom a token speaks for.

    customer: an id that the customer was ever known by; empty: none, of an agent who is no customer. expires: when the
    token ends, seconds since 1970.
    person, session: ids, as text; None: a token of `hub token`, for which nobody logged in. epoch: of that session,
    when the token was made. actor: who looks on as this person, the id of an agent or `operator:` and a log-in; None:
    nobody does. Then `session` is the view's. authenticated_at: when the person last proved who they are, seconds since
    1970; 0: never.
    key: id of the service key that speaks instead of a person; None: none does.
    """

    customer: str
    role: AccountRole
    expires: float
    person: str | None = None
    session: str | None = None
    epoch: int = 0
    amr: tuple[str, ...] = ()
    actor: str | None = None
    authenticated_at: float = 0.0
    key: str | None = None


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Who asks; the guard has let them in."""
    caller: Caller = connection.scope[CALLER]  # type: ignore[literal-required]
    return caller
