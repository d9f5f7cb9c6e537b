"""One run of one data set: where it starts, what it leaves behind when it ends well, badly, or with broken rows."""

import gc
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from structlog.contextvars import get_contextvars

from core.errors import IncompleteReadError, RejectedError, UnavailableError
from domain.common.errors import MappingError
from domain.common.identifiers import account_id, hub_id
from domain.common.record import Contract
from domain.common.vocabulary import WhmcsVocabulary
from pipelines.datasets import dataset_named
from pipelines.sources.circuit import CircuitOpenError
from pipelines.sync.dataset import SETTLING, Dataset, Details, Page, ReadRequest, Row, Selection, Source, Target
from pipelines.sync.progress import Progress, listening
from pipelines.sync.quarantine import quarantined, retry
from pipelines.sync.reading import BODY, PARENT, parent_source_id, read_details
from pipelines.sync.reconcile import reconcile
from pipelines.sync.reread import Rereader
from pipelines.sync.run import run
from pipelines.sync.unwritten import UnwrittenPage
from sql.tables.billing import invoices
from sql.tables.support import support_cases
from tests.builders import insert

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Settings:
    vocabulary = None


class WhmcsLike:
    vocabulary = WhmcsVocabulary()


SOURCE = Source(client=None, settings=Settings())


class CaseRow(Contract):
    labels = (("status", "source_status"),)
    source: str = "salesforce"
    source_id: str
    source_updated_at: datetime = NOON
    deleted_at: datetime | None = None
    account_id: UUID = account_id("salesforce", "001A")
    subject: str
    status: str = "new"
    source_status: str = "New"
    priority: str = "low"
    is_closed: bool = False
    opened_at: datetime = NOON


def to_cases(row: Row, _: Any) -> Sequence[Contract]:
    if row.get("broken"):
        raise MappingError("salesforce", row["Id"], "Subject: missing")
    status = row.get("status", "new")
    case = CaseRow(id=hub_id("salesforce", "case", row["Id"]), source_id=row["Id"], subject="x", status=status)
    return (case,)


def a_dataset(read: Callable[[ReadRequest], Iterator[Page]], **values: Any) -> Dataset:
    return Dataset(
        **{
            "name": "salesforce.cases",
            "system": "salesforce",
            "group": "support",
            "description": "cases",
            "targets": (Target(contract=CaseRow, table=support_cases),),
            "read": read,
            "to_contracts": to_cases,
            "source_id": lambda row: row["Id"],
            "mapper_version": "1",
            "freshness": timedelta(minutes=10),
            **values,
        }
    )


def rows(*ids: str) -> list[dict[str, str]]:
    return [{"Id": identity} for identity in ids]


def fetch(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def pages_from(position: int, total: int, *, break_at: int | None = None) -> Iterator[Page]:
    for number in range(position, total):
        if number == break_at:
            raise UnavailableError("salesforce", "did not answer")
        yield Page(rows=rows(f"500{number}"), position={"next": number + 1})
    yield Page(rows=(), position={}, complete=True)


def test_a_run_that_breaks_keeps_what_it_wrote_and_the_next_goes_on_from_there(database):
    asked_from = []

    def read(request: ReadRequest) -> Iterator[Page]:
        asked_from.append(request.position.get("next", 0))
        return pages_from(asked_from[-1], 5, break_at=3 if len(asked_from) == 1 else None)

    with pytest.raises(UnavailableError):
        run(a_dataset(read), SOURCE, database.sync)
    after_the_break = fetch(database.owner, "SELECT count(*) FROM hub.support_cases")
    run(a_dataset(read), SOURCE, database.sync)

    assert after_the_break == [(3,)]
    assert asked_from == [0, 3]
    assert fetch(database.owner, "SELECT count(*) FROM hub.support_cases") == [(5,)]
    statuses = fetch(database.owner, "SELECT status, error FROM sync.runs ORDER BY started_at")
    assert statuses == [("failed", "salesforce: did not answer"), ("succeeded", None)]


@pytest.mark.parametrize(
    ("full", "asked_from", "cases"), [(False, [1], ["500A", "5001"]), (True, [0], ["5000", "5001"])]
)
def test_the_page_a_killed_run_was_writing_is_not_asked_for_again_unless_everything_is(
    database, full, asked_from, cases
):
    positions = []

    def read(request: ReadRequest) -> Iterator[Page]:
        positions.append(request.position.get("next", 0))
        return pages_from(positions[-1], 2)

    with UnwrittenPage(database.sync, "salesforce.cases") as unwritten:
        unwritten.keep(Page(rows=rows("500A"), position={"next": 1}, expected=2, asked_at=NOON), begins={})

    run(a_dataset(read), SOURCE, database.sync, full=full)

    assert positions == asked_from
    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases ORDER BY first_seen_at") == [
        (case,) for case in cases
    ]
    assert fetch(database.owner, "SELECT count(*) FROM sync.unwritten_pages") == [(0,)]


