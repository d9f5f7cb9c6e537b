"""Why somebody is not let in."""

from collections.abc import Sequence

from core.errors import HubError


class WrongCredentialsError(HubError):
    """E-mail address and password are not somebody's. Never says which is wrong, nor whether there is one."""


class PersonLockedError(HubError):
    """They are somebody's whom an operator keeps out: told only to whoever knows the password."""


class NoAccountError(HubError):
    """The person may act for no customer."""


class NoAgentError(HubError):
    """Whoever wants to look as a customer does is no support agent."""


class LogInNeededError(HubError):
    """Somebody has the invited address: they accept the invitation by a session of theirs."""


class LastOwnerError(HubError):
    """The account would be left without an owner."""


class SessionEndedError(HubError):
    """The refresh token is good no more, or never was: log in again."""


class LinkEndedError(HubError):
    """A link that was sent by e-mail was used, is too old, or never was one."""


class ForeignOriginError(HubError):
    """A page of another site asks, by the hand of somebody's browser."""


class BusyError(HubError):
    """As many passwords are being hashed, and wait for it, as may be."""


class TooManyTriesError(HubError):
    """One of the limits is reached: `most` tries in `seconds`. `retry_after`: seconds until the next may come."""

    def __init__(self, limit: str, most: int, seconds: int, retry_after: int) -> None:
        super().__init__(f"too many tries ({limit})")
        self.limit = limit
        self.most = most
        self.seconds = seconds
        self.retry_after = retry_after


class ChallengeEndedError(HubError):
    """The log-in cannot be gone on with: begin anew."""


class WrongCodeError(HubError):
    """The code is not right, or was used before. Never says which."""


class PasskeyRefusedError(HubError):
    """What a browser's authenticator signed does not count. Never says why."""


class PasswordTooShortError(HubError):
    """The password is too short to be the only factor."""


class LastWayInError(HubError):
    """With what would be left, the person could not log in any more."""


class FreshAuthenticationNeededError(HubError):
    """It was too long ago that the caller proved who they are. `methods`: those by which they can do so now.

    max_age: seconds for which it counts.
    """

    def __init__(self, methods: Sequence[str], max_age: int) -> None:
        super().__init__("whoever asks for this must have proven who they are just now")
        self.methods = methods
        self.max_age = max_age


class LookingOnError(HubError):
    """Whoever looks as another wants to change something."""


class SignUpEndedError(HubError):
    """The sign-up cannot be gone on with: it is too old, its code was guessed at too often, or it never was one."""


class SignUpRefusedError(HubError):
    """Who wants to become a customer is one already. `code`: why, for programs; `reason`: what to do instead."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
