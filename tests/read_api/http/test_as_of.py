"""`asOf`: what the hub knew at a moment, and of its own customer only."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import quote

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from read_api.billing.controller import LISTINGS, Sort
from read_api.store.past import SCHEMAS, DatedQuestion, PresentTableError, past_of
from sql.tables import metadata
from tests.builders import account_of, insert, insert_customer
from tests.conftest import Database
from tests.read_api.conftest import furnish

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
THEN = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 5, 1, tzinfo=UTC)
NOW = datetime(2026, 7, 1, tzinfo=UTC)


def at(moment: datetime) -> str:
    return f"asOf={quote(moment.isoformat())}"


@pytest.fixture
def invoice(rows: Any) -> dict[str, Any]:
    """An invoice that was unpaid, was paid later, and was deleted after that."""
    customer = insert_customer(rows)
    account = account_of(customer, "whmcs")
    stored = insert(
        rows, "invoices", account_id=account, status="paid", total=1100, first_seen_at=LONG_AGO, deleted_at=NOW
    )
    log = {"entity": "invoices", "entity_id": stored["id"], "account_id": account}
    changed(rows, log, "update", {"status": "unpaid", "total": 900}, {"status": "paid", "total": 1100}, LATER)
    changed(rows, log, "delete", {"deleted_at": None}, {"deleted_at": NOW.isoformat()}, NOW)
    return stored | {"customer": customer["id"]}


def changed(  # noqa: PLR0917 - the columns of the log
    rows: Any, log: dict[str, Any], operation: str, before: Any, after: Any, when: datetime
) -> None:
    insert(rows, "sync.changes", **log, operation=operation, before=before, after=after, changed_at=when)


@pytest.mark.parametrize(
    ("moment", "reason"),
    [("2026-03-01T00:00:00", "offset"), ("2999-01-01T00:00:00Z", "to come"), ("yesterday", "asOf")],
)
async def test_a_moment_that_is_none_is_named(client, bearer, invoice, moment, reason):
    answer = await client.get(f"/api/invoices?asOf={moment}", headers=bearer(invoice["customer"]))

    assert answer.status_code == 400
    assert reason in answer.text


async def test_before_the_hub_knew_it_there_was_nothing(client, bearer, invoice):
    early = at(LONG_AGO - timedelta(days=1))

    answer = await client.get(f"/api/invoices?{early}", headers=bearer(invoice["customer"]))
    single = await client.get(f"/api/invoices/{invoice['id']}?{early}", headers=bearer(invoice["customer"]))

    assert answer.json()["data"] == []
    assert single.status_code == 404


async def test_what_differs_now_is_as_it_was(client, bearer, invoice):
    answer = await client.get(f"/api/invoices?{at(THEN)}", headers=bearer(invoice["customer"]))
    single = await client.get(f"/api/invoices/{invoice['id']}?{at(THEN)}", headers=bearer(invoice["customer"]))

    (found,) = answer.json()["data"]
    assert found["total"]["value"] == 900
    assert found["status"] in {"unpaid", "overdue"}
    assert single.json()["data"]["total"]["value"] == 900
    assert answer.json()["meta"]["historical"] is True
    assert datetime.fromisoformat(answer.json()["meta"]["asOf"]) == THEN


async def test_between_two_changes_only_the_first_has_happened(client, bearer, invoice):
    answer = await client.get(f"/api/invoices?{at(LATER)}", headers=bearer(invoice["customer"]))

    (found,) = answer.json()["data"]
    assert (found["total"]["value"], found["status"]) == (1100, "paid")


async def test_after_it_was_deleted_it_is_gone(client, bearer, invoice):
    answer = await client.get(f"/api/invoices?{at(NOW)}", headers=bearer(invoice["customer"]))

    assert answer.json()["data"] == []


async def test_filters_look_at_what_was(client, bearer, invoice):
    paid = await client.get(f"/api/invoices?status=paid&{at(THEN)}", headers=bearer(invoice["customer"]))
    later = await client.get(f"/api/invoices?status=paid&{at(LATER)}", headers=bearer(invoice["customer"]))

    assert (len(paid.json()["data"]), len(later.json()["data"])) == (0, 1)


async def test_nobody_elses_past_is_seen(client, bearer, invoice, rows):
    other = insert_customer(rows)

    answer = await client.get(f"/api/invoices?{at(THEN)}", headers=bearer(other["id"]))
    single = await client.get(f"/api/invoices/{invoice['id']}?{at(THEN)}", headers=bearer(other["id"]))

    assert answer.json()["data"] == []
    assert single.status_code == 404


@pytest.mark.parametrize("sort", ["-issueDate", "issueDate", "dueDate", "-dueDate"])
async def test_the_past_has_pages_too(client, bearer, rows, sort):
    customer = insert_customer(rows)
    for _ in range(5):
        insert(rows, "invoices", account_id=account_of(customer, "whmcs"), first_seen_at=LONG_AGO)
    seen, cursor = [], None
    while True:
        page = f"&cursor={cursor}" if cursor else ""
        url = f"/api/invoices?limit=2&sort={sort}&{at(THEN)}{page}"
        answer = (await client.get(url, headers=bearer(customer["id"]))).json()
        seen += [each["id"] for each in answer["data"]]
        cursor = answer["page"]["next"]
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == 5


async def test_a_cursor_of_the_present_is_none_of_the_past(client, bearer, rows):
    customer = insert_customer(rows)
    for _ in range(2):
        insert(rows, "invoices", account_id=account_of(customer, "whmcs"), first_seen_at=LONG_AGO)
    present = (await client.get("/api/invoices?limit=1", headers=bearer(customer["id"]))).json()["page"]["next"]

    answer = await client.get(f"/api/invoices?cursor={present}&{at(THEN)}", headers=bearer(customer["id"]))

    assert (answer.status_code, "cursor" in answer.text) == (400, True)


async def test_a_list_of_the_past_goes_on_at_the_moment_at_which_it_began(client, bearer, rows):
    customer = insert_customer(rows)
    for _ in range(2):
        insert(rows, "invoices", account_id=account_of(customer, "whmcs"), first_seen_at=LONG_AGO)
    who = bearer(customer["id"])
    cursor = (await client.get(f"/api/invoices?limit=1&{at(THEN)}", headers=who)).json()["page"]["next"]

    answer = await client.get(f"/api/invoices?cursor={cursor}&{at(LATER)}", headers=who)

    assert (answer.status_code, "cursor" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("table", "path", "column", "key"),
    [
        ("subscriptions", "/api/subscriptions", "status", "status"),
        ("orders", "/api/orders", "activation_status", "activationStatus"),
    ],
)
async def test_subscriptions_and_orders_have_a_past(*, client, bearer, rows, table, path, column, key):
    customer = insert_customer(rows)
    was, now = {"subscriptions": ("pending", "active"), "orders": ("activating", "activated")}[table]
    stored = insert(rows, table, account_id=account_of(customer, table), first_seen_at=LONG_AGO, **{column: now})
    log = {"entity": table, "entity_id": stored["id"], "account_id": stored["account_id"]}
    changed(rows, log, "update", {column: was}, {column: now}, LATER)

    listed = await client.get(f"{path}?{at(THEN)}", headers=bearer(customer["id"]))
    single = await client.get(f"{path}/{stored['id']}?{at(THEN)}", headers=bearer(customer["id"]))
    today = await client.get(f"{path}/{stored['id']}", headers=bearer(customer["id"]))

    assert listed.json()["data"][0][key] == was
    assert single.json()["data"][key] == was
    assert today.json()["data"][key] == now


async def test_an_invoice_had_the_items_and_payments_that_were_known_then(client, bearer, rows):
    customer = insert_customer(rows)
    account = account_of(customer, "invoices")
    invoice = insert(rows, "invoices", account_id=account, first_seen_at=LONG_AGO, items_as_of=NOW)["id"]
    parts = {"account_id": account, "invoice_id": invoice, "first_seen_at": LATER}
    item = insert(rows, "invoice_items", **parts, amount=1000)
    insert(rows, "invoice_items", **parts | {"first_seen_at": NOW})
    payment = insert(rows, "payments", **parts, deleted_at=NOW)
    for table, record, before, after, when in (
        ("invoices", invoice, {"items_as_of": None}, {"items_as_of": LATER.isoformat()}, LATER),
        ("invoices", invoice, {"items_as_of": LATER.isoformat()}, {"items_as_of": NOW.isoformat()}, NOW),
        ("invoice_items", item["id"], {"amount": 500}, {"amount": 1000}, NOW),
        ("payments", payment["id"], {"deleted_at": None}, {"deleted_at": NOW.isoformat()}, NOW),
    ):
        changed(rows, {"entity": table, "entity_id": record, "account_id": account}, "update", before, after, when)

    async def then(moment: datetime) -> tuple[Any, list[Any], list[Any]]:
        answer = await client.get(f"/api/invoices/{invoice}?{at(moment)}", headers=bearer(customer["id"]))
        data = answer.json()["data"]
        known = data["itemsAsOf"] and datetime.fromisoformat(data["itemsAsOf"])
        return known, [each["amount"]["value"] for each in data["items"]], [each["id"] for each in data["payments"]]

    assert await then(THEN) == (None, [], [])
    assert await then(LATER) == (LATER, [500], [str(payment["id"])])
    assert await then(NOW) == (NOW, [1000, 1000], [])


async def test_an_order_had_the_items_that_were_known_then(client, bearer, rows):
    customer = insert_customer(rows)
    account = account_of(customer, "orders")
    order = insert(rows, "orders", account_id=account, first_seen_at=LONG_AGO)["id"]
    parts = {"account_id": account, "order_id": order}
    item = insert(rows, "order_items", **parts, first_seen_at=LONG_AGO, quantity=2)
    insert(rows, "order_items", **parts, first_seen_at=LATER, quantity=7)
    log = {"entity": "order_items", "entity_id": item["id"], "account_id": account}
    changed(rows, log, "update", {"quantity": 1}, {"quantity": 2}, LATER)

    async def then(moment: datetime) -> set[int]:
        answer = await client.get(f"/api/orders/{order}?{at(moment)}", headers=bearer(customer["id"]))
        return {each["quantity"] for each in answer.json()["data"]["items"]}

    assert await then(THEN) == {1}
    assert await then(LATER) == {2, 7}


async def test_a_subscription_had_the_line_that_was_known_then(client, bearer, rows):
    customer = insert_customer(rows)
    account = account_of(customer, "subscriptions")
    subscription = insert(rows, "subscriptions", account_id=account, first_seen_at=LONG_AGO)["id"]
    sim = insert(rows, "sims", account_id=account, subscription_id=subscription, first_seen_at=LATER)["id"]

    async def then(moment: datetime) -> Any:
        url = f"/api/subscriptions/{subscription}?{at(moment)}"
        return (await client.get(url, headers=bearer(customer["id"]))).json()["data"]["simId"]

    assert await then(THEN) is None
    assert await then(LATER) == str(sim)


OWNED = sorted(table.name for table in metadata.tables.values() if table.schema == "hub" and "account_id" in table.c)


def a_later_world(rows: Any, owned: dict[str, Any]) -> None:
    """All that the customer had is deleted or done, others took its place, and it is billed in another currency."""
    for table in OWNED:
        deleted = SQL("UPDATE hub.{} SET deleted_at = %s RETURNING id, account_id").format(Identifier(table))
        for record, account in rows.execute(deleted, [NOW]).fetchall():
            log = {"entity": table, "entity_id": record, "account_id": account}
            changed(rows, log, "delete", {"deleted_at": None}, {"deleted_at": NOW.isoformat()}, NOW)
    for (account,) in rows.execute("UPDATE hub.customer_accounts SET currency = 'EUR' RETURNING id").fetchall():
        log = {"entity": "customer_accounts", "entity_id": account, "account_id": account}
        changed(rows, log, "update", {"currency": None}, {"currency": "EUR"}, NOW)
    rows.execute("UPDATE command.commands SET status = 'failed', finished_at = %s", [NOW])
    customer = owned["customers"]
    parents = {"invoice_id": owned["invoices"], "order_id": owned["orders"], "subscription_id": owned["subscriptions"]}
    for table in ("invoices", "subscriptions", "orders", "invoice_items", "payments", "order_items", "sims"):
        known = {name: value for name, value in parents.items() if name in metadata.tables[f"hub.{table}"].c}
        insert(rows, table, account_id=account_of(customer, table), first_seen_at=NOW, **known)
    crm = customer["salesforce_account_id"]
    insert(rows, "command.commands", account_id=crm, kind="place_order", accepted_at=NOW)


def dated_addresses(app: Any, owned: dict[str, Any]) -> list[str]:
    """Every address that takes `asOf`, as the API documents itself, for each order and each way to name a thing."""
    ids = {"invoice_id": ["invoices"], "subscription_id": ["subscriptions"], "order_id": ["orders", "submitted"]}
    found: list[str] = []
    for path, item in app.openapi_schema.paths.items():
        parameters = {each.name for each in (item.get.parameters or [])} if item.get else set()
        if "asOf" not in parameters:
            continue
        name = next((name for name in ids if f"{{{name}}}" in path), None)
        some = [path.replace(f"{{{name}}}", str(owned[each])) for each in ids[name]] if name else [path]
        found += [f"{each}?sort={sort}" for each in some for sort in get_args(Sort)] if "sort" in parameters else some
    return found


async def test_whatever_can_be_asked_of_the_past_answers_with_what_was(app, client, bearer, rows):
    owned = furnish(rows)
    crm = owned["customers"]["salesforce_account_id"]
    owned["submitted"] = insert(rows, "command.commands", account_id=crm, kind="place_order")["id"]
    for table in ("orders", "subscriptions"):
        insert(rows, "command.commands", account_id=account_of(owned["customers"], table), subject_id=owned[table])
    rows.execute("UPDATE command.commands SET accepted_at = %s", [LONG_AGO])
    for table in (*OWNED, "customer_accounts"):
        rows.execute(SQL("UPDATE hub.{} SET first_seen_at = %s").format(Identifier(table)), [LONG_AGO])
    rows.execute("UPDATE hub.invoices SET due_on = '2099-01-01'")  # so that no day makes it overdue
    asked = dated_addresses(app, owned)

    async def answers(suffix: str = "") -> dict[str, Any]:
        urls = [f"{each}{'&' if '?' in each else '?'}{suffix}" for each in asked]
        headers = bearer(owned["customers"]["id"])
        return {url.removesuffix(suffix): (await client.get(url, headers=headers)).json().get("data") for url in urls}

    before = await answers()
    unchanged = await answers(at(THEN))
    a_later_world(rows, owned)
    past = await answers(at(THEN))
    after = await answers()

    assert len(before) == 10
    assert all(before.values())
    assert unchanged == before
    assert past == before
    assert not [each for each in before if after[each] == before[each]]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM hub.invoices i",
        "SELECT 1 FROM {hub.invoices} a, hub.payments",
        "TABLE hub.invoices",
        "SELECT 1 FROM ONLY Hub . invoices AS i WHERE true",
        "SELECT 1 FROM command.commands pending WHERE true",
        "SELECT sync.request_items_refresh(NULL, NULL)",
        'SELECT 1 FROM "hub".invoices i WHERE true',
        'SELECT 1 FROM U&"\\0068ub".invoices i WHERE true',
        "SELECT 1 FROM/* */hub/**/.invoices i",
        "SELECT E'\\'--' FROM hub.invoices i --'",
        "SELECT '--' FROM hub.invoices i",
        "SELECT $$'$$ FROM hub.invoices i WHERE $$'$$ <> ''",
        "SELECT query_to_xml('SELECT * FROM hub.invoices', true, true, '')",
        "SELECT hub.current_account('whmcs') FROM hub.invoices i",
    ],
)
def test_a_question_that_could_read_the_present_cannot_be_asked_of_the_past(text):
    with pytest.raises(PresentTableError):
        past_of(text)


def test_a_file_that_names_a_table_itself_makes_no_question_about_the_past():
    with pytest.raises(PresentTableError, match="hub"):
        DatedQuestion("sim/sims")


def test_what_it_looks_for_is_all_that_the_api_could_name(database: Database) -> None:
    with psycopg.connect(database.api) as connection:
        usable = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'USAGE')"
            " AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
        ).fetchall()
        searched = connection.execute("SELECT unnest(current_schemas(true))").fetchall()
        in_public = connection.execute("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall()

    assert {each[0] for each in usable} == {*SCHEMAS, "public"}
    assert {each[0] for each in searched} <= {"pg_catalog", "public"}
    assert in_public == []


def test_a_question_about_the_past_computes_only_what_it_names(database: Database) -> None:
    then = LISTINGS["-issueDate"].question.then
    values = ", ".join(["NULL"] * (len(then.parameters) + 1))
    with psycopg.connect(database.api) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(b"PREPARE asked AS " + then.sql)
        plan = "\n".join(each[0] for each in connection.execute(f"EXPLAIN EXECUTE asked({values})").fetchall())

    assert "invoices_at" not in plan
    assert "on invoices now_" in plan
