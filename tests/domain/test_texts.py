"""Customers' words arrive as they were typed: each text has one escaping, and it is its source's."""

from typing import Any

import pytest

from domain.billing.providers.whmcs import mapper as billing
from domain.billing.providers.whmcs.mapper import INVOICE, invoice_details_from_row, payment_methods_from_row
from domain.catalog.providers.salesforce.mapper import PRICE, PRODUCT
from domain.common.converters import escaped
from domain.common.field_table import FieldTable
from domain.common.text import plain, unescaped
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.customer.providers.salesforce.mapper import ACCOUNT
from domain.customer.providers.whmcs.mapper import CLIENT, CLIENT_DETAILS
from domain.orders.providers.salesforce.mapper import ORDER as ORDERS
from domain.orders.providers.salesforce.mapper import ORDER_ITEM
from domain.sim.providers.freebit.mapper import DETAILS
from domain.sim.providers.whmcs.mapper import SIM
from domain.subscriptions.providers.whmcs.mapper import SUBSCRIPTION
from domain.support.providers.salesforce.mapper import CASE, COMMENT
from tests.domain.readers import (
    PLAIN,
    account_from_row,
    case_from_row,
    client_details_from_row,
    client_from_row,
    comment_from_row,
    details_from_row,
    invoice_from_row,
    order_from_row,
    product_from_row,
    sim_from_row,
    subscription_from_row,
)
from tests.domain.test_mappers import A_SERVICE, AN_INVOICE, LINE, MAPPERS, ORDER

WHMCS, SALESFORCE, FREEBIT = WhmcsVocabulary(), SalesforceVocabulary(), FreebitVocabulary()

TYPED = "AT&amp;T ?x=1&reg=2"
"""What somebody typed, in a place that escapes nothing. Taken for HTML it would read `AT&T ?x=1®=2`."""

ESCAPED = "O&#039;Brien &amp; Sons &lt;&quot;Tokyo&quot;&gt; ?x=1&amp;reg=2 &amp;lt;"
MEANT = 'O\'Brien & Sons <"Tokyo"> ?x=1&reg=2 &lt;'
"""What `htmlspecialchars(…, ENT_QUOTES)` makes of a text, and the text (source: PHP manual, htmlspecialchars)."""


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (ESCAPED, MEANT),
        ("&amp;amp;lt;", "&amp;lt;"),  # once, not until nothing is left
        ("Tom &#39;n&#39; Jerry", "Tom 'n' Jerry"),
        ("?x=1&reg=2&copy=3", "?x=1&reg=2&copy=3"),  # HTML reads ® and © into it; PHP wrote neither
        ("&eacute; &#169; &nbsp;", "&eacute; &#169; &nbsp;"),
        ("AT&T", "AT&T"),  # an older row that was never escaped
        ("  padded &amp; ready\0 ", "padded & ready"),
        (" ", None),
        ("", None),
        (None, None),
    ],
)
def test_what_php_escaped_is_read_once_and_nothing_else_is(sent: str | None, meant: str | None) -> None:
    assert unescaped(sent) == meant


@pytest.mark.parametrize("text", [TYPED, ESCAPED, "&lt;", "&#039;"])
def test_a_text_as_sent_stays_as_it_is(text: str) -> None:
    assert plain(f"  {text}\0 ") == text


def salesforce_texts() -> dict[str, Any]:
    names = (
        "Name", "Phone", "SF_Account_No__c", "Internet_Eligibility__c", "StockKeepingUnit", "Description",
        "WH_Product_Name__c", "OrderNumber", "Activation_Error_Message__c", "BillingStreet", "BillingCity",
        "BillingState", "BillingPostalCode", "BillingCountry", "CaseNumber", "Subject", "Type", "Origin", "CommentBody",
    )  # fmt: skip
    return MAPPERS["case comment"][1] | ORDER | dict.fromkeys(names, TYPED)


