"""Support cases."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter

from domain.commands import kinds
from domain.support.changing import AddComment, CloseCase, OpenCase, RuleCode
from domain.support.contract import CaseStatus
from read_api.commands.accepting import Change, IdempotencyKey
from read_api.http.answers import ApiRequest, JsonAnswer, single
from read_api.http.lists import EARLIER, Listing
from read_api.http.problems.catalogue import NOT_FOUND
from read_api.http.responses import answers, change
from read_api.http.wire import Cursor, Limit
from read_api.store.questions import Question
from read_api.support.models import CaseAnswer, CaseList

CASES = Listing(Question("support/cases", ("salesforce.cases",)), EARLIER)
CASE = Question("support/case", ("salesforce.cases", "salesforce.case_comments"))

Id = Annotated[UUID, Parameter(description="The case's id")]
CHANGES = change(NOT_FOUND, rules=RuleCode, most_bytes=128 * 1024)
CASE_FACTS = Question("support/case_facts")
OPEN = Change(kinds.OPEN_CASE, "/api/commands/{id}", Question("support/no_facts"))
COMMENT = Change(kinds.ADD_COMMENT, "/api/support/cases/{id}", CASE_FACTS)
CLOSE = Change(kinds.CLOSE_CASE, "/api/support/cases/{id}", CASE_FACTS)


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
    async def case(self, request: ApiRequest, case_id: Id) -> JsonAnswer:
        """One support case with what was said on it."""
        return await single(request, CASE, id=str(case_id))

    @post(operation_id="openCase", **CHANGES, opt=OPEN.opt)
    async def open(self, request: ApiRequest, data: JSONBody[OpenCase], key: IdempotencyKey) -> JsonAnswer:
        """Open a support case; it is among the cases as soon as the CRM has it."""
        return await OPEN.accept(request, key, data)

    @post("/{case_id:str}/comments", operation_id="addCaseComment", **CHANGES, opt=COMMENT.opt)
    async def comment(
        self, request: ApiRequest, case_id: Id, data: JSONBody[AddComment], key: IdempotencyKey
    ) -> JsonAnswer:
        """Say something on a case that is not closed."""
        return await COMMENT.accept(request, key, data, str(case_id))

    @post("/{case_id:str}/closings", operation_id="closeCase", **CHANGES, opt=CLOSE.opt)
    async def close(
        self, request: ApiRequest, case_id: Id, data: JSONBody[CloseCase], key: IdempotencyKey
    ) -> JsonAnswer:
        """Close a case that is settled."""
        return await CLOSE.accept(request, key, data, str(case_id))
