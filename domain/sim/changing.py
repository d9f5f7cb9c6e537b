"""Changes that customers may ask for on a SIM line, and their rules (portal reference, 10; Freebit, 6)."""

from collections.abc import Iterator
from datetime import date
from math import ceil
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from domain.commands.input import Broken, CommandInput
from domain.common.times import first_of_next_month

RuleCode = Literal[
    "ALREADY_ENDING",
    "DATA_ONLY",
    "NOT_AN_ESIM",
    "NOT_IN_SERVICE",
    "NOT_IN_YEN",
    "NO_NUMBER",
    "OTHER_KIND",
    "PAST_MONTH",
    "PAYMENT_METHOD_MISSING",
    "PLAN_CHANGE_PENDING",
    "SAME_EID",
    "SAME_PLAN",
    "TOO_FAR",
    "TOO_LATE",
    "UNKNOWN_PLAN",
]
"""Rules that a change of a line may break."""

CURRENCY = "JPY"
YEN_PER_GIGABYTE = 500
MEGABYTES_PER_GIGABYTE = 1000
LAST_DAY_FOR_THIS_MONTH = 24
"""A cancellation for the running month must be asked for before the 25th."""
MOST_MONTHS_AHEAD = 24
"""A cancellation for a later month is a slip, or somebody who tries what happens."""


class TopUp(CommandInput):
    """More data, paid at once."""

    megabytes: int = Field(ge=100, le=51_200, description="Charged by whole gigabytes of 1,000 MB")

    @property
    def gigabytes(self) -> int:
        """Whole gigabytes, rounded up."""
        return ceil(self.megabytes / MEGABYTES_PER_GIGABYTE)

    @property
    def price(self) -> int:
        """Yen."""
        return self.gigabytes * YEN_PER_GIGABYTE


class PlanChange(CommandInput):
    """Another plan from the first of next month on."""

    plan_code: str = Field(pattern=r"^[A-Za-z0-9_]{1,32}$", examples=["SIM_10G"])


class VoiceOptions(CommandInput):
    """Options to be switched; those that are absent stay as they are."""

    voice_mail: bool | None = None
    call_waiting: bool | None = None
    international_roaming: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> "VoiceOptions":
        if not self.model_dump(exclude_none=True):
            raise ValueError("at least one option must be given")
        return self


class NetworkChange(CommandInput):
    """Another generation of the network."""

    network: Literal["4G", "5G"]


class Reissue(CommandInput):
    """A new profile for an eSIM, on a new chip."""

    eid: str = Field(pattern=r"^[0-9]{32}$")


class LineCancellation(CommandInput):
    """The end of a line with the end of a month."""

    # Every month that the pattern takes has a first day after it.
    month: str = Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-12"])

    @property
    def run_date(self) -> date:
        """The first day without the line."""
        return first_of_next_month(date.fromisoformat(f"{self.month}-01"))


class LineFacts(BaseModel):
    """What the hub knows of a line. `open_kinds`: changes of it that have not ended.

    `currency`: what its customer is billed in; None: not known yet.
    `is_disputed`: other open services have its number, and the network has not shown that it is this one's.
    `has_number`: the network knows a line by it. `payment_methods`: how many its customer has on file.
    `offered_plans`: codes of the plans that are on offer; whoever asks for the facts says so.
    """

    status: str | None
    plan_code: str | None
    sim_type: str | None
    eid: str | None
    has_voice: bool | None
    is_open: bool
    is_disputed: bool
    pending_operation: str | None
    pending_on: date | None
    open_kinds: list[str]
    currency: str | None = None
    has_number: bool = True
    payment_methods: int = 1
    offered_plans: frozenset[str] = frozenset()


def top_up_rules(_: TopUp, line: LineFacts, __: date) -> list[Broken]:
    found = list(_in_service(line))
    if line.currency not in {CURRENCY, None}:
        found.append(_rule("request", "NOT_IN_YEN", "is sold in yen, and this account is billed in another currency"))
    if line.payment_methods == 0:
        found.append(_rule("request", "PAYMENT_METHOD_MISSING", "needs a payment method on file"))
    return found


