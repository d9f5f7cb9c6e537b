"""A row that cannot be represented is set aside alone, with the reason, and comes out when it can be."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from domain.common.errors import MappingError
from domain.common.record import Contract
from pipelines.datasets import dataset_named
from pipelines.sync.dataset import Dataset, Failure, Page, ReadRequest, Row
from pipelines.sync.quarantine import quarantined
from pipelines.sync.reading import BODY
from pipelines.sync.retry import retry
from pipelines.sync.run import run
from tests.builders import insert
from tests.pipelines.sync.made_up import (
    SOURCE,
    WhmcsLike,
    a_dataset,
    break_the_database_at,
    details_dataset,
    fetch,
    give_ids,
    rows,
    three_invoices,
    to_cases,
)


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

    still_broken = retry(broken, SOURCE, database.sync)
    mended = retry(a_dataset(broken.read, to_contracts=mended_mapper), SOURCE, database.sync)

    assert (still_broken.taken, still_broken.refused) == (0, 1)
    assert (mended.taken, mended.refused) == (1, 0)
    assert fetch(database.owner, "SELECT source_id FROM hub.support_cases") == [("500B",)]
    assert fetch(database.owner, "SELECT position FROM sync.cursors") == [({"next": 7},)]
    with psycopg.connect(database.sync) as connection:
        assert quarantined(connection) == []


def test_a_retry_that_breaks_is_recorded_as_failed(database):
    run(sent(Page(rows=[BROKEN], position={})), SOURCE, database.sync)
    break_the_database_at(database.owner, "500B")

    with pytest.raises(psycopg.errors.InternalError_):
        retry(sent_whole(), SOURCE, database.sync)

    recorded = fetch(database.owner, "SELECT mode, status, error FROM sync.runs ORDER BY started_at")
    assert recorded == [("incremental", "succeeded", None), ("quarantine", "failed", "InternalError_")]


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


def test_retrying_quarantined_details_makes_their_parent_due_again(database):
    three_invoices(database)
    dataset = details_dataset(lambda parent: {"balance": 5} if parent["source_id"] != "2" else {})

    def to_balance(row: Row, vocabulary: Any) -> Sequence[Contract]:
        if not row[BODY]:
            raise MappingError("whmcs", "2", "balance: missing")
        return details_dataset(lambda _: {}).to_contracts(row, vocabulary)

    run(replace(dataset, to_contracts=to_balance), SOURCE, database.sync)
    retried = retry(dataset, SOURCE, database.sync)

    assert retried.requested == 1
    due = fetch(database.owner, "SELECT source_id FROM hub.invoices WHERE items_due_at <= now()")
    assert due == [("2",)]


def sent(*pages: Page) -> Dataset:
    return a_dataset(lambda _: iter(pages))


BROKEN = {"Id": "500B", "broken": 1}


def sent_whole() -> Dataset:
    """A data set whose mapper takes what was broken before."""
    return a_dataset(lambda _: iter(()), to_contracts=lambda row, _: to_cases({**row, "broken": 0}, _))


def waiting(database: Any) -> list[Any]:
    """What operators are shown."""
    return fetch(database.owner, "SELECT dataset, source_id FROM sync.quarantine WHERE resolved_at IS NULL")


def test_a_row_stays_in_quarantine_while_others_come(database):
    run(sent(Page(rows=[BROKEN], position={})), SOURCE, database.sync)

    run(sent(Page(rows=rows("500A"), position={}), Page(rows=(), position={}, complete=True)), SOURCE, database.sync)

    assert waiting(database) == [("salesforce.cases", "500B")]


def test_a_record_of_another_data_set_with_the_same_id_stays_in_quarantine(database):
    run(sent(Page(rows=[BROKEN], position={})), SOURCE, database.sync)
    with psycopg.connect(database.owner) as connection:
        insert(connection, "sync.quarantine", dataset="salesforce.orders", source_id="500B")

    run(sent(Page(rows=rows("500B"), position={})), SOURCE, database.sync)

    assert waiting(database) == [("salesforce.orders", "500B")]


def test_a_row_that_breaks_again_is_shown_again(database):
    for row in (BROKEN, {"Id": "500B"}, BROKEN):
        run(sent(Page(rows=[row], position={})), SOURCE, database.sync)

    assert waiting(database) == [("salesforce.cases", "500B")]


def test_a_row_that_breaks_within_a_run_after_it_came_whole_and_comes_whole_again_leaves_quarantine(database):
    pages = [Page(rows=[row], position={}) for row in ({"Id": "500B"}, BROKEN, {"Id": "500B"})]

    run(sent(*pages), SOURCE, database.sync)

    assert waiting(database) == []
    assert fetch(database.owner, "SELECT count(*) FROM sync.quarantine") == [(1,)]


def test_a_broken_row_that_a_list_brings_with_every_poll_is_written_once(database):
    run(sent(Page(rows=[BROKEN], position={})), SOURCE, database.sync)
    before = fetch(database.owner, "SELECT xmin::text, last_seen_at FROM sync.quarantine")

    run(sent(Page(rows=[BROKEN], position={})), SOURCE, database.sync)

    assert fetch(database.owner, "SELECT xmin::text, last_seen_at FROM sync.quarantine") == before


def test_a_record_that_its_source_could_not_hand_over_is_requested_again_and_the_others_are_tried_at_once(database):
    unreadable = Failure("500X", {}, "cannot be written as JSON")
    run(sent(Page(rows=[BROKEN], failures=[unreadable], position={})), SOURCE, database.sync)

    retried = retry(sent(), SOURCE, database.sync)

    assert (retried.requested, retried.refused, retried.taken) == (1, 1, 0)
    requested = fetch(database.owner, "SELECT entity, record_id, state FROM sync.inbox")
    assert requested == [("salesforce.cases", "500X", "waiting")]
