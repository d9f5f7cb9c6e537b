"""SIM lines as their customer sees them: the plans on offer, and the latest traffic."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from core.settings import ApiSettings
from read_api.app import create_app
from tests.builders import account_of, insert, insert_customer
from tests.conftest import as_api


@pytest.fixture
def app(database: Any, api_settings: ApiSettings) -> Litestar:
    hub = as_api(database)
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


async def test_traffic_is_shown_of_the_last_31_days_that_had_any(
    client: httpx.AsyncClient, rows: Any, bearer: Any
) -> None:
    customer = insert_customer(rows)
    line = insert(rows, "sims", account_id=account_of(customer, "sims"))
    first = date(2025, 1, 1)
    for day in range(40):
        insert(rows, "sim_usage", account_id=line["account_id"], sim_id=line["id"], used_on=first + timedelta(days=day))
    rows.execute("UPDATE hub.sim_usage SET deleted_at = now() WHERE used_on = '2025-02-08'")

    answer = await client.get(f"/api/sims/{line['id']}/usage", headers=bearer(customer["id"]))

    days = [each["date"] for each in answer.json()["data"]["recentDaysUsage"]]
    assert (len(days), days[0], days[1], days[-1]) == (31, "2025-02-09", "2025-02-07", "2025-01-09")
