"""Support cases."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter

from domain.support.asking import AddComment, CaseFacts, CloseCase, OpenCase, RuleCode, open_case_rules
from domain.support.contract import CaseStatus
from read_api.answers import EARLIER, ApiRequest, JsonAnswer, Listing, single
from read_api.commands.accepting import Change, IdempotencyKey, no_rules
from read_api.problems.catalogue import NOT_FOUND
from read_api.questions import Question
from read_api.responses import accepted, answers
from read_api.support.models import CaseAnswer, CaseList
from read_api.wire import Cursor, Limit

CASES = Listing(Question("support/cases", ("salesforce.cases",)), EARLIER)
CASE = Question("support/case", ("salesforce.cases", "salesforce.case_comments"))


Id = Annotated[UUID, Parameter(description="The case's id")]
CHANGES: dict[str, Any] = {
    "status_code": 202,
    "responses": accepted(NOT_FOUND, rules=RuleCode),
    "request_max_body_size": 128 * 1024,
}
OPEN = Change(
    "open_case",
    "salesforce",
    "support_cases",
    "/api/commands/{id}",
    Question("support/no_facts"),
    CaseFacts,
    no_rules,
    crm_calls=2,
)


def _change(kind: str) -> Change[Any, CaseFacts]:
    facts = Question("support/case_facts")
    at = "/api/support/cases/{id}"
    return Change(kind, "salesforce", "support_cases", at, facts, CaseFacts, open_case_rules, crm_calls=1)


COMMENT = _change("add_comment")
CLOSE = _change("close_case")


class SupportController(Controller):
    """Support cases."""

    path = "/api/support/cases"
    tags = ("support",)

    @get(operation_id="listCases", responses=answers(CaseList))
    async def cases(
        self,
        request: ApiRequest,
        status: Annotated[CaseStatus | None, Parameter(description="Only those in this status")] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> JsonAnswer:
        """The customer's support cases, newest first."""
        return await CASES.page(request, limit, cursor, status=status)

    @get("/{case_id:str}", operation_id="getCase", responses=answers(CaseAnswer, NOT_FOUND))
    async def case(
        self, request: ApiRequest, case_id: Annotated[UUID, Parameter(description="The case's id")]
    ) -> JsonAnswer:
        """One support case with what was said on it."""
        return await single(request, CASE, id=str(case_id))

    @post(operation_id="openCase", **CHANGES)
    async def open(self, request: ApiRequest, data: JSONBody[OpenCase], key: IdempotencyKey) -> JsonAnswer:
        """Open a support case; it is among the cases as soon as the CRM has it."""
        return await OPEN.accept(request, key, data)

    @post("/{case_id:str}/comments", operation_id="addCaseComment", **CHANGES)
    async def comment(
        self, request: ApiRequest, case_id: Id, data: JSONBody[AddComment], key: IdempotencyKey
    ) -> JsonAnswer:
        """Say something on a case that is not closed."""
        return await COMMENT.accept(request, key, data, str(case_id))

    @post("/{case_id:str}/closings", operation_id="closeCase", **CHANGES)
    async def close(
        self, request: ApiRequest, case_id: Id, data: JSONBody[CloseCase], key: IdempotencyKey
    ) -> JsonAnswer:
        """Close a case that is settled."""
        return await CLOSE.accept(request, key, data, str(case_id))
