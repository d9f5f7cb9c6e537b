"""What is read again at its source because a customer looks at it: before the answer for who waits, else soon after."""

import asyncio
import re
from dataclasses import dataclass
from time import monotonic
from typing import Annotated

from litestar.params import HeaderParameter

from read_api.admission import REFRESHES, WAITS, admitted
from read_api.auth.caller import caller_of
from read_api.http.answers import ApiRequest, JsonAnswer, customer_of, database_of, single
from read_api.store.questions import Question

Prefer = Annotated[
    str | None,
    HeaderParameter(name="Prefer", description="`wait=2`: wait up to 2 seconds for what its system says now"),
]

LONGEST_WAIT_SECONDS = 10
_POLL_SECONDS = 0.05
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?:,|;|$)")


@dataclass(frozen=True)
class OnDemand:
    """A record that is read again when a customer looks at it and the hub does not know it, or not lately enough.

    request_refresh: stores a refresh request where one is needed; when the record was last read, and whether a request
        waits now. No row: there is no such record.
    read_at: when it was last read, in the same form.
    """

    request_refresh: Question
    read_at: Question

    async def single(self, request: ApiRequest, question: Question, **values: str) -> JsonAnswer:
        """The record's answer, whatever its age. `Prefer: wait=N` waits up to that long for a fresh one.

        A customer who had too much read lately is answered with what is known, and waits for nothing; so is whoever
        looks as the customer, for whom nothing is read: that would cost the customer's calls.

        Raises:
            NotFoundError: there is none, or it is somebody else's.
            NotAdmittedError: too many of the customer's requests wait already.
        """
        if caller_of(request).actor is not None:
            return await single(request, question, **values)
        wait = _wait(request)
        customer = customer_of(request)
        limits = REFRESHES.of(request).json()
        requested = await database_of(request).ask(self.request_refresh, customer, values | {"limits": limits})
        refreshed = False
        if wait and requested.rows and requested.rows[0][1] == b"t":
            async with admitted(request, customer, WAITS):
                refreshed = await self._read_since(request, values, requested.rows[0][0], wait)
        answer = await single(request, question, **values)
        if refreshed:
            answer.add_header(b"preference-applied", f"wait={wait}".encode())
        return answer

    async def _read_since(self, request: ApiRequest, values: dict[str, str], before: bytes | None, wait: int) -> bool:
        """Whether it was read at its source within `wait` seconds."""
        ends = monotonic() + wait
        while monotonic() < ends:
            await asyncio.sleep(_POLL_SECONDS)
            found = await database_of(request).ask(self.read_at, customer_of(request), values)
            if found.rows and found.rows[0][0] != before and found.rows[0][0] is not None:
                return True
        return False


def _wait(request: ApiRequest) -> int:
    """Seconds the caller would wait; what is malformed is ignored (RFC 7240)."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0
