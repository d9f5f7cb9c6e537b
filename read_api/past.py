"""What the hub knew at a moment: the same questions, asked of the tables as they were."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from core.clock import utc_now
from read_api.problems.errors import InvalidFieldError
from read_api.questions import Question

AsOf = Annotated[
    datetime | None,
    QueryParameter(name="asOf", description="What the hub knew at this moment (RFC 3339, with an offset)"),
]

_TABLE = re.compile(r"\bhub\.(\w+) (\w+)\b(?=\s+(?:WHERE|JOIN|LEFT))")
# A row as it was: what differs from now is in the change log; a row first stored later was not there.
_AS_IT_WAS = (
    "(SELECT (jsonb_populate_record(now_, coalesce(earlier.was, '{{}}'))).*"
    " FROM hub.{table} now_ LEFT JOIN hub.earlier('{table}', %(at)s::timestamptz) earlier ON earlier.id = now_.id"
    " WHERE now_.first_seen_at <= %(at)s::timestamptz) {alias}"
)
_COMMAND = re.compile(r"\bcommand\.commands (\w+)\b(?=\s+WHERE)")
# A command that had not ended by then was still to be done.
_AS_IT_STOOD = (
    "(SELECT now_.id, now_.seq, now_.kind, now_.account_id, now_.subject_kind, now_.subject_id, now_.input,"
    " now_.accepted_at, now_.failure_code, now_.failure_reason, NULL::text AS waits_for,"
    " CASE WHEN now_.finished_at <= %(at)s::timestamptz THEN now_.status ELSE 'accepted' END AS status,"
    " CASE WHEN now_.finished_at <= %(at)s::timestamptz THEN now_.finished_at END AS finished_at"
    " FROM command.commands now_ WHERE now_.accepted_at <= %(at)s::timestamptz) {alias}"
)


@dataclass(frozen=True)
class PastQuestion(Question):
    """A question of the tables as they were at %(at)s. Costs the customer's changes since then."""

    def _text(self) -> str:
        then = _TABLE.sub(lambda found: _AS_IT_WAS.format(table=found[1], alias=found[2]), super()._text())
        return _COMMAND.sub(lambda found: _AS_IT_STOOD.format(alias=found[1]), then)

    @property
    def label(self) -> str:
        return f"{self.name}@"


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Long before any hub. Moments near the year 1 or 9999 have no equivalent in some zones (OverflowError)."""


def checked(as_of: datetime | None) -> datetime | None:
    """The moment, UTC.

    Raises:
        InvalidFieldError: it has no offset, is before 1970, or is still to come.
    """
    if as_of is None:
        return None
    if as_of.tzinfo is None:
        raise InvalidFieldError("asOf", "needs an offset, such as 2026-11-01T00:00:00Z")
    if as_of < EARLIEST:
        raise InvalidFieldError("asOf", "is before 1970")
    if as_of > utc_now():
        raise InvalidFieldError("asOf", "is still to come")
    return as_of.astimezone(UTC)


def meta_of(at: datetime) -> bytes:
    """What an answer about the past says of its age."""
    age = int((utc_now() - at).total_seconds())
    meta: dict[str, Any] = {"asOf": at, "ageSeconds": age, "stale": False, "historical": True}
    return msgspec.json.encode(meta)
