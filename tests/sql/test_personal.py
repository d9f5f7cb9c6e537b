"""What is personal or secret is declared with the column.

Every column does so that free text or bytes fit into, of the tables of customers and of those that say who may come in.
"""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ARRAY, CheckConstraint, Column, Date, LargeBinary, Table, Text
from sqlalchemy.types import Boolean, DateTime, Integer, Numeric, Uuid

from pipelines.personal.holdings import customers_tables
from sql.personal import by_entity, erased, overwritten, page, personal, secret
from sql.tables import metadata

PAGE = Path(__file__).parents[2] / "docs" / "personal-columns.md"

# Tables in which no row is a customer's. Every other table is one of a customer's.
NOBODYS = {
    "auth.attempts", "auth.revocations", "auth.service_keys", "auth.signing_keys", "hub.products", "hub.prices",
    "sync.cursors", "sync.deletion_permits", "sync.freshness", "sync.runs", "sync.sources", "sync.streams",
    "sync.windows",
}  # fmt: skip
WHO_COMES_IN = [table for name, table in sorted(metadata.tables.items()) if table.schema == "auth"]
NO_TEXT = (Boolean, Date, DateTime, Integer, Numeric, Uuid)

TABLES = [table for name, table in sorted(metadata.tables.items()) if name not in NOBODYS]


def takes_any_text(column: Column[object]) -> bool:
    """Not a number, a date or an id, nor one of a few words."""
    checks = [each for each in column.constraints if isinstance(each, CheckConstraint)]
    is_system = column.name == "xid"  # PostgreSQL's number of a transaction
    return not (isinstance(column.type, NO_TEXT) or checks or is_system)


def undeclared(table: Table) -> list[str]:
    return [str(column) for column in table.c if takes_any_text(column) and "personal" not in column.info]


@pytest.mark.parametrize("table", sorted({*TABLES, *WHO_COMES_IN}, key=str), ids=str)
def test_every_column_that_takes_text_says_whether_it_is_personal(table: Table) -> None:
    assert undeclared(table) == [], 'declare it with personal=True, personal=False or personal="secret"'


@pytest.mark.parametrize("kind", [Text, LargeBinary, ARRAY(Text)], ids=str)
def test_a_column_that_says_nothing_is_noticed(kind: Any) -> None:
    table = metadata.tables["hub.customers"].to_metadata(type(metadata)())
    table.append_column(Column("nickname", kind))

    assert undeclared(table) == ["customers.nickname"]


def test_what_lets_somebody_in_is_secret() -> None:
    assert {str(column).removeprefix("auth.") for table in WHO_COMES_IN for column in secret(table)} == {
        "attempts.key", "audit.hash", "audit.previous", "ceremonies.challenge_hash", "ceremonies.client",
        "challenges.client", "challenges.code_hash", "challenges.forgiven", "challenges.token_hash",
        "challenges.verified", "devices.token_hash", "email_changes.token_hash", "invitations.token_hash",
        "messages.secret", "passkeys.credential_id", "passkeys.public_key", "password_links.token_hash",
        "recovery_codes.code_hash", "refresh_tokens.salt", "refresh_tokens.token_hash", "refresh_tokens.used_by",
        "service_keys.key_hash", "sign_ups.code_hash", "sign_ups.password_hash", "sign_ups.token_hash",
        "signing_keys.private_key", "totp.pending", "totp.secret",
        "users.password_hash",
    }  # fmt: skip


def test_every_table_of_customers_says_which_rows_are_whose() -> None:
    assert {table.fullname for table in customers_tables()} == {table.fullname for table in TABLES}


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_a_personal_column_that_may_not_be_empty_says_what_stands_there_after_an_erasure(table: Table) -> None:
    unsaid = [str(column) for column in overwritten(table) if not column.nullable and erased(column) == "NULL"]

    assert unsaid == []


@pytest.mark.parametrize("table", [each for each in TABLES if each.schema == "hub"], ids=str)
def test_what_sources_send_can_be_left_out(table: Table) -> None:
    """The sync stores null in its place (pipelines/sync/erased.py)."""
    assert [str(column) for column in personal(table) if not column.nullable or erased(column) != "NULL"] == []


def test_whose_keys_are_columns_has_an_entity_that_names_their_table() -> None:
    assert all("entity" in table.c for table in TABLES if by_entity(table))


def test_the_page_in_docs_is_what_the_columns_say() -> None:
    assert PAGE.read_text() == page(), "run: make docs"
