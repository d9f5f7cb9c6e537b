"""Values at their edges: what still is one, and what no longer is."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from domain.billing.contract import Invoice, InvoiceBalance
from domain.billing.providers.whmcs.mapper import INVOICE
from domain.common.custom_fields import field_named, field_numbered
from domain.common.errors import MappingError
from domain.common.labels import unknown_in_columns
from domain.common.text import digits
from domain.common.times import day_or_none, last_day_of, local_to_utc, local_with_offset
from domain.sim.contract import SimTraffic
from tests.domain.literals.billing import REFUNDED, alone
from tests.domain.literals.catalog import PHONE
from tests.domain.literals.literal import FREEBIT, SALESFORCE, WHMCS, ours
from tests.domain.literals.services import LINE
from tests.domain.readers import details_from_row, product_from_row

TOKYO = ZoneInfo("Asia/Tokyo")

# -- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ("2026-02-01", date(2026, 2, 1)),
        ("2026-02-01 23:59:59", date(2026, 2, 1)),  # V: GetTransactions: a `date` with a time
        ("2026-02-01T00:00:00", date(2026, 2, 1)),
        ("", None),
        (None, None),
    ],
)
def test_a_day_is_that_of_the_servers_own_calendar(sent: str | None, day: date | None) -> None:
    assert day_or_none(sent) == day


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("Asia/Tokyo", "2026-02-01", datetime(2026, 1, 31, 15, tzinfo=UTC)),  # a date alone is its first moment
        ("Asia/Tokyo", "2026-02-01 08:59:59", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("America/New_York", "2026-02-01 20:00:00", datetime(2026, 2, 2, 1, tzinfo=UTC)),
        ("Asia/Kolkata", "2026-02-01 05:29:59", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        # Clocks change within these days, and a moment has the offset of its own hour, not of the day's first.
        ("Europe/London", "2026-03-29 12:00:00", datetime(2026, 3, 29, 11, tzinfo=UTC)),
        ("Europe/London", "2026-10-25 12:00:00", datetime(2026, 10, 25, 12, tzinfo=UTC)),
        # The change is in the middle of an hour of the clock.
        ("Australia/Lord_Howe", "2026-10-04 01:59:59", datetime(2026, 10, 3, 15, 29, 59, tzinfo=UTC)),
        ("Australia/Lord_Howe", "2026-10-04 02:45:00", datetime(2026, 10, 3, 15, 45, tzinfo=UTC)),
    ],
)
def test_a_local_time_is_a_moment_by_the_clocks_of_its_zone(zone: str, local: str, utc: datetime) -> None:
    assert local_to_utc(local, ZoneInfo(zone)) == utc


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        ("Asia/Tokyo", "+09:00"), ("UTC", "+00:00"), ("America/New_York", "-05:00"), ("America/St_Johns", "-03:30"),
        ("Asia/Kolkata", "+05:30"), ("Asia/Kathmandu", "+05:45"),
    ],
)  # fmt: skip
def test_a_listed_time_is_written_with_the_offset_of_its_zone(zone: str, offset: str) -> None:
    assert local_with_offset("2026-02-01 08:59:59", ZoneInfo(zone)) == f"2026-02-01 08:59:59{offset}"


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ("01/28", date(2028, 1, 31)),
        ("02/28", date(2028, 2, 29)),
        ("12/28", date(2028, 12, 31)),
        ("2/2027", date(2027, 2, 28)),
        ("12/1999", date(1999, 12, 31)),
        (" 04/27 ", date(2027, 4, 30)),
        ("00/28", None),
        ("13/28", None),
        ("-1/28", None),
        ("xx/28", None),
        ("02/xx", None),
        ("02/", None),
        ("/28", None),
        ("0228", None),
        ("", None),
        (None, None),
    ],
)
def test_a_card_is_good_until_the_last_day_of_its_month(sent: str | None, day: date | None) -> None:
    # V: GetPayMethods, `expiry_date`: MM/YY.
    assert last_day_of(sent) == day


# -- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["99999999999998.99", "-99999999999998.99", "0", "-0.0001"])
def test_an_amount_has_fourteen_digits_before_its_point(amount: str) -> None:
    assert alone(REFUNDED | {"total": amount}).total == Decimal(amount)


@pytest.mark.parametrize("amount", ["99999999999999", "-99999999999999", "1e14", "NaN", "Infinity", "-Infinity"])
def test_an_amount_that_its_column_cannot_hold_is_refused(amount: str) -> None:
    with pytest.raises(MappingError, match="total"):
        alone(REFUNDED | {"total": amount})


def test_data_is_a_number_of_kilobytes_that_is_not_less_than_none() -> None:
    known: dict[str, Any] = {"id": ours("whmcs:sim:41"), "msisdn": "09012345678", "is_speed_restricted": None}

    for most in (0, 2**63 - 1):
        assert SimTraffic(today_usage_kb=most, **known).today_usage_kb == most
    for beyond in (-1, 2**63):
        with pytest.raises(ValidationError):
            SimTraffic(today_usage_kb=beyond, **known)


def test_a_place_among_others_is_a_number_that_its_column_holds() -> None:
    for place in (-(2**31), 2**31 - 1):
        assert product_from_row(PHONE | {"Display_Order__c": place}, SALESFORCE).display_order == place
    for place in (-(2**31) - 1, 2**31):
        with pytest.raises(MappingError, match="display_order"):
            product_from_row(PHONE | {"Display_Order__c": place}, SALESFORCE)


def test_digits_are_the_ten_of_ascii_and_nothing_beside_them() -> None:
    assert digits("/0123456789:") == "0123456789"
    assert digits("\uff10\u0663\u00b2 x") == ""


# -- fields of an operator -------------------------------------------------------------------------------------------

FIELDS = {"customfield": [{"id": 1980, "name": "EID old", "value": "a"}, {"id": 198, "name": "EID", "value": None}]}


def test_a_custom_field_is_found_by_the_whole_of_its_name_or_number() -> None:
    assert (field_named(FIELDS, "EID old"), field_numbered(FIELDS, 1980)) == ("a", "a")
    assert (field_named(FIELDS, "EID"), field_numbered(FIELDS, 198)) == (None, None)
    assert (field_named(FIELDS, "eid old"), field_numbered(FIELDS, 19)) == (None, None)


# -- columns ---------------------------------------------------------------------------------------------------------


def test_a_currency_is_three_capitals_of_ascii() -> None:
    sent = ["JPY", "EUR", "jpy", "JP", "JPYX", "\uff2aPY", "", "JPY\n", None]
    read = INVOICE.read_page([REFUNDED | {"id": at, "currencycode": code} for at, code in enumerate(sent)], WHMCS)

    assert read.columns["currency"] == ["JPY", "EUR"]
    assert read.refused == {2, 3, 4, 5, 6, 7, 8}


def test_only_the_labels_that_nobody_knows_are_told_of_a_list_and_as_they_were_sent() -> None:
    columns = {"status": ["paid", "other", "unpaid", "other"], "source_status": ["Paid", "Parked", "Unpaid", "Held"]}

    assert list(unknown_in_columns(Invoice, columns)) == [("status", "Parked"), ("status", "Held")]
    assert list(unknown_in_columns(Invoice, {"status": ["paid"], "source_status": ["Paid"]})) == []


# -- models ----------------------------------------------------------------------------------------------------------


def test_a_record_is_not_changed_after_it_was_read() -> None:
    invoice = alone(REFUNDED)

    with pytest.raises(ValidationError, match="frozen"):
        invoice.total = Decimal(1)


def test_a_record_has_no_fields_that_nobody_knows_and_a_row_may_have_any() -> None:
    with pytest.raises(ValidationError, match="extra"):
        InvoiceBalance.model_validate({"id": ours("whmcs:invoice:31"), "balance": 1, "paid": True})
    assert alone(REFUNDED | {"something new": 1}) == alone(REFUNDED)


def test_a_field_is_read_by_its_systems_name_for_it_and_by_no_other() -> None:
    def said(**fields: object) -> Any:
        return details_from_row(LINE, {"responseDatas": [{"account": LINE.msisdn, **fields}]}, FREEBIT)

    assert said(**{"async": {"func": "stop"}}, pending="x").pending_operation == "stop"
    assert said(pending={"func": "stop"}, plan_code="y") == said()


def test_what_was_sent_is_in_no_error() -> None:
    with pytest.raises(ValidationError) as caught:
        InvoiceBalance.model_validate({"id": "SECRET-1", "balance": "SECRET-2"})
    with pytest.raises(MappingError) as refused:
        alone(REFUNDED | {"userid": "SECRET-3", "total": "SECRET-4", "currencycode": ["SECRET-5"]})

    assert "SECRET" not in str(caught.value) + str(refused.value) + str(refused.value.__cause__)
