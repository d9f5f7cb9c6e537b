"""What operations answer with, for the OpenAPI document."""

from typing import Any, get_args

from litestar.openapi.datastructures import ResponseSpec

from read_api.commands.models import AcceptedAnswer
from read_api.http.problems import catalogue
from read_api.http.problems.catalogue import Kind
from read_api.http.problems.models import Problem

UNLINKED = "MAPPING_MISSING"
"""The rule of every change: the customer has an account in the system that it changes."""
EVERY = (catalogue.INVALID_REQUEST, catalogue.INVALID_TOKEN, catalogue.TOO_MANY_REQUESTS, catalogue.UNAVAILABLE)


def answers(model: Any, *more: Kind) -> dict[int, ResponseSpec]:
    """200 with `model`, and the problems that every operation under /api may answer with; `more` adds to them."""
    problems = {kind.status: problem_spec(kind) for kind in (*EVERY, *more)}
    return {200: ResponseSpec(model, description="The answer", generate_examples=False), **problems}


def change(*more: Kind, rules: Any = None, fresh: bool = False, most_bytes: int = 16 * 1024) -> dict[str, Any]:
    """What the decorator of a handler is told that accepts commands: 202, the problems, the largest body.

    `more` adds to the problems; `rules` is the Literal of the codes that say which rule of the business is broken;
    `fresh` is what the kind of command says of it.
    """
    kinds = (
        *EVERY,
        catalogue.FORBIDDEN_ROLE,
        catalogue.TOO_LARGE,
        catalogue.TOO_SLOW,
        catalogue.BROKEN_RULES,
        catalogue.TOO_MANY_OPEN,
        *more,
    )
    problems = {kind.status: problem_spec(kind) for kind in kinds}
    codes = ", ".join(dict.fromkeys((*get_args(rules), UNLINKED)))
    told = f"{catalogue.BROKEN_RULES.title} ({codes}), or: {catalogue.KEY_REUSED.title}"
    problems[catalogue.BROKEN_RULES.status] = problem_spec(catalogue.BROKEN_RULES, told)
    limited = f"{catalogue.TOO_MANY_REQUESTS.title}, or: {catalogue.TOO_MANY_OPEN.title}"
    problems[catalogue.TOO_MANY_OPEN.status] = problem_spec(catalogue.TOO_MANY_OPEN, limited)
    if fresh:
        told = f"{catalogue.FORBIDDEN_ROLE.title}, or: {catalogue.FRESH_AUTHENTICATION_NEEDED.title}"
        problems[catalogue.FORBIDDEN_ROLE.status] = problem_spec(catalogue.FORBIDDEN_ROLE, told)
    accepted = ResponseSpec(AcceptedAnswer, description="Accepted", generate_examples=False)
    return {"status_code": 202, "responses": {202: accepted, **problems}, "request_max_body_size": most_bytes}


def problem_spec(kind: Kind, description: str | None = None) -> ResponseSpec:
    about = description or kind.title
    return ResponseSpec(Problem, description=about, media_type="application/problem+json", generate_examples=False)
