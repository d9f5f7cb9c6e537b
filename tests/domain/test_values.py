"""Dates and numbers as sources were seen to send them, and what they mean.

The rows are literal, and so is what they must become: nothing here is computed by the code under test.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.billing.providers.whmcs.mapper import INVOICE, invoice_details_from_row, payment_methods_from_row
from domain.common.errors import MappingError
from domain.common.times import day_or_none, local_to_utc
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.sim.providers.freebit.mapper import traffic_from_row
from tests.domain.readers import (
    PLAIN,
    case_from_row,
    client_from_row,
    comment_from_row,
    details_from_row,
    invoice_from_row,
    sim_from_row,
    subscription_from_row,
)
from tests.domain.test_mappers import A_SERVICE, AN_INVOICE, LINE, MAPPERS, ORDER

WHMCS, SALESFORCE, FREEBIT = WhmcsVocabulary(), SalesforceVocabulary(), FreebitVocabulary()
TOKYO = ZoneInfo("Asia/Tokyo")

# -- dates -----------------------------------------------------------------------------------------------------------

ZERO_DATES = [
    "0000-00-00",  # V: GetInvoices, GetClientsProducts
    "-0001-11-16",  # openprovider/Openprovider-WHMCS-domains#63, a `nextduedate`
    "-0001-11-30",  # what PHP's DateTime makes of 0000-00-00 when it writes it down again
]
ZERO_TIMES = [
    *ZERO_DATES,
    "0000-00-00 00:00:00",  # V: GetInvoices `datepaid`
    "0000-00-00 00:00:00.000000",
    "0000-00-00T00:00:00",
    "-0001-11-30 00:00:00",
    "-0001-11-30T00:00:00.000000Z",
    "-0001-11-29 15:00:00",
]


@pytest.mark.parametrize("zero", ZERO_TIMES)
def test_every_zero_date_means_none(zero: str) -> None:
    assert day_or_none(zero) is None
    assert local_to_utc(zero, TOKYO) is None


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2026-04-01", datetime(2026, 3, 31, 15, tzinfo=UTC)),  # midnight there
        ("2026-04-01 08:30", datetime(2026, 3, 31, 23, 30, tzinfo=UTC)),
        ("2026-04-01T08:30:00", datetime(2026, 3, 31, 23, 30, tzinfo=UTC)),
        ("2026-04-01 08:30:00.250000", datetime(2026, 3, 31, 23, 30, 0, 250000, tzinfo=UTC)),
    ],
)
def test_a_local_time_in_an_unusual_form_is_the_same_moment(sent: str, moment: datetime) -> None:
    assert local_to_utc(sent, TOKYO) == moment
    assert invoice_from_row(PLAIN | {"datepaid": sent}, WHMCS).paid_at == moment


@pytest.mark.parametrize("zero", ZERO_TIMES)
@pytest.mark.parametrize(
    ("field", "ours"),
    [
        ("duedate", "due_on"),
        ("datepaid", "paid_at"),
        ("last_capture_attempt", "last_capture_attempt_at"),
        ("date_refunded", "refunded_at"),
        ("date_cancelled", "cancelled_at"),
        ("created_at", "source_created_at"),
        ("updated_at", "source_updated_at"),
    ],
)
def test_an_invoice_with_a_zero_date_is_an_invoice_alone_and_together(zero: str, field: str, ours: str) -> None:
    row = PLAIN | {field: zero}

    assert getattr(invoice_from_row(row, WHMCS), ours) is None
    assert INVOICE.read_page([row], WHMCS).columns[ours] == [None]


@pytest.mark.parametrize("zero", ZERO_TIMES)
def test_clients_services_and_payments_have_no_zero_dates(zero: str) -> None:
    client = client_from_row({"id": 5, "status": "Active", "datecreated": zero}, WHMCS)
    service = subscription_from_row(A_SERVICE | {"regdate": zero, "nextduedate": zero}, WHMCS)
    paid = {"transaction": [{"id": 2, "amountin": "1.00", "date": zero}]}
    details = invoice_details_from_row(MAPPERS["invoice details"][1] | {"transactions": paid}, WHMCS)

    assert (client.registered_on, service.registered_on, service.next_due_on) == (None, None, None)
    assert details.payments[0].paid_at is None


@pytest.mark.parametrize(
    "broken", ["-0001", "-1", "-", "7", "0000", "0000-xx-00", "-0001-11-30x", "2026-02-30", "30/11/2026"]
)
def test_what_only_resembles_a_zero_date_is_still_refused(broken: str) -> None:
    with pytest.raises(MappingError, match="datepaid: not a time"):
        invoice_from_row(PLAIN | {"datepaid": broken}, WHMCS)
    assert INVOICE.read_page([PLAIN | {"datepaid": broken}], WHMCS).refused == {0}


def test_the_first_day_of_unix_time_is_a_day_like_any_other() -> None:
    # No report says that WHMCS writes it for nothing, and old rows may hold it.
    client = client_from_row({"id": 5, "status": "Active", "datecreated": "1970-01-01"}, WHMCS)

    assert client.registered_on == date(1970, 1, 1)


# -- amounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "amount"),
    [
        ("15.95", Decimal("15.95")),  # V: GetInvoices sends texts, its page says float
        (15.95, Decimal("15.95")),
        (16, Decimal(16)),
        ("1,100.00", Decimal("1100.00")),  # issue 13: formatted as people read it
        ("-1,234,567.89", Decimal("-1234567.89")),
        ("1,100", Decimal(1100)),
        (" 15.95 ", Decimal("15.95")),
    ],
)
def test_an_amount_may_be_a_number_or_a_text_with_commas_between_thousands(sent: object, amount: Decimal) -> None:
    invoice = invoice_from_row(AN_INVOICE | {"total": sent}, WHMCS)
    service = subscription_from_row(A_SERVICE | {"recurringamount": sent, "firstpaymentamount": sent}, WHMCS)
    details = invoice_details_from_row(
        MAPPERS["invoice details"][1]
        | {
            "balance": sent,
            "items": {"item": [{"id": 1, "amount": sent}]},
            "transactions": {"transaction": [{"id": 2, "amountin": sent, "fees": sent}]},
        },
        WHMCS,
    )

    found = [
        invoice.total, service.amount, service.first_amount, details.balance.balance, details.items[0].amount,
        details.payments[0].amount_in, details.payments[0].fees,
    ]  # fmt: skip
    assert found == [amount] * len(found)


@pytest.mark.parametrize("sent", ["11,00", "1,1,00.00", "1,00,000.00", "$15.95", "¥1,100", "15.95 USD", "", None, True])
def test_what_may_mean_two_amounts_or_none_is_refused(sent: object) -> None:
    # A sign is a claim about the currency, which no field that is read here makes (V: only `stats` has them).
    with pytest.raises(MappingError, match="total"):
        invoice_from_row(AN_INVOICE | {"total": sent}, WHMCS)


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_no_credit_no_tax_and_no_fee_are_zero(nothing: object) -> None:
    names = ("credit", "tax", "tax2", "taxrate", "taxrate2")
    invoice = invoice_from_row(AN_INVOICE | dict.fromkeys(names, nothing), WHMCS)
    service = subscription_from_row(A_SERVICE | {"firstpaymentamount": nothing}, WHMCS)
    paid = {"id": 2, "amountin": "1.00", "amountout": nothing, "fees": nothing}
    details = invoice_details_from_row(
        MAPPERS["invoice details"][1] | {"transactions": {"transaction": [paid]}}, WHMCS
    )  # fmt: skip

    assert (invoice.credit, invoice.tax, invoice.tax2, invoice.tax_rate, invoice.tax_rate2) == (0, 0, 0, 0, 0)
    assert service.first_amount is None
    assert (details.payments[0].kind, details.payments[0].amount_out, details.payments[0].fees) == ("payment", 0, 0)


# -- ids and lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["", " ", "7a", 7.5, None, True, "-7"])
def test_a_record_without_a_number_of_its_own_is_refused_and_shares_no_row_with_another(sent: object) -> None:
    with pytest.raises(MappingError, match="id"):
        invoice_from_row(AN_INVOICE | {"id": sent}, WHMCS)
    with pytest.raises(MappingError, match="clientid"):
        subscription_from_row(A_SERVICE | {"clientid": sent}, WHMCS)


A_FIELD = {"id": 3, "name": "SIM Number", "value": "090-1234-5678"}


@pytest.mark.parametrize(
    "fields",
    [
        {"customfield": [A_FIELD]},
        {"customfield": A_FIELD},
        {"customfield": {"0": A_FIELD}},
        {"0": A_FIELD},
        [A_FIELD],
        [[], A_FIELD, None, "x"],
        A_FIELD,
        {"customfield": [{"id": 4}, A_FIELD]},
    ],
)
def test_custom_fields_are_found_in_every_shape_php_gives_them(fields: object) -> None:
    line = sim_from_row(A_SERVICE | {"customfields": fields}, WHMCS)

    assert line is not None
    assert line.msisdn == "09012345678"


@pytest.mark.parametrize("fields", ["", None, [], {}, {"customfield": []}, {"customfield": ""}, [[]], "x", 0])
def test_a_service_without_custom_fields_is_a_service(fields: object) -> None:
    line = sim_from_row(A_SERVICE | {"customfields": fields}, WHMCS)

    assert line is not None
    assert (line.msisdn, line.eid) == (None, None)


@pytest.mark.parametrize(
    ("sent", "four"),
    [
        ("4242", "4242"),  # V: GetPayMethods
        ("xxxx1234", "1234"),
        ("411111xxxxxx1234", "1234"),  # gateways mask what is between the first six and the last four
        ("**** **** **** 1234", "1234"),
        (1234, "1234"),
        ("12", None),
        ("xxxx", None),
        ("", None),
        (None, None),
    ],
)
def test_a_card_keeps_its_method_whatever_stands_for_its_number(sent: object, four: str | None) -> None:
    method = {"id": 1, "type": "CreditCard", "card_last_four": sent, "expiry_date": "02/25"}

    (card,) = payment_methods_from_row({"clientid": "1", "paymethods": [method]}, WHMCS)

    assert (card.card_last_four, card.expires_on) == (four, date(2025, 2, 28))


# -- what kind of service a product is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SIM 5GB", "sim"),
        ("Data sim (voice)", "sim"),
        ("eSIM 10GB", "sim"),
        ("DataSIM 5GB", "sim"),
        ("nano-SIM", "sim"),
        ("2 SIMs", "sim"),
        ("格安SIM", "sim"),
        ("SIMカード 5GB", "sim"),
        ("Simple Web Hosting", "other"),
        ("SIMPLE HOSTING", "other"),
        ("Simulator licence", "other"),
        ("Wordpress Simplified", "other"),
        ("Passim archive", "other"),
        ("Home 1G Internet", "internet"),
        ("NTT Fiber 1G", "internet"),
        ("NTT rack space", "other"),
        ("Fiber channel card", "other"),
        ("Internet over SIM", "internet"),
        ("VPN Remote Access", "vpn"),
    ],
)
def test_a_sim_is_one_by_the_word_not_by_its_letters(name: str, kind: str) -> None:
    service = subscription_from_row(A_SERVICE | {"name": name}, WHMCS)
    line = sim_from_row(A_SERVICE | {"name": name}, WHMCS)

    assert service.service_type == kind
    assert (line is not None) == (kind == "sim")


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"name": "Mobile 5GB", "pid": 12}, "sim"),
        ({"name": "Mobile 5GB", "pid": "12"}, "sim"),
        ({"name": "Mobile 5GB", "pid": 13, "groupname": "Mobile &amp; Data"}, "sim"),
        ({"name": "SIM tray, spare part", "pid": 14, "groupname": "Mobile &amp; Data"}, "other"),
        ({"name": "SIM 5GB", "pid": 15}, "sim"),
    ],
)
def test_an_operator_may_say_what_a_product_or_a_group_of_them_is(row: dict[str, Any], kind: str) -> None:
    words = WhmcsVocabulary(service_types={"12": "sim", "Mobile & Data": "sim", "14": "other"})

    assert subscription_from_row(A_SERVICE | row, words).service_type == kind
    assert (sim_from_row(A_SERVICE | row, words) is not None) == (kind == "sim")


# -- a line's data ---------------------------------------------------------------------------------------------------


def test_a_day_without_a_number_is_a_day_without_data_and_shifts_no_other() -> None:
    body = {"traffic": {"today": "12", "inRecentDays": "100,,300, ,500", "blackList": "20"}}

    traffic = traffic_from_row(LINE, body, date(2026, 11, 10), FREEBIT)

    assert [(day.used_on.day, day.used_kb) for day in traffic.days] == [(10, 12), (9, 100), (7, 300), (5, 500)]


@pytest.mark.parametrize(
    ("sent", "remaining"),
    [
        ("5000", 5000),
        (5000, 5000),
        ("5000.9", 5000),
        ("0", 0),
        (0, 0),
        ("-120", 0),
        (-0.5, 0),
        ("", None),
        (None, None),
    ],
)
def test_a_line_that_used_more_than_it_had_has_nothing_left(sent: object, remaining: int | None) -> None:
    body = {"responseDatas": [{"account": LINE.msisdn, "state": "active", "quota": sent}]}

    assert details_from_row(LINE, body, FREEBIT).remaining_quota_kb == remaining


def test_a_moment_is_the_servers_and_is_kept_in_utc() -> None:
    invoice = invoice_from_row(AN_INVOICE | {"datepaid": "2016-01-08 14:06:34"}, WHMCS)

    assert invoice.paid_at == datetime(2016, 1, 8, 5, 6, 34, tzinfo=UTC)


# -- cases that nobody opened ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [{}, {"AccountId": None}, {"AccountId": ""}])
def test_a_case_without_an_account_is_kept_and_nobodys(account: dict[str, Any]) -> None:
    # Source: Object Reference, Case: AccountId is nillable; a case from the web or by mail has none at first.
    row = {name: value for name, value in ORDER.items() if name != "AccountId"} | account

    case = case_from_row(row | {"CaseNumber": "00001026"}, SALESFORCE)

    assert (case.account_id, case.case_number) == (None, "00001026")


@pytest.mark.parametrize("parent", [{"Parent": {"AccountId": None}}, {"Parent": None}, {"Parent.AccountId": ""}])
def test_what_is_said_on_such_a_case_is_nobodys_either(parent: dict[str, Any]) -> None:
    row = {name: value for name, value in MAPPERS["case comment"][1].items() if name != "Parent"}

    assert comment_from_row(row | parent, SALESFORCE).account_id is None
