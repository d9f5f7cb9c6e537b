"""What the lists say, how they page, and how the overlay shows in them."""

import html
import json
from typing import Any

import pytest

LISTS = [
    ("GetClients", "clients", "client", "whmcs.clients"),
    ("GetClientsProducts", "products", "product", "whmcs.services"),
    ("GetInvoices", "invoices", "invoice", "whmcs.invoices"),
    ("GetOrders", "orders", "order", "whmcs.services"),
]


@pytest.mark.parametrize(("action", "plural", "singular", "count"), LISTS)
def test_pages_together_hold_every_row_once(whmcs: Any, action: str, plural: str, singular: str, count: str) -> None:
    ids = whmcs.ids(action, plural, singular, limitnum=997)

    assert len(ids) == len(set(ids)) == whmcs.world.counts()[count]


@pytest.mark.parametrize(("action", "plural", "empty"), [
    ("GetInvoices", "invoices", ""),
    ("GetClients", "clients", ""),
    ("GetClientsProducts", "products", ""),
    ("GetOrders", "orders", []),
])  # fmt: skip
def test_a_page_beyond_the_end_is_empty_and_still_counts(whmcs: Any, action: str, plural: str, empty: object) -> None:
    answer = whmcs.call(action, limitstart=10**7)

    assert answer[plural] == empty
    assert int(answer["totalresults"]) > 0
    assert int(answer["numreturned"]) == 0


def test_without_contacts_the_key_itself_is_missing(whmcs: Any) -> None:
    assert "contacts" not in whmcs.call("GetContacts", userid=999_999)


def test_no_transactions_are_an_empty_text(whmcs: Any) -> None:
    unpaid = whmcs.call("GetInvoices", status="Cancelled", limitnum=1)["invoices"]["invoice"][0]

    assert whmcs.call("GetInvoice", invoiceid=unpaid["id"])["transactions"] == ""


@pytest.mark.parametrize("params", [{"limitstart": "-5"}, {"limitstart": "x", "limitnum": "0"}, {"orderby": "nothing"}])
def test_parameters_without_sense_fall_back_to_the_defaults(whmcs: Any, params: dict[str, str]) -> None:
    answer = whmcs.call("GetInvoices", **params)

    assert answer["startnumber"] == 0
    assert answer["numreturned"] == 25


def test_invoices_come_in_the_order_asked_for(whmcs: Any) -> None:
    ascending = whmcs.ids("GetInvoices", "invoices", "invoice", orderby="id", limitnum=1000)
    descending = whmcs.ids("GetInvoices", "invoices", "invoice", orderby="id", order="desc", limitnum=1000)
    rows = whmcs.call("GetInvoices", orderby="total", limitnum=10_000)["invoices"]["invoice"]

    assert ascending == sorted(ascending) == descending[::-1]
    assert [float(row["total"]) for row in rows] == sorted(float(row["total"]) for row in rows)
    assert sorted(row["id"] for row in rows) == ascending


@pytest.mark.parametrize(("orderby", "column"), [
    ("id", "id"), ("invoicenumber", "invoicenum"), ("date", "date"), ("duedate", "duedate"), ("status", "status"),
])  # fmt: skip
def test_a_client_s_invoices_come_in_the_order_asked_for(whmcs: Any, orderby: str, column: str) -> None:
    userid = whmcs.call("GetInvoices", limitnum=6)["invoices"]["invoice"][-1]["userid"]

    rows = whmcs.call("GetInvoices", userid=userid, orderby=orderby, limitnum=1000)["invoices"]["invoice"]
    backwards = whmcs.call("GetInvoices", userid=userid, orderby=orderby, order="desc", limitnum=1000)

    assert [row[column] for row in rows] == sorted(row[column] for row in rows)
    assert backwards["invoices"]["invoice"] == rows[::-1]


def test_a_status_filter_returns_exactly_the_rows_of_that_status(whmcs: Any) -> None:
    rows = whmcs.call("GetInvoices", limitnum=100_000)["invoices"]["invoice"]

    for status in {row["status"] for row in rows}:
        expected = [row["id"] for row in rows if row["status"] == status]
        assert sorted(whmcs.ids("GetInvoices", "invoices", "invoice", status=status)) == expected


def test_overdue_is_a_filter_over_unpaid_rows(whmcs: Any) -> None:
    overdue = whmcs.call("GetInvoices", status="Overdue", limitnum=10_000)["invoices"]["invoice"]

    today = whmcs.state.clock.now().date().isoformat()
    assert {row["status"] for row in overdue} == {"Unpaid"}
    assert all(row["duedate"] < today for row in overdue)


def test_details_agree_with_the_list(whmcs: Any) -> None:
    for row in whmcs.call("GetInvoices", limitnum=40)["invoices"]["invoice"]:
        detail = whmcs.call("GetInvoice", invoiceid=row["id"])

        shared = ("userid", "date", "duedate", "datepaid", "subtotal", "tax", "credit", "total", "status")
        assert {name: detail[name] for name in shared} == {name: row[name] for name in shared}
        assert sum(float(item["amount"]) for item in detail["items"]["item"]) == float(row["subtotal"])
        paid = detail["transactions"]["transaction"] if detail["transactions"] else []
        received = sum(float(one["amountin"]) - float(one["amountout"]) for one in paid)
        assert float(detail["balance"]) == float(row["total"]) - received


