"""Whose account is whose: explicit cross-references only; a contradiction keeps everybody apart and is shown."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from core.database import connect
from domain.common.identifiers import account_id
from pipelines.sync.linking import link_accounts
from tests.builders import NOON, insert

RUN = uuid4()


@pytest.fixture
def connection(database: Any) -> Iterator[psycopg.Connection[Any]]:
    with connect(database.sync, name="test") as connection:
        yield connection


def crm(connection: Any, source_id: str, *, number: str | None, claims: str | None = None) -> UUID:
    return _account(connection, "salesforce", source_id, account_number=number, partner_key=claims)


def billing(connection: Any, source_id: str, *, claims: str | None = None, details_read: bool = True) -> UUID:
    return _account(
        connection, "whmcs", source_id, partner_key=claims, details_as_of=NOON if details_read else None, email="a@b.c"
    )


def _account(connection: Any, system: Any, source_id: str, **values: object) -> UUID:
    identity = account_id(system, source_id)
    insert(
        connection, "customer_accounts", id=identity, source=system, source_id=source_id, customer_id=identity, **values
    )
    return identity


def claim(connection: Any, account: UUID, partner_key: str | None) -> None:
    connection.execute("UPDATE hub.customer_accounts SET partner_key = %s WHERE id = %s", [partner_key, account])


def linked(connection: Any, *touched: UUID) -> None:
    with connection.transaction():
        link_accounts(connection, touched, run_id=RUN)


def customer_of(connection: Any, account: UUID) -> tuple[UUID, str]:
    row = connection.execute(
        "SELECT customer_id, link_status FROM hub.customer_accounts WHERE id = %s", [account]
    ).fetchone()
    return row[0], row[1]


def customers(connection: Any) -> set[UUID]:
    return {row[0] for row in connection.execute("SELECT id FROM hub.customers WHERE deleted_at IS NULL").fetchall()}


def test_two_accounts_that_name_each_other_are_one_customer_under_the_crms_id(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    w = billing(connection, "1001", claims="C1")

    linked(connection, a, w)

    assert customer_of(connection, a) == (a, "linked")
    assert customer_of(connection, w) == (a, "linked")
    assert customers(connection) == {a}


@pytest.mark.parametrize(("crm_claims", "billing_claims"), [("1001", None), (None, "C1")])
def test_one_side_is_enough_when_the_other_says_nothing(connection, crm_claims, billing_claims):
    a = crm(connection, "001A", number="C1", claims=crm_claims)
    w = billing(connection, "1001", claims=billing_claims)

    linked(connection, w)

    assert customer_of(connection, w) == (a, "linked")


def test_until_billing_has_told_its_own_claim_nothing_is_linked(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    w = billing(connection, "1001", details_read=False)

    linked(connection, a, w)

    assert customer_of(connection, w) == (w, "unlinked")
    assert customers(connection) == {a, w}


def test_two_accounts_claiming_one_partner_stay_apart_and_are_shown_to_ops(connection):
    a, b = crm(connection, "001A", number="C1", claims="1001"), crm(connection, "001B", number="C2", claims="1001")
    w = billing(connection, "1001", claims="C1")

    linked(connection, a, b, w)

    assert [customer_of(connection, account)[0] for account in (a, b, w)] == [a, b, w]
    shown = connection.execute("SELECT source_id FROM sync.quarantine WHERE resolved_at IS NULL").fetchall()
    assert {row[0] for row in shown} == {"salesforce:001A", "salesforce:001B", "whmcs:1001"}


def test_claims_that_contradict_each_other_are_a_conflict_even_when_the_other_partner_is_unknown(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    w = billing(connection, "1001", claims="C999")

    linked(connection, a)

    assert customer_of(connection, a) == (a, "conflict")
    assert customer_of(connection, w) == (w, "conflict")


def test_a_rival_that_appears_later_breaks_the_link_until_it_withdraws(connection):
    a, w = crm(connection, "001A", number="C1", claims="1001"), billing(connection, "1001", claims="C1")
    linked(connection, a, w)
    rival = crm(connection, "001B", number="C2", claims="1001")

    linked(connection, rival)

    assert customer_of(connection, w) == (w, "conflict")
    assert customer_of(connection, a) == (a, "conflict")

    claim(connection, rival, None)
    linked(connection, rival, w)

    assert customer_of(connection, w) == (a, "linked")
    open_rows = connection.execute("SELECT count(*) FROM sync.quarantine WHERE resolved_at IS NULL").fetchone()
    assert open_rows == (0,)


def test_a_link_that_moves_takes_the_accounts_along_and_old_customer_ids_keep_resolving(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    first, second = billing(connection, "1001"), billing(connection, "1002")
    linked(connection, a, first, second)

    claim(connection, a, "1002")
    linked(connection, a)

    assert customer_of(connection, first) == (first, "unlinked")
    assert customer_of(connection, second) == (a, "linked")
    # `second` was a customer of its own once: that id still finds its customer, through the account it names.
    assert customers(connection) == {a, first}
    assert customer_of(connection, second)[0] == a


def test_an_account_deleted_at_its_source_leaves_its_partner_a_customer_of_its_own(connection):
    a, w = crm(connection, "001A", number="C1", claims="1001"), billing(connection, "1001")
    linked(connection, a, w)

    connection.execute("UPDATE hub.customer_accounts SET deleted_at = now() WHERE id = %s", [a])
    linked(connection, a)

    assert customer_of(connection, w) == (w, "unlinked")
    assert customers(connection) == {w}


def test_each_field_of_a_customer_comes_from_the_system_that_owns_it(connection):
    a = _account(connection, "salesforce", "001A", account_number="C1", partner_key="1001", name="Acme", address1=None)
    _account(
        connection, "whmcs", "1001", details_as_of=NOON, name="ACME KK", address1="1-2-3", phone="03", email="x@y.z"
    )

    linked(connection, a)

    row = connection.execute("SELECT name, account_number, address1, phone, email FROM hub.customers").fetchone()
    assert row == ("Acme", "C1", "1-2-3", "03", "x@y.z")


def test_judging_again_what_did_not_change_writes_nothing(connection):
    a, w = crm(connection, "001A", number="C1", claims="1001"), billing(connection, "1001", claims="C1")
    linked(connection, a, w)
    before = connection.execute("SELECT count(*) FROM sync.changes").fetchone()

    linked(connection, a, w)

    assert connection.execute("SELECT count(*) FROM sync.changes").fetchone() == before
