"""What is said to whoever is not let in."""

from typing import Any

from litestar import Request, Response
from litestar.types import ExceptionHandlersMap

from core.logging import logger
from read_api.auth.errors import (
    BusyError,
    ChallengeEndedError,
    ForeignOriginError,
    FreshAuthenticationNeededError,
    LastOwnerError,
    LastWayInError,
    LinkEndedError,
    LogInNeededError,
    LookingOnError,
    NoAccountError,
    NoAgentError,
    PasskeyRefusedError,
    PasswordTooShortError,
    PersonLockedError,
    SessionEndedError,
    SignUpEndedError,
    SignUpRefusedError,
    TooManyTriesError,
    WrongCodeError,
    WrongCredentialsError,
)
from read_api.http.problems import catalogue
from read_api.http.problems.handlers import problem
from read_api.http.problems.models import FieldProblem

AnyRequest = Request[Any, Any, Any]

log = logger("read_api")


def _credentials(request: AnyRequest, error: WrongCredentialsError) -> Response[bytes]:
    reason = FieldProblem("password", "does not belong to this e-mail address")
    # A 401 must name a scheme (RFC 9110, 15.5.2); this one opens no browser's dialogue.
    challenge = {"WWW-Authenticate": "Bearer"}
    return problem(request, catalogue.WRONG_CREDENTIALS, str(error), reason, headers=challenge)


def _session(request: AnyRequest, error: SessionEndedError) -> Response[bytes]:
    reason = FieldProblem("Cookie", "holds no refresh token that is good")
    return problem(request, catalogue.SESSION_ENDED, str(error), reason, headers={"WWW-Authenticate": "Bearer"})


def _link(request: AnyRequest, error: LinkEndedError) -> Response[bytes]:
    return problem(request, catalogue.LINK_ENDED, str(error), FieldProblem("token", "is good no more, or never was"))


def _sign_up(request: AnyRequest, error: SignUpEndedError) -> Response[bytes]:
    reason = FieldProblem("signUp", "is none that can be gone on with")
    return problem(request, catalogue.SIGN_UP_ENDED, str(error), reason)


def _sign_up_refused(request: AnyRequest, error: SignUpRefusedError) -> Response[bytes]:
    field = "customerNumber" if error.code == "NUMBER_UNKNOWN" else "signUp"
    return problem(request, catalogue.SIGN_UP_REFUSED, str(error), FieldProblem(field, error.reason, error.code))


def _challenge(request: AnyRequest, error: ChallengeEndedError) -> Response[bytes]:
    reason = FieldProblem("challenge", "is none that can be gone on with")
    return problem(request, catalogue.CHALLENGE_ENDED, str(error), reason, headers={"WWW-Authenticate": "Bearer"})


def _code(request: AnyRequest, error: WrongCodeError) -> Response[bytes]:
    return problem(request, catalogue.WRONG_CODE, str(error), FieldProblem("code", "is not right"))


def _passkey(request: AnyRequest, error: PasskeyRefusedError) -> Response[bytes]:
    return problem(request, catalogue.PASSKEY_REFUSED, str(error), FieldProblem("credential", "does not count"))


def _fresh(request: AnyRequest, error: FreshAuthenticationNeededError) -> Response[bytes]:
    detail = f"{error}: by {' or '.join(error.methods)}, within {error.max_age} seconds"
    return problem(
        request, catalogue.FRESH_AUTHENTICATION_NEEDED, detail, methods=list(error.methods), max_age=error.max_age
    )


def _short(request: AnyRequest, error: PasswordTooShortError) -> Response[bytes]:
    return problem(request, catalogue.PASSWORD_TOO_SHORT, str(error))


def _last(request: AnyRequest, error: LastWayInError) -> Response[bytes]:
    return problem(request, catalogue.LAST_WAY_IN, str(error))


def _locked(request: AnyRequest, error: PersonLockedError) -> Response[bytes]:
    return problem(request, catalogue.PERSON_LOCKED, str(error))


def _no_account(request: AnyRequest, error: NoAccountError) -> Response[bytes]:
    return problem(request, catalogue.NO_ACCOUNT, str(error))


def _no_agent(request: AnyRequest, error: NoAgentError) -> Response[bytes]:
    return problem(request, catalogue.NO_AGENT, str(error))


def _looking_on(request: AnyRequest, error: LookingOnError) -> Response[bytes]:
    return problem(request, catalogue.FORBIDDEN_ROLE, str(error))


def _log_in(request: AnyRequest, error: LogInNeededError) -> Response[bytes]:
    return problem(request, catalogue.LOG_IN_NEEDED, str(error))


def _last_owner(request: AnyRequest, error: LastOwnerError) -> Response[bytes]:
    return problem(request, catalogue.LAST_OWNER, str(error))


def _origin(request: AnyRequest, error: ForeignOriginError) -> Response[bytes]:
    # Whoever runs the portal and forgot AUTH_ORIGINS must be able to see it.
    log.warning("auth.foreign_origin", path=request.scope["path"])
    return problem(request, catalogue.FOREIGN_ORIGIN, str(error), FieldProblem("Origin", "is not one of the portal's"))


def _busy(request: AnyRequest, error: BusyError) -> Response[bytes]:
    return problem(request, catalogue.UNAVAILABLE, str(error), headers={"Retry-After": "2"})


def _tries(request: AnyRequest, error: TooManyTriesError) -> Response[bytes]:
    log.warning("auth.limited", path=request.scope["path"], limit=error.limit)
    headers = {
        "Retry-After": str(error.retry_after),
        # draft-ietf-httpapi-ratelimit-headers
        "RateLimit-Policy": f'"{error.limit}";q={error.most};w={error.seconds}',
        "RateLimit": f'"{error.limit}";r=0;t={error.retry_after}',
    }
    return problem(request, catalogue.TOO_MANY_TRIES, str(error), headers=headers)


AUTH_HANDLERS: ExceptionHandlersMap = {
    WrongCredentialsError: _credentials,
    SessionEndedError: _session,
    LinkEndedError: _link,
    SignUpEndedError: _sign_up,
    SignUpRefusedError: _sign_up_refused,
    ChallengeEndedError: _challenge,
    WrongCodeError: _code,
    PasskeyRefusedError: _passkey,
    FreshAuthenticationNeededError: _fresh,
    PasswordTooShortError: _short,
    LastWayInError: _last,
    PersonLockedError: _locked,
    NoAccountError: _no_account,
    NoAgentError: _no_agent,
    LookingOnError: _looking_on,
    LogInNeededError: _log_in,
    LastOwnerError: _last_owner,
    ForeignOriginError: _origin,
    BusyError: _busy,
    TooManyTriesError: _tries,
}
