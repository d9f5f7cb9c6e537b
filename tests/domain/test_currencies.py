"""Whose word an amount's currency is: the record's own, or its operator's for an org that has only one."""

import pytest

from domain.billing.providers.whmcs.mapper import INVOICE, invoice_details_from_row
from domain.common.errors import MappingError
from domain.common.vocabulary import SalesforceVocabulary, WhmcsVocabulary
from domain.subscriptions.contract import Subscription
from tests.domain.readers import PLAIN, invoice_from_row, order_from_row, order_item_from_row, price_from_row
from tests.domain.test_mappers import AN_INVOICE, MAPPERS, ORDER

WHMCS = WhmcsVocabulary()
ONE, MANY = SalesforceVocabulary(currency="JPY"), SalesforceVocabulary(currency="JPY", multi_currency=True)
PRICE, ITEM = MAPPERS["price"][1], MAPPERS["order item"][1]


def test_an_invoice_and_what_is_on_it_have_the_currency_that_the_invoice_names() -> None:
    # V: GetInvoices names a `currencycode` on each row, GetInvoice none: it is the client's, like the invoice's.
    body = MAPPERS["invoice details"][1] | {"currencycode": "USD"}

    details = invoice_details_from_row(body, WHMCS)

    assert invoice_from_row(AN_INVOICE | {"currencycode": "USD"}, WHMCS).currency == "USD"
    assert INVOICE.read_page([PLAIN | {"currencycode": "USD"}], WHMCS).columns["currency"] == ["USD"]
    assert (details.items[0].currency, details.payments[0].currency) == ("USD", "USD")


@pytest.mark.parametrize("nothing", ["", None])
def test_an_invoice_that_names_no_currency_is_told_rather_than_given_one(nothing: str | None) -> None:
    with pytest.raises(MappingError, match="currency"):
        invoice_from_row(AN_INVOICE | {"currencycode": nothing}, WHMCS)
    assert INVOICE.read_page([PLAIN | {"currencycode": nothing}], WHMCS).refused == {0}


def test_a_subscription_says_nothing_of_a_currency_because_its_row_does_not() -> None:
    # V: GetClientsProducts names none; GetClientsDetails' `currency_code` is that of all the client's services.
    assert "currency" not in Subscription.model_fields


def test_records_of_an_org_with_many_currencies_have_the_one_that_each_names() -> None:
    sent = {"CurrencyIsoCode": "EUR"}

    found = [
        price_from_row(PRICE | sent, MANY).currency,
        order_from_row(ORDER | sent, MANY).currency,
        order_item_from_row(ITEM | sent, MANY).currency,
    ]

    assert found == ["EUR"] * 3


def test_records_of_an_org_with_one_currency_have_that_one() -> None:
    found = [
        price_from_row(PRICE, ONE).currency,
        order_from_row(ORDER, ONE).currency,
        order_item_from_row(ITEM, ONE).currency,
    ]

    assert found == ["JPY"] * 3


def test_a_record_of_an_org_with_many_currencies_that_names_none_is_told() -> None:
    for mapper, row in ((price_from_row, PRICE), (order_from_row, ORDER), (order_item_from_row, ITEM)):
        with pytest.raises(MappingError, match="CurrencyIsoCode: missing"):
            mapper(row, MANY)
