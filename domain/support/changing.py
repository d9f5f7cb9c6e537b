"""What customers may change of their support cases, and the rules (portal reference, section 11)."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from domain.commands.input import Broken, CommandInput

RuleCode = Literal["CASE_CLOSED",]
"""Rules that a change of a case may break."""

MOST_COMMENT_BYTES = 4000
"""Bytes, not characters: 1,333 in Japanese (Salesforce Object Reference, CaseComment)."""


class OpenCase(CommandInput):
    """A new support case."""

    subject: str = Field(min_length=1, max_length=255)
    description: str = Field(min_length=1, max_length=32_000)
    category: str | None = Field(None, min_length=1, max_length=255)
    priority: Literal["low", "medium", "high"] = "medium"


class AddComment(CommandInput):
    """The customer's word on a case."""

    body: str = Field(min_length=1, max_length=MOST_COMMENT_BYTES, description="At most 4,000 bytes of UTF-8")

    @field_validator("body")
    @classmethod
    def _fits(cls, body: str) -> str:
        if len(body.encode()) > MOST_COMMENT_BYTES:
            raise ValueError(f"must not be longer than {MOST_COMMENT_BYTES} bytes")
        return body


class CloseCase(CommandInput):
    """The case is settled for the customer."""


class CaseFacts(BaseModel):
    """What the hub knows of a case."""

    is_closed: bool


def open_case_rules(_: CommandInput, case: CaseFacts, __: date) -> list[Broken]:
    """For whatever needs a case that is not closed."""
    if case.is_closed:
        code: RuleCode = "CASE_CLOSED"
        return [Broken(field="request", code=code, reason="is not for a closed case; open a new one")]
    return []
