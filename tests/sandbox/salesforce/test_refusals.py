"""What the vendor refuses is refused here, in the vendor's words; the source stands beside each."""

# ruff: noqa: S608 - the statements are made of the tests' own words

import pytest
import requests

# POST /sobjects/{kind} with these fields: the code, the fields named, and a piece of the message.
UNWRITABLE = [
    # verbb/formie#2790, regican/Salesforce#2: a date-time without its T
    (
        "Account",
        {"Portal_Last_SignIn__c": "2046-04-05 17:00:00"},
        "JSON_PARSER_ERROR",
        "instance of datetime from VALUE_S",
    ),
    # "Valid Date Format in Records": at most milliseconds, and never words
    ("Account", {"Portal_Last_SignIn__c": "2026-01-01T00:00:00.123456+00:00"}, "JSON_PARSER_ERROR", "datetime"),
    ("Account", {"Portal_Last_SignIn__c": "tomorrow"}, "JSON_PARSER_ERROR", "datetime"),
    ("Account", {"Portal_Last_SignIn__c": "2026-02-30T00:00:00Z"}, "JSON_PARSER_ERROR", "datetime"),
    # qorelanguage/qore#3908, Force.com-Toolkit-for-NET#127: a date with a time
    (
        "Contact",
        {"Birthdate": "2020-04-30T13:19:18.000+02:00"},
        "JSON_PARSER_ERROR",
        "instance of date from VALUE_STRING",
    ),
    # an empty text is no date and no number (the same message, many reports)
    ("Contact", {"Birthdate": ""}, "JSON_PARSER_ERROR", "instance of date from VALUE_STRING"),
    ("Account", {"AnnualRevenue": ""}, "JSON_PARSER_ERROR", "instance of currency"),
    ("Account", {"AnnualRevenue": "many"}, "JSON_PARSER_ERROR", "instance of currency"),
    ("Account", {"AnnualRevenue": "NaN"}, "JSON_PARSER_ERROR", "instance of currency"),
    ("Account", {"NumberOfEmployees": 1.5}, "JSON_PARSER_ERROR", "instance of int"),
    ("Account", {"AnnualRevenue": 10**17}, "NUMBER_OUTSIDE_VALID_RANGE", "AnnualRevenue"),
    ("Account", {"Phone": {"is": "an object"}}, "JSON_PARSER_ERROR", "START_OBJECT"),
    ("Contact", {"DoNotCall": "maybe"}, "JSON_PARSER_ERROR", "instance of boolean"),
    # "Status Codes and Error Responses"
    ("Account", {"Nope__c": 1}, "INVALID_FIELD", "No such column 'Nope__c'"),
    ("Account", {"SystemModstamp": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "SystemModstamp"),
    ("Account", {"Phone": "0" * 41}, "STRING_TOO_LONG", "max length=40"),
    ("Account", {"ParentId": "003000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
]
REQUIRED = {"Account": {"Name": "x"}, "Contact": {"LastName": "x"}}


def refusal(answer: requests.Response) -> tuple[int, str]:
    assert answer.status_code >= 400, answer.text
    return answer.status_code, answer.json()[0]["errorCode"]


@pytest.mark.parametrize(("kind", "fields", "code", "message"), UNWRITABLE)
def test_a_value_that_the_vendor_cannot_read_is_refused(emulated, kind, fields, code, message):
    answer = emulated.call("POST", f"sobjects/{kind}", json=REQUIRED[kind] | fields)

    assert refusal(answer) == (400, code)
    assert message in answer.json()[0]["message"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2026-01-01T09:00:00+09:00", "2026-01-01T00:00:00.000+0000"),
        ("2026-01-01T00:00:00.125Z", "2026-01-01T00:00:00.000+0000"),
        ("2026-01-01T00:00:00+0000", "2026-01-01T00:00:00.000+0000"),
        ("2026-01-01", "2026-01-01T00:00:00.000+0000"),
    ],
)
def test_the_documented_forms_of_an_instant_are_taken_and_kept_to_the_second(sf, an_account, given, stored):
    account = an_account(Portal_Last_SignIn__c=given)

    assert sf.Account.get(account)["Portal_Last_SignIn__c"] == stored


# -- orders: Object Reference, Order and OrderStatus; help, "Editing and Deletion Limitations for Orders" --------------
@pytest.fixture
def order(sf, an_account):
    book = sf.query("SELECT Id FROM Pricebook2 WHERE Name = 'Portal'")["records"][0]["Id"]
    fields = {"EffectiveDate": "2026-01-05", "Status": "Draft", "Pricebook2Id": book}
    return sf.Order.create({"AccountId": an_account(), **fields})["id"]


def an_item(sf, order: str) -> dict[str, object]:
    active = "Pricebook2.Name = 'Portal' AND IsActive = true"
    entry = sf.query(f"SELECT Id FROM PricebookEntry WHERE {active} LIMIT 1")["records"][0]["Id"]
    return {"OrderId": order, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 100}


@pytest.fixture
def activated(sf, order):
    sf.OrderItem.create(an_item(sf, order))
    sf.Order.update(order, {"Status": "Processed"})
    return order


def test_a_new_order_is_a_draft(emulated, an_account):
    fields = {"AccountId": an_account(), "EffectiveDate": "2026-01-05", "Status": "Activated"}

    assert refusal(emulated.call("POST", "sobjects/Order", json=fields)) == (400, "FAILED_ACTIVATION")


def test_a_status_that_the_org_has_not_is_refused(emulated, order):
    answer = emulated.call("PATCH", f"sobjects/Order/{order}", json={"Status": "Never heard of"})

    assert refusal(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    assert answer.json()[0]["fields"] == ["Status"]


def test_an_order_is_activated_with_products_and_by_its_status_alone(emulated, sf, order):
    path = f"sobjects/Order/{order}"

    empty = emulated.call("PATCH", path, json={"Status": "Activated"})
    sf.OrderItem.create(an_item(sf, order))
    together = emulated.call("PATCH", path, json={"Status": "Activated", "Description": "x"})
    alone = emulated.call("PATCH", path, json={"Status": "Activated"})

    assert refusal(empty) == refusal(together) == (400, "FAILED_ACTIVATION")
    assert "at least one product" in empty.json()[0]["message"]
    assert alone.status_code == 204
    record = sf.Order.get(order)
    assert (record["StatusCode"], record["ActivatedDate"] is not None) == ("Activated", True)


def test_an_activated_order_stays_with_its_account_and_its_products(emulated, sf, activated, an_account):
    item = sf.query(f"SELECT Id FROM OrderItem WHERE OrderId = '{activated}'")["records"][0]["Id"]

    gone = emulated.call("DELETE", f"sobjects/Order/{activated}")
    item_gone = emulated.call("DELETE", f"sobjects/OrderItem/{item}")
    one_more = emulated.call("POST", "sobjects/OrderItem", json=an_item(sf, activated))
    moved = emulated.call("PATCH", f"sobjects/Order/{activated}", json={"AccountId": an_account()})
    edited = emulated.call("PATCH", f"sobjects/OrderItem/{item}", json={"WHMCS_Service_ID__c": "7"})

    assert refusal(gone) == (400, "DELETE_FAILED")
    assert refusal(item_gone) == (400, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert refusal(one_more) == refusal(moved) == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert edited.status_code == 204  # help, "Editing ... Order Products": its fields can still be edited


def test_an_order_back_in_draft_can_be_deleted(emulated, sf, activated):
    sf.Order.update(activated, {"Status": "Draft"})

    assert emulated.call("DELETE", f"sobjects/Order/{activated}").status_code == 204


def test_products_need_the_order_s_price_book_and_an_active_entry(emulated, sf, order, an_account):
    bare = sf.Order.create({"AccountId": an_account(), "EffectiveDate": "2026-01-05", "Status": "Draft"})["id"]
    inactive = sf.query("SELECT Id FROM PricebookEntry WHERE Pricebook2.Name = 'Portal' AND IsActive = false")[
        "records"
    ]
    item = an_item(sf, order)
    sf.OrderItem.create(item)
    standard = sf.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")["records"][0]["Id"]

    without = emulated.call("POST", "sobjects/OrderItem", json=item | {"OrderId": bare})
    outdated = emulated.call("POST", "sobjects/OrderItem", json=item | {"PricebookEntryId": inactive[0]["Id"]})
    other_book = emulated.call("PATCH", f"sobjects/Order/{order}", json={"Pricebook2Id": standard})

    assert refusal(without) == refusal(outdated) == refusal(other_book) == (400, "FIELD_INTEGRITY_EXCEPTION")


# -- queries -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        # SOQL reference, "FIELDS()"
        ("SELECT Id, Name, id FROM Account", "INVALID_FIELD", "duplicate field selected: id"),
        ("SELECT Account.Name, Name FROM Account", "INVALID_FIELD", "duplicate field selected"),
        ("SELECT Id, FIELDS(ALL) FROM Account LIMIT 200", "INVALID_FIELD", "duplicate field selected: Id"),
        # only Apex knows ALL ROWS; over REST there is queryAll
        ("SELECT Id FROM Account ALL ROWS", "MALFORMED_QUERY", "ALL ROWS not allowed in this context"),
        # SOQL reference, "Comparison Operators": what a semi-join cannot have
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Order LIMIT 5)", "MALFORMED_QUERY", "semi-join"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Order ORDER BY Id)",
            "MALFORMED_QUERY",
            "semi-join",
        ),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Id, AccountId FROM Order)", "MALFORMED_QUERY", "single field"),
        # SOQL reference, "GROUP BY" and "Aggregate Functions"
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "grouped or aggregated: Name"),
        ("SELECT Status FROM Order GROUP BY Type", "MALFORMED_QUERY", "grouped or aggregated: Status"),
        ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT COUNT(Id) FROM Order GROUP BY CreatedDate", "MALFORMED_QUERY", "can not be grouped"),
        ("SELECT COUNT(), Status FROM Order GROUP BY Status", "MALFORMED_QUERY", "only element"),
        ("SELECT COUNT(Nope) FROM Order", "INVALID_FIELD", "No such column 'Nope'"),
    ],
)
def test_a_statement_that_the_vendor_refuses_is_refused(emulated, soql, code, message):
    answer = emulated.call("GET", "query", params={"q": soql})

    assert refusal(answer) == (400, code)
    assert message in answer.json()[0]["message"]


