"""Rows mapped together say what each of them says when it is mapped alone; whatever is not plain is left to that."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing.contract import Invoice
from domain.billing.providers.whmcs.mapper import invoice_from_row, invoices_from_rows
from domain.common.columns import NotPlainError, amounts, currencies, days, instants, numbers, required
from domain.common.errors import MappingError
from domain.common.identifiers import hub_id, hub_ids
from domain.common.labels import unknown_in_columns, unknown_labels
from domain.common.vocabulary import WhmcsVocabulary
from tests.domain import strategies as sent

TOKYO, LONDON = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/London")
PLAIN = {
    "id": 7,
    "userid": 5,
    "invoicenum": "",
    "date": "2026-01-31",
    "duedate": "0000-00-00",
    "datepaid": "2026-02-01 10:00:00",
    "last_capture_attempt": "0000-00-00 00:00:00",
    "date_refunded": None,
    "date_cancelled": "",
    "subtotal": "1000.00",
    "credit": "0.00",
    "tax": "100.00",
    "tax2": "0.00",
    "total": "1100.00",
    "taxrate": "10.000",
    "taxrate2": "0.000",
    "status": "Paid",
    "paymentmethod": "stripe",
    "created_at": "2026-01-31 09:00:00",
    "updated_at": "2026-02-01 10:00:00",
    "currencycode": "JPY",
}
ZONES = st.sampled_from(["Asia/Tokyo", "Europe/London", "America/St_Johns", "Africa/Monrovia", "UTC"])


@st.composite
def plain_rows(draw: Any) -> dict[str, Any]:
    return PLAIN | draw(sent.invoice_rows()) | {"invoicenum": draw(st.none() | sent.texts)}


@st.composite
def odd_rows(draw: Any) -> dict[str, Any]:
    return draw(plain_rows()) | draw(st.dictionaries(st.sampled_from(sorted(PLAIN)), sent.junk, max_size=2))


def alone(row: Mapping[str, Any], vocabulary: WhmcsVocabulary) -> Invoice | None:
    try:
        return invoice_from_row(row, vocabulary)
    except MappingError:
        return None


@given(st.lists(odd_rows(), max_size=4), ZONES)
@settings(deadline=None, derandomize=True, max_examples=400)
def test_what_is_mapped_together_is_what_each_row_says_alone(rows, zone):
    vocabulary = WhmcsVocabulary(timezone=zone)
    try:
        columns = invoices_from_rows(rows, vocabulary)
    except NotPlainError:
        return

    together = [Invoice(**{name: column[at] for name, column in columns.items()}) for at in range(len(rows))]
    assert together == [alone(row, vocabulary) for row in rows]
    assert list(unknown_in_columns(Invoice, columns)) == [found for each in together for found in unknown_labels(each)]


@given(st.lists(plain_rows(), min_size=1, max_size=4))
@settings(deadline=None, derandomize=True)
def test_rows_of_the_usual_form_are_mapped_together(rows):
    usual = [row | {"date": "2026-01-31", "datepaid": "2026-02-01 10:00:00"} for row in rows]
    for row in usual:
        row |= {"updated_at": row["datepaid"], "created_at": row["datepaid"]}

    assert len(invoices_from_rows(usual, WhmcsVocabulary())["id"]) == len(rows)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", True),
        ("id", 1.0),
        ("id", "7a"),
        ("id", "\u0667"),
        ("userid", None),
        ("invoicenum", 7),
        ("date", "not-a-date"),
        ("date", ""),
        ("date", 20260131),
        ("duedate", "2026-02-30"),
        ("datepaid", "2026-02-30 10:00:00"),
        ("datepaid", "2026-02-01 24:00:00"),
        ("datepaid", "2026-02-01 10:00:60"),
        ("datepaid", "2026-02-01"),
        ("datepaid", "2026-02-01T10:00:00"),
        ("datepaid", "2026-02-01 10:00:00\n2026-02-01 10:00:00"),
        ("datepaid", "0001-01-01 00:00:00"),
        ("updated_at", 0),
        ("subtotal", "1,000.00"),
        ("subtotal", "NaN"),
        ("subtotal", "1e3"),
        ("subtotal", " 1.00"),
        ("subtotal", "1.00\n2.00"),
        ("subtotal", "1.00\n"),
        ("subtotal", "99999999999999"),
        ("total", 1100),
        ("tax", None),
        ("status", None),
        ("currencycode", "yen"),
        ("currencycode", "JPY\n"),
        ("paymentmethod", 3),
    ],
)
def test_any_other_form_is_left_to_the_mapper_of_single_rows(field, value):
    with pytest.raises(NotPlainError):
        invoices_from_rows([PLAIN, PLAIN | {field: value}], WhmcsVocabulary())


def test_a_row_without_a_field_is_left_to_the_mapper_of_single_rows():
    with pytest.raises(NotPlainError):
        invoices_from_rows([PLAIN, {name: value for name, value in PLAIN.items() if name != "tax2"}], WhmcsVocabulary())


def test_a_time_has_the_offset_of_its_hour_and_one_that_comes_twice_is_its_first():
    assert instants(["2026-10-25 00:59:59", "2026-10-25 01:30:00", "2026-10-25 02:00:00"], LONDON) == [
        "2026-10-25 00:59:59+01:00",
        "2026-10-25 01:30:00+01:00",
        "2026-10-25 02:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("zone", "local"),
    [("America/St_Johns", "2006-10-29 00:30:00"), ("Africa/Monrovia", "1971-12-31 09:00:00")],
    ids=["clocks change within the hour", "an offset with seconds"],
)
def test_a_time_whose_hour_has_no_one_offset_of_whole_minutes_is_not_plain(zone, local):
    with pytest.raises(NotPlainError):
        instants([local], ZoneInfo(zone))


def test_empty_columns_are_plain():
    assert (numbers([]), amounts([]), instants([], TOKYO), days([]), currencies([])) == ([], [], [], [], [])


def test_a_required_column_holds_no_nothing():
    with pytest.raises(NotPlainError):
        required(["2026-01-31", None])


@given(st.lists(st.integers(0, 10**12).map(str)))
def test_ids_of_many_records_are_those_of_each(source_ids):
    found = hub_ids("whmcs", "invoice", source_ids)

    assert found == [hub_id("whmcs", "invoice", each).hex for each in source_ids]
