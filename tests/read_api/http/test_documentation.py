"""What the API says of itself."""

from typing import Any

import httpx
import msgspec
import pytest

from read_api.billing.models import InvoiceAnswer, InvoiceList, PaymentMethodList
from read_api.catalog.models import ProductList
from read_api.commands.models import CommandAnswer, CommandList
from read_api.customer.models import MeAnswer
from read_api.dashboard.models import DashboardAnswer
from read_api.orders.models import OrderAnswer, OrderList
from read_api.sim.models import SimAnswer, SimList, UsageAnswer
from read_api.subscriptions.models import ChargingInvoiceList, SubscriptionAnswer, SubscriptionList
from read_api.support.models import CaseAnswer, CaseList
from tests.builders import insert
from tests.read_api.conftest import NOW, addresses, furnish

# In the order of `addresses`.
MODELS = (
    MeAnswer,
    DashboardAnswer,
    *[InvoiceList] * 4,
    InvoiceAnswer,
    PaymentMethodList,
    SubscriptionList,
    SubscriptionAnswer,
    ChargingInvoiceList,
    SimList,
    SimAnswer,
    UsageAnswer,
    ProductList,
    OrderList,
    OrderAnswer,
    CaseList,
    CaseAnswer,
    CommandList,
    CommandAnswer,
)


async def test_every_answer_is_what_its_model_says(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    mine = furnish(rows)
    product = insert(rows, "products")
    insert(rows, "prices", product_id=product["id"])

    for address, model in zip(addresses(mine), MODELS, strict=True):
        answer = await client.get(address, headers=bearer(mine["customers"]["id"]))
        read = msgspec.json.decode(answer.content, type=model)
        assert read.data, address


async def test_the_openapi_document_is_3_1_and_asks_for_a_token(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["operationId"], path
            assert operation["description"], path
            # A phrase for people, not the name of a method.
            assert operation["description"].startswith(operation["summary"]), path
            assert " " in operation["summary"], path
            if path.startswith("/api"):
                assert operation["security"] == [{"bearerAuth": []}, {"serviceKey": [], "namedCustomer": []}], path
                assert {"400", "401", "503"} <= set(operation["responses"]), path
                # What must pass through at once is answered at once; every other change is accepted for later.
                answered = "200" if method == "get" or path.endswith("/pay-links") else "202"
                assert answered in operation["responses"], path


async def test_the_document_says_what_may_be_asked_for_and_which_rules_a_request_may_break(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/schema/openapi.json")).json()

    models = document["components"]["schemas"]
    asked = {
        models[operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]["title"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "202" in operation["responses"] and "$ref" in str(operation.get("requestBody", ""))
    }
    assert {"PlaceOrder", "TopUp", "AddComment", "UpdateAddress"} <= asked
    for name in asked:
        assert models[name]["additionalProperties"] is False, name
        assert models[name]["description"], name
    assert models["Porting"]["properties"]["reservationNumber"]["pattern"] == r"^[0-9]{10}$"
    for path, code in (("/api/orders", "PAYMENT_METHOD_MISSING"), ("/api/sims/{sim_id}/cancellations", "TOO_LATE")):
        assert code in document["paths"][path]["post"]["responses"]["422"]["description"]


async def test_the_documentation_page_needs_no_other_site(client: httpx.AsyncClient) -> None:
    page = await client.get("/schema")

    assert page.headers["content-type"].startswith("text/html")
    assert "/api/invoices/{invoice_id}" in page.text
    assert "One invoice with its items and payments</span>" in page.text
    assert "<script" not in page.text
    assert "<code>meta</code>" in page.text
    assert "`" not in page.text
    assert "http" not in page.text.replace("HTTP", "")


async def test_a_data_set_that_is_parked_is_seen_and_takes_the_api_out_of_no_service(
    client: httpx.AsyncClient, rows: Any
) -> None:
    insert(rows, "sync.freshness", dataset="whmcs.invoices", system="whmcs", parked_at=NOW, parked_reason="40 of 100")

    ready = await client.get("/health/ready")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert [each["parked"] for each in ready.json()["datasets"]] == [True]


@pytest.mark.parametrize("known", [True, False])
async def test_readiness_tells_the_age_of_each_data_set(client: httpx.AsyncClient, rows: Any, known: bool) -> None:
    if known:
        rows.execute(
            "INSERT INTO sync.freshness (dataset, system, target_seconds, as_of, checked_at)"
            " VALUES ('whmcs.invoices', 'whmcs', 60, now() - interval '2 minutes', now())"
        )

    ready = await client.get("/health/ready")

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert [(each["dataset"], each["stale"]) for each in ready.json()["datasets"]] == (
        [("whmcs.invoices", True)] if known else []
    )
