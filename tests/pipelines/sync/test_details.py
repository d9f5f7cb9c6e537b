"""Details by call: which parents are requested, when again, and what becomes of those whose call fails."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from core.errors import RejectedError, UnavailableError
from pipelines.sources.circuit import CircuitOpenError
from pipelines.sync.dataset import SETTLING, Page, ReadRequest, Row, Source
from pipelines.sync.reading import parent_source_id, read_details
from pipelines.sync.run import run
from tests.builders import insert
from tests.pipelines.sync.made_up import (
    AT_WORK,
    DETAILS,
    NOON,
    SOURCE,
    Refreshing,
    a_dataset,
    details_dataset,
    execute,
    fetch,
    now,
    three_invoices,
)


def test_details_are_requested_newest_first_and_once(database):
    three_invoices(database)
    asked: list[str] = []

    def ask(parent: Row) -> Row:
        asked.append(parent["source_id"])
        return {"balance": 5}

    run(details_dataset(ask), SOURCE, database.sync)
    again = run(details_dataset(ask), SOURCE, database.sync)

    # Two are in flight at a time, so the first pair may be noted in either order.
    assert sorted(asked[:2]) == ["2", "3"]
    assert asked[2:] == ["1"]
    assert again.read == 0
    assert fetch(database.owner, "SELECT count(*) FROM hub.invoices WHERE items_as_of IS NULL") == [(0,)]


def test_details_are_read_again_as_settings_say_and_soon_where_the_source_is_at_work(database):
    three_invoices(database)
    details = replace(
        DETAILS,
        refresh_after=lambda settings: timedelta(hours=settings.hours),
        unsettled="source_id = '2' AND balance = 5",
    )

    run(replace(details_dataset(lambda _: {"balance": 5}), details=details), Source(None, Refreshing()), database.sync)

    waits = fetch(database.owner, "SELECT source_id, items_due_at - items_as_of FROM hub.invoices ORDER BY source_id")
    assert waits == [("1", timedelta(hours=24)), ("2", SETTLING), ("3", timedelta(hours=24))]


def test_the_worker_is_asked_to_read_what_is_at_work_again_when_it_is_due(database):
    three_invoices(database)
    at_work = replace(details_dataset(lambda parent: {"balance": 4 + (parent["source_id"] == "2")}), details=AT_WORK)

    run(at_work, Source(None, Refreshing()), database.sync)
    run(at_work, Source(None, Refreshing()), database.sync)

    requested = fetch(
        database.owner,
        "SELECT entity, record_id, state, due_at = items_due_at"
        " FROM sync.inbox JOIN hub.invoices ON source_id = record_id",
    )
    assert requested == [(at_work.name, "2", "waiting", True)]


def test_what_stays_at_work_is_read_again_ever_more_seldom(database):
    three_invoices(database)
    at_work = replace(details_dataset(lambda _: {"balance": 5}), details=AT_WORK)
    run(at_work, Source(None, Refreshing()), database.sync)
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE hub.invoices SET changed_at = now() - interval '1 hour', items_due_at = now()")

    run(at_work, Source(None, Refreshing()), database.sync)

    ((least, most),) = fetch(
        database.owner, "SELECT min(items_due_at - items_as_of), max(items_due_at - items_as_of) FROM hub.invoices"
    )
    assert timedelta(hours=1) <= least <= most < timedelta(hours=1, minutes=5)


def test_a_source_that_breaks_off_leaves_the_rest_due_and_what_came_written(database):
    three_invoices(database)

    def ask(parent: Row) -> Row:
        if parent["source_id"] == "1":
            raise CircuitOpenError("whmcs", "is left alone for now", sent=False)
        return {"balance": 5}

    with pytest.raises(CircuitOpenError):
        run(details_dataset(ask), SOURCE, database.sync)

    due = fetch(database.owner, "SELECT source_id FROM hub.invoices WHERE items_due_at <= now()")
    assert due == [("1",)]
    assert fetch(database.owner, "SELECT as_of FROM sync.freshness") == [(None,)]
    assert fetch(database.owner, "SELECT count(*) FROM sync.quarantine") == [(0,)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RejectedError("whmcs", "has no such record", code="not_found"), "has no such record [not_found]"),
        # One record that answers 500 for ever (yashodhank/whmcs-mcp-server).
        (UnavailableError("whmcs", "is down", code="http_500"), "is down [http_500]"),
        (UnavailableError("whmcs", "did not answer", code="ReadTimeout"), "did not answer [ReadTimeout]"),
        (KeyError("personal"), "unforeseen: KeyError"),
    ],
    ids=str,
)
def test_a_parent_whose_call_fails_is_set_aside_and_holds_up_no_other(database, error, reason):
    three_invoices(database)

    def ask(parent: Row) -> Row:
        if parent["source_id"] == "2":
            raise error
        return {"balance": 5}

    outcome = run(details_dataset(ask), SOURCE, database.sync)
    again = run(details_dataset(ask), SOURCE, database.sync)

    assert (outcome.read, outcome.quarantined, again.read) == (3, 1, 0)
    assert fetch(database.owner, "SELECT source_id, reason FROM sync.quarantine") == [("2", reason)]
    assert fetch(database.owner, "SELECT source_id FROM hub.invoices WHERE items_as_of IS NULL") == [("2",)]


def test_a_parent_that_keeps_failing_is_requested_ever_later_until_it_answers(database):
    three_invoices(database)
    broken = True

    def ask(parent: Row) -> Row:
        if broken and parent["source_id"] == "2":
            raise UnavailableError("whmcs", "is down", code="http_500")
        return {"balance": 5}

    waits = []
    for _ in range(3):
        run(details_dataset(ask), SOURCE, database.sync)
        wait = (
            "SELECT round(extract(epoch FROM items_due_at - now()) / 60)::int FROM hub.invoices WHERE source_id = '2'"
        )
        waits += fetch(database.owner, wait)
        with psycopg.connect(database.owner) as connection:
            connection.execute("UPDATE hub.invoices SET items_due_at = now() WHERE source_id = '2'")
    broken = False
    run(details_dataset(ask), SOURCE, database.sync)

    assert waits == [(1,), (2,), (4,)]
    seen = fetch(database.owner, "SELECT times_seen, resolved_at IS NOT NULL FROM sync.quarantine")
    assert seen == [(3, True)]
    assert fetch(database.owner, "SELECT count(*) FROM hub.invoices WHERE items_as_of IS NULL") == [(0,)]


def test_the_moment_of_details_is_that_of_their_own_answer(database):
    """A page of fifty lines takes as long as the budget of calls makes it."""
    three_invoices(database)
    moments = {}

    def ask(parent: Row) -> Row:
        with psycopg.connect(database.owner, autocommit=True) as connection:
            moments[parent["source_id"]] = connection.execute("SELECT clock_timestamp()").fetchone()[0]
            connection.execute("SELECT pg_sleep(0.05)")
        return {"balance": 5}

    dataset = replace(details_dataset(ask), read=lambda request: read_details(request, ask, at_once=1, batch=3))
    run(dataset, SOURCE, database.sync)

    known = dict(fetch(database.owner, "SELECT source_id, items_as_of FROM hub.invoices"))
    assert list(moments) == ["3", "2", "1"]
    assert known["3"] <= moments["3"] < known["2"] <= moments["2"] < known["1"] <= moments["1"]


def test_an_answer_around_which_the_day_changed_is_requested_once_more(database):
    three_invoices(database)
    midnight, requested = datetime(2026, 11, 2, tzinfo=UTC), []
    clock = iter([midnight - timedelta(seconds=1)])

    def ask(parent: Row) -> Row:
        requested.append(parent["source_id"])
        return {"balance": 5}

    def read(request: ReadRequest) -> Iterator[Page]:
        request = replace(request, now=lambda: next(clock, midnight))
        return read_details(request, ask, at_once=1, batch=3, during=datetime.date)

    run(replace(details_dataset(ask), read=read), SOURCE, database.sync)

    assert requested == ["3", "3", "2", "1"]


def test_a_parent_that_changes_while_its_details_are_on_their_way_stays_due(database):
    three_invoices(database)

    def ask(parent: Row) -> Row:
        if parent["source_id"] == "3":
            with psycopg.connect(database.owner) as connection:
                connection.execute("UPDATE hub.invoices SET items_due_at = clock_timestamp() WHERE source_id = '3'")
        return {"balance": 5}

    run(details_dataset(ask), SOURCE, database.sync)

    due = fetch(database.owner, "SELECT source_id FROM hub.invoices WHERE items_due_at IS NOT NULL")
    assert due == [("3",)]


@pytest.mark.parametrize(("refused", "fails"), [(11, True), (10, False)])
def test_a_batch_that_brings_nothing_but_more_than_a_few_refusals_fails_the_run(database, refused, fails):
    with psycopg.connect(database.owner) as connection:
        for number in range(refused):
            insert(connection, "invoices", source_id=str(number))

    def ask(parent: Row) -> Row:
        raise RejectedError("whmcs", "refused", code="refused")

    everything = a_dataset(
        lambda request: read_details(request, ask, at_once=2, batch=20),
        name="whmcs.invoice_details",
        details=DETAILS,
        source_id=parent_source_id,
    )
    with pytest.raises(RejectedError) if fails else nullcontext():
        run(everything, SOURCE, database.sync)

    # The run says so; and none is requested again before its time, or these would be requested for ever.
    assert fetch(database.owner, "SELECT count(*) FROM hub.invoices WHERE items_due_at <= now()") == [(0,)]
    assert fetch(database.owner, "SELECT count(*) FROM hub.invoices WHERE items_as_of IS NOT NULL") == [(0,)]
    assert fetch(database.owner, "SELECT count(*) FROM sync.quarantine") == [(refused,)]


@pytest.mark.parametrize("logged", [True, False])
def test_that_details_were_read_is_logged_where_a_customer_sees_when_that_was(database, logged):
    three_invoices(database)
    dataset = details_dataset(lambda _: {"balance": 5}, details=replace(DETAILS, logged=logged))

    run(dataset, SOURCE, database.sync)

    log = fetch(
        database.owner,
        "SELECT c.operation, c.before, (c.after ->> 'items_as_of')::timestamptz = i.items_as_of,"
        " c.account_id = i.account_id FROM sync.changes c JOIN hub.invoices i ON i.id = c.entity_id"
        " WHERE c.entity = 'invoices' AND c.after ? 'items_as_of'",
    )
    assert log == ([("update", {"items_as_of": None}, True, True)] * 3 if logged else [])


def test_a_parent_that_never_answers_is_requested_every_six_hours_at_least(database):
    three_invoices(database)
    with psycopg.connect(database.owner) as connection:
        insert(connection, "sync.quarantine", dataset="whmcs.invoice_details", source_id="2", times_seen=40)

    def ask(parent: Row) -> Row:
        raise UnavailableError("whmcs", "is down", code="http_500")

    run(details_dataset(ask), SOURCE, database.sync)

    ((wait,),) = fetch(database.owner, "SELECT items_due_at - now() FROM hub.invoices WHERE source_id = '2'")
    assert timedelta(hours=5, minutes=59) < wait <= timedelta(hours=6)


def test_a_parent_that_answered_in_between_is_requested_after_a_minute_when_it_fails_again(database):
    three_invoices(database)
    with psycopg.connect(database.owner) as connection:
        values = {"dataset": "whmcs.invoice_details", "source_id": "2", "times_seen": 40}
        insert(connection, "sync.quarantine", **values, resolved_at=NOON)

    def ask(parent: Row) -> Row:
        raise UnavailableError("whmcs", "is down", code="http_500")

    run(details_dataset(ask), SOURCE, database.sync)

    ((wait,),) = fetch(database.owner, "SELECT items_due_at - now() FROM hub.invoices WHERE source_id = '2'")
    assert wait <= timedelta(minutes=1)


def test_a_parent_that_changed_while_others_of_its_page_were_requested_keeps_what_is_newer(database):
    three_invoices(database)

    def ask(parent: Row) -> Row:
        if parent["source_id"] == "2":  # "3" has answered by now, and its page is not written yet
            execute(
                database.owner,
                "UPDATE hub.invoices SET balance = 9, changed_at = clock_timestamp() WHERE source_id = '3'",
            )
        return {"balance": 5}

    def read(request: ReadRequest) -> Iterator[Page]:
        return read_details(replace(request, now=lambda: now(database)), ask, at_once=1, batch=3)

    run(replace(details_dataset(ask), read=read), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT balance::int FROM hub.invoices WHERE source_id = '3'") == [(9,)]
    still_due = "SELECT source_id FROM hub.invoices WHERE items_due_at <= now()"
    assert fetch(database.owner, still_due) == [("3",)], "it is requested again"


def test_a_parent_that_changed_before_it_was_itself_requested_is_written_and_read(database):
    """The moment of an answer is its own, not that of the page's first call."""
    three_invoices(database)

    def ask(parent: Row) -> Row:
        if parent["source_id"] == "3":  # the first; "2" comes after it
            execute(database.owner, "UPDATE hub.invoices SET changed_at = clock_timestamp() WHERE source_id = '2'")
        return {"balance": 5}

    def read(request: ReadRequest) -> Iterator[Page]:
        return read_details(replace(request, now=lambda: now(database)), ask, at_once=1, batch=3)

    run(replace(details_dataset(ask), read=read), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT balance::int FROM hub.invoices WHERE source_id = '2'") == [(5,)]
    assert fetch(database.owner, "SELECT source_id FROM hub.invoices WHERE items_due_at <= now()") == []


def test_many_failures_among_answers_are_those_records_own(database):
    with psycopg.connect(database.owner) as connection:
        for number in range(13):
            insert(connection, "invoices", source_id=str(number))

    def ask(parent: Row) -> Row:
        if parent["source_id"] != "7":
            raise RejectedError("whmcs", "refused", code="refused")
        return {"balance": 5}

    dataset = details_dataset(ask)
    outcome = run(
        replace(dataset, read=lambda request: read_details(request, ask, at_once=2, batch=20)), SOURCE, database.sync
    )

    assert (outcome.read, outcome.quarantined) == (13, 12)
    assert fetch(database.owner, "SELECT as_of IS NOT NULL FROM sync.freshness") == [(True,)]


@pytest.mark.parametrize("logged", [True, False])
def test_whoever_follows_the_change_log_is_notified_when_it_has_something_new(database, logged):
    three_invoices(database)
    execute(database.owner, "UPDATE hub.invoices SET balance = 5")
    dataset = details_dataset(lambda _: {"balance": 5}, details=replace(DETAILS, logged=logged))

    with psycopg.connect(database.owner, autocommit=True) as listener:
        listener.execute("LISTEN hub_changes")
        run(dataset, SOURCE, database.sync)
        listener.execute("NOTIFY hub_changes, 'the end'")
        notified = []
        for notification in listener.notifies(timeout=30):
            if notification.payload == "the end":
                break
            notified.append(notification.payload)

    assert bool(notified) == logged


def test_parents_that_are_deleted_or_in_another_state_are_not_requested(database):
    three_invoices(database)
    execute(database.owner, "UPDATE hub.invoices SET deleted_at = now() WHERE source_id = '1'")
    execute(database.owner, "UPDATE hub.invoices SET status = 'draft' WHERE source_id = '2'")
    asked = []

    def ask(parent: Row) -> Row:
        asked.append(parent["source_id"])
        return {"balance": 5}

    run(details_dataset(ask, details=replace(DETAILS, where="status <> 'draft'")), SOURCE, database.sync)

    assert asked == ["3"]
