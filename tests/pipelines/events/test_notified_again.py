"""What is requested again while it is applied was not in what was read: it goes on waiting, whatever comes of the read.

Applying takes as long as its source does; in the meantime anybody may request the same record.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from domain.common.identifiers import hub_id
from pipelines.events.inbox import Claimed, Inbox
from pipelines.events.lines import request_new_lines
from pipelines.sync.dataset import Selection
from pipelines.sync.refresh import request_refresh
from tests.builders import insert

INVOICES, INVOICE = "whmcs.invoices", "10042"
WHY = "whmcs: is down [http_503]"


@pytest.fixture
def connection(database: Any) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.sync, autocommit=True) as connection:
        yield connection


@pytest.fixture
def inbox(connection: psycopg.Connection[Any]) -> Inbox:
    return Inbox(connection, "whmcs")


@pytest.fixture
def claimed(connection: psycopg.Connection[Any], inbox: Inbox) -> Claimed:
    """An invoice's refresh request, made once, that is being applied."""
    request_refresh(connection, INVOICES, [INVOICE])
    claimed = inbox.waiting()
    assert [entry.record_id for entry in claimed.entries] == [INVOICE]
    return claimed


def still_wanted(inbox: Inbox) -> list[tuple[str | None, int]]:
    """What is due at once, and how often it failed."""
    return [(entry.record_id, entry.attempts) for entry in inbox.waiting().entries]


def test_what_was_requested_once_is_applied_once(inbox: Inbox, claimed: Claimed) -> None:
    inbox.done(claimed)

    assert still_wanted(inbox) == []


def test_what_is_requested_again_meanwhile_is_applied_again(
    connection: psycopg.Connection[Any], inbox: Inbox, claimed: Claimed
) -> None:
    request_refresh(connection, INVOICES, [INVOICE])
    inbox.done(claimed)

    assert still_wanted(inbox) == [(INVOICE, 0)]


class Interrupted(psycopg.Connection[Any]):
    """A connection during whose second statement something happens."""

    statements = 0
    meanwhile: Callable[[], None]

    def cursor(self, *args: Any, **named: Any) -> Any:
        self.statements += 1
        if self.statements == 2:
            self.meanwhile()
        return super().cursor(*args, **named)


def test_what_is_requested_again_while_it_is_claimed_is_applied_again(
    database: Any, connection: psycopg.Connection[Any]
) -> None:
    request_refresh(connection, INVOICES, [INVOICE])
    with Interrupted.connect(database.sync, autocommit=True) as interrupted:
        interrupted.meanwhile = lambda: request_refresh(connection, INVOICES, [INVOICE])
        inbox = Inbox(interrupted, "whmcs")
        inbox.done(inbox.waiting())

        assert still_wanted(inbox) == [(INVOICE, 0)]


def test_a_failure_is_not_held_against_what_was_requested_again_meanwhile(
    connection: psycopg.Connection[Any], inbox: Inbox, claimed: Claimed
) -> None:
    request_refresh(connection, INVOICES, [INVOICE])
    inbox.failed(claimed, WHY)

    assert still_wanted(inbox) == [(INVOICE, 0)]


def test_a_pause_of_the_source_is_not_counted_for_what_was_requested_again_meanwhile(
    connection: psycopg.Connection[Any], inbox: Inbox, claimed: Claimed
) -> None:
    request_refresh(connection, INVOICES, [INVOICE])
    inbox.delayed(claimed, timedelta(minutes=1), WHY)

    assert still_wanted(inbox) == [(INVOICE, 0)]


def test_a_failure_is_tried_again_later_each_time_and_parked_at_last(
    connection: psycopg.Connection[Any], inbox: Inbox, claimed: Claimed
) -> None:
    waits, states = [], []
    for _ in range(5):
        inbox.failed(claimed, WHY)
        row = connection.execute(
            "SELECT extract(epoch FROM due_at - clock_timestamp()), state FROM sync.inbox"
        ).fetchone()
        assert row is not None
        waits.append(float(row[0]))
        states.append(row[1])

    assert states == ["waiting"] * 4 + ["parked"]
    # The database's clock is read a little later.
    assert all(wanted - 2 < wait <= wanted for wait, wanted in zip(waits, (0, 3, 15, 63, 255), strict=True))


def test_what_every_record_of_its_kind_is_refused_for_is_tried_on_and_on(
    connection: psycopg.Connection[Any], inbox: Inbox, claimed: Claimed
) -> None:
    for _ in range(12):
        inbox.failed(claimed, WHY, all_alike=True)

    row = connection.execute("SELECT state, due_at - clock_timestamp() <= interval '1 hour' FROM sync.inbox").fetchone()
    assert row == ("waiting", True)


def test_while_all_of_a_kind_are_refused_one_of_them_asks_for_all(
    connection: psycopg.Connection[Any], inbox: Inbox, claimed: Claimed
) -> None:
    """A right that is gone for a day must not cost a call an hour for each of thousands of records."""
    request_refresh(connection, INVOICES, ["2", "3"])
    request_refresh(connection, "whmcs.clients", ["4"])
    inbox.failed(inbox.waiting(), WHY, all_alike=True)
    connection.execute("UPDATE sync.inbox SET attempts = 6, due_at = received_at WHERE record_id = '2'")

    alone = inbox.waiting()
    inbox.failed(alone, WHY, all_alike=True)

    assert [entry.record_id for entry in alone.entries] == ["2"]
    assert {entry.entity for entry in inbox.waiting().entries} == {"whmcs.clients"}


def test_what_failed_before_comes_alone(connection: psycopg.Connection[Any], inbox: Inbox, claimed: Claimed) -> None:
    request_refresh(connection, INVOICES, ["2", "3"])
    inbox.failed(claimed, WHY)
    inbox.failed(inbox.waiting(), WHY)
    request_refresh(connection, INVOICES, ["4"])

    untried = inbox.waiting()
    inbox.done(untried)
    alone = inbox.waiting()

    assert [entry.record_id for entry in untried.entries] == ["4"]
    assert len(alone.entries) == 1


def test_a_line_that_is_requested_when_it_becomes_known_is_read_though_a_read_in_vain_is_under_way(
    database: Any, connection: psycopg.Connection[Any]
) -> None:
    """The network's applier looked for the line before WHMCS's had written it, and found nothing to ask."""
    network, service = Inbox(connection, "freebit"), "501"
    with psycopg.connect(database.owner) as owner:
        insert(owner, "sync.inbox", source="hub", event_id=f"line:{service}", entity="line", record_id=service)
    in_vain = network.waiting()
    with psycopg.connect(database.owner) as owner:
        line = {"id": hub_id("whmcs", "sim", service), "source_id": service, "msisdn": "09012345678"}
        insert(owner, "sims", **line)
    request_new_lines(connection, Selection(records=frozenset({service})))

    network.done(in_vain)

    assert still_wanted(network) == [(service, 0)]
