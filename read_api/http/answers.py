"""Answers: bytes from the database in an envelope, never decoded on the way."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from core.errors import NotFoundError
from read_api.auth.caller import CALLER, Caller
from read_api.auth.guard import CUSTOMER
from read_api.http.as_of import checked, meta_of
from read_api.http.services import services_of
from read_api.live.tags import TAG, VARY
from read_api.store.database import Database, Row
from read_api.store.past import DatedQuestion
from read_api.store.questions import Question

ApiRequest = Request[Any, Any, State]


class JsonAnswer(ASGIResponse):
    """A body of JSON that is ready to be sent.

    cache: by default no shared cache may keep it, for it is one customer's, and a cache of its own asks whether it is
        still so.
    """

    def __init__(self, body: bytes, status: int = 200, cache: bytes = b"private, no-cache") -> None:
        self.body = body
        self.status_code = status
        self._start: Any = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", cache),
                (b"vary", VARY),
            ],
        }

    def add_header(self, name: bytes, value: bytes) -> None:
        self._start["headers"].append((name, value))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        tag = scope.get(TAG)  # only what was read has one, and what is not there is a problem, not an answer
        if tag is not None:
            self._start["headers"].append((b"etag", tag))
        await send(self._start)
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


async def single(request: ApiRequest, question: Question, **values: str | None) -> JsonAnswer:
    """One thing.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    found = await database_of(request).ask(question, customer_of(request), values)
    return _single(question, found.rows, found.meta)


async def single_at(
    request: ApiRequest, at: datetime | None, question: DatedQuestion, **values: str | None
) -> JsonAnswer:
    """One thing as it was at `at`; None: as it is.

    Raises:
        NotFoundError: as `single`.
        InvalidFieldError: the moment is not one that may be asked about.
    """
    moment = checked(at)
    if moment is None:
        return await single(request, question, **values)
    found = await database_of(request).ask(question.then, customer_of(request), values | {"at": moment.isoformat()})
    return _single(question.then, found.rows, meta_of(moment))


def _single(question: Question, rows: Sequence[Row], meta: bytes) -> JsonAnswer:
    if not rows:
        raise NotFoundError("there is no such record")
    return JsonAnswer(b'{"data":%b,"meta":%b}' % (compacted(question, rows[0][0] or b"null"), meta))


def compacted(question: Question, data: bytes) -> bytes:
    """The same JSON without needless bytes: one form for all that the API says.

    It takes 2 µs for each kB, a tenth of what the API itself spends on a page of 25 invoices: the questions
    asked most put their JSON together as text, which is compact already.
    """
    return data if question.is_compact else msgspec.json.format(data, indent=-1)


def customer_of(request: ApiRequest) -> str:
    """The id that the token names."""
    customer: str = request.scope[CUSTOMER]  # type: ignore[literal-required]
    return customer


def database_of(connection: ASGIConnection[Any, Any, Any, State]) -> Database:
    """Where what the caller wants to know is asked."""
    database = services_of(connection).database
    caller: Caller | None = connection.scope.get(CALLER)  # type: ignore[assignment] # none: of a source, or of a probe
    return database if caller is None or caller.actor is None else database.viewed()


def today_of(request: ApiRequest, at: datetime | None = None) -> str:
    """The day that decides what is overdue, in the zone of the settings; `at`: what it was then.

    Raises:
        InvalidFieldError: `at` is not a moment that may be asked about.
    """
    return services_of(request).today(checked(at))
