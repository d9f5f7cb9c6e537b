"""Whole rows as the vendors document them, and whole contracts: both written down here, neither computed.

WHMCS: types and shapes of the samples in WHMCS/developer-docs. Salesforce: Object Reference. Freebit: reference 5.3 and
5.5.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest

from domain.billing.providers.whmcs.mapper import (
    invoice_details_from_row,
    invoice_from_row,
    payment_methods_from_row,
)
from domain.catalog.providers.salesforce.mapper import price_from_row
from domain.common.identifiers import NAMESPACE
from domain.common.record import Contract
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.customer.providers.whmcs.mapper import client_details_from_row, client_from_row
from domain.orders.providers.salesforce.mapper import order_item_from_row
from domain.sim.providers.freebit.mapper import details_from_row, traffic_from_row
from domain.sim.providers.whmcs.mapper import sim_from_row
from domain.subscriptions.providers.whmcs.mapper import subscription_from_row
from domain.support.providers.salesforce.mapper import case_from_row
from tests.domain.test_mappers import LINE
from tests.vendor.test_samples import ANSWERS, BANK, CARD, CLIENT, INVOICE, SERVICE

WHMCS, SALESFORCE, FREEBIT = WhmcsVocabulary(), SalesforceVocabulary(currency="JPY"), FreebitVocabulary()


def ours(name: str) -> UUID:
    """The hub's id of `system:kind:number`, by the standard library."""
    return uuid5(NAMESPACE, name)


def assert_says(contract: Contract | None, **said: Any) -> None:
    """That is all of it: what is not named is None."""
    assert contract is not None
    found = {name: value for name, value in contract.model_dump().items() if value is not None}
    assert found == said


def test_an_unpaid_invoice() -> None:
    assert_says(
        invoice_from_row(INVOICE, WHMCS),
        id=ours("whmcs:invoice:31"), source="whmcs", source_id="31", account_id=ours("whmcs:account:8"), number="31",
        source_updated_at=datetime(2026, 2, 1, 1, 0, 1, tzinfo=UTC),
        source_created_at=datetime(2026, 2, 1, 1, tzinfo=UTC), status="unpaid", source_status="Unpaid",
        issued_on=date(2026, 2, 1), due_on=date(2026, 2, 8), subtotal=Decimal("20.00"), credit=Decimal("0.00"),
        tax=Decimal("0.00"), tax2=Decimal("0.00"), total=Decimal("20.00"), tax_rate=Decimal("0.000"),
        tax_rate2=Decimal("0.000"), currency="EUR", payment_method="stripe",
    )  # fmt: skip


def test_what_is_on_it_and_what_was_paid() -> None:
    paid = {
        "id": "10", "userid": "8", "currency": "0", "gateway": "paypal", "date": "2026-02-03 06:41:11",
        "description": "Invoice Payment", "amountin": "20.00", "fees": "0.90", "amountout": "0.00", "rate": "1.00000",
        "transid": "T-1", "invoiceid": "31", "refundid": "0",
    }  # fmt: skip
    body = ANSWERS["GetInvoice"] | {"transactions": {"transaction": [paid]}, "currencycode": "EUR"}

    details = invoice_details_from_row(body, WHMCS)

    shared = {"source": "whmcs", "account_id": ours("whmcs:account:8"), "invoice_id": ours("whmcs:invoice:31")}
    assert_says(details.balance, id=ours("whmcs:invoice:31"), balance=Decimal("20.00"))
    assert_says(
        details.items[0], **shared, id=ours("whmcs:invoice_item:1"), source_id="1", type="service",
        source_type="Hosting", subscription_id=ours("whmcs:subscription:41"),
        description="SIM 5GB (01/02/2026 - 28/02/2026)", amount=Decimal("20.00"), currency="EUR", is_taxed=False,
    )  # fmt: skip
    assert_says(
        details.payments[0], **shared, id=ours("whmcs:payment:10"), source_id="10", kind="payment", gateway="paypal",
        transaction_id="T-1", paid_at=datetime(2026, 2, 2, 21, 41, 11, tzinfo=UTC), description="Invoice Payment",
        amount_in=Decimal("20.00"), amount_out=Decimal("0.00"), fees=Decimal("0.90"), currency="EUR",
    )  # fmt: skip


