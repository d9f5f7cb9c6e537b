"""What is accepted can be done: whatever a request's model lets through, what its action derives can be derived.

`month: 9999-12` was accepted once, and the first day after it does not exist: the command died, and with it every later
change of the line (issue 14, 11).
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.common.times import first_of_next_month, midnight
from domain.common.vocabulary import WhmcsVocabulary
from domain.customer.changing import UpdateAddress, UpdateProfile
from domain.orders.placing import Address, PlaceOrder, Porting, SimChoices, address_rules, porting_rules
from domain.sim.changing import LineCancellation, PlanChange, Reissue, TopUp, cancellation_rules
from domain.subscriptions.cancelling import ends_on
from domain.support.changing import AddComment, OpenCase
from pipelines.commands.actions.place_order import sim_fields
from pipelines.sources.freebit import assumptions
from tests.domain.test_changing_lines import line

TODAY = date(2026, 11, 24)
PORTING: dict[str, Any] = {
    "reservationNumber": "1234567890", "expiresOn": "2026-12-05", "phoneNumber": "09012345678", "lastName": "山田",
    "firstName": "花子", "lastNameKatakana": "ヤマダ", "firstNameKatakana": "ハナコ", "gender": "female",
    "birthDate": "1990-01-02",
}  # fmt: skip
ADDRESS = {"street": "1-1", "city": "Minato", "state": "Tokyo", "postcode": "105-0001"}

digits = st.text(st.sampled_from("0123456789\uff10\uff11\uff19\u0663"), min_size=1, max_size=33)
"""Digits as people type them: Japanese keyboards write the wide ones, which no source system takes."""


def _refuses(model: type[Any], **values: Any) -> bool:
    try:
        model.model_validate(values)
    except ValidationError:
        return True
    return False


@given(st.one_of(st.from_regex(r"[0-9]{4}-[01][0-9]", fullmatch=True), digits.map(lambda text: f"{text[:4]}-12")))
def test_a_line_can_end_with_every_month_that_is_accepted(month: str) -> None:
    try:
        input = LineCancellation(month=month)
    except ValidationError:
        return

    written = input.run_date.strftime(assumptions.DATE)

    assert re.fullmatch(r"[0-9]{8}", written)
    assert f"{input.run_date - timedelta(days=1):%Y-%m}" == month


@pytest.mark.parametrize(
    "month", ["9999-12", "0000-01", "0001-01", "\uff12\uff10\uff12\uff16-12", "2026-13", "10000-01"]
)
def test_a_month_that_no_line_can_end_with_is_refused(month: str) -> None:
    assert _refuses(LineCancellation, month=month)


def test_a_line_ends_within_two_years() -> None:
    def found(month: str) -> list[str]:
        return [rule.code for rule in cancellation_rules(LineCancellation(month=month), line(), TODAY)]

    assert found("2028-11") == []
    assert found("2028-12") == ["TOO_FAR"]
    assert found("2099-12") == ["TOO_FAR"]


@given(digits)
def test_numbers_are_written_in_the_digits_that_source_systems_take(number: str) -> None:
    given_numbers: tuple[tuple[Callable[[], Any], str], ...] = (
        (lambda: Reissue(eid=number), "eid"),
        (lambda: SimChoices(sim_type="esim", eid=number), "eid"),
        (lambda: Porting.model_validate(PORTING | {"reservationNumber": number}), "reservation_number"),
        (lambda: Porting.model_validate(PORTING | {"phoneNumber": number}), "phone_number"),
        (lambda: UpdateProfile(phone=number), "phone"),
    )
    for make, field in given_numbers:
        try:
            kept = getattr(make(), field)
        except ValidationError:
            continue
        assert kept.isascii()


@pytest.mark.parametrize("digit", ["\uff11", "\u0663", "\u00b2"])
def test_one_wide_digit_makes_a_number_none(digit: str) -> None:
    # Drawn numbers seldom have the right length: here all but the last digit is right.
    assert _refuses(Reissue, eid="1" * 31 + digit)
    assert _refuses(SimChoices, simType="esim", eid="1" * 31 + digit)
    assert _refuses(Porting, **PORTING | {"reservationNumber": f"123456789{digit}"})
    assert _refuses(Porting, **PORTING | {"phoneNumber": f"0901234567{digit}"})
    assert _refuses(UpdateProfile, phone=f"0901234567{digit}")
    assert _refuses(LineCancellation, month=f"2026-1{digit}")
    assert not _refuses(Reissue, eid="1" * 32)
    assert not _refuses(Porting, **PORTING)


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"expiresOn": "2026-11-23"}, ["MNP_EXPIRED"]),
        # A scheduled order waits for its day: the reservation must still hold then.
        ({"expiresOn": "2026-11-25"}, ["MNP_EXPIRED"]),
        # Salesforce keeps days from 1700 to 4000 (SOQL reference, "Minimum and Maximum Dates").
        ({"expiresOn": "9999-12-31"}, ["MNP_EXPIRY"]),
        ({"birthDate": "2026-11-24"}, ["BIRTH_DATE"]),
        ({"birthDate": "0001-01-01"}, ["BIRTH_DATE"]),
    ],
)
def test_a_number_is_brought_along_with_days_that_can_be(change: dict[str, Any], codes: list[str]) -> None:
    porting = Porting.model_validate(PORTING | change)

    found = porting_rules(porting, TODAY, activate_on=date(2026, 11, 30))

    assert [rule.code for rule in found] == codes


@given(
    st.builds(
        lambda expires_on, birth_date: PORTING | {"expiresOn": expires_on, "birthDate": birth_date},
        st.dates().map(str),
        st.dates().map(str),
    ),
    st.none() | st.dates(),
)
def test_whatever_keeps_to_the_rules_can_be_written_as_an_order(porting: dict[str, Any], activate_on: Any) -> None:
    order = PlaceOrder.model_validate(
        {
            "type": "sim", "items": [{"sku": "SIM"}], "activateOn": activate_on,
            "sim": {"simType": "esim", "eid": "1" * 32, "porting": porting},
        }
    )  # fmt: skip
    assert order.sim is not None
    assert order.sim.porting is not None

    fields = sim_fields(order.sim)
    if activate_on is not None:
        assert midnight(activate_on, WhmcsVocabulary().zone).date() == activate_on

    if not list(porting_rules(order.sim.porting, TODAY, activate_on=None)):
        for name in ("MNP_Expiry_Date__c", "Porting_DateOfBirth__c"):
            assert "1700" <= fields[name][:4] <= "4000"


def test_an_address_on_file_that_an_order_cannot_hold_is_not_ordered_to() -> None:
    # WHMCS keeps texts of any length; a Salesforce order has 255, 40, 80 and 20 characters.
    on_file = {"street": "1-1\nRoom 5", "city": "Minato", "state": "Tokyo", "postcode": "105-0001", "country": "JP"}

    assert address_rules(on_file) == []
    for field, longest in (("street", 255), ("city", 40), ("state", 80), ("postcode", 20)):
        assert address_rules(on_file | {field: "x" * longest}) == []
        assert [rule.code for rule in address_rules(on_file | {field: "x" * (longest + 1)})] == ["ADDRESS_TOO_LONG"]


@given(st.dates(), st.none() | st.dates())
def test_a_service_ends_on_a_day_that_the_crm_can_keep(accepted_on: date, next_due_on: date | None) -> None:
    if not date(2000, 1, 1) <= accepted_on <= date(2100, 1, 1):
        return

    ends = ends_on(next_due_on, accepted_on)

    assert accepted_on < ends <= date(4000, 12, 31)
    assert ends.day == 1


@given(st.dates(max_value=date(9999, 11, 30)))
def test_the_first_of_next_month_comes_next(day: date) -> None:
    first = first_of_next_month(day)

    assert first > day
    assert (first - timedelta(days=1)).month == day.month


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=4200))
def test_a_comment_that_is_accepted_fits_in_four_thousand_bytes(body: str) -> None:
    # "The maximum size of the comment body is 4,000 bytes" (Object Reference, CaseComment).
    try:
        input = AddComment(body=body)
    except ValidationError:
        return

    assert 0 < len(input.body.encode()) <= 4000


def test_a_comment_in_japanese_is_measured_in_bytes() -> None:
    assert not _refuses(AddComment, body="あ" * 1333)
    assert _refuses(AddComment, body="あ" * 1334)


@pytest.mark.parametrize(
    "email",
    ["a..b@example.com", ".a@example.com", "a@example", "a@-example.com", "a@exa_mple.com", "a@b..com",
     "山@example.com",
     "a@例え.jp", "a<b@example.com", f"{'a' * 65}@example.com", f"a@{'b' * 64}.com", "a@example.com\u0007"],
)  # fmt: skip
def test_an_e_mail_address_that_the_billing_system_refuses_is_not_accepted(email: str) -> None:
    # WHMCS checks with PHP's FILTER_VALIDATE_EMAIL: "The email address entered is not valid".
    assert _refuses(UpdateProfile, email=email)


@pytest.mark.parametrize("email", ["a@example.com", "a.b+c@mail.example.co.jp", "o'neil_1@example.com"])
def test_an_ordinary_e_mail_address_is_accepted(email: str) -> None:
    assert UpdateProfile(email=email).email == email


@pytest.mark.parametrize("country", ["ZZ", "XX", "AA", "UK", "EU"])
def test_a_country_that_there_is_not_is_refused(country: str) -> None:
    # WHMCS: "Valid country required".
    assert _refuses(UpdateAddress, address1="1", city="c", state="s", postcode="1", country=country)
    assert _refuses(Address, **ADDRESS, country=country)


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x08", "\x1b", "\x7f", "\x85", "\ufffe", "\uffff"])
def test_characters_that_nobody_types_are_refused(character: str) -> None:
    assert _refuses(OpenCase, subject=f"a{character}b", description="d")


def test_text_of_several_lines_is_kept() -> None:
    assert OpenCase(subject="s", description="one\r\n\ttwo").description == "one\r\n\ttwo"


@given(st.integers())
def test_data_that_is_accepted_has_a_price_and_is_no_more_than_the_network_adds_at_once(megabytes: int) -> None:
    try:
        input = TopUp(megabytes=megabytes)
    except ValidationError:
        return

    assert input.price > 0
    assert re.fullmatch(r"[0-9]{1,6}", str(input.megabytes))


@given(st.text(max_size=40))
def test_a_plan_code_is_one_that_the_network_can_read(code: str) -> None:
    if not _refuses(PlanChange, planCode=code):
        assert re.fullmatch(r"[A-Za-z0-9_]{1,32}", code.strip())
