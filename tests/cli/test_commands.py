"""What commands print: JSON that programs read, text that survives a pipe."""

import json
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from core.settings import ApiSettings, load
from read_api.auth.tokens import verify
from tests.builders import insert_customer
from tests.cli.conftest import Hub
from tests.conftest import Database


def _quarantine(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute(
            "INSERT INTO sync.quarantine (dataset, source_id, payload, reason, mapper_version)"
            " VALUES (%s, %s, %s, %s, %s)",
            ["whmcs.invoices", "31", Jsonb({"date": "not-a-date"}), "date: malformed", "1"],
        )


def test_a_token_for_a_customer_nobody_knows_is_refused(hub: Hub, joined: Database) -> None:
    ended = hub("token", "--customer", str(uuid4()))

    assert ended.code == 1
    assert "hub customers list" in ended.err


def test_a_quarantined_row_that_does_not_exist_is_one_line(hub: Hub, joined: Database) -> None:
    ended = hub("quarantine", "show", "7")

    assert (ended.code, ended.err) == (1, "hub: no open row has number 7; see `hub quarantine list`\n")


def test_an_unknown_data_set_is_answered_with_those_there_are(hub: Hub, joined: Database) -> None:
    ended = hub("quarantine", "list", "--dataset", "whmcs.bills")

    assert ended.code == 1
    assert "whmcs.invoices" in ended.err


@pytest.mark.parametrize(
    "command", [("status",), ("quarantine", "list"), ("customers", "list"), ("quarantine", "retry")]
)
def test_json_is_a_list_even_of_nothing(hub: Hub, joined: Database, command: tuple[str, ...]) -> None:
    ended = hub(*command, "--json")

    assert ended.code == 0
    assert isinstance(json.loads(ended.out), list)


def test_status_names_every_data_set_and_what_was_never_read(hub: Hub, joined: Database) -> None:
    rows = {row["dataset"]: row for row in json.loads(hub("status", "--json").out)}

    assert rows["whmcs.services"]["rows"] == {"subscriptions": 0, "sims": 0}
    assert rows["whmcs.invoices"]["age_seconds"] is None
    assert rows["whmcs.invoices"]["stale"] is True


def test_customers_are_found_by_a_part_of_their_name_whatever_its_case(hub: Hub, joined: Database) -> None:
    with psycopg.connect(joined.sync) as connection:
        suzuki = insert_customer(connection, name="Suzuki Ltd")
        insert_customer(connection, name="Tanaka Ltd")

    rows = json.loads(hub("customers", "list", "--all", "--name", "suzuKI", "--json").out)

    assert [row["id"] for row in rows] == [str(suzuki["id"])]


def test_the_list_of_quarantine_withholds_what_was_sent_and_show_gives_it(hub: Hub, joined: Database) -> None:
    _quarantine(joined)

    listed = hub("quarantine", "list", "--json").out
    shown = hub("quarantine", "show", str(json.loads(listed)[0]["id"]))

    assert "not-a-date" not in listed
    assert json.loads(listed)[0]["source_id"] == "31"
    assert "not-a-date" in shown.out


def test_a_pipe_reads_plain_text_a_row_per_line(hub: Hub, joined: Database) -> None:
    _quarantine(joined)

    header, row = hub("quarantine", "list").out.splitlines()

    assert "reason" in header
    assert "date: malformed" in row
    assert "\x1b" not in header + row


def test_a_token_opens_the_api_for_its_customer_alone(hub: Hub, joined: Database) -> None:

    with psycopg.connect(joined.sync) as connection:
        customer = insert_customer(connection)["id"]

    token = hub("token", "--customer", str(customer)).out.strip()

    assert verify(load(ApiSettings), token) == customer


def test_psql_runs_a_statement_as_the_role_that_is_asked_for(joined: Database) -> None:
    command = [sys.executable, "-m", "cli", "psql", "--role", "hub_api", "-c", "select current_user"]

    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    assert "hub_api" in said


def test_psql_passes_on_that_a_statement_failed(hub: Hub, joined: Database) -> None:
    assert hub("psql", "-c", "select nonsense").code == 1