def test_a_card_and_a_bank_account() -> None:
    card, bank = payment_methods_from_row({"clientid": "8", "paymethods": [CARD, BANK]}, WHMCS)

    shared = {"source": "whmcs", "account_id": ours("whmcs:account:8")}
    assert_says(
        card, **shared, id=ours("whmcs:payment_method:1"), source_id="1", type="credit_card",
        source_type="RemoteCreditCard", description="Mine", gateway="stripe", card_last_four="4242", card_type="Visa",
        expires_on=date(2029, 2, 28),
    )  # fmt: skip
    assert_says(
        bank, **shared, id=ours("whmcs:payment_method:4"), source_id="4", type="bank_account",
        source_type="RemoteBankAccount", gateway="gocardless",
    )  # fmt: skip


def test_a_service_with_a_sim() -> None:
    fields = [{"id": "1", "name": "SIM Number", "value": "090-1234-5678"}, {"id": "2", "name": "EID", "value": ""}]
    row = SERVICE | {"customfields": {"customfield": fields}}

    shared = {"source": "whmcs", "source_id": "41", "account_id": ours("whmcs:account:8")}
    assert_says(
        subscription_from_row(row, WHMCS), **shared, id=ours("whmcs:subscription:41"), whmcs_order_id="51",
        whmcs_product_id="3", product_name="SIM 5GB", group_name="Mobile", service_type="sim", status="active",
        source_status="Active", billing_cycle="monthly", source_billing_cycle="Monthly", amount=Decimal("10.00"),
        first_amount=Decimal("20.00"), registered_on=date(2026, 1, 15), next_due_on=date(2026, 3, 1),
        payment_method="stripe",
    )  # fmt: skip
    assert_says(
        sim_from_row(row, WHMCS), **shared, id=ours("whmcs:sim:41"), subscription_id=ours("whmcs:subscription:41"),
        msisdn="09012345678", is_open=True,
    )  # fmt: skip


def test_a_client_and_its_details() -> None:
    (row,) = ANSWERS["GetClients"]["clients"]["client"]
    assert_says(
        client_from_row(row, WHMCS), id=ours("whmcs:account:8"), source="whmcs", source_id="8", name="Hana Mori",
        first_name="Hana", last_name="Mori", email="hana@example.com", status="active", source_status="Active",
        registered_on=date(2026, 1, 15),
    )  # fmt: skip
    assert_says(
        client_details_from_row(CLIENT, WHMCS), id=ours("whmcs:account:8"), partner_key="C-1", phone="0661234567",
        address1="1-2-3 Kita", city="Osaka", state="Osaka", postcode="530-0001", country="JP", currency="JPY",
    )  # fmt: skip


RECORD = {"attributes": {"type": "x"}, "IsDeleted": False, "SystemModstamp": "2026-02-01T01:02:03.000+0000"}
STAMP = datetime(2026, 2, 1, 1, 2, 3, tzinfo=UTC)


