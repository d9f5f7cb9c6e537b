"""/auth/factors and /auth/step-up: what people prove who they are with, and proving it again."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import JSONBody, Parameter

from read_api.auth.answers import (
    BODY,
    auth_answers,
    client_of,
    ended,
    let_in,
    passkey_options,
    recovery_codes,
    said,
    shown_in,
)
from read_api.auth.caller import caller_of
from read_api.auth.models import (
    AddedPasskeyAnswer,
    AddPasskey,
    ConfirmTotp,
    EndedAnswer,
    FactorsAnswer,
    NewAppAnswer,
    PasskeyOptionsAnswer,
    RecoveryCodesAnswer,
    StepUp,
    TokenAnswer,
)
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.services import services_of

FRESH = (catalogue.INVALID_TOKEN, catalogue.FRESH_AUTHENTICATION_NEEDED)
LEFT = (catalogue.PASSWORD_TOO_SHORT, catalogue.LAST_WAY_IN)


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
            catalogue.PASSKEY_REFUSED,
            catalogue.NO_ACCOUNT,
            catalogue.TOO_MANY_TRIES,
            *BODY,
        ),
    )
    async def step_up(self, request: ApiRequest, data: JSONBody[StepUp]) -> JsonAnswer:
        """Prove again who you are: an access token that is fresh, for what needs that.

        What a browser is asked with for a passkey, `/auth/login/passkey` gives.
        """
        services = services_of(request)
        entered = await services.factors.step_up(caller_of(request), data.method, shown_in(data), client_of(request))
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
        responses=auth_answers(EndedAnswer, *FRESH, catalogue.NOT_FOUND, *LEFT),
    )
    async def end_totp(self, request: ApiRequest) -> JsonAnswer:
        """Switch the app off; with the last second factor recovery codes go. Every other device is logged out."""
        return ended(await services_of(request).factors.end_totp(caller_of(request), client_of(request)))

    @post(
        "/passkeys",
        operation_id="beginPasskey",
        status_code=200,
        responses=auth_answers(PasskeyOptionsAnswer, *FRESH, catalogue.NOT_SET_UP),
    )
    async def begin_passkey(self, request: ApiRequest) -> JsonAnswer:
        """What the browser is to be asked with, to make a passkey; what it gives goes to `confirm`."""
        return passkey_options(await services_of(request).passkeys.begin(caller_of(request), client_of(request)))

    @post(
        "/passkeys/confirm",
        operation_id="confirmPasskey",
        status_code=200,
        responses=auth_answers(
            AddedPasskeyAnswer, *FRESH, catalogue.PASSKEY_REFUSED, catalogue.TOO_MANY_TRIES, catalogue.NOT_SET_UP, *BODY
        ),
    )
    async def confirm_passkey(self, request: ApiRequest, data: JSONBody[AddPasskey]) -> JsonAnswer:
        """Add the passkey that the browser made. Every other device is logged out."""
        answer = data.credential.model_dump(by_alias=True)
        caller, client = caller_of(request), client_of(request)
        added = await services_of(request).passkeys.confirm(caller, data.name, answer, client)
        return said({"id": added.id, "codes": list(added.codes), "ended": added.ended})

    @delete(
        "/passkeys/{passkey_id:str}",
        operation_id="endPasskey",
        status_code=200,
        responses=auth_answers(EndedAnswer, *FRESH, catalogue.NOT_FOUND, *LEFT),
    )
    async def end_passkey(
        self, request: ApiRequest, passkey_id: Annotated[UUID, Parameter(description="The passkey's id")]
    ) -> JsonAnswer:
        """Take a passkey away; with the last second factor recovery codes go. Every other device is logged out."""
        return ended(await services_of(request).passkeys.end(caller_of(request), passkey_id, client_of(request)))

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
