"""Freebit's view of a line in our words."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from domain.common.failures import FieldError, broken
from domain.common.identifiers import hub_id
from domain.common.shapes import rows_of
from domain.common.vocabulary import FreebitVocabulary
from domain.sim.contract import SimDetails, SimTraffic, SimUsage
from domain.sim.providers.freebit.assumptions import CONTRACT_LINES, NO, RECENT_DAYS_FROM, SIZES, STATES, YES
from domain.sim.providers.freebit.raw import RawLine, RawPending, RawTraffic

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


def details_from_row(line: Line, row: Mapping[str, object], vocabulary: FreebitVocabulary) -> SimDetails:
    """The details that the answer to PA03-02 gives of the line.

    Raises:
        MappingError: the answer is about another line, or malformed.
    """
    try:
        found = next((item for item in rows_of(row.get("responseDatas"))), None)
        if found is None:
            raise FieldError("responseDatas: empty")
        raw = RawLine.model_validate(found)
        if raw.account != line.msisdn:
            raise FieldError("account: the answer is about another line")
        pending = RawPending.model_validate(raw.pending) if isinstance(raw.pending, Mapping) else RawPending()
        return SimDetails(
            id=line.id,
            msisdn=line.msisdn,
            status=STATES.get(raw.state or "", "other"),
            source_status=raw.state,
            plan_code=raw.plan_code,
            plan_name=vocabulary.plan_names.get(raw.plan_code or ""),
            sim_type=SIZES.get(raw.size, "other") if raw.size else None,
            source_sim_type=raw.size,
            iccid=raw.iccid,
            imsi=raw.imsi,
            network_eid=raw.eid,
            relation_code=raw.relation_code,
            contract_line=CONTRACT_LINES.get(raw.contract_line, "other") if raw.contract_line else None,
            has_sms=_yes(raw.sms),
            has_voice=_yes(raw.talk),
            voicemail_enabled=_yes(raw.voicemail),
            call_waiting_enabled=_yes(raw.callwaiting),
            roaming_enabled=_yes(raw.worldwing),
            remaining_quota_kb=_remaining(raw.quota),
            started_on=_day(raw.start_date),
            pending_operation=pending.func,
            pending_on=_day(pending.date),
        )
    except (ValidationError, ValueError) as error:
        raise broken("freebit", line.source_id, error) from error


def traffic_from_row(
    line: Line,
    row: Mapping[str, object],
    today: date,
    vocabulary: FreebitVocabulary,  # noqa: ARG001 - called alike
) -> Traffic:
    """The traffic that the answer to PA05-01 gives of the line; `today` by the operator's calendar.

    Raises:
        MappingError: the answer is about another line, or a number is none.
    """
    try:
        if row.get("account") not in {None, line.msisdn}:
            raise FieldError("account: the answer is about another line")
        sent = row.get("traffic")
        if not isinstance(sent, Mapping):
            raise FieldError("traffic: missing")
        raw = RawTraffic.model_validate(sent)
        recent = enumerate(raw.in_recent_days.split(","), start=RECENT_DAYS_FROM)
        # An empty place is a day without data, and keeps the days after it in their places.
        past = [(today - timedelta(days=back), used) for back, used in recent if used.strip()]
        days = [(today, raw.today), *past]
        return Traffic(
            now=SimTraffic(
                id=line.id,
                msisdn=line.msisdn,
                today_usage_kb=_kilobytes("today", raw.today),
                is_speed_restricted=_yes(raw.black_list),
            ),
            days=tuple(_usage(line, day, used) for day, used in days),
        )
    except (ValidationError, ValueError) as error:
        raise broken("freebit", line.source_id, error) from error


def _usage(line: Line, day: date, used: str) -> SimUsage:
    identity = f"{line.source_id}:{day.isoformat()}"
    return SimUsage(
        id=hub_id("freebit", "sim_usage", identity),
        source="freebit",
        source_id=identity,
        account_id=line.account_id,
        sim_id=line.id,
        used_on=day,
        used_kb=_kilobytes("inRecentDays", used),
    )


def _yes(flag: str | None) -> bool | None:
    return {YES: True, NO: False}.get(flag or "")


def _kilobytes(field: str, text: str) -> int:
    """Whole kilobytes: decimals are cut off."""
    try:
        return int(Decimal(text.strip()))
    except (InvalidOperation, ValueError, OverflowError):
        raise FieldError(f"{field}: not a number of kilobytes") from None


def _remaining(quota: str | None) -> int | None:
    """What is left. Less than nothing is nothing left: the answer tells what may be used, not what was owed."""
    return max(_kilobytes("quota", quota), 0) if quota and quota.strip() else None


def _day(text: str | None) -> date | None:
    """The day of a YYYYMMDD; None where it is none, since nothing hangs on it."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
