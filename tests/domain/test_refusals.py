"""Rows that cannot be represented: each is refused with a reason that names the field, and none becomes another's."""

from datetime import date
from typing import Any

import pytest

from domain.billing.providers.whmcs.mapper import payment_methods_from_row
from domain.common.errors import MappingError
from domain.sim.providers.freebit.mapper import traffic_from_row
from tests.domain.literals.billing import DETAILS as INVOICE_DETAILS
from tests.domain.literals.billing import REFUNDED, alone, details
from tests.domain.literals.customers import ACCOUNT
from tests.domain.literals.literal import FREEBIT, SALESFORCE, WHMCS
from tests.domain.literals.orders import LINE as ORDER_LINE
from tests.domain.literals.services import DETAILS, LINE
from tests.domain.literals.support import CASE, COMMENT
from tests.domain.readers import (
    account_from_row,
    case_from_row,
    client_details_from_row,
    comment_from_row,
    details_from_row,
    order_item_from_row,
    product_from_row,
)

TODAY = date(2026, 3, 1)


@pytest.mark.parametrize("client", ["", None, 0, "0", "00", "8a", "-8", "8.0", "\uff18"])
def test_pay_methods_without_their_client_are_nobodys(client: object) -> None:
    with pytest.raises(MappingError, match="clientid"):
        payment_methods_from_row({"clientid": client, "paymethods": []}, WHMCS)


@pytest.mark.parametrize("client", [8, "8", "10"])
def test_a_client_may_have_no_pay_method(client: object) -> None:
    assert payment_methods_from_row({"clientid": client, "paymethods": ""}, WHMCS) == ()


@pytest.mark.parametrize("names", [{}, {"id": ""}, {"id": None, "client_id": 0, "userid": ""}])
def test_details_without_their_client_are_nobodys(names: dict[str, Any]) -> None:
    with pytest.raises(MappingError, match="id: missing"):
        client_details_from_row({"city": "Osaka"} | names, WHMCS)


@pytest.mark.parametrize(
    "change", [{"countrycode": "JPN"}, {"countrycode": "J"}, {"currency_code": "yen"}, {"currency_code": "JPYX"}]
)
def test_details_with_a_code_that_is_none_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(MappingError, match=r"country|currency"):
        client_details_from_row({"id": 8} | change, WHMCS)


@pytest.mark.parametrize("nothing", ["", "0000-00-00", "-0001-11-30"])
def test_an_invoice_of_no_day_is_refused(nothing: str) -> None:
    with pytest.raises(MappingError, match="date: an invoice has a day of issue"):
        alone(REFUNDED | {"date": nothing})


def test_one_broken_line_refuses_all_that_is_told_of_an_invoice() -> None:
    # What is left would be written as if it were the whole.
    item = INVOICE_DETAILS["items"]["item"][0]

    for broken in (item | {"amount": "free"}, item | {"id": ""}):
        with pytest.raises(MappingError, match=r"amount|id"):
            details(INVOICE_DETAILS | {"items": {"item": [item | {"id": 99}, broken]}})


@pytest.mark.parametrize("name", [None, "", "  "])
def test_an_account_and_a_product_have_a_name(name: str | None) -> None:
    for mapper in (account_from_row, product_from_row):
        with pytest.raises(MappingError, match="name"):
            mapper(ACCOUNT | {"Name": name}, SALESFORCE)


@pytest.mark.parametrize("wrong", [None, "", "001D000000IRFm", "001D000000IRFma!AH"])
def test_a_record_whose_id_is_none_is_refused(wrong: object) -> None:
    for mapper, row in ((account_from_row, ACCOUNT), (case_from_row, CASE), (comment_from_row, COMMENT)):
        with pytest.raises(MappingError, match="Id"):
            mapper(row | {"Id": wrong}, SALESFORCE)


@pytest.mark.parametrize("order", [None, {"AccountId": None}, {"AccountId": ""}])
def test_a_line_of_nobodys_order_is_refused(order: object) -> None:
    with pytest.raises(MappingError, match=r"Order\.AccountId"):
        order_item_from_row(ORDER_LINE | {"Order": order}, SALESFORCE)


@pytest.mark.parametrize("found", [None, "", [], {}, [[]]])
def test_a_line_of_which_the_network_says_nothing_is_refused(found: object) -> None:
    with pytest.raises(MappingError, match="responseDatas: empty"):
        details_from_row(LINE, {"responseDatas": found}, FREEBIT)


@pytest.mark.parametrize("other", ["08012345678", "9012345678", "090123456789", ""])
def test_what_is_said_of_another_number_is_refused(other: str) -> None:
    said = DETAILS["responseDatas"][0] | {"account": other}

    with pytest.raises(MappingError, match="another line"):
        details_from_row(LINE, {"responseDatas": [said]}, FREEBIT)
    with pytest.raises(MappingError, match="another line"):
        traffic_from_row(LINE, {"account": other, "traffic": {"today": "1"}}, TODAY, FREEBIT)


@pytest.mark.parametrize(
    ("traffic", "reason"),
    [
        (None, "traffic: missing"),
        ("", "traffic: missing"),
        ([], "traffic: missing"),
        ({}, "today: Field required"),
        ({"today": ""}, "today: not a number of kilobytes"),
        ({"today": "7 MB"}, "today: not a number of kilobytes"),
        ({"today": "NaN"}, "today: not a number of kilobytes"),
        ({"today": "Infinity"}, "today: not a number of kilobytes"),
        ({"today": "1", "inRecentDays": "1,x"}, "inRecentDays: not a number of kilobytes"),
        ({"today": "-1"}, "greater than or equal to 0"),
    ],
)
def test_traffic_that_is_none_is_refused_and_says_why(traffic: object, reason: str) -> None:
    with pytest.raises(MappingError) as caught:
        traffic_from_row(LINE, {"traffic": traffic}, TODAY, FREEBIT)

    assert reason in caught.value.reason
    assert (caught.value.system, caught.value.source_id) == ("freebit", "41")


def test_a_refusal_names_the_system_the_record_and_the_field() -> None:
    with pytest.raises(MappingError) as caught:
        alone(REFUNDED | {"total": "free", "currencycode": "euro"})

    error = caught.value
    assert (error.system, error.source_id) == ("whmcs", "31")
    assert error.reason.startswith("total: ")
    assert str(error) == f"whmcs record 31: {error.reason}"
