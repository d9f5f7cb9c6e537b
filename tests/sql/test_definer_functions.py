"""Functions that read as the owner see every row; whatever the API may call of them shows its customer's rows only."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sql.tables import metadata
from tests.builders import account_of, insert, insert_customer
from tests.conftest import Database

SECRET = "not for them"
HUB = sorted(table.name for table in metadata.tables.values() if table.schema == "hub")
LONG_AGO = "2000-01-01T00:00:00Z"

Session = psycopg.Connection[Any]
"""As the API's role, speaking for `World.mine`."""


@dataclass(frozen=True)
class World:
    """Two customers with a row in every table, each row with a past; of mine, some of it is hidden from me.

    theirs: by table, the row that is theirs. hidden: rows of my account that the policy does not show me.
    """

    mine: dict[str, Any]
    theirs: dict[str, UUID]
    hidden: set[UUID]


@pytest.fixture
def world(database: Database) -> World:
    with psycopg.connect(database.owner) as connection:
        mine, other = insert_customer(connection), insert_customer(connection)
        theirs = {"customers": other["id"], "customer_accounts": other["whmcs_account_id"]}
        for table in HUB:
            if "account_id" in metadata.tables[f"hub.{table}"].c:
                theirs[table] = insert(connection, table, account_id=account_of(other, table), **_open(table))["id"]
                own = insert(connection, table, account_id=account_of(mine, table))["id"]
                changed(connection, table, own, account_of(mine, table), {"changed_at": "2001-01-01T00:00:00Z"})
        for table, row in theirs.items():
            changed(connection, table, row, account_of(other, table), {"name": SECRET})
        crm = mine["salesforce_account_id"]
        # What agents note among themselves, and what they noted before they showed it.
        note = insert(connection, "case_comments", account_id=crm, is_public=False, body=SECRET)["id"]
        changed(connection, "case_comments", note, crm, {"body": SECRET})
        opened = insert(connection, "case_comments", account_id=crm, is_public=True)["id"]
        changed(connection, "case_comments", opened, crm, {"body": SECRET})
        changed(connection, "case_comments", opened, crm, {"is_public": False})
        # A case that was another's before it was mine: the log has the change under the account it went to.
        moved = insert(connection, "support_cases", account_id=crm)["id"]
        changed(connection, "support_cases", moved, crm, {"account_id": str(uuid4()), "subject": SECRET})
    return World(mine, theirs, {note})


def _open(table: str) -> dict[str, object]:
    return {"is_open": True, "msisdn": "08011112222"} if table == "sims" else {}


def changed(connection: Any, table: str, row: UUID, account: UUID, before: dict[str, Any]) -> None:
    """An entry of the change log, as a sync makes it."""
    connection.execute(
        "INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)"
        " VALUES (%s, %s, %s, 'update', %s, %s)",
        [table, row, account, Jsonb(before), Jsonb(dict.fromkeys(before))],
    )


def current_customer(session: Session, world: World) -> None:
    assert session.execute("SELECT hub.current_customer()").fetchall() == [(world.mine["id"],)]


def current_account(session: Session, world: World) -> None:
    found = session.execute("SELECT hub.current_account('salesforce'), hub.current_account('whmcs')").fetchall()
    assert found == [(world.mine["salesforce_account_id"], world.mine["whmcs_account_id"])]


def earlier(session: Session, world: World) -> None:
    shown = 0
    for table in [*HUB, "commands", "no_such_table"]:
        found = session.execute("SELECT id, was FROM hub.earlier(%s, %s)", [table, LONG_AGO]).fetchall()
        shown += len(found)
        assert not {row[0] for row in found} & {*world.theirs.values(), *world.hidden}, table
        assert SECRET not in str(found), table
    assert shown > 10  # my own past is there


def request_line_refresh(session: Session, world: World) -> None:
    answer = session.execute("SELECT sync.request_line_refresh(%s, '{}')", [world.theirs["sims"]])
    assert answer.fetchall() == [(False,)]


