"""Turning a validation error into the reason of a MappingError: which fields, why, never their values."""

from pydantic import ValidationError

from domain.common.errors import MappingError
from domain.common.identifiers import System


class FieldError(ValueError):
    """One field cannot be represented. Its text never holds its value; `field` names it where its reader does not."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field


def broken(system: System, source_id: object, error: ValueError) -> MappingError:
    """The MappingError for a record that did not fit its contract, or a conversion into it."""
    field = getattr(error, "field", None)
    return MappingError(system, str(source_id), f"{field}: {reason_of(error)}" if field else reason_of(error))


def reason_of(error: ValueError) -> str:
    """Why a value or a record was refused, without what was sent."""
    if isinstance(error, ValidationError):
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        return "; ".join(": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in problems)
    # The standard library quotes what it could not read; our own texts, raised as FieldError, do not.
    return str(error) if isinstance(error, FieldError) else "a date or number is malformed"
