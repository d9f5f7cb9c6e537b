"""Entity tags: when a client may be told that what it has is what it would get.

The promise. A tag stands for four things, and changes with each: the id that the token names, the last change of what
its customer sees, the last change of what everybody sees (products and prices), and the day, at whose midnight in the
API's zone an unpaid invoice becomes overdue. While one of them is not known for sure, there is no tag.
"""

import time
from asyncio import sleep
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from core.settings import ApiSettings
from read_api.app import create_app
from read_api.live import follower as of_follower
from tests.builders import account_of, insert, insert_customer
from tests.conftest import as_api
from tests.waiting import PATIENCE_SECONDS

# 2025-06-10 23:59 in Tokyo.
BEFORE_MIDNIGHT = datetime(2025, 6, 10, 14, 59, tzinfo=UTC)

Client = httpx.AsyncClient


@pytest.fixture
def clock() -> list[datetime]:
    return [BEFORE_MIDNIGHT]


@pytest.fixture
def app(database: Any, api_settings: ApiSettings, clock: list[datetime]) -> Litestar:
    hub = as_api(database)
    return create_app(hub, api_settings, now=lambda: clock[0])


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[Client]:
    """As everywhere, and the log is followed."""
    database, follower = app.state["services"].database, app.state["services"].follower
    await database.open()
    follower.open()
    async with Client(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client
    await follower.close()
    await database.close()


async def tag_of(client: Client, path: str, headers: dict[str, str]) -> str:
    """The tag of a path's answer; the first answer to a customer has none, because nobody knew yet whose it is."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while "etag" not in (answer := await client.get(path, headers=headers)).headers:
        assert time.monotonic() < ends, "no answer has a tag"
        await sleep(0.01)
    tag: str = answer.headers["etag"]
    return tag


async def asked(client: Client, path: str, headers: dict[str, str], tag: str) -> httpx.Response:
    return await client.get(path, headers=headers | {"If-None-Match": tag})


async def changed(client: Client, path: str, headers: dict[str, str], tag: str) -> httpx.Response:
    """The first answer that is not `unchanged`."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while (answer := await asked(client, path, headers, tag)).status_code == 304:
        assert time.monotonic() < ends, "it stays unchanged"
        await sleep(0.01)
    return answer


def log(rows: Any, entity: str, record: object, account: object = None) -> None:
    rows.execute(
        "INSERT INTO sync.changes (entity, entity_id, account_id, operation) VALUES (%s, %s, %s, 'update')",
        [entity, record, account],
    )
    rows.execute("SELECT pg_notify('hub_changes', '')")


async def test_at_midnight_what_was_due_becomes_overdue_though_nothing_changed(
    client: Client, rows: Any, bearer: Any, clock: list[datetime]
) -> None:
    mine = insert_customer(rows)
    insert(rows, "invoices", account_id=account_of(mine, "invoices"), due_on=date(2025, 6, 10))
    headers, path = bearer(mine["id"]), "/api/invoices"
    tag = await tag_of(client, path, headers)
    on_the_day = (await client.get(path, headers=headers)).json()["data"][0]["status"]

    clock[0] += timedelta(seconds=59)
    before = await asked(client, path, headers, tag)
    clock[0] += timedelta(seconds=1)
    after = await asked(client, path, headers, tag)

    assert (on_the_day, before.status_code, before.headers["etag"]) == ("unpaid", 304, tag)
    assert (after.status_code, after.json()["data"][0]["status"]) == (200, "overdue")
    assert after.headers["etag"] != tag


@pytest.mark.parametrize("entity", ["prices", "products"])
async def test_a_new_price_is_shown_to_everybody_who_asks_again(
    client: Client, rows: Any, bearer: Any, entity: str
) -> None:
    product = insert(rows, "products")["id"]
    price = insert(rows, "prices", product_id=product, amount=100)["id"]
    path, everybody = "/api/catalog/products", [bearer(insert_customer(rows)["id"]) for _ in range(2)]
    tags = [await tag_of(client, path, headers) for headers in everybody]

    rows.execute("UPDATE hub.prices SET amount = 200")
    log(rows, entity, {"prices": price, "products": product}[entity])
    answers = [await changed(client, path, headers, tag) for headers, tag in zip(everybody, tags, strict=True)]

    assert [answer.json()["data"][0]["prices"][0]["value"] for answer in answers] == [200, 200]


@pytest.mark.parametrize("entity", ["invoices", "sims", "orders", "commands", "customers", "customer_accounts"])
async def test_a_change_of_the_customers_own_is_shown_to_it_and_concerns_nobody_else(
    client: Client, rows: Any, bearer: Any, entity: str
) -> None:
    mine, other = insert_customer(rows), insert_customer(rows)
    tags = {each["id"]: await tag_of(client, "/api/me", bearer(each["id"])) for each in (mine, other)}

    account = None if entity == "customers" else account_of(mine, entity)
    log(rows, entity, mine["id"], account)
    shown = await changed(client, "/api/me", bearer(mine["id"]), tags[mine["id"]])
    others = await asked(client, "/api/me", bearer(other["id"]), tags[other["id"]])

    assert (shown.status_code, others.status_code) == (200, 304)


async def test_two_ids_of_one_customer_have_tags_of_their_own(client: Client, rows: Any, bearer: Any) -> None:
    mine = insert_customer(rows)
    path = "/api/me"

    tags = {await tag_of(client, path, bearer(mine[name])) for name in ("id", "whmcs_account_id")}

    assert len(tags) == 2


async def test_of_several_tags_the_one_that_fits_counts(client: Client, rows: Any, bearer: Any) -> None:
    headers = bearer(insert_customer(rows)["id"])
    tag = await tag_of(client, "/api/me", headers)

    answers = [await asked(client, "/api/me", headers, each) for each in (f'"other", {tag}', '"other"', tag[:-2] + '"')]

    assert [answer.status_code for answer in answers] == [304, 200, 200]


async def test_only_what_was_read_is_called_unchanged(client: Client, rows: Any, bearer: Any) -> None:
    mine = insert_customer(rows)
    headers = bearer(mine["id"])
    tag = await tag_of(client, "/api/me", headers)

    nowhere = await client.get(f"/api/orders/{mine['id']}", headers=headers)
    posted = await client.post(
        "/api/support/cases",
        json={"subject": "Help", "description": "It does not work."},
        headers=headers | {"If-None-Match": tag, "Idempotency-Key": "a-key-of-mine"},
    )

    assert (nowhere.status_code, "etag" in nowhere.headers) == (404, False)
    assert posted.status_code == 202


async def test_once_the_log_was_not_looked_at_for_a_while_there_is_no_tag(
    app: Litestar, client: Client, rows: Any, bearer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(insert_customer(rows)["id"])
    tag = await tag_of(client, "/api/me", headers)
    follower = app.state["services"].follower
    await follower.close()  # so that it looks no more
    looked_at = follower._looked_at

    answers = []
    for later in (of_follower.CAUGHT_UP_SECONDS, of_follower.CAUGHT_UP_SECONDS + 0.1):
        monkeypatch.setattr(of_follower, "monotonic", lambda later=later: looked_at + later)
        answers.append(await asked(client, "/api/me", headers, tag))

    assert [(answer.status_code, "etag" in answer.headers) for answer in answers] == [(304, True), (200, False)]


async def test_what_was_forgotten_of_many_customers_is_taken_for_changed(
    client: Client, rows: Any, bearer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_follower, "REMEMBERED_CUSTOMERS", 1)
    mine, other = insert_customer(rows), insert_customer(rows)
    log(rows, "invoices", mine["id"], account_of(mine, "invoices"))
    log(rows, "invoices", other["id"], account_of(other, "invoices"))
    headers = bearer(mine["id"])
    tag = await tag_of(client, "/api/me", headers)

    log(rows, "invoices", mine["id"], account_of(mine, "invoices"))
    log(rows, "invoices", other["id"], account_of(other, "invoices"))

    assert (await changed(client, "/api/me", headers, tag)).status_code == 200