def request_items_refresh(session: Session, world: World) -> None:
    answer = session.execute("SELECT sync.request_items_refresh(%s, '{}')", [world.theirs["invoices"]])
    assert answer.fetchall() == [(0,)]


def live_changes(session: Session, world: World) -> None:
    """The API pushes everybody's changes on, so it is told of all: whose and what, but never a value."""
    both = {world.mine["id"], world.theirs["customers"]}
    ends = monotonic() + 60
    # Changes show once every transaction of the server that began before them has ended, other tests' too.
    found = _live(session)
    while not {row[2] for row in found} >= both:
        assert monotonic() < ends, "the changes never showed"
        found = _live(session)
    assert SECRET not in str(found)
    assert not {row[4] for row in found} & world.hidden


def _live(session: Session) -> list[Any]:
    return session.execute("SELECT * FROM sync.live_changes('0', 0, 1000)").fetchall()


def receive_notification(session: Session, _: World) -> None:
    """It takes in and shows nothing."""
    notify = "SELECT sync.receive_notification('whmcs', 'once', 'invoice', '1', NULL, now(), '{}')"
    assert session.execute(notify).fetchall() == [(True,)]


def accept(session: Session, world: World) -> None:
    subjects = {**world.theirs, "products": uuid4(), "pg_class": uuid4()}
    for kind, subject in subjects.items():
        for system in ("salesforce", "whmcs"):
            found = session.execute(
                "SELECT outcome, id FROM command.accept('change_plan', %s, %s, %s, NULL, %s, 'h', '{}', 'r',"
                " interval '1 day', gen_random_uuid(), '{}')",
                [system, kind, subject, uuid4().hex],
            ).fetchall()
            assert found == [("unknown", None)], kind


def admit(session: Session, world: World) -> None:
    """What others were admitted to counts for them alone."""
    speak_for(session, world.theirs["customers"])
    assert session.execute(ADMIT, [uuid4()]).fetchall() == [(None,)]
    assert session.execute(ADMIT, [uuid4()]).fetchall() == [("at_once",)]

    speak_for(session, world.mine["id"])
    assert session.execute(ADMIT, [uuid4()]).fetchall() == [(None,)]


def release(session: Session, world: World) -> None:
    """What is another's under way stays under way."""
    admission = uuid4()
    speak_for(session, world.theirs["customers"])
    session.execute(ADMIT, [admission])

    speak_for(session, world.mine["id"])
    session.execute("SELECT command.release(%s)", [admission])

    speak_for(session, world.theirs["customers"])
    assert session.execute(ADMIT, [uuid4()]).fetchall() == [("at_once",)]


ADMIT = "SELECT refused_by FROM command.admit(%s, 'waits', '{\"at_once\": 1, \"expires_after\": 60}')"


def speak_for(session: Session, customer: UUID) -> None:
    session.execute(
        "SELECT set_config('hub.role', 'owner', true), set_config('hub.customer_id', %s, true)", [str(customer)]
    )


def verifying(session: Session, _: World) -> None:
    """Keys that everybody may know, and ids of sessions."""
    found = session.execute("SELECT keys::text, called_back::text FROM auth.verifying('1 hour')").fetchall()
    assert found == [("[]", "{}")]


def good_service_keys(session: Session, _: World) -> None:
    """Hashes of keys, which are nobody's keys."""
    assert session.execute("SELECT service_keys::text FROM auth.good_service_keys()").fetchall() == [("[]",)]


EXPECTED: dict[str, Callable[[Session, World], None]] = {
    "hub.current_customer()": current_customer,
    "hub.current_account(text)": current_account,
    "hub.earlier(text,timestamp with time zone)": earlier,
    "sync.request_line_refresh(uuid,jsonb)": request_line_refresh,
    "sync.request_items_refresh(uuid,jsonb)": request_items_refresh,
    "sync.live_changes(xid8,bigint,integer)": live_changes,
    "sync.receive_notification(text,text,text,text,text,timestamp with time zone,jsonb)": receive_notification,
    "command.accept(text,text,text,uuid,text,text,text,jsonb,text,interval,uuid,jsonb)": accept,
    "command.admit(uuid,text,jsonb)": admit,
    "command.release(uuid)": release,
    "auth.verifying(interval)": verifying,
    "auth.good_service_keys()": good_service_keys,
}


