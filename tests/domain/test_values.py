"""Dates and numbers as sources were seen to send them, and what they mean.

The rows are literal, and so is what they must become: nothing here is computed by the code under test.
"""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from domain.billing.providers.whmcs.mapper import (
    invoice_details_from_row,
    invoice_from_row,
    invoices_from_rows,
)
from domain.common.columns import NotPlainError, days, instants
from domain.common.errors import MappingError
from domain.common.times import day_or_none, local_to_utc
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.customer.providers.whmcs.mapper import client_from_row
from domain.subscriptions.providers.whmcs.mapper import subscription_from_row
from tests.domain.test_columns import PLAIN
from tests.domain.test_mappers import A_SERVICE, MAPPERS

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
    assert day_or_none(zero, "date") is None
    assert local_to_utc(zero, TOKYO, "datepaid") is None
    assert days([zero, None]) == [None, None]
    assert instants([zero, "2026-02-01 10:00:00"], TOKYO) == [None, "2026-02-01 10:00:00+09:00"]


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
    assert invoices_from_rows([row], WHMCS)[ours] == [None]


@pytest.mark.parametrize("zero", ZERO_TIMES)
def test_clients_services_and_payments_have_no_zero_dates(zero: str) -> None:
    client = client_from_row({"id": 5, "status": "Active", "datecreated": zero}, WHMCS)
    service = subscription_from_row(A_SERVICE | {"regdate": zero, "nextduedate": zero}, WHMCS)
    paid = {"transaction": [{"id": 2, "amountin": "1.00", "date": zero}]}
    details = invoice_details_from_row(MAPPERS["invoice details"][1] | {"transactions": paid}, WHMCS)

    assert (client.registered_on, service.registered_on, service.next_due_on) == (None, None, None)
    assert details.payments[0].paid_at is None


@pytest.mark.parametrize("broken", ["-0001", "-1", "0000", "0000-xx-00", "-0001-11-30x", "2026-02-30", "30/11/2026"])
def test_what_only_resembles_a_zero_date_is_still_refused(broken: str) -> None:
    with pytest.raises(MappingError, match="datepaid: not a time"):
        invoice_from_row(PLAIN | {"datepaid": broken}, WHMCS)
    with pytest.raises(NotPlainError):
        invoices_from_rows([PLAIN | {"datepaid": broken}], WHMCS)


def test_the_first_day_of_unix_time_is_a_day_like_any_other() -> None:
    # No report says that WHMCS writes it for nothing, and old rows may hold it.
    client = client_from_row({"id": 5, "status": "Active", "datecreated": "1970-01-01"}, WHMCS)

    assert client.registered_on == date(1970, 1, 1)
