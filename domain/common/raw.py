"""What raw models share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]
"""A record's number at WHMCS, sent as a number or as digits; records without one would share one row."""


class Raw(BaseModel):
    """A record as its system sends it. Systems add fields without notice, so only those we read are named.

    Numbers may come as strings and strings as numbers: identifiers and texts are strings here. Inputs stay out of
    error messages: they are customers' data.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, coerce_numbers_to_str=True)
