"""A changed verdict on a line's number asks for the line to be read: also while it is being read for something else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from sql.statements import statement
from tests.builders import insert, insert_customer
from tests.conftest import Database


@pytest.fixture
def rows(database: Database) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database.sync, autocommit=True) as connection:
        yield connection


def requested(rows: "psycopg.Connection[Any]") -> list[tuple[Any, ...]]:
    return rows.execute("SELECT event_id, state, attempts FROM sync.inbox").fetchall()


def test_a_verdict_while_the_line_is_being_read_asks_for_another_reading(rows: "psycopg.Connection[Any]") -> None:
    account = insert_customer(rows)["whmcs_account_id"]
    line = insert(rows, "sims", account_id=account, is_open=True, msisdn="02000000001", source_id="7")
    request = insert(rows, "sync.inbox", source="hub", event_id="line:7", kind="record", entity="line", record_id="7",
                     attempts=3)  # fmt: skip
    reading_began = datetime.now(UTC)

    rows.execute("UPDATE hub.sims SET number_claim = 'disputed' WHERE id = %s", [line["id"]])
    rows.execute(statement("sync/inbox_done"), {"ids": [request["id"]], "claimed_at": reading_began})

    assert requested(rows) == [("line:7", "waiting", 0)]


def test_a_reading_that_began_after_the_verdict_is_the_one_that_was_asked_for(rows: "psycopg.Connection[Any]") -> None:
    account = insert_customer(rows)["whmcs_account_id"]
    line = insert(rows, "sims", account_id=account, is_open=True, msisdn="02000000001", source_id="7")
    rows.execute("UPDATE hub.sims SET number_claim = 'disputed' WHERE id = %s", [line["id"]])
    ((request,),) = rows.execute("SELECT id FROM sync.inbox").fetchall()

    rows.execute(statement("sync/inbox_done"), {"ids": [request], "claimed_at": datetime.now(UTC)})

    assert requested(rows) == [("line:7", "done", 0)]
