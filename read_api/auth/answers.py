"""What the operations of /auth answer with, and what they know of whoever asks."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec

from read_api.auth import cookies
from read_api.auth.ceremonies import Answer
from read_api.auth.door import Door
from read_api.auth.entering import Challenged, Client, Entered
from read_api.auth.models import Assertion, StepUp, VerifyLogIn
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.problems import catalogue
from read_api.http.problems.catalogue import Kind
from read_api.http.problems.errors import InvalidFieldError
from read_api.http.responses import problem_spec

MOST_DEVICE_CHARACTERS = 200
SHOWN = {"password": "password", "passkey": "credential"}
"""Which field holds what proves it, by the method; for all others, `code` does."""
BODY = (catalogue.TOO_LARGE, catalogue.TOO_SLOW)


def auth_answers(model: Any, *kinds: Kind, status: int = 200, also: Any = None) -> dict[int, ResponseSpec]:
    """`status` with `model`, and the problems of those kinds. `also`: the model of a 202 besides."""
    by_status: dict[int, list[Kind]] = {}
    for kind in (catalogue.INVALID_REQUEST, catalogue.UNAVAILABLE, *kinds):
        by_status.setdefault(kind.status, []).append(kind)
    # Where several kinds have one status, the description says which.
    problems = {
        code: problem_spec(same[0], "; or: ".join(each.title for each in same)) for code, same in by_status.items()
    }
    answers = {status: ResponseSpec(model, description="The answer", generate_examples=False), **problems}
    if also is not None:
        answers[202] = ResponseSpec(also, description="More must be proven", generate_examples=False)
    return answers


def client_of(request: ApiRequest) -> Client:
    address = request.client.host if request.client else ""
    told = request.headers.get("user-agent", "")[:MOST_DEVICE_CHARACTERS]
    device = "".join(each if " " <= each <= "~" else "?" for each in told)
    return Client(address, device, cookies.token_in(request, cookies.DEVICE))


def shown_in(data: VerifyLogIn | StepUp) -> str | Answer:
    """What proves it, by the method that is named.

    Raises:
        InvalidFieldError: it is missing.
    """
    name = SHOWN.get(data.method, "code")
    shown = getattr(data, name)
    if shown is None:
        raise InvalidFieldError(name, f"is needed for the method {data.method}")
    return shown.model_dump(by_alias=True) if isinstance(shown, Assertion) else str(shown)


def let_in(door: Door, entered: Entered) -> JsonAnswer:
    who = entered.caller
    data = {
        "accessToken": entered.access, "tokenType": "Bearer", "expiresIn": entered.minutes * 60, "person": who.person,
        "customer": who.customer or None, "role": who.role,
    }  # fmt: skip
    answer = said(data)
    if entered.refresh is not None:
        answer.add_header(b"set-cookie", cookies.setting(entered.refresh, door.settings.session_days))
    if entered.device is not None:
        device = cookies.setting(entered.device.token, entered.device.days, cookies.DEVICE)
        answer.add_header(b"set-cookie", device)
    return answer


def challenged(door: Door, found: Challenged) -> JsonAnswer:
    expires_in = door.settings.challenge_minutes * 60
    return said({"challenge": found.challenge, "methods": list(found.methods), "expiresIn": expires_in}, status=202)


def ended(sessions: int) -> JsonAnswer:
    return said({"ended": sessions})


def passkey_options(options: dict[str, Any]) -> JsonAnswer:
    return said({"publicKey": options})


def recovery_codes(codes: Sequence[str], sessions: int) -> JsonAnswer:
    return said({"codes": list(codes), "ended": sessions})


def said(data: Any, status: int = 200) -> JsonAnswer:
    """An answer that no cache keeps. `data`: what is to be JSON, or is already, as bytes."""
    json = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return JsonAnswer(b'{"data":%b}' % json, status, cache=b"no-store")


def require_json(request: ApiRequest) -> None:
    """A form of another site can be sent without asking; JSON cannot.

    Raises:
        InvalidFieldError.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidFieldError("Content-Type", "must be application/json")
