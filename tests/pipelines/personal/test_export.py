"""All that is held of a customer, in one archive: theirs, and nothing of anybody else's."""

import hashlib
import io
import json
import tracemalloc
import zipfile
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from core.clock import utc_now
from domain.common.identifiers import account_id
from pipelines.personal.export import export
from pipelines.personal.holdings import customer_named
from sql.personal import personal_tables, secret
from sql.tables import metadata
from tests.builders import insert
from tests.pipelines.personal.conftest import Connection, crm_id, person, somebody

MINE, OTHERS = "canaryone", "canarytwo"


@pytest.fixture
def mine(owner: Connection) -> UUID:
    somebody(owner, OTHERS, 2002)
    return somebody(owner, MINE, 1001)


def exported(owner: Connection, identity: UUID) -> dict[str, bytes]:
    archive = io.BytesIO()
    with owner.transaction():
        export(owner, customer_named(owner, identity), archive, at=utc_now())
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_everything_personal_of_the_customer_is_in_it_and_nothing_of_anybody_else(
    owner: Connection, mine: UUID
) -> None:
    files = exported(owner, mine)

    held = {name.removesuffix(".json") for name, content in files.items() if MINE.encode() in content}
    # Why support looked is the house's.
    assert held >= {table.fullname for table in personal_tables()} - {"auth.views"}
    assert OTHERS.encode() not in b"".join(files.values())


def test_no_key_and_no_hash_is_in_it(owner: Connection, mine: UUID) -> None:
    files = exported(owner, mine)

    for table in metadata.tables.values():
        rows = json.loads(files.get(f"{table.fullname}.json", b"[]"))
        assert not {column.name for column in secret(table)} & {key for row in rows for key in row}
    assert len(json.loads(files["auth.refresh_tokens.json"])) == 1


def test_of_people_who_may_act_for_others_too_it_holds_what_they_do_for_this_customer(
    owner: Connection, mine: UUID
) -> None:
    other = account_id("salesforce", crm_id(2002))
    person(owner, "accountant", mine, other)
    person(owner, "bookkeeper", other, mine)

    files = exported(owner, mine)

    people = {row["email"] for row in json.loads(files["auth.users.json"])}
    assert people == {f"{MINE}@example.com", "accountant@example.com", "bookkeeper@example.com"}
    assert {row["device"] for row in json.loads(files["auth.sessions.json"])} == {MINE, "accountant"}
    assert {row["address"] for row in json.loads(files["auth.audit.json"])} == {MINE, "accountant"}
    assert {row["customer_id"] for row in json.loads(files["auth.memberships.json"])} == {str(mine)}


def seen(owner: Connection, agent: UUID, customer: UUID, address: str) -> None:
    """An agent looked at the customer as one of its people, and it was written down."""
    found = owner.execute("SELECT user_id FROM auth.memberships WHERE customer_id = %s ORDER BY 1", [customer])
    user = found.fetchall()[0][0]
    view = insert(owner, "auth.views", user_id=user, customer_id=customer, agent_id=agent, reason="a private note")
    owner.execute(
        "SELECT auth.note(%s, %s, 'view.read', %s, %s, jsonb_build_object('customer', %s::text))",
        [f"user:{agent}", f"user:{user}", f"view:{view['id']}", address, str(customer)],
    )


def test_of_support_it_holds_when_they_looked_and_neither_who_nor_why(owner: Connection, mine: UUID) -> None:
    agent = insert(owner, "auth.users", email="mika@example.com", is_agent=True)["id"]
    seen(owner, agent, mine, "192.0.2.77")

    files = exported(owner, mine)

    assert len(json.loads(files["auth.views.json"])) == 2
    entries = json.loads(files["auth.audit.json"])
    assert [each["action"] for each in entries].count("view.read") == 1
    for known in (str(agent), "192.0.2.77", "a private note"):
        assert known.encode() not in b"".join(files.values())