@pytest.mark.parametrize(("begins", "hours_ago"), [({"next": 7}, 0), ({}, 2)])
def test_a_kept_page_that_is_not_the_next_one_or_is_old_is_left_alone(database, begins, hours_ago):
    with UnwrittenPage(database.sync, "salesforce.cases") as unwritten:
        unwritten.keep(Page(rows=rows("500A"), position={"next": 1}, expected=2), begins=begins)
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE sync.unwritten_pages SET kept_at = kept_at - %s", [timedelta(hours=hours_ago)])

    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("5000",)]


def test_a_kept_page_that_another_release_wrote_in_its_own_form_stops_nothing(database):
    with UnwrittenPage(database.sync, "salesforce.cases") as unwritten:
        unwritten.keep(Page(rows=rows("500A"), position={"next": 1}, expected=2), begins={})
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE sync.unwritten_pages SET page = convert_to('{\"rows\": []}', 'UTF8')")

    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("5000",)]


def break_the_database_at(url: str, source_id: str) -> None:
    """The server has a fault of its own, and quotes what it was given, when it is to write that case."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE FUNCTION pg_temp.fails() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'cannot write %', NEW USING ERRCODE = 'XX000'; END $$".replace("pg_temp.", "")
        )
        connection.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON hub.support_cases FOR EACH ROW"
            f" WHEN (NEW.source_id = '{source_id}') EXECUTE FUNCTION fails()"
        )


def test_rows_and_cursor_are_written_together_or_not_at_all(database):
    break_the_database_at(database.owner, "500B")

    def read(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500A"), position={"next": 1})
        yield Page(rows=rows("500B"), position={"next": 2})

    with pytest.raises(psycopg.errors.InternalError_):
        run(a_dataset(read), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("500A",)]
    assert fetch(database.owner, "SELECT position FROM sync.cursors") == [({"next": 1},)]


def test_a_database_error_is_recorded_by_its_kind_alone_since_its_text_quotes_data(database):
    break_the_database_at(database.owner, "500SECRET")

    def read(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500SECRET"), position={})

    with pytest.raises(psycopg.errors.InternalError_):
        run(a_dataset(read), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT error FROM sync.runs") == [("InternalError_",)]


def test_a_row_that_the_database_refuses_is_set_aside_alone_and_the_reader_goes_on(database):
    refused = {"Id": "5003", "status": "no such status"}

    def read(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=[*rows("5001", "5002"), refused, *rows("5004", "5005")], position={"next": 1}, gone=["500X"])
        yield Page(rows=rows("5006"), position={"next": 2}, complete=True)

    outcome = run(a_dataset(read), SOURCE, database.sync)

    assert (outcome.read, outcome.merged.inserted, outcome.quarantined) == (6, 5, 1)
    assert outcome.position == {"next": 2}
    aside = fetch(database.owner, "SELECT source_id, payload, reason FROM sync.quarantine")
    assert aside == [("5003", refused, "unforeseen: CheckViolation")]


def test_a_half_written_page_does_not_move_the_reader(database):
    """The database goes away between two parts of a page of which one row is refused."""
    break_the_database_at(database.owner, "5004")
    rows_sent = [*rows("5001"), {"Id": "5002", "status": "no such status"}, *rows("5003", "5004")]

    with pytest.raises(psycopg.errors.InternalError_):
        run(a_dataset(lambda _: iter([Page(rows=rows_sent, position={"next": 1})])), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT position FROM sync.cursors") == []


def test_rows_that_are_all_refused_are_not_the_rows_fault(database):
    refused = [{"Id": f"50{number}", "status": "no such status"} for number in range(40)]

    with pytest.raises(psycopg.errors.CheckViolation):
        run(a_dataset(lambda _: iter([Page(rows=refused, position={"next": 1})])), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT count(*) FROM sync.quarantine") == [(10,)]


def test_a_row_whose_mapping_fails_as_nobody_foresaw_is_set_aside_by_the_kind_of_error(database):
    def to_case(row: Row, vocabulary: Any) -> Sequence[Contract]:
        if row["Id"] == "5002":
            raise KeyError("a value that is personal")
        return to_cases(row, vocabulary)

    dataset = a_dataset(lambda _: iter([Page(rows=rows("5001", "5002", "5003"), position={})]), to_contracts=to_case)
    outcome = run(dataset, SOURCE, database.sync)

    assert (outcome.merged.inserted, outcome.quarantined) == (2, 1)
    assert fetch(database.owner, "SELECT source_id, reason FROM sync.quarantine") == [("5002", "unforeseen: KeyError")]


def test_only_a_run_that_read_everything_makes_the_data_set_fresh(database):
    def half(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500A"), position={"next": 1})

    def short(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("500A"), position={"next": 1})
        raise IncompleteReadError("salesforce.cases", read=1, reported=2)

    run(a_dataset(half), SOURCE, database.sync)
    with pytest.raises(IncompleteReadError, match="read 1 rows, the source reports 2"):
        run(a_dataset(short), SOURCE, database.sync)
    unfinished = fetch(database.owner, "SELECT as_of FROM sync.freshness")
    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert unfinished == [(None,)]
    assert fetch(database.owner, "SELECT as_of IS NOT NULL FROM sync.freshness") == [(True,)]


def test_a_broken_row_is_set_aside_with_its_payload_and_the_rest_of_the_page_lands(database):
    def read(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=[*rows("500A"), {"Id": "500B", "broken": 1}, *rows("500C")], position={}, complete=True)

    outcome = run(a_dataset(read), SOURCE, database.sync)

    assert (outcome.read, outcome.merged.inserted, outcome.quarantined) == (3, 2, 1)
    kept = fetch(database.owner, "SELECT source_id, payload, reason FROM sync.quarantine")
    assert kept == [("500B", {"Id": "500B", "broken": 1}, "Subject: missing")]


def test_what_a_broken_row_gave_before_it_turned_out_broken_is_kept(database):
    service = {"id": "7", "clientid": "5", "name": "SIM", "billingcycle": "Monthly", "status": "Active"} | {
        "recurringamount": "980.00",
        "customfields": {"customfield": [{"name": "SIM Number", "value": "ask the shop"}]},
    }
    services = replace(
        dataset_named("whmcs.services"), read=lambda _: iter([Page(rows=[service], position={}, complete=True)])
    )

    outcome = run(services, replace(SOURCE, settings=WhmcsLike()), database.sync)

    assert (outcome.merged.inserted, outcome.quarantined) == (1, 1)
    assert fetch(database.owner, "SELECT source_id, status FROM hub.subscriptions") == [("7", "active")]
    assert fetch(database.owner, "SELECT source_id FROM hub.sims") == []
    assert fetch(database.owner, "SELECT source_id, reason FROM sync.quarantine") == [
        ("7", "SIM Number: not a telephone number")
    ]


def test_a_row_that_comes_back_whole_leaves_quarantine(database):
    run(a_dataset(lambda _: iter([Page(rows=[{"Id": "500B", "broken": 1}], position={})])), SOURCE, database.sync)

    run(a_dataset(lambda _: iter([Page(rows=rows("500B"), position={})])), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT resolved_at IS NOT NULL FROM sync.quarantine") == [(True,)]


def test_after_a_mapper_is_fixed_quarantined_rows_can_be_tried_again_without_moving_the_cursor(database):
    broken = a_dataset(lambda _: iter([Page(rows=[{"Id": "500B", "broken": 1}], position={"next": 7})]))
    run(broken, SOURCE, database.sync)

    def mended_mapper(row: Row, vocabulary: Any) -> Sequence[Contract]:
        return to_cases({**row, "broken": 0}, vocabulary)

    still_broken = retry(broken, None, database.sync)
    mended = retry(a_dataset(broken.read, to_contracts=mended_mapper), None, database.sync)

    assert (still_broken.taken, still_broken.refused) == (0, 1)
    assert (mended.taken, mended.refused) == (1, 0)
    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("500B",)]
    assert fetch(database.owner, "SELECT position FROM sync.cursors") == [({"next": 7},)]
    with psycopg.connect(database.sync) as connection:
        assert quarantined(connection) == []


def test_labels_nobody_knows_are_counted_by_column_and_label(database):
    def to_other(row: Row, _: Any) -> Sequence[Contract]:
        (case,) = to_cases(row, _)
        return (case.model_copy(update={"status": "other", "source_status": "Parked"}),)

    outcome = run(a_dataset(lambda _: pages_from(0, 2), to_contracts=to_other), SOURCE, database.sync)

    assert outcome.unknown_labels == {"status=Parked": 2}
    assert fetch(database.owner, "SELECT unknown_labels FROM sync.runs") == [({"status=Parked": 2},)]


def test_a_run_whose_process_died_is_marked_as_failed_by_the_next(database):
    with psycopg.connect(database.owner) as connection:
        insert(connection, "sync.runs", dataset="salesforce.cases", system="salesforce", status="running")

    run(a_dataset(lambda _: pages_from(0, 1)), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT status, error FROM sync.runs ORDER BY started_at") == [
        ("failed", "interrupted"),
        ("succeeded", None),
    ]


def test_whoever_listens_is_told_of_every_page_and_of_the_end(database):
    heard: list[Progress] = []

    with listening(heard.append):
        run(a_dataset(lambda _: pages_from(0, 2)), SOURCE, database.sync)

    assert [(step.rows, step.done) for step in heard] == [(1, False), (2, False), (2, False), (2, True)]


def test_reconcile_counts_what_is_missing_extra_and_different_and_writes_nothing(database):
    run(a_dataset(lambda _: pages_from(0, 4)), SOURCE, database.sync)
    with psycopg.connect(database.owner) as connection:
        connection.execute("DELETE FROM hub.support_cases WHERE source_id = '5000'")
        connection.execute("UPDATE hub.support_cases SET subject = 'tampered' WHERE source_id = '5001'")
        insert(connection, "support_cases", source_id="500X")
    before = fetch(database.owner, "SELECT id, subject, changed_at FROM hub.support_cases ORDER BY id")

    (drift,) = reconcile(a_dataset(lambda _: pages_from(0, 4)), SOURCE, database.sync)

    assert (drift.source_rows, drift.hub_rows) == (4, 4)
    assert (drift.missing, drift.extra, drift.different) == (1, 1, 1)
    assert fetch(database.owner, "SELECT id, subject, changed_at FROM hub.support_cases ORDER BY id") == before


class BalanceRow(Contract):
    balance: int


DETAILS = Details(parent=invoices, kind="invoice", prefix="items", order="issued_on DESC", columns=("currency",))


def details_dataset(ask: Callable[[Row], Row], details: Details = DETAILS) -> Dataset:
    def to_balance(row: Row, _: Any) -> Sequence[Contract]:
        return (BalanceRow(id=row[PARENT]["id"], balance=row[BODY]["balance"]),)

    return a_dataset(
        lambda request: read_details(request, ask, at_once=2, batch=2),
        name="whmcs.invoice_details",
        system="whmcs",
        targets=(Target(contract=BalanceRow, table=invoices, only_existing=True),),
        to_contracts=to_balance,
        source_id=parent_source_id,
        details=details,
    )


def three_invoices(database: Any) -> None:
    with psycopg.connect(database.owner) as connection:
        for day in (1, 2, 3):
            insert(
                connection,
                "invoices",
                id=hub_id("whmcs", "invoice", str(day)),
                source_id=str(day),
                issued_on=datetime(2026, 1, day, tzinfo=UTC).date(),
            )


def give_ids(database: Any) -> None:
    """The ids by which records are found that somebody names."""
    with psycopg.connect(database.owner) as connection:
        for (invoice,) in fetch(database.owner, "SELECT source_id FROM hub.invoices"):
            values = [hub_id("whmcs", "invoice", invoice), invoice]
            connection.execute("UPDATE hub.invoices SET id = %s WHERE source_id = %s", values)


def test_details_are_asked_for_newest_first_and_once(database):
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


class Refreshing(Settings):
    hours = 24


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


AT_WORK = replace(DETAILS, refresh_after=lambda settings: timedelta(hours=settings.hours), unsettled="balance = 5")


def test_the_worker_is_asked_to_read_what_is_at_work_again_when_it_is_due(database):
    three_invoices(database)
    at_work = replace(details_dataset(lambda parent: {"balance": 4 + (parent["source_id"] == "2")}), details=AT_WORK)

    run(at_work, Source(None, Refreshing()), database.sync)
    run(at_work, Source(None, Refreshing()), database.sync)

    wished = fetch(
        database.owner,
        "SELECT entity, record_id, state, due_at = items_due_at"
        " FROM sync.inbox JOIN hub.invoices ON source_id = record_id",
    )
    assert wished == [(at_work.name, "2", "waiting", True)]


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


def test_a_parent_whose_details_are_refused_is_set_aside_and_not_extra(database):
    three_invoices(database)
    run(details_dataset(lambda _: {"balance": 4}), SOURCE, database.sync)

    def ask(parent: Row) -> Row:
        if parent["source_id"] == "2":
            raise RejectedError("whmcs", "refused the call")
        return {"balance": 4}

    drift = reconcile(details_dataset(ask), SOURCE, database.sync)[0]

    assert (drift.extra, drift.quarantined, drift.agrees) == (0, ("2",), True)


def test_what_the_source_is_at_work_on_is_counted_apart_from_what_differs(database):
    three_invoices(database)
    at_work = replace(details_dataset(lambda _: {"balance": 4}), details=AT_WORK)
    run(at_work, Source(None, Refreshing()), database.sync)
    now = replace(
        at_work, read=details_dataset(lambda parent: {"balance": {"1": 4, "2": 5, "3": 6}[parent["source_id"]]}).read
    )

    drift = reconcile(now, SOURCE, database.sync)[0]

    assert (drift.different, drift.at_work, drift.agrees) == (1, 1, False)


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


def test_a_parent_that_keeps_failing_is_asked_about_ever_later_until_it_answers(database):
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


def test_a_record_that_somebody_else_set_aside_leaves_quarantine_when_it_is_read(database):
    three_invoices(database)
    give_ids(database)
    with psycopg.connect(database.sync) as connection:
        reader = Rereader(connection, details_dataset(lambda _: {"balance": 5}), SOURCE)
        with psycopg.connect(database.owner) as other:
            insert(other, "sync.quarantine", dataset="whmcs.invoice_details", source_id="2")
        reader.read(Selection(records=frozenset({"2"})))

    assert fetch(database.owner, "SELECT resolved_at IS NOT NULL FROM sync.quarantine") == [(True,)]


def test_a_record_whose_details_nobody_asks_for_any_more_leaves_quarantine(database):
    three_invoices(database)
    give_ids(database)
    with psycopg.connect(database.owner) as connection:
        for invoice in ("1", "2"):
            insert(connection, "sync.quarantine", dataset="whmcs.invoice_details", source_id=invoice)
        connection.execute("UPDATE hub.invoices SET deleted_at = now() WHERE source_id = '2'")
        connection.execute("UPDATE hub.invoices SET items_due_at = NULL")

    run(details_dataset(lambda _: {"balance": 5}), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT source_id FROM sync.quarantine WHERE resolved_at IS NULL") == [("1",)]


@pytest.mark.parametrize(("due", "minutes"), [("24 hours", 1), ("30 seconds", 0.5)])
def test_a_parent_that_fails_when_somebody_asked_for_it_is_asked_about_again_soon(database, due, minutes):
    three_invoices(database)

    def ask(parent: Row) -> Row:
        raise UnavailableError("whmcs", "is down", code="http_503")

    give_ids(database)
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE hub.invoices SET items_due_at = now() + %s::interval", [due])
    with psycopg.connect(database.sync) as connection:
        Rereader(connection, details_dataset(ask), SOURCE).read(Selection(records=frozenset({"2"})))

    waits = fetch(database.owner, "SELECT items_due_at - now() FROM hub.invoices WHERE source_id = '2'")
    assert timedelta(minutes=minutes) - timedelta(seconds=20) < waits[0][0] <= timedelta(minutes=minutes)


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


def test_an_answer_around_which_the_day_changed_is_asked_for_once_more(database):
    three_invoices(database)
    days, asked_for = iter(["monday", "tuesday"]), []

    def ask(parent: Row) -> Row:
        asked_for.append(parent["source_id"])
        return {"balance": 5}

    def read(request: ReadRequest) -> Iterator[Page]:
        return read_details(request, ask, at_once=1, batch=3, during=lambda _: next(days, "tuesday"))

    run(replace(details_dataset(ask), read=read), SOURCE, database.sync)

    assert asked_for == ["3", "3", "2", "1"]


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


def test_retrying_quarantined_details_makes_their_parent_due_again(database):
    three_invoices(database)
    dataset = details_dataset(lambda parent: {"balance": 5} if parent["source_id"] != "2" else {})

    def to_balance(row: Row, vocabulary: Any) -> Sequence[Contract]:
        if not row[BODY]:
            raise MappingError("whmcs", "2", "balance: missing")
        return details_dataset(lambda _: {}).to_contracts(row, vocabulary)

    run(replace(dataset, to_contracts=to_balance), SOURCE, database.sync)
    retried = retry(dataset, None, database.sync)

    assert retried.requested == 1
    due = fetch(database.owner, "SELECT source_id FROM hub.invoices WHERE items_due_at <= now()")
    assert due == [("2",)]


def test_a_batch_that_brings_nothing_but_refusals_fails_the_run(database):
    with psycopg.connect(database.owner) as connection:
        for number in range(12):
            insert(connection, "invoices", source_id=str(number))

    def ask(parent: Row) -> Row:
        raise RejectedError("whmcs", "refused", code="refused")

    everything = a_dataset(
        lambda request: read_details(request, ask, at_once=2, batch=20),
        name="whmcs.invoice_details",
        details=DETAILS,
        source_id=parent_source_id,
    )
    with pytest.raises(RejectedError):
        run(everything, SOURCE, database.sync)

    # The run says so; and none is asked about again before its time, or these would be asked about for ever.
    assert fetch(database.owner, "SELECT count(*) FROM hub.invoices WHERE items_due_at <= now()") == [(0,)]
    assert fetch(database.owner, "SELECT count(*) FROM hub.invoices WHERE items_as_of IS NOT NULL") == [(0,)]
    assert fetch(database.owner, "SELECT count(*) FROM sync.quarantine") == [(12,)]


def test_every_call_of_a_run_carries_the_runs_id(database):
    three_invoices(database)
    carried = []

    def ask(parent: Row) -> Row:
        carried.append(get_contextvars()["request_id"])
        return {"balance": 5}

    run(details_dataset(ask), SOURCE, database.sync)

    ((run_id,),) = fetch(database.owner, "SELECT id FROM sync.runs")
    assert set(carried) == {str(run_id)}


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


def test_runs_that_overlap_in_one_process_leave_its_settings_alone(database):
    """Ten busy minutes of `hub apply` failed fifteen ticks: two runs had each set and restored how Python switches."""
    settings = (sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count())
    seen: list[Any] = []
    second_began, first_ended = threading.Event(), threading.Event()

    def long(_: ReadRequest) -> Iterator[Page]:
        assert second_began.wait(30)
        yield Page(rows=rows("5001"), position={})

    def longer(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows("5002"), position={})
        second_began.set()
        assert first_ended.wait(30)
        seen.append((sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count()))
        yield Page(rows=rows("5003"), position={})

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(run, a_dataset(long), SOURCE, database.sync)
        second = threads.submit(run, a_dataset(longer, name="salesforce.others"), SOURCE, database.sync)
        first.result()
        first_ended.set()
        second.result()

    seen.append((sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count()))
    assert seen == [settings, settings]
