"""cancel_subscription: a service ends, at once or with its billing period (portal reference, sections 7 and 8)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from core.errors import RejectedError
from domain.commands import kinds
from domain.common.times import midnight
from domain.subscriptions.cancelling import CancelSubscription, ends_on
from pipelines.commands.actions.opportunities import Told, tell_own
from pipelines.commands.saga import Action, Done, RefreshRequest, RefusalError, Step, Work

Ending = Work[CancelSubscription]
TYPES = {"end_of_billing_period": "End of Billing Period", "immediate": "Immediate"}


def _service(work: Ending) -> dict[str, Any]:
    row = _row(work)
    if row is None:
        raise RefusalError("SUBSCRIPTION_NOT_FOUND", "The subscription does not exist any more.")
    return row


def _row(work: Ending) -> dict[str, Any] | None:
    return work.row("actions/source_id", id=work.command.subject_id, account=work.command.account_id)


def request_cancellation(work: Ending) -> Done | None:
    """Asking twice is refused by WHMCS, which then has what we want."""
    try:
        work.clients.whmcs.change(
            "AddCancelRequest",
            serviceid=_service(work)["source_id"],
            type=TYPES[work.input.when],
            reason=work.input.reason or "Cancelled by the customer",
        )
    except RejectedError as error:
        if error.code != "exists":
            raise
    return None


def _ends_at(work: Ending) -> datetime:
    """When the service is to end: now, or with its billing period."""
    zone = work.clients.whmcs_settings.vocabulary.zone
    if work.input.when == "immediate":
        return work.command.accepted_at
    accepted_on = work.command.accepted_at.astimezone(zone).date()
    return midnight(ends_on(_service(work)["next_due_on"], accepted_on), zone)


def tell_opportunity(work: Ending) -> Told:
    fields = {
        "ScheduledCancellationDateAndTime__c": _ends_at(work),
        "CancellationNotice__c": "有",
    }
    return tell_own(work, _service(work)["opportunity_id"], fields)


def affected(work: Ending) -> Iterator[RefreshRequest]:
    row = _row(work)
    if row is not None:
        yield RefreshRequest("whmcs.services", record=row["source_id"])


CANCEL_SUBSCRIPTION = Action(
    kind=kinds.CANCEL_SUBSCRIPTION,
    steps=(
        Step(
            "request_cancellation",
            request_cancellation,
            repeatable=True,
            refused=("NOT_CANCELLED", "The billing system refused the cancellation."),
        ),
        Step(
            "tell_opportunity",
            tell_opportunity,
            brings=Told,
            repeatable=True,
            when=lambda work: bool(_service(work)["opportunity_id"]) and "salesforce" in work.accounts,
        ),
    ),
    affects=affected,
)
