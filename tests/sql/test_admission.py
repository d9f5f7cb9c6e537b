"""What a customer may do now (`command.admit`): each limit counts what it says, of this customer and kind, for so long.

The promise. A limit of N admits N and refuses the next, names the limit that keeps it waiting longest, and says after
how many seconds something passes again. What is under way counts until it is released or its time is over; a minute and
a day end by themselves; a share of the source's daily calls is reached before the call that would pass it. Asking twice
under one id is asking once. Who is refused is not counted.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.builders import insert, insert_customer
from tests.conftest import Database

Session = psycopg.Connection[Any]
ADMITTED = (None, 0)


@pytest.fixture
def rows(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.sync, autocommit=True) as connection:
        yield connection


@pytest.fixture
def mine(rows: Session) -> UUID:
    customer: UUID = insert_customer(rows)["id"]
    return customer


@pytest.fixture
def session(database: Database, mine: UUID) -> Iterator[Session]:
    """The API's, speaking for `mine`."""
    with psycopg.connect(database.api, autocommit=True) as session:
        session.execute(
            "SELECT set_config('hub.role', 'owner', false), set_config('hub.customer_id', %s, false)", [str(mine)]
        )
        yield session


def admit(session: Session, kind: str = "commands", admission: UUID | None = None, **limits: Any) -> tuple[Any, int]:
    values = [admission or uuid4(), kind, Jsonb(limits)]
    found = session.execute("SELECT refused_by, retry_after FROM command.admit(%s, %s, %s)", values).fetchone()
    assert found is not None
    return found[0], found[1]


def older(rows: Session, by: str) -> None:
    """All that was admitted was so much earlier."""
    rows.execute(
        "UPDATE command.admissions SET admitted_at = admitted_at - %s::interval, until = until - %s::interval", [by, by]
    )


def test_a_limit_per_minute_admits_so_many_and_says_when_the_next_may_come(session: Session, rows: Session) -> None:
    first = [admit(session, per_minute=2) for _ in range(2)]
    older(rows, "20 seconds")
    refused, wait = admit(session, per_minute=2)
    older(rows, "41 seconds")

    assert first == [ADMITTED, ADMITTED]
    assert (refused, 35 <= wait <= 40) == ("per_minute", True)
    assert admit(session, per_minute=2) == ADMITTED


def test_a_limit_per_day_admits_so_many_and_says_when_the_next_may_come(session: Session, rows: Session) -> None:
    first = [admit(session, per_day=2) for _ in range(2)]
    older(rows, "23 hours")
    refused, wait = admit(session, per_day=2)
    older(rows, "61 minutes")

    assert first == [ADMITTED, ADMITTED]
    assert (refused, 3500 <= wait <= 3600) == ("per_day", True)
    assert admit(session, per_day=2) == ADMITTED


def test_what_is_under_way_counts_until_it_is_released_or_its_time_is_over(session: Session, rows: Session) -> None:
    admission = uuid4()
    first = admit(session, "waits", admission, at_once=1, expires_after=60)
    second = admit(session, "waits", at_once=1, expires_after=60)
    session.execute("SELECT command.release(%s)", [admission])
    after_release = admit(session, "waits", at_once=1, expires_after=60)
    older(rows, "61 seconds")

    assert (first, second[0], after_release) == (ADMITTED, "at_once", ADMITTED)
    assert admit(session, "waits", at_once=1, expires_after=60) == ADMITTED


def test_each_kind_is_counted_for_itself(session: Session) -> None:
    kinds = ("commands", "waits", "refreshes")

    assert [admit(session, kind, per_minute=1, per_day=1, at_once=1, expires_after=60) for kind in kinds] == [
        ADMITTED
    ] * 3


def test_who_is_refused_is_not_counted(session: Session, rows: Session) -> None:
    for _ in range(4):
        admit(session, per_minute=1)

    assert rows.execute("SELECT count(*) FROM command.admissions").fetchone() == (1,)


def test_the_same_admission_twice_is_one(session: Session, rows: Session) -> None:
    admission = uuid4()

    assert [admit(session, admission=admission, per_minute=1) for _ in range(2)] == [ADMITTED, ADMITTED]
    assert rows.execute("SELECT count(*) FROM command.admissions").fetchone() == (1,)


def test_of_several_limits_the_one_is_named_that_keeps_waiting_longest(session: Session) -> None:
    admit(session, per_minute=1, per_day=1)

    refused, wait = admit(session, per_minute=1, per_day=1)

    assert (refused, wait > 86_000) == ("per_day", True)


def test_commands_are_open_until_they_ended_and_uploads_become_some(
    session: Session, rows: Session, mine: UUID
) -> None:
    for status in ("accepted", "running", "waiting", "dead", "succeeded", "failed", "cancelled"):
        insert(rows, "command.commands", customer_id=mine, status=status)
    insert(rows, "command.commands", customer_id=insert_customer(rows)["id"])

    four_open = [admit(session, open=number)[0] for number in (4, 5)]
    admit(session, "uploads", expires_after=60)
    and_an_upload = [admit(session, open=number)[0] for number in (5, 6)]

    assert four_open == ["open", None]
    assert and_an_upload == ["open", None]


def test_a_share_of_a_days_calls_is_reached_before_the_call_that_passes_it(session: Session, rows: Session) -> None:
    rows.execute("INSERT INTO sync.sources (system, quota_limit) VALUES ('salesforce', 100), ('whmcs', 100)")
    share = {"system": "salesforce", "share": 5, "calls": 2}

    first = [admit(session, **share) for _ in range(2)]
    refused, wait = admit(session, **share)
    elsewhere = admit(session, **share | {"system": "whmcs"})
    smaller = admit(session, **share | {"calls": 1})
    older(rows, "25 hours")

    assert first == [ADMITTED, ADMITTED]
    assert (refused, wait > 86_000) == ("quota_share", True)
    assert (elsewhere, smaller) == (ADMITTED, ADMITTED)
    assert admit(session, **share) == ADMITTED


def test_one_request_is_admitted_though_it_takes_more_than_the_share(session: Session, rows: Session) -> None:
    rows.execute("INSERT INTO sync.sources (system, quota_limit) VALUES ('salesforce', 10)")
    share = {"system": "salesforce", "share": 5, "calls": 2}

    assert [admit(session, **share)[0] for _ in range(2)] == [None, "quota_share"]


def test_whoever_speaks_for_nobody_is_admitted_to_nothing(session: Session) -> None:
    session.execute(
        "SELECT set_config('hub.role', 'owner', false), set_config('hub.customer_id', %s, false)", [str(uuid4())]
    )

    assert admit(session) == ("unknown", 1)
