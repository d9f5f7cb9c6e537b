"""Accepting a command: its key, its rules, one transaction; the answer is there before any work is done."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Generic
from uuid import uuid4

import msgspec
import structlog
from litestar.params import HeaderParameter

from core.errors import NotFoundError
from domain.commands.input import Broken
from domain.commands.kind import Facts, Input, Kind
from read_api.admission import COMMANDS, UPLOADS, admitted, check
from read_api.auth.caller import caller_of
from read_api.auth.freshness import is_fresh, require_fresh
from read_api.auth.roles import require_role
from read_api.http.answers import ApiRequest, JsonAnswer, customer_of, database_of, today_of
from read_api.http.problems.errors import BrokenRulesError, ForbiddenRoleError, KeyReusedError
from read_api.http.responses import UNLINKED
from read_api.store.questions import Question

ACCEPT = Question("commands/accept")

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

KIND = "command_kind"
"""Under this name a handler's `opt` says which kind of command it accepts, for whoever lists them."""


def as_they_are(_: ApiRequest, facts: Facts) -> Facts:
    """The database knows all of them."""
    return facts


@dataclass(frozen=True)
class Change(Generic[Input, Facts]):
    """How the API accepts a kind of command: everything else is said of the kind.

    at: where the thing is found, with `{id}`.
    facts: a question whose row is what the rules need, as JSON, and the command its key already stands for; no row:
        the thing is not the customer's.
    complete: adds what only the API knows to the facts, or raises the problem with which it refuses.
    """

    kind: Kind[Input, Facts]
    at: str
    facts: Question
    complete: Callable[[ApiRequest, Facts], Facts] = as_they_are

    @property
    def opt(self) -> dict[str, Any]:
        """What its handler says of itself."""
        return {KIND: self.kind}

    async def accept(self, request: ApiRequest, key: str, input: Input, subject_id: str | None = None) -> JsonAnswer:
        """202 with the command and where to follow it.

        Raises:
            NotFoundError: the thing is not the customer's.
            BrokenRulesError, ForbiddenRoleError, FreshAuthenticationNeededError, KeyReusedError, NotAdmittedError, and
            what `complete` raises.
        """
        await self._require_allowed(request)
        input_json = input.model_dump_json(exclude_none=True)
        known, earlier = await self._facts(request, {"input": input_json, "key": key, "id": subject_id})
        if earlier is None and (broken := self._broken(request, input, known)):
            raise BrokenRulesError(broken)
        return await self._stored(request, key, input_json, subject_id, earlier)

    async def accept_what_comes(
        self,
        request: ApiRequest,
        key: str,
        taken: Callable[[Facts, bool], Awaitable[Input]],
        subject_id: str | None = None,
    ) -> JsonAnswer:
        """As `accept`, for a request whose input is known only after its body was received whole and passed on.

        Its rules go by the facts alone. The command's place is reserved first, one at a time for each customer: nothing
        is passed on that would be refused afterwards. `taken` takes the request in, and is told whether it is new under
        that key. However that fails, the place is free again.
        """
        await self._require_allowed(request)
        about = {"key": key, "id": subject_id}
        known, earlier = await self._facts(request, about)
        if earlier is None:
            if broken := self._broken(request, None, known):
                raise BrokenRulesError(broken)
            async with admitted(request, customer_of(request), UPLOADS.taking(self.kind.crm_calls)) as place:
                # Once more: whoever was admitted before us may have used the same key.
                known, earlier = await self._facts(request, about)
                if earlier is None:
                    input_json = (await taken(known, True)).model_dump_json(exclude_none=True)
                    return await self._stored(request, key, input_json, subject_id, None, place)
        input_json = (await taken(known, False)).model_dump_json(exclude_none=True)
        return await self._stored(request, key, input_json, subject_id, earlier)

    async def _require_allowed(self, request: ApiRequest) -> None:
        require_role(request, self.kind.roles)
        if self.kind.fresh:
            await require_fresh(request)

    async def _facts(
        self, request: ApiRequest, values: Mapping[str, str | None]
    ) -> tuple[Facts, dict[str, Any] | None]:
        """What the rules need to know, and the command that the key already stands for."""
        found = await database_of(request).ask(
            self.facts, customer_of(request), {name: values[name] for name in self.facts.parameters}
        )
        if not found.rows:
            raise NotFoundError("there is no such thing to change")
        earlier = msgspec.json.decode(found.rows[0][1] or b"null")
        return self.kind.facts.model_validate_json(found.rows[0][0] or b"{}"), earlier

    def _broken(self, request: ApiRequest, input: Any, facts: Facts) -> Sequence[Broken]:
        """The rules that it breaks today. `input`: None while it has not come."""
        return self.kind.rules(input, self.complete(request, facts), date.fromisoformat(today_of(request)))

    async def _stored(  # noqa: PLR0917 - what makes a command
        self,
        request: ApiRequest,
        key: str,
        input_json: str,
        subject_id: str | None,
        earlier: dict[str, Any] | None,
        place: str | None = None,
    ) -> JsonAnswer:
        """The answer to a command that is stored now, or was earlier. `place`: one that is reserved for it."""
        hashed = sha256(f"{self.kind.name}\0{subject_id}\0{input_json}".encode()).hexdigest()
        if earlier is not None:
            return self._answer(hashed, earlier, subject_id)
        values = {
            "kind": self.kind.name, "system": self.kind.system, "subject_kind": self.kind.subject,
            "subject_id": subject_id, "lane": None, "key": key, "hash": hashed, "input": input_json,
            "request_id": _request_id(), "deadline": str(self.kind.deadline.total_seconds()),
            "admission": place or str(uuid4()), "limits": COMMANDS.taking(self.kind.crm_calls).of(request).json(),
        }  # fmt: skip
        stored = await database_of(request).ask(
            ACCEPT, customer_of(request), values, role=caller_of(request).role, is_fresh=is_fresh(request)
        )
        outcome, command, accepted_at, refused_by, retry_after = stored.rows[0]
        check(COMMANDS, refused_by, retry_after)
        if outcome == b"unknown":
            raise NotFoundError("there is no such thing to change")
        if outcome == b"forbidden":
            raise ForbiddenRoleError(caller_of(request).role, self.kind.roles)
        if outcome == b"stale":
            await require_fresh(request)
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
            "kind": self.kind.name,
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
