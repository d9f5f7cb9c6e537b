"""A line may change to the plans that the application was made with, and to no other."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from core.settings import ApiSettings, HubSettings
from read_api.app import create_app
from tests.builders import account_of, insert, insert_customer


@pytest.fixture
def app(database: Any, api_settings: ApiSettings) -> Litestar:
    hub = HubSettings(database_url=database.owner, api_database_url=database.api)
    return create_app(hub, api_settings, plans=("ONLY",))


@pytest.mark.parametrize(("plan", "status"), [("ONLY", 202), ("SIM_5G", 422)])
async def test_a_plan_is_on_offer_or_not(
    client: httpx.AsyncClient, rows: Any, bearer: Any, plan: str, status: int
) -> None:
    customer = insert_customer(rows)
    line = insert(
        rows, "sims", account_id=account_of(customer, "sims"), msisdn="09012345678", status="active", is_open=True
    )
    headers = bearer(customer["id"]) | {"Idempotency-Key": "12345678"}

    answer = await client.post(f"/api/sims/{line['id']}/plan-changes", json={"planCode": plan}, headers=headers)

    assert answer.status_code == status, answer.text
    assert ("UNKNOWN_PLAN" in answer.text) == (status == 422)
