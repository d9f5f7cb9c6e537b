"""Records, collections, composites and the rest of the REST API."""

# ruff: noqa: S608 - the statements are made of the tests' own words

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from simple_salesforce.exceptions import (
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)


def refused(call, kind=SalesforceMalformedRequest) -> tuple[str, list[str]]:
    with pytest.raises(kind) as caught:
        call()
    error = caught.value.content[0]
    return error["errorCode"], error.get("fields", [])


@pytest.fixture
def an_order(sf, an_account):
    book = sf.query("SELECT Id FROM Pricebook2 WHERE Name = 'Portal'")["records"][0]["Id"]
    fields = {"EffectiveDate": "2026-01-05", "Status": "Pending Review", "Pricebook2Id": book}
    return sf.Order.create({"AccountId": an_account(), **fields})["id"]


def entry(sf, book: str) -> str:
    return sf.query(f"SELECT Id FROM PricebookEntry WHERE Pricebook2.Name = '{book}' LIMIT 1")["records"][0]["Id"]


def test_a_record_that_breaks_a_rule_is_refused_by_name(sf, an_account):
    account = an_account()

    assert refused(lambda: sf.Account.create({"Phone": "1"})) == ("REQUIRED_FIELD_MISSING", ["Name"])
    assert refused(lambda: sf.Account.create({"Name": "  "})) == ("REQUIRED_FIELD_MISSING", ["Name"])
    assert refused(lambda: sf.Account.create({"Name": "x", "Nope__c": 1}))[0] == "INVALID_FIELD"
    assert refused(lambda: sf.Account.create({"Name": "x" * 256})) == ("STRING_TOO_LONG", ["Name"])
    assert refused(lambda: sf.Account.update(account, {"CreatedDate": "2024-01-01T00:00:00Z"})) == (
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        ["CreatedDate"],
    )
    assert refused(lambda: sf.Contact.create({"LastName": "x", "Email": "nobody"}))[0] == "INVALID_EMAIL_ADDRESS"
    assert refused(lambda: sf.Contact.create({"LastName": "x", "AccountId": "001"}))[0] == "MALFORMED_ID"
    missing = {"LastName": "x", "AccountId": "001000000000000AAA"}
    assert refused(lambda: sf.Contact.create(missing))[0] == "INVALID_CROSS_REFERENCE_KEY"


def test_what_is_not_there_is_not_found(sf, an_account):
    account = an_account()
    sf.Account.delete(account)

    assert refused(lambda: sf.Account.get(account), SalesforceResourceNotFound)[0] == "ENTITY_IS_DELETED"
    assert refused(lambda: sf.Account.get("001000000000000AAA"), SalesforceResourceNotFound)[0] == "NOT_FOUND"
    assert refused(lambda: sf.restful("nothing/here"), SalesforceResourceNotFound)[0] == "NOT_FOUND"
    assert refused(lambda: sf.Account.get("1"))[0] == "MALFORMED_ID"
    assert refused(lambda: sf.restful("limits", method="PUT"), SalesforceGeneralError)[0] == "METHOD_NOT_ALLOWED"
    unknown_key = lambda: sf.Account.get_by_custom_id("Phone", "1")  # noqa: E731 - reads like its neighbours
    assert refused(unknown_key, SalesforceResourceNotFound)[0] == "NOT_FOUND"


def test_a_broken_body_is_refused(emulated):
    answer = emulated.call("POST", "sobjects/Account", data=b'{"Name": ')

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_an_order_item_must_come_from_the_price_book_of_its_order(sf, an_order):
    item = {"OrderId": an_order, "PricebookEntryId": entry(sf, "Standard Price Book"), "Quantity": 1, "UnitPrice": 1}

    assert refused(lambda: sf.OrderItem.create(item)) == ("FIELD_INTEGRITY_EXCEPTION", ["PricebookEntryId"])


def test_the_daily_allowance_ends_in_a_refusal_and_every_answer_counts_down(sf, emulated):
    sf.query("SELECT COUNT() FROM Account")
    used = sf.api_usage["api-usage"].used
    emulated.state.quirks["salesforce.daily_requests"] = str(used + 1)

    remaining = sf.limits()["DailyApiRequests"]

    assert remaining == {"Max": used + 1, "Remaining": 0}
    assert refused(sf.limits, SalesforceRefusedRequest)[0] == "REQUEST_LIMIT_EXCEEDED"
    emulated.state.clock.advance(86_400 - 60)
    emulated.state.clock.advance(120)
    assert sf.limits()["DailyApiRequests"]["Remaining"] == used


