"""Queries through simple_salesforce: REST pages and bulk jobs."""

# ruff: noqa: S608 - the statements are made of the tests' own words

import csv
import io

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from sandbox.asgi import Request
from sandbox.salesforce.app import page_before
from sandbox.salesforce.table import Table


def codes(call) -> list[str]:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        call()
    return [error["errorCode"] for error in refused.value.content]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FORM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Id = '1' OR Id = '2'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2024-13-01T00:00:00Z", "MALFORMED_QUERY"),
        ("SELECT Nope__c FROM Account", "INVALID_FIELD"),
        ("SELECT Nobody.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Nothing) FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2024-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT Id FROM Account LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id FROM Account WHERE CreatedDate LIKE '2%'", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
def test_a_wrong_query_says_what_is_wrong(sf, soql, code):
    assert codes(lambda: sf.query(soql)) == [code]


def test_a_syntax_error_points_at_the_culprit(sf):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query("SELECT Id\nFROM Account WHERE AND")

    message = refused.value.content[0]["message"]
    assert "ERROR at Row:2:Column:20" in message
    assert message.splitlines()[1:3] == ["FROM Account WHERE AND", " " * 19 + "^"]


def test_an_unknown_locator_is_refused(sf):
    assert codes(lambda: sf.query_more("01gXX0000000000AAA-200")) == ["INVALID_QUERY_LOCATOR"]


def test_a_record_tells_its_type_every_field_asked_for_and_its_parents(sf, emulated):
    number = emulated.world.order_item(0)
    order, item = number

    row = sf.query(
        f"select id, order.account.name, PRODUCT2.NAME, description from orderitem where id='{item.item_id}'"
    )

    record = row["records"][0]
    assert record["attributes"]["type"] == "OrderItem"
    assert record["Order"]["Account"]["Name"] == emulated.world.customer(order.customer).account_name
    assert record["Product2"]["Name"] == item.product.name
    assert record["Description"] is None


def test_children_come_nested_and_are_null_where_there_are_none(sf, emulated):
    answer = sf.query_all("SELECT Id, (SELECT Id, OrderNumber FROM Orders ORDER BY OrderNumber DESC) FROM Account")

    nested = {row["Id"]: row["Orders"] for row in answer["records"]}
    for n in range(len(emulated.world.accounts)):
        customer = emulated.world.customer(emulated.world.accounts.owner(n).customer)
        expected = sorted((order.order_number for order in emulated.world.orders(customer.number)), reverse=True)
        found = nested[customer.account_id]
        assert [child["OrderNumber"] for child in found["records"]] == expected if expected else found is None


@pytest.mark.parametrize("order", ["", "ORDER BY Id", "ORDER BY SystemModstamp, Id", "ORDER BY OrderItemNumber DESC"])
def test_pages_together_are_the_whole_whatever_the_order(sf, emulated, order):
    query = f"SELECT Id, OrderItemNumber, SystemModstamp FROM OrderItem {order}"
    page = emulated.call("GET", "query/", params={"q": query}, headers={"Sforce-Query-Options": "batchSize=200"}).json()
    ids = [row["Id"] for row in page["records"]]
    while not page["done"]:
        assert len(page["records"]) == 200
        page = sf.restful(page["nextRecordsUrl"].split("v60.0/")[1], headers={"Sforce-Query-Options": "batchSize=200"})
        ids += [row["Id"] for row in page["records"]]

    assert len(ids) == len(set(ids)) == page["totalSize"] == len(emulated.world.item_index)


def test_a_page_can_be_read_again(emulated, sf):
    headers = {"Sforce-Query-Options": "batchSize=200"}
    first = emulated.call("GET", "query", params={"q": "SELECT Id FROM OrderItem"}, headers=headers).json()

    pages = [sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)["records"] for _ in range(2)]

    assert pages[0] == pages[1] != first["records"]


def test_what_points_to_a_record_through_its_parents_is_found_without_walking_the_table(sf, monkeypatch):
    rows = sf.query_all("SELECT Id, Order.AccountId FROM OrderItem")["records"]
    account = rows[0]["Order"]["AccountId"]
    monkeypatch.setattr(Table, "by_id", None)  # walking it would break

    found = sf.query_all(f"SELECT Id FROM OrderItem WHERE Order.AccountId = '{account}'")["records"]

    assert [row["Id"] for row in found] == [row["Id"] for row in rows if row["Order"]["AccountId"] == account]


