"""CreateInvoice, UpdateInvoice, CapturePayment, AddInvoicePayment and AddTransaction, over a socket."""

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.whmcs.conftest import serialized


def _invoice(api: Any, **params: Any) -> str:
    line = {"itemdescription1": "SIM Data Top-up: 1GB", "itemamount1": "500", "itemtaxed1": 1}
    return str(api.call("CreateInvoice", **{"userid": api.client(), **line, **params})["invoiceid"])


def _row(api: Any, invoice: str) -> dict[str, Any]:
    userid = api.call("GetInvoice", invoiceid=invoice)["userid"]
    return next(row for row in api.invoices(userid=userid) if str(row["id"]) == invoice)


# -- CreateInvoice ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"userid": 999_999}, "Client ID Not Found"),
        ({"status": "Open"}, "Invalid status Open"),
        (
            {"draft": 1, "sendinvoice": 1},
            "Cannot create and send a draft invoice in a single API request. Please create and send separately.",
        ),
    ],
)
def test_an_invoice_that_cannot_be_is_refused(api: Any, params: Any, message: str) -> None:
    assert api.refused("CreateInvoice", **{"userid": api.client(), **params}) == message


def test_an_invoice_adds_up_and_shows_everywhere_newest_last(api: Any) -> None:
    lines = {"itemdescription2": "Parts & labour", "itemamount2": "100.50", "itemtaxed2": 0}

    first, invoice = _invoice(api), _invoice(api, notes="cmd-1", duedate="2026-12-31", **lines)

    detail, row = api.call("GetInvoice", invoiceid=invoice), _row(api, invoice)
    assert [item["description"] for item in detail["items"]["item"]] == ["SIM Data Top-up: 1GB", "Parts &amp; labour"]
    assert {name: detail[name] for name in ("subtotal", "tax", "total", "balance")} == {
        "subtotal": "600.50", "tax": "50.00", "total": "650.50", "balance": "650.50"}  # fmt: skip
    assert (row["duedate"], row["notes"], row["status"], row["taxrate"]) == ("2026-12-31", "cmd-1", "Unpaid", "10.000")
    assert api.call("GetInvoice", invoiceid=invoice)["transactions"] == ""
    newest = [row["id"] for row in api.invoices(userid=api.client(), orderby="id", order="desc")][:2]
    assert newest == [int(invoice), int(first)]
    newest = [
        row["id"] for row in api.call("GetInvoices", orderby="id", order="desc", limitnum=2)["invoices"]["invoice"]
    ]
    assert newest == [int(invoice), int(first)]


def test_the_same_invoice_twice_is_two_invoices(api: Any) -> None:
    made = {_invoice(api, notes="cmd-1") for _ in range(2)}

    assert len(made) == len(api.effects(kind="invoice", marker="cmd-1")) == 2


def test_credit_is_used_only_when_asked_and_may_pay_the_whole(api: Any) -> None:
    client = api.client()
    api.call("AddTransaction", paymentmethod="mailin", userid=client, transid="t-1", amountin="600", credit=1)
    assert api.call("GetClientsDetails", clientid=client)["credit"] == "600.00"

    kept, paid = _invoice(api), _invoice(api, autoapplycredit=1)

    assert _row(api, kept)["credit"] == "0.00"
    assert {name: _row(api, paid)[name] for name in ("credit", "total", "status")} == {
        "credit": "550.00", "total": "0.00", "status": "Paid"}  # fmt: skip
    assert api.call("GetClientsDetails", clientid=client)["credit"] == "50.00"


# -- UpdateInvoice ----------------------------------------------------------------------------------------------------


def test_an_invoice_is_not_changed_into_what_cannot_be(api: Any) -> None:
    invoice = _invoice(api)

    assert api.refused("UpdateInvoice", invoiceid=1) == "Invoice ID Not Found"
    assert api.refused("UpdateInvoice", invoiceid=invoice, status="Lost") == "Invalid status Lost"
    assert api.refused("UpdateInvoice", invoiceid=invoice, publish=1) == (
        "Invoice must be in Draft status to be published"
    )
    half = api.refused("UpdateInvoice", invoiceid=invoice, newitemdescription={"0": "x"})
    assert half.startswith("Missing Variables: ")


def test_every_change_of_an_invoice_moves_updated_at_by_the_sandbox_s_clock(api: Any) -> None:
    invoice = _invoice(api)
    stamps = [_row(api, invoice)["updated_at"]]

    for action, params in (
        ("UpdateInvoice", {"notes": "later"}),
        ("AddInvoicePayment", {"transid": "t-1", "gateway": "mailin", "amount": "1"}),
        ("CapturePayment", {}),
    ):
        api.state.clock.advance(3600)
        api.call(action, invoiceid=invoice, **params)
        stamps.append(_row(api, invoice)["updated_at"])

    assert stamps == sorted(set(stamps))
    assert _row(api, invoice)["created_at"] == stamps[0]
    local = api.state.clock.now() + timedelta(hours=9)
    assert stamps[-1][:13] == f"{local:%Y-%m-%d %H}"


