"""No customer ever reads another's row."""

from typing import Any

import httpx
import psycopg
from psycopg.sql import SQL, Identifier

from read_api.store.questions import Question
from tests.read_api.conftest import addresses, furnish


def ids_of(owned: dict[str, Any]) -> set[str]:
    customer = owned["customers"]
    return {str(value) for table, value in owned.items() if table != "customers"} | {
        str(customer[name]) for name in ("id", "whmcs_account_id", "salesforce_account_id")
    }


async def test_no_address_shows_a_foreign_row(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    everybody = [furnish(rows) for _ in range(4)]

    for asking in everybody:
        for owner in everybody:
            if owner is asking:
                continue
            for address in addresses(owner):
                answer = await client.get(address, headers=bearer(asking["customers"]["id"]))
                assert answer.status_code in {200, 404}, address
                # A problem repeats the path that was asked for; nothing else may name the other's rows.
                shown = answer.text.replace(address, "")
                assert not [each for each in ids_of(owner) if each in shown], address


async def test_a_foreign_id_and_an_unknown_one_look_alike(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    mine, other = furnish(rows), furnish(rows)
    headers = bearer(mine["customers"]["id"])
    unknown = "/api/invoices/00000000-0000-5000-8000-000000000000"

    foreign = (await client.get(f"/api/invoices/{other['invoices']}", headers=headers)).json()
    nowhere = (await client.get(unknown, headers=headers)).json()

    assert foreign["status"] == nowhere["status"] == 404
    assert foreign | {"instance": ""} == nowhere | {"instance": ""}


async def test_own_rows_are_shown(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    mine = furnish(rows)

    for address in addresses(mine):
        answer = await client.get(address, headers=bearer(mine["customers"]["id"]))
        assert answer.status_code == 200, (address, answer.text)


async def test_every_id_a_customer_was_known_by_still_opens(client: httpx.AsyncClient, rows: Any, bearer: Any) -> None:
    mine = furnish(rows)

    answer = await client.get("/api/me", headers=bearer(mine["customers"]["whmcs_account_id"]))

    assert answer.json()["data"]["id"] == str(mine["customers"]["id"])


async def test_the_customer_is_forgotten_when_the_request_ends(
    client: httpx.AsyncClient, app: Any, rows: Any, bearer: Any
) -> None:
    mine = furnish(rows)
    await client.get("/api/invoices", headers=bearer(mine["customers"]["id"]))

    left = "SELECT current_setting('hub.customer_id', true), (SELECT count(*) FROM hub.invoices)"
    leaked = Question("leaked", text=left)
    found = [row for _ in range(4) for row in await app.state["services"].database.ask_openly(leaked)]

    assert {(name or b"", count) for name, count in found} == {(b"", b"0")}


def test_without_a_customer_the_role_sees_nothing(database: Any, rows: Any) -> None:
    mine = furnish(rows)
    with psycopg.connect(database.api) as connection:
        for table in mine:
            schema = "command" if table == "commands" else "hub"
            query = SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))
            assert connection.execute(query).fetchone() == (0,), table
