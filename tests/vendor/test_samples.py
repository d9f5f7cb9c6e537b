"""Answers in the types and shapes of the vendor's samples (V: WHMCS/developer-docs, January 2026), in our own words.

The samples mix types from page to page and within one: texts for numbers, numbers for texts, empty texts for lists.
`samples.py` reads the vendor's own.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.vendor.samples import READ, Page, main, pages_in, verdicts

NEVER = "0000-00-00 00:00:00"
INVOICE: dict[str, Any] = {
    "id": 31, "userid": 8, "firstname": "Hana", "lastname": "Mori", "companyname": "", "invoicenum": "",
    "date": "2026-02-01", "duedate": "2026-02-08", "datepaid": NEVER, "last_capture_attempt": NEVER,
    "date_refunded": NEVER, "date_cancelled": NEVER, "subtotal": "20.00", "credit": "0.00", "tax": "0.00",
    "tax2": "0.00", "total": "20.00", "taxrate": "0.000", "taxrate2": "0.000", "status": "Unpaid",
    "paymentmethod": "stripe", "paymethodid": None, "notes": "", "created_at": "2026-02-01 10:00:00",
    "updated_at": "2026-02-01 10:00:01", "currencycode": "EUR", "currencyprefix": "€", "currencysuffix": " EUR",
}  # fmt: skip
SERVICE: dict[str, Any] = {
    "id": "41", "qty": "2", "clientid": "8", "orderid": "51", "pid": "3", "regdate": "2026-01-15", "name": "SIM 5GB",
    "groupname": "Mobile", "domain": "", "serverid": "0", "firstpaymentamount": "20.00", "recurringamount": "10.00",
    "paymentmethod": "stripe", "paymentmethodname": "Card", "billingcycle": "Monthly", "nextduedate": "2026-03-01",
    "status": "Active", "password": "x", "promoid": "0", "overidesuspenduntil": "0000-00-00", "lastupdate": NEVER,
    "customfields": {"customfield": []},
    "configoptions": {"configoption": [{"id": "1", "option": "Extra", "type": "dropdown", "value": "None"}]},
}  # fmt: skip
CLIENT: dict[str, Any] = {
    "client_id": 8, "userid": 8, "id": 8, "firstname": "Hana", "lastname": "Mori", "companyname": "",
    "email": "hana@example.com", "address1": "1-2-3 Kita", "address2": "", "city": "Osaka", "state": "Osaka",
    "postcode": "530-0001", "countrycode": "JP", "country": "JP", "phonenumber": "0661234567", "language": "",
    "currency": 1, "currency_code": "JPY", "credit": "0.00", "taxexempt": False, "allowSingleSignOn": 1,
    "lastlogin": "Date: 01/02/2026 09:15<br>IP Address:<br>Host:", "customfields": [{"id": 198, "value": "C-1"}],
    "customfields1": "C-1", "users": {"user": [{"id": 1, "name": "Hana Mori", "is_owner": True}]},
}  # fmt: skip
CARD = {"id": 1, "type": "RemoteCreditCard", "description": "Mine", "gateway_name": "stripe", "contact_id": 1,
        "card_last_four": "4242", "expiry_date": "02/29", "start_date": "", "issue_number": "", "card_type": "Visa",
        "remote_token": '{"customer":"x"}', "last_updated": "03/02/2026 10:01"}  # fmt: skip
BANK = {"id": 4, "type": "RemoteBankAccount", "description": "", "gateway_name": "gocardless", "bank_name": "",
        "remote_token": "x", "last_updated": "03/02/2026 10:01"}  # fmt: skip

ANSWERS: dict[str, dict[str, Any]] = {
    "GetClients": {
        "totalresults": 1, "startnumber": 0, "numreturned": 1,
        "clients": {"client": [{"id": 8, "firstname": "Hana", "lastname": "Mori", "companyname": "", "groupid": 0,
                                "email": "hana@example.com", "datecreated": "2026-01-15", "status": "Active"}]},
    },
    "GetClientsDetails": {"client": CLIENT, "stats": {"dueinvoicesbalance": "$120.00 USD", "incredit": False}},
    "GetClientsProducts": {
        "clientid": "8", "serviceid": None, "pid": None, "domain": None, "totalresults": "2", "startnumber": 0,
        "numreturned": 2, "products": {"product": [SERVICE, SERVICE | {"id": "42", "name": "Plus"}]},
    },
    "GetInvoices": {"totalresults": 1, "startnumber": 0, "numreturned": 1, "invoices": {"invoice": [INVOICE]}},
    "GetInvoice": {
        "invoiceid": 31, "invoicenum": "", "userid": 8, "date": "2026-02-01", "datepaid": NEVER,
        "lastcaptureattempt": NEVER, "total": "20.00", "balance": "20.00", "status": "Unpaid", "ccgateway": False,
        "items": {"item": [{"id": 1, "type": "Hosting", "relid": 41, "description": "SIM 5GB (01/02/2026 - 28/02/2026)",
                            "amount": "20.00", "taxed": 0}]},
        "transactions": "",
    },
    "GetPayMethods": {"clientid": "8", "paymethods": [CARD, CARD | {"id": 2, "gateway_name": ""}, BANK]},
    "GetOrders": {
        "totalresults": 1, "startnumber": 0, "numreturned": 1,
        "orders": {"order": [{"id": 51, "ordernum": 1029384756, "userid": 8, "renewals": "", "orderdata": "}",
                              "amount": "20.00", "invoiceid": 31, "status": "Active"}]},
    },
    "AddClient": {"clientid": 8},
    "ValidateLogin": {"userid": 1, "passwordhash": "x", "twoFactorEnabled": "false"},
    "AddOrder": {"orderid": "51", "serviceids": "41,42", "addonids": "1", "domainids": "1", "invoiceid": "31"},
    "CreateInvoice": {"invoiceid": "31", "status": "Unpaid"},
    "UpdateInvoice": {"invoiceid": "31"},
    "AddCancelRequest": {"serviceid": "41", "userid": "8"},
    "UpdateClient": {"clientid": "8"},
    "UpdateClientProduct": {"serviceid": "41"},
    "CreateSsoToken": {"access_token": "x", "redirect_url": "http://example.test/oauth/singlesignon.php"},
    "AcceptOrder": {},
    "CancelOrder": {},
    "CapturePayment": {},
}  # fmt: skip


def page(action: str, *errors: str, **changes: Any) -> Page:
    return Page(action, json.dumps({"result": "success", **ANSWERS[action], **changes}), errors)


def test_every_action_that_the_hub_calls_has_an_answer_here() -> None:
    named = re.compile(r'"((?:Get|Add|Accept|Cancel|Capture|Create|Update|Validate|Delete|Module)[A-Z][A-Za-z]+)"')
    called = {action for file in Path("pipelines").rglob("*.py") for action in named.findall(file.read_text())}

    assert ANSWERS.keys() == READ.keys() == called


@pytest.mark.parametrize("action", ANSWERS)
def test_an_answer_in_the_shape_of_the_vendors_sample_is_read_whole(action: str) -> None:
    assert [verdict.reason for verdict in verdicts(page(action))] == [None]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (page("GetInvoices", totalresults=2), "1 rows, but 2 counted"),
        (page("GetInvoices", invoices={"invoice": [INVOICE | {"total": ""}]}), "total"),
        (page("GetClientsDetails", client=CLIENT | {"currency_code": ""}), "currency_code: missing"),
        (page("AddOrder", serviceids=""), "serviceids: no number"),
        (Page("AcceptOrder", '{"result": "success",}', ()), "the page's sample is no JSON"),
    ],
    ids=str,
)
def test_what_the_hub_would_not_read_is_named(wrong: Page, reason: str) -> None:
    (found,) = verdicts(wrong)

    assert reason in (found.reason or "")


def test_an_error_text_must_be_a_refusal_of_the_call_and_not_of_our_log_in() -> None:
    found = verdicts(page("AcceptOrder", "Order ID not found or Status not Pending", "Invalid IP Address given"))

    assert [(verdict.what, bool(verdict.reason)) for verdict in found] == [
        ("answer", False),
        ("Order ID not found or Status not Pending", False),
        ("Invalid IP Address given", True),
    ]


def test_a_checkout_is_read_page_by_page_and_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "api-reference"
    folder.mkdir()
    (folder / "index.md").write_text("no page of an action")
    (folder / "acceptorder.md").write_text(
        '+++\ntitle = "AcceptOrder"\n+++\n\n### Example Response JSON\n\n```\n{\n    "result": "success"\n}\n```\n\n\n'
        "### Error Responses\n\n* Order ID not found\n* Access Denied here\n\n\n### Version History\n\n* 1\n"
    )

    (found,) = pages_in(tmp_path)

    assert (found.action, found.errors) == ("AcceptOrder", ("Order ID not found", "Access Denied here"))
    assert main(tmp_path) == 1
    said = capsys.readouterr().out
    assert "AcceptOrder             passed    1/2           Access Denied here: taken for CredentialsError" in said
    assert "no page: AddOrder" in said