def test_a_window_of_stamps_is_what_a_filter_over_everything_finds(sf):
    rows = sf.query_all("SELECT Id, SystemModstamp FROM Case")["records"]
    stamps = sorted(row["SystemModstamp"] for row in rows)
    low, high = stamps[5], stamps[-5]
    where = f"SystemModstamp >= {low.replace('+0000', 'Z')} AND SystemModstamp < {high.replace('+0000', 'Z')}"

    found = sf.query_all(f"SELECT Id, SystemModstamp FROM Case WHERE {where} ORDER BY SystemModstamp, Id")["records"]
    counted = sf.query(f"SELECT COUNT() FROM Case WHERE {where}")["totalSize"]

    expected = sorted((r["SystemModstamp"], r["Id"]) for r in rows if low <= r["SystemModstamp"] < high)
    assert [(row["SystemModstamp"], row["Id"]) for row in found] == expected
    assert counted == len(expected) > 0


def test_a_changed_record_moves_to_the_end_of_the_stamps_and_a_deleted_one_only_query_all_shows(sf, emulated):
    changed, gone = (emulated.world.customer(n).account_id for n in (1, 2))
    before = sf.query("SELECT COUNT() FROM Account")["totalSize"]

    sf.Account.update(changed, {"Phone": "03-0000-0000"})
    sf.Account.delete(gone)

    since = "WHERE SystemModstamp >= TODAY ORDER BY SystemModstamp, Id"
    visible = sf.query_all(f"SELECT Id, Phone, IsDeleted FROM Account {since}")["records"]
    every = sf.query_all(f"SELECT Id, IsDeleted FROM Account {since}", include_deleted=True)["records"]
    assert [(row["Id"], row["Phone"]) for row in visible] == [(changed, "03-0000-0000")]
    assert {row["Id"]: row["IsDeleted"] for row in every} == {changed: False, gone: True}
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] == before - 1
    assert sf.query("SELECT COUNT() FROM Account", include_deleted=True)["totalSize"] == before


def test_ids_match_in_both_lengths_and_lists_and_semi_joins(sf, emulated):
    account = emulated.world.customer(1).account_id
    by_short = sf.query(f"SELECT Id FROM Account WHERE Id IN ('{account[:15]}', '{account}')")["records"]
    joined = sf.query(f"SELECT Id FROM Order WHERE AccountId IN (SELECT Id FROM Account WHERE Id = '{account}')")

    assert [row["Id"] for row in by_short] == [account]
    assert joined["totalSize"] == len(emulated.world.orders(1))


def test_text_compares_without_case_and_like_knows_its_wild_cards(sf, an_account):
    an_account(Name="100% Café_o'Clock", Site="Here")

    for where in (
        "Name = '100% CAFÉ_O\\'CLOCK'",
        "Name LIKE '100\\% caf%'",
        "Name LIKE '%\\_o_clock'",
        "Site = 'here'",
        "Name LIKE '1%' AND Site != null AND (NOT Site LIKE 'x%')",
    ):
        assert sf.query(f"SELECT COUNT() FROM Account WHERE {where}")["totalSize"] == 1, where
    assert sf.query("SELECT COUNT() FROM Account WHERE Name LIKE '100_\\_%'")["totalSize"] == 0
    assert sf.query("SELECT COUNT() FROM Account WHERE Site != 'here'")["totalSize"] == len(
        sf.query_all("SELECT Id FROM Account WHERE Site = null")["records"]
    )


def test_the_known_dirt_is_really_there(sf, emulated):
    nameless = {row["Id"] for row in sf.query_all("SELECT Id FROM Account WHERE Name = null")["records"]}

    assert nameless == {dirt.source_id for dirt in emulated.world.dirt() if dirt.dataset == "salesforce.accounts"}
    assert nameless


def test_bulk_pages_carry_a_header_each_and_together_say_what_rest_says(sf, monkeypatch):
    monkeypatch.setattr("simple_salesforce.bulk2.sleep", lambda _: None, raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)
    soql = "SELECT Id, Subject, Description, Account.Name, IsClosed, ClosedDate FROM Case"

    pages = list(sf.bulk2.Case.query(soql, max_records=20, wait=0))

    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    rest = sf.query_all(soql)["records"]
    assert len(pages) > 2
    assert [row["Id"] for row in rows] == [row["Id"] for row in rest]
    assert [row["Account.Name"] for row in rows] == [row["Account"]["Name"] or "" for row in rest]
    assert [row["Description"] for row in rows] == [row["Description"] or "" for row in rest]
    assert [row["IsClosed"] for row in rows] == [str(row["IsClosed"]).lower() for row in rest]
    assert [row["ClosedDate"] for row in rows] == [(row["ClosedDate"] or "").replace("+0000", "Z") for row in rest]