def test_every_transaction_is_the_same_through_its_invoice_its_client_and_its_own_id(whmcs: Any) -> None:
    everything = whmcs.call("GetTransactions")["transactions"]["transaction"]

    assert len({one["id"] for one in everything}) == len(everything)
    for one in everything[:20]:
        for params in ({"invoiceid": one["invoiceid"]}, {"clientid": one["userid"]}, {"transid": one["transid"]}):
            assert one in whmcs.call("GetTransactions", **params)["transactions"]["transaction"]


def test_texts_carry_the_entities_of_escaped_input(whmcs: Any) -> None:
    rows = whmcs.call("GetClients", limitnum=2000)["clients"]["client"]

    companies = {row["companyname"] for row in rows}
    assert "Smith &amp; Sons K.K." in companies
    assert "O&#039;Brien" in {row["lastname"] for row in rows}
    whmcs.state.quirks["entities"] = "off"
    plain = whmcs.call("GetClients", limitnum=2000)["clients"]["client"]
    assert {html.unescape(name) for name in companies} == {row["companyname"] for row in plain}


def test_rows_include_zero_dates_and_unknown_statuses(whmcs: Any) -> None:
    clients = whmcs.call("GetClients", limitnum=2000)["clients"]["client"]
    invoices = whmcs.call("GetInvoices", limitnum=10_000)["invoices"]["invoice"]

    assert "0000-00-00" in {row["datecreated"] for row in clients}
    assert "Dormant" in {row["status"] for row in clients}
    assert "Disputed" in {row["status"] for row in invoices}
    # Both zero dates occur: openprovider/Openprovider-WHMCS-domains#63 shows those of the year -1.
    for column in ("datepaid", "last_capture_attempt", "date_refunded", "date_cancelled"):
        values = {row[column] for row in invoices}
        assert {"0000-00-00 00:00:00", "-0001-11-30 00:00:00"} <= values
    services = whmcs.call("GetClientsProducts", limitnum=10_000)["products"]["product"]
    once = {row["nextduedate"] for row in services if row["billingcycle"] == "One Time"}
    assert {"0000-00-00", "-0001-11-30"} <= once
    contacts = whmcs.call("GetContacts", limitnum=1000)["contacts"]["contact"]
    assert {"0000-00-00 00:00:00", "-0001-11-30 00:00:00"} < {row["created_at"] for row in contacts}


def test_contacts_are_found_by_what_they_are_exactly(whmcs: Any) -> None:
    contacts = whmcs.call("GetContacts", limitnum=1000)["contacts"]["contact"]

    found = whmcs.call("GetContacts", email=contacts[1]["email"])["contacts"]["contact"]

    assert found == [contacts[1]]
    assert "contacts" not in whmcs.call("GetContacts", email=contacts[1]["email"], city="Nowhere")


# -- quirks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "expected"), [("string", ""), ("array", []), ("singular", {"invoice": []})])
def test_an_empty_list_takes_the_form_switched_to(whmcs: Any, form: str, expected: object) -> None:
    whmcs.state.quirks["empty_list"] = form

    assert whmcs.call("GetInvoices", userid=1)["invoices"] == expected


def test_an_empty_list_may_be_missing(whmcs: Any) -> None:
    whmcs.state.quirks["empty_list"] = "absent"

    assert "invoices" not in whmcs.call("GetInvoices", userid=1)


def test_a_list_of_one_may_be_an_object_or_keyed(whmcs: Any) -> None:
    plain = whmcs.call("GetInvoices", limitnum=1)["invoices"]["invoice"]

    whmcs.state.quirks["one_row"] = "object"
    assert whmcs.call("GetInvoices", limitnum=1)["invoices"]["invoice"] == plain[0]
    whmcs.state.quirks["one_row"] = "keyed"
    assert whmcs.call("GetInvoices", limitnum=1)["invoices"]["invoice"] == {"0": plain[0]}


def test_numbers_may_all_be_texts(whmcs: Any) -> None:
    whmcs.state.quirks["numbers"] = "strings"

    answer = whmcs.call("GetInvoices", limitnum=1)

    assert isinstance(answer["totalresults"], str)
    assert isinstance(answer["invoices"]["invoice"][0]["id"], str)


def test_counts_of_services_are_texts_and_of_invoices_numbers(whmcs: Any) -> None:
    assert isinstance(whmcs.call("GetClientsProducts")["totalresults"], str)
    assert isinstance(whmcs.call("GetInvoices")["totalresults"], int)


def test_a_hidden_cap_on_rows_gives_fewer_than_asked(whmcs: Any) -> None:
    whmcs.state.quirks["max_rows"] = "100"

    assert whmcs.call("GetInvoices", limitnum=1000)["numreturned"] == 100


# -- the overlay ------------------------------------------------------------------------------------------------------


