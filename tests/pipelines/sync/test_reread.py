"""Reading single records again, as events and operators ask for it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from core.errors import BrakeError, UnavailableError
from domain.common.identifiers import account_id
from pipelines.sync import reread
from pipelines.sync.dataset import Failure, Page, ReadRequest, Row, Selection
from pipelines.sync.merged import Merged
from pipelines.sync.reread import Rereader
from pipelines.sync.run import run
from tests.builders import insert
from tests.pipelines.sync.made_up import (
    SOURCE,
    a_dataset,
    details_dataset,
    execute,
    fetch,
    give_ids,
    rows,
    three_invoices,
)


def test_a_record_that_somebody_else_set_aside_leaves_quarantine_when_it_is_read(database):
    three_invoices(database)
    give_ids(database)
    with psycopg.connect(database.sync) as connection:
        reader = Rereader(connection, details_dataset(lambda _: {"balance": 5}), SOURCE)
        with psycopg.connect(database.owner) as other:
            insert(other, "sync.quarantine", dataset="whmcs.invoice_details", source_id="2")
        reader.read(Selection(records=frozenset({"2"})))

    assert fetch(database.owner, "SELECT resolved_at IS NOT NULL FROM sync.quarantine") == [(True,)]


@pytest.mark.parametrize(("due", "minutes"), [("24 hours", 1), ("30 seconds", 0.5), (None, 1)])
def test_a_parent_that_fails_when_somebody_requested_it_is_requested_again_soon(database, due, minutes):
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


def read_cases(database: Any, page: Page) -> Merged:
    with psycopg.connect(database.sync) as connection:
        return Rereader(connection, a_dataset(lambda _: iter([page])), SOURCE).read(Selection(frozenset({"5000"})))


def test_a_record_that_its_source_does_not_have_is_marked_deleted(database):
    read_cases(database, Page(rows=rows("5000"), position={}))

    merged = read_cases(database, Page(rows=(), position={}, gone=("5000",)))

    assert (merged.deleted, merged.written) == (1, 1)
    assert fetch(database.owner, "SELECT deleted_at IS NOT NULL FROM hub.support_cases") == [(True,)]


def test_a_record_that_its_source_cannot_hand_over_is_set_aside(database):
    read_cases(database, Page(rows=(), position={}, failures=[Failure("5000", {}, "cannot be written as JSON")]))

    aside = fetch(database.owner, "SELECT source_id, reason FROM sync.quarantine")
    assert aside == [("5000", "cannot be written as JSON")]


def test_reading_single_records_neither_uses_nor_moves_the_position_of_the_runs(database):
    positions = []

    def read(request: ReadRequest) -> Iterator[Page]:
        positions.append(request.position)
        yield Page(rows=rows("5000"), position={"next": 9}, complete=True)

    run(a_dataset(lambda _: iter([Page(rows=rows("5001"), position={"next": 1})])), SOURCE, database.sync)
    with psycopg.connect(database.sync) as connection:
        reader = Rereader(connection, a_dataset(read), SOURCE)
        reader.read(Selection(frozenset({"5000"})))
        reader.close()

    assert positions == [{}]
    assert fetch(database.owner, "SELECT position FROM sync.cursors") == [({"next": 1},)]
    assert fetch(database.owner, "SELECT as_of FROM sync.freshness") == [(None,)]


def test_of_a_client_all_parents_are_requested_due_or_not_and_of_no_other(database):
    three_invoices(database)
    execute(database.owner, "UPDATE hub.invoices SET items_due_at = NULL")
    execute(
        database.owner,
        "UPDATE hub.invoices SET account_id = %s WHERE source_id IN ('1', '2')",
        account_id("whmcs", "1001"),
    )
    asked = []

    def ask(parent: Row) -> Row:
        asked.append(parent["source_id"])
        return {"balance": 5}

    with psycopg.connect(database.sync) as connection:
        Rereader(connection, details_dataset(ask), SOURCE).read(Selection(owners=frozenset({"1001"})))

    assert sorted(asked) == ["1", "2"]


def test_a_selection_of_nothing_reads_no_list_whole(database):
    read_whole = []

    def read(request: ReadRequest) -> Iterator[Page]:
        read_whole.append(request)
        yield Page(rows=rows("5000"), position={})

    dataset = a_dataset(read, read_some=lambda _: iter([Page(rows=(), position={})]))
    with psycopg.connect(database.sync) as connection:
        Rereader(connection, dataset, SOURCE).read(Selection())

    assert read_whole == []


@pytest.fixture
def reader_of(database: Any) -> Iterator[Callable[[Page], Rereader]]:
    """A reader of cases, of which the hub knows twenty."""
    run(a_dataset(lambda _: iter([Page(rows=rows(*TWENTY), position={})])), SOURCE, database.sync)
    pages = list[Page]()
    with psycopg.connect(database.sync) as connection:
        reader = Rereader(connection, a_dataset(lambda _: iter([pages.pop()])), SOURCE)

        def reader_of(page: Page) -> Rereader:
            pages.append(page)
            return reader

        yield reader_of


TWENTY = [f"5{number:04}" for number in range(20)]


def gone(ids: Sequence[str]) -> Page:
    return Page(rows=(), position={}, gone=ids)


def test_what_single_reads_of_one_day_delete_counts_together_for_the_brake(reader_of):
    reader_of(gone(TWENTY[:6])).read(Selection(frozenset(TWENTY[:6])))

    with pytest.raises(BrakeError, match="12 of 20"):
        reader_of(gone(TWENTY[6:12])).read(Selection(frozenset(TWENTY[6:12])))


def test_what_single_reads_of_other_days_deleted_does_not_pull_the_brake(database, reader_of, monkeypatch):
    """A worker lives for months: each deletion would fail until somebody started it again."""
    monkeypatch.setattr(reread, "LONGEST_RUN", timedelta())
    for start in (0, 6, 12):
        some = TWENTY[start : start + 6]

        assert reader_of(gone(some)).read(Selection(frozenset(some))).deleted == 6

    statuses = fetch(database.owner, "SELECT status, deleted FROM sync.runs WHERE mode = 'events' ORDER BY started_at")
    assert statuses == [("succeeded", 0), ("succeeded", 6), ("succeeded", 6), ("running", 6)]
