"""Freebit forbids sweeping, so a line is read when somebody looks at it: now if asked to wait, else soon."""

import asyncio
import re
from time import monotonic

from read_api.answers import ApiRequest, JsonAnswer, customer_of, database_of, single
from read_api.questions import Question

WISH = Question("sim/wish")
READ_AT = Question("sim/read_at")
LONGEST_WAIT_SECONDS = 10
_LOOK_EVERY_SECONDS = 0.05
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?:,|;|$)")


async def looked_at(request: ApiRequest, question: Question, line: str) -> JsonAnswer:
    """The line's answer. An old one is wished for; `Prefer: wait=N` waits up to that long for the fresh one.

    Raises:
        NotFoundError: there is no such line, or it is somebody else's.
    """
    wait = _wait(request)
    stale = str(request.app.state["sim_stale_seconds"])
    asked = await database_of(request).ask(WISH, customer_of(request), {"id": line, "stale_seconds": stale})
    waited = False
    if wait and asked.rows and asked.rows[0][1] == b"t":
        waited = await _read_since(request, line, asked.rows[0][0], wait)
    answer = await single(request, question, id=line)
    if waited:
        answer.add_header(b"preference-applied", f"wait={wait}".encode())
    return answer


async def _read_since(request: ApiRequest, line: str, before: bytes | None, seconds: int) -> bool:
    """Whether the line was read at the network while we waited."""
    ends = monotonic() + seconds
    while monotonic() < ends:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        found = await database_of(request).ask(READ_AT, customer_of(request), {"id": line})
        if found.rows and found.rows[0][0] != before and found.rows[0][0] is not None:
            return True
    return False


def _wait(request: ApiRequest) -> int:
    """Seconds the caller would wait; what is malformed is ignored (RFC 7240)."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0
