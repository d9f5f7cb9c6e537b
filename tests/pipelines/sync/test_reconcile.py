"""Reconcile counts how the hub differs from a source, record by record, and writes nothing."""

from dataclasses import replace

import psycopg

from core.errors import RejectedError
from pipelines.sync.dataset import Row, Source
from pipelines.sync.reconcile import reconcile
from pipelines.sync.run import run
from tests.builders import insert
from tests.pipelines.sync.made_up import (
    AT_WORK,
    SOURCE,
    Refreshing,
    a_dataset,
    details_dataset,
    fetch,
    pages_from,
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
