"""`hub customer`: what is held of a person is handed to the operator alone, or erased with a certificate."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.database import operator_login
from tests.builders import insert, insert_customer
from tests.cli.conftest import Hub
from tests.conftest import Database

NAME = "canaryone"


@pytest.fixture
def customer(joined: Database) -> UUID:
    with psycopg.connect(joined.owner) as connection:
        row = insert_customer(connection, name=NAME)
        insert(connection, "support_cases", account_id=row["id"], subject=NAME)
        identity: UUID = row["id"]
        return identity


def audited(hub: Hub, customer: UUID) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(hub("audit", "--record", f"customer:{customer}", "--json").out)
    return entries


def test_an_export_is_written_for_the_operator_alone(hub: Hub, customer: UUID, tmp_path: Path) -> None:
    path = tmp_path / "out.zip"

    said = hub("customer", "export", str(customer), "--to", str(path))

    assert said.code == 0, said.err
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        assert NAME in archive.read("hub.support_cases.json").decode()
    assert NAME not in said.out + said.err


def test_an_export_is_in_the_audit_once_it_was_made(hub: Hub, customer: UUID, tmp_path: Path) -> None:
    path = tmp_path / "out.zip"

    hub("customer", "export", str(customer), "--to", str(path))
    hub("customer", "export", str(customer), "--to", str(path))  # is refused: it is there already

    (entry,) = audited(hub, customer)
    assert (entry["actor"], entry["action"]) == (f"operator:{operator_login()}", "customer.exported")
    with zipfile.ZipFile(path) as archive:
        files = json.loads(archive.read("manifest.json"))["files"]
    assert entry["details"] == {"rows": sum(each["rows"] for each in files.values())}


def test_an_export_writes_over_no_file(hub: Hub, customer: UUID, tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    path.write_text("precious")

    said = hub("customer", "export", str(customer), "--to", str(path))

    assert (said.code, path.read_text()) == (1, "precious")
    assert "is there already" in said.err
    assert list(tmp_path.glob("*.part")) == []


def test_an_erasure_prints_a_certificate(hub: Hub, joined: Database, customer: UUID) -> None:
    said = hub("customer", "erase", str(customer), "--yes")

    assert said.code == 0, said.err
    certificate = json.loads(said.out)
    assert certificate["customer"] == str(customer)
    assert certificate["overwritten"]["hub.support_cases"] == 1
    assert len(certificate["sha256"]) == 64
    assert certificate["dagster"] == "no run is known that worked on this customer's commands"
    with psycopg.connect(joined.owner) as connection:
        assert connection.execute("SELECT name FROM hub.customers").fetchall() == [(None,)]


def test_whoever_signed_up_and_never_became_a_customer_is_named_by_their_mailbox(hub: Hub, joined: Database) -> None:
    with psycopg.connect(joined.owner) as connection:
        identity = insert(connection, "auth.sign_ups", email="hanako@example.com")["id"]

    said = hub("customer", "erase", "Hanako@Example.com", "--yes")

    assert said.code == 0, said.err
    assert json.loads(said.out)["customer"] == str(identity)
    with psycopg.connect(joined.owner) as connection:
        assert connection.execute("SELECT email FROM auth.sign_ups").fetchall() == [("erased",)]


@pytest.mark.parametrize("named", ["nobody@example.com", "hanako"])
def test_what_names_nobody_is_said(hub: Hub, joined: Database, named: str) -> None:
    said = hub("customer", "erase", named, "--yes")

    assert said.code != 0
    assert named not in said.out


def test_an_erasure_is_in_the_audit_once_it_was_done(hub: Hub, customer: UUID) -> None:
    hub("customer", "erase", str(customer), "--dry-run")
    assert audited(hub, customer) == []

    certificate = json.loads(hub("customer", "erase", str(customer), "--yes").out)

    (entry,) = audited(hub, customer)
    assert (entry["actor"], entry["action"]) == (f"operator:{operator_login()}", "customer.erased")
    assert entry["details"] == {"certificate": certificate["sha256"]}


def test_a_dry_run_says_what_would_go_and_keeps_it(hub: Hub, joined: Database, customer: UUID) -> None:
    said = hub("customer", "erase", str(customer), "--dry-run")

    assert "hub.support_cases" in said.out
    with psycopg.connect(joined.owner) as connection:
        assert connection.execute("SELECT name FROM hub.customers").fetchall() == [(NAME,)]


def test_without_a_yes_nothing_is_erased(
    hub: Hub, joined: Database, customer: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    assert hub("customer", "erase", str(customer)).code != 0

    with psycopg.connect(joined.owner) as connection:
        assert connection.execute("SELECT name FROM hub.customers").fetchall() == [(NAME,)]


def test_runs_that_cannot_be_reached_from_here_are_said(hub: Hub, joined: Database, customer: UUID) -> None:
    with psycopg.connect(joined.owner) as connection:
        insert(
            connection, "command.commands", customer_id=customer, account_id=customer, status="failed",
            dagster_run_id=str(uuid4()),
        )  # fmt: skip

    certificate = json.loads(hub("customer", "erase", str(customer), "--yes").out)

    assert certificate["dagster"].startswith("1 runs were not deleted: DAGSTER_HOME")


@pytest.mark.parametrize("verb", ["export", "erase"])
def test_a_customer_that_nobody_knows_is_one_line(hub: Hub, joined: Database, verb: str) -> None:
    said = hub("customer", verb, str(uuid4()), *(["--yes"] if verb == "erase" else []))

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "no customer has the id" in said.err


def test_work_under_way_is_one_line_that_says_what_to_do(hub: Hub, joined: Database, customer: UUID) -> None:
    with psycopg.connect(joined.owner) as connection:
        insert(connection, "command.commands", customer_id=customer, account_id=customer)

    said = hub("customer", "erase", str(customer), "--yes")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "hub commands cancel" in said.err
