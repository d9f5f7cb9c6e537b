"""Every error this project raises on purpose. A new class is justified when some caller acts on it differently.

HubError
├── SettingsError            a variable is missing or malformed: refuse to start, name it
├── NotFoundError            nothing answers to that key
├── MappingError             one record broke the contract: quarantine it, go on
├── IncompleteReadError      a source handed over fewer rows than it says it has: the run failed
├── BrakeError               more would be deleted than is likely to be true: stop, an operator must look
└── SourceError              a source let us down
    ├── UnavailableError     no answer, or a server fault: trying again may help, after `retry_after` if it says so
    │   └── ThrottledError   "slow down", and nothing was done
    ├── BusyError            one record there is being worked on: try again after `retry_after`
    ├── QuotaError           our allowance is used up: stop, try again much later
    ├── CredentialsError     it does not know us: an operator must look
    └── RejectedError        it understood and said no: trying again will not help
"""

from domain.common.errors import HubError, MappingError

__all__ = [
    "BrakeError",
    "BusyError",
    "CredentialsError",
    "HubError",
    "IncompleteReadError",
    "MappingError",
    "NotFoundError",
    "QuotaError",
    "RejectedError",
    "SettingsError",
    "SourceError",
    "ThrottledError",
    "UnavailableError",
    "safe",
]


def safe(error: BaseException) -> str:
    """What may be logged or stored of an error: our own texts hold no data; a library's (a driver's above all) may."""
    return str(error)[:500] if isinstance(error, HubError) else type(error).__name__


class SettingsError(HubError):
    """The environment is not usable; the text names the variables, never their values."""


class NotFoundError(HubError):
    """Nothing answers to that key."""


class IncompleteReadError(HubError):
    """A complete read brought fewer rows than the source reported."""

    def __init__(self, dataset: str, *, read: int, reported: int) -> None:
        super().__init__(f"{dataset}: read {read} rows, the source reports {reported}")
        self.dataset = dataset
        self.read = read
        self.reported = reported


class BrakeError(HubError):
    """Writing this would delete a larger part of a table than may go without an operator's word."""

    def __init__(self, dataset: str, *, rows: int, of: int) -> None:
        super().__init__(
            f"{dataset}: {rows} of {of} rows would be marked deleted; if that is right, run it with --allow-deletions"
        )


class PermitError(HubError):
    """A run was asked to delete without the brake, by somebody else than `hub sync`."""

    def __init__(self) -> None:
        super().__init__("allow_deletions: only `hub sync SYSTEM --allow-deletions` gives a run the permit for that")


class SourceError(HubError):
    """A source, or what it sent, let us down. `code` is the source's own, where it has one.

    nothing_came: the call surely changed nothing at the source. Only a refusal in the source's own words, "slow down"
        (429) and a connection that was never made prove that; of anything else the outcome is unknown.
    concerns_all: whatever had been asked for, it would have failed the same.
    concerns_kind: whichever record of that kind had been asked for, it would: a right or a field was taken from us.
        Anything else may be one record's own.
    """

    concerns_all = False
    concerns_kind = False

    def __init__(self, system: str, reason: str, *, code: str | None = None, nothing_came: bool = True) -> None:
        super().__init__(f"{system}: {reason}" + (f" [{code}]" if code else ""))
        self.system = system
        self.reason = reason
        self.code = code
        self.nothing_came = nothing_came

    @property
    def is_answer(self) -> bool:
        """Whether the source itself spoke, of this one call: it is up, and other calls may do.

        A refusal by status alone came from somebody in between, as a fault does.
        """
        return self.nothing_came and not self.concerns_all


class UnavailableError(SourceError):
    """No usable answer came; trying again may help.

    Without `sent` the call never reached the source. Where it was `refused`, the source says in its own words that it
    did not do it, for now. A fault may be the one record's that was asked for, and last for ever: see `concerns_all`.

    `retry_after`: seconds to wait, where whoever answered says so. A proxy says so of calls that it let through, too.
    """

    def __init__(
        self,
        system: str,
        reason: str,
        *,
        code: str | None = None,
        sent: bool = True,
        refused: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(system, reason, code=code, nothing_came=refused or not sent)
        self.concerns_all = not sent
        self.retry_after = retry_after

    @property
    def is_answer(self) -> bool:
        return False


class ThrottledError(UnavailableError):
    """The source asks for patience (429) and did not do what it was asked."""

    def __init__(self, system: str, reason: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(system, reason, code=code, sent=False, retry_after=retry_after)


class BusyError(SourceError):
    """One record is being worked on there; everything else may be called. `retry_after`: seconds."""

    def __init__(self, system: str, reason: str, *, code: str | None = None, retry_after: float) -> None:
        super().__init__(system, reason, code=code)
        self.retry_after = retry_after


class QuotaError(SourceError):
    """The allowance of calls is used up, or what is left is kept for commands."""

    concerns_all = True


class CredentialsError(SourceError):
    """The source does not know us or does not let us do this: an operator must look.

    one_action: it lets us do other things. A refusal that is only a status (403 from somebody in between) may be due to
    what the one call carries; one in the source's own words is about us.
    """

    def __init__(
        self, system: str, reason: str, *, code: str | None = None, nothing_came: bool = True, one_action: bool = False
    ) -> None:
        super().__init__(system, reason, code=code, nothing_came=nothing_came)
        self.concerns_all = nothing_came and not one_action
        self.concerns_kind = one_action


class RejectedError(SourceError):
    """The source understood the call and refused it; trying again will not help."""
