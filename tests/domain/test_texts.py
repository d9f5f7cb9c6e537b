"""Customers' words arrive as they were typed: each text has one escaping, and it is its source's."""

from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import AfterValidator

from domain.billing.providers.whmcs import raw as raw_billing
from domain.billing.providers.whmcs.mapper import (
    invoice_details_from_row,
    invoice_from_row,
    invoices_from_rows,
    payment_methods_from_row,
)
from domain.catalog.providers.salesforce import raw as raw_catalog
from domain.catalog.providers.salesforce.mapper import product_from_row
from domain.common.raw import Raw
from domain.common.text import plain, unescaped
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.customer.providers.salesforce import raw as raw_accounts
from domain.customer.providers.salesforce.mapper import account_from_row
from domain.customer.providers.whmcs import raw as raw_customer
from domain.customer.providers.whmcs.mapper import client_details_from_row, client_from_row
from domain.orders.providers.salesforce import raw as raw_orders
from domain.orders.providers.salesforce.mapper import order_from_row
from domain.sim.providers.freebit import raw as raw_lines
from domain.sim.providers.freebit.mapper import details_from_row
from domain.sim.providers.whmcs.mapper import sim_from_row
from domain.subscriptions.providers.whmcs import raw as raw_subscriptions
from domain.subscriptions.providers.whmcs.mapper import subscription_from_row
from domain.support.providers.salesforce import raw as raw_cases
from domain.support.providers.salesforce.mapper import case_from_row, comment_from_row
from tests.domain.test_columns import PLAIN
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
    together = invoices_from_rows([PLAIN | {"invoicenum": "A&amp;B-7", "paymentmethod": ESCAPED}], WHMCS)

    assert (alone.number, alone.payment_method) == ("A&B-7", MEANT)
    assert (together["number"], together["payment_method"]) == (["A&B-7"], [MEANT])


def test_an_invoice_whose_number_is_blank_is_called_by_its_id() -> None:
    alone = invoice_from_row(AN_INVOICE | {"invoicenum": " "}, WHMCS)
    together = invoices_from_rows([PLAIN | {"invoicenum": " "}], WHMCS)

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


def raw_models(*modules: ModuleType) -> list[type[Raw]]:
    found = [each for module in modules for each in vars(module).values() if isinstance(each, type)]
    return [each for each in found if issubclass(each, Raw)]


ESCAPING = raw_models(raw_billing, raw_customer, raw_subscriptions)
PLAIN_ONES = raw_models(raw_catalog, raw_accounts, raw_orders, raw_cases, raw_lines)
NOT_TYPED = {
    "RawInvoice": {"date", "duedate", "datepaid", "last_capture_attempt", "date_refunded", "date_cancelled",
                   "created_at", "updated_at", "status", "currencycode"},
    "RawInvoiceDetails": {"currencycode"},
    "RawItem": {"type", "relid"},
    "RawTransaction": {"date", "refundid"},
    "RawPaymentMethod": {"type", "card_last_four", "expiry_date"},
    "RawClient": {"datecreated", "status"},
    "RawClientDetails": {"id", "client_id", "userid"},
    "RawService": {"orderid", "regdate", "nextduedate", "billingcycle", "status"},
}  # fmt: skip
"""Fields of WHMCS that are no texts: ids, dates, digits and the system's own words."""


def readers(model: type[Raw], name: str) -> list[Any]:
    return [each.func for each in model.model_fields[name].metadata if isinstance(each, AfterValidator)]


@pytest.mark.parametrize("model", ESCAPING, ids=lambda model: model.__name__)
def test_a_field_of_whmcs_is_no_text_or_says_that_it_is_escaped(model: type[Raw]) -> None:
    fields = model.model_fields.items()
    texts = {name for name, field in fields if str in {field.annotation, *get_args(field.annotation)}}
    numbers = {name for name, field in fields if any(hasattr(each, "pattern") for each in field.metadata)}

    unread = {name for name in texts - numbers if readers(model, name) != [unescaped]}

    assert unread == NOT_TYPED.get(model.__name__, set())


@pytest.mark.parametrize("model", PLAIN_ONES, ids=lambda model: model.__name__)
def test_no_field_of_salesforce_or_freebit_is_read_as_escaped(model: type[Raw]) -> None:
    assert [name for name in model.model_fields if unescaped in readers(model, name)] == []
