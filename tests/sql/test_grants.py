"""What each role may do, as the database itself says it: privilege by privilege, column by column, rule by rule.

The promise. Four roles work with the hub, and none may do more than the lines below. The API reads rows of its own
customer, of commands neither who works on them nor how, and changes nothing but by the functions that are named here.
An analyst reads masked views, and of commands columns, but no raw payload and nothing that a customer wrote into a
request. The sync writes rows, but neither its own permits nor who was erased. What logs people in reads no table at
all. Everybody else (`public`) may do nothing at all. Which schemas there are, the database says: a new one is looked
into like the others.

The lists are literal on purpose: whoever grants something new must write it here too.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Database, copied_database

Connection = psycopg.Connection[Any]

HUB = (
    "case_comments", "customer_accounts", "customers", "invoice_items", "invoices", "order_items", "orders",
    "payment_methods", "payments", "prices", "products", "sim_usage", "sims", "subscriptions", "support_cases",
)  # fmt: skip
WRITTEN_BY_SYNC = (
    "changes", "cursors", "freshness", "inbox", "link_changes", "link_words", "quarantine", "runs", "sources",
    "streams", "windows",
)  # fmt: skip
EVERYTHING = "DELETE, INSERT, SELECT, UPDATE"
TABLES = {
    **{("hub_sync", f"hub.{name}"): EVERYTHING for name in HUB},
    **{("hub_sync", f"sync.{name}"): EVERYTHING for name in WRITTEN_BY_SYNC},
    ("hub_sync", "sync.migration"): "SELECT",
    ("hub_sync", "sync.deletion_permits"): "SELECT",
    ("hub_sync", "sync.erased"): "SELECT",
    ("hub_sync", "sync.erasures"): "SELECT",
    ("hub_sync", "command.admissions"): EVERYTHING,
    ("hub_sync", "command.commands"): EVERYTHING,
    ("hub_sync", "command.steps"): EVERYTHING,
    **{("hub_api", f"hub.{name}"): "SELECT" for name in HUB},
    ("hub_api", "sync.freshness"): "SELECT",
    ("hub_api", "sync.migration"): "SELECT",
    **{("hub_reading", f"analytics.{name}"): "SELECT" for name in HUB},
    ("hub_reading", "sync.freshness"): "SELECT",
    ("hub_reading", "sync.migration"): "SELECT",
    ("hub_reading", "sync.runs"): "SELECT",
}
COLUMNS = {
    ("hub_api", "command.commands", "SELECT"): (
        "id seq kind account_id subject_kind subject_id idempotency_key request_hash input status waits_for"
        " failure_code failure_reason result accepted_at finished_at"
    ),
    ("hub_reading", "command.commands", "SELECT"): (
        "id seq kind customer_id account_id subject_kind subject_id status due_at attempts deadline_at waits_for"
        " failure_code accepted_at started_at finished_at"
    ),
    ("hub_reading", "command.steps", "SELECT"): "command_id name number status attempts started_at done_at",
}
FUNCTIONS = {
    ("hub_api", "command.accept(text,text,text,uuid,text,text,text,jsonb,text,interval,uuid,jsonb)"),
    ("hub_api", "command.admit(uuid,text,jsonb)"),
    ("hub_api", "command.release(uuid)"),
    ("hub_api", "hub.current_account(text)"),
    ("hub_api", "hub.current_customer()"),
    ("hub_api", "hub.earlier(text,timestamp with time zone)"),
    *(
        ("hub_api", f"{table}_at(timestamp with time zone)")
        for table in (
            "command.commands",
            "hub.customer_accounts",
            "hub.invoice_items",
            "hub.invoices",
            "hub.order_items",
            "hub.orders",
            "hub.payments",
            "hub.sims",
            "hub.subscriptions",
        )
    ),
    ("hub_api", "sync.live_changes(xid8,bigint,integer)"),
    ("hub_api", "sync.receive_notification(text,text,text,text,text,timestamp with time zone,jsonb)"),
    ("hub_api", "sync.request_items_refresh(uuid,jsonb)"),
    ("hub_api", "sync.request_line_refresh(uuid,jsonb)"),
    ("hub_api", "auth.verifying(interval)"),
    ("hub_api", "auth.good_service_keys()"),
    ("hub_auth", "auth.note_key_use(uuid,text,text)"),
    *(
        ("hub_auth", f"auth.{function}")
        for function in (
            "act_for(uuid,uuid,text)",
            "add_passkey(uuid,interval,bytea,bytea,uuid,text,bytea,bytea,bigint,text[],boolean,bytea[],text)",
            "attempt(text,jsonb)",
            "begin_session(uuid,uuid,text,text,bytea,text,text[],interval,text,text,boolean,bytea)",
            "authenticated_at(uuid)",
            "begin_ceremony(bytea,bytea,interval)",
            "begin_passkey(uuid,interval,bytea,bytea,interval)",
            "begin_totp(uuid,interval,text)",
            "change_password(uuid,text,text,boolean,text)",
            "confirm_totp(uuid,interval,text,bigint,bytea[],text,text)",
            "devices_of(uuid)",
            "end_all_sessions(uuid,text)",
            "end_passkey(uuid,interval,uuid,text)",
            "end_session(uuid,uuid,text)",
            "end_session_of(bytea,text)",
            "end_totp(uuid,interval,text)",
            "enter_by_passkey(uuid,text,uuid,bytea,text,interval,text)",
            "factors_of(uuid)",
            "forget_device(uuid,uuid,text)",
            "known(text)",
            "me(uuid)",
            "meet_challenge(bytea,bytea,text,text,uuid,bytea,text,interval,text,text)",
            "note(text,text,text,text,text,jsonb)",
            "open_challenge(bytea,uuid,text,bytea,text,interval,text)",
            "passkey(bytea)",
            "password_of(uuid)",
            "proving(uuid)",
            "refresh(bytea,bytea,bytea,bytea,interval,interval,interval,text)",
            "renew_recovery_codes(uuid,interval,bytea[],text)",
            "remember_device(uuid,bytea,interval,text)",
            "second_methods(uuid)",
            "send_code(bytea,bytea,text,bytea,integer,text,text)",
            "sessions_of(uuid)",
            "signing_key()",
            "step_up(uuid,text,text,text,text)",
            "step_up_methods(uuid)",
            "try_challenge(bytea,bytea,integer)",
            "verifying(interval)",
            "waits_for_code(bytea,bytea)",
            "password_link(bytea)",
            "request_password_link(text,bytea,text,integer,text)",
            "set_password_by_link(bytea,text,boolean,text,text)",
            "tell_limited(text,jsonb,text)",
            "begin_link(bytea,uuid,text,text,uuid,text,interval,text)",
            "begin_sign_up(uuid,bytea,bytea,text,text,text,text)",
            "verify_sign_up(bytea,bytea,text,text)",
            "sign_up(bytea)",
            "complete_sign_up(bytea,uuid,text,jsonb,text,text)",
            "begin_view(uuid,uuid,interval,uuid,uuid,text,interval,text)",
            "end_views(uuid,text)",
            "me_by_view(uuid)",
            "note_view(uuid,text,text,text)",
            "views_of(uuid)",
            "accept_invitation(bytea,uuid,text,text)",
            "change_member(uuid,interval,uuid,text,text)",
            "end_invitation(uuid,interval,uuid,text)",
            "invitation(bytea)",
            "invitations_of(uuid)",
            "invite(uuid,interval,uuid,text,text,text,bytea,text,integer,text)",
            "members(uuid)",
            "confirm_email(bytea,uuid,text)",
            "request_email_change(uuid,interval,text,bytea,text,integer,text)",
        )
    ),
    ("hub_sync", "auth.claim_message(interval)"),
    ("hub_sync", "auth.end_claim(uuid,integer,text,text)"),
    ("hub_sync", "auth.forget()"),
    ("hub_sync", "auth.let_in(uuid,uuid)"),
    ("hub_sync", "command.kept_input(text,jsonb)"),
    ("hub_sync", "hub.lock_numbers()"),
    ("hub_sync", "sync.keep_history(integer)"),
    ("hub_sync", "sync.receive_notification(text,text,text,text,text,timestamp with time zone,jsonb)"),
}
SCHEMAS = {
    *((role, schema) for role in ("hub_sync", "hub_api") for schema in ("hub", "sync", "command")),
    *(("hub_reading", schema) for schema in ("analytics", "sync", "command")),
    *((role, "auth") for role in ("hub_sync", "hub_api", "hub_auth")),
    ("public", "public"),  # which holds nothing
}

# Which rows the API is shown of each table: those of its session's customer, found by the account they belong to.
CRM = "( SELECT hub.current_account('salesforce'::text) AS current_account)"
BILLING = "( SELECT hub.current_account('whmcs'::text) AS current_account)"
CUSTOMER = "( SELECT hub.current_customer() AS current_customer)"
SHOWN = {
    "hub.customers": f"(id = {CUSTOMER})",
    "hub.customer_accounts": f"(customer_id = {CUSTOMER})",
    "hub.products": f"({CUSTOMER} IS NOT NULL)",
    "hub.prices": f"({CUSTOMER} IS NOT NULL)",
    "hub.orders": f"(account_id = {CRM})",
    "hub.order_items": f"(account_id = {CRM})",
    "hub.support_cases": f"(account_id = {CRM})",
    "hub.case_comments": f"(is_public AND (account_id = {CRM}))",
    "hub.subscriptions": f"(account_id = {BILLING})",
    "hub.sims": f"(account_id = {BILLING})",
    "hub.sim_usage": f"(account_id = {BILLING})",
    "hub.invoices": f"(account_id = {BILLING})",
    "hub.invoice_items": f"(account_id = {BILLING})",
    "hub.payments": f"(account_id = {BILLING})",
    "hub.payment_methods": f"(account_id = {BILLING})",
    "command.commands": f"(account_id = ANY (ARRAY[{CRM}, {BILLING}]))",
}

# Nobody is shown a row of these: who may come in is asked of functions.
UNSHOWN = (
    "attempts", "audit", "ceremonies", "challenges", "devices", "email_changes", "invitations", "memberships",
    "messages", "passkeys", "password_links", "recovery_codes", "refresh_tokens", "revocations", "service_keys",
    "sessions", "sign_ups", "signing_keys", "totp", "users", "views",
)  # fmt: skip

OURS = r"n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
GRANTEE = "coalesce(g.rolname, 'public')"


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """As the owner; nothing is changed."""
    with copied_database() as database, psycopg.connect(database.owner) as connection:
        yield connection


def granted(connection: Connection, what: str) -> list[Any]:
    """Rows of a SELECT, in which {role} stands for whom something was granted to, and {ours} for our schemas."""
    return connection.execute(what.format(role=GRANTEE, ours=OURS).encode()).fetchall()


def test_each_role_has_these_privileges_on_tables_and_nobody_else_any(connection: Connection) -> None:
    found = granted(
        connection,
        "SELECT {role}, n.nspname || '.' || c.relname,"
        "       string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN ' (may grant it)' ELSE '' END, ', '"
        "                  ORDER BY a.privilege_type)"
        "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
        "       aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee"
        " WHERE {ours} AND a.grantee <> c.relowner GROUP BY 1, 2",
    )

    assert {(role, table): privileges for role, table, privileges in found} == TABLES


def test_where_a_role_may_read_some_columns_it_may_read_these(connection: Connection) -> None:
    found = granted(
        connection,
        "SELECT {role}, n.nspname || '.' || c.relname, a.privilege_type, string_agg(t.attname, ' ' ORDER BY t.attnum)"
        "  FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,"
        "       aclexplode(t.attacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee"
        " WHERE {ours} GROUP BY 1, 2, 3",
    )

    assert {(role, table, privilege): set(columns.split()) for role, table, privilege, columns in found} == {
        key: set(columns.split()) for key, columns in COLUMNS.items()
    }


def test_each_role_may_call_these_functions_and_nobody_else_any(connection: Connection) -> None:
    found = granted(
        connection,
        "SELECT {role}, p.oid::regprocedure::text"
        "  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,"
        "       aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        "       LEFT JOIN pg_roles g ON g.oid = a.grantee"
        " WHERE {ours} AND a.grantee <> p.proowner",
    )

    assert set(found) == FUNCTIONS


def test_each_role_may_look_into_these_schemas_and_make_nothing_there(connection: Connection) -> None:
    found = granted(
        connection,
        "SELECT {role}, n.nspname, a.privilege_type"
        "  FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a"
        "       LEFT JOIN pg_roles g ON g.oid = a.grantee"
        # Who owns the database owns its schema `public`, by a role that stands for them.
        " WHERE {ours} AND a.grantee <> n.nspowner",
    )

    assert set(found) == {(role, schema, "USAGE") for role, schema in SCHEMAS}
    assert connection.execute("SELECT * FROM pg_default_acl").fetchall() == []


def test_these_rules_say_which_rows_each_role_is_shown(connection: Connection) -> None:
    owner = connection.info.user
    found = connection.execute(
        "SELECT schemaname || '.' || tablename, policyname, permissive, roles::text, cmd, qual, with_check"
        "  FROM pg_policies"
    ).fetchall()

    assert set(found) == {
        policy
        for table, shown in SHOWN.items()
        for policy in (
            (table, "owner_all", "PERMISSIVE", f"{{{owner}}}", "ALL", "true", "true"),
            (table, "sync_all", "PERMISSIVE", "{hub_sync}", "ALL", "true", "true"),
            (table, "customer_reads", "PERMISSIVE", "{hub_api}", "SELECT", shown, None),
        )
    } | {
        ("command.commands", "analyst_reads", "PERMISSIVE", "{hub_reading}", "SELECT", "true", None),
        *((f"auth.{table}", "owner_all", "PERMISSIVE", f"{{{owner}}}", "ALL", "true", "true") for table in UNSHOWN),
    }


def test_the_rules_hold_for_these_tables_and_for_their_owner_too(connection: Connection) -> None:
    found = connection.execute(
        "SELECT oid::regclass::text FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity"
    ).fetchall()

    assert {table for (table,) in found} == {*SHOWN, *(f"auth.{table}" for table in UNSHOWN)}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT request_id FROM command.commands",
        "SELECT claimed_by FROM command.commands",
        "SELECT name FROM command.steps",
        "SELECT kind FROM command.admissions",
        "SELECT payload FROM sync.inbox",
        "SELECT before FROM sync.changes",
        "UPDATE command.commands SET status = 'cancelled'",
    ],
)
def test_the_api_is_refused_what_it_has_no_use_for(database: Database, query: str) -> None:
    with psycopg.connect(database.api) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(query.encode())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT input FROM command.commands",
        "SELECT failure_reason FROM command.commands",
        "SELECT result FROM command.steps",
        "SELECT payload FROM sync.inbox",
        "SELECT before FROM sync.changes",
        "DELETE FROM hub.invoices",
    ],
)
def test_an_analyst_is_refused_what_people_wrote_and_what_sources_sent(database: Database, query: str) -> None:
    with psycopg.connect(database.analyst) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(query.encode())


def test_a_run_cannot_give_itself_a_permit_to_delete(database: Database) -> None:
    with psycopg.connect(database.sync) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("INSERT INTO sync.deletion_permits DEFAULT VALUES")
