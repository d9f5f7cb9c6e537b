"""Answers: bytes from the database in an envelope, never decoded on the way."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from core.errors import NotFoundError
from read_api.auth.guard import CUSTOMER
from read_api.http.as_of import checked, meta_of
from read_api.http.problems.errors import InvalidFieldError
from read_api.http.services import services_of
from read_api.live.tags import TAG
from read_api.store.database import Database, Found, Row
from read_api.store.past import DatedQuestion
from read_api.store.questions import Question

ApiRequest = Request[Any, Any, State]

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
FIRST_ID = "00000000-0000-0000-0000-000000000000"


class JsonAnswer(ASGIResponse):
    """A body of JSON that is ready to be sent."""

    def __init__(self, body: bytes, status: int = 200, media_type: bytes = b"application/json") -> None:
        self.body = body
        self.status_code = status
        self._start: Any = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media_type),
                (b"content-length", str(len(body)).encode()),
                # One customer's data: no shared cache may keep it, and its own cache asks whether it is still so.
                (b"cache-control", b"private, no-cache"),
                (b"vary", b"Authorization"),
            ],
        }

    def add_header(self, name: bytes, value: bytes) -> None:
        self._start["headers"].append((name, value))

    def forbid_storing(self) -> None:
        """No cache may keep it."""
        headers = self._start["headers"]
        self._start["headers"] = [h for h in headers if h[0] != b"cache-control"] + [(b"cache-control", b"no-store")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        tag = scope.get(TAG)  # only what was read has one, and what is not there is a problem, not an answer
        if tag is not None:
            self._start["headers"].append((b"etag", tag))
        await send(self._start)
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


# Python reads forms that PostgreSQL does not: `2026-W01-1`, `{urn:uuid:...}`, full-width digits. So a value is never
# sent on as it came, only written anew from what was read. Each of these raises ValueError or OverflowError.


def _day(value: str) -> str:
    return value if value in {"infinity", "-infinity"} else date.fromisoformat(value).isoformat()


def _instant(value: str) -> str:
    """UTC; without an offset it would be a moment of nobody's clock."""
    if value == "infinity":
        return value
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset")
    return moment.astimezone(UTC).isoformat()


def _bigint(value: str) -> str:
    number = int(value)
    number.to_bytes(8, "big", signed=True)
    return str(number)


def _uuid(value: str) -> str:
    return str(UUID(value))


@dataclass(frozen=True)
class Key:
    """A value that a list is ordered by.

    parameter: of the question. canonical: the value as PostgreSQL reads it; raises ValueError or OverflowError.
    start: what stands before every row.
    """

    parameter: str
    canonical: Callable[[str], str]
    start: str


UP = Key("after_id", _uuid, FIRST_ID)
DOWN = Key("after_id", _uuid, LAST_ID)
OLDER = (Key("after", _day, "infinity"), DOWN)
NEWER = (Key("after", _day, "-infinity"), UP)
EARLIER = (Key("after", _instant, "infinity"), DOWN)
NUMBERED = (Key("after", _bigint, str(-(2**63))), UP)


@dataclass(frozen=True)
class Listing:
    """A list and its order. Rows are JSON followed by the values of `keys`, by which the next page starts.

    at: the moment that it is of, where it is of the past; its cursors go on in that moment alone.
    """

    question: Question
    keys: tuple[Key, ...] = (UP,)
    at: str = ""

    async def page(self, request: ApiRequest, limit: int, cursor: str | None, **values: str | None) -> JsonAnswer:
        """Up to `limit` rows after `cursor`.

        Raises:
            InvalidFieldError: the cursor is not one that this list gave out.
        """
        found = await self.rows(request, limit, cursor, **values)
        return self.enveloped(found.rows, found.meta, limit)

    async def rows(self, request: ApiRequest, limit: int, cursor: str | None, **values: str | None) -> Found:
        """Up to `limit` rows after `cursor`, and one more where there are more; raises as `page`."""
        asked = values | self._position(cursor) | {"rows": str(limit + 1)}
        return await database_of(request).ask(self.question, customer_of(request), asked)

    def enveloped(self, rows: Sequence[Row], meta: bytes, limit: int, **more: bytes) -> JsonAnswer:
        """The answer: up to `limit` of the rows, and `more` members, each JSON."""
        following = self._cursor(rows[limit - 1]) if len(rows) > limit else b"null"
        data = compacted(self.question, b"[%b]" % b",".join([row[0] or b"null" for row in rows[:limit]]))
        added = b"".join([b',"%b":%b' % (name.encode(), value) for name, value in more.items()])
        return JsonAnswer(
            b'{"data":%b,"page":{"next":%b,"limit":%d},"meta":%b%b}' % (data, following, limit, meta, added)
        )

    @property
    def _name(self) -> str:
        """What its cursors say of it."""
        return f"{self.question.label}{self.at}"

    def _cursor(self, row: Row) -> bytes:
        parts = [self._name, *((value or b"").decode() for value in row[1:])]
        return b'"%b"' % urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=")

    def _position(self, cursor: str | None) -> dict[str, str | None]:
        if cursor is None:
            return {key.parameter: key.start for key in self.keys}
        try:
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            name, *values = msgspec.json.decode(urlsafe_b64decode(padded), type=list[str])
            if name != self._name or len(values) != len(self.keys):
                raise ValueError("a cursor of another list")  # noqa: TRY301 # one answer to every garbled cursor
            return {key.parameter: key.canonical(value) for key, value in zip(self.keys, values, strict=True)}
        except (ValueError, OverflowError, Base64Error, msgspec.DecodeError) as error:
            raise InvalidFieldError("cursor", "is not a cursor that this list gave out in this order") from error


@dataclass(frozen=True)
class DatedListing(Listing):
    """A list that can also be asked for as it was at a moment."""

    question: DatedQuestion

    async def page_at(
        self, request: ApiRequest, at: datetime | None, limit: int, cursor: str | None, **values: str | None
    ) -> JsonAnswer:
        """The page as it was at `at`; None: as it is.

        Raises:
            InvalidFieldError: as `page`, or the moment is not one that may be asked about.
        """
        moment = checked(at)
        if moment is None:
            return await self.page(request, limit, cursor, **values)
        then = Listing(self.question.then, self.keys, moment.isoformat())
        found = await then.rows(request, limit, cursor, at=then.at, **values)
        return then.enveloped(found.rows, meta_of(moment), limit)


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
    return services_of(connection).database


def today_of(request: ApiRequest, at: datetime | None = None) -> str:
    """The day that decides what is overdue, in the zone of the settings; `at`: what it was then.

    Raises:
        InvalidFieldError: `at` is not a moment that may be asked about.
    """
    return services_of(request).today(checked(at))
