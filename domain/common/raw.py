"""What raw models share."""

from pydantic import BaseModel, ConfigDict


class Raw(BaseModel):
    """A record as its system sends it. Systems add fields without notice, so only those we read are named.

    Numbers may come as strings and strings as numbers: identifiers and texts are strings here. Inputs stay out of
    error messages: they are customers' data.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, coerce_numbers_to_str=True, populate_by_name=True
    )