def test_salesforces_words_stay_as_they_were_typed() -> None:
    row = salesforce_texts()
    account, product = account_from_row(row, SALESFORCE), product_from_row(row, SALESFORCE)
    order, case = order_from_row(row, SALESFORCE), case_from_row(row, SALESFORCE)
    comment = comment_from_row(row, SALESFORCE)

    texts = [
        account.name, account.phone, account.account_number, account.internet_eligibility,
        product.name, product.sku, product.description, product.whmcs_product_name,
        order.order_number, order.activation_error_message, order.billing_street, order.billing_city,
        order.billing_state, order.billing_postcode, order.billing_country,
        case.case_number, case.subject, case.description, case.category, case.origin,
        comment.body,
    ]  # fmt: skip
    assert texts == [TYPED] * len(texts)


def test_freebits_words_stay_as_they_were_sent() -> None:
    said = {"account": LINE.msisdn, "planCode": TYPED, "iccid": TYPED, "imsi": TYPED, "async": {"func": TYPED}}

    details = details_from_row(LINE, {"responseDatas": [said]}, FREEBIT)

    assert (details.plan_code, details.iccid, details.imsi, details.pending_operation) == (TYPED,) * 4


def test_every_text_of_whmcs_is_read_as_it_was_typed() -> None:
    client = client_from_row(
        {"id": 5, "status": "Active", "firstname": ESCAPED, "lastname": ESCAPED, "companyname": ESCAPED,
         "email": "o&#039;brien@example.com"}, WHMCS,
    )  # fmt: skip
    details = client_details_from_row(
        {"id": 5, "customfields": [{"id": 198, "value": ESCAPED}], "country": "JP"}
        | dict.fromkeys(("phonenumber", "address1", "address2", "city", "state", "postcode", "language"), ESCAPED),
        WHMCS,
    )
    service = subscription_from_row(
        A_SERVICE | dict.fromkeys(("name", "groupname", "domain", "paymentmethod"), ESCAPED), WHMCS
    )
    (card,) = payment_methods_from_row(
        {"clientid": 5, "paymethods": [{"id": 1, "type": "BankAccount", "description": ESCAPED, "bank_name": ESCAPED,
                                        "gateway_name": ESCAPED, "card_type": ESCAPED}]}, WHMCS,
    )  # fmt: skip
    body = MAPPERS["invoice details"][1]
    invoice = invoice_details_from_row(
        body
        | {
            "items": {"item": [{"id": 1, "amount": "1.00", "description": ESCAPED}]},
            "transactions": {"transaction": [
                {"id": 2, "amountin": "1.00", "gateway": ESCAPED, "transid": ESCAPED, "description": ESCAPED}
            ]},
        },
        WHMCS,
    )  # fmt: skip

    assert client.email == "o'brien@example.com"
    texts = [
        client.name, client.first_name, client.last_name, client.company_name,
        details.phone, details.address1, details.address2, details.city, details.state, details.postcode,
        details.language, details.partner_key,
        service.product_name, service.group_name, service.domain, service.payment_method,
        card.description, card.bank_name, card.gateway, card.card_type,
        invoice.items[0].description,
        invoice.payments[0].gateway, invoice.payments[0].transaction_id, invoice.payments[0].description,
    ]  # fmt: skip
    assert texts == [MEANT] * len(texts)


def test_an_invoices_number_is_read_as_it_was_typed_alone_and_together() -> None:
    alone = invoice_from_row(AN_INVOICE | {"invoicenum": "A&amp;B-7", "paymentmethod": ESCAPED}, WHMCS)
    together = INVOICE.read_page([PLAIN | {"invoicenum": "A&amp;B-7", "paymentmethod": ESCAPED}], WHMCS).columns

    assert (alone.number, alone.payment_method) == ("A&B-7", MEANT)
    assert (together["number"], together["payment_method"]) == (["A&B-7"], [MEANT])


