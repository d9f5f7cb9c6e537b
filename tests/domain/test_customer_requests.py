"""What customers may request besides orders and lines: checks, changes of their data, the end of a service, help."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from domain.commands.input import Broken
from domain.customer.changing import (
    CustomerFacts,
    RequestEligibility,
    UpdateAddress,
    UpdateProfile,
    eligibility_rules,
)
from domain.customer.identity import IdentityFacts, SubmitIdentityDocument, identity_rules
from domain.subscriptions.cancelling import CancelSubscription, SubscriptionFacts, cancellation_rules, ends_on
from domain.support.changing import CaseFacts, CloseCase, OpenCase, open_case_rules

TODAY = date(2026, 11, 24)


def codes(found: list[Broken]) -> list[str]:
    return [rule.code for rule in found]


# -- checks (portal reference, 4) --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("has_address", "status", "broken"),
    [
        (True, None, []),
        (True, "not_requested", []),
        (True, "ineligible", []),  # they may have moved
        (True, "pending", ["ALREADY_ASKED"]),
        (True, "eligible", ["ALREADY_ELIGIBLE"]),
        (False, None, ["ADDRESS_MISSING"]),
        (False, "pending", ["ADDRESS_MISSING", "ALREADY_ASKED"]),
    ],
)
def test_the_network_is_looked_for_once_and_at_an_address(
    *, has_address: bool, status: str | None, broken: list[str]
) -> None:
    customer = CustomerFacts(has_address=has_address, eligibility_status=status)

    assert codes(eligibility_rules(RequestEligibility(), customer, TODAY)) == broken


@pytest.mark.parametrize(
    ("status", "account", "broken"),
    [
        (None, "001", []),
        ("not_submitted", "001", []),
        ("rejected", "001", []),  # "re-upload after rejection" (portal reference, 4.2)
        ("pending", "001", ["ALREADY_SUBMITTED"]),
        ("verified", "001", ["ALREADY_VERIFIED"]),
        (None, None, ["MAPPING_MISSING"]),
        ("verified", None, ["MAPPING_MISSING"]),
    ],
)
def test_a_document_is_sent_until_one_is_accepted(status: str | None, account: str | None, broken: list[str]) -> None:
    assert codes(identity_rules(None, IdentityFacts(identity_status=status, account=account), TODAY)) == broken


DOCUMENT = {"name": "0f7f9e0e-residence.jpg", "sha256": "0a" * 32, "mediaType": "image/jpeg"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../residence.jpg"}, {"name": "residence.exe"}, {"name": "Residence-1.jpg"}, {"name": "a.jpg"},
        {"sha256": "0A" * 32}, {"sha256": "0a" * 31}, {"mediaType": "image/svg+xml"}, {"mediaType": "text/html"},
    ],
)  # fmt: skip
def test_a_document_has_a_name_of_ours_and_a_kind_that_agents_can_open(change: dict[str, str]) -> None:
    assert SubmitIdentityDocument.model_validate(DOCUMENT).name == "0f7f9e0e-residence.jpg"
    with pytest.raises(ValidationError):
        SubmitIdentityDocument.model_validate(DOCUMENT | change)


# -- changes of one's data (portal reference, 3) -----------------------------------------------------------------------


def test_a_profile_is_changed_in_what_is_given_and_in_nothing_else() -> None:
    profile = UpdateProfile.model_validate({"firstName": " Hana ", "lastName": "Mori", "companyName": "Mori & Sons"})

    assert profile.model_dump(exclude_none=True, by_alias=False) == {
        "first_name": "Hana", "last_name": "Mori", "company_name": "Mori & Sons",
    }  # fmt: skip


@pytest.mark.parametrize(
    "input",
    [
        {}, {"firstName": None}, {"firstName": " "}, {"lastName": "x" * 101}, {"phone": "1234567"}, {"phone": "9" * 21},
        {"phone": "090-1234-567a"}, {"nickname": "H"},
    ],
)  # fmt: skip
def test_a_profile_is_not_changed_to_nothing(input: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UpdateProfile.model_validate(input)


@pytest.mark.parametrize("phone", ["090-1234-5678", "+81 (0)90 1234 5678", "12345678"])
def test_a_number_may_be_written_as_people_write_it(phone: str) -> None:
    assert UpdateProfile(phone=phone).phone == phone


ADDRESS = {"address1": "1-2-3 Kita", "city": "Osaka", "state": "Osaka-fu", "postcode": "530-0001"}


def test_an_address_is_whole_and_in_japan_unless_another_country_is_named() -> None:
    assert UpdateAddress.model_validate(ADDRESS).country == "JP"
    assert UpdateAddress.model_validate(ADDRESS | {"country": "GB"}).country == "GB"
    assert UpdateAddress.model_validate(ADDRESS).address2 is None


@pytest.mark.parametrize("field", ADDRESS)
def test_an_address_without_one_of_its_parts_is_none(field: str) -> None:
    for wrong in ("", "x" * 256):
        with pytest.raises(ValidationError):
            UpdateAddress.model_validate(ADDRESS | {field: wrong})
    with pytest.raises(ValidationError):
        UpdateAddress.model_validate({name: value for name, value in ADDRESS.items() if name != field})


# -- the end of a service (portal reference, 7 and 8) ------------------------------------------------------------------

ACTIVE: dict[str, Any] = {"status": "active", "service_type": "internet", "has_line": False, "open_kinds": []}


@pytest.mark.parametrize(
    ("facts", "broken"),
    [
        ({}, []),
        ({"open_kinds": ["change_plan"]}, []),
        ({"open_kinds": ["change_plan", "cancel_subscription"]}, ["ALREADY_ENDING"]),
        ({"status": "pending"}, ["NOT_ACTIVE"]),
        ({"status": "suspended"}, ["NOT_ACTIVE"]),
        ({"status": "cancelled"}, ["NOT_ACTIVE"]),
        # A line is ended at the network, whose service ends with it; a SIM that never got one is only billed.
        ({"service_type": "sim", "has_line": True}, ["HAS_A_LINE"]),
        ({"service_type": "sim"}, []),
        ({"service_type": "vpn", "has_line": True}, []),
    ],
)
def test_an_active_service_without_a_line_may_be_ended_once(facts: dict[str, Any], broken: list[str]) -> None:
    subscription = SubscriptionFacts.model_validate(ACTIVE | facts)

    assert codes(cancellation_rules(CancelSubscription(), subscription, TODAY)) == broken


@pytest.mark.parametrize(
    ("next_due_on", "accepted_on", "first_day_without"),
    [
        (date(2026, 12, 15), TODAY, date(2027, 1, 1)),  # paid until the 14th of December
        (date(2026, 12, 2), TODAY, date(2027, 1, 1)),
        (date(2026, 12, 1), TODAY, date(2026, 12, 1)),  # paid until the last day of November
        (date(2026, 11, 25), TODAY, date(2026, 12, 1)),
        (date(2026, 11, 24), TODAY, date(2026, 12, 1)),  # due today, and not paid on
        (date(2026, 1, 31), TODAY, date(2026, 12, 1)),
        (date(2026, 11, 30), date(2026, 11, 30), date(2026, 12, 1)),
        (date(2026, 12, 1), date(2026, 11, 30), date(2026, 12, 1)),
        (date(2026, 12, 1), date(2026, 12, 1), date(2027, 1, 1)),
        (None, TODAY, date(2026, 12, 1)),
        (None, date(2026, 12, 31), date(2027, 1, 1)),
        # Later than the CRM can keep a day: as if there was none.
        (date(3999, 12, 31), TODAY, date(4000, 1, 1)),
        (date(4000, 1, 1), TODAY, date(2026, 12, 1)),
        (date(9999, 12, 31), TODAY, date(2026, 12, 1)),
    ],
)
def test_a_service_ends_with_the_month_in_which_its_paid_period_ends(
    next_due_on: date | None, accepted_on: date, first_day_without: date
) -> None:
    assert ends_on(next_due_on, accepted_on) == first_day_without


def test_a_service_ends_with_its_period_unless_it_is_to_end_at_once() -> None:
    assert CancelSubscription().when == "end_of_billing_period"
    assert CancelSubscription(when="immediate").when == "immediate"


# -- help (portal reference, 11) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_closed", "broken"), [(False, []), (True, ["CASE_CLOSED"])])
def test_a_closed_case_stays_as_it_is(*, is_closed: bool, broken: list[str]) -> None:
    assert codes(open_case_rules(CloseCase(), CaseFacts(is_closed=is_closed), TODAY)) == broken


def test_a_case_is_of_medium_priority_unless_another_is_named() -> None:
    assert OpenCase(subject="s", description="d").priority == "medium"
    assert OpenCase(subject="s", description="d", priority="low").priority == "low"
