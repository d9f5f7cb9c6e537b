"""Lists: a page at a time, each of which begins after the key of the last row before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from read_api.http.answers import ApiRequest, JsonAnswer, compacted, customer_of, database_of
from read_api.http.as_of import checked, meta_of
from read_api.http.cursors import cursor_of, parts_of
from read_api.http.problems.errors import InvalidFieldError
from read_api.store.database import Found, Row
from read_api.store.past import DatedQuestion
from read_api.store.questions import Question

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
FIRST_ID = "00000000-0000-0000-0000-000000000000"


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
        return f"{self.question.name}{self.at}"

    def _cursor(self, row: Row) -> bytes:
        parts = [self._name, *((value or b"").decode() for value in row[1:])]
        return f'"{cursor_of(parts)}"'.encode()

    def _position(self, cursor: str | None) -> dict[str, str | None]:
        if cursor is None:
            return {key.parameter: key.start for key in self.keys}
        try:
            name, *values = parts_of(cursor, list[str])
            if name != self._name or len(values) != len(self.keys):
                raise ValueError("a cursor of another list")  # noqa: TRY301 # one answer to every garbled cursor
            return {key.parameter: key.canonical(value) for key, value in zip(self.keys, values, strict=True)}
        except (ValueError, OverflowError) as error:
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