@pytest.mark.parametrize("is_agent", [True, False], ids=["of support", "of support no more"])
def test_of_a_customer_who_is_of_support_it_holds_nothing_of_whom_they_looked_at(
    owner: Connection, mine: UUID, is_agent: bool
) -> None:
    ((agent,),) = owner.execute("SELECT id FROM auth.users WHERE email = %s", [f"{MINE}@example.com"])
    owner.execute("UPDATE auth.users SET is_agent = %s WHERE id = %s", [is_agent, agent])
    other = account_id("salesforce", crm_id(2002))
    seen(owner, agent, other, "192.0.2.77")

    files = exported(owner, mine)

    assert "view.read" not in {each["action"] for each in json.loads(files["auth.audit.json"])}
    assert str(other).encode() not in b"".join(files.values())


def moved(owner: Connection, former: UUID | None, account: UUID) -> UUID:
    """A case that went from one account to another, and said something else since."""
    case = insert(owner, "support_cases", account_id=account)
    was, became = ({"account_id": of and str(of), "subject": said} for of, said in ((former, "was"), (account, "is")))
    owner.execute(
        "INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)"
        " VALUES ('support_cases', %s, %s, 'update', %s, %s)",
        [case["id"], account, Jsonb(was), Jsonb(became)],
    )
    identity: UUID = case["id"]
    return identity


def logged(owner: Connection, identity: UUID, row: UUID) -> list[list[str | None]]:
    """What the export's change log says that a row's subject was, and became."""
    entries = json.loads(exported(owner, identity)["sync.changes.json"])
    sides = [[each["before"], each["after"]] for each in entries if each["entity_id"] == str(row)]
    return [[side and side["subject"] for side in both] for both in sides]


def test_of_a_case_that_changed_hands_each_is_given_what_it_was_while_it_was_theirs(
    owner: Connection, mine: UUID
) -> None:
    other = account_id("salesforce", crm_id(2002))
    case = moved(owner, mine, other)

    assert logged(owner, mine, case) == [["was", None]]
    assert logged(owner, other, case) == [[None, "is"]]


def test_of_a_case_that_was_nobodys_its_customer_is_given_what_it_was(owner: Connection, mine: UUID) -> None:
    case = moved(owner, None, mine)

    assert logged(owner, mine, case) == [["was", "is"]]


def test_what_the_network_once_said_of_a_lines_number_is_not_in_it(owner: Connection, mine: UUID) -> None:
    """It may have been said of another customer's line, as long as both had the number."""
    (entry,) = (each for each in json.loads(exported(owner, mine)["sync.changes.json"]) if each["entity"] == "sims")

    columns = {column for (column,) in owner.execute("SELECT unnest(hub.network_columns())")}
    assert {"iccid", "status"} <= columns
    assert not columns & {*entry["before"], *entry["after"]}
    assert entry["before"]["msisdn"] == entry["after"]["msisdn"] == MINE


def test_the_manifest_says_what_is_in_each_file(owner: Connection, mine: UUID) -> None:
    files = exported(owner, mine)

    manifest = json.loads(files["manifest.json"])
    for table, said in manifest["files"].items():
        content = files[f"{table}.json"]
        rows: list[dict[str, Any]] = json.loads(content)
        assert said["rows"] == len(rows)
        assert said["sha256"] == hashlib.sha256(content).hexdigest()
        assert all(set(said["personal"]) <= row.keys() for row in rows)
    assert manifest["customer"] == str(mine)
    assert manifest["files"]["hub.customer_accounts"]["personal"][0] == "name"


def test_a_long_history_is_written_a_row_at_a_time(owner: Connection, mine: UUID) -> None:
    rows, size = 400, 100_000
    for _ in range(rows):
        insert(owner, "support_cases", account_id=mine, description="x" * size)
    found = customer_named(owner, mine)
    tracemalloc.start()

    with owner.transaction(), io.BytesIO() as archive:
        counted = export(owner, found, archive, at=utc_now())

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counted["hub.support_cases"] == rows + 1
    assert most < rows * size / 3


def test_whoever_has_nothing_but_an_account_has_that(owner: Connection) -> None:
    billing = account_id("whmcs", 3003)
    insert(owner, "customer_accounts", id=billing, source_id="3003", customer_id=billing)

    assert exported(owner, billing).keys() >= {"hub.customer_accounts.json", "manifest.json"}