def test_a_record_is_created_read_changed_and_deleted(sf, emulated):
    made = sf.Account.create({"Name": " Acme ", "Phone": "", "attributes": {"type": "Account"}})

    created = sf.Account.get(made["id"])
    status = sf.Account.update(made["id"][:15], {"Phone": "03-1234-5678"})
    changed = sf.Account.get(made["id"])
    gone = sf.Account.delete(made["id"])

    assert (created["Name"], created["Phone"], created["IsDeleted"]) == ("Acme", None, False)
    assert created["CreatedDate"] == created["SystemModstamp"]
    assert (status, changed["Phone"], gone) == (204, "03-1234-5678", 204)
    assert changed["CreatedDate"] == created["CreatedDate"]
    narrow = emulated.call("GET", f"sobjects/Order/{emulated.world.order(0).order_id}?fields=Status,Account.Name")
    assert set(narrow.json()) == {"attributes", "Status", "Account"}


def test_an_order_knows_its_number_and_the_sum_of_its_items(sf, an_order):
    item = {"OrderId": an_order, "PricebookEntryId": entry(sf, "Portal"), "Quantity": 2, "UnitPrice": 450}

    made = sf.OrderItem.create(item)["id"]

    row = sf.OrderItem.get(made)
    assert (row["TotalPrice"], row["ListPrice"] > 0, row["Product2Id"][:3]) == (900.0, True, "01t")
    assert sf.Order.get(an_order)["TotalAmount"] == 900.0
    assert len(sf.Order.get(an_order)["OrderNumber"]) == 8
    sf.OrderItem.delete(made)
    assert sf.Order.get(an_order)["TotalAmount"] == 0


def test_a_case_closes_itself_by_its_status(sf, an_account):
    made = sf.Case.create({"Subject": "Help", "AccountId": an_account()})["id"]

    opened = sf.Case.get(made)
    sf.Case.update(made, {"Status": "Closed"})
    closed = sf.Case.get(made)

    assert (opened["Status"], opened["Priority"], opened["IsClosed"]) == ("New", "Medium", False)
    assert (closed["IsClosed"], closed["ClosedDate"] is not None) == (True, True)


def test_upsert_creates_then_updates_and_never_guesses(sf, emulated):
    path = "sobjects/Account/SF_Account_No__c/X%2F1"

    missing = emulated.call("PATCH", path + "?updateOnly=true", json={"Name": "New"})
    first = emulated.call("PATCH", path, json={"Name": "New"})
    second = emulated.call("PATCH", path, json={"Name": "Newer"})
    in_body = emulated.call("PATCH", path, json={"SF_Account_No__c": "X/1"})

    assert missing.status_code == 404
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert second.json()["id"] == first.json()["id"]
    assert in_body.status_code == 400
    assert sf.Account.get(first.json()["id"])["Name"] == "Newer"
    assert refused(lambda: sf.Account.create({"Name": "x", "SF_Account_No__c": "X/1"}))[0] == "DUPLICATE_VALUE"


def test_an_external_id_held_twice_is_answered_with_a_choice(sf, emulated):
    for number in (1, 2):
        account = emulated.world.customer(number).account_id
        emulated.state.overlay.put("salesforce", "Account", account, {"SF_Account_No__c": "TWICE"})

    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Account.get_by_custom_id("SF_Account_No__c", "TWICE")


def test_a_composite_uses_what_came_before(sf, an_account):
    base = "/services/data/v60.0/"
    requests = [
        {
            "method": "POST",
            "url": base + "sobjects/Contact",
            "referenceId": "c",
            "body": {"LastName": "Sato", "AccountId": an_account()},
        },
        {"method": "GET", "url": base + "sobjects/Contact/@{c.id}?fields=AccountId", "referenceId": "r"},
        {
            "method": "GET",
            "url": base + "query?q=SELECT+Name+FROM+Account+WHERE+Id='@{r.AccountId}'",
            "referenceId": "q",
        },
    ]

    answer = sf.restful("composite", method="POST", json={"compositeRequest": requests})["compositeResponse"]

    assert [part["httpStatusCode"] for part in answer] == [201, 200, 200]
    assert answer[2]["body"]["records"][0]["Name"] == "Acme"


