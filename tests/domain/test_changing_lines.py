"""What may be changed of a line, and until when it may be ended."""

from datetime import date
from typing import Any

import pytest

from domain.sim.changing import (
    LineCancellation,
    LineFacts,
    NetworkChange,
    PlanChange,
    Reissue,
    TopUp,
    VoiceOptions,
    cancellation_rules,
    network_rules,
    plan_rules,
    reissue_rules,
    top_up_rules,
    voice_rules,
)

TODAY = date(2026, 11, 24)
LINE: dict[str, Any] = {
    "status": "active", "plan_code": "SIM_5G", "sim_type": "esim", "eid": "1" * 32, "has_voice": True, "is_open": True,
    "is_disputed": False, "pending_operation": None, "pending_on": None, "open_kinds": [],
}  # fmt: skip
PLANS = ("SIM_5G", "SIM_10G", "SIM_10G_DATA")


def line(**values: Any) -> LineFacts:
    return LineFacts.model_validate(LINE | values)


@pytest.mark.parametrize(("megabytes", "yen"), [(100, 500), (1000, 500), (1001, 1000), (51_200, 26_000)])
def test_data_costs_five_hundred_yen_a_gigabyte_begun(megabytes: int, yen: int) -> None:
    assert TopUp(megabytes=megabytes).price == yen


@pytest.mark.parametrize(("currency", "codes"), [("JPY", []), (None, []), ("USD", ["NOT_IN_YEN"])])
def test_data_is_sold_in_yen_and_to_no_account_that_is_billed_in_dollars(
    currency: str | None, codes: list[str]
) -> None:
    # 500 yen a gigabyte would be billed as 500 dollars. Not known yet: the billing system is asked before it is billed.
    found = top_up_rules(TopUp(megabytes=1000), line(currency=currency), TODAY)

    assert [rule.code for rule in found] == codes


@pytest.mark.parametrize(
    ("plan", "facts", "codes"),
    [
        ("SIM_10G", {}, []),
        ("SIM_5G", {}, ["SAME_PLAN"]),
        ("SIM_10G_DATA", {}, ["OTHER_KIND"]),
        ("SIM_99G", {}, ["UNKNOWN_PLAN"]),
        ("SIM_10G", {"open_kinds": ["change_plan"]}, ["PLAN_CHANGE_PENDING"]),
        ("SIM_10G", {"pending_operation": "change", "pending_on": "2026-12-01"}, ["PLAN_CHANGE_PENDING"]),
        ("SIM_10G", {"pending_operation": "change", "pending_on": "2026-11-24"}, []),
        ("SIM_10G", {"pending_operation": "cancel"}, ["ALREADY_ENDING"]),
    ],
)
def test_a_plan_changes_within_its_kind_and_once_at_a_time(plan: str, facts: dict[str, Any], codes: list[str]) -> None:
    found = plan_rules(PlanChange(plan_code=plan), line(offered_plans=PLANS, **facts), TODAY)

    assert [rule.code for rule in found] == codes


@pytest.mark.parametrize("facts", [{"status": "suspended"}, {"is_open": False}])
def test_nothing_is_changed_of_a_line_out_of_service(facts: dict[str, Any]) -> None:
    away = line(**facts)
    found = [
        top_up_rules(TopUp(megabytes=100), away, TODAY),
        voice_rules(VoiceOptions(voice_mail=True), away, TODAY),
        network_rules(NetworkChange(network="5G"), away, TODAY),
        reissue_rules(Reissue(eid="2" * 32), away, TODAY),
        cancellation_rules(LineCancellation(month="2026-12"), away, TODAY),
    ]

    assert [[rule.code for rule in rules] for rules in found] == [["NOT_IN_SERVICE"]] * 5


def test_voice_options_are_not_for_data_only_lines() -> None:
    found = voice_rules(VoiceOptions(voice_mail=True), line(has_voice=False), TODAY)

    assert [rule.code for rule in found] == ["DATA_ONLY"]


def test_only_an_esim_moves_to_another_chip_and_not_to_its_own() -> None:
    found = [
        reissue_rules(Reissue(eid="2" * 32), line(sim_type="nano"), TODAY),
        reissue_rules(Reissue(eid="1" * 32), line(), TODAY),
    ]

    assert [[rule.code for rule in rules] for rules in found] == [["NOT_AN_ESIM"], ["SAME_EID"]]


@pytest.mark.parametrize(
    ("today", "month", "codes"),
    [
        (date(2026, 11, 24), "2026-11", []),
        (date(2026, 11, 25), "2026-11", ["TOO_LATE"]),
        (date(2026, 11, 25), "2026-12", []),
        (date(2026, 11, 1), "2026-10", ["PAST_MONTH"]),
    ],
)
def test_a_line_may_end_with_this_month_until_the_24th(today: date, month: str, codes: list[str]) -> None:
    assert [rule.code for rule in cancellation_rules(LineCancellation(month=month), line(), today)] == codes


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ({"open_kinds": ["change_plan"]}, ["PLAN_CHANGE_PENDING"]),
        ({"pending_operation": "change", "pending_on": "2026-12-01"}, ["PLAN_CHANGE_PENDING"]),
        ({"pending_operation": "change", "pending_on": "2026-11-24"}, []),
        ({"pending_operation": "cancel", "pending_on": "2026-12-01"}, ["ALREADY_ENDING"]),
        ({"open_kinds": ["cancel_sim"]}, ["ALREADY_ENDING"]),
    ],
)
def test_a_line_ends_once_and_not_while_its_plan_is_to_change(facts: dict[str, Any], codes: list[str]) -> None:
    found = cancellation_rules(LineCancellation(month="2026-12"), line(**facts), TODAY)

    assert [rule.code for rule in found] == codes


@pytest.mark.parametrize(("month", "first"), [("2026-11", date(2026, 12, 1)), ("2026-12", date(2027, 1, 1))])
def test_a_line_ends_with_the_first_day_after_its_last_month(month: str, first: date) -> None:
    assert LineCancellation(month=month).run_date == first


def test_an_order_to_switch_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="at least one option"):
        VoiceOptions()
