"""cancel_sim: a line ends with a month: at the network, in billing, for the agents (portal reference, section 10)."""

from collections.abc import Iterator

from core.errors import RejectedError
from domain.commands import kinds
from domain.common.times import midnight
from domain.sim.changing import LineCancellation
from pipelines.commands.actions.lines import details, line_affected, line_of, number_of, pending
from pipelines.commands.actions.opportunities import Told, tell_own
from pipelines.commands.actions.support import Contact, OpenedCase, find_contact, opened
from pipelines.commands.saga import Action, Done, RefreshRequest, Step, Work
from pipelines.sources.freebit import assumptions

Ending = Work[LineCancellation]


def cancel_line(work: Ending) -> Done | None:
    """A second call moves the day, so it can be repeated."""
    ends = {
        "kind": assumptions.LINE_KIND,
        "account": number_of(work),
        "runDate": work.input.run_date.strftime(assumptions.DATE),
    }
    work.clients.freebit.change(assumptions.CANCEL_LINE, ends)
    return None


def find_cancelled(work: Ending) -> Done | None:
    said = details(work, number_of(work))
    ending = pending(said) == (assumptions.CANCEL_PENDING, work.input.run_date.strftime(assumptions.DATE))
    return Done() if ending or said.get("state") == "obsolete" else None


def cancel_service(work: Ending) -> Done | None:
    try:
        work.clients.whmcs.change(
            "AddCancelRequest",
            serviceid=line_of(work).service,
            type="End of Billing Period",
            reason="Cancelled by the customer",
        )
    except RejectedError as error:
        if error.code != "exists":
            raise
    return None


def open_case(work: Ending) -> OpenedCase:
    ends = f"Service {line_of(work).service} ends on {work.input.run_date.isoformat()}."
    return opened(work, f"SIM cancellation, end of {work.input.month}", ends)


def is_in_crm(work: Ending) -> bool:
    return "salesforce" in work.accounts


def tell_opportunity(work: Ending) -> Told:
    zone = work.clients.freebit_settings.vocabulary.zone
    fields = {
        "SIMScheduledCancellationDateAndTime__c": midnight(work.input.run_date, zone),
        "SIMCancellationNotice__c": "有",
    }
    return tell_own(work, line_of(work).opportunity, fields)


def affected(work: Ending) -> Iterator[RefreshRequest]:
    yield from line_affected(work)
    if work.has("open_case"):
        yield RefreshRequest("salesforce.cases", record=work.result(OpenedCase).case)


CANCEL_SIM = Action(
    kind=kinds.CANCEL_SIM,
    steps=(
        Step(
            "cancel_line",
            cancel_line,
            find_existing=find_cancelled,
            refused=("NETWORK_REFUSED", "The network refused the cancellation."),
        ),
        Step("cancel_service", cancel_service, repeatable=True),
        Step("find_contact", find_contact, brings=Contact, reads=True, when=is_in_crm),
        Step("open_case", open_case, brings=OpenedCase, repeatable=True, when=is_in_crm),
        Step(
            "tell_opportunity",
            tell_opportunity,
            brings=Told,
            repeatable=True,
            when=lambda work: line_of(work).opportunity is not None and is_in_crm(work),
        ),
    ),
    affects=affected,
    result=lambda work: {"endsOn": work.input.run_date.isoformat()},
)
