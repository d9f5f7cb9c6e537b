"""What an answer means (reference §2.3): which errors pass, which end the run, which end the call."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum, auto
from functools import partial
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest, Response

from core.errors import CredentialsError, QuotaError, RejectedError, SourceError, ThrottledError, UnavailableError
from core.storable import storable_json
from pipelines.sources.calls import failure, seconds


class TooMuchError(SourceError):
    """More than Salesforce does at a time: whoever reads asks for less; what came of a write is not known."""

    # It takes Salesforce's own words, however often the parts are still too large: the circuit stays closed.
    is_answer = True

    def __init__(self, system: str, reason: str, *, code: str | None = None) -> None:
        super().__init__(system, reason, code=code, nothing_came=False)


class ForgottenError(RejectedError):
    """Salesforce does not keep any more what it was asked about: it must be read another way."""


class Meaning(Enum):
    """What a code of Salesforce's means for us."""

    ANEW = auto()
    """The session is over, or the org lives elsewhere now: log in anew, once. Nothing came of the call."""
    LATER = auto()
    """Refused as a whole, and passes by itself. Nothing came of the call."""
    UNKNOWN = auto()
    """A fault on their side: passes, but what came of a write is not known."""
    PATIENCE = auto()
    """Too many calls at once. Nothing came of this one."""
    LESS = auto()
    """Too much for the time or the size allowed: ask for less."""
    FORGOTTEN = auto()
    """Older than what is kept: read it another way."""
    QUOTA = auto()
    """An allowance is used up: stop, much later is soon enough."""
    OPERATOR = auto()
    """Nothing works until an operator has looked."""
    REFUSED = auto()
    """This call, or this object, will not do; others will. Nothing came of the call."""


