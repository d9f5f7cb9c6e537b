"""The customer whose token it is."""

from litestar import Controller, get

from read_api.answers import ApiRequest, JsonAnswer, single
from read_api.customer.models import MeAnswer
from read_api.problems.catalogue import NOT_FOUND
from read_api.questions import Question
from read_api.responses import answers

ME = Question("customer/me", ("salesforce.accounts", "whmcs.clients"))


class CustomerController(Controller):
    """The customer."""

    path = "/api/me"
    tags = ("customer",)

    @get(operation_id="getMe", responses=answers(MeAnswer, NOT_FOUND))
    async def me(self, request: ApiRequest) -> JsonAnswer:
        """Who the token speaks for."""
        return await single(request, ME)
