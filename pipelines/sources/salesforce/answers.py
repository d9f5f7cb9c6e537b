"""What an answer means (reference §2.3): which errors pass, which end the run, which end the call."""

import json
from decimal import Decimal
from typing import Any

from requests import Response

from core.errors import CredentialsError, QuotaError, RejectedError, SourceError, ThrottledError, UnavailableError
from core.storable import storable_json
from pipelines.sources.calls import failure

# Worth another try although the status says it is our fault.
PASSING = {"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"}
_QUOTA = {"REQUEST_LIMIT_EXCEEDED", "LIMIT_EXCEEDED"}
_LOGIN_PASSING = {"SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"}


def decoded(content: bytes) -> Any:
    """The JSON value, its fractions as Decimal and its texts as PostgreSQL can store them.

    Raises:
        UnavailableError: it is something else, or only part of one.
    """
    try:
        return json.loads(storable_json(content), parse_float=Decimal)
    except ValueError as error:
        raise UnavailableError("salesforce", "answered with something other than JSON", code="malformed") from error


def error_from(response: Response) -> SourceError:
    """The error a refusal stands for; Salesforce's `errorCode` is its code, its message is never repeated."""
    code, status = _error_code(response), response.status_code
    if code in _QUOTA:
        return QuotaError("salesforce", "has no calls left for us", code=code)
    if code in PASSING:
        return UnavailableError("salesforce", "could not do it now", code=code, sent=code != "UNABLE_TO_LOCK_ROW")
    by_status = failure("salesforce", status, response.headers.get("Retry-After"))
    if isinstance(by_status, CredentialsError) and code is not None:
        return CredentialsError("salesforce", by_status.reason, code=code)
    if by_status is not None:
        return by_status
    if code is None and status not in {404, 405, 414, 431} and status >= 400:
        return UnavailableError("salesforce", "answered with something other than JSON", code=f"http_{status}")
    return RejectedError("salesforce", "refused the call", code=code or f"http_{status}")


def _error_code(response: Response) -> str | None:
    try:
        body = json.loads(response.content)
    except ValueError:
        return None
    first = body[0] if isinstance(body, list) and body else body
    code = first.get("errorCode") or first.get("error") if isinstance(first, dict) else None
    return str(code) if code else None


def login_error(code: object) -> SourceError:
    """The error a refused log-in stands for. Without a code of Salesforce's own, no Salesforce answered."""
    if code is None or isinstance(code, int) or code in _LOGIN_PASSING:
        why = f"http_{code}" if code else None
        return UnavailableError("salesforce", "could not log us in now", code=why, sent=False)
    if code == "rate_limit_exceeded":
        return ThrottledError("salesforce", "asks for patience at log-in", code=str(code))
    if code in _QUOTA:
        return QuotaError("salesforce", "has no calls left for us", code=str(code))
    return CredentialsError("salesforce", "does not let us log in", code=str(code))