def test_a_job_has_a_life(emulated):
    body = {"operation": "queryAll", "query": "SELECT Id FROM Account", "contentType": "CSV"}
    job = emulated.call("POST", "jobs/query", json=body).json()
    path = f"jobs/query/{job['id']}"

    too_early = emulated.call("GET", f"{path}/results")
    running_refused = emulated.call("DELETE", path)
    states = [emulated.call("GET", path).json()["state"] for _ in range(2)]
    page = emulated.call("GET", f"{path}/results", params={"maxRecords": 10})
    again = [emulated.call("GET", f"{path}/results?locator={page.headers['Sforce-Locator']}") for _ in range(2)]
    gone = emulated.call("DELETE", path)

    assert (job["state"], states) == ("UploadComplete", ["InProgress", "JobComplete"])
    assert (too_early.status_code, running_refused.status_code) == (400, 400)
    assert (page.headers["Sforce-NumberOfRecords"], page.text.splitlines()[0]) == ("10", '"Id"')
    assert again[0].text == again[1].text
    assert again[0].headers["Sforce-Locator"] == "null"
    assert int(again[0].headers["Sforce-NumberOfRecords"]) + 10 == len(emulated.world.accounts)
    assert (gone.status_code, emulated.call("GET", path).status_code) == (204, 404)


def test_an_aborted_job_has_no_results(emulated):
    body = {"operation": "query", "query": "SELECT Id FROM Account"}
    path = "jobs/query/" + emulated.call("POST", "jobs/query", json=body).json()["id"]

    aborted = emulated.call("PATCH", path, json={"state": "Aborted"}).json()["state"]

    assert aborted == "Aborted"
    assert emulated.call("GET", f"{path}/results").status_code == 400


def test_a_job_without_rows_answers_with_its_header_only(emulated):
    body = {"operation": "query", "query": "SELECT Id, Name FROM Account WHERE Name = 'nobody'"}
    path = "jobs/query/" + emulated.call("POST", "jobs/query", json=body).json()["id"]
    for _ in range(2):
        emulated.call("GET", path)

    page = emulated.call("GET", f"{path}/results")

    assert (page.text, page.headers["Sforce-NumberOfRecords"]) == ('"Id","Name"\n', "0")
    assert page.headers["Sforce-Locator"] == "null"


@pytest.mark.parametrize(
    "soql", ["SELECT COUNT() FROM Account", "SELECT BillingAddress FROM Account", "SELECT Id FROM Account OFFSET 5"]
)
def test_bulk_refuses_what_it_cannot_page(emulated, soql):
    answer = emulated.call("POST", "jobs/query", json={"operation": "query", "query": soql})

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "API_ERROR")


def test_pages_may_be_shorter_than_asked_for_and_one_may_come_twice(emulated):
    emulated.state.quirks["salesforce.query_rows"] = "5"
    first = emulated.call("GET", "query", params={"q": "SELECT Id FROM Account ORDER BY Id"}).json()
    request = Request("GET", first["nextRecordsUrl"], "", {}, b"", "")
    before = page_before(request, emulated.state)

    again = emulated.call("GET", before.path.removeprefix("/services/data/v60.0/")).json()

    assert len(first["records"]) == 5
    assert again["records"] == first["records"]
    assert page_before(request._replace(path="/services/data/v60.0/query"), emulated.state).path.endswith("/query")


def test_a_field_that_was_taken_away_is_unknown(emulated):
    emulated.state.quirks["salesforce.hidden_fields"] = "Case.Subject"

    asked = emulated.call("GET", "query", params={"q": "SELECT Id, Subject FROM Case"})
    written = emulated.call("POST", "sobjects/Case", json={"Subject": "Help"})
    described = emulated.call("GET", "sobjects/Case/describe").json()
    record = emulated.call("GET", f"sobjects/Case/{emulated.world.case(0).case_id}").json()

    for refused in (asked, written):
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_FIELD")
    assert "Subject" not in {field["name"] for field in described["fields"]} | record.keys()
