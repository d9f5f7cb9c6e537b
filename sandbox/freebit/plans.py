"""Plan codes and their monthly allowance. Source: freebit.md, section 8; real codes are each operator's own."""

from sandbox.freebit.errors import FreebitError
from sandbox.freebit.requests import PLAN_CODE, Asked, matching

ALLOWANCE_KB = {f"SIM_{size}G{kind}": size * 1_000_000 for size in (5, 10, 25, 50) for kind in ("", "_DATA")}


def has_voice(code: str) -> bool:
    return not code.endswith("_DATA")


def plan_of(asked: Asked) -> str:
    """The plan asked for. Raises FreebitError: 400-202 when it is no code, 400-280 when nobody knows it."""
    code = matching(asked, "planCode", PLAN_CODE)
    if code not in ALLOWANCE_KB:
        raise FreebitError("400-280", code)
    return code
