"""How old an answer says it is (`meta`): never fresher than the stalest of the data sets that it is made of.

The promise. `asOf` is the earliest of their moments, `ageSeconds` counts from it, and `stale` says whether any of them
is older than its own target. Where one was never read, nothing is known up to any moment: `asOf` is null and the answer
stale, however fresh the others are.
"""

import sys
from datetime import datetime
from typing import Any

import httpx
import pytest

from pipelines.datasets import DATASETS
from read_api.app import FEATURES
from read_api.http.lists import Listing
from read_api.store.questions import Question
from tests.builders import insert, insert_customer

OF_INVOICES, OF_ITEMS = "whmcs.invoices", "whmcs.invoice_details"
HOUR = 3600


@pytest.fixture
def invoice(rows: Any) -> dict[str, Any]:
    customer = insert_customer(rows)
    return insert(rows, "invoices", account_id=customer["whmcs_account_id"]) | {"customer": customer["id"]}


def read(rows: Any, dataset: str, hours_ago: float | None, *, target_hours: float = 2) -> datetime | None:
    """A data set that was read so long ago; None: declared, and never read."""
    found = rows.execute(
        "INSERT INTO sync.freshness (dataset, system, target_seconds, as_of)"
        " VALUES (%s, 'whmcs', %s, now() - %s * interval '1 hour') RETURNING as_of",
        [dataset, int(target_hours * HOUR), hours_ago],
    ).fetchone()
    moment: datetime | None = found[0]
    return moment


async def meta(client: httpx.AsyncClient, bearer: Any, invoice: dict[str, Any]) -> dict[str, Any]:
    """Of an answer that two data sets are behind."""
    answer = await client.get(f"/api/invoices/{invoice['id']}", headers=bearer(invoice["customer"]))
    found: dict[str, Any] = answer.json()["meta"]
    return found


async def test_it_is_as_old_as_the_older_of_what_it_is_made_of(
    client: httpx.AsyncClient, rows: Any, bearer: Any, invoice: Any
) -> None:
    older = read(rows, OF_ITEMS, 1.5)
    read(rows, OF_INVOICES, 0.5)
    read(rows, "salesforce.orders", 24)  # has nothing to do with it

    found = await meta(client, bearer, invoice)

    assert datetime.fromisoformat(found["asOf"]) == older
    assert 1.5 * HOUR <= found["ageSeconds"] < 1.5 * HOUR + 60
    assert found["stale"] is False


@pytest.mark.parametrize(("hours", "is_stale"), [((1.9, 1.9), False), ((0.1, 2.1), True), ((2.1, 0.1), True)])
async def test_it_is_stale_when_any_of_them_is_older_than_its_target(  # noqa: PLR0917
    client: httpx.AsyncClient, rows: Any, bearer: Any, invoice: Any, hours: tuple[float, float], is_stale: bool
) -> None:
    read(rows, OF_INVOICES, hours[0])
    read(rows, OF_ITEMS, hours[1])

    assert (await meta(client, bearer, invoice))["stale"] is is_stale


async def test_each_has_a_target_of_its_own(client: httpx.AsyncClient, rows: Any, bearer: Any, invoice: Any) -> None:
    read(rows, OF_INVOICES, 1)
    read(rows, OF_ITEMS, 20, target_hours=24)

    assert (await meta(client, bearer, invoice))["stale"] is False


@pytest.mark.parametrize("is_declared", [True, False])
async def test_while_one_was_never_read_nothing_is_said_to_be_known(
    client: httpx.AsyncClient, rows: Any, bearer: Any, invoice: Any, is_declared: bool
) -> None:
    read(rows, OF_INVOICES, 0)
    if is_declared:
        read(rows, OF_ITEMS, None)

    assert await meta(client, bearer, invoice) == {"asOf": None, "ageSeconds": None, "stale": True}


async def test_a_clock_that_was_set_back_makes_nothing_younger_than_now(
    client: httpx.AsyncClient, rows: Any, bearer: Any, invoice: Any
) -> None:
    for dataset in (OF_INVOICES, OF_ITEMS):
        read(rows, dataset, -1)

    assert (await meta(client, bearer, invoice))["ageSeconds"] == 0


async def test_a_list_says_the_same(client: httpx.AsyncClient, rows: Any, bearer: Any, invoice: Any) -> None:
    moment = read(rows, OF_INVOICES, 3)

    found = (await client.get("/api/invoices", headers=bearer(invoice["customer"]))).json()["meta"]

    assert (datetime.fromisoformat(found["asOf"]), found["stale"]) == (moment, True)


async def test_readiness_counts_the_age_of_each_data_set(client: httpx.AsyncClient, rows: Any) -> None:
    read(rows, OF_INVOICES, 1)
    read(rows, OF_ITEMS, 3)
    read(rows, "whmcs.services", None)

    found = (await client.get("/health/ready")).json()["datasets"]

    ages = {each["dataset"]: (each["ageSeconds"] and round(each["ageSeconds"] / HOUR), each["stale"]) for each in found}
    assert ages == {OF_INVOICES: (1, False), OF_ITEMS: (3, True), "whmcs.services": (None, True)}


def test_what_an_answer_is_said_to_be_made_of_is_read_by_somebody() -> None:
    """A name that no data set has would make its answers unknown for ever."""
    values = [value for feature in FEATURES for value in vars(sys.modules[feature.__module__]).values()]
    questions = [value.question if isinstance(value, Listing) else value for value in values]
    named = {name for each in questions if isinstance(each, Question) for name in each.datasets}

    assert {"whmcs.services", "salesforce.orders", "freebit.line_usage"} <= named
    assert named <= {dataset.name for dataset in DATASETS}
