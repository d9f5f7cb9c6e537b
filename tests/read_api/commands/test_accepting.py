"""Accepting a change: answered at once, once per key, with every broken rule, and for one's own things only."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from sql.statements import statement
from tests.builders import insert, insert_customer

CART = {"type": "vpn", "items": [{"sku": "VPN"}, {"sku": "FEE"}]}


def product(rows: Any, sku: str, **values: Any) -> None:
    ordinary = {"category": "vpn", "item_class": "service", "whmcs_product_id": "1"}
    made = insert(rows, "products", sku=sku, **{**ordinary, **values})
    insert(rows, "prices", product_id=made["id"])


@pytest.fixture
def customer(rows: Any) -> Any:
    """A customer who may order what is in the cart."""
    product(rows, "VPN")
    product(rows, "FEE", item_class="activation")
    found = insert_customer(rows, address1="1-1", city="Minato", identity_status="verified")
    insert(rows, "payment_methods", account_id=found["whmcs_account_id"])
    return found


def keyed(bearer: Any, customer: Any, key: str | None = None) -> dict[str, str]:
    return {**bearer(customer["id"]), "Idempotency-Key": key or uuid4().hex}


async def test_an_order_is_accepted_with_the_addresses_to_follow_it_at(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    answer = await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))

    assert answer.status_code == 202
    said = answer.json()["data"]
    assert (said["kind"], said["status"]) == ("place_order", "accepted")
    assert answer.headers["location"] == said["command"] == f"/api/commands/{said['id']}"
    stored = rows.execute("SELECT status, input, request_id FROM command.commands").fetchall()
    assert stored == [("accepted", CART | {"items": [{"sku": "VPN", "quantity": 1}, {"sku": "FEE", "quantity": 1}]},
                       answer.headers["x-request-id"])]  # fmt: skip


async def test_while_the_database_takes_no_writes_an_order_may_be_tried_again_and_everything_is_shown(
    client: httpx.AsyncClient, database: Any, customer: Any, bearer: Any
) -> None:
    """As a standby answers until it is promoted."""
    key = uuid4().hex

    def takes_writes(*, does: bool) -> None:
        with psycopg.connect(database.owner, autocommit=True) as owner:
            change = "RESET default_transaction_read_only" if does else "SET default_transaction_read_only = on"
            owner.execute("SET default_transaction_read_only = off")
            owner.execute(f'ALTER DATABASE "{owner.info.dbname}" {change}'.encode())
            # Of this database alone: tests beside this one share the server.
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename LIKE 'hub_api%' AND datname = current_database()"
            )

    takes_writes(does=False)
    refused = await client.post("/api/orders", json=CART, headers=keyed(bearer, customer, key))
    shown = await client.get("/api/me", headers=bearer(customer["id"]))
    takes_writes(does=True)
    while (again := await client.post("/api/orders", json=CART, headers=keyed(bearer, customer, key))).is_server_error:
        assert again.status_code == 503  # its connections were just ended

    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert (shown.status_code, again.status_code) == (200, 202)


async def test_the_order_is_shown_at_once_as_submitted(client: httpx.AsyncClient, customer: Any, bearer: Any) -> None:
    said = (await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))).json()["data"]

    order = (await client.get(said["resource"], headers=bearer(customer["id"]))).json()["data"]
    listed = (await client.get("/api/orders", headers=bearer(customer["id"]))).json()["data"]
    command = (await client.get(said["command"], headers=bearer(customer["id"]))).json()["data"]

    assert (order["id"], order["status"], order["type"]) == (said["id"], "submitted", "vpn")
    assert [pending["commandId"] for pending in order["pending"]] == [said["id"]]
    assert [each["id"] for each in listed] == [said["id"]]
    assert (command["status"], command["subject"]) == ("accepted", {"kind": "orders", "id": said["id"]})


async def test_once_it_is_in_salesforce_the_order_goes_by_the_same_id(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    said = (await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))).json()["data"]
    insert(rows, "orders", account_id=customer["salesforce_account_id"], command_id=said["id"], status="draft")

    order = (await client.get(said["resource"], headers=bearer(customer["id"]))).json()["data"]
    listed = (await client.get("/api/orders", headers=bearer(customer["id"]))).json()["data"]

    assert (order["id"], order["status"]) == (said["id"], "draft")
    assert [(each["id"], each["status"]) for each in listed] == [(said["id"], "draft")]


async def test_the_same_key_and_body_get_the_same_answer_and_one_command(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    headers = keyed(bearer, customer)
    first = await client.post("/api/orders", json=CART, headers=headers)
    # What was right then need not be right now: it was accepted.
    rows.execute("DELETE FROM hub.payment_methods")

    again = await client.post("/api/orders", json=CART, headers=headers)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (1,)


async def test_a_key_stands_for_its_command_also_once_what_was_asked_is_forgotten(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    headers = keyed(bearer, customer)
    first = await client.post("/api/orders", json=CART, headers=headers)
    rows.execute("UPDATE command.commands SET status = 'failed', finished_at = now() - interval '91 days'")
    rows.execute(statement("housekeeping/forget_commands"), {"days": 90, "at_most": 10})

    again = await client.post("/api/orders", json=CART, headers=headers)
    other = await client.post("/api/orders", json=CART | {"activateOn": "2025-06-11"}, headers=headers)
    order = (await client.get(first.json()["data"]["resource"], headers=bearer(customer["id"]))).json()["data"]

    assert rows.execute("SELECT input, result FROM command.commands").fetchall() == [({"type": "vpn", "sim": {}}, None)]
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reused")
    assert (order["type"], order["status"]) == ("vpn", "failed")


async def test_the_same_key_with_another_body_is_refused(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    headers = keyed(bearer, customer)
    await client.post("/api/orders", json=CART, headers=headers)

    other = await client.post("/api/orders", json=CART | {"activateOn": "2025-06-11"}, headers=headers)

    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reused")
    assert other.json()["field"] == "Idempotency-Key"
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (1,)


async def test_one_key_does_not_stand_for_the_same_change_of_two_things(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    state = {"account_id": customer["whmcs_account_id"], "is_open": True, "status": "active"}
    lines = [insert(rows, "sims", **state, msisdn=f"0901234567{number}")["id"] for number in range(2)]
    headers = keyed(bearer, customer)

    answers = [
        await client.post(f"/api/sims/{line}/top-ups", json={"megabytes": 1000}, headers=headers) for line in lines
    ]

    assert [answer.status_code for answer in answers] == [202, 422]
    assert answers[1].json()["type"] == "/problems/key-reused"


async def test_two_at_once_under_one_key_are_one_command(database: Any, customer: Any) -> None:
    accept = "SELECT outcome, id FROM command.accept('place_order', 'salesforce', 'orders', NULL, NULL, 'one-key', 'h',"
    accept += " '{}', 'r', interval '1 day', gen_random_uuid(), '{}')"

    with psycopg.connect(database.api) as one, psycopg.connect(database.api, autocommit=True) as other:
        for connection, local in ((one, True), (other, False)):
            connection.execute(
                "SELECT set_config('hub.role', 'owner', %s), set_config('hub.customer_id', %s, %s)",
                [local, str(customer["id"]), local],
            )
        first = one.execute(accept.encode()).fetchone()
        other.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(accept.encode())
        one.commit()
        second = other.execute(accept.encode()).fetchone()

    assert first is not None
    assert second == ("repeated", first[1])


async def test_the_second_of_two_at_once_is_answered_as_a_repetition(database: Any, customer: Any, rows: Any) -> None:
    accept = (
        b"SELECT outcome, id FROM command.accept('place_order', 'salesforce', 'orders', NULL, NULL, 'one-key', 'h',"
    )
    accept += b" '{}', 'r', interval '1 day', gen_random_uuid(), '{}')"
    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    with (
        psycopg.connect(database.api) as one,
        psycopg.connect(database.api) as other,
        psycopg.connect(database.owner, autocommit=True) as watching,
        ThreadPoolExecutor() as pool,
    ):
        for connection in (one, other):
            connection.execute(
                "SELECT set_config('hub.role', 'owner', %s), set_config('hub.customer_id', %s, %s)",
                [True, str(customer["id"]), True],
            )
        first = one.execute(accept).fetchone()
        second = pool.submit(lambda: other.execute(accept).fetchone())
        while not watching.execute(waits).fetchall():
            assert not second.done(), second.result()
        one.commit()

        assert second.result() == ("repeated", first[1] if first else None)
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (1,)


async def test_every_broken_rule_is_said_at_once(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    rows.execute("DELETE FROM hub.payment_methods")
    cart = {"type": "vpn", "items": [{"sku": "NOPE"}, {"sku": "VPN", "quantity": 2}], "activateOn": "2025-06-01"}

    answer = await client.post("/api/orders", json=cart, headers=keyed(bearer, customer))

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/broken-rules")
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == {
        ("type", "PAYMENT_METHOD_MISSING"),
        ("items[0].sku", "UNKNOWN_SKU"),
        ("items[1].quantity", "ONE_SERVICE"),
        ("items", "ACTIVATION_FEE_MISSING"),
        ("activateOn", "ACTIVATION_DATE"),
    }
    assert rows.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


async def test_an_address_on_file_that_an_order_has_no_room_for_is_said_before_it_is_placed(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    rows.execute("UPDATE hub.customers SET city = %s", ["x" * 41])

    refused = await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))
    elsewhere = {"street": "1-1", "city": "Minato", "state": "Tokyo", "postcode": "105-0001"}
    accepted = await client.post("/api/orders", json=CART | {"address": elsewhere}, headers=keyed(bearer, customer))

    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [("address", "ADDRESS_TOO_LONG")]
    assert accepted.status_code == 202


async def test_a_top_up_that_could_not_be_paid_is_refused_at_once(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    sim = insert(
        rows, "sims", account_id=customer["whmcs_account_id"], is_open=True, status="active", msisdn="09012345678"
    )
    address, more = f"/api/sims/{sim['id']}/top-ups", {"megabytes": 1000}
    accepted = await client.post(address, json=more, headers=keyed(bearer, customer))
    rows.execute("DELETE FROM hub.payment_methods")

    unpaid = await client.post(address, json=more, headers=keyed(bearer, customer))
    rows.execute("UPDATE hub.sims SET msisdn = NULL")
    unknown = await client.post(address, json=more, headers=keyed(bearer, customer))

    assert accepted.status_code == 202
    assert [error["code"] for error in unpaid.json()["errors"]] == ["PAYMENT_METHOD_MISSING"]
    assert [error["code"] for error in unknown.json()["errors"]] == ["NO_NUMBER", "PAYMENT_METHOD_MISSING"]


@pytest.mark.parametrize(
    ("cart", "field"),
    [
        ({"type": "vpn"}, "items"),
        ({"type": "vpn", "items": []}, "items"),
        ({"type": "boat", "items": [{"sku": "VPN"}]}, "type"),
        ({"type": "vpn", "items": [{"sku": "VPN", "quantity": 0}]}, "items.0.quantity"),
        (CART | {"surprise": 1}, "surprise"),
        ({"type": "vpn", "items": [{"sku": "V\0PN"}]}, "items.0.sku"),
        (CART | {"sim": {"simType": "esim", "eid": "12"}}, "sim.eid"),
    ],
)
async def test_what_is_malformed_is_named(
    client: httpx.AsyncClient, customer: Any, bearer: Any, cart: Any, field: str
) -> None:
    answer = await client.post("/api/orders", json=cart, headers=keyed(bearer, customer))

    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("key", ["of8_char", "x" * 128])
async def test_a_key_may_be_short_or_long(client: httpx.AsyncClient, customer: Any, bearer: Any, key: str) -> None:
    answer = await client.post("/api/orders", json=CART, headers=keyed(bearer, customer, key))

    assert answer.status_code == 202


@pytest.mark.parametrize("key", [None, "of_7_ch", "spaces are not allowed", "x" * 129])
async def test_a_key_is_needed(client: httpx.AsyncClient, customer: Any, bearer: Any, key: str | None) -> None:
    headers = bearer(customer["id"]) | ({"Idempotency-Key": key} if key else {})

    answer = await client.post("/api/orders", json=CART, headers=headers)

    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


async def test_somebody_elses_command_is_not_there(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    other = insert_customer(rows)
    said = (await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))).json()["data"]

    assert (await client.get(said["command"], headers=bearer(other["id"]))).status_code == 404
    assert (await client.get(said["resource"], headers=bearer(other["id"]))).status_code == 404
    assert (await client.get("/api/commands", headers=bearer(other["id"]))).json()["data"] == []


async def test_the_same_key_of_two_customers_stands_for_two_commands(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    other = insert_customer(rows, address1="2-2", city="Ota")
    insert(rows, "payment_methods", account_id=other["whmcs_account_id"])

    both = [await client.post("/api/orders", json=CART, headers=keyed(bearer, one, "the-same-key"))
            for one in (customer, other)]  # fmt: skip

    assert [answer.status_code for answer in both] == [202, 202]
    assert both[0].json()["data"]["id"] != both[1].json()["data"]["id"]


async def test_no_more_than_twenty_may_be_open(
    client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any
) -> None:
    for _ in range(20):
        assert (await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))).status_code == 202

    answer = await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    rows.execute("UPDATE command.commands SET status = 'succeeded', finished_at = now() WHERE seq % 2 = 0")
    assert (await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))).status_code == 202


async def test_a_failed_order_says_why(client: httpx.AsyncClient, customer: Any, bearer: Any, rows: Any) -> None:
    said = (await client.post("/api/orders", json=CART, headers=keyed(bearer, customer))).json()["data"]
    rows.execute(
        "UPDATE command.commands SET status = 'failed', finished_at = now(), failure_code = 'ORDER_REFUSED',"
        " failure_reason = 'The order could not be created.'"
    )

    order = (await client.get(said["resource"], headers=bearer(customer["id"]))).json()["data"]

    assert order["status"] == "failed"
    assert order["failure"] == {"code": "ORDER_REFUSED", "reason": "The order could not be created."}
    assert order["pending"] == []


async def test_what_becomes_of_a_command_is_a_change_that_is_pushed(rows: Any, customer: Any) -> None:
    command = insert(rows, "command.commands", account_id=customer["salesforce_account_id"])
    rows.execute("UPDATE command.commands SET attempts = 1")
    rows.execute("UPDATE command.commands SET status = 'running'")

    told = rows.execute(
        "SELECT entity, entity_id, operation, after ->> 'status' FROM sync.changes ORDER BY seq"
    ).fetchall()

    assert told == [("commands", command["id"], "insert", None), ("commands", command["id"], "update", "running")]
