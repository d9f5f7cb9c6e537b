"""/auth/view-as and /auth/views: support agents see the portal as a customer does, and owners see that they did."""

from litestar import Controller, delete, get, post
from litestar.params import JSONBody

from domain.common.account_roles import OWNER
from read_api.auth.answers import BODY, auth_answers, client_of, ended, let_in, said
from read_api.auth.caller import caller_of
from read_api.auth.models import EndedAnswer, TokenAnswer, ViewAs, ViewList
from read_api.auth.roles import require_role
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.services import services_of

VIEWERS = "viewers"
"""Option of a route under /auth that is for whoever looks as another, too."""


class ViewController(Controller):
    """Looking as a customer does."""

    path = "/auth"
    tags = ("auth",)

    @post(
        "/view-as",
        operation_id="viewAs",
        status_code=200,
        responses=auth_answers(
            TokenAnswer,
            catalogue.INVALID_TOKEN,
            catalogue.FRESH_AUTHENTICATION_NEEDED,
            catalogue.NO_AGENT,
            catalogue.NOT_FOUND,
            catalogue.TOO_MANY_TRIES,
            *BODY,
        ),
    )
    async def begin(self, request: ApiRequest, data: JSONBody[ViewAs]) -> JsonAnswer:
        """For support agents: an access token that sees what the customer sees, and changes nothing.

        It cannot be refreshed; the agent's own session goes on beside it. What is read by it is in the audit.
        """
        services = services_of(request)
        entered = await services.views.begin(
            caller_of(request), data.customer, data.person, data.reason, data.minutes, client_of(request)
        )
        return let_in(services.door, entered)

    @delete(
        "/view-as",
        operation_id="endViewAs",
        status_code=200,
        opt={VIEWERS: True},
        responses=auth_answers(EndedAnswer, catalogue.INVALID_TOKEN),
    )
    async def end(self, request: ApiRequest) -> JsonAnswer:
        """End the view whose token it is; by an agent's own token, all of theirs."""
        return ended(await services_of(request).views.end(caller_of(request), client_of(request)))

    @get(
        "/views",
        operation_id="listViews",
        responses=auth_answers(ViewList, catalogue.INVALID_TOKEN, catalogue.FORBIDDEN_ROLE),
    )
    async def views(self, request: ApiRequest) -> JsonAnswer:
        """For owners: when support looked at the account within the last year."""
        require_role(request, OWNER)
        return said(await services_of(request).views.looked_at(caller_of(request)))
