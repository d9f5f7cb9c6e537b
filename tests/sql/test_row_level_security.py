"""Who sees what, asked of the database itself: the API can hold no bug that shows one customer another's rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier

from sql.migrate import upgrade
from sql.tables import metadata
from tests.builders import account_of, insert, insert_customer
from tests.conftest import Database

HUB = sorted(table.name for table in metadata.tables.values() if table.schema == "hub")
SYNC = sorted(table.name for table in metadata.tables.values() if table.schema == "sync")
SHARED = {"products", "prices"}
OF_THE_DOOR = (
    "accept_invitation", "act_for", "add_passkey", "attempt", "authenticated_at", "begin_ceremony", "begin_link",
    "begin_passkey", "begin_session", "begin_sign_up", "begin_totp", "begin_view", "change_member", "change_password",
    "complete_sign_up", "confirm_email", "confirm_totp", "devices_of", "end_all_sessions", "end_invitation",
    "end_passkey", "end_session", "end_session_of", "end_totp", "end_views", "enter_by_passkey", "factors_of",
    "forget_device", "invitation", "invitations_of", "invite", "known", "me", "me_by_view", "meet_challenge", "members",
    "note", "note_view", "open_challenge", "passkey", "password_link", "password_of", "proving", "refresh",
    "remember_device", "renew_recovery_codes", "request_email_change", "request_password_link", "second_methods",
    "send_code", "sessions_of", "set_password_by_link", "sign_up", "signing_key", "step_up", "step_up_methods",
    "tell_limited", "try_challenge", "verify_sign_up", "verifying", "views_of", "waits_for_code",
)  # fmt: skip
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

Ids = dict[str, set[UUID]]


def a_customer_with_everything(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    customer = insert_customer(connection)
    for table in HUB:
        if "account_id" in metadata.tables[f"hub.{table}"].c:
            insert(connection, table, account_id=account_of(customer, table))
    return customer


def ids(connection: psycopg.Connection[Any], schema: str = "hub") -> Ids:
    return {
        table: {row[0] for row in connection.execute(SQL("SELECT id FROM {}").format(Identifier(schema, table)))}
        for table in HUB
    }


def ids_of(everything: psycopg.Connection[Any], customer: dict[str, Any]) -> Ids:
    """What belongs to a customer, told from the rows themselves."""
    accounts = [customer["salesforce_account_id"], customer["whmcs_account_id"]]
    owned = ids(everything)
    for table in set(HUB) - SHARED - {"customers", "customer_accounts"}:
        rows = everything.execute(
            SQL("SELECT id FROM hub.{} WHERE account_id = ANY(%s)").format(Identifier(table)), [accounts]
        )
        owned[table] = {row[0] for row in rows}
    return owned | {"customers": {customer["id"]}, "customer_accounts": set(accounts)}


@contextmanager
def as_customer(url: str, customer_id: object) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('hub.customer_id', %s, true)", [str(customer_id)])
        yield connection


@pytest.fixture
def two(database: Database) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two customers with a row in every table, and a catalogue."""
    with psycopg.connect(database.sync) as connection:
        insert(connection, "products")
        insert(connection, "prices")
        return a_customer_with_everything(connection), a_customer_with_everything(connection)


NOTHING: Ids = {table: set() for table in HUB}


@pytest.mark.usefixtures("two")
def test_with_no_customer_set_every_table_is_empty_to_the_api(database: Database) -> None:
    with psycopg.connect(database.api) as connection:
        assert ids(connection) == NOTHING


@pytest.mark.usefixtures("two")
def test_with_an_unknown_customer_every_table_is_empty_to_the_api(database: Database) -> None:
    with as_customer(database.api, uuid4()) as connection:
        assert ids(connection) == NOTHING


@pytest.mark.usefixtures("two")
def test_a_customer_that_is_no_id_is_refused(database: Database) -> None:
    with (
        as_customer(database.api, "' OR true --") as connection,
        pytest.raises(psycopg.errors.InvalidTextRepresentation),
    ):
        ids(connection)


def test_the_customer_is_forgotten_when_its_transaction_ends(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with as_customer(database.api, two[0]["id"]) as connection:
        connection.commit()

        assert ids(connection) == NOTHING


def test_a_case_that_belongs_to_nobody_is_shown_to_nobody(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with psycopg.connect(database.sync) as connection:
        case = insert(connection, "support_cases", account_id=None)["id"]
        comment = insert(connection, "case_comments", account_id=None, case_id=case)["id"]

    for customer in (*(each["id"] for each in two), "", uuid4()):
        with as_customer(database.api, customer) as connection:
            seen = ids(connection)
        assert case not in seen["support_cases"]
        assert comment not in seen["case_comments"]


@pytest.mark.parametrize("which", [0, 1])
def test_a_customer_sees_its_own_rows_of_every_table_and_the_catalogue(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]], which: int
) -> None:
    with psycopg.connect(database.sync) as everything:
        own = ids_of(everything, two[which])

    with as_customer(database.api, two[which]["id"]) as connection:
        seen = ids(connection)

    assert seen == own
    assert all(seen.values())


