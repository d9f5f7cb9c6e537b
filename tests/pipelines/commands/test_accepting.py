"""What the database itself promises of accepting a command, whoever calls it and with whatever arguments.

The API applies the same rules first and says more (tests/read_api/commands/test_accepting.py); here nobody has.
"""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.builders import account_of, insert, insert_customer
from tests.conftest import Database


class Api:
    """The API's role, speaking for a customer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, customer: dict[str, Any], **more: Any) -> tuple[str, UUID]:
        """The outcome, and the command."""
        values = {"kind": "place_order", "system": "salesforce", "subject_kind": "orders", "subject_id": None}
        values |= {"lane": None, "key": uuid4().hex, "hash": "h", "admission": uuid4(), "limits": Jsonb({}), **more}
        (row,) = self.as_(
            customer,
            "SELECT outcome, id FROM command.accept(%(kind)s, %(system)s, %(subject_kind)s, %(subject_id)s, %(lane)s,"
            " %(key)s, %(hash)s, '{}', 'request', interval '1 day', %(admission)s, %(limits)s)",
            **values,
        )
        return row[0], row[1]

    def as_(self, customer: dict[str, Any], query: str, **values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database.api) as connection:
            connection.execute(
                "SELECT set_config('hub.role', 'owner', true), set_config('hub.fresh', 'true', true),"
                " set_config('hub.customer_id', %s, true)",
                [str(customer["id"])],
            )
            return connection.execute(query.encode(), values).fetchall()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database.owner) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def api(database: Database) -> Api:
    return Api(database)


@pytest.fixture
def two(database: Database) -> tuple[dict[str, Any], dict[str, Any]]:
    with psycopg.connect(database.owner) as connection:
        return insert_customer(connection), insert_customer(connection)


@pytest.mark.parametrize("kind", ["sims", "subscriptions", "support_cases", "orders", "invoices"])
def test_a_subject_is_the_customers_own_or_unknown(
    database: Database, api: Api, two: tuple[dict[str, Any], dict[str, Any]], kind: str
) -> None:
    one, other = two
    with psycopg.connect(database.owner) as connection:
        own, theirs = (insert(connection, kind, account_id=account_of(each, kind))["id"] for each in (one, other))

    assert api.accept(one, subject_kind=kind, subject_id=theirs)[0] == "unknown"
    assert api.accept(one, subject_kind=kind, subject_id=own)[0] == "accepted"


def test_a_lane_that_is_named_is_the_accounts_own(api: Api, two: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for each in (*two, two[0]):
        api.accept(each, lane="profile")

    lanes = api.rows("SELECT count(*) FROM command.commands GROUP BY lane ORDER BY 1")
    assert lanes == [(1,), (2,)]


def test_a_subject_without_a_named_lane_is_a_lane_of_its_own(
    database: Database, api: Api, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    with psycopg.connect(database.owner) as connection:
        sim = insert(connection, "sims", account_id=two[0]["whmcs_account_id"])["id"]

    for kind in ("top_up", "cancel_sim"):
        api.accept(two[0], kind=kind, system="whmcs", subject_kind="sims", subject_id=sim)

    assert api.rows("SELECT DISTINCT lane FROM command.commands") == [(f"sims:{sim}",)]


def test_an_admission_is_ended_by_whom_it_was_given_to(api: Api, two: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, other = two
    admission = uuid4()
    limits = Jsonb({"at_once": 1, "expires_after": 60})
    admit = "SELECT refused_by FROM command.admit(%(admission)s, 'uploads', %(limits)s)"
    release = "SELECT command.release(%(admission)s)"
    assert api.as_(one, admit, admission=admission, limits=limits) == [(None,)]

    api.as_(other, release, admission=admission)
    assert api.as_(one, admit, admission=uuid4(), limits=limits) == [("at_once",)]

    api.as_(one, release, admission=admission)
    assert api.as_(one, admit, admission=uuid4(), limits=limits) == [(None,)]


def test_what_was_admitted_before_under_the_same_id_is_not_counted_again(
    api: Api, two: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    admission, limits = uuid4(), Jsonb({"per_minute": 1})
    assert api.accept(two[0], admission=admission, limits=limits)[0] == "accepted"

    assert api.accept(two[0], admission=admission, limits=limits)[0] == "accepted"
    assert api.accept(two[0], limits=limits)[0] == "refused"


def test_a_key_stands_for_what_was_asked_under_it_first(api: Api, two: tuple[dict[str, Any], Any]) -> None:
    outcome, command = api.accept(two[0], key="one", hash="this")

    assert outcome == "accepted"
    assert api.accept(two[0], key="one", hash="this") == ("repeated", command)
    assert api.accept(two[0], key="one", hash="that") == ("conflict", command)


def test_what_waits_for_an_operator_is_open_still(api: Api, two: tuple[dict[str, Any], Any]) -> None:
    api.accept(two[0])
    api.rows("UPDATE command.commands SET status = 'dead' RETURNING id")

    assert api.accept(two[0], limits=Jsonb({"open": 1}))[0] == "refused"


def test_whoever_does_such_things_is_woken(database: Database, api: Api, two: tuple[dict[str, Any], Any]) -> None:
    with psycopg.connect(database.sync, autocommit=True) as forwarder:
        forwarder.execute("LISTEN hub_commands")

        api.accept(two[0])

        (told,) = forwarder.notifies(timeout=5, stop_after=1)
    assert told.payload == "place_order"
