"""What every request for a change has in common: camelCase on the wire, nothing unknown, nothing changed on the way."""

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.alias_generators import to_camel


class Asked(BaseModel):
    """What was asked for. Names are camelCase on the wire; text is stripped; an unknown name is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        """PostgreSQL keeps every character but one."""
        if isinstance(value, str) and "\0" in value:
            raise ValueError("must not contain the character NUL")
        return value


class Broken(BaseModel):
    """A rule of the business that a request breaks. `field` is where on the wire, `code` for programs."""

    field: str
    code: str
    reason: str
