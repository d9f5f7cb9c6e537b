"""What a caller did wrong."""

from core.errors import HubError


class InvalidFieldError(HubError):
    """A value of the request is not usable. `field` is its name on the wire, `reason` continues the sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason
