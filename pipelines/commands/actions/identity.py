"""submit_identity_document: a document that is on the account waits for an agent (portal reference, section 4.2)."""

from collections.abc import Iterator

from domain.commands import kinds
from domain.customer.identity import SubmitIdentityDocument
from pipelines.commands.actions.accounts import account_of
from pipelines.commands.saga import Action, Done, RefreshRequest, RefusalError, Result, Step, Work

Submitting = Work[SubmitIdentityDocument]


class KnownDocument(Result, frozen=True):
    """The document's id in Salesforce."""

    document: str


def find_document(work: Submitting) -> KnownDocument:
    """The document of that name, if it was put on the customer's account: a name alone proves nothing."""
    found = work.clients.salesforce.find(
        "SELECT Id, FirstPublishLocationId FROM ContentVersion WHERE PathOnClient = {}", work.input.name
    )
    own = [row["Id"] for row in found if row["FirstPublishLocationId"] == account_of(work)]
    if not own:
        raise RefusalError("DOCUMENT_MISSING", "The document did not arrive; send it again.")
    return KnownDocument(own[0])


def mark_account(work: Submitting) -> Done | None:
    fields = {
        "Id_Verification_Status__c": work.clients.salesforce_settings.vocabulary.identity_submitted,
        "Id_Verification_Submitted_Date_Time__c": work.command.accepted_at,
    }
    work.clients.salesforce.update("Account", account_of(work), fields)
    return None


def affected(work: Submitting) -> Iterator[RefreshRequest]:
    if "salesforce" in work.accounts:
        yield RefreshRequest("salesforce.accounts", record=work.accounts["salesforce"])


SUBMIT_IDENTITY_DOCUMENT = Action(
    kind=kinds.SUBMIT_IDENTITY_DOCUMENT,
    steps=(
        Step("find_document", find_document, brings=KnownDocument, reads=True),
        Step("mark_account", mark_account, repeatable=True),
    ),
    affects=affected,
)
