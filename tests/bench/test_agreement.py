"""Ours and the peer must list the same invoices before they are measured: what counts as the same."""

from typing import Any

from bench.agreement import say_the_same

INVOICE: dict[str, Any] = {
    "number": "2025-00042",
    "issueDate": "2025-04-30",
    "paidAt": "2025-05-09T03:00:00Z",
    "total": {"value": 3300, "currency": "JPY"},
}


def test_another_value_is_a_difference() -> None:
    assert say_the_same([INVOICE], [INVOICE])
    assert not say_the_same([INVOICE], [INVOICE | {"total": {"value": 3301, "currency": "JPY"}}])
    assert not say_the_same([INVOICE], [INVOICE | {"issueDate": "2025-05-01"}])


def test_two_spellings_of_an_instant_are_the_same_and_two_instants_are_not() -> None:
    assert say_the_same([INVOICE], [INVOICE | {"paidAt": "2025-05-09T12:00:00+09:00"}])
    assert not say_the_same([INVOICE], [INVOICE | {"paidAt": "2025-05-09T03:00:01Z"}])


def test_a_field_that_the_peer_does_not_show_is_no_difference() -> None:
    assert say_the_same([INVOICE | {"paymentMethod": "stripe"}], [INVOICE])


def test_an_invoice_more_or_less_is_a_difference() -> None:
    assert not say_the_same([INVOICE, INVOICE], [INVOICE])
    assert not say_the_same([INVOICE], [INVOICE, INVOICE])