def test_an_invoice_whose_number_is_blank_is_called_by_its_id() -> None:
    alone = invoice_from_row(AN_INVOICE | {"invoicenum": " "}, WHMCS)
    together = INVOICE.read_page([PLAIN | {"invoicenum": " "}], WHMCS).columns

    assert (alone.number, together["number"]) == ("7", ["7"])


def test_a_custom_field_is_found_by_the_name_that_its_operator_typed() -> None:
    words = WhmcsVocabulary(serial_number_field="R&D Serial", eid_field="Chip's EID", opportunity_field="<Opp>")
    fields = [
        {"id": 1, "name": "R&amp;D Serial", "value": "PT&amp;1"},
        {"id": 2, "name": "Chip&#039;s EID", "value": " 123 "},
        {"id": 3, "name": "&lt;Opp&gt;", "value": "006A"},
    ]
    row = A_SERVICE | {"customfields": {"customfield": fields}}

    line, service = sim_from_row(row, words), subscription_from_row(row, words)

    assert line is not None
    assert (line.serial_number, line.eid, service.opportunity_id) == ("PT&1", "123", "006A")


ESCAPING = {
    "INVOICE": billing.INVOICE, "BALANCE": billing.BALANCE, "ITEM": billing.ITEM, "PAYMENT": billing.PAYMENT,
    "METHOD": billing.METHOD, "CLIENT": CLIENT, "CLIENT_DETAILS": CLIENT_DETAILS, "SUBSCRIPTION": SUBSCRIPTION,
    "SIM": SIM,
}  # fmt: skip
PLAIN_ONES = (ACCOUNT, PRODUCT, PRICE, ORDERS, ORDER_ITEM, CASE, COMMENT, DETAILS)
NOT_TYPED = {
    "INVOICE": {"id", "userid", "date", "duedate", "datepaid", "last_capture_attempt", "date_refunded",
                "date_cancelled", "created_at", "updated_at", "status", "currencycode", "subtotal", "credit", "tax",
                "tax2", "total", "taxrate", "taxrate2"},
    "BALANCE": {"invoiceid", "balance"},
    "ITEM": {"id", "invoice.userid", "invoice.invoiceid", "invoice.currencycode", "type", "relid", "amount", "taxed"},
    "PAYMENT": {"id", "invoice.userid", "invoice.invoiceid", "invoice.currencycode", "date", "refundid", "amountin",
                "amountout", "fees"},
    "METHOD": {"id", "client.clientid", "type", "card_last_four", "expiry_date"},
    "CLIENT": {"id", "datecreated", "status"},
    # Custom fields are escaped one by one, names and values.
    "CLIENT_DETAILS": {"id", "client_id", "userid", "customfields"},
    "SUBSCRIPTION": {"id", "clientid", "orderid", "regdate", "nextduedate", "billingcycle", "status",
                     "recurringamount", "firstpaymentamount", "customfields"},
    "SIM": {"id", "clientid", "status", "customfields"},
}  # fmt: skip
"""Fields of WHMCS that are no texts: ids, dates, digits and the system's own words."""

AS_ESCAPED = escaped("any").readers


def read_as_escaped(table: FieldTable[Any]) -> set[str]:
    """The fields of the source that the table reads as texts that were escaped."""
    every = [pair for each in table.fields.values() for pair in zip(each.sources, each.readers, strict=True)]
    return {source for source, reader in every if reader in AS_ESCAPED}


@pytest.mark.parametrize("name", ESCAPING)
def test_a_field_of_whmcs_is_no_text_or_says_that_it_is_escaped(name: str) -> None:
    table = ESCAPING[name]

    assert set(table.sources) - read_as_escaped(table) == NOT_TYPED[name]


@pytest.mark.parametrize("table", PLAIN_ONES, ids=lambda table: table.contract.__name__)
def test_no_field_of_salesforce_or_freebit_is_read_as_escaped(table: FieldTable[Any]) -> None:
    assert read_as_escaped(table) == set()
