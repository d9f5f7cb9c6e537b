"""What operators ask and do: in one line when it cannot be, and as JSON for programs."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from domain.common.identifiers import hub_id
from tests.builders import account_of, insert, insert_customer
from tests.cli.conftest import Hub
from tests.conftest import Database


def test_the_history_of_a_record_is_shown_by_its_own_id(hub: Hub, joined: Database) -> None:
    with psycopg.connect(joined.owner) as connection:
        customer = insert_customer(connection)
        insert(
            connection, "sync.changes", entity="invoices", entity_id=hub_id("whmcs", "invoice", "31"),
            account_id=account_of(customer, "invoices"), operation="update", before={"total": 1}, after={"total": 2},
        )  # fmt: skip

    ended = hub("history", "invoice", "31", "--json")

    (row,) = json.loads(ended.out)
    assert (row["operation"], row["before"], row["after"]) == ("update", {"total": 1}, {"total": 2})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("history", "invoice", "32"), "saw no change of invoice 32"),
        (("history", "bill", "32"), "bill is none of"),
        (("history", "order", "801"), "no id of salesforce"),
        (("replay", "--since", "yesterday"), "yesterday is no moment"),
        (("sync", "customer", "nobody"), "customer wants one id"),
        (("sync", "salesfarce"), "there are salesforce"),
    ],
)
def test_what_cannot_be_is_said_in_so_many_words(
    hub: Hub, joined: Database, command: tuple[str, ...], said: str
) -> None:
    ended = hub(*command)

    assert ended.code != 0
    assert said in " ".join(ended.err.replace("│", " ").split())


def test_a_customer_that_nobody_knows_is_not_synced(hub: Hub, joined: Database) -> None:
    ended = hub("sync", "customer", str(uuid4()))

    assert ended.code == 1
    assert "no customer has the id" in ended.err


def test_notifications_are_applied_again_parked_put_off_or_not(hub: Hub, joined: Database) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    with psycopg.connect(joined.owner) as connection:
        for state in ("done", "parked"):
            insert(connection, "sync.inbox", source="whmcs", state=state)
        insert(connection, "sync.inbox", source="whmcs", state="waiting", due_at=later, attempts=6)

    ended = hub("replay", "--since", "2026-01-01")

    with psycopg.connect(joined.owner) as connection:
        rows = connection.execute("SELECT state, attempts, due_at <= clock_timestamp() FROM sync.inbox").fetchall()
    assert ended.code == 0
    assert rows == [("waiting", 0, True)] * 3


def test_each_system_says_how_it_is(hub: Hub, joined: Database) -> None:
    with psycopg.connect(joined.owner) as connection:
        insert(connection, "sync.sources", system="whmcs", circuit="open", reason="did not answer")
        insert(connection, "sync.inbox", source="whmcs", state="parked", error="refused")

    systems = {row["system"]: row for row in json.loads(hub("status", "--sources", "--json").out)}

    assert systems["whmcs"]["circuit"] == "open"
    assert (systems["whmcs"]["parked"], systems["whmcs"]["parked_reason"]) == (1, "refused")
    assert systems["freebit"]["circuit"] == "closed"


def test_dead_commands_are_named_before_anything_can_be_overlooked(hub: Hub, joined: Database) -> None:
    assert "dead" not in hub("status").out
    with psycopg.connect(joined.owner) as connection:
        stuck = insert(connection, "command.commands", kind="top_up", status="dead", failure_code="card_declined")
        insert(connection, "command.commands", kind="close_case", status="succeeded")

    said = hub("status").out

    assert "1 command is dead and waits for an operator" in said
    assert str(stuck["id"])[:8] in said
    assert "card_declined" in said
    assert "close_case" not in said


def test_why_rows_are_in_quarantine_is_said_with_how_many(hub: Hub, joined: Database) -> None:
    with psycopg.connect(joined.owner) as connection:
        insert(connection, "sync.freshness", dataset="whmcs.invoices", system="whmcs")
        for number, reason in enumerate(["date: malformed", "date: malformed", "total: missing"]):
            insert(
                connection, "sync.quarantine", dataset="whmcs.invoices", source_id=str(number), reason=reason,
                mapper_version="1",
            )  # fmt: skip

    invoices = {row["dataset"]: row for row in json.loads(hub("status", "--json").out)}["whmcs.invoices"]
    said = hub("status").out

    assert (invoices["quarantined"], invoices["quarantine_reasons"]) == (3, {"date: malformed": 2, "total: missing": 1})
    assert "date: malformed" in said


def test_a_channel_that_is_refused_is_shown_with_the_reason(hub: Hub, joined: Database) -> None:
    with psycopg.connect(joined.owner) as connection:
        insert(connection, "sync.streams", topic="/data/AccountChangeEvent", state="refused", error="no such topic")

    said = hub("status", "--sources").out

    assert "/data/AccountChangeEvent" in said
    assert "no such topic" in said
