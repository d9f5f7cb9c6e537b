"""/auth/factors and /auth/step-up: what people prove who they are with, and proving it again."""

from litestar import Controller, delete, get, post
from litestar.params import JSONBody

from read_api.auth.answers import BODY, auth_answers, client_of, ended, let_in, recovery_codes, said
from read_api.auth.caller import caller_of
from read_api.auth.models import (
    ConfirmTotp,
    EndedAnswer,
    FactorsAnswer,
    NewAppAnswer,
    RecoveryCodesAnswer,
    StepUp,
    TokenAnswer,
)
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.problems.errors import InvalidFieldError
from read_api.http.services import services_of

FRESH = (catalogue.INVALID_TOKEN, catalogue.FRESH_AUTHENTICATION_NEEDED)


class StepUpController(Controller):
    """Proving it again."""

    path = "/auth"
    tags = ("auth",)

    @post(
        "/step-up",
        operation_id="stepUp",
        status_code=200,
        responses=auth_answers(
            TokenAnswer,
            catalogue.INVALID_TOKEN,
            catalogue.WRONG_CODE,
            catalogue.NO_ACCOUNT,
            catalogue.TOO_MANY_TRIES,
            *BODY,
        ),
    )
    async def step_up(self, request: ApiRequest, data: JSONBody[StepUp]) -> JsonAnswer:
        """Prove again who you are: an access token that is fresh, for what needs that."""
        services = services_of(request)
        name = "password" if data.method == "password" else "code"
        shown = data.password if data.method == "password" else data.code
        if shown is None:
            raise InvalidFieldError(name, f"is needed for the method {data.method}")
        entered = await services.factors.step_up(caller_of(request), data.method, shown, client_of(request))
        return let_in(services.door, entered)


class FactorController(Controller):
    """A person's own factors."""

    path = "/auth/factors"
    tags = ("auth",)

    @get(operation_id="listFactors", responses=auth_answers(FactorsAnswer, catalogue.INVALID_TOKEN))
    async def factors(self, request: ApiRequest) -> JsonAnswer:
        """What the person proves who they are with, how many recovery codes are left, what makes a session fresh."""
        return said(await services_of(request).factors.factors_of(caller_of(request)))

    @post(
        "/totp",
        operation_id="beginTotp",
        status_code=200,
        responses=auth_answers(NewAppAnswer, *FRESH, catalogue.NOT_SET_UP),
    )
    async def begin_totp(self, request: ApiRequest) -> JsonAnswer:
        """A secret for an authenticator app, shown this once. It counts once a code of it was sent to `confirm`."""
        app = await services_of(request).factors.begin_totp(caller_of(request))
        return said({"secret": app.secret, "uri": app.uri})

    @post(
        "/totp/confirm",
        operation_id="confirmTotp",
        status_code=200,
        responses=auth_answers(
            RecoveryCodesAnswer, *FRESH, catalogue.WRONG_CODE, catalogue.NOT_FOUND, catalogue.TOO_MANY_TRIES, *BODY
        ),
    )
    async def confirm_totp(self, request: ApiRequest, data: JSONBody[ConfirmTotp]) -> JsonAnswer:
        """Switch the app on: recovery codes, shown this once. Every other device is logged out."""
        renewed = await services_of(request).factors.confirm_totp(caller_of(request), data.code, client_of(request))
        return recovery_codes(renewed.codes, renewed.ended)

    @delete(
        "/totp",
        operation_id="endTotp",
        status_code=200,
        responses=auth_answers(EndedAnswer, *FRESH, catalogue.NOT_FOUND, catalogue.PASSWORD_TOO_SHORT),
    )
    async def end_totp(self, request: ApiRequest) -> JsonAnswer:
        """Switch the app off, and its recovery codes with it. Every other device is logged out."""
        return ended(await services_of(request).factors.end_totp(caller_of(request), client_of(request)))

    @post(
        "/recovery-codes",
        operation_id="renewRecoveryCodes",
        status_code=200,
        responses=auth_answers(RecoveryCodesAnswer, *FRESH, catalogue.NOT_FOUND),
    )
    async def renew_recovery_codes(self, request: ApiRequest) -> JsonAnswer:
        """New recovery codes, shown this once; earlier ones are good no more. Every other device is logged out."""
        renewed = await services_of(request).factors.renew_recovery_codes(caller_of(request), client_of(request))
        return recovery_codes(renewed.codes, renewed.ended)