def functions(database: Database, where: str) -> set[str]:
    with psycopg.connect(database.owner) as connection:
        rows = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p"  # noqa: S608 - a condition of our own
            " WHERE p.pronamespace = ANY('{hub,sync,command,auth}'::regnamespace[]) AND p.prosecdef AND " + where
        ).fetchall()
    return {row[0] for row in rows}


def test_every_function_that_the_api_may_call_as_the_owner_is_tried_below(database: Database) -> None:
    assert functions(database, "has_function_privilege('hub_api', p.oid, 'EXECUTE')") == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_it_shows_nothing_of_another_customer_and_nothing_that_the_policy_hides(
    database: Database, world: World, name: str
) -> None:
    with psycopg.connect(database.api) as session:
        session.execute(
            "SELECT set_config('hub.role', 'owner', true), set_config('hub.customer_id', %s, true)",
            [str(world.mine["id"])],
        )

        EXPECTED[name](session, world)


def test_each_function_that_runs_as_the_owner_finds_only_the_databases_own_objects(database: Database) -> None:
    unfixed = "NOT coalesce(p.proconfig::text LIKE '%search_path=pg_catalog, pg_temp%', false)"

    assert functions(database, unfixed) == set()


def test_nobody_may_call_a_function_because_everybody_may(database: Database) -> None:
    everybody = "has_function_privilege('public', p.oid, 'EXECUTE')"

    assert functions(database, everybody) == set()


def test_a_lane_that_the_caller_names_is_in_nobodys_way(database: Database, world: World) -> None:
    victims_lane = f"sims:{world.theirs['sims']}"
    with psycopg.connect(database.api) as session:
        session.execute(
            "SELECT set_config('hub.role', 'owner', true), set_config('hub.customer_id', %s, true)",
            [str(world.mine["id"])],
        )
        session.execute(
            "SELECT command.accept('place_order', 'salesforce', 'orders', NULL, %s, 'a-key-of-mine', 'h', '{}', 'r',"
            " interval '1 day', gen_random_uuid(), '{}')",
            [victims_lane],
        )

    with psycopg.connect(database.owner) as connection:
        lanes = connection.execute(
            "SELECT lane FROM command.commands WHERE idempotency_key = 'a-key-of-mine'"
        ).fetchall()
    assert lanes == [(f"{world.mine['salesforce_account_id']}:{victims_lane}",)]


@pytest.mark.parametrize("deleted", ["account", "customer"])
def test_a_deleted_customer_names_nobody_and_may_ask_for_nothing(
    database: Database, world: World, deleted: str
) -> None:
    with psycopg.connect(database.owner) as connection:
        if deleted == "customer":
            connection.execute("UPDATE hub.customers SET deleted_at = now() WHERE id = %s", [world.mine["id"]])
        else:
            connection.execute("UPDATE hub.customer_accounts SET deleted_at = now() WHERE id = %s", [world.mine["id"]])

    with psycopg.connect(database.api) as session:
        session.execute(
            "SELECT set_config('hub.role', 'owner', true), set_config('hub.customer_id', %s, true)",
            [str(world.mine["id"])],
        )
        named = session.execute(
            "SELECT hub.current_customer(), hub.current_account('salesforce'), hub.current_account('whmcs')"
        ).fetchall()
        seen = [session.execute(f"SELECT count(*) FROM hub.{table}").fetchone() for table in HUB]  # noqa: S608
        found = session.execute(
            "SELECT outcome FROM command.accept('place_order', 'salesforce', 'orders', NULL, NULL, 'a-key-of-mine',"
            " 'h', '{}', 'r', interval '1 day', gen_random_uuid(), '{}')"
        ).fetchall()

    assert named == [(None, None, None)]
    assert set(seen) == {(0,)}
    assert found == [("unlinked",)]
