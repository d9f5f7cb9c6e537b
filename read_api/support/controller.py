"""Support cases."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.params import Parameter

from read_api.answers import EARLIER, ApiRequest, JsonAnswer, Listing, single
from read_api.problems.catalogue import NOT_FOUND
from read_api.questions import Question
from read_api.responses import answers
from read_api.support.models import CaseAnswer, CaseList, CaseStatus
from read_api.wire import Cursor, Limit

CASES = Listing(Question("support/cases", ("salesforce.cases",)), EARLIER)
CASE = Question("support/case", ("salesforce.cases",))


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
        """One support case."""
        return await single(request, CASE, id=str(case_id))
