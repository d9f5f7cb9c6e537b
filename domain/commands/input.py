"""What the input of every command has in common: camelCase on the wire, nothing unknown, nothing changed on the way."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.alias_generators import to_camel

# Control characters but tab and the ends of lines, and code points that are no characters: nobody types them,
# PostgreSQL cannot keep NUL, and what a source system makes of the others is anybody's guess.
_UNTYPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


class CommandInput(BaseModel):
    """The input of a command. Names are camelCase on the wire; text is stripped; an unknown name is an error.

    Accepted means doable: a model lets nothing through from which its action cannot derive what it sends, and nothing
    that the system it is sent to is known to refuse. Patterns say [0-9] for a digit: "any digit" would take wide ones.
    """

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
    def _typed(cls, value: Any) -> Any:
        if isinstance(value, str) and _UNTYPED.search(value):
            raise ValueError("must not contain control characters")
        return value


class Broken(BaseModel):
    """A rule of the business that a request breaks. `field` is where on the wire, `code` for programs."""

    field: str
    code: str
    reason: str