def test_the_rows_of_children_count_toward_a_page(emulated):
    soql = "SELECT Id, (SELECT Id FROM Orders), (SELECT Id FROM Cases) FROM Account"
    emulated.state.quirks["salesforce.query_rows"] = "20"
    page = emulated.call("GET", "query", params={"q": soql}).json()
    sizes, ids = [], []
    while True:
        children = [len(row[name]["records"]) for row in page["records"] for name in ("Orders", "Cases") if row[name]]
        sizes.append((len(page["records"]), sum(children), max(children, default=0)))
        ids += [row["Id"] for row in page["records"]]
        if page["done"]:
            break
        page = emulated.call("GET", page["nextRecordsUrl"].removeprefix("/services/data/v60.0/")).json()

    # "Query Options Header": a page ends with the row that fills it, its children included.
    assert all(20 <= rows + children <= 20 + 1 + 2 * most for rows, children, most in sizes[:-1])
    assert len(ids) == len(set(ids)) == len(emulated.world.accounts)


# -- versions: "API End-of-Life Policy", "SOAP API End-of-Life Policy" -------------------------------------------------
@pytest.mark.parametrize(
    ("version", "status", "code"), [("30.0", 410, "GONE"), ("9.0", 410, "GONE"), ("67.0", 404, "NOT_FOUND")]
)
def test_a_version_that_is_retired_or_not_there_is_refused(emulated, sf, version, status, code):
    answer = emulated.session().get(f"{emulated.url}/services/data/v{version}/limits", headers=sf.headers)

    assert refusal(answer) == (status, code)


