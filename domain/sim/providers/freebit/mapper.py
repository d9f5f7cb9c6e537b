"""Freebit's view of a line in our words (source: reference 5.3 and 5.5; the response keys are assumed)."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from uuid import UUID

from domain.common.converters import as_sent, label, string_or_none, text
from domain.common.errors import MappingError
from domain.common.failures import FieldError
from domain.common.field_table import Converter, FieldTable, Sent, combined, combined_by_words, reading
from domain.common.identifiers import hub_id
from domain.common.shapes import rows_of
from domain.common.vocabulary import FreebitVocabulary
from domain.sim.contract import SimDetails, SimTraffic, SimUsage
from domain.sim.providers.freebit.assumptions import CONTRACT_LINES, NO, RECENT_DAYS_FROM, SIZES, STATES, YES

MAPPER_VERSION = "2"


class Line(NamedTuple):
    """A line as the hub knows it: whose it is, the service it belongs to (`source_id`), its number."""

    id: UUID
    account_id: UUID
    source_id: str
    msisdn: str


class Traffic(NamedTuple):
    """A line's traffic now, and by day."""

    now: SimTraffic
    days: tuple[SimUsage, ...]


def _yes(flag: str | None) -> bool | None:
    return {YES: True, NO: False}.get(flag or "")


def _kilobytes(written: str) -> int:
    """Whole kilobytes: decimals are cut off."""
    try:
        return int(Decimal(written.strip()))
    except (InvalidOperation, ValueError, OverflowError):
        raise FieldError("not a number of kilobytes") from None


def _remaining(quota: str | None) -> int | None:
    """What is left. Less than nothing is nothing left: the answer tells what may be used, not what was owed."""
    return max(_kilobytes(quota), 0) if quota and quota.strip() else None


def _day(written: str | None) -> date | None:
    """The day of a YYYYMMDD; None where it is none, since nothing hangs on it."""
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        return None


def _source_id(row: Sent) -> object:
    return row["line"]["source_id"]


def _line_in(row: Sent) -> Sent:
    found = next((item for item in rows_of(row.get("responseDatas"))), None)
    if found is None:
        raise FieldError("empty", "responseDatas")
    return {**found, "line": row["line"]}


def _same_line(said: str, known: str) -> str:
    if said != known:
        raise FieldError("the answer is about another line")
    return known


def _plan_name(code: str | None, words: FreebitVocabulary) -> str | None:
    return words.plan_names.get(code or "")


_MSISDN = as_sent("line.msisdn", required=True)


def _as_known(source: str, makes: type) -> Converter:
    return reading(source, lambda known: known, required=True, makes=makes)


def _option(source: str) -> Converter:
    return as_sent(source).then(_yes)


DETAILS = FieldTable(
    SimDetails,
    "freebit",
    named_by=_source_id,
    unwrap=_line_in,
    requires=(combined(_same_line, as_sent("account", required=True), _MSISDN),),
    id=_as_known("line.id", UUID),
    msisdn=_MSISDN,
    status=label("state", STATES),
    source_status=as_sent("state"),
    plan_code=text("planCode"),
    plan_name=combined_by_words(_plan_name, text("planCode")),
    sim_type=label("size", SIZES, none=None),
    source_sim_type=as_sent("size"),
    iccid=text("iccid"),
    imsi=text("imsi"),
    network_eid=text("eid"),
    relation_code=text("relationCode"),
    contract_line=label("contractLine", CONTRACT_LINES, none=None),
    has_sms=_option("sms"),
    has_voice=_option("talk"),
    voicemail_enabled=_option("voicemail"),
    call_waiting_enabled=_option("callwaiting"),
    roaming_enabled=_option("worldwing"),
    remaining_quota_kb=as_sent("quota").then(_remaining),
    started_on=as_sent("startDate").then(_day),
    pending_operation=text("async.func"),
    pending_on=text("async.date").then(_day),
)
"""An item of `responseDatas` of PA03-02, with the line asked about. Flags are "10" and "20"; an absent one is unknown.

`async` is the change that the network is at, or will make, and its day (YYYYMMDD).
"""

_TRAFFIC = FieldTable(
    SimTraffic,
    "freebit",
    named_by=_source_id,
    requires=(as_sent("inRecentDays"),),
    id=_as_known("line.id", UUID),
    msisdn=_MSISDN,
    today_usage_kb=as_sent("today", required=True).then(_kilobytes),
    is_speed_restricted=_option("blackList"),
)
"""`traffic` of PA05-01: kilobytes, possibly with decimals; previous days comma-joined, yesterday first."""

_IDENTITY = combined(
    lambda service, day: f"{service}:{day.isoformat()}", _as_known("line.source_id", str), _as_known("day", date)
)
_USAGE = FieldTable(
    SimUsage,
    "freebit",
    named_by=_source_id,
    id=_IDENTITY.then(lambda identity: hub_id("freebit", "sim_usage", identity)),
    source_id=_IDENTITY,
    account_id=_as_known("line.account_id", UUID),
    sim_id=_as_known("line.id", UUID),
    used_on=_as_known("day", date),
    used_kb=as_sent("inRecentDays", required=True).then(_kilobytes),
)
"""One of those days, and what was used on it."""


def traffic_from_row(line: Line, row: Sent, today: date, vocabulary: FreebitVocabulary) -> Traffic:
    """The traffic that the answer to PA05-01 gives of the line; `today` by the operator's calendar.

    Raises:
        MappingError: the answer is about another line, or a number is none.
    """
    sent = row.get("traffic")
    if row.get("account") not in {None, line.msisdn}:
        raise MappingError("freebit", line.source_id, "account: the answer is about another line")
    if not isinstance(sent, Mapping):
        raise MappingError("freebit", line.source_id, "traffic: missing")
    known = {"line": line._asdict()}
    now = _TRAFFIC.read({**sent, **known}, vocabulary)
    recent = enumerate((string_or_none(sent.get("inRecentDays")) or "").split(","), start=RECENT_DAYS_FROM)
    # An empty place is a day without data, and keeps the days after it in their places.
    past = [(today - timedelta(days=back), used) for back, used in recent if used.strip()]
    days = [(today, sent["today"]), *past]
    return Traffic(
        now=now,
        days=tuple(_USAGE.read({**known, "day": day, "inRecentDays": used}, vocabulary) for day, used in days),
    )
