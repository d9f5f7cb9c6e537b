"""sign_up, link_whmcs: somebody becomes a person who may log in (portal reference, section 3).

In the order of the reference: the billing client, the person who may log in, the account in Salesforce. What fails
before the person is let in leaves nothing that anybody can use; what fails after it is an operator's to finish.
"""

from collections.abc import Iterator
from secrets import token_urlsafe
from typing import Any

from core.errors import RejectedError, SourceError, UnavailableError
from domain.commands import kinds
from domain.common.identifiers import account_id
from domain.common.text import unescaped
from domain.customer.providers.salesforce.mapper import client_number
from domain.customer.providers.whmcs.mapper import identity
from domain.customer.signing_up import LinkWhmcs, SignUp
from pipelines.commands.actions.place_order import MARKER
from pipelines.commands.actions.support import OpenedCase
from pipelines.commands.saga import Action, AlertError, Done, RefreshRequest, RefusalError, Result, Step, Work
from pipelines.sources.whmcs.lists import rows_at
from pipelines.sources.whmcs.php import custom_fields

SigningUp = Work[SignUp]
Linking = Work[LinkWhmcs]

LANGUAGES = {"en": "english", "ja": "japanese"}
MOST_CHARACTERS = 255
"""Of an account's name, and of what it says of its client."""
CLIENTS_AT_ONCE = 100
CLIENT_DATASETS = ("whmcs.clients", "whmcs.client_details")
REFUSED = ("CLIENT_REFUSED", "The billing system refused what you entered.")
KNOWN_IN_BILLING = (
    "EMAIL_IN_BILLING",
    "The billing system knows this e-mail address already: link that account instead.",
)
NOT_LET_IN = {
    "unknown": ("SIGN_UP_UNKNOWN", "There is no such sign-up any more: begin anew."),
    "email_taken": ("EMAIL_TAKEN", "Somebody logs in with this e-mail address already: log in instead."),
    "account_taken": ("ACCOUNT_TAKEN", "Somebody logs in for this account already: log in instead."),
    "account_erased": ("ACCOUNT_ERASED", "This account is closed: begin anew."),
}
CLIENT_UNCLEAR = ("CLIENT_UNCLEAR", "An operator looks whether your account was made.")
UNFINISHED = ("ACCOUNT_UNFINISHED", "You can log in; an operator finishes your account.")


class FoundAccount(Result, frozen=True):
    """The account that the customer number is of, in Salesforce."""

    account: str


class AddedClient(Result, frozen=True):
    """The client's id in WHMCS."""

    client: str


class KeptAccount(Result, frozen=True):
    """The account's id in Salesforce: the one that was found, or a new one."""

    account: str


class AccountNumber(Result, frozen=True):
    """The account's number; null: Salesforce gave it none."""

    number: str | None = None


def find_account(work: SigningUp) -> FoundAccount:
    """The account of the number, if one of its contacts has the mailbox that was proven: a number alone is no proof."""
    accounts = work.clients.salesforce.find(
        "SELECT Id, WH_Account__c FROM Account WHERE SF_Account_No__c = {}", work.input.customer_number
    )
    free = [row["Id"] for row in accounts if not row["WH_Account__c"]]
    if len(accounts) == len(free) == 1:
        contacts = work.clients.salesforce.find("SELECT Email FROM Contact WHERE AccountId = {}", free[0])
        if work.input.email.lower() in {(row["Email"] or "").lower() for row in contacts}:
            return FoundAccount(free[0])
    raise RefusalError(
        "NUMBER_UNKNOWN", "The customer number and the e-mail address do not belong together, or are in use: log in."
    )


def add_client(work: SigningUp) -> AddedClient:
    """A client of their own. Nobody is told its user's password: people log in here, and are signed on there."""
    input = work.input
    try:
        answer = work.clients.whmcs.change(
            "AddClient",
            firstname=input.first_name,
            lastname=input.last_name,
            companyname=input.company_name,
            email=input.email,
            phonenumber=input.phone,
            address1=input.address1,
            address2=input.address2,
            city=input.city,
            state=input.state,
            postcode=input.postcode,
            country=input.country,
            language=LANGUAGES[input.language],
            notes=work.marker,
            password2=token_urlsafe(24),
            noemail=True,
        )
    except RejectedError as error:
        if error.code != "duplicate_email":
            raise
        # Whoever took our call before may have been slower than its connection.
        found = find_client(work)
        if found is not None:
            return found
        if (work.row("actions/tries", id=work.command.id, step="add_client") or {}).get("tries", 1) > 1:
            # It may be of our own earlier call: refused, an active client might be left that nobody closes.
            raise AlertError(*CLIENT_UNCLEAR) from error
        raise RefusalError(*KNOWN_IN_BILLING) from error
    client = str(answer.get("clientid", ""))
    try:
        # Some answers are wrong, and whoever is let in acts for this client, whosever it is.
        if client.isdecimal() and is_ours(work, client):
            return AddedClient(client)
    except SourceError as error:
        raise _unclear() from error
    raise _unclear()