def test_every_id_a_customer_was_ever_known_by_shows_the_same(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with as_customer(database.api, two[0]["id"]) as connection:
        today = ids(connection)

    with as_customer(database.api, two[0]["whmcs_account_id"]) as connection:
        assert ids(connection) == today


def test_a_link_that_breaks_hides_the_other_account_and_what_is_in_it(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with psycopg.connect(database.sync) as connection:
        connection.execute(
            "UPDATE hub.customer_accounts SET customer_id = id WHERE id = %s", [two[0]["whmcs_account_id"]]
        )

    with as_customer(database.api, two[0]["id"]) as connection:
        seen = ids(connection)

    assert seen["invoices"] == set()
    assert len(seen["orders"]) == 1


def test_what_an_account_held_that_was_deleted_at_its_system_is_nobodys(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with psycopg.connect(database.sync) as connection:
        connection.execute(
            "UPDATE hub.customer_accounts SET deleted_at = now() WHERE id = %s", [two[0]["whmcs_account_id"]]
        )

    with as_customer(database.api, two[0]["id"]) as connection:
        seen = ids(connection)

    assert (seen["invoices"], seen["payment_methods"], seen["sims"]) == (set(), set(), set())
    assert (len(seen["customers"]), len(seen["orders"])) == (1, 1)


@pytest.mark.usefixtures("two")
def test_the_sync_and_analysts_see_every_row(database: Database) -> None:
    expected = {table: 1 if table in SHARED else 2 for table in HUB} | {"customer_accounts": 4}

    for url, schema in ((database.sync, "hub"), (database.analyst, "analytics")):
        with psycopg.connect(url) as connection:
            assert {table: len(found) for table, found in ids(connection, schema).items()} == expected


def test_the_api_cannot_write_even_its_customers_own_row(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with as_customer(database.api, two[0]["id"]) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("UPDATE hub.invoices SET status = 'paid'")


def test_the_api_cannot_switch_the_rules_off(database: Database) -> None:
    with psycopg.connect(database.api) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SET row_security = off; SELECT id FROM hub.invoices")


def test_an_analyst_cannot_read_raw_payloads(database: Database) -> None:
    with psycopg.connect(database.analyst) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT payload FROM sync.quarantine")


def test_no_role_may_do_more_than_it_needs(database: Database) -> None:
    everything = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    expected = {
        "hub_sync": {f"hub.{name}": everything for name in HUB}
        | {f"sync.{name}": everything for name in SYNC}
        | {f"command.{name}": everything for name in ("commands", "steps", "admissions")}
        | {f"sync.{name}": {"SELECT"} for name in ("migration", "deletion_permits", "erased", "erasures")},
        "hub_auth": {},
        "hub_api": {f"hub.{name}": {"SELECT"} for name in HUB}
        | {"sync.freshness": {"SELECT"}, "sync.migration": {"SELECT"}},
        "hub_analyst": {f"analytics.{name}": {"SELECT"} for name in HUB}
        | {"sync.freshness": {"SELECT"}, "sync.runs": {"SELECT"}, "sync.migration": {"SELECT"}},
    }

    with psycopg.connect(database.owner) as connection:
        rows = connection.execute(
            """
            SELECT r.rolname, c.oid::regclass::text, p.privilege
              FROM pg_roles r, pg_class c, unnest(%s::text[]) AS p(privilege)
             WHERE r.rolname = ANY(%s) AND c.relkind IN ('r', 'p', 'v')
               AND c.relnamespace::regnamespace::text IN ('hub', 'sync', 'command', 'auth', 'analytics')
               AND has_table_privilege(r.oid, c.oid, p.privilege)
            """,
            [list(PRIVILEGES), list(expected)],
        ).fetchall()
    granted: dict[str, dict[str, set[str]]] = {role: {} for role in expected}
    for role, table, privilege in rows:
        granted[role].setdefault(table, set()).add(privilege)

    assert granted == expected


def test_no_role_is_above_the_rules_or_may_become_another(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        above = connection.execute(
            "SELECT rolname FROM pg_roles"
            " WHERE rolname IN ('hub_sync', 'hub_api', 'hub_auth', 'hub_analyst', 'hub_reading', 'hub_pii')"
            " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)"
        ).fetchall()
        memberships = connection.execute(
            "SELECT member::regrole::text, roleid::regrole::text FROM pg_auth_members"
            " WHERE member IN ('hub_sync'::regrole, 'hub_api'::regrole, 'hub_auth'::regrole, 'hub_analyst'::regrole,"
            " 'hub_reading'::regrole)"
        ).fetchall()

    # What analysts may read is granted to a role that logs in nowhere.
    assert (above, memberships) == ([], [("hub_analyst", "hub_reading")])


def test_the_rules_are_forced_on_every_table(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        unforced = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'hub'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT (relrowsecurity AND relforcerowsecurity)"
        ).fetchall()

    assert unforced == []


def test_nobody_else_may_call_the_functions_that_read_as_the_owner(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        callable_by = connection.execute(
            """
            SELECT p.proname, r.rolname FROM pg_proc p, pg_roles r
             WHERE p.pronamespace = ANY('{hub,sync,command,auth}'::regnamespace[])
               AND p.prosecdef AND NOT r.rolsuper
               AND r.rolname IN ('hub_sync', 'hub_api', 'hub_auth', 'hub_analyst', 'pg_monitor')
               AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
            """
        ).fetchall()
        unfixed = connection.execute(
            "SELECT proname FROM pg_proc"
            " WHERE pronamespace = ANY('{hub,sync,command,auth}'::regnamespace[])"
            " AND NOT coalesce(proconfig::text LIKE '%search_path=pg_catalog, pg_temp%', false)"
            # The tables of the past read as whoever asks, and are merged into the question; the setting prevents that.
            " AND (prosecdef OR proname !~ '_at$')"
        ).fetchall()

    assert set(callable_by) == {
        ("accept", "hub_api"),
        ("admit", "hub_api"),
        ("release", "hub_api"),
        ("current_customer", "hub_api"),
        ("current_account", "hub_api"),
        ("earlier", "hub_api"),
        ("live_changes", "hub_api"),
        ("request_items_refresh", "hub_api"),
        ("request_line_refresh", "hub_api"),
        ("receive_notification", "hub_api"),
        ("receive_notification", "hub_sync"),
        ("keep_history", "hub_sync"),
        ("verifying", "hub_api"),
        ("good_service_keys", "hub_api"),
        ("note_key_use", "hub_auth"),
        ("forget", "hub_sync"),
        ("claim_message", "hub_sync"),
        ("end_claim", "hub_sync"),
        ("let_in", "hub_sync"),
        *((name, "hub_auth") for name in OF_THE_DOOR),
    }
    assert unfixed == []


def test_a_page_of_invoices_costs_one_look_at_the_customer_and_one_at_the_index(
    database: Database, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with as_customer(database.api, two[0]["id"]) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SET LOCAL enable_sort = off")
        plan = "\n".join(
            row[0]
            for row in connection.execute(
                "EXPLAIN (COSTS OFF) SELECT id FROM hub.invoices ORDER BY issued_on DESC, id DESC LIMIT 25"
            )
        )

    assert "invoices_account_issued_idx" in plan
    assert "InitPlan" in plan
    assert "Sort" not in plan


@contextmanager
def owned_by_somebody_ordinary(database: Database) -> Iterator[str]:
    """The database's URL as a new owner who is no superuser, as hosted servers have them."""
    owner = f"hub_test_owner_{uuid4().hex[:8]}"
    with psycopg.connect(database.owner) as connection:
        for statement in (
            "CREATE ROLE {} NOINHERIT",  # owns, but is not covered by the rules of the roles it may take
            "GRANT {} TO CURRENT_USER",
            "GRANT hub_sync, hub_api, hub_auth, hub_analyst TO {}",
            f'ALTER DATABASE "{connection.info.dbname}" OWNER TO {{}}',
        ):
            connection.execute(SQL(statement).format(Identifier(owner)))
    yield f"{database.owner}{'&' if '?' in database.owner else '?'}options=-c%20role%3D{owner}"
    with psycopg.connect(database.owner) as connection:
        for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
            connection.execute(SQL(statement).format(Identifier(owner)))


@pytest.mark.usefixtures("database")  # its migration made the roles, which the whole server shares
def test_the_rules_hold_where_the_owner_is_no_superuser(empty_database: Database) -> None:
    with owned_by_somebody_ordinary(empty_database) as owner:
        upgrade(owner)
        with psycopg.connect(empty_database.sync) as connection:
            one, _ = a_customer_with_everything(connection), a_customer_with_everything(connection)

        with as_customer(empty_database.api, one["id"]) as connection:
            seen = ids(connection)
        with psycopg.connect(empty_database.api) as connection:
            unseen = ids(connection)

    assert {table: len(found) for table, found in seen.items() if table not in SHARED | {"customer_accounts"}} == {
        table: 1 for table in HUB if table not in SHARED | {"customer_accounts"}
    }
    assert unseen == NOTHING


def test_what_agents_note_on_a_case_among_themselves_is_not_there_for_its_customer(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        mine = insert_customer(connection)
        for is_public in (True, False):
            account = mine["salesforce_account_id"]
            insert(connection, "case_comments", account_id=account, body=f"public: {is_public}", is_public=is_public)

    with psycopg.connect(database.api) as connection:
        connection.execute("SELECT set_config('hub.customer_id', %s, true)", [str(mine["id"])])
        shown = connection.execute("SELECT body FROM hub.case_comments").fetchall()

    assert shown == [("public: True",)]
