"""Exceptions become problem documents; nothing of our inside gets out."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import ExceptionHandlersMap

from core.errors import NotFoundError
from core.logging import logger
from read_api.auth.tokens import InvalidTokenError
from read_api.gateway import GatewayDownError
from read_api.http.doors import UnfinishedBodyError
from read_api.http.problems import catalogue
from read_api.http.problems.catalogue import Kind
from read_api.http.problems.errors import (
    BrokenRulesError,
    ForbiddenRoleError,
    InvalidFieldError,
    InvalidSignatureError,
    KeyReusedError,
    NotAdmittedError,
    NotSetUpError,
    NumberDisputedError,
)
from read_api.http.problems.models import FieldProblem, Problem
from read_api.live.seats import RETRY_SECONDS, NoSeatError
from read_api.store.database import DatabaseDownError, UnknownCustomerError

AnyRequest = Request[Any, Any, Any]

log = logger("read_api")


def problem(
    request: ASGIConnection[Any, Any, Any, Any],
    kind: Kind,
    detail: str,
    *fields: FieldProblem,
    status: int | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response[bytes]:
    """An answer of that kind. `more`: members that only some kinds have."""
    document = Problem(
        type=kind.type,
        title=kind.title,
        status=status or kind.status,
        detail=detail,
        instance=request.scope["path"],
        field=fields[0].field if fields else msgspec.UNSET,
        errors=list(fields) if fields else msgspec.UNSET,
        **more,
    )
    return Response(
        content=msgspec.json.encode(document),
        status_code=document.status,
        media_type="application/problem+json",
        headers={"cache-control": "no-store", **(headers or {})},
    )


def _http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    if isinstance(error.__cause__, SerializationException):
        unread = FieldProblem("body", "is not JSON")
        return problem(request, catalogue.INVALID_REQUEST, "the body is not JSON", unread)
    kind = catalogue.REJECTED if error.status_code < 500 else catalogue.INTERNAL_ERROR
    return problem(request, kind, kind.title, status=error.status_code)


def _method(request: AnyRequest, error: MethodNotAllowedException) -> Response[bytes]:
    allowed = {"Allow": (error.headers or {}).get("allow", "GET")}
    return problem(request, catalogue.METHOD_NOT_ALLOWED, f"{request.method} is not offered here", headers=allowed)


def _validation(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    found = error.extra if isinstance(error.extra, list) else []
    fields = [
        FieldProblem(WIRE_NAMES.get(str(each.get("key")), str(each.get("key", "request"))), str(each.get("message")))
        for each in found
    ] or [_missing_parameter(error)]
    return problem(request, catalogue.INVALID_REQUEST, f"{fields[0].field} is not valid", *fields)


def _missing_parameter(error: ValidationException) -> FieldProblem:
    if found := MISSING.match(error.detail):
        return FieldProblem(WIRE_NAMES.get(found[1], found[1]), "is needed")
    return FieldProblem("request", "is not usable")


def _field(request: AnyRequest, error: InvalidFieldError) -> Response[bytes]:
    return problem(request, catalogue.INVALID_REQUEST, str(error), FieldProblem(error.field, error.reason))


def _broken(request: AnyRequest, error: BrokenRulesError) -> Response[bytes]:
    fields = [FieldProblem(each.field, each.reason, each.code) for each in error.broken]
    detail = f"{fields[0].field} {fields[0].detail}" if fields else "it may not be done"
    return problem(request, catalogue.BROKEN_RULES, detail, *fields)


def _role(request: AnyRequest, error: ForbiddenRoleError) -> Response[bytes]:
    allowed = f"; it needs {' or '.join(error.allowed)}" if error.allowed else ""
    detail = f"your role for this customer{f', {error.role},' if error.role else ''} may not do this{allowed}"
    return problem(request, catalogue.FORBIDDEN_ROLE, detail)


def _not_admitted(request: AnyRequest, error: NotAdmittedError) -> Response[bytes]:
    headers = {"Retry-After": str(error.retry_after)}
    if error.limit == "open":
        return problem(request, catalogue.TOO_MANY_OPEN, catalogue.TOO_MANY_OPEN.title, headers=headers)
    kind, limit = error.kind.replace("_", " "), error.limit.replace("_", " ")
    reason = FieldProblem("request", f"too many {kind} ({limit})", f"{error.kind}_{error.limit}".upper())
    return problem(request, catalogue.TOO_MANY_REQUESTS, f"too many {kind} ({limit})", reason, headers=headers)


def _signature(request: AnyRequest, error: InvalidSignatureError) -> Response[bytes]:
    # An operator who set one of the two secrets wrong must be able to see it; nothing here names a customer.
    log.warning("webhook_refused", path=request.scope["path"], reason=str(error))
    reason = FieldProblem(error.field, error.reason)
    challenge = {"WWW-Authenticate": "HMAC-SHA256"}
    return problem(request, catalogue.INVALID_SIGNATURE, str(error), reason, headers=challenge)


def no_seat(connection: ASGIConnection[Any, Any, Any, Any], error: NoSeatError) -> Response[bytes]:
    """429 where the caller has too many streams, 503 where all callers together have."""
    status = catalogue.TOO_MANY_STREAMS.status if error.of_caller else catalogue.UNAVAILABLE.status
    again = {"Retry-After": str(RETRY_SECONDS)}
    return problem(connection, catalogue.TOO_MANY_STREAMS, str(error), status=status, headers=again)


def _down(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.warning("database_unavailable", reason=str(error))
    return problem(request, catalogue.UNAVAILABLE, "the database does not answer", headers={"Retry-After": "2"})


def _no_gateway(request: AnyRequest, error: GatewayDownError) -> Response[bytes]:
    log.warning("gateway_unavailable", reason=str(error))
    detail = "the system that this must reach does not answer"
    return problem(request, catalogue.UNAVAILABLE, detail, headers={"Retry-After": "10"})


def _bug(request: AnyRequest, error: Exception) -> Response[bytes]:
    # The class alone: a message may quote values.
    log.error("bug", error=type(error).__name__, exc_info=False)
    return problem(request, catalogue.INTERNAL_ERROR, "the hub could not answer; this is recorded")


def _always(
    kind: Kind, detail: str | None = None, *fields: FieldProblem, headers: dict[str, str] | None = None
) -> Callable[[AnyRequest, Exception], Response[bytes]]:
    """A handler that says the same every time; without a `detail`, what the exception says."""

    def handler(request: AnyRequest, error: Exception) -> Response[bytes]:
        return problem(request, kind, detail or str(error), *fields, headers=headers)

    return handler


_missing = _always(catalogue.NOT_FOUND, "there is no such record for this customer, or no such address")
_token = _always(
    catalogue.INVALID_TOKEN,
    "the bearer token is missing or not valid",
    FieldProblem("Authorization", "needs a valid bearer token"),
    headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
)
_reused = _always(
    catalogue.KEY_REUSED,
    "the key stands for another request",
    FieldProblem("Idempotency-Key", "was used for another request"),
)
# What is left of a body was not read: its connection is of no more use.
_large = _always(catalogue.TOO_LARGE, catalogue.TOO_LARGE.title, headers={"Connection": "close"})
_slow = _always(catalogue.TOO_SLOW, None, FieldProblem("body", "did not come in time"), headers={"Connection": "close"})

# Handlers' own names of what is a reserved word, or repeats the path, on the wire.
MISSING = re.compile(r"Missing required \w+ parameter '([\w-]+)'")
WIRE_NAMES = {"data": "body", "key": "Idempotency-Key", "as_of": "asOf", "from_": "from", "until": "to"}

HANDLERS: ExceptionHandlersMap = {
    ValidationException: _validation,
    NotFoundException: _missing,
    NotFoundError: _missing,
    MethodNotAllowedException: _method,
    RequestEntityTooLarge: _large,
    UnfinishedBodyError: _slow,
    NoSeatError: no_seat,
    HTTPException: _http,
    InvalidFieldError: _field,
    BrokenRulesError: _broken,
    KeyReusedError: _reused,
    ForbiddenRoleError: _role,
    NumberDisputedError: _always(catalogue.NUMBER_DISPUTED, "another open service has the number as well"),
    NotAdmittedError: _not_admitted,
    InvalidSignatureError: _signature,
    InvalidTokenError: _token,
    UnknownCustomerError: _token,
    DatabaseDownError: _down,
    GatewayDownError: _no_gateway,
    NotSetUpError: _always(catalogue.NOT_SET_UP),
    Exception: _bug,
}
