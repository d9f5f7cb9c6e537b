"""Keys and types of the stand-in's answers are those of the vendor's samples (WHMCS/developer-docs, api-reference).

The samples mix numbers and texts for the same thing; what they say is written down here by key: `i` a number, `s` a
text, `b` true or false, `0` null or a text, `{` an object, `[` a list. A key that the samples do not have is no fault.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

_TYPES: Mapping[str, tuple[type, ...]] = {
    "i": (int,), "s": (str,), "b": (bool,), "0": (type(None), str), "{": (dict,), "[": (list,),
}  # fmt: skip
# action: what the answer says of itself, its rows, and the keys of a row. A trailing `?`: not in every row.
_PAGED = "totalresults:i startnumber:i numreturned:i"
_SAMPLES = {
    "GetClients": (_PAGED, "clients.client",
        "id:i firstname:s lastname:s companyname:s email:s datecreated:s groupid:i status:s"),
    "GetClientsProducts": ("clientid:0 serviceid:0 pid:0 domain:0 totalresults:s startnumber:i numreturned:i",
        "products.product",
        ("id:s qty:s clientid:s orderid:s ordernumber:s? pid:s regdate:s name:s translated_name:s groupname:s "
        "translated_groupname:s domain:s dedicatedip:s serverid:s servername:s serverip:0 serverhostname:0 "
        "suspensionreason:s firstpaymentamount:s recurringamount:s paymentmethod:s paymentmethodname:s billingcycle:s "
        "nextduedate:s status:s username:s password:s subscriptionid:s promoid:s overideautosuspend:s "
        "overidesuspenduntil:s ns1:s ns2:s assignedips:s notes:s diskusage:s disklimit:s bwusage:s bwlimit:s "
        "lastupdate:s customfields:{ configoptions:{")),
    "GetClientsAddons": ("serviceid:s clientid:s totalresults:s", "addons.addon",
        ("id:s qty:s userid:s orderid:s serviceid:s addonid:s name:s setupfee:s recurring:s billingcycle:s tax:s "
        "status:s regdate:s nextduedate:s nextinvoicedate:s paymentmethod:s paymentmethodname:s notes:s")),
    "GetContacts": (_PAGED, "contacts.contact",
        ("id:i userid:i firstname:s lastname:s email:s address1:s address2:s city:s state:s postcode:s country:s "
        "phonenumber:s domainemails:b generalemails:b invoiceemails:b productemails:b supportemails:b "
        "affiliateemails:b created_at:s updated_at:s")),
    "GetOrders": (_PAGED, "orders.order",
        ("id:i userid:i contactid:i requestor_id:i admin_requestor_id:i date:s nameservers:s transfersecret:s "
        "renewals:s renewalsByType:{ promocode:s promotype:s promovalue:s orderdata:s amount:s paymentmethod:s "
        "invoiceid:i status:s ipaddress:s fraudmodule:s fraudoutput:s notes:s paymentmethodname:s paymentstatus:s "
        "name:s currencyprefix:s currencysuffix:s frauddata:s validationdata:s lineitems:{")),
    "GetOrderStatuses": ("totalresults:i", "statuses.status", "title:s count:i"),
    "GetCancelledPackages": ("totalresults:s startnumber:s numreturned:s", "packages.package",
        "id:s date:s relid:s reason:s type:s created_at:s updated_at:s"),
    "GetInvoices": (_PAGED, "invoices.invoice",
        ("id:i userid:i firstname:s lastname:s companyname:s invoicenum:s date:s duedate:s datepaid:s "
        "last_capture_attempt:s date_refunded:s date_cancelled:s subtotal:s credit:s tax:s tax2:s total:s taxrate:s "
        "taxrate2:s status:s paymentmethod:s paymethodid:0 notes:s created_at:s updated_at:s currencycode:s "
        "currencyprefix:s currencysuffix:s")),
    "GetTransactions": (_PAGED, "transactions.transaction",
        ("id:s userid:s currency:s gateway:s date:s description:s amountin:s fees:s amountout:s rate:s transid:s "
        "invoiceid:s refundid:s")),
    "GetProducts": ("totalresults:i", "products.product",
        ("pid:i gid:i type:s name:s slug:s product-url:s description:s module:s paytype:s allowqty:i "
        "quantity_available:i pricing:{ customfields:{ configoptions:{")),
    "GetPaymentMethods": ("totalresults:i", "paymentmethods.paymentmethod", "module:s displayname:s"),
    "GetCurrencies": ("totalresults:s", "currencies.currency", "id:s code:s prefix:s suffix:s format:s rate:s"),
    "GetTickets": ("totalresults:s startnumber:i numreturned:i", "tickets.ticket",
        ("id:s tid:s deptid:s userid:s name:s owner_name:s email:s requestor_name:s requestor_email:s "
        "requestor_type:s cc:s c:s date:s subject:s status:s priority:s admin:s attachment:s attachments:[ "
        "attachments_removed:b lastreply:s flag:s service:s")),
    "GetSupportDepartments": ("totalresults:i", "departments.department", "id:s name:s awaitingreply:s opentickets:s"),
}  # fmt: skip


def _agrees(found: Mapping[str, Any], wanted: str) -> list[str]:
    """What of `found` is not as wanted."""
    problems = []
    for part in wanted.split():
        name, _, kind = part.removesuffix("?").rpartition(":")
        if name not in found:
            problems += [] if part.endswith("?") else [f"{name} is missing"]
        elif type(found[name]) not in _TYPES[kind]:
            problems.append(f"{name} is {found[name]!r}")
    return problems


@pytest.mark.parametrize("action", _SAMPLES)
def test_a_list_has_the_keys_and_types_of_its_sample(whmcs: Any, action: str) -> None:
    head, path, row = _SAMPLES[action]
    plural, singular = path.split(".")

    answer = whmcs.call(action, limitnum=60)

    assert _agrees(answer, head) == []
    assert answer[plural][singular]
    assert [problem for one in answer[plural][singular] for problem in _agrees(one, row)] == []


def test_an_invoice_has_the_keys_and_types_of_its_sample(whmcs: Any) -> None:
    paid = whmcs.call("GetInvoices", status="Paid", limitnum=1)["invoices"]["invoice"][0]

    answer = whmcs.call("GetInvoice", invoiceid=paid["id"])

    assert _agrees(answer, "invoiceid:i invoicenum:s userid:i date:s duedate:s datepaid:s lastcaptureattempt:s "
                   "subtotal:s credit:s tax:s tax2:s total:s balance:s taxrate:s taxrate2:s status:s paymentmethod:s "
                   "notes:s ccgateway:b items:{ transactions:{") == []  # fmt: skip
    assert [p for item in answer["items"]["item"]
            for p in _agrees(item, "id:i type:s relid:i description:s amount:s taxed:i")] == []  # fmt: skip


def test_a_client_has_the_keys_and_types_of_its_sample(whmcs: Any) -> None:
    client = whmcs.call("GetClients", limitnum=1)["clients"]["client"][0]

    answer = whmcs.call("GetClientsDetails", clientid=client["id"], stats=1)

    assert _agrees(answer["client"],
        "client_id:i owner_user_id:i userid:i id:i uuid:s firstname:s lastname:s fullname:s companyname:s email:s "
        "address1:s address2:s city:s fullstate:s state:s postcode:s countrycode:s country:s phonenumber:s tax_id:s "
        "email_preferences:{ statecode:s countryname:s phonecc:s phonenumberformatted:s telephoneNumber:s billingcid:i "
        "notes:s currency:i defaultgateway:s groupid:i status:s credit:s taxexempt:b latefeeoveride:b "
        "overideduenotices:b separateinvoices:b disableautocc:b emailoptout:b marketing_emails_opt_in:b "
        "overrideautoclose:b allowSingleSignOn:i email_verified:b language:s isOptedInToMarketingEmails:b lastlogin:s "
        "currency_code:s customfields:[ users:{") == []  # fmt: skip
    assert _agrees(answer["stats"],
        "numdueinvoices:i dueinvoicesbalance:s incredit:b creditbalance:s grossRevenue:s expenses:s income:s "
        "numoverdueinvoices:i overdueinvoicesbalance:s numDraftInvoices:i draftInvoicesBalance:s numunpaidinvoices:i "
        "unpaidinvoicesamount:s numpaidinvoices:i paidinvoicesamount:s numcancelledinvoices:i "
        "cancelledinvoicesamount:s numrefundedinvoices:i refundedinvoicesamount:s numcollectionsinvoices:i "
        "collectionsinvoicesamount:s numpaymentpendinginvoices:i paymentpendinginvoicesamount:s "
        "productsnumactivehosting:i productsnumhosting:i productsnumactivereseller:i productsnumreseller:i "
        "productsnumactiveservers:i productsnumservers:i productsnumactiveother:i productsnumother:i "
        "productsnumactive:i productsnumtotal:i numactivedomains:i numdomains:i numacceptedquotes:i numquotes:i "
        "numtickets:i numactivetickets:i numaffiliatesignups:i isAffiliate:b") == []  # fmt: skip


def test_pay_methods_have_the_keys_and_types_of_their_sample(whmcs: Any) -> None:
    clients = whmcs.call("GetClients", limitnum=40)["clients"]["client"]

    answers = [whmcs.call("GetPayMethods", clientid=client["id"]) for client in clients]

    methods = [method for answer in answers for method in answer["paymethods"]]
    common = "id:i type:s description:s gateway_name:s contact_type:s contact_id:i remote_token:s last_updated:s"
    card = " card_last_four:s expiry_date:s start_date:s issue_number:s card_type:s"
    assert {type(answer["clientid"]) for answer in answers} == {str}
    assert {method["type"].endswith("CreditCard") for method in methods} == {True, False}
    for method in methods:
        assert _agrees(method, common + (card if method["type"].endswith("CreditCard") else " bank_name:s")) == []


_STATS = (
    "income_today:s income_thismonth:s income_thisyear:s income_alltime:s orders_pending:i orders_today_cancelled:i "
    "orders_today_pending:i orders_today_fraud:i orders_today_active:i orders_today_total:i "
    "orders_yesterday_cancelled:i orders_yesterday_pending:i orders_yesterday_fraud:i orders_yesterday_active:i "
    "orders_yesterday_total:i orders_thismonth_total:i orders_thisyear_total:i tickets_allactive:i "
    "tickets_awaitingreply:i tickets_flaggedtickets:i tickets_open:i tickets_answered:i tickets_customerreply:i "
    "tickets_closed:i tickets_onhold:i tickets_inprogress:i cancellations_pending:i todoitems_due:i "
    "networkissues_open:i billableitems_uninvoiced:i quotes_valid:i staff_online:i timeline_data:{"
)


@pytest.mark.parametrize(("action", "params", "wanted"), [
    ("GetStats", {"timeline_days": 7}, _STATS),
    ("WhmcsDetails", {}, "whmcs:{"),
    ("GetAutomationLog", {}, "currentDatetime:s lastDailyCronInvocationTime:s startdate:s enddate:s"),
])  # fmt: skip
def test_an_answer_about_the_install_has_the_keys_and_types_of_its_sample(
    whmcs: Any, action: str, params: dict[str, Any], wanted: str
) -> None:
    assert _agrees(whmcs.call(action, **params), wanted) == []


@pytest.mark.parametrize(("make", "wanted"), [
    (lambda api: api.call("AddOrder", clientid=api.client(), paymentmethod="stripe", pid=[303]),
     "orderid:s serviceids:s addonids:s domainids:s invoiceid:s"),
    (lambda api: api.call("CreateInvoice", userid=api.client(), itemdescription1="One", itemamount1="1"),
     "invoiceid:s status:s"),
    (lambda api: api.call("UpdateClient", clientid=api.client(), notes="x"), "clientid:s"),
    (lambda api: api.call("OpenTicket", clientid=api.client(), deptid=1, subject="One", message="Two"),
     "id:s tid:s c:s"),
])  # fmt: skip
def test_an_answer_to_a_change_has_the_keys_and_types_of_its_sample(
    api: Any, make: Callable[[Any], Mapping[str, Any]], wanted: str
) -> None:
    assert _agrees(make(api), wanted) == []


def test_the_other_forms_seen_in_the_wild_are_a_switch_away(whmcs: Any) -> None:
    plain = whmcs.call("GetInvoices", orderby="total", order="desc", limitnum=1)["invoices"]["invoice"][0]

    whmcs.state.quirks |= {"amounts": "thousands", "product_url": "product_url", "numbers": "ints"}
    row = whmcs.call("GetInvoices", orderby="total", order="desc", limitnum=1)["invoices"]["invoice"][0]

    # Thousands separators: issue 13, A21; whole numbers for ids: recorded by whmcs-rs and in 2018 by node-whmcs.
    assert row["total"] == f"{float(plain['total']):,.2f}" != plain["total"]
    assert row["date"] == plain["date"]
    assert "product_url" in whmcs.call("GetProducts")["products"]["product"][0]
    assert isinstance(whmcs.call("GetClientsProducts", limitnum=1)["products"]["product"][0]["id"], int)
