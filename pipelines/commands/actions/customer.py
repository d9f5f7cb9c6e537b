"""update_profile, update_address, request_eligibility: what customers change of themselves (portal reference, 3, 4)."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.clock import utc_now
from core.errors import RejectedError
from domain.commands import kinds
from domain.customer.changing import RequestEligibility, UpdateAddress, UpdateProfile
from pipelines.commands.actions.accounts import account_of, client_of
from pipelines.commands.actions.opportunities import BegunOpportunity, KeptOpportunity
from pipelines.commands.actions.place_order import MARKER
from pipelines.commands.actions.support import Contact, OpenedCase, find_contact, opened
from pipelines.commands.saga import Action, Done, RefreshRequest, RefusalError, Step, Work

FIELDS = {
    "first_name": "firstname",
    "last_name": "lastname",
    "company_name": "companyname",
    "email": "email",
    "phone": "phonenumber",
}
REFUSED = ("NOT_CHANGED", "The billing system refused the change.")


def update_client(work: Work[UpdateProfile]) -> Done | None:
    given = work.input.model_dump(exclude_none=True, by_alias=False)
    try:
        _update(work, {FIELDS[name]: value for name, value in given.items()})
    except RejectedError as error:
        if error.code == "duplicate_email":
            raise RefusalError("DUPLICATE_EMAIL", "Another customer has this e-mail address.") from error
        raise
    return None


def update_address(work: Work[UpdateAddress]) -> Done | None:
    _update(work, work.input.model_dump(exclude_none=True, by_alias=False))
    return None


def _update(work: Work[Any], fields: Mapping[str, str]) -> None:
    work.clients.whmcs.change("UpdateClient", clientid=client_of(work), **fields)


def find_opportunity(work: Work[RequestEligibility]) -> BegunOpportunity:
    found = work.clients.salesforce.find(
        "SELECT Id FROM Opportunity WHERE AccountId = {} AND StageName = {} ORDER BY CreatedDate DESC LIMIT 1",
        account_of(work),
        work.clients.salesforce_settings.vocabulary.opportunity_begun[0],
    )
    return BegunOpportunity(found[0]["Id"] if found else None)


def keep_opportunity(work: Work[RequestEligibility]) -> KeptOpportunity:
    known = work.result(BegunOpportunity).id
    if known:
        return KeptOpportunity(known)
    fields = {
        "Name": "Portal: internet eligibility",
        "StageName": work.clients.salesforce_settings.vocabulary.opportunity_begun[0],
        "CloseDate": utc_now().date().isoformat(),
        "AccountId": account_of(work),
        "Opportunity_Source__c": "Portal - Internet Eligibility Request",
    }
    return KeptOpportunity(work.clients.salesforce.upsert("Opportunity", MARKER, work.marker, fields))


def open_case(work: Work[RequestEligibility]) -> OpenedCase:
    opportunity = work.result(KeptOpportunity).id
    return opened(work, "Internet eligibility check", f"Check the address on file. Opportunity {opportunity}.")


def mark_account(work: Work[RequestEligibility]) -> Done | None:
    fields = {
        "Internet_Eligibility_Status__c": work.clients.salesforce_settings.vocabulary.eligibility_pending,
        "Internet_Eligibility_Request_Date_Time__c": work.command.accepted_at,
        "Internet_Eligibility_Case_Id__c": work.result(OpenedCase).case,
    }
    work.clients.salesforce.update("Account", account_of(work), fields)
    return None


def billing_affected(work: Work[Any]) -> Iterator[RefreshRequest]:
    if "whmcs" in work.accounts:
        yield RefreshRequest("whmcs.clients", record=work.accounts["whmcs"])
        yield RefreshRequest("whmcs.client_details", record=work.accounts["whmcs"])


def account_affected(work: Work[Any]) -> Iterator[RefreshRequest]:
    if "salesforce" in work.accounts:
        yield RefreshRequest("salesforce.accounts", record=work.accounts["salesforce"])
    if work.has("open_case"):
        yield RefreshRequest("salesforce.cases", record=work.result(OpenedCase).case)


UPDATE_PROFILE = Action(
    kind=kinds.UPDATE_PROFILE,
    steps=(Step("update_client", update_client, repeatable=True, refused=REFUSED),),
    affects=billing_affected,
)
UPDATE_ADDRESS = Action(
    kind=kinds.UPDATE_ADDRESS,
    steps=(Step("update_address", update_address, repeatable=True, refused=REFUSED),),
    affects=billing_affected,
)
REQUEST_ELIGIBILITY = Action(
    kind=kinds.REQUEST_ELIGIBILITY,
    steps=(
        Step("find_opportunity", find_opportunity, brings=BegunOpportunity, reads=True),
        Step("keep_opportunity", keep_opportunity, brings=KeptOpportunity, repeatable=True),
        Step("find_contact", find_contact, brings=Contact, reads=True),
        Step("open_case", open_case, brings=OpenedCase, repeatable=True),
        Step("mark_account", mark_account, repeatable=True),
    ),
    affects=account_affected,
)
