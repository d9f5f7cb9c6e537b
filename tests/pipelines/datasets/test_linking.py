"""Whose account is whose: as the CRM says, or an operator. What customers can write neither makes nor breaks a link."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from core.database import connect
from core.errors import NotFoundError
from domain.common.identifiers import account_id
from pipelines.datasets import linking as links
from pipelines.datasets.linking import link_accounts
from pipelines.sync.stage import create_stage
from sql.statements import statement
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
    """Change what an account says of its partner, with the entry that a sync makes of it."""
    connection.execute(
        """
        WITH was AS (SELECT id, partner_key FROM hub.customer_accounts WHERE id = %(account)s), changed AS (
            UPDATE hub.customer_accounts SET partner_key = %(key)s WHERE id = %(account)s
        )
        INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)
        SELECT 'customer_accounts', id, id, 'update', jsonb_build_object('partner_key', partner_key),
               jsonb_build_object('partner_key', %(key)s::text) FROM was
        """,
        {"account": account, "key": partner_key},
    )


def shown(connection: Any) -> dict[str, str]:
    """What operators are shown of the links: which account, why."""
    rows = connection.execute(
        "SELECT source_id, reason FROM sync.quarantine WHERE dataset = 'customer.links' AND resolved_at IS NULL"
    ).fetchall()
    return dict(rows)


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


def test_the_crms_word_is_enough_where_billing_says_nothing(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    w = billing(connection, "1001")

    linked(connection, w)

    assert customer_of(connection, w) == (a, "linked")


# WHMCS lets clients fill in custom fields themselves unless each is marked "admin only" (V: WHMCS docs, custom fields).
def test_a_number_that_a_client_wrote_links_nobody_and_is_reported_to_operators(connection):
    a = crm(connection, "001A", number="C1")
    w = billing(connection, "1001", claims="C1")

    linked(connection, w)

    assert customer_of(connection, w) == (w, "unlinked")
    assert customer_of(connection, a) == (a, "unlinked")
    assert shown(connection) == {"whmcs:1001": links.ONE_SIDED}


def test_a_client_who_names_anothers_account_keeps_his_own_link_and_breaks_nobodys(connection):
    a, w = crm(connection, "001A", number="C1", claims="1001"), billing(connection, "1001", claims="C1")
    victim, his = crm(connection, "001B", number="C2", claims="1002"), billing(connection, "1002", claims="C2")
    linked(connection, a, w, victim, his)

    claim(connection, w, "C2")
    linked(connection, w)

    assert customer_of(connection, w) == (a, "linked")
    assert customer_of(connection, his) == (victim, "linked")
    assert shown(connection) == {"whmcs:1001": links.OUTVOTED}


def test_a_client_who_was_never_linked_gains_nothing_by_anothers_number_and_is_not_known_by_it(connection):
    victim, his = crm(connection, "001B", number="C2", claims="1002"), billing(connection, "1002", claims="C2")
    attacker = billing(connection, "1009", claims="C2")

    linked(connection, victim, his, attacker)

    assert customer_of(connection, attacker) == (attacker, "unlinked")
    assert customer_of(connection, his) == (victim, "linked")
    assert shown(connection) == {"whmcs:1009": links.ONE_SIDED}
    number = connection.execute("SELECT account_number FROM hub.customers WHERE id = %s", [attacker]).fetchone()
    assert number == (None,)


def test_walking_through_all_numbers_breaks_no_link(connection):
    pairs = {
        billing(connection, f"20{n}", claims=f"C{n}"): crm(connection, f"001{n}", number=f"C{n}", claims=f"20{n}")
        for n in range(10)
    }  # fmt: skip
    linked(connection, *pairs, *pairs.values())
    attacker = next(iter(pairs))

    for n in range(10):
        claim(connection, attacker, f"C{n}")
        linked(connection, attacker)

        assert {each: customer_of(connection, each) for each in pairs} == {
            each: (its, "linked") for each, its in pairs.items()
        }


def test_until_billing_has_made_its_own_claim_nothing_is_linked(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    w = billing(connection, "1001", details_read=False)

    linked(connection, a, w)

    assert customer_of(connection, w) == (w, "unlinked")
    assert customers(connection) == {a, w}


def test_two_accounts_claiming_one_silent_client_stay_apart_and_are_shown_to_ops(connection):
    a, b = crm(connection, "001A", number="C1", claims="1001"), crm(connection, "001B", number="C2", claims="1001")
    w = billing(connection, "1001")

    linked(connection, a, b, w)

    assert [customer_of(connection, account)[0] for account in (a, b, w)] == [a, b, w]
    assert shown(connection) == dict.fromkeys(("salesforce:001A", "salesforce:001B", "whmcs:1001"), links.CONFLICT)


def test_of_two_accounts_that_name_one_client_the_one_it_names_back_wins(connection):
    a, b = crm(connection, "001A", number="C1", claims="1001"), crm(connection, "001B", number="C2", claims="1001")
    w = billing(connection, "1001", claims="C1")

    linked(connection, a, b, w)

    assert customer_of(connection, w) == (a, "linked")
    assert customer_of(connection, b) == (b, "conflict")
    assert shown(connection) == {"salesforce:001B": links.CONFLICT}


def test_a_client_that_names_another_account_which_the_crm_gave_it_too_moves_there(connection):
    w, b = billing(connection, "1001"), crm(connection, "001B", number="C2", claims="1001")
    linked(connection, b, w)
    a = crm(connection, "001A", number="C1", claims="1001")

    claim(connection, w, "C1")
    linked(connection, a, w)

    assert customer_of(connection, w) == (a, "linked")
    assert customer_of(connection, b) == (b, "conflict")


def test_a_link_is_not_begun_while_billing_says_otherwise_even_where_that_partner_is_unknown(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    w = billing(connection, "1001", claims="C999")

    linked(connection, a)

    assert customer_of(connection, a) == (a, "conflict")
    assert customer_of(connection, w) == (w, "conflict")


def test_the_old_and_the_new_target_of_a_changed_claim_are_judged_again_at_once(connection):
    a, b = crm(connection, "001A", number="C1", claims="1001"), crm(connection, "001B", number="C2", claims="1001")
    old, new = billing(connection, "1001"), billing(connection, "1002")
    linked(connection, a, b, old, new)
    assert customer_of(connection, old) == (old, "conflict")

    with connection.transaction():
        claim(connection, a, "1002")
        link_accounts(connection, [a], run_id=RUN)

    assert customer_of(connection, new) == (a, "linked")
    assert customer_of(connection, old) == (b, "linked")
    assert shown(connection) == {}


def test_each_link_that_is_made_moved_or_ended_is_written_down_for_good(connection):
    a = crm(connection, "001A", number="C1", claims="1001")
    first, second = billing(connection, "1001"), billing(connection, "1002")
    linked(connection, a, first, second)

    claim(connection, a, "1002")
    linked(connection, a, first)

    assert connection.execute(
        "SELECT account_id, former_customer_id, customer_id, said_by FROM sync.link_changes ORDER BY seq"
    ).fetchall() == [(first, first, a, "crm"), *sorted([(first, a, first, None), (second, second, a, "crm")])]


def test_whoever_follows_the_change_log_reads_of_each_link(connection):
    a, w = crm(connection, "001A", number="C1", claims="1001"), billing(connection, "1001")

    linked(connection, a, w)

    log = connection.execute(
        "SELECT before, after FROM sync.changes WHERE entity = 'customer_accounts' AND entity_id = %s", [w]
    ).fetchall()
    assert log == [
        ({"customer_id": str(w), "link_status": "unlinked"}, {"customer_id": str(a), "link_status": "linked"})
    ]


def test_an_operators_later_word_takes_the_place_of_the_earlier_one_that_it_contradicts(connection):
    a, first, second = crm(connection, "001A", number="C1"), billing(connection, "1001"), billing(connection, "1002")
    linked(connection, a, first, second)
    links.say_linked(connection, "001A", "1001", by="ops", reason="a guess")

    links.say_linked(connection, "001A", "1002", by="ops", reason="seen the contract")

    assert customer_of(connection, first) == (first, "unlinked")
    assert customer_of(connection, second) == (a, "linked")
    standing = connection.execute("SELECT whmcs_id FROM sync.link_words WHERE ended_at IS NULL").fetchall()
    assert standing == [("1002",)]


def test_an_operators_word_links_whom_no_claim_does_until_it_is_taken_back(connection):
    a, w = crm(connection, "001A", number="C1"), billing(connection, "1001", claims="C1")
    linked(connection, a, w)

    links.say_linked(connection, "001A", "1001", by="ops", reason="seen the contract")

    assert customer_of(connection, w) == (a, "linked")
    assert shown(connection) == {}

    links.say_apart(connection, "001A", "1001", by="ops", reason="was wrong")

    assert customer_of(connection, w) == (w, "unlinked")
    said = connection.execute(
        "SELECT is_linked, said_by, reason, ended_at IS NULL FROM sync.link_words ORDER BY id"
    ).fetchall()
    assert said == [(True, "ops", "seen the contract", False), (False, "ops", "was wrong", True)]


def test_an_operators_word_outweighs_the_crms(connection):
    a, b = crm(connection, "001A", number="C1", claims="1001"), crm(connection, "001B", number="C2", claims="1002")
    w, other = billing(connection, "1001", claims="C1"), billing(connection, "1002", claims="C2")
    linked(connection, a, b, w, other)

    links.say_apart(connection, "001A", "1001", by="ops", reason="a typing error in the CRM")
    assert customer_of(connection, w) == (w, "unlinked")

    links.say_linked(connection, "001A", "1002", by="ops", reason="it was meant")

    assert customer_of(connection, w) == (w, "unlinked")
    assert customer_of(connection, other) == (a, "linked")
    assert customer_of(connection, b) == (b, "unlinked")


def test_an_operator_cannot_link_what_is_not_there(connection):
    crm(connection, "001A", number="C1")

    with pytest.raises(NotFoundError, match="1001"):
        links.say_linked(connection, "001A", "1001", by="ops", reason="a guess")


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
    a = _account(connection, "salesforce", "001A", account_number="C1", partner_key="1001", name="Acme", phone="09")
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


def test_judging_links_looks_accounts_up_by_whatever_a_claim_may_name(connection):
    """Of 2,000 accounts of each system, not a filter over all of them for each that changed."""
    connection.execute(
        "INSERT INTO hub.customer_accounts (id, source, source_id, customer_id, partner_key, account_number)"
        " SELECT gen_random_uuid(), source, number::text, gen_random_uuid(), number::text, number::text"
        "   FROM generate_series(1, 2000) number, unnest(ARRAY['salesforce', 'whmcs']) source"
    )
    touched = [row[0] for row in connection.execute("SELECT id FROM hub.customer_accounts").fetchall()]
    connection.execute(statement("sync/begin_page"))

    explained = f"EXPLAIN {statement('sync/accounts_in_reach')}"
    plan = connection.execute(explained.encode(), {"touched": touched}).fetchall()

    text = "\n".join(line for (line,) in plan)
    assert "customer_accounts_source_id_idx" in text
    assert "Filter: (source_id" not in text
    assert "CTE words" in text


def test_customers_find_their_accounts_without_comparing_all_with_all_where_nothing_is_known_of_the_tables(connection):
    crms = [crm(connection, f"001{number}", number=f"C{number}", claims=str(number)) for number in range(1, 101)]
    clients = [billing(connection, str(number), claims=f"C{number}") for number in range(1, 101)]
    connection.execute(statement("sync/begin_page"))
    create_stage(connection, links.CUSTOMERS)

    explained = f"EXPLAIN {statement('sync/stage_customers')}"
    plan = connection.execute(explained.encode(), {"scope": [*crms, *clients], "former": []}).fetchall()

    text = "\n".join(line for (line,) in plan if " = ANY " not in line)
    assert "Join Filter" not in text, text


def test_accounts_of_a_long_page_are_judged_in_batches_and_linked_as_if_at_once(connection, monkeypatch):
    monkeypatch.setattr(links, "_AT_ONCE", 3)
    crms = [crm(connection, f"001{number}", number=f"C{number}", claims=str(number)) for number in range(1, 11)]
    clients = [billing(connection, str(number), claims=f"C{number}") for number in range(1, 11)]

    merged = link_accounts(connection, [*crms, *clients], RUN)

    linked = connection.execute("SELECT salesforce_account_id, whmcs_account_id FROM hub.customers").fetchall()
    assert (merged.inserted, sorted(linked)) == (10, sorted(zip(crms, clients, strict=True)))

    connection.commit()
    connection.execute("UPDATE hub.customer_accounts SET name = 'Renamed' WHERE source = 'salesforce'")
    renamed = link_accounts(connection, crms, RUN)

    assert (renamed.updated, renamed.written) == (10, 10)