def _change(whmcs: Any, kind: str, record_id: int, **fields: object) -> None:
    whmcs.state.overlay.put("whmcs", kind, str(record_id), fields)


def test_a_changed_invoice_moves_between_statuses_and_is_newly_updated(whmcs: Any) -> None:
    row = whmcs.call("GetInvoices", status="Unpaid", limitnum=1)["invoices"]["invoice"][0]
    before = whmcs.call("GetInvoices", status="Unpaid")["totalresults"]

    _change(whmcs, "invoice", row["id"], status="Paid", datepaid="2026-01-05 10:00:00")

    assert row["id"] not in whmcs.ids("GetInvoices", "invoices", "invoice", status="Unpaid")
    assert row["id"] in whmcs.ids("GetInvoices", "invoices", "invoice", status="Paid")
    assert whmcs.call("GetInvoices", status="Unpaid")["totalresults"] == before - 1
    changed = whmcs.call("GetInvoices", userid=row["userid"])["invoices"]["invoice"]
    assert next(one for one in changed if one["id"] == row["id"])["updated_at"] > row["updated_at"]
    assert whmcs.call("GetInvoice", invoiceid=row["id"])["status"] == "Paid"


@pytest.mark.parametrize(("kind", "action", "plural", "singular"), [
    ("invoice", "GetInvoices", "invoices", "invoice"),
    ("client", "GetClients", "clients", "client"),
    ("service", "GetClientsProducts", "products", "product"),
    ("order", "GetOrders", "orders", "order"),
])  # fmt: skip
def test_a_deleted_row_vanishes_and_a_created_one_appears_once(
    whmcs: Any, kind: str, action: str, plural: str, singular: str
) -> None:
    before = whmcs.ids(action, plural, singular)
    gone, new = before[7], max(before) + 1000

    whmcs.state.overlay.put("whmcs", kind, str(gone), {}, deleted=True)
    _change(whmcs, kind, new, userid=1002)

    assert whmcs.ids(action, plural, singular) == [*(one for one in before if one != gone), new]


def test_a_created_invoice_answers_with_its_creators_items(whmcs: Any) -> None:
    item = {"id": 1, "type": "", "relid": 0, "description": "SIM top-up", "amount": "500.00", "taxed": 0}
    _change(whmcs, "invoice", 900_000, userid=1002, total="500.00", items=[item])

    detail = whmcs.call("GetInvoice", invoiceid=900_000)

    assert (detail["status"], detail["total"], detail["balance"]) == ("Unpaid", "500.00", "500.00")
    assert detail["items"] == {"item": [item]}
    assert whmcs.call("GetInvoices", userid=1002, orderby="id", order="desc")["invoices"]["invoice"][0]["id"] == 900_000


def test_the_activity_log_tells_of_changes_newest_first(whmcs: Any) -> None:
    _change(whmcs, "client", 1002, status="Closed")
    _change(whmcs, "invoice", 10_001, status="Paid")

    entries = whmcs.call("GetActivityLog")["activity"]["entry"]

    assert [entry["description"] for entry in entries] == ["Modified invoice - ID: 10001", "Modified client - ID: 1002"]


# -- links to the other systems ---------------------------------------------------------------------------------------


def test_field_198_holds_the_customer_number_of_the_account(whmcs: Any) -> None:
    customer = whmcs.world.customer(100)

    client = whmcs.call("GetClientsDetails", clientid=customer.client_id)["client"]

    fields = {field["id"]: field["value"] for field in client["customfields"]}
    assert fields[198] == customer.customer_number
    assert customer.wh_account.startswith(f"#{customer.client_id} - ")


def test_orders_and_services_name_the_salesforce_records_they_came_from(whmcs: Any) -> None:
    order = next(o for o in (whmcs.world.order(n) for n in range(100)) if o.whmcs_order_id)

    row = whmcs.call("GetOrders", id=order.whmcs_order_id)["orders"]["order"][0]
    service = whmcs.call("GetClientsProducts", serviceid=row["lineitems"]["lineitem"][0]["relid"])

    assert row["notes"] == f"sfOrderId={order.order_id}"
    custom = {f["name"]: f["value"] for f in service["products"]["product"][0]["customfields"]["customfield"]}
    assert custom["OpportunityId"] == order.opportunity_id


def test_the_dirt_list_names_exactly_the_malformed_rows(whmcs: Any) -> None:
    listed = {(row.dataset, row.source_id) for row in whmcs.world.dirt() if row.system == "whmcs"}

    clients = whmcs.call("GetClients", limitnum=10_000)["clients"]["client"]
    services = whmcs.call("GetClientsProducts", limitnum=10_000)["products"]["product"]
    invoices = whmcs.call("GetInvoices", limitnum=100_000)["invoices"]["invoice"]
    broken = {("whmcs.clients", str(row["id"])) for row in clients if not row["datecreated"][:4].isdigit()}
    broken |= {("whmcs.invoices", str(row["id"])) for row in invoices if not row["date"][:4].isdigit()}
    broken |= {("whmcs.services", str(row["id"])) for row in services if "O9O" in json.dumps(row)}

    assert broken == listed