def _unclear() -> UnavailableError:
    """A client was made, and it is not known which: it is looked for before the call is repeated."""
    return UnavailableError("whmcs", "did not say which client it is", code="malformed", sent=True)


def find_client(work: SigningUp) -> AddedClient | None:
    """The client with the e-mail address that is ours; other clients may have the same one."""
    address = work.input.email.lower()
    for page in work.clients.whmcs.pages("GetClients", "clients.client", CLIENTS_AT_ONCE, search=work.input.email):
        for row in page.rows:
            client = str(row.get("id", ""))
            if (unescaped(str(row.get("email", ""))) or "").lower() == address and is_ours(work, client):
                return AddedClient(client)
    return None


def is_ours(work: SigningUp, client: str) -> bool:
    """Whether the client's notes, which only operators write, hold our marker: a hook may have added to them."""
    try:
        body = work.clients.whmcs.call("GetClientsDetails", clientid=client)
    except RejectedError as error:
        if error.code != "not_found":
            raise
        return False
    found = body.get("client", body)
    return str(identity(found)) == client and work.marker in str(found.get("notes", ""))


def let_in(work: SigningUp) -> Done | None:
    return let_in_for(work, work.result(AddedClient).client)


def let_in_for(work: Work[Any], client: str) -> Done | None:
    """The person may log in, for the customer that the sync makes of the client, which is read at once.

    Raises:
        RefusalError: somebody else has the address, or the client, by now.
    """
    values = {"command": work.command.id, "account": account_id("whmcs", client)}
    outcome = (work.row("actions/let_in", **values) or {})["outcome"]
    if outcome != "in":
        raise RefusalError(*NOT_LET_IN[outcome])
    work.row("runner/request_refreshes", datasets=list(CLIENT_DATASETS), records=[client] * 2, owners=[None] * 2)
    return None


def keep_account(work: SigningUp) -> KeptAccount:
    """The account names its client, which is what links the two (decision 0023)."""
    found, client = work.result_or_none(FoundAccount), work.result(AddedClient).client
    words = work.clients.salesforce_settings.vocabulary
    fields = {
        "WH_Account__c": f"#{client} - {work.input.name}"[:MOST_CHARACTERS],
        "Portal_Status__c": words.portal_active,
        "Portal_Registration_Source__c": words.portal_signed_up,
    }
    try:
        if found is None:
            fields |= new_account(work.input)
            return KeptAccount(work.clients.salesforce.upsert("Account", MARKER, work.marker, fields))
        check_claim(work, found.account, client)
        work.clients.salesforce.update("Account", found.account, fields)
    except RejectedError as error:
        raise AlertError(*UNFINISHED) from error
    return KeptAccount(found.account)


def check_claim(work: SigningUp, account: str, client: str) -> None:
    """Whether the account is still nobody's, or ours by an earlier try.

    Raises:
        AlertError: it names another client by now.
    """
    found = work.clients.salesforce.find("SELECT WH_Account__c FROM Account WHERE Id = {}", account)
    claim = found[0]["WH_Account__c"] if found else None
    if claim and client_number(claim) != client:
        raise AlertError(*UNFINISHED)


def new_account(input: SignUp) -> dict[str, str]:
    return {
        "Name": input.name[:MOST_CHARACTERS],
        "Phone": input.phone,
        "BillingStreet": input.street,
        "BillingCity": input.city,
        "BillingState": input.state,
        "BillingPostalCode": input.postcode,
        "BillingCountry": input.country,
    }


def read_number(work: SigningUp) -> AccountNumber:
    """The customer is one, whether or not we may read their number."""
    account = work.result(KeptAccount).account
    try:
        found = work.clients.salesforce.find("SELECT SF_Account_No__c FROM Account WHERE Id = {}", account)
    except RejectedError:
        return AccountNumber()
    return AccountNumber(found[0]["SF_Account_No__c"] if found else None)


def has_number(work: SigningUp) -> bool:
    return work.result(AccountNumber).number is not None


def number_client(work: SigningUp) -> Done | None:
    field, number = work.clients.whmcs_settings.vocabulary.customer_number_field_id, work.result(AccountNumber).number
    client = work.result(AddedClient).client
    try:
        work.clients.whmcs.change("UpdateClient", clientid=client, customfields=custom_fields({field: number or ""}))
    except RejectedError as error:
        raise AlertError(*UNFINISHED) from error
    return None


# -- taking back -------------------------------------------------------------------------------------------------------


