"""/auth: how people come in, and what they may do about their own log-in."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter

from read_api.auth import cookies
from read_api.auth.answers import (
    BODY,
    auth_answers,
    challenged,
    client_of,
    ended,
    let_in,
    passkey_options,
    require_json,
    said,
    shown_in,
)
from read_api.auth.caller import caller_of
from read_api.auth.door import Door
from read_api.auth.entering import Challenged
from read_api.auth.freshness import require_fresh
from read_api.auth.models import (
    AcceptedInvitationAnswer,
    AcceptInvitation,
    ChallengeAnswer,
    ChangeEmail,
    ChangePassword,
    CodeSentAnswer,
    ConfirmEmail,
    DeviceList,
    EndedAnswer,
    ForgottenAnswer,
    KeySet,
    LogIn,
    PasskeyOptionsAnswer,
    PersonAnswer,
    RequestedAnswer,
    RequestPasswordReset,
    ResetPassword,
    SendAnotherCode,
    SessionList,
    SwitchAccount,
    TokenAnswer,
    UsePasskey,
    VerifyLogIn,
)
from read_api.auth.password_links import LINK_MINUTES
from read_api.auth.view_controller import VIEWERS
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.services import services_of


class DoorController(Controller):
    """What needs no access token: a password, or the cookie that logging in set."""

    path = "/auth"
    tags = ("auth",)

    @post(
        "/login",
        operation_id="logIn",
        status_code=200,
        responses=auth_answers(
            TokenAnswer, catalogue.WRONG_CREDENTIALS, catalogue.PERSON_LOCKED, catalogue.NO_ACCOUNT,
            catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY, also=ChallengeAnswer,
        ),
    )  # fmt: skip
    async def log_in(self, request: ApiRequest, data: JSONBody[LogIn]) -> JsonAnswer:
        """Log in with e-mail address and password: an access token, and a cookie that gets the next one.

        Who has a second factor gets a challenge instead (202), to go on with at `/auth/login/verify`; who has none gets
        one where this device is not known for theirs, and a code by e-mail.
        """
        door = _door(request)
        require_json(request)
        found = await door.log_in(data.email, data.password, client_of(request))
        return challenged(door, found) if isinstance(found, Challenged) else let_in(door, found)

    @post(
        "/login/verify",
        operation_id="verifyLogIn",
        status_code=200,
        responses=auth_answers(
            TokenAnswer, catalogue.WRONG_CODE, catalogue.PASSKEY_REFUSED, catalogue.CHALLENGE_ENDED,
            catalogue.PERSON_LOCKED, catalogue.NO_ACCOUNT, catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY,
        ),
    )  # fmt: skip
    async def verify(self, request: ApiRequest, data: JSONBody[VerifyLogIn]) -> JsonAnswer:
        """Go on with a log-in by a passkey, or by a code: of an authenticator app, a recovery code, or one by e-mail.

        After a code by e-mail, a cookie spares this device the next ones, for `rememberDays`.
        """
        door = _door(request)
        require_json(request)
        factors = services_of(request).factors
        shown, client = shown_in(data), client_of(request)
        entered = await factors.verify(data.challenge, data.method, shown, client, remember_days=data.remember_days)
        return let_in(door, entered)

    @post(
        "/login/send-code",
        operation_id="sendCode",
        status_code=202,
        responses=auth_answers(
            CodeSentAnswer, catalogue.CHALLENGE_ENDED, catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY,
            status=202,
        ),
    )  # fmt: skip
    async def send_code(self, request: ApiRequest, data: JSONBody[SendAnotherCode]) -> JsonAnswer:
        """Have another code sent by e-mail, for a log-in that waits for one. Earlier ones are good no more."""
        door = _door(request)
        require_json(request)
        await door.device_codes.send_again(data.challenge, client_of(request))
        return said({"expiresIn": door.settings.challenge_minutes * 60}, status=202)

    @post(
        "/login/passkey",
        operation_id="askForPasskey",
        status_code=200,
        responses=auth_answers(
            PasskeyOptionsAnswer, catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, catalogue.NOT_SET_UP
        ),
    )
    async def ask_for_passkey(self, request: ApiRequest) -> JsonAnswer:
        """What the browser is to be asked with, for any passkey that it has: nobody says first who they are.

        What it gives goes to `/auth/login/passkey/verify`, or where a passkey is one of the `methods`.
        """
        _door(request)
        return passkey_options(await services_of(request).passkeys.options(client_of(request)))

    @post(
        "/login/passkey/verify",
        operation_id="logInByPasskey",
        status_code=200,
        responses=auth_answers(
            TokenAnswer, catalogue.PASSKEY_REFUSED, catalogue.PERSON_LOCKED, catalogue.NO_ACCOUNT,
            catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, catalogue.NOT_SET_UP, *BODY,
        ),
    )  # fmt: skip
    async def log_in_by_passkey(self, request: ApiRequest, data: JSONBody[UsePasskey]) -> JsonAnswer:
        """Log in by a passkey: an access token, and a cookie that gets the next one. Nothing more is asked for."""
        door = _door(request)
        require_json(request)
        answer = data.credential.model_dump(by_alias=True)
        return let_in(door, await services_of(request).passkeys.log_in(answer, client_of(request)))

    @post(
        "/refresh",
        operation_id="refresh",
        status_code=200,
        security=[{"refreshCookie": []}],
        responses=auth_answers(
            TokenAnswer, catalogue.SESSION_ENDED, catalogue.NO_ACCOUNT, catalogue.FOREIGN_ORIGIN,
            catalogue.TOO_MANY_TRIES,
        ),
    )  # fmt: skip
    async def refresh(self, request: ApiRequest) -> JsonAnswer:
        """Get the next access token by the cookie, and the next cookie. Who lost the answer may ask again at once."""
        door = _door(request)
        return let_in(door, await door.refresh(cookies.token_in(request), client_of(request)))

    @post(
        "/logout",
        operation_id="logOut",
        status_code=200,
        security=[{"refreshCookie": []}],
        responses=auth_answers(EndedAnswer, catalogue.FOREIGN_ORIGIN),
    )
    async def log_out(self, request: ApiRequest) -> JsonAnswer:
        """Log out on this device: its cookie and its access tokens are good no more."""
        was_good = await _door(request).log_out(cookies.token_in(request), client_of(request))
        answer = ended(int(was_good))
        answer.add_header(b"set-cookie", cookies.FORGETTING)
        return answer

    @post(
        "/request-password-reset",
        operation_id="requestPasswordReset",
        status_code=202,
        responses=auth_answers(RequestedAnswer, catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY, status=202),
    )
    async def request_password_reset(self, request: ApiRequest, data: JSONBody[RequestPasswordReset]) -> JsonAnswer:
        """Have a link that sets a new password sent to the address. The answer is the same whether anybody has it."""
        door = _door(request)
        require_json(request)
        await door.password_links.request(data.email, client_of(request).address)
        return said({"minutes": LINK_MINUTES}, status=202)

    @post(
        "/reset-password",
        operation_id="resetPassword",
        status_code=200,
        responses=auth_answers(
            EndedAnswer, catalogue.LINK_ENDED, catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY
        ),
    )
    async def reset_password(self, request: ApiRequest, data: JSONBody[ResetPassword]) -> JsonAnswer:
        """Set a new password by a link that was sent: once. Every device is logged out; log in with it afterwards."""
        door = _door(request)
        require_json(request)
        return ended(await door.password_links.use(data.token, data.new_password, client_of(request).address))

    @post(
        "/accept-invitation",
        operation_id="acceptInvitation",
        status_code=200,
        security=[{}, {"bearerAuth": []}],
        responses=auth_answers(
            AcceptedInvitationAnswer, catalogue.INVALID_TOKEN, catalogue.LOG_IN_NEEDED, catalogue.LINK_ENDED,
            catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY,
        ),
    )  # fmt: skip
    async def accept_invitation(self, request: ApiRequest, data: JSONBody[AcceptInvitation]) -> JsonAnswer:
        """Act for the account that an invitation is of. Nobody is logged in by it.

        Who is new chooses a password. Who logs in with the invited address already does so first, and sends the token
        of that session.
        """
        services = services_of(request)
        cookies.require_own_page(request, services.door.settings.origins)
        require_json(request)
        caller = services.guard.person(request) if "authorization" in request.headers else None
        customer, role = await services.people.accept(data.token, data.password, caller, client_of(request))
        return said({"customer": customer, "role": role})


class PersonController(Controller):
    """What whoever is logged in may do about it."""

    path = "/auth"
    tags = ("auth",)

    @get(
        "/me",
        operation_id="getPerson",
        opt={VIEWERS: True},
        responses=auth_answers(PersonAnswer, catalogue.INVALID_TOKEN, catalogue.TOO_MANY_REQUESTS),
    )
    async def me(self, request: ApiRequest) -> JsonAnswer:
        """Who is logged in, and the accounts that they may act for; and who of support looks on as them."""
        return said(await services_of(request).door.me(caller_of(request)))

    @get("/sessions", operation_id="listSessions", responses=auth_answers(SessionList, catalogue.INVALID_TOKEN))
    async def sessions(self, request: ApiRequest) -> JsonAnswer:
        """The devices on which the person is logged in."""
        return said(await services_of(request).door.sessions(caller_of(request)))

    @delete(
        "/sessions/{session_id:str}",
        operation_id="endSession",
        status_code=200,
        responses=auth_answers(EndedAnswer, catalogue.INVALID_TOKEN, catalogue.NOT_FOUND),
    )
    async def end_session(
        self, request: ApiRequest, session_id: Annotated[UUID, Parameter(description="The session's id")]
    ) -> JsonAnswer:
        """Log out one device."""
        await services_of(request).door.end_session(caller_of(request), session_id, client_of(request))
        return ended(1)

    @get("/devices", operation_id="listDevices", responses=auth_answers(DeviceList, catalogue.INVALID_TOKEN))
    async def devices(self, request: ApiRequest) -> JsonAnswer:
        """The devices on which the person is asked for no code by e-mail."""
        return said(await services_of(request).door.devices(caller_of(request)))

    @delete(
        "/devices/{device_id:str}",
        operation_id="forgetDevice",
        status_code=200,
        responses=auth_answers(ForgottenAnswer, catalogue.INVALID_TOKEN, catalogue.NOT_FOUND),
    )
    async def forget_device(
        self, request: ApiRequest, device_id: Annotated[UUID, Parameter(description="The device's id")]
    ) -> JsonAnswer:
        """Ask for a code again when somebody logs in on a device. Whoever is logged in there stays so."""
        await services_of(request).door.forget_device(caller_of(request), device_id, client_of(request))
        return said({"forgotten": 1})

    @post(
        "/logout-all",
        operation_id="logOutEverywhere",
        status_code=200,
        responses=auth_answers(EndedAnswer, catalogue.INVALID_TOKEN),
    )
    async def log_out_everywhere(self, request: ApiRequest) -> JsonAnswer:
        """Log out on every device, this one included: within a second no token of the person's is good any more."""
        answer = ended(await services_of(request).door.log_out_everywhere(caller_of(request), client_of(request)))
        answer.add_header(b"set-cookie", cookies.FORGETTING)
        return answer

    @post(
        "/switch",
        operation_id="switchAccount",
        status_code=200,
        responses=auth_answers(TokenAnswer, catalogue.INVALID_TOKEN, catalogue.NOT_FOUND, *BODY),
    )
    async def switch(self, request: ApiRequest, data: JSONBody[SwitchAccount]) -> JsonAnswer:
        """Act for another of the person's accounts, on this device, from now on."""
        door = services_of(request).door
        return let_in(door, await door.act_for(caller_of(request), data.customer, client_of(request)))

    @post(
        "/change-password",
        operation_id="changePassword",
        status_code=200,
        responses=auth_answers(
            EndedAnswer, catalogue.INVALID_TOKEN, catalogue.FRESH_AUTHENTICATION_NEEDED, catalogue.TOO_MANY_TRIES, *BODY
        ),
    )
    async def change_password(self, request: ApiRequest, data: JSONBody[ChangePassword]) -> JsonAnswer:
        """Change the password: every other device is logged out."""
        door = services_of(request).door
        await require_fresh(request)
        return ended(
            await door.change_password(caller_of(request), data.current_password, data.new_password, client_of(request))
        )

    @post(
        "/change-email",
        operation_id="changeEmail",
        status_code=202,
        responses=auth_answers(
            RequestedAnswer, catalogue.INVALID_TOKEN, catalogue.FRESH_AUTHENTICATION_NEEDED, catalogue.TOO_MANY_TRIES,
            *BODY, status=202,
        ),
    )  # fmt: skip
    async def change_email(self, request: ApiRequest, data: JSONBody[ChangeEmail]) -> JsonAnswer:
        """Have a link sent to the address to log in with from now on, and a notice to the present one.

        The answer is the same whether anybody has the address.
        """
        await services_of(request).email_changes.request(caller_of(request), data.email, client_of(request))
        return said({"minutes": LINK_MINUTES}, status=202)

    @post(
        "/confirm-email",
        operation_id="confirmEmail",
        status_code=200,
        responses=auth_answers(
            EndedAnswer, catalogue.INVALID_TOKEN, catalogue.LINK_ENDED, catalogue.TOO_MANY_TRIES, *BODY
        ),
    )
    async def confirm_email(self, request: ApiRequest, data: JSONBody[ConfirmEmail]) -> JsonAnswer:
        """Log in with the new address from now on, by the link that was sent to it. Other devices are logged out."""
        changes = services_of(request).email_changes
        return ended(await changes.confirm(caller_of(request), data.token, client_of(request)))


@get(
    "/.well-known/jwks.json",
    operation_id="getKeySet",
    tags=["auth"],
    responses={200: ResponseSpec(KeySet, description="The keys", generate_examples=False)},
)
async def key_set(request: ApiRequest) -> JsonAnswer:
    """The public keys of access tokens; ask again for one that is not among them, though not at each request."""
    return JsonAnswer(services_of(request).verification.jwks, cache=b"public, max-age=60")


def _door(request: ApiRequest) -> Door:
    """Raises ForeignOriginError."""
    door = services_of(request).door
    cookies.require_own_page(request, door.settings.origins)
    return door
