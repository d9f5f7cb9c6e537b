"""Reconcile counts how the hub differs from a source, record by record, and writes nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg

from core.errors import RejectedError
from pipelines.sync.dataset import Page, Row, Source, Target
from pipelines.sync.reconcile import Drift, reconcile
from pipelines.sync.run import run
from sql.tables.support import support_cases
from tests.builders import insert
from tests.pipelines.sync.made_up import (
    AT_WORK,
    NOON,
    SOURCE,
    CaseRow,
    Refreshing,
    a_dataset,
    case_id,
    details_dataset,
    fetch,
    pages_from,
    rows,
    three_invoices,
)


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


def reconciled(database: Any, *sent: Row, **target: Any) -> Drift:
    """The drift of the cases from a source that sends these rows."""
    cases = Target(contract=CaseRow, table=support_cases, kind="case", **target)
    page = Page(rows=sent, position={})
    (drift,) = reconcile(a_dataset(lambda _: iter([page]), targets=(cases,)), SOURCE, database.sync)
    return drift


def test_deleted_records_do_not_count_on_either_side(database):
    with psycopg.connect(database.owner) as connection:
        insert(connection, "support_cases", id=case_id("5000"), source_id="5000", deleted_at=NOON)

    drift = reconciled(database, {"Id": "5001", "deleted_at": NOON})

    assert (drift.source_rows, drift.hub_rows, drift.agrees) == (0, 0, True)


def test_a_deleted_record_that_its_source_still_has_is_missing(database):
    with psycopg.connect(database.owner) as connection:
        insert(connection, "support_cases", id=case_id("5000"), source_id="5000", deleted_at=NOON)

    assert reconciled(database, *rows("5000")).missing == 1


def test_a_record_that_a_list_brings_twice_is_compared_by_its_newest_version(database):
    """Rows move between the pages of a list while it is read."""
    newest = {"Id": "5000", "subject": "new", "source_updated_at": NOON + timedelta(hours=1)}
    run(a_dataset(lambda _: iter([Page(rows=[newest], position={})])), SOURCE, database.sync)
    pages = [Page(rows=[newest], position={}), Page(rows=rows("5000"), position={})]

    (drift,) = reconcile(a_dataset(lambda _: iter(pages)), SOURCE, database.sync)

    assert (drift.source_rows, drift.agrees) == (1, True)


def test_what_a_source_forgets_in_time_is_not_extra(database):
    run(a_dataset(lambda _: iter([Page(rows=rows("5000"), position={})])), SOURCE, database.sync)

    assert reconciled(database).extra == 1
    assert reconciled(database, forgotten=True).extra == 0


def test_only_the_rows_in_the_data_sets_scope_are_compared(database):
    run(a_dataset(lambda _: iter([Page(rows=rows("5000", "5001"), position={})])), SOURCE, database.sync)

    drift = reconciled(database, *rows("5000"), scope="source_id = '5000'")

    assert (drift.hub_rows, drift.agrees) == (1, True)