def test_lines_are_changed_added_and_deleted_and_the_total_follows(api: Any) -> None:
    invoice = _invoice(api, draft=1)
    line = api.call("GetInvoice", invoiceid=invoice)["items"]["item"][0]["id"]

    api.call(
        "UpdateInvoice",
        invoiceid=invoice,
        itemdescription={line: "2GB"},
        itemamount={line: "1000"},
        itemtaxed={line: 1},
        newitemdescription={"0": "Fee"},
        newitemamount={"0": "100"},
        newitemtaxed={"0": 0},
        publish=1,
    )

    detail = api.call("GetInvoice", invoiceid=invoice)
    assert (detail["status"], detail["subtotal"], detail["total"]) == ("Unpaid", "1100.00", "1200.00")
    api.call("UpdateInvoice", invoiceid=invoice, deletelineids=[line])
    assert api.call("GetInvoice", invoiceid=invoice)["total"] == "100.00"


def test_a_newer_install_lets_nobody_edit_what_has_left_draft(api: Any) -> None:
    api.state.quirks["immutable_invoices"] = "on"
    draft, unpaid = _invoice(api, draft=1), _invoice(api)
    line = {"newitemdescription": {"0": "Fee"}, "newitemamount": {"0": "1"}}

    api.call("UpdateInvoice", invoiceid=draft, **line)

    refusal = api.refused("UpdateInvoice", invoiceid=unpaid, **line)
    assert refusal == "This is an Unpaid Invoice. You cannot modify an Invoice that is Unpaid."
    api.call("UpdateInvoice", invoiceid=unpaid, status="Cancelled")
    assert _row(api, unpaid)["date_cancelled"] > "2026"


def test_a_cancelled_invoice_takes_no_payment(api: Any) -> None:
    invoice = _invoice(api)
    api.call("UpdateInvoice", invoiceid=invoice, status="Cancelled")

    refusal = api.refused("AddInvoicePayment", invoiceid=invoice, transid="t", gateway="mailin")

    assert refusal == "It is not possible to add a payment to an invoice that is Cancelled"
    assert api.refused("CapturePayment", invoiceid=invoice) == "Invoice Not Found or Not Unpaid"


# -- CapturePayment ---------------------------------------------------------------------------------------------------


def test_a_capture_pays_once_and_is_a_transaction_of_the_invoice_and_its_client(api: Any) -> None:
    invoice = _invoice(api, notes="cmd-1")

    api.call("CapturePayment", invoiceid=invoice)

    assert api.refused("CapturePayment", invoiceid=invoice) == "Invoice Not Found or Not Unpaid"
    row, paid = _row(api, invoice), api.transactions(invoiceid=invoice)
    assert (row["status"], row["datepaid"] > "2026", row["last_capture_attempt"]) == ("Paid", True, row["datepaid"])
    assert [(one["amountin"], one["gateway"], one["invoiceid"]) for one in paid] == [("550.00", "stripe", invoice)]
    assert paid[0] in api.transactions(clientid=api.client())
    assert api.transactions(transid=paid[0]["transid"]) == paid
    assert api.call("GetInvoice", invoiceid=invoice)["balance"] == "0.00"
    charge = api.effects(kind="charge", marker="cmd-1")
    assert [(effect["id"], effect["detail"]["amount"]) for effect in charge] == [(str(paid[0]["id"]), "550.00")]


@pytest.mark.parametrize("why", ["no card", "declined card", "gateway", "bank transfer"])
def test_a_capture_that_is_declined_leaves_the_invoice_unpaid_and_says_when(api: Any, why: str) -> None:
    client = api.client(card=why != "no card")
    invoice = _invoice(api, userid=client, paymentmethod="mailin" if why == "bank transfer" else "stripe")
    if why == "declined card":
        for method in api.call("GetPayMethods", clientid=client)["paymethods"]:
            card = {"type": "CreditCard", "card_last_four": "0002"}
            api.state.overlay.put("whmcs", "pay_method", str(method["id"]), card)
    if why == "gateway":
        api.state.quirks["capture"] = "decline"

    assert api.refused("CapturePayment", invoiceid=invoice) == "Payment Attempt Failed"

    row = _row(api, invoice)
    assert (row["status"], row["last_capture_attempt"] > "2026") == ("Unpaid", True)
    assert api.transactions(invoiceid=invoice) == api.effects(kind="charge") == []
    assert len(api.effects(kind="decline")) == 1


