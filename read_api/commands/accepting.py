"""Accepting a command: its key, its rules, one transaction; the answer is there before any work is done."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import structlog
from litestar.params import HeaderParameter
from pydantic import BaseModel

from core.errors import NotFoundError
from domain.commands.asked import Asked, Broken
from read_api.answers import ApiRequest, JsonAnswer, customer_of, database_of, today_of
from read_api.problems.errors import BrokenRulesError, KeyReusedError, TooManyOpenError
from read_api.questions import Question
from read_api.responses import UNLINKED

ACCEPT = Question("commands/accept")
MOST_OPEN = 20
"""Unfinished commands that a customer may have."""

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Made by the caller for this one request; a repeat with it is answered as the first time",
    ),
]

Wanted = TypeVar("Wanted", bound=Asked)
Known = TypeVar("Known", bound=BaseModel)


@dataclass(frozen=True)
class Change(Generic[Wanted, Known]):
    """A kind of command that customers may ask for.

    system: whose account of the customer it changes. subject: the table of schema hub that it changes a row of.
    facts: a question whose row is what the rules need, as JSON, and the command its key already stands for; no row:
        the thing is not the customer's. lasts: after this it is given up.
    at: where the thing is found, with `{id}`.
    """

    kind: str
    system: str
    subject: str
    at: str
    facts: Question
    known: type[Known]
    rules: Callable[[Wanted, Known, date], Sequence[Broken]]
    lasts: timedelta = timedelta(days=1)

    async def accept(self, request: ApiRequest, key: str, asked: Wanted, subject_id: str | None = None) -> JsonAnswer:
        """202 with the command and where to follow it.

        Raises:
            NotFoundError: the thing is not the customer's.
            BrokenRulesError, KeyReusedError, TooManyOpenError, and what the rules raise.
        """
        wanted = asked.model_dump_json(exclude_none=True)
        known, earlier = await self._facts(request, {"asked": wanted, "key": key, "id": subject_id})
        if earlier is None and (broken := self.rules(asked, known, _today(request))):
            raise BrokenRulesError(broken)
        return await self._stored(request, key, wanted, subject_id, earlier)

    async def accept_what_comes(
        self,
        request: ApiRequest,
        key: str,
        taken: Callable[[Known, bool], Awaitable[Wanted]],
        subject_id: str | None = None,
    ) -> JsonAnswer:
        """The same where what is asked for is known only once all of the request came.

        `taken` takes it in, and is told whether it is new under that key; it checks the rules itself.
        """
        known, earlier = await self._facts(request, {"key": key, "id": subject_id})
        asked = await taken(known, earlier is None)
        return await self._stored(request, key, asked.model_dump_json(exclude_none=True), subject_id, earlier)

    async def _facts(
        self, request: ApiRequest, values: Mapping[str, str | None]
    ) -> tuple[Known, dict[str, Any] | None]:
        """What the rules need to know, and the command that the key already stands for."""
        found = await database_of(request).ask(
            self.facts, customer_of(request), {name: values[name] for name in self.facts.parameters}
        )
        if not found.rows:
            raise NotFoundError("there is no such thing to change")
        earlier = msgspec.json.decode(found.rows[0][1] or b"null")
        return self.known.model_validate_json(found.rows[0][0] or b"{}"), earlier

    async def _stored(
        self, request: ApiRequest, key: str, wanted: str, subject_id: str | None, earlier: dict[str, Any] | None
    ) -> JsonAnswer:
        hashed = sha256(f"{self.kind}\0{subject_id}\0{wanted}".encode()).hexdigest()
        if earlier is not None:
            return self._answer(hashed, earlier, subject_id)
        values = {
            "kind": self.kind, "system": self.system, "subject_kind": self.subject, "subject_id": subject_id,
            "lane": None, "key": key, "hash": hashed, "input": wanted, "request_id": _request_id(),
            "lasts": str(self.lasts.total_seconds()), "most_open": str(MOST_OPEN),
        }  # fmt: skip
        stored = await database_of(request).ask(ACCEPT, customer_of(request), values)
        outcome, command, accepted_at = stored.rows[0]
        if outcome == b"busy":
            raise TooManyOpenError("too many commands are open")
        if outcome == b"unknown":
            raise NotFoundError("there is no such thing to change")
        if outcome == b"unlinked":
            rule = Broken(field="request", code=UNLINKED, reason="needs an account in the system it changes")
            raise BrokenRulesError([rule])
        first = {"id": (command or b"").decode(), "acceptedAt": msgspec.json.decode(accepted_at or b"null")}
        return self._answer(hashed, first | {"hash": None if outcome == b"conflict" else hashed}, subject_id)

    def _answer(self, hashed: str, first: dict[str, Any], subject_id: str | None) -> JsonAnswer:
        """Always the first answer: what became of the command since is asked for at its own address."""
        if first["hash"] != hashed:
            raise KeyReusedError("the key stands for another request")
        command = f"/api/commands/{first['id']}"
        resource = self.at.format(id=subject_id or first["id"])
        data = {
            "id": first["id"],
            "kind": self.kind,
            "status": "accepted",
            "acceptedAt": first["acceptedAt"],
            "command": command,
            "resource": resource,
        }
        answer = JsonAnswer(msgspec.json.encode({"data": data}), status=202)
        answer.add_header(b"location", command.encode())
        return answer


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id"))


def _today(request: ApiRequest) -> date:
    return date.fromisoformat(today_of(request))


def no_rules(_asked: Asked, _known: BaseModel, _today: date) -> Sequence[Broken]:
    """Whoever owns the thing may ask."""
    return ()