# Sources: SOAP API Developer Guide, "Core Data Types Used in API Calls" (ExceptionCode, StatusCode: partner WSDL 48.0);
# Bulk API 2.0 Developer Guide, "Errors"; Salesforce Help, "OAuth 2.0 Authorization Errors"; RFC 6749, section 5.2.
# UNKNOWN_EXCEPTION_CODE is simple-salesforce's word for XML that is no answer to a log-in.
# What the vendor lists and is not here speaks of one record, of a query, or of a feature that we do not use: REFUSED.
_DECIDED: Mapping[Meaning, str] = {
    Meaning.ANEW: """
        INVALID_SESSION_ID InvalidSessionId INVALID_AUTH_HEADER URL_NOT_RESET ORG_NOT_OWNED_BY_INSTANCE
        TXN_SECURITY_END_A_SESSION
    """,
    Meaning.LATER: """
        UNABLE_TO_LOCK_ROW TooManyLockFailure RECORD_IN_USE_BY_WORKFLOW TERRITORY_REALIGN_IN_PROGRESS
        INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE INVALID_READ_ONLY_USER_DML ORG_IN_MAINTENANCE
        FUNCTIONALITY_TEMPORARILY_UNAVAILABLE SSO_SERVICE_DOWN TOO_MANY_APEX_REQUESTS TOO_MANY_JOBS
        MATCH_SERVICE_TIMED_OUT MATCH_SERVICE_UNAVAILABLE_ERROR PLATFORM_EVENT_PUBLISHING_UNAVAILABLE
        TXN_SECURITY_APEX_ERROR TXN_SECURITY_FAIL_CLOSE TXN_SECURITY_METERING_ERROR TXN_SECURITY_RUNTIME_ERROR
    """,
    Meaning.UNKNOWN: """
        UNKNOWN_EXCEPTION SERVER_UNAVAILABLE INTERNAL_ERROR InternalServerError Unknown
        server_error temporarily_unavailable unknown_error UNKNOWN_EXCEPTION_CODE
    """,
    Meaning.PATIENCE: "rate_limit_exceeded",
    Meaning.LESS: """
        QUERY_TIMEOUT QUERY_TOO_COMPLICATED OPERATION_TOO_LARGE EXCEEDED_ID_LIMIT EXCEEDED_MAX_SIZE_REQUEST
        TOO_MANY_RECORDS REQUEST_RUNNING_TOO_LONG REALTIME_PROCESSING_TIME_EXCEEDED_LIMIT Timeout
    """,
    Meaning.FORGOTTEN: "INVALID_REPLICATION_DATE INVALID_QUERY_LOCATOR INVALID_LOCATOR",
    Meaning.QUOTA: "REQUEST_LIMIT_EXCEEDED LIMIT_EXCEEDED EXCEEDED_QUOTA ExceededQuota",
    Meaning.OPERATOR: """
        API_DISABLED_FOR_ORG API_CURRENTLY_DISABLED FeatureNotEnabled UNSUPPORTED_API_VERSION UNSUPPORTED_CLIENT
        INVALID_CLIENT CLIENT_NOT_ACCESSIBLE_FOR_USER CLIENT_REQUIRE_UPDATE_FOR_USER MUTUAL_AUTHENTICATION_FAILED
        INVALID_LOGIN INVALID_SSO_GATEWAY_URL INVALID_OPERATION_WITH_EXPIRED_PASSWORD PASSWORD_LOCKOUT
        LOGIN_MUST_USE_SECURITY_TOKEN LOGIN_CHALLENGE_ISSUED LOGIN_CHALLENGE_PENDING
        LOGIN_DURING_RESTRICTED_DOMAIN LOGIN_DURING_RESTRICTED_TIME
        INVALID_OLD_PASSWORD INVALID_NEW_PASSWORD
        ORG_LOCKED ORG_IS_DOT_ORG ORG_IS_SIGNING_UP TRIAL_EXPIRED INACTIVE_PORTAL PORTAL_NO_ACCESS
        TXN_SECURITY_TWO_FA_REQUIRED STORAGE_LIMIT_EXCEEDED LICENSE_LIMIT_EXCEEDED
        invalid_grant invalid_client invalid_client_id invalid_client_credentials unauthorized_client access_denied
        inactive_user inactive_org org_locked invalid_app_access invalid_request invalid_scope unsupported_grant_type
        invalid_assertion_type
    """,
    Meaning.REFUSED: """
        INVALID_FIELD INVALID_TYPE INVALID_TYPE_FOR_OPERATION ENTITY_NOT_QUERYABLE INVALIDENTITY MALFORMED_QUERY
        INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY
        TXN_SECURITY_NO_ACCESS InvalidUser FUNCTIONALITY_NOT_ENABLED NOT_FOUND INACTIVE_OWNER_OR_USER ENTITY_IS_LOCKED
        DUPLICATE_VALUE DUPLICATES_DETECTED ENTITY_IS_DELETED ENTITY_IS_ARCHIVED INVALID_CROSS_REFERENCE_KEY
        STRING_TOO_LONG REQUIRED_FIELD_MISSING FIELD_INTEGRITY_EXCEPTION FIELD_CUSTOM_VALIDATION_EXCEPTION
        INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST INVALID_FIELD_FOR_INSERT_UPDATE INVALID_EMAIL_ADDRESS MALFORMED_ID
        CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY CANNOT_EXECUTE_FLOW_TRIGGER FAILED_ACTIVATION
        EXCEEDED_MAX_SEMIJOIN_SUBSELECTS EXCEEDED_MAX_SEMIJOIN_SUBSELECTS_WRITE EXCEEDED_MAX_FILTER_ENTITIES
        EXCEEDED_MAX_SOBJECTS EXCEEDED_MAX_TYPES_LIMIT
    """,
}
_NO_RIGHT = {
    "INVALID_FIELD", "INVALID_TYPE", "INVALID_TYPE_FOR_OPERATION", "ENTITY_NOT_QUERYABLE",
    "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "FUNCTIONALITY_NOT_ENABLED",
}  # fmt: skip
"""Refusals that say nothing of the record: an object or a field of it is not, or no longer, ours to see."""
MEANINGS = {code: meaning for meaning, codes in _DECIDED.items() for code in codes.split()}

