"""Turning a validation error into the reason of a MappingError: which fields, why, never their values."""

from pydantic import ValidationError

from domain.common.errors import MappingError
from domain.common.identifiers import System


def broken(system: System, source_id: object, error: ValidationError | ValueError) -> MappingError:
    """The MappingError for a record that did not fit its raw model, its contract or a conversion between them."""
    if isinstance(error, ValidationError):
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        reason = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems)
    else:
        reason = _without_values(error)
    return MappingError(system, str(source_id), reason)


def _without_values(error: ValueError) -> str:
    # The standard library quotes what it could not read; our own texts, raised as FieldError, do not.
    return str(error) if isinstance(error, FieldError) else "a date or number is malformed"


class FieldError(ValueError):
    """One field cannot be represented; its text names the field and never holds its value."""
