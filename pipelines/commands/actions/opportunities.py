"""The opportunity of a service, as far as it is the customer's: WHMCS keeps it in a field that customers can write."""

from typing import Any

from core.logging import logger
from pipelines.commands.saga import Result, Work

log = logger(__name__)

SAME_ID = 15
"""Characters by which Salesforce ids of 15 and 18 characters are the same."""


def tell_own(work: Work[Any], opportunity: str | None, fields: dict[str, Any]) -> Result:
    """Write to the opportunity, if it is one of the customer's own account; whether it was."""
    own = {
        row["Id"][:SAME_ID]: row["Id"]
        for row in work.clients.salesforce.find("SELECT Id FROM Opportunity WHERE AccountId = {}", work.account)
    }
    known = own.get((opportunity or "")[:SAME_ID])
    if known is None:
        log.warning("command.foreign_opportunity", command=str(work.command.id))
        return {"told": False}
    work.clients.salesforce.update("Opportunity", known, fields)
    return {"told": True}
