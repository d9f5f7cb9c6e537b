"""What an answer means. WHMCS has no error codes: the HTTP status and the text together tell (reference §1.4)."""

import re
from json import JSONDecoder
from typing import Any

from pydantic_core import from_json

from core.errors import CredentialsError, RejectedError, SourceError, UnavailableError
from core.storable import storable_json
from pipelines.sources.calls import failure

_ANSWER = re.compile(r'\{\s*"result"\s*:')
"""How every answer begins. Not with `status`, which rows have too."""
_DECODER = JSONDecoder()

NOT_FOUND = "not_found"
WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word for programs
UNENCODABLE = "unencodable"
"""A record holds bytes that are no UTF-8, so every answer with it cannot be written as JSON."""

# Texts are matched and never repeated: they may name addresses and records.
_CREDENTIALS = {
    "invalid ip": "address_not_allowed",
    "forbidden ip": "address_not_allowed",
    "invalid or missing credentials": "credentials",
    "authentication failed": "credentials",
    "invalid password provided": "credentials",
    "invalid permissions": "action_not_allowed",
    "access denied": "access_denied",
    "administrator account disabled": "account_disabled",
    "api command restricted to internal api": "action_is_internal",
    "the requested api action could not be found": "unknown_action",
    "command not found": "unknown_action",
}

_ONE_ACTION = {"action_not_allowed", "action_is_internal", "unknown_action"}

# Refusals that somebody acts on differently.
_REFUSALS = {
    "existing cancellation request exists": "exists",
    "payment attempt failed": "payment_failed",
    "invoice not found or not unpaid": "not_unpaid",
    "duplicate email address": "duplicate_email",
    "a user already exists with that email address": "duplicate_email",
    "the email address entered is not available for use": "duplicate_email",
    "email or password invalid": WRONG_PASSWORD,
    "error generating json encoded response": UNENCODABLE,  # sburina/laravel-whmcs-up#6
}
_REASONS = {UNENCODABLE: "holds a record that it cannot write as JSON"}


def body_of(status: int, content: bytes, retry_after: str | None = None) -> dict[str, Any]:
    """The decoded answer, if it is a success.

    Raises:
        CredentialsError: WHMCS refuses us; not to be tried again, since repeated failures get the address banned.
        RejectedError: WHMCS refuses the call; `code` is `not_found` where the record does not exist.
        UnavailableError: no JSON came, or a server fault (ThrottledError: "slow down").
    """
    body = _decoded(content)
    # Some actions and older versions say `status` instead; beside a `result` it is the record's own.
    result = body.get("result", body.get("status"))
    if status == 200 and result == "success":
        return body
    if result == "error":
        raise _error(status, str(body.get("message", "")), retry_after)
    raise failure("whmcs", status, retry_after) or UnavailableError(
        "whmcs", "sent no answer of WHMCS", code="malformed"
    )


def _decoded(content: bytes) -> dict[str, Any]:
    """The JSON object, or the `result=error;message=...` form that refusals before log-in may have; else nothing.

    PHP prints notices and what hooks echo around the answer. It counts all the same, for it says what was done; two
    answers in one only if they say the same.
    """
    content = storable_json(content)
    try:
        body = from_json(content)
    except ValueError:
        text = content.decode(errors="replace")
        if _ANSWER.search(text):
            # In another charset its words cannot be made out.
            return {} if "\ufffd" in text else _between_notices(text)
        pairs = dict(part.partition("=")[::2] for part in text.strip().split(";"))
        return pairs if "result" in pairs else {}
    return body if isinstance(body, dict) else {}


def _between_notices(text: str) -> dict[str, Any]:
    """The one answer that is in there; nothing where it was cut off, or there are several."""
    answers, end = [], 0
    while found := _ANSWER.search(text, end):
        try:
            answer, end = _DECODER.raw_decode(text, found.start())
        except ValueError:
            return {}
        answers.append(answer)
    return answers[0] if all(answer == answers[0] for answer in answers) else {}


def _error(status: int, message: str, retry_after: str | None) -> SourceError:
    text = message.strip().lower()
    for known, code in _CREDENTIALS.items():
        if text.startswith(known):
            return CredentialsError("whmcs", "refuses us", code=code, one_action=code in _ONE_ACTION)
    if by_status := failure("whmcs", status, retry_after):
        return by_status
    for known, code in _REFUSALS.items():
        if text.startswith(known):
            return RejectedError("whmcs", _REASONS.get(code, "refused the call"), code=code)
    if text.endswith("not found"):
        return RejectedError("whmcs", "has no such record", code=NOT_FOUND)
    return RejectedError("whmcs", "refused the call", code="refused" if status == 200 else f"http_{status}")
