"""/auth/get-started: how somebody becomes a customer who may log in."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import HeaderParameter, JSONBody

from read_api.auth import cookies
from read_api.auth.answers import BODY, auth_answers, client_of, require_json, said
from read_api.auth.models import CHALLENGE
from read_api.auth.sign_up_models import (
    BegunAnswer,
    CompletedAnswer,
    CompleteSignUp,
    LinkWhmcsAccount,
    SendCode,
    StandingAnswer,
    VerifiedAnswer,
    VerifyCode,
)
from read_api.auth.sign_ups import SignUps, Standing
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.services import services_of

HEADER = "Sign-Up"
NEXT = {
    "new_customer": "complete",
    "salesforce_account": "complete",
    "whmcs_client": "link-whmcs",
    "portal_account": "login",
}
"""What to do, by as whom a mailbox is known: the last part of an operation's path."""
FOLLOW = "/auth/get-started"
STEPS = (catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY)


class SignUpController(Controller):
    """A code, what it proves, what is asked for then, and what becomes of it."""

    path = "/auth/get-started"
    tags = ("auth",)

    @post(
        "/send-code", operation_id="sendSignUpCode", status_code=202,
        responses=auth_answers(BegunAnswer, *STEPS, status=202),
    )  # fmt: skip
    async def send_code(self, request: ApiRequest, data: JSONBody[SendCode]) -> JsonAnswer:
        """Have a code sent to an e-mail address. The answer is the same whoever has it; for another code, ask again."""
        begun = await _sign_ups(request).begin(data.email, data.language, client_of(request).address)
        return said({"signUp": begun.token, "minutes": begun.minutes}, status=202)

    @post(
        "/verify-code", operation_id="verifySignUpCode", status_code=200,
        responses=auth_answers(VerifiedAnswer, catalogue.WRONG_CODE, catalogue.SIGN_UP_ENDED, *STEPS),
    )  # fmt: skip
    async def verify_code(self, request: ApiRequest, data: JSONBody[VerifyCode]) -> JsonAnswer:
        """Prove the mailbox by the code: what the hub knows of whoever has it, and what to do next."""
        address = client_of(request).address
        outcome = await _sign_ups(request).verify(data.sign_up, data.code, data.customer_number, address)
        return said({"outcome": outcome, "next": NEXT[outcome]})

    @post(
        "/complete", operation_id="completeSignUp", status_code=202,
        responses=auth_answers(
            CompletedAnswer, catalogue.SIGN_UP_REFUSED, catalogue.SIGN_UP_ENDED, *STEPS, status=202
        ),
    )  # fmt: skip
    async def complete(self, request: ApiRequest, data: JSONBody[CompleteSignUp]) -> JsonAnswer:
        """Become a customer: the rest is done in the background. Once it is `ready`, log in with the password."""
        sign_ups, address = _sign_ups(request), client_of(request).address
        command = await sign_ups.complete(data.sign_up, data.password, data.details(), address)
        return said({"command": str(command), "state": "working", "follow": FOLLOW}, status=202)

    @get(
        operation_id="getSignUp",
        responses=auth_answers(StandingAnswer, catalogue.SIGN_UP_ENDED, catalogue.TOO_MANY_TRIES),
    )
    async def show(
        self,
        request: ApiRequest,
        sign_up: Annotated[str, HeaderParameter(name=HEADER, pattern=CHALLENGE, description="The token `signUp`")],
    ) -> JsonAnswer:
        """Where a sign-up stands. Its token is in a header, so that it is in no log of addresses."""
        standing = await services_of(request).sign_ups.standing(sign_up, client_of(request).address)
        return said(_standing(standing))


class LinkController(Controller):
    """For whoever the billing system knows already."""

    path = "/auth"
    tags = ("auth",)

    @post(
        "/link-whmcs", operation_id="linkWhmcs", status_code=202,
        responses=auth_answers(
            CompletedAnswer, catalogue.WRONG_CREDENTIALS, catalogue.SIGN_UP_REFUSED, catalogue.SIGN_UP_ENDED,
            catalogue.NOT_SET_UP, *STEPS, status=202,
        ),
    )  # fmt: skip
    async def link(self, request: ApiRequest, data: JSONBody[LinkWhmcsAccount]) -> JsonAnswer:
        """Log in here from now on, with a password of one's own, by proving the mailbox, and the password there: once.

        A wrong password, an address that is unknown there, and an account that is linked already are answered alike.
        """
        sign_ups, address = _sign_ups(request), client_of(request).address
        command = await sign_ups.link(data.sign_up, data.password, data.portal_password, address)
        return said({"command": str(command), "state": "working", "follow": FOLLOW}, status=202)


def _standing(found: Standing) -> dict[str, object]:
    failure = None if found.failure is None else {"code": found.failure[0], "reason": found.failure[1]}
    return {"state": found.state, "outcome": found.known_as, "failure": failure}


def _sign_ups(request: ApiRequest) -> SignUps:
    """Raises ForeignOriginError, InvalidFieldError."""
    services = services_of(request)
    cookies.require_own_page(request, services.door.settings.origins)
    require_json(request)
    return services.sign_ups