def plan_rules(change: PlanChange, line: LineFacts, today: date) -> list[Broken]:
    found = [*_in_service(line), *_not_ending(line), *_plan(change, line, today)]
    if change.plan_code not in line.offered_plans:
        found.append(_rule("planCode", "UNKNOWN_PLAN", "is no plan that is offered"))
    return found


def voice_rules(_: VoiceOptions, line: LineFacts, __: date) -> list[Broken]:
    found = [*_in_service(line), *_not_ending(line)]
    if line.has_voice is False:
        found.append(_rule("request", "DATA_ONLY", "is not for data-only lines"))
    return found


def network_rules(_: NetworkChange, line: LineFacts, __: date) -> list[Broken]:
    return [*_in_service(line), *_not_ending(line)]


def reissue_rules(reissue: Reissue, line: LineFacts, _: date) -> list[Broken]:
    found = list(_in_service(line))
    if line.sim_type != "esim":
        found.append(_rule("request", "NOT_AN_ESIM", "is for eSIMs; open a case for a new card"))
    if reissue.eid == line.eid:
        found.append(_rule("eid", "SAME_EID", "is the chip that has the profile already"))
    return found


def cancellation_rules(cancellation: LineCancellation, line: LineFacts, today: date) -> list[Broken]:
    found = list(_in_service(line))
    this_month = f"{today:%Y-%m}"
    if cancellation.month < this_month:
        found.append(_rule("month", "PAST_MONTH", "has passed"))
    elif _months(cancellation.month) > _months(this_month) + MOST_MONTHS_AHEAD:
        found.append(_rule("month", "TOO_FAR", f"must lie within the next {MOST_MONTHS_AHEAD} months"))
    elif cancellation.month == this_month and today.day > LAST_DAY_FOR_THIS_MONTH:
        found.append(_rule("month", "TOO_LATE", "can be chosen until the 24th"))
    if "cancel_sim" in line.open_kinds or line.pending_operation == "cancel":
        found.append(_rule("request", "ALREADY_ENDING", "was asked for already"))
    # The network takes one of the two in a month, and which of them it keeps is not known.
    if _has_plan_change(line, today):
        found.append(_rule("request", "PLAN_CHANGE_PENDING", "waits for an earlier plan change"))
    return found


def _months(month: str) -> int:
    """Months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:])


def _in_service(line: LineFacts) -> Iterator[Broken]:
    if not line.is_open or line.status not in {"active", None}:
        yield _rule("request", "NOT_IN_SERVICE", "needs a line that is in service")
    if not line.has_number:
        yield _rule("request", "NO_NUMBER", "needs a line whose number is known")


def _not_ending(line: LineFacts) -> Iterator[Broken]:
    if line.pending_operation == "cancel" or "cancel_sim" in line.open_kinds:
        yield _rule("request", "ALREADY_ENDING", "is not for a line that is going to end")


def _plan(change: PlanChange, line: LineFacts, today: date) -> Iterator[Broken]:
    if change.plan_code == line.plan_code:
        yield _rule("planCode", "SAME_PLAN", "is the plan that the line has")
    elif line.plan_code and _is_data(change.plan_code) != _is_data(line.plan_code):
        yield _rule("planCode", "OTHER_KIND", "must be of the same kind: with voice, or data only")
    if _has_plan_change(line, today):
        yield _rule("request", "PLAN_CHANGE_PENDING", "waits for an earlier plan change")


def _has_plan_change(line: LineFacts, today: date) -> bool:
    """Whether the line will have another plan: only plans change on a later day."""
    is_scheduled = line.pending_operation == "change" and line.pending_on is not None and line.pending_on > today
    return is_scheduled or "change_plan" in line.open_kinds


def _is_data(plan_code: str) -> bool:
    return plan_code.endswith("_DATA")


def _rule(field: str, code: RuleCode, reason: str) -> Broken:
    return Broken(field=field, code=code, reason=reason)
