"""/auth: how people come in, and what they may do about their own log-in."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter

from read_api.auth import cookies
from read_api.auth.caller import caller_of
from read_api.auth.door import Client, Door, Entered
from read_api.auth.models import (
    ChangePassword,
    EndedAnswer,
    KeySet,
    LogIn,
    PersonAnswer,
    RequestedAnswer,
    RequestPasswordReset,
    ResetPassword,
    SessionList,
    SwitchAccount,
    TokenAnswer,
)
from read_api.auth.password_links import LINK_MINUTES
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.problems.catalogue import Kind
from read_api.http.problems.errors import InvalidFieldError
from read_api.http.responses import problem_spec
from read_api.http.services import services_of

MOST_DEVICE_CHARACTERS = 200
BODY = (catalogue.TOO_LARGE, catalogue.TOO_SLOW)


def _answers(model: Any, *kinds: Kind, status: int = 200) -> dict[int, ResponseSpec]:
    by_status: dict[int, list[Kind]] = {}
    for kind in (catalogue.INVALID_REQUEST, catalogue.UNAVAILABLE, *kinds):
        by_status.setdefault(kind.status, []).append(kind)
    # Where several kinds have one status, the description says which.
    problems = {
        code: problem_spec(same[0], "; or: ".join(each.title for each in same)) for code, same in by_status.items()
    }
    return {status: ResponseSpec(model, description="The answer", generate_examples=False), **problems}


class DoorController(Controller):
    """What needs no access token: a password, or the cookie that logging in set."""

    path = "/auth"
    tags = ("auth",)

    @post(
        "/login",
        operation_id="logIn",
        status_code=200,
        responses=_answers(
            TokenAnswer, catalogue.WRONG_CREDENTIALS, catalogue.PERSON_LOCKED, catalogue.NO_ACCOUNT,
            catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY,
        ),
    )  # fmt: skip
    async def log_in(self, request: ApiRequest, data: JSONBody[LogIn]) -> JsonAnswer:
        """Log in with e-mail address and password: an access token, and a cookie that gets the next one."""
        door = _door(request)
        _require_json(request)
        return _let_in(door, await door.log_in(data.email, data.password, _client(request)))

    @post(
        "/refresh",
        operation_id="refresh",
        status_code=200,
        security=[{"refreshCookie": []}],
        responses=_answers(
            TokenAnswer, catalogue.SESSION_ENDED, catalogue.NO_ACCOUNT, catalogue.FOREIGN_ORIGIN,
            catalogue.TOO_MANY_TRIES,
        ),
    )  # fmt: skip
    async def refresh(self, request: ApiRequest) -> JsonAnswer:
        """Get the next access token by the cookie, and the next cookie. Who lost the answer may ask again at once."""
        door = _door(request)
        return _let_in(door, await door.refresh(cookies.token_in(request), _client(request)))

    @post(
        "/logout",
        operation_id="logOut",
        status_code=200,
        security=[{"refreshCookie": []}],
        responses=_answers(EndedAnswer, catalogue.FOREIGN_ORIGIN),
    )
    async def log_out(self, request: ApiRequest) -> JsonAnswer:
        """Log out on this device: its cookie and its access tokens are good no more."""
        ended = await _door(request).log_out(cookies.token_in(request), _client(request))
        answer = _ended(int(ended))
        answer.add_header(b"set-cookie", cookies.FORGETTING)
        return answer

    @post(
        "/request-password-reset",
        operation_id="requestPasswordReset",
        status_code=202,
        responses=_answers(
            RequestedAnswer, catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY, status=202,
        ),
    )  # fmt: skip
    async def request_password_reset(self, request: ApiRequest, data: JSONBody[RequestPasswordReset]) -> JsonAnswer:
        """Have a link that sets a new password sent to the address. The answer is the same whether anybody has it."""
        door = _door(request)
        _require_json(request)
        await door.password_links.request(data.email, _client(request).address)
        return _said(msgspec.json.encode({"minutes": LINK_MINUTES}), status=202)

    @post(
        "/reset-password",
        operation_id="resetPassword",
        status_code=200,
        responses=_answers(
            EndedAnswer, catalogue.LINK_ENDED, catalogue.FOREIGN_ORIGIN, catalogue.TOO_MANY_TRIES, *BODY,
        ),
    )  # fmt: skip
    async def reset_password(self, request: ApiRequest, data: JSONBody[ResetPassword]) -> JsonAnswer:
        """Set a new password by a link that was sent: once. Every device is logged out; log in with it afterwards."""
        door = _door(request)
        _require_json(request)
        return _ended(await door.password_links.use(data.token, data.new_password, _client(request).address))


class PersonController(Controller):
    """What whoever is logged in may do about it."""

    path = "/auth"
    tags = ("auth",)

    @get("/me", operation_id="getPerson", responses=_answers(PersonAnswer, catalogue.INVALID_TOKEN))
    async def me(self, request: ApiRequest) -> JsonAnswer:
        """Who is logged in, and the accounts that they may act for."""
        return _said(await services_of(request).door.me(caller_of(request)))

    @get("/sessions", operation_id="listSessions", responses=_answers(SessionList, catalogue.INVALID_TOKEN))
    async def sessions(self, request: ApiRequest) -> JsonAnswer:
        """The devices on which the person is logged in."""
        return _said(await services_of(request).door.sessions(caller_of(request)))

    @delete(
        "/sessions/{session_id:str}",
        operation_id="endSession",
        status_code=200,
        responses=_answers(EndedAnswer, catalogue.INVALID_TOKEN, catalogue.NOT_FOUND),
    )
    async def end_session(
        self, request: ApiRequest, session_id: Annotated[UUID, Parameter(description="The session's id")]
    ) -> JsonAnswer:
        """Log out one device."""
        await services_of(request).door.end_session(caller_of(request), session_id, _client(request))
        return _ended(1)

    @post(
        "/logout-all",
        operation_id="logOutEverywhere",
        status_code=200,
        responses=_answers(EndedAnswer, catalogue.INVALID_TOKEN),
    )
    async def log_out_everywhere(self, request: ApiRequest) -> JsonAnswer:
        """Log out on every device, this one included: within a second no token of the person's is good any more."""
        answer = _ended(await services_of(request).door.log_out_everywhere(caller_of(request), _client(request)))
        answer.add_header(b"set-cookie", cookies.FORGETTING)
        return answer

    @post(
        "/switch",
        operation_id="switchAccount",
        status_code=200,
        responses=_answers(TokenAnswer, catalogue.INVALID_TOKEN, catalogue.NOT_FOUND, *BODY),
    )
    async def switch(self, request: ApiRequest, data: JSONBody[SwitchAccount]) -> JsonAnswer:
        """Act for another of the person's accounts, on this device, from now on."""
        door = services_of(request).door
        return _let_in(door, await door.act_for(caller_of(request), data.customer, _client(request)))

    @post(
        "/change-password",
        operation_id="changePassword",
        status_code=200,
        responses=_answers(EndedAnswer, catalogue.INVALID_TOKEN, catalogue.TOO_MANY_TRIES, *BODY),
    )
    async def change_password(self, request: ApiRequest, data: JSONBody[ChangePassword]) -> JsonAnswer:
        """Change the password: every other device is logged out."""
        door = services_of(request).door
        ended = await door.change_password(
            caller_of(request), data.current_password, data.new_password, _client(request)
        )
        return _ended(ended)


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


def _require_json(request: ApiRequest) -> None:
    """A form of another site can be sent without asking; JSON cannot."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidFieldError("Content-Type", "must be application/json")


def _client(request: ApiRequest) -> Client:
    address = request.client.host if request.client else ""
    said = request.headers.get("user-agent", "")[:MOST_DEVICE_CHARACTERS]
    return Client(address, "".join(each if " " <= each <= "~" else "?" for each in said))


def _let_in(door: Door, entered: Entered) -> JsonAnswer:
    who = entered.caller
    data = {
        "accessToken": entered.access, "tokenType": "Bearer", "expiresIn": door.minutes * 60, "person": who.person,
        "customer": who.customer, "role": who.role,
    }  # fmt: skip
    answer = _said(msgspec.json.encode(data))
    if entered.refresh is not None:
        answer.add_header(b"set-cookie", cookies.setting(entered.refresh, door.settings.session_days))
    return answer


def _ended(sessions: int) -> JsonAnswer:
    return _said(msgspec.json.encode({"ended": sessions}))


def _said(data: bytes, status: int = 200) -> JsonAnswer:
    return JsonAnswer(b'{"data":%b}' % data, status, cache=b"no-store")