def test_a_price_a_line_of_an_order_and_a_case() -> None:
    price = RECORD | {
        "Id": "01u000000000001AAA", "Product2Id": "01t000000000001AAA", "Pricebook2Id": "01s000000000001AAA",
        "Pricebook2": {"Name": "Portal"}, "UnitPrice": Decimal("980.50"), "IsActive": True,
    }  # fmt: skip
    item = RECORD | {
        "Id": "802000000000001AAA", "OrderId": "801000000000001AAA", "Order": {"AccountId": "001000000000001AAA"},
        "Product2Id": "01t000000000001AAA", "Product2": {"Name": "R&D &amp; plan", "StockKeepingUnit": "SKU-1"},
        "PricebookEntryId": None, "Quantity": Decimal(2), "UnitPrice": Decimal("980.50"),
        "TotalPrice": Decimal("1961.00"), "Billing_Cycle__c": "Monthly", "WHMCS_Service_ID__c": "41",
    }  # fmt: skip
    case = RECORD | {
        "Id": "500000000000001AAA", "AccountId": None, "CaseNumber": "00001026", "Subject": "AT&amp;T ?x=1&reg=2",
        "Description": None, "Status": "New", "Priority": "Medium", "Type": None, "Origin": "Email", "IsClosed": False,
        "CreatedDate": "2026-02-01T00:00:00.000+0000", "ClosedDate": None,
    }  # fmt: skip

    shared = {"source": "salesforce", "source_updated_at": STAMP}
    assert_says(
        price_from_row(price, SALESFORCE), **shared, id=ours("salesforce:price:01u000000000001AAA"),
        source_id="01u000000000001AAA", product_id=ours("salesforce:product:01t000000000001AAA"),
        pricebook_id="01s000000000001AAA", pricebook_name="Portal", in_portal=True, amount=Decimal("980.50"),
        currency="JPY", is_active=True,
    )  # fmt: skip
    assert_says(
        order_item_from_row(item, SALESFORCE), **shared, id=ours("salesforce:order_item:802000000000001AAA"),
        source_id="802000000000001AAA", account_id=ours("salesforce:account:001000000000001AAA"),
        order_id=ours("salesforce:order:801000000000001AAA"), product_id=ours("salesforce:product:01t000000000001AAA"),
        sku="SKU-1", product_name="R&D &amp; plan", quantity=Decimal(2), unit_price=Decimal("980.50"),
        total=Decimal("1961.00"), currency="JPY", billing_cycle="monthly", source_billing_cycle="Monthly",
        whmcs_service_id="41", subscription_id=ours("whmcs:subscription:41"),
    )  # fmt: skip
    assert_says(
        case_from_row(case, SALESFORCE), **shared, id=ours("salesforce:case:500000000000001AAA"),
        source_id="500000000000001AAA", case_number="00001026", subject="AT&amp;T ?x=1&reg=2", status="new",
        source_status="New", priority="medium", source_priority="Medium", origin="Email", is_closed=False,
        opened_at=datetime(2026, 2, 1, tzinfo=UTC),
    )  # fmt: skip


def test_a_line_and_its_days() -> None:
    said = {
        "account": LINE.msisdn, "state": "active", "startDate": "20260201", "planCode": "SIM_5G", "iccid": "8981",
        "contractLine": "5G", "size": "nano", "sms": "10", "talk": "20", "quota": -12,
    }  # fmt: skip
    traffic = {"traffic": {"today": "7", "inRecentDays": "100,,300", "blackList": "10"}}

    assert_says(
        details_from_row(LINE, {"responseDatas": [said]}, FREEBIT), id=LINE.id, msisdn=LINE.msisdn, status="active",
        source_status="active",
        plan_code="SIM_5G", plan_name="5 GB", sim_type="nano", source_sim_type="nano", iccid="8981", contract_line="5G",
        has_sms=True, has_voice=False, remaining_quota_kb=0, started_on=date(2026, 2, 1),
    )  # fmt: skip
    found = traffic_from_row(LINE, traffic, date(2026, 2, 10), FREEBIT)
    assert_says(found.now, id=LINE.id, msisdn=LINE.msisdn, today_usage_kb=7, is_speed_restricted=True)
    assert [(day.used_on, day.used_kb, day.source_id) for day in found.days] == [
        (date(2026, 2, 10), 7, "5001:2026-02-10"),
        (date(2026, 2, 9), 100, "5001:2026-02-09"),
        (date(2026, 2, 7), 300, "5001:2026-02-07"),
    ]


@pytest.mark.parametrize(
    ("sent", "is_taxed"),
    [(1, True), ("1", True), (True, True), ("true", True), ("on", True),
     (0, False), ("0", False), (False, False), ("false", False), ("", False), (None, False)],
)  # fmt: skip
def test_a_flag_in_every_form_of_yes_and_no(sent: object, is_taxed: bool) -> None:
    (item,) = ANSWERS["GetInvoice"]["items"]["item"]
    body = ANSWERS["GetInvoice"] | {"items": {"item": [item | {"taxed": sent}]}, "currencycode": "EUR"}

    assert invoice_details_from_row(body, WHMCS).items[0].is_taxed is is_taxed
