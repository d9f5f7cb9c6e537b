"""What a caller did wrong, or an operator left undone."""

from core.errors import HubError


class InvalidFieldError(HubError):
    """A value of the request is not usable. `field` is its name on the wire, `reason` continues the sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class InvalidSignatureError(HubError):
    """A webhook does not come from who it should. `field` is the header at fault, `reason` continues the sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class NotSetUpError(HubError):
    """This part of the hub lacks a setting; the text says which part, in words a stranger may read."""
