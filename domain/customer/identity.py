"""Proving who one is (portal reference, section 4.2)."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from domain.commands.input import Broken, CommandInput

RuleCode = Literal[
    "ALREADY_SUBMITTED",
    "ALREADY_VERIFIED",
    "MAPPING_MISSING",
]
"""Rules that a document may break."""

MOST_BYTES = 5 * 1024 * 1024
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
"""What may be sent, and the ending of its name."""


class SubmitIdentityDocument(CommandInput):
    """A document that was put on the account; its name is our marker."""

    name: str = Field(pattern=r"^[a-z0-9-]{8,64}\.(jpg|png|pdf)$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    media_type: Literal["image/jpeg", "image/png", "application/pdf"]


class IdentityFacts(BaseModel):
    """What the hub knows of the customer. `account`: its id in Salesforce."""

    identity_status: str | None
    account: str | None


def identity_rules(_: SubmitIdentityDocument | None, customer: IdentityFacts, __: date) -> list[Broken]:
    """Every rule that sending a document breaks, whatever is in it: applied before it has come."""
    if customer.account is None:
        return [_rule("MAPPING_MISSING", "needs an account in the CRM")]
    if customer.identity_status == "verified":
        return [_rule("ALREADY_VERIFIED", "is not needed: the identity is verified")]
    if customer.identity_status == "pending":
        return [_rule("ALREADY_SUBMITTED", "is being looked at already")]
    return []


def _rule(code: RuleCode, reason: str) -> Broken:
    return Broken(field="request", code=code, reason=reason)