def was_made_for_nobody(work: SigningUp) -> bool:
    """Not by the journal alone: the person is let in before that is written down."""
    is_in = work.has("let_in") or (work.row("actions/is_let_in", id=work.command.id) or {})["is_let_in"]
    return work.has("add_client") and not is_in


def close_client(work: SigningUp) -> Done | None:
    """Clients are not deleted: bills may hang on them."""
    work.clients.whmcs.change("UpdateClient", clientid=work.result(AddedClient).client, status="Inactive")
    return None


def tell_support(work: SigningUp) -> OpenedCase:
    client, words = work.result(AddedClient).client, work.clients.salesforce_settings.vocabulary
    fields = {
        "Subject": "A sign-up failed after its billing client was made",
        "Description": f"Client {client} was set to Inactive. The hub's command: {work.command.id}.",
        "Status": words.case_new,
        "Origin": words.case_origin,
    }
    return OpenedCase(work.clients.salesforce.upsert("Case", MARKER, work.marker, fields))


def affected(work: SigningUp) -> Iterator[RefreshRequest]:
    added, kept = work.result_or_none(AddedClient), work.result_or_none(KeptAccount)
    if added is not None:
        yield from (RefreshRequest(dataset, record=added.client) for dataset in CLIENT_DATASETS)
    if kept is not None:
        yield RefreshRequest("salesforce.accounts", record=kept.account)


SIGN_UP = Action(
    kind=kinds.SIGN_UP,
    steps=(
        Step(
            "find_account",
            find_account,
            brings=FoundAccount,
            reads=True,
            when=lambda work: work.input.customer_number is not None,
        ),
        Step("add_client", add_client, brings=AddedClient, find_existing=find_client, refused=REFUSED),
        Step("let_in", let_in, repeatable=True),
        Step("keep_account", keep_account, brings=KeptAccount, repeatable=True),
        Step("read_number", read_number, brings=AccountNumber, reads=True),
        Step("number_client", number_client, repeatable=True, when=has_number),
    ),
    failing=(
        Step("close_client", close_client, repeatable=True, when=was_made_for_nobody),
        Step("tell_support", tell_support, brings=OpenedCase, repeatable=True, when=was_made_for_nobody),
    ),
    affects=affected,
    result=lambda work: {"whmcsClientId": work.result(AddedClient).client},
)

# -- link_whmcs --------------------------------------------------------------------------------------------------------


class ClaimingAccount(Result, frozen=True):
    """The account in Salesforce that names the client and whose number the client has; null: none does both."""

    account: str | None


def find_claiming(work: Linking) -> ClaimingAccount:
    """What the client says customers can write: the account counts that says the same from its side (decision 0023)."""
    field = work.clients.whmcs_settings.vocabulary.customer_number_field_id
    try:
        body = work.clients.whmcs.call("GetClientsDetails", clientid=work.input.client)
        fields = rows_at(body.get("client", body), "customfields")
        number = next((str(row.get("value") or "") for row in fields if str(row.get("id")) == str(field)), "")
        accounts = (
            work.clients.salesforce.find("SELECT Id, WH_Account__c FROM Account WHERE SF_Account_No__c = {}", number)
            if number
            else []
        )
    except RejectedError as error:
        raise AlertError(*UNFINISHED) from error
    naming = [row["Id"] for row in accounts if client_number(row["WH_Account__c"]) == work.input.client]
    return ClaimingAccount(naming[0] if len(naming) == 1 else None)


def let_owner_in(work: Linking) -> Done | None:
    return let_in_for(work, work.input.client)


def has_account(work: Linking) -> bool:
    return work.result(ClaimingAccount).account is not None


def activate_account(work: Linking) -> Done | None:
    words = work.clients.salesforce_settings.vocabulary
    fields = {"Portal_Status__c": words.portal_active, "Portal_Registration_Source__c": words.portal_migrated}
    try:
        work.clients.salesforce.update("Account", str(work.result(ClaimingAccount).account), fields)
    except RejectedError as error:
        raise AlertError(*UNFINISHED) from error
    return None


def linked(work: Linking) -> Iterator[RefreshRequest]:
    yield from (RefreshRequest(dataset, record=work.input.client) for dataset in CLIENT_DATASETS)
    found = work.result_or_none(ClaimingAccount)
    if found is not None and found.account is not None:
        yield RefreshRequest("salesforce.accounts", record=found.account)


LINK_WHMCS = Action(
    kind=kinds.LINK_WHMCS,
    steps=(
        Step("let_owner_in", let_owner_in, repeatable=True),
        Step("find_claiming", find_claiming, brings=ClaimingAccount, reads=True),
        Step("activate_account", activate_account, repeatable=True, when=has_account),
    ),
    affects=linked,
    result=lambda work: {"whmcsClientId": work.input.client},
)
