"""The opportunity of a service, as far as it is the customer's: WHMCS keeps it in a field that customers can write."""

from typing import Any

from core.logging import logger
from pipelines.commands.actions.accounts import account_of
from pipelines.commands.saga import Result, Work

log = logger(__name__)

SAME_ID = 15
"""Characters by which Salesforce ids of 15 and 18 characters are the same."""


class BegunOpportunity(Result, frozen=True):
    """An opportunity that an earlier check began, to go on with; null: none."""

    id: str | None = None


class KeptOpportunity(Result, frozen=True):
    """The opportunity that the command goes on with, or began."""

    id: str


class Told(Result, frozen=True):
    """Whether the opportunity was the customer's, and told."""

    told: bool


def tell_own(work: Work[Any], opportunity: str | None, fields: dict[str, Any]) -> Told:
    """Write to the opportunity, if it is one of the customer's own account."""
    own = {
        row["Id"][:SAME_ID]: row["Id"]
        for row in work.clients.salesforce.find("SELECT Id FROM Opportunity WHERE AccountId = {}", account_of(work))
    }
    known = own.get((opportunity or "")[:SAME_ID])
    if known is None:
        log.warning("command.foreign_opportunity", command=str(work.command.id))
        return Told(told=False)
    work.clients.salesforce.update("Opportunity", known, fields)
    return Told(told=True)
