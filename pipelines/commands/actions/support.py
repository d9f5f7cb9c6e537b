"""open_case, add_comment, close_case: what customers ask of support, in Salesforce (portal reference, section 11)."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from domain.commands import kinds
from domain.support.changing import AddComment, CloseCase, OpenCase
from pipelines.commands.actions.accounts import account_of
from pipelines.commands.actions.place_order import MARKER
from pipelines.commands.saga import Action, Done, RefreshRequest, RefusalError, Result, Step, Work

CLOCKS_DIFFER = timedelta(minutes=10)


class Contact(Result, frozen=True):
    """The account's first contact: whom the org's own flows write to about the case (see decision 0012); null: none."""

    contact: str | None


class OpenedCase(Result, frozen=True):
    """The id of the case that was opened, in Salesforce."""

    case: str


class WrittenComment(Result, frozen=True):
    """The id of the comment that was written, in Salesforce."""

    comment: str


def find_contact(work: Work[Any]) -> Contact:
    found = work.clients.salesforce.find(
        "SELECT Id FROM Contact WHERE AccountId = {} ORDER BY CreatedDate LIMIT 1", account_of(work)
    )
    return Contact(found[0]["Id"] if found else None)


def create_case(work: Work[OpenCase]) -> OpenedCase:
    input = work.input
    return opened(
        work, input.subject, input.description, {"Priority": input.priority.capitalize(), "Type": input.category}
    )


def opened(work: Work[Any], subject: str, description: str, more: Mapping[str, Any] | None = None) -> OpenedCase:
    """The case of this command, opened or found: it carries our marker."""
    words = work.clients.salesforce_settings.vocabulary
    fields = {
        "Subject": subject,
        "Description": description,
        "Status": words.case_new,
        "Origin": words.case_origin,
        "AccountId": account_of(work),
        "ContactId": work.result(Contact).contact,
        **(more or {}),
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return OpenedCase(work.clients.salesforce.upsert("Case", MARKER, work.marker, given))


def _case(work: Work[Any]) -> str:
    row = work.row("actions/source_id", id=work.command.subject_id, account=work.command.account_id)
    if row is None:
        raise RefusalError("CASE_NOT_FOUND", "The case does not exist any more.")
    return str(row["source_id"])


def write_comment(work: Work[AddComment]) -> WrittenComment:
    fields = {"ParentId": _case(work), "CommentBody": work.input.body, "IsPublished": True}
    return WrittenComment(work.clients.salesforce.create("CaseComment", fields))


def find_comment(work: Work[AddComment]) -> WrittenComment | None:
    """A comment of these words, written since the command came, that is no other command's: comments take no marker.

    It is looked for though the case is no longer the customer's: it was when an earlier try may have written to it.
    """
    case = work.row("actions/commented_case", id=work.command.subject_id)
    if case is None:
        return None
    since = work.command.accepted_at - CLOCKS_DIFFER
    written = work.clients.salesforce.find(
        "SELECT Id, CommentBody FROM CaseComment WHERE ParentId = {} AND CreatedDate >= {} ORDER BY CreatedDate, Id",
        case["source_id"],
        since,
    )
    known = work.row("actions/known_comments", lane=work.command.lane, command=work.command.id) or {"ids": []}
    found = (row["Id"] for row in written if row["CommentBody"] == work.input.body and row["Id"] not in known["ids"])
    return next((WrittenComment(each) for each in found), None)


def close(work: Work[CloseCase]) -> Done | None:
    status = work.clients.salesforce_settings.vocabulary.case_closed
    work.clients.salesforce.update("Case", _case(work), {"Status": status})
    return None


def new_case(work: Work[OpenCase]) -> Iterator[RefreshRequest]:
    if work.has("create_case"):
        yield RefreshRequest("salesforce.cases", record=work.result(OpenedCase).case)


def same_case(work: Work[Any]) -> Iterator[RefreshRequest]:
    row = work.row("actions/source_id", id=work.command.subject_id, account=work.command.account_id)
    if row is not None:
        yield RefreshRequest("salesforce.cases", record=row["source_id"])
    if work.has("write_comment"):
        yield RefreshRequest("salesforce.case_comments", record=work.result(WrittenComment).comment)


OPEN_CASE = Action(
    kind=kinds.OPEN_CASE,
    steps=(
        Step("find_contact", find_contact, brings=Contact, reads=True),
        Step(
            "create_case",
            create_case,
            brings=OpenedCase,
            repeatable=True,
            refused=("CASE_REFUSED", "The case could not be opened."),
        ),
    ),
    affects=new_case,
    result=lambda work: {"salesforceCaseId": work.result(OpenedCase).case},
)
ADD_COMMENT = Action(
    kind=kinds.ADD_COMMENT,
    steps=(
        Step(
            "write_comment",
            write_comment,
            brings=WrittenComment,
            find_existing=find_comment,
            refused=("COMMENT_REFUSED", "The comment could not be added."),
        ),
    ),
    affects=same_case,
)
CLOSE_CASE = Action(
    kind=kinds.CLOSE_CASE,
    steps=(Step("close", close, repeatable=True, refused=("CASE_REFUSED", "The case could not be closed.")),),
    affects=same_case,
)