# Answers of an address from which the org has moved away, or of a maintenance page that stands before it.
_ELSEWHERE = {301, 302, 303, 307, 308}
# Refusals of an address: of one that is too long, whoever reads it first, or of an external id that several records
# have, which Salesforce answers with their addresses alone. A bare 404 may be a proxy's, whatever was done behind it.
_NO_SUCH_CALL = {300, 414, 431}
# What is said of records whose only fault is that others in the same transaction failed.
_OTHERS_FAILED = {"PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"}
_WHY_NO_LOG_IN = {
    "audience": "the audience of our assertion is not the one it wants: see SALESFORCE_JWT_AUDIENCE",
    "hasn't approved this consumer": "the connected app is not pre-authorised for SALESFORCE_USERNAME",
    "expired authorization code": "our assertion has expired: is this machine's clock right?",
    "ip restricted": "this machine's address, or the hour, is not allowed for the user",
    "inactive": "the user or the org is not active",
    "authentication failure": "the user name, the password or the security token is wrong",
}
_WHOLE_NAME = re.compile(r"[A-Za-z]\w*")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'")
_NAMES_SAID = re.compile(r"'([A-Za-z][\w.]*)'|\[([\w., ]+)\]|\bfields: ([\w, ]+)")


def decoded(content: bytes) -> Any:
    """The JSON value, its fractions as Decimal and its texts as PostgreSQL can store them.

    Raises:
        UnavailableError: it is something else, or only part of one.
    """
    try:
        return json.loads(storable_json(content), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UnavailableError("salesforce", "answered with something other than JSON", code="malformed") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def wants_log_in(response: Response) -> bool:
    """Whether the answer refuses our session, or the address it is for: nothing came of the call.

    What names the user answers an expired token with 403 and no code (SalesforceMobileSDK-Android#2430, jsforce#736).
    """
    if response.status_code == 403 and response.request is not None and "/oauth2/" in (response.request.url or ""):
        return True
    if response.status_code in {*_ELSEWHERE, 401}:
        return True
    return response.status_code >= 400 and any(MEANINGS.get(code) is Meaning.ANEW for code, _ in _errors_said(response))


def error_from(response: Response) -> SourceError:
    """The error a refusal stands for; Salesforce's `errorCode` is its code, its message is never repeated.

    Of the message only names of objects and fields are repeated that stand in what we sent: they are no customer's.
    """
    status, said = response.status_code, _errors_said(response)
    if status in _ELSEWHERE:
        return UnavailableError("salesforce", "sends us elsewhere", code=f"http_{status}", sent=False)
    by_status = failure("salesforce", status, response.headers.get("Retry-After"))
    if isinstance(by_status, ThrottledError):
        return by_status
    if not said:
        return _from_somebody_else(status, by_status)
    error = error_said(said, response.request)
    # A code that we have not decided on means what its status means, and a status of 5xx proves no refusal.
    if by_status is not None and (error.code not in MEANINGS or (status >= 500 and isinstance(error, RejectedError))):
        error = type(by_status)("salesforce", by_status.reason, code=error.code)
    if isinstance(error, UnavailableError):
        error.retry_after = seconds(response.headers.get("Retry-After"))
    return error


def _from_somebody_else(status: int, by_status: SourceError | None) -> SourceError:
    """The error that an answer without a code of Salesforce's stands for: a proxy, an edge network, a maintenance page.

    Its 403 is no word about our rights.
    """
    if by_status is not None and status != 403:
        return by_status
    if status in _NO_SUCH_CALL:
        return RejectedError("salesforce", "refused the call", code=f"http_{status}")
    return UnavailableError("salesforce", "answered with something other than JSON", code=f"http_{status}")


Said = tuple[str, str]
"""An error's code and its text, with the fields it names behind."""


def error_said(said: list[Said], request: PreparedRequest | None, query: str = "") -> SourceError:
    """The error that Salesforce's own words stand for, the first of several. `query`: what a bulk job requested."""
    guilty = [each for each in said if each[0] not in _OTHERS_FAILED] or said
    code, text = guilty[0]
    meaning = MEANINGS.get(code, Meaning.REFUSED)
    if code == "REQUEST_LIMIT_EXCEEDED" and "Concurrent" in text:
        # The other use of this code: too many calls that take long (source: API Request Limits and Allocations).
        meaning = Meaning.PATIENCE
    about = _about(" ".join(text for _, text in guilty), _names_sent(request, query), _object_of(request, query))
    kind, reason = _ERRORS[meaning]
    error = kind("salesforce", reason + about, code=code)
    error.concerns_kind = code in _NO_RIGHT
    return error


_ERRORS: Mapping[Meaning, tuple[Callable[..., SourceError], str]] = {
    Meaning.ANEW: (CredentialsError, "refuses the session it has just opened"),
    Meaning.OPERATOR: (CredentialsError, "refuses us"),
    Meaning.LATER: (partial(UnavailableError, refused=True), "could not do it now"),
    Meaning.UNKNOWN: (UnavailableError, "could not do it now"),
    Meaning.PATIENCE: (ThrottledError, "asks for patience"),
    Meaning.LESS: (TooMuchError, "was asked for too much at a time"),
    Meaning.QUOTA: (QuotaError, "has no calls left for us"),
    Meaning.FORGOTTEN: (ForgottenError, "keeps nothing that old"),
    Meaning.REFUSED: (RejectedError, "refused the call"),
}


def login_error(code: object, description: object = None) -> SourceError:
    """The error a refused log-in stands for. Without a code of Salesforce's own, no Salesforce answered.

    Nothing else was sent before it, so nothing came of anything.
    """
    if not isinstance(code, str):
        status = f"http_{code}" if isinstance(code, int) else None
        return UnavailableError("salesforce", "could not log us in now", code=status, sent=False)
    match MEANINGS.get(code):
        case Meaning.LATER | Meaning.UNKNOWN:
            return UnavailableError("salesforce", "could not log us in now", code=code, sent=False)
        case Meaning.PATIENCE:
            return ThrottledError("salesforce", "asks for patience at log-in", code=code)
        case Meaning.QUOTA:
            return QuotaError("salesforce", "has no calls left for us", code=code)
        case _:
            said = description.lower() if isinstance(description, str) else ""
            why = next((f": {ours}" for theirs, ours in _WHY_NO_LOG_IN.items() if theirs in said), "")
            return CredentialsError("salesforce", f"does not let us log in{why}", code=code)


def _errors_said(response: Response) -> list[Said]:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return []
    return list(errors_in(body))


def errors_in(body: Any) -> Iterator[Said]:
    """The errors in a body: a list of REST's, one of the Bulk API's, those among a tree's or a collection's results."""
    for entry in body if isinstance(body, list) else [body]:
        if not isinstance(entry, dict):
            continue
        code = entry.get("errorCode") or entry.get("statusCode") or entry.get("exceptionCode")
        if isinstance(code, str):
            named = entry.get("fields")
            fields = ", ".join(map(str, named)) if isinstance(named, list) else ""
            yield code, f"{entry.get('message') or entry.get('exceptionMessage') or ''} [{fields}]"
        yield from errors_in(entry.get("results", []))
        yield from errors_in(entry.get("errors", []))


# -- what may be repeated of a message ---------------------------------------------------------------------------------


def _about(text: str, names: Mapping[str, str], record_kind: str) -> str:
    """`: Wrong__c, Account`: the names in a message that are ours; else the object that the call was about."""
    words = [word for groups in _NAMES_SAID.findall(text) for word in re.split(r"[\s,.]+", "".join(groups))]
    repeated = dict.fromkeys(names[word.lower()] for word in words if word.lower() in names)
    found = ", ".join(repeated) or record_kind
    return f": {found}" if found else ""


def _names_sent(request: PreparedRequest | None, query: str) -> dict[str, str]:
    """Names of objects and fields in what we sent, by themselves in lower case: a query's words, a record's keys."""
    words: list[str] = _WHOLE_NAME.findall(_QUOTED.sub("", query or _query_of(request)))
    words += [*_keys(_body_of(request)), _object_of(request, query)]
    return {word.lower(): word for word in words if word}


def _object_of(request: PreparedRequest | None, query: str) -> str:
    queried = re.search(r"\bFROM\s+(\w+)", _QUOTED.sub("", query or _query_of(request)))
    path = urlsplit(str(request.url)).path if request is not None else ""
    written = re.search(r"/(?:sobjects|tree)/([A-Za-z]\w*)", path)
    return queried[1] if queried else written[1] if written else ""


def _query_of(request: PreparedRequest | None) -> str:
    if request is None:
        return ""
    body = _body_of(request)
    query = body.get("query") if isinstance(body, dict) else None
    return str(query or parse_qs(urlsplit(str(request.url)).query).get("q", [""])[0])


def _body_of(request: PreparedRequest | None) -> Any:
    if request is None or not isinstance(request.body, bytes | str):
        return None
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def _keys(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)
