"""What a caller did wrong, or an operator left undone."""

from collections.abc import Sequence

from core.errors import HubError
from domain.commands.input import Broken


class FieldError(HubError):
    """One field is at fault: its name on the wire, and a `reason` that continues the sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class InvalidFieldError(FieldError):
    """A value of the request is not usable."""


class InvalidSignatureError(FieldError):
    """A webhook does not come from who it should; the field is the header at fault."""


class NotSetUpError(HubError):
    """This part of the hub lacks a setting; the text says which part, in words a stranger may read."""


class BrokenRulesError(HubError):
    """What is asked for may not be done: every rule it breaks."""

    def __init__(self, broken: Sequence[Broken]) -> None:
        super().__init__("; ".join(f"{each.field} {each.reason}" for each in broken))
        self.broken = broken


class ForbiddenRoleError(HubError):
    """The caller acts for the customer in a role that may not do this. `allowed`: the roles that may."""

    def __init__(self, role: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{role} may not do this")
        self.role = role
        self.allowed = allowed


class KeyReusedError(HubError):
    """The idempotency key stands for another request."""


class NumberDisputedError(HubError):
    """Several open services have the line's number, and it is not proven to be this one's."""


class NotAdmittedError(HubError):
    """The customer has asked for too much of what costs something: `kind` of request, the `limit` that is reached.

    retry_after: seconds until that limit lets something pass again.
    """

    def __init__(self, kind: str, limit: str, retry_after: int) -> None:
        super().__init__(f"{kind}: {limit}")
        self.kind = kind
        self.limit = limit
        self.retry_after = retry_after
