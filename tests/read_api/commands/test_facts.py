"""What the rules of a request are told (the `facts` of each change): literal rows in, literal facts out.

The promise. Facts are of the customer who asks, and of what is there and in force: nothing that was deleted counts, a
change counts until it has ended, and a price counts if the portal may show it in the customer's own currency.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from read_api.customer import identity as of_identity
from read_api.orders import controller as of_orders
from read_api.sim import controller as of_sim
from read_api.store.database import Database
from read_api.subscriptions import controller as of_subscriptions
from read_api.support import controller as of_support
from tests.builders import NOON, account_of, insert, insert_customer

OPEN = ("accepted", "running", "waiting", "dead")
ENDED = ("succeeded", "failed", "cancelled")


@pytest.fixture
async def api(database: Any) -> AsyncIterator[Database]:
    api = Database(database.api, 1)
    await api.open()
    yield api
    await api.close()


@pytest.fixture
def mine(rows: Any) -> dict[str, Any]:
    other = insert_customer(rows)  # whose rows are nobody else's
    for table in ("payment_methods", "sims", "subscriptions"):
        insert(rows, table, account_id=account_of(other, table))
    return insert_customer(rows)


async def facts(api: Database, change: Any, customer: Any, input: Any = None, **values: Any) -> tuple[Any, Any]:
    """What is known, and the command that the key stands for."""
    given = {"input": json.dumps(input), "key": "a-key-of-mine", "id": None} | values
    found = await api.ask(change.facts, str(customer["id"]), {name: given[name] for name in change.facts.parameters})
    known, earlier = found.rows[0]
    return json.loads(known or b"null"), json.loads(earlier or b"null")


def cart(*skus: str) -> dict[str, Any]:
    return {"items": [{"sku": sku} for sku in skus]}


async def test_an_order_is_told_what_the_customer_has_and_where_it_lives(
    api: Database, rows: Any, mine: dict[str, Any]
) -> None:
    billing = mine["whmcs_account_id"]
    rows.execute(
        "UPDATE hub.customers SET address1 = '1-2-3', address2 = 'Room 4', city = 'Minato', state = 'Tokyo',"
        " postcode = '105-0001', identity_status = 'verified', internet_eligibility_status = 'eligible',"
        " internet_eligibility = 'Home 1G' WHERE id = %s",
        [mine["id"]],
    )
    insert(rows, "payment_methods", account_id=billing)
    insert(rows, "payment_methods", account_id=billing, deleted_at=NOON)
    insert(rows, "subscriptions", account_id=billing, service_type="internet", status="suspended")
    insert(rows, "subscriptions", account_id=billing, service_type="internet", deleted_at=NOON)
    insert(rows, "subscriptions", account_id=billing, service_type="sim")

    known, earlier = await facts(api, of_orders.PLACE, mine, cart())

    assert known == {
        "has_crm_account": True,
        "has_billing_account": True,
        "status": "active",
        "payment_methods": 1,
        "has_address": True,
        "address": {"street": "1-2-3\nRoom 4", "city": "Minato", "state": "Tokyo", "postcode": "105-0001"},
        "identity_status": "verified",
        "eligibility_status": "eligible",
        "eligibility": "Home 1G",
        "has_internet": False,
        "has_sim": True,
        "products": {},
    }
    assert earlier is None


@pytest.mark.parametrize(
    ("price", "has_price"),
    [
        ({}, True),
        ({"in_portal": False}, False),
        ({"is_active": False}, False),
        ({"deleted_at": NOON}, False),
        ({"currency": "USD"}, False),
        (None, False),
    ],
    ids=["in the portal", "elsewhere", "no longer", "deleted", "in another currency", "none"],
)
async def test_an_order_is_told_whether_the_customer_can_be_charged_for_a_product(
    api: Database, rows: Any, mine: dict[str, Any], price: dict[str, Any] | None, has_price: bool
) -> None:
    rows.execute("UPDATE hub.customer_accounts SET currency = 'JPY' WHERE id = %s", [mine["whmcs_account_id"]])
    product = insert(rows, "products", sku="A")["id"]
    if price is not None:
        insert(rows, "prices", product_id=product, **price)
    insert(rows, "prices", product_id=insert(rows, "products", sku="B")["id"])

    known, _ = await facts(api, of_orders.PLACE, mine, cart("A"))

    assert (list(known["products"]), known["products"]["A"]["has_price"]) == (["A"], has_price)


async def test_an_order_is_told_of_each_product_that_is_asked_for(
    api: Database, rows: Any, mine: dict[str, Any]
) -> None:
    plan = {"category": "sim", "item_class": "service", "whmcs_product_id": "7"}
    insert(rows, "products", sku="VOICE", **plan, sim_plan_type="VoiceOnly", sim_has_family_discount=True)
    insert(rows, "products", sku="DATA", **plan, sim_plan_type="DataOnly", sim_data_size="5GB")
    insert(rows, "products", sku="NO-PLAN", **plan, sim_data_size="")
    insert(rows, "products", sku="RETIRED", is_active=False, required_skus=["FEE"], exclusive_skus=["DATA"])
    insert(rows, "products", sku="HIDDEN", is_orderable=False, internet_offering_type="Home 1G")
    insert(rows, "products", sku="GONE", deleted_at=NOON)
    insert(rows, "products", sku="NOT-ASKED-FOR")

    known, _ = await facts(
        api, of_orders.PLACE, mine, cart("VOICE", "DATA", "NO-PLAN", "RETIRED", "HIDDEN", "GONE", "UNHEARD-OF")
    )

    def told(name: str) -> dict[str, Any]:
        return {sku: product[name] for sku, product in known["products"].items()}

    assert told("has_plan") == {"VOICE": True, "DATA": True, "NO-PLAN": False, "RETIRED": True, "HIDDEN": True}
    assert told("is_mapped") == {"VOICE": True, "DATA": True, "NO-PLAN": True, "RETIRED": False, "HIDDEN": False}
    assert told("is_orderable") == {"VOICE": True, "DATA": True, "NO-PLAN": True, "RETIRED": False, "HIDDEN": False}
    assert [sku for sku, is_so in told("is_data_only").items() if is_so] == ["DATA"]
    assert [sku for sku, is_so in told("for_families").items() if is_so] == ["VOICE"]
    assert (told("required")["RETIRED"], told("exclusive")["RETIRED"]) == (["FEE"], ["DATA"])
    assert told("offering")["HIDDEN"] == "Home 1G"


async def test_a_change_of_a_line_is_told_of_the_line(api: Database, rows: Any, mine: dict[str, Any]) -> None:
    billing = mine["whmcs_account_id"]
    rows.execute("UPDATE hub.customer_accounts SET currency = 'JPY' WHERE id = %s", [billing])
    insert(rows, "payment_methods", account_id=billing)
    insert(rows, "payment_methods", account_id=billing, deleted_at=NOON)
    line = insert(
        rows, "sims", account_id=billing, is_open=True, status="active", plan_code="SIM_5G", sim_type="esim",
        eid="8" * 32, has_voice=True, msisdn="09012345678",
    )["id"]  # fmt: skip
    for status in (*OPEN, *ENDED):
        insert(rows, "command.commands", account_id=billing, subject_id=line, kind=f"{status}_one", status=status)
    insert(rows, "command.commands", account_id=billing, kind="of_another_line")

    known, _ = await facts(api, of_sim.TOP_UP, mine, id=str(line))

    assert known | {"open_kinds": sorted(known["open_kinds"])} == {
        "status": "active",
        "plan_code": "SIM_5G",
        "sim_type": "esim",
        "eid": "8" * 32,
        "has_voice": True,
        "is_open": True,
        "is_disputed": False,
        "pending_operation": None,
        "pending_on": None,
        "currency": "JPY",
        "has_number": True,
        "payment_methods": 1,
        "open_kinds": sorted(f"{status}_one" for status in OPEN),
    }


@pytest.mark.parametrize(
    ("line", "has_line"),
    [
        ({"msisdn": "09012345678"}, True),
        ({"msisdn": None}, False),
        ({"msisdn": "09012345678", "is_open": False}, False),
        ({"msisdn": "09012345678", "deleted_at": NOON}, False),
    ],
    ids=["open", "without a number", "closed", "deleted"],
)
async def test_the_end_of_a_subscription_is_told_whether_a_line_must_end_first(
    api: Database, rows: Any, mine: dict[str, Any], line: dict[str, Any], has_line: bool
) -> None:
    billing = mine["whmcs_account_id"]
    subscription = insert(rows, "subscriptions", account_id=billing, service_type="sim")["id"]
    insert(rows, "sims", account_id=billing, subscription_id=subscription, **line)
    for status in ("dead", "succeeded"):
        insert(rows, "command.commands", account_id=billing, subject_id=subscription, kind=status, status=status)

    known, _ = await facts(api, of_subscriptions.CANCEL, mine, id=str(subscription))

    assert known == {"status": "active", "service_type": "sim", "has_line": has_line, "open_kinds": ["dead"]}


async def test_a_document_goes_to_the_account_that_the_crm_knows_the_customer_by(
    api: Database, rows: Any, mine: dict[str, Any]
) -> None:
    rows.execute("UPDATE hub.customer_accounts SET source_id = '001000000000001AAA' WHERE id = %s", [mine["id"]])

    known, _ = await facts(api, of_identity.SUBMIT, mine)

    assert known == {"identity_status": mine["identity_status"], "account": "001000000000001AAA"}


@pytest.mark.parametrize("change", [of_orders.PLACE, of_support.OPEN, of_identity.SUBMIT])
async def test_a_key_stands_for_the_customers_own_command_whichever_system_it_changes(
    api: Database, rows: Any, mine: dict[str, Any], change: Any
) -> None:
    other = insert_customer(rows)
    for customer in (other, mine):
        stored = insert(
            rows, "command.commands", account_id=customer["whmcs_account_id"], customer_id=customer["id"],
            idempotency_key="a-key-of-mine", request_hash=f"hash of {customer['id']}",
        )  # fmt: skip
    insert(rows, "command.commands", account_id=mine["whmcs_account_id"], idempotency_key="another-key")

    _, earlier = await facts(api, change, mine, cart())

    assert (earlier["id"], earlier["hash"]) == (str(stored["id"]), f"hash of {mine['id']}")
