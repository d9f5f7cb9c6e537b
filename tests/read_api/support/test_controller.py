"""Support cases as their customer sees them."""

from datetime import timedelta
from typing import Any

import httpx

from tests.builders import NOON, insert, insert_customer


async def test_a_case_shows_what_was_said_on_it_oldest_first_and_no_notes(
    client: httpx.AsyncClient, rows: Any, bearer: Any
) -> None:
    mine = insert_customer(rows)
    account = mine["salesforce_account_id"]
    case = insert(rows, "support_cases", account_id=account)["id"]
    for minutes, author, body, more in (
        (5, "agent", "We look into it.", {}),
        (1, "customer", "It does not work.", {}),
        (6, "agent", "A note.", {"is_public": False}),
        (7, "agent", "Taken back.", {"deleted_at": NOON}),
    ):
        at = NOON + timedelta(minutes=minutes)
        said = {"author": author, "body": body, "written_at": at, **more}
        insert(rows, "case_comments", account_id=account, case_id=case, **said)

    answer = await client.get(f"/api/support/cases/{case}", headers=bearer(mine["id"]))

    comments = answer.json()["data"]["comments"]
    assert [(each["author"], each["body"]) for each in comments] == [
        ("customer", "It does not work."),
        ("agent", "We look into it."),
    ]
