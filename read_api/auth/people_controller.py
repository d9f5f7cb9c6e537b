"""/auth/members and /auth/invitations: an owner decides who acts for the account, and invites more people."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody, Parameter

from domain.common.account_roles import OWNER
from read_api.auth.answers import BODY, auth_answers, client_of, said
from read_api.auth.caller import caller_of
from read_api.auth.models import (
    ChangeRole,
    InvitationAnswer,
    InvitationList,
    Invite,
    MemberAnswer,
    MemberList,
    RemovedAnswer,
)
from read_api.auth.roles import require_role
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.services import services_of

OWNERS = (catalogue.INVALID_TOKEN, catalogue.FORBIDDEN_ROLE)
FRESH_OWNERS = (*OWNERS, catalogue.FRESH_AUTHENTICATION_NEEDED)


class MemberController(Controller):
    """Who acts for the account."""

    path = "/auth/members"
    tags = ("auth",)

    @get(operation_id="listMembers", responses=auth_answers(MemberList, *OWNERS))
    async def members(self, request: ApiRequest) -> JsonAnswer:
        """For owners: the people who act for the account."""
        require_role(request, OWNER)
        return said(await services_of(request).people.members(caller_of(request)))

    @patch(
        "/{person:str}",
        operation_id="changeMember",
        status_code=200,
        responses=auth_answers(MemberAnswer, *FRESH_OWNERS, catalogue.NOT_FOUND, catalogue.LAST_OWNER, *BODY),
    )
    async def change(
        self,
        request: ApiRequest,
        person: Annotated[UUID, Parameter(description="`person` of `GET /auth/members`")],
        data: JSONBody[ChangeRole],
    ) -> JsonAnswer:
        """Give somebody another role, within a second. They and every owner are told by e-mail."""
        require_role(request, OWNER)
        await services_of(request).people.change_member(caller_of(request), person, data.role, client_of(request))
        return said({"person": str(person), "role": data.role})

    @delete(
        "/{person:str}",
        operation_id="removeMember",
        status_code=200,
        responses=auth_answers(RemovedAnswer, *FRESH_OWNERS, catalogue.NOT_FOUND, catalogue.LAST_OWNER),
    )
    async def remove(
        self, request: ApiRequest, person: Annotated[UUID, Parameter(description="`person` of `GET /auth/members`")]
    ) -> JsonAnswer:
        """Let somebody act for the account no more, within a second. They and every owner are told by e-mail."""
        require_role(request, OWNER)
        await services_of(request).people.change_member(caller_of(request), person, None, client_of(request))
        return said({"removed": 1})


class InvitationController(Controller):
    """Who is invited to act for the account."""

    path = "/auth/invitations"
    tags = ("auth",)

    @post(
        operation_id="invite",
        status_code=201,
        responses=auth_answers(InvitationAnswer, *FRESH_OWNERS, catalogue.TOO_MANY_TRIES, *BODY, status=201),
    )
    async def invite(self, request: ApiRequest, data: JSONBody[Invite]) -> JsonAnswer:
        """For owners: invite an e-mail address to act for the account, by a link that is good for a week.

        An earlier invitation of the address ends. Whether somebody logs in with it already is not told.
        """
        require_role(request, OWNER)
        people = services_of(request).people
        invited = await people.invite(caller_of(request), data.email, data.role, data.language, client_of(request))
        return said(invited, status=201)

    @get(operation_id="listInvitations", responses=auth_answers(InvitationList, *OWNERS))
    async def invitations(self, request: ApiRequest) -> JsonAnswer:
        """For owners: invitations that wait to be accepted."""
        require_role(request, OWNER)
        return said(await services_of(request).people.invitations(caller_of(request)))

    @delete(
        "/{invitation:str}",
        operation_id="withdrawInvitation",
        status_code=200,
        responses=auth_answers(RemovedAnswer, *FRESH_OWNERS, catalogue.NOT_FOUND),
    )
    async def withdraw(
        self, request: ApiRequest, invitation: Annotated[UUID, Parameter(description="The invitation's id")]
    ) -> JsonAnswer:
        """Withdraw an invitation: its link is good no more."""
        require_role(request, OWNER)
        await services_of(request).people.withdraw(caller_of(request), invitation, client_of(request))
        return said({"removed": 1})
