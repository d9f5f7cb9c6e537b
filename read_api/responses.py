"""What operations answer with, for the OpenAPI document."""

from typing import Any

from litestar.openapi.datastructures import ResponseSpec

from read_api.commands.models import AcceptedAnswer
from read_api.problems import catalogue
from read_api.problems.catalogue import Kind
from read_api.problems.models import Problem

EVERY = (catalogue.INVALID_REQUEST, catalogue.INVALID_TOKEN, catalogue.UNAVAILABLE)


def answers(model: Any, *more: Kind) -> dict[int, ResponseSpec]:
    """200 with `model`, and the problems that every operation under /api may answer with; `more` adds to them."""
    problems = {kind.status: problem_spec(kind) for kind in (*EVERY, *more)}
    return {200: ResponseSpec(model, description="The answer", generate_examples=False), **problems}


def accepted(*more: Kind) -> dict[int, ResponseSpec]:
    """202 with the command, and the problems that asking for a change may be answered with; `more` adds to them."""
    kinds = (*EVERY, catalogue.TOO_LARGE, catalogue.BROKEN_RULES, catalogue.TOO_MANY_OPEN, *more)
    problems = {kind.status: problem_spec(kind) for kind in kinds}
    return {202: ResponseSpec(AcceptedAnswer, description="Accepted", generate_examples=False), **problems}


def problem_spec(kind: Kind) -> ResponseSpec:
    return ResponseSpec(Problem, description=kind.title, media_type="application/problem+json", generate_examples=False)
