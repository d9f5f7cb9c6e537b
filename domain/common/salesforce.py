"""Salesforce records in one form, whether REST sent them (nested JSON) or the Bulk API did (flat CSV)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field

from domain.common.identifiers import salesforce_id
from domain.common.raw import Raw

SalesforceId = Annotated[str, AfterValidator(salesforce_id)]
"""An id in its 18-character form, whichever form was sent."""

Instant = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A moment in UTC; REST writes `+0000`, CSV `Z`."""


class RawRecord(Raw):
    """What every record carries (source: Object Reference, "System Fields")."""

    id: SalesforceId = Field(alias="Id")
    is_deleted: bool = Field(False, alias="IsDeleted")
    system_modstamp: Instant = Field(alias="SystemModstamp")

    @property
    def deleted_at(self) -> datetime | None:
        """When it was deleted: a deletion moves SystemModstamp, and nothing else tells the moment."""
        return self.system_modstamp if self.is_deleted else None


def flat(row: Mapping[str, object]) -> dict[str, Any]:
    """The record with its parents' fields as `Parent.Field` and nothing but None for empty.

    CSV cannot tell an empty string from null, and Salesforce stores an empty string as null.
    """
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            fields |= {f"{name}.{inner}": deep for inner, deep in flat(value).items()}
        elif value != "" and value is not None:
            fields[name] = value
    return fields