@pytest.mark.parametrize(("version", "status"), [("64.0", 200), ("65.0", 500), ("30.0", 500)])
def test_login_by_soap_ended_with_version_65(emulated, version, status):
    named = "<username>hub@sandbox.example</username><password>sandbox-passwordTOKEN</password>"
    login = f'<body><login xmlns="urn:partner.soap.sforce.com">{named}</login></body>'
    answer = emulated.session().post(f"{emulated.url}/services/Soap/u/{version}", data=login)

    assert answer.status_code == status
    assert ("UNSUPPORTED_API_VERSION" in answer.text) == (status == 500)


def test_a_permission_can_be_withdrawn(emulated):
    emulated.state.quirks["salesforce.denied_resources"] = "limits"

    # "/limits" is for users with "View Setup and Configuration".
    assert refusal(emulated.call("GET", "limits")) == (403, "INSUFFICIENT_ACCESS")
    assert emulated.call("GET", "sobjects").status_code == 200


def test_any_text_of_a_composite_body_is_searched_for_references(emulated, an_account):
    account = an_account()
    url = "/services/data/v60.0/sobjects/"
    read = {"method": "GET", "url": f"{url}Account/{account}?fields=Name", "referenceId": "a"}

    def told(description: str) -> dict[str, object]:
        made = {"method": "POST", "url": url + "Case", "referenceId": "c", "body": {"Description": description}}
        answer = emulated.call("POST", "composite", json={"compositeRequest": [read, made]}).json()
        return answer["compositeResponse"][1]

    # REST guide, "Composite": references are resolved wherever they stand; a customer's words are no exception.
    assert told("I typed @{a.Name} here")["httpStatusCode"] == 201
    assert told("I typed @{a.Nothing} here")["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert told("I typed @{what I like}")["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert told("I typed @{a.Name here")["httpStatusCode"] == 201
