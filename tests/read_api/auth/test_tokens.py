"""How long a token is good for: not longer than the settings say, whatever it says itself, and not past deletion."""

from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from core.clock import utc_now
from core.settings import ApiSettings
from tests.read_api.conftest import furnish

ASKING = {"Idempotency-Key": "a-key-of-mine"}


def signed(settings: ApiSettings, customer: object, **claims: Any) -> dict[str, str]:
    """Headers with a token that is ours in every other respect; a claim of None is left out, a time is from now."""
    now = utc_now()
    usual = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": str(customer),
        "iat": now,
        "exp": now + timedelta(minutes=settings.jwt_minutes),
    }
    claims = {name: now + value if isinstance(value, timedelta) else value for name, value in claims.items()}
    said = {name: value for name, value in (usual | claims).items() if value is not None}
    key = settings.jwt_key.get_secret_value()
    return {"authorization": f"Bearer {jwt.encode(said, key, algorithm='HS256')}"}


async def test_a_token_of_the_longest_life_is_let_in(client: httpx.AsyncClient, rows: Any, api_settings: Any) -> None:
    mine = furnish(rows)["customers"]["id"]

    assert (await client.get("/api/me", headers=signed(api_settings, mine))).status_code == 200


async def test_a_token_of_a_portal_whose_clock_is_a_little_ahead_is_let_in(
    client: httpx.AsyncClient, rows: Any, api_settings: Any
) -> None:
    ahead = {"iat": timedelta(seconds=10), "exp": timedelta(minutes=5)}
    headers = signed(api_settings, furnish(rows)["customers"]["id"], **ahead)

    assert (await client.get("/api/me", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": timedelta(days=3650)},
        {"iat": timedelta(hours=-1), "exp": timedelta(minutes=10)},
        {"iat": timedelta(minutes=1), "exp": timedelta(minutes=5)},
        {"iat": timedelta(minutes=-5), "exp": timedelta(seconds=-2)},
        {"iat": None},
        {"iat": "yesterday"},
        {"iat": float("nan")},
        {"exp": float("inf")},
        {"exp": float("nan")},
    ],
    ids=[
        "ten years",
        "an hour by now",
        "from the future",
        "over a moment ago",
        "begins never",
        "begins somehow",
        "nan",
        "for ever",
        "no end",
    ],
)
async def test_a_token_that_lives_longer_than_the_settings_allow_is_refused(
    client: httpx.AsyncClient, rows: Any, api_settings: Any, claims: dict[str, Any]
) -> None:
    headers = signed(api_settings, furnish(rows)["customers"]["id"], **claims)

    answer = await client.get("/api/me", headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/invalid-token")


@pytest.mark.parametrize("claims", [{"aud": "another portal"}, {"iss": "another hub"}, {"aud": ["another portal"]}])
async def test_a_token_for_others_or_of_others_is_refused_though_its_customer_is_known(
    client: httpx.AsyncClient, rows: Any, api_settings: Any, claims: dict[str, Any]
) -> None:
    headers = signed(api_settings, furnish(rows)["customers"]["id"], **claims)

    assert (await client.get("/api/me", headers=headers)).status_code == 401


async def test_a_token_for_development_names_nobody_who_looks(
    client: httpx.AsyncClient, rows: Any, api_settings: ApiSettings
) -> None:
    """It would live as long as a view, and act in any role."""
    headers = signed(api_settings, furnish(rows)["customers"]["id"], act={"sub": "operator:mika"})

    assert (await client.get("/api/me", headers=headers)).status_code == 401


@pytest.mark.parametrize("table", ["customers", "customer_accounts"])
async def test_a_deleted_customers_token_neither_reads_nor_writes(
    client: httpx.AsyncClient, rows: Any, bearer: Any, table: str
) -> None:
    owned = furnish(rows)
    mine = owned["customers"]["id"]
    headers = bearer(mine)
    line = f"/api/sims/{owned['sims']}"
    assert (await client.get(line, headers=headers)).status_code == 200

    rows.execute(f"UPDATE hub.{table} SET deleted_at = now() WHERE id = %s", [mine])  # noqa: S608

    answers = [await client.get(each, headers=headers) for each in ("/api/me", line, "/api/invoices", "/api/commands")]
    written = await client.post(f"{line}/top-ups", headers=headers | ASKING, json={"megabytes": 1000})
    assert [each.status_code for each in (*answers, written)] == [401] * 5
    assert rows.execute("SELECT count(*) FROM command.commands WHERE idempotency_key = 'a-key-of-mine'").fetchone() == (
        0,
    )