@pytest.mark.parametrize(("all_or_none", "left"), [(True, 0), (False, 1)])
def test_a_composite_that_fails_leaves_all_or_nothing(sf, all_or_none, left):
    url = "/services/data/v60.0/sobjects/Account"
    requests = [
        {"method": "POST", "url": url, "referenceId": "a", "body": {"Name": "Half done"}},
        {"method": "POST", "url": url, "referenceId": "b", "body": {}},
        {"method": "GET", "url": url + "/@{b.id}", "referenceId": "c"},
    ]

    body = {"allOrNone": all_or_none, "compositeRequest": requests}
    answer = sf.restful("composite", method="POST", json=body)["compositeResponse"]

    codes = [part["body"][0]["errorCode"] if part["httpStatusCode"] >= 400 else "" for part in answer]
    assert codes == ["PROCESSING_HALTED" if all_or_none else "", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert sf.query("SELECT COUNT() FROM Account WHERE Name = 'Half done'")["totalSize"] == left


def test_collections_answer_record_by_record(sf, emulated):
    good, bad = {"attributes": {"type": "Account"}, "Name": "Group"}, {"attributes": {"type": "Account"}}

    made = sf.restful("composite/sobjects", method="POST", json={"records": [good, bad]})
    none = sf.restful("composite/sobjects", method="POST", json={"records": [good, bad], "allOrNone": True})
    changed = {"attributes": {"type": "Account"}, "id": made[0]["id"], "Name": "Renamed"}
    updated = sf.restful("composite/sobjects", method="PATCH", json={"records": [changed]})
    keyed = {"attributes": {"type": "Account"}, "SF_Account_No__c": "K1", "Name": "Keyed"}
    upserted = sf.restful("composite/sobjects/Account/SF_Account_No__c", method="PATCH", json={"records": [keyed]})
    deleted = emulated.call("DELETE", f"composite/sobjects?ids={made[0]['id']}").json()

    assert [result["success"] for result in made] == [True, False]
    assert made[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert none[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert (updated[0]["success"], upserted[0]["created"], deleted[0]["success"]) == (True, True, True)
    assert sf.query("SELECT COUNT() FROM Account WHERE Name = 'Group'")["totalSize"] == 0


def test_updated_and_deleted_name_the_window_s_records(sf, an_account, emulated):
    kept, gone = an_account(), an_account()
    sf.Account.delete(gone)
    now = emulated.state.clock.now()

    window = (now - timedelta(minutes=5), now + timedelta(minutes=5))

    assert sf.Account.updated(*window)["ids"] == [kept]
    assert [record["id"] for record in sf.Account.deleted(*window)["deletedRecords"]] == [gone]
    too_old = (now - timedelta(days=40), now)
    assert refused(lambda: sf.Account.updated(*too_old))[0] == "INVALID_REPLICATION_DATE"


@pytest.mark.parametrize("in_the_bin", [True, False])
def test_what_is_purged_is_only_in_the_log_of_deletions(sf, an_account, emulated, in_the_bin):
    made, of_the_world = an_account(), emulated.world.customer(3).account_id
    before = sf.query("SELECT COUNT() FROM Account", include_deleted=True)["totalSize"]
    for account in (made, of_the_world):
        if in_the_bin:
            sf.Account.delete(account)
        emulated.state.overlay.purge("salesforce", "Account", account)

    now = emulated.state.clock.now()
    deleted = sf.Account.deleted(now - timedelta(minutes=5), now + timedelta(minutes=5))["deletedRecords"]
    by_id = f"SELECT Id FROM Account WHERE Id IN ('{made}', '{of_the_world}')"

    assert {record["id"] for record in deleted} == {made, of_the_world}
    assert sf.query_all(by_id, include_deleted=True)["records"] == []
    assert not {made, of_the_world} & {
        row["Id"] for row in sf.query_all("SELECT Id FROM Account", include_deleted=True)["records"]
    }
    assert sf.query("SELECT COUNT() FROM Account", include_deleted=True)["totalSize"] == before - 2
    assert refused(lambda: sf.Account.get(made), SalesforceResourceNotFound)[0] == "NOT_FOUND"


def test_the_log_of_deletions_reaches_fifteen_days_back(sf, an_account, emulated):
    emulated.state.overlay.purge("salesforce", "Account", an_account())
    emulated.state.clock.advance(16 * 86400)

    now = emulated.state.clock.now()
    deleted = sf.Account.deleted(now - timedelta(days=15), now)["deletedRecords"]

    assert deleted == []


def test_an_item_deleted_by_itself_skips_the_recycle_bin(sf, an_order, emulated):
    item = sf.OrderItem.create(
        {"OrderId": an_order, "PricebookEntryId": entry(sf, "Portal"), "Quantity": 1, "UnitPrice": 10}
    )["id"]
    sf.OrderItem.delete(item)

    now = emulated.state.clock.now()
    deleted = sf.OrderItem.deleted(now - timedelta(minutes=5), now + timedelta(minutes=5))["deletedRecords"]

    assert sf.query(f"SELECT Id FROM OrderItem WHERE Id = '{item}'", include_deleted=True)["records"] == []
    assert [record["id"] for record in deleted] == [item]


def test_describe_tells_every_field_of_every_object(sf):
    described = {summary["name"]: getattr(sf, summary["name"]).describe() for summary in sf.describe()["sobjects"]}

    assert set(described) >= {"Account", "Contact", "Product2", "PricebookEntry", "Order", "OrderItem", "Case"}
    account = {field["name"]: field for field in described["Account"]["fields"]}
    assert account["Name"]["nillable"] is False
    assert account["WH_Account__c"]["custom"] is True
    assert account["BillingCity"]["compoundFieldName"] == "BillingAddress"
    every = sf.query(f"SELECT {', '.join(account)} FROM Account LIMIT 1")["records"][0]
    assert set(every) == {"attributes", *account}


def test_the_date_header_follows_the_sandbox_s_clock(sf, emulated):
    emulated.state.clock.advance(86_400)

    answer = emulated.call("GET", "limits/")

    ahead = parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)
    assert timedelta(hours=23) < ahead < timedelta(hours=25)
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=")


def test_a_reset_forgets_what_was_written_and_who_was_logged_in(sf, emulated, an_account):
    an_account(Name="Forget me")
    session = sf.session_id

    emulated.state.reset()

    assert sf.query("SELECT COUNT() FROM Account WHERE Name = 'Forget me'")["totalSize"] == 0
    assert sf.session_id != session or sf.session_id is not None


def test_the_versions_need_no_session(emulated):
    versions = emulated.session().get(f"{emulated.url}/services/data/").json()

    assert {"version": "60.0", "label": "Spring '24", "url": "/services/data/v60.0"} in versions


def order_tree(**changes):
    line = {"attributes": {"type": "OrderItem", "referenceId": "line"}, "Quantity": 1, "UnitPrice": 100, **changes}
    return {"attributes": {"type": "Order", "referenceId": "order"}, "OrderItems": {"records": [line]}}


def order_to_plant(sf):
    entry = sf.query("SELECT Id, Pricebook2Id FROM PricebookEntry LIMIT 1")["records"][0]
    account = sf.query("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    fields = {"AccountId": account, "EffectiveDate": "2026-01-02", "Status": "Draft"}
    return fields | {"Pricebook2Id": entry["Pricebook2Id"]}, entry["Id"]


def test_a_tree_makes_parent_and_children_and_takes_texts_as_they_are(sf):
    fields, entry = order_to_plant(sf)
    record = order_tree(PricebookEntryId=entry) | fields | {"BillingStreet": "@{order.id}"}

    answer = sf.restful("composite/tree/Order", method="POST", json={"records": [record]})

    ids = {each["referenceId"]: each["id"] for each in answer["results"]}
    assert answer["hasErrors"] is False
    assert sf.Order.get(ids["order"])["BillingStreet"] == "@{order.id}"
    assert sf.OrderItem.get(ids["line"])["OrderId"] == ids["order"]


def test_a_tree_with_a_refused_record_leaves_nothing_and_names_the_culprit(sf):
    fields, _ = order_to_plant(sf)
    before = sf.query("SELECT COUNT() FROM Order")["totalSize"]

    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.restful("composite/tree/Order", method="POST", json={"records": [order_tree() | fields]})

    (culprit,) = caught.value.content["results"]
    assert culprit["referenceId"] == "line"
    assert sf.query("SELECT COUNT() FROM Order")["totalSize"] == before
