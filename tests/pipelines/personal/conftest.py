"""Customers of whom the hub holds something everywhere it can, each value with a mark of whose it is."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb
from sqlalchemy import Text

from domain.common.identifiers import account_id, hub_id, salesforce_id
from sql.personal import personal
from sql.tables import metadata
from tests.builders import account_of, insert
from tests.conftest import Database

Connection = psycopg.Connection[Any]
LONG = "2100-01-01T00:00:00Z"


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """As the owner, each statement a transaction of its own."""
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


def crm_id(number: int) -> str:
    """The Salesforce id of the account of `somebody` with that number in WHMCS."""
    return salesforce_id(f"0015i00000{number:05d}")


def somebody(connection: Connection, mark: str, number: int) -> UUID:
    """A customer; every personal column of every row holds the mark, and everything that is kept beside the rows."""
    crm, billing = account_id("salesforce", crm_id(number)), account_id("whmcs", number)
    customer = {"id": crm, "salesforce_account_id": crm, "whmcs_account_id": billing}
    for source, source_id, identity in (("salesforce", crm_id(number), crm), ("whmcs", str(number), billing)):
        said = marked("customer_accounts", mark)
        insert(
            connection, "customer_accounts", id=identity, source=source, source_id=source_id, customer_id=crm, **said
        )  # fmt: skip
        changed(connection, "customer_accounts", identity, identity, mark)
    insert(connection, "customers", **customer, **marked("customers", mark))
    changed(connection, "customers", crm, None, mark)
    own: dict[str, dict[str, object]] = {
        "support_cases": {"id": hub_id("salesforce", "case", f"{number}{mark}")},  # by which quarantine knows it
        "sims": {"is_open": False},  # with an open line, nobody is erased
    }
    for table in sorted(each.name for each in metadata.tables.values() if each.schema == "hub"):
        if "account_id" in metadata.tables[f"hub.{table}"].c:
            account = account_of(customer, table)
            said = own.get(table, {}) | marked(table, mark)
            row = insert(connection, table, account_id=account, source_id=f"{number}{mark}", **said)
            changed(connection, table, row["id"], account, mark)
            if metadata.tables[f"hub.{table}"].c.account_id.nullable:
                changed(connection, table, row["id"], None, mark)  # when it was nobody's yet
    command = insert(
        connection, "command.commands", customer_id=crm, account_id=billing, status="failed", kind="place_order",
        input={"type": "sim", "sim": {"porting": {"lastName": mark}}}, result={"name": mark}, failure_reason=mark,
        idempotency_key=f"key-{mark}", request_hash=mark,
    )  # fmt: skip
    insert(connection, "command.steps", command_id=command["id"], name="a", result={"a": mark}, error=mark)
    for dataset, source_id, payload in (
        ("salesforce.cases", f"500{mark}", {"Id": f"500{mark}", "AccountId": crm_id(number), "Subject": mark}),
        ("salesforce.cases", f"{number}{mark}", {"subject": mark}),
        ("sim.numbers", f"{number}{mark}", {"msisdn": mark}),
    ):
        insert(connection, "sync.quarantine", dataset=dataset, source_id=source_id, payload=payload)
    # All but the first are known by their rows, which say whose they are.
    insert(
        connection, "sync.inbox", source="whmcs", entity="client", record_id=str(number), event_id=mark, state="done",
        payload={"said": mark},
    )  # fmt: skip
    insert(
        connection, "sync.link_words", salesforce_id=crm_id(number), whmcs_id=str(number), reason=mark, is_linked=True
    )
    person(connection, mark, crm)
    return crm


def person(connection: Connection, mark: str, customer: UUID, *others: UUID) -> UUID:
    """Somebody who may act for these customers, and does for the first of them on one device, as the audit knows."""
    user = insert(connection, "auth.users", email=f"{mark}@example.com", password_hash=mark, lock_reason=mark)
    for each in (customer, *others):
        insert(connection, "auth.memberships", user_id=user["id"], customer_id=each)
    session = insert(connection, "auth.sessions", user_id=user["id"], customer_id=customer, device=mark)
    insert(connection, "auth.refresh_tokens", session_id=session["id"], used_by=mark.encode())
    with_factors(connection, user["id"], mark)
    insert(connection, "auth.ceremonies", session_id=session["id"], challenge_hash=mark.encode(), expires_at=LONG)
    insert(
        connection, "auth.messages",
        user_id=user["id"], email=f"{mark}@example.com", facts={"device": mark}, secret={"token": mark}, reason=mark,
    )  # fmt: skip
    insert(connection, "auth.messages", user_id=None, email=f"{mark}@EXAMPLE.com", facts={"device": mark})
    insert(connection, "auth.sign_ups", email=f"{mark}@EXAMPLE.com", password_hash=mark, code_hash=mark.encode())
    insert(connection, "auth.email_changes", user_id=user["id"], email=mark)
    insert(connection, "auth.invitations", user_id=user["id"], customer_id=customer, email=mark)
    insert(connection, "auth.views", user_id=user["id"], customer_id=customer, reason=mark)
    connection.execute(
        "SELECT auth.note(%s, NULL, 'login.succeeded', %s, %s)",
        [f"user:{user['id']}", f"session:{session['id']}", mark],
    )
    identity: UUID = user["id"]
    return identity


def with_factors(connection: Connection, user: UUID, mark: str) -> None:
    """The person has an app, a passkey and a recovery code, has begun with another app, and is logging in."""
    insert(
        connection, "auth.passkeys",
        user_id=user, name=mark, credential_id=mark.encode(), public_key=mark.encode(), sign_count=0, transports=[],
        is_backed_up=False,
    )  # fmt: skip
    insert(connection, "auth.devices", user_id=user, device=mark, token_hash=mark.encode(), expires_at=LONG)
    insert(connection, "auth.totp", user_id=user, secret="sealed", pending="sealed", last_step=1)
    insert(connection, "auth.recovery_codes", user_id=user, code_hash=user.bytes)
    insert(
        connection, "auth.challenges",
        user_id=user, token_hash=user.bytes, amr=["pwd"], verified="hash", forgiven="key", expires_at=LONG,
    )  # fmt: skip


def marked(table: str, mark: str) -> dict[str, object]:
    model = metadata.tables[f"hub.{table}"]
    return {column.name: mark for column in personal(model) if isinstance(column.type, Text)}


def changed(connection: Connection, table: str, row: UUID, account: UUID | None, mark: str) -> None:
    """It is in the change log, before and after."""
    said = {**marked(table, mark), "status": "active"}
    connection.execute(
        "INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)"
        " VALUES (%s, %s, %s, 'update', %s, %s)",
        [table, row, account, Jsonb(said), Jsonb(said)],
    )


def holds(connection: Connection, mark: str) -> list[str]:
    """The tables in which something holds the mark, but for ids of records."""
    found = []
    for table in metadata.tables.values():
        keys = {"source_id", "record_id", "event_id", "salesforce_id"} & set(table.c.keys())
        query = SQL("SELECT count(*) FROM {} r WHERE (to_jsonb(r) - %s::text[])::text LIKE %s").format(
            Identifier(str(table.schema), table.name)
        )
        row = connection.execute(query, [sorted(keys), f"%{mark}%"]).fetchone()
        if row and row[0]:
            found.append(table.fullname)
    return sorted(found)
