"""The customer whose token it is."""

import msgspec
from litestar import Controller, get, patch, post
from litestar.params import JSONBody

from domain.commands import kinds
from domain.customer.changing import RequestEligibility, RuleCode, UpdateAddress, UpdateProfile
from read_api.auth.caller import caller_of
from read_api.commands.accepting import Change, IdempotencyKey
from read_api.customer.models import MeAnswer
from read_api.http.answers import ApiRequest, JsonAnswer, customer_of, database_of, single
from read_api.http.problems.catalogue import NOT_FOUND
from read_api.http.responses import answers, change
from read_api.store.questions import Question

ME = Question("customer/me", ("salesforce.accounts", "whmcs.clients"))
FACTS = Question("customer/change_facts")

UPDATE_PROFILE = Change(kinds.UPDATE_PROFILE, "/api/me", FACTS)
UPDATE_ADDRESS = Change(kinds.UPDATE_ADDRESS, "/api/me", FACTS)
REQUEST_ELIGIBILITY = Change(kinds.REQUEST_ELIGIBILITY, "/api/me", FACTS)


class CustomerController(Controller):
    """The customer."""

    path = "/api/me"
    tags = ("customer",)

    @get(operation_id="getMe", responses=answers(MeAnswer, NOT_FOUND))
    async def me(self, request: ApiRequest) -> JsonAnswer:
        """Who the token speaks for."""
        return await single(request, ME, viewed_by=_viewed_by(request))

    @patch(operation_id="updateMe", **change(fresh=UPDATE_PROFILE.kind.fresh), opt=UPDATE_PROFILE.opt)
    async def update(self, request: ApiRequest, data: JSONBody[UpdateProfile], key: IdempotencyKey) -> JsonAnswer:
        """Change the billing contact; what is absent stays as it is. The billing system owns it."""
        return await UPDATE_PROFILE.accept(request, key, data, await _oneself(request))

    @patch("/address", operation_id="updateAddress", **change(), opt=UPDATE_ADDRESS.opt)
    async def address(self, request: ApiRequest, data: JSONBody[UpdateAddress], key: IdempotencyKey) -> JsonAnswer:
        """Change the address on file, as a whole. The billing system owns it."""
        return await UPDATE_ADDRESS.accept(request, key, data, await _oneself(request))


class EligibilityController(Controller):
    """Which internet services reach the customer."""

    path = "/api/eligibility-requests"
    tags = ("customer",)

    @post(operation_id="requestEligibility", **change(rules=RuleCode), opt=REQUEST_ELIGIBILITY.opt)
    async def ask(self, request: ApiRequest, data: JSONBody[RequestEligibility], key: IdempotencyKey) -> JsonAnswer:
        """Ask an agent to check which internet services reach the address on file."""
        return await REQUEST_ELIGIBILITY.accept(request, key, data, await _oneself(request))


def _viewed_by(request: ApiRequest) -> str | None:
    """Who looks as whom, as JSON."""
    caller = caller_of(request)
    if caller.actor is None:
        return None
    return msgspec.json.encode({"agent": caller.actor, "person": caller.person}).decode()


async def _oneself(request: ApiRequest) -> str:
    """The customer's id of today."""
    return await database_of(request).customer(customer_of(request))