def test_the_first_payment_moves_the_day_a_service_is_due_next(api: Any) -> None:
    made = api.call("AddOrder", clientid=api.client(), paymentmethod="stripe", pid=[303])
    due = api.services(serviceid=made["serviceids"])[0]["nextduedate"]

    api.call("CapturePayment", invoiceid=made["invoiceid"])

    later = api.services(serviceid=made["serviceids"])[0]["nextduedate"]
    assert later > due
    order = api.orders(id=made["orderid"])[0]
    assert (order["status"], order["paymentstatus"]) == ("Pending", "Paid")


# -- AddInvoicePayment, AddTransaction --------------------------------------------------------------------------------


def test_the_same_payment_twice_is_two_payments_and_credit_for_the_client(api: Any) -> None:
    invoice = _invoice(api)
    assert api.refused("AddInvoicePayment", invoiceid=1, transid="t", gateway="mailin") == "Invoice ID Not Found"

    for _ in range(2):
        api.call("AddInvoicePayment", invoiceid=invoice, transid="t-1", gateway="mailin", amount="550")

    assert len(api.transactions(transid="t-1")) == len(api.effects(kind="payment", marker="t-1")) == 2
    assert api.call("GetClientsDetails", clientid=api.client())["credit"] == "550.00"


def test_a_payment_in_part_leaves_a_balance_and_one_without_amount_pays_it(api: Any) -> None:
    invoice = _invoice(api)

    api.call("AddInvoicePayment", invoiceid=invoice, transid="t-1", gateway="mailin", amount="50", date="2026-01-05")
    partly = api.call("GetInvoice", invoiceid=invoice)
    api.call("AddInvoicePayment", invoiceid=invoice, transid="t-2", gateway="mailin")

    assert (partly["status"], partly["balance"]) == ("Unpaid", "500.00")
    assert partly["transactions"]["transaction"][0]["date"] == "2026-01-05 00:00:00"
    assert api.call("GetInvoice", invoiceid=invoice)["status"] == "Paid"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"userid": 999_999}, "Client ID Not Found"),
        ({"invoiceid": 1}, "Invoice ID Not Found"),
        ({"userid": 1001, "invoiceid": "other"}, "User ID does not own the given Invoice ID"),
        ({"currencyid": 9}, "Currency ID Not Found"),
        ({}, "A Currency ID is required for non-customer related transactions"),
        ({"currencyid": 1, "paymentmethod": ""}, "Payment Method is required"),
        ({"currencyid": 1, "transid": "txn"}, "Transaction ID must be Unique"),
    ],
)
def test_a_transaction_that_cannot_be_is_refused(api: Any, params: dict[str, Any], message: str) -> None:
    taken = api.transactions()[0]
    if "transid" in params:
        params = {**params, "transid": taken["transid"]}
    if params.get("invoiceid") == "other":
        params = {
            "userid": api.client(),
            "invoiceid": next(r for r in api.invoices() if r["userid"] != api.client())["id"],
        }

    assert api.refused("AddTransaction", **{"paymentmethod": "mailin", **params}) == message


def test_a_transaction_is_guarded_by_its_id_unless_told_otherwise(api: Any) -> None:
    invoice = _invoice(api)
    payment = {
        "paymentmethod": "mailin",
        "invoiceid": invoice,
        "transid": "t-1",
        "amountin": "550",
        "date": "05/01/2026",
    }

    api.call("AddTransaction", **payment)

    assert api.refused("AddTransaction", **payment) == "Transaction ID must be Unique"
    assert (_row(api, invoice)["status"], len(api.transactions(transid="t-1"))) == ("Paid", 1)
    assert api.transactions(transid="t-1")[0]["date"] == "2026-01-05 00:00:00"
    api.call("AddTransaction", **payment, allowduplicatetransid=1)
    assert len(api.transactions(transid="t-1")) == 2


def test_a_transaction_without_an_invoice_is_the_client_s(api: Any) -> None:
    client = api.client()

    api.call("AddTransaction", paymentmethod="mailin", userid=client, transid="t-9", amountin="10", description="A & B")

    found = api.transactions(transid="t-9")
    assert [(one["invoiceid"], one["userid"], one["description"]) for one in found] == [("0", str(client), "A &amp; B")]
    assert found[0] in api.transactions(clientid=client)
    assert found[0] in api.transactions()


def test_an_unreadable_serialised_value_is_no_error(api: Any) -> None:
    api.call("UpdateClient", clientid=api.client(), customfields=serialized({})[:-4] + "!!!!")
