"""Nothing is marked deleted on a hunch: every gate here must open first.

1. That a list did not bring a record proves nothing, however the list ended. The record is requested by its id, and
   goes only if the source says that there is none (test_heal.py).
2. "There is no such record" is one answer. A refusal of another kind, and no answer at all, say nothing of the record
   (tests/pipelines/sources/test_whmcs.py).
3. An answer is as old as its question. A record that the hub changed after it was requested outlives the answer.
4. What failed, in part or in whole, takes nothing away (tests/e2e/test_one_bad_record.py).
5. A run that would take more than a twentieth of a table, and more than ten rows, stops. The whole run counts, not a
   page of it; what goes as a part of something else does not count; the page that goes too far leaves nothing. Only an
   operator's permit lifts that brake.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from core.errors import BrakeError
from domain.common.identifiers import account_id, hub_id
from pipelines.datasets import dataset_named
from pipelines.sync.dataset import Dataset, Page, ReadRequest, Selection
from pipelines.sync.reread import Rereader
from pipelines.sync.run import run
from tests.builders import insert
from tests.pipelines.sync.made_up import NOON, SOURCE, a_dataset, execute, fetch, now, rows

MINUTE = timedelta(minutes=1)


def a_run_of(database: Any, *pages: Page, **options: Any) -> None:
    run(a_dataset(lambda _: iter(pages)), SOURCE, database.sync, **options)


def cases(count: int) -> list[str]:
    return [f"5{number:04}" for number in range(count)]


def hold(database: Any, count: int) -> list[str]:
    """The ids of so many cases, which the hub knows."""
    ids = cases(count)
    a_run_of(database, Page(rows=rows(*ids), position={}))
    return ids


def gone(*ids: str, requested_at: Any = None) -> Page:
    return Page(rows=(), position={}, gone=ids, requested_at=requested_at)


def alive(database: Any) -> int:
    return int(fetch(database.owner, "SELECT count(*) FROM hub.support_cases WHERE deleted_at IS NULL")[0][0])


# -- the answer is as old as its question ----------------------------------------------------------------------------


def test_a_record_that_came_back_after_it_was_requested_outlives_the_answer_that_there_is_none(database):
    hold(database, 1)
    requested_at = now(database)
    execute(database.owner, "UPDATE hub.support_cases SET subject = 'restored', changed_at = clock_timestamp()")

    a_run_of(database, gone("50000", requested_at=requested_at))

    assert alive(database) == 1


def test_a_record_that_did_not_change_since_it_was_requested_goes_and_that_is_logged_once(database):
    hold(database, 1)

    a_run_of(database, gone("50000", requested_at=now(database)))
    a_run_of(database, gone("50000", requested_at=now(database)))

    assert alive(database) == 0
    log = fetch(database.owner, "SELECT operation, account_id FROM sync.changes ORDER BY seq")
    assert log == [("insert", account_id("salesforce", "001A")), ("delete", account_id("salesforce", "001A"))]


def test_a_row_that_changed_after_its_page_was_requested_is_kept_and_requested_again(database):
    hold(database, 1)
    requested_at = now(database)
    execute(database.owner, "UPDATE hub.support_cases SET subject = 'newer', changed_at = clock_timestamp()")

    a_run_of(database, Page(rows=[{"Id": "50000", "subject": "older"}], position={}, requested_at=requested_at))

    assert fetch(database.owner, "SELECT subject FROM hub.support_cases") == [("newer",)]
    requested = fetch(database.owner, "SELECT source, entity, record_id, state FROM sync.inbox")
    assert requested == [("hub", "salesforce.cases", "50000", "waiting")]


# -- the brake -------------------------------------------------------------------------------------------------------


def test_the_brake_counts_the_whole_run_and_undoes_the_page_that_goes_too_far(database):
    ids = hold(database, 300)

    with pytest.raises(BrakeError, match="18 of 300"):
        a_run_of(database, gone(*ids[:9]), gone(*ids[9:18]), gone(*ids[18:]))

    assert alive(database) == 291
    ((parked_at, reason),) = fetch(database.owner, "SELECT parked_at, parked_reason FROM sync.freshness")
    assert parked_at is not None
    assert reason.startswith("salesforce.cases: 18 of 300 rows would be marked deleted")


def test_exactly_a_twentieth_may_go_and_one_more_may_not(database):
    ids = hold(database, 300)

    with pytest.raises(BrakeError, match="16 of 300"):
        a_run_of(database, gone(*ids[:16]))
    a_run_of(database, gone(*ids[:15]))

    assert alive(database) == 285


def test_ten_rows_may_go_whatever_part_of_a_table_they_are_and_no_eleventh(database):
    ids = hold(database, 20)

    with pytest.raises(BrakeError, match="11 of 20"):
        a_run_of(database, gone(*ids[:11]))
    a_run_of(database, gone(*ids[:10]))

    assert alive(database) == 10


def test_a_row_that_its_source_marks_as_deleted_counts_as_one_that_it_does_not_have(database):
    ids = hold(database, 20)
    marked = [{"Id": each, "deleted_at": NOON} for each in ids[:11]]

    with pytest.raises(BrakeError, match="11 of 20"):
        a_run_of(database, Page(rows=marked, position={}))

    assert alive(database) == 20


def test_an_operators_permit_lifts_the_brake_and_the_run_ends_what_was_parked(database):
    ids = hold(database, 20)
    with pytest.raises(BrakeError):
        a_run_of(database, gone(*ids))

    a_run_of(database, gone(*ids), allow_deletions=True)

    assert alive(database) == 0
    assert fetch(database.owner, "SELECT parked_at, parked_reason FROM sync.freshness") == [(None, None)]


def test_a_single_record_that_is_read_again_does_not_end_what_was_parked(database):
    ids = hold(database, 20)
    with pytest.raises(BrakeError):
        a_run_of(database, gone(*ids))

    with psycopg.connect(database.sync) as connection:
        reader = Rereader(connection, a_dataset(lambda _: iter([Page(rows=rows("50000"), position={})])), SOURCE)
        reader.read(Selection(records=frozenset({"50000"})))
        reader.close()

    assert fetch(database.owner, "SELECT parked_at IS NOT NULL FROM sync.freshness") == [(True,)]


# -- what goes with it -----------------------------------------------------------------------------------------------


def of_real(name: str, *pages: Page) -> Dataset:
    """A declared data set whose source sends these pages."""

    def read(_: ReadRequest) -> Iterator[Page]:
        yield from pages

    return replace(dataset_named(name), read=read)


@pytest.mark.parametrize(
    ("name", "table", "kind", "parts"),
    [
        ("whmcs.invoices", "invoices", "invoice", {"invoice_items": "invoice_id", "payments": "invoice_id"}),
        ("whmcs.services", "sims", "sim", {"sim_usage": "sim_id"}),
        ("salesforce.orders", "orders", "order", {"order_items": "order_id"}),
        ("salesforce.cases", "support_cases", "case", {"case_comments": "case_id"}),
        ("whmcs.clients", "customer_accounts", "account", {"payment_methods": "account_id"}),
    ],
)
def test_what_a_record_is_made_of_goes_with_it_and_does_not_count_for_the_brake(database, name, table, kind, parts):
    system: Any = name.partition(".")[0]
    with psycopg.connect(database.owner) as connection:
        for each in ("7", "8"):
            identity = hub_id(system, kind, each)
            source = {"source": system} if table == "customer_accounts" else {}
            insert(connection, table, id=identity, source_id=each, **source)
            for part, column in parts.items():
                for day in range(1, 13):
                    used = {"used_on": NOON.date().replace(day=day)} if part == "sim_usage" else {}
                    insert(connection, part, **{column: identity}, **used)

    run(of_real(name, gone("7")), SOURCE, database.sync)

    for part in (table, *parts):
        counted = f"SELECT count(*), count(deleted_at) FROM hub.{part}"  # noqa: S608 - our own
        each = 1 if part == table else 12
        assert fetch(database.owner, counted) == [(2 * each, each)], part


def test_an_account_that_its_source_does_not_have_any_more_leaves_its_partner_a_customer_of_its_own(database):
    crm, billing = account_id("salesforce", "001A"), account_id("whmcs", "1001")
    with psycopg.connect(database.owner) as connection:
        linked = {"customer_id": crm, "link_status": "linked"}
        insert(
            connection, "customer_accounts", id=crm, source="salesforce", source_id="001A", partner_key="1001", **linked
        )
        insert(
            connection, "customer_accounts", id=billing, source="whmcs", source_id="1001", details_as_of=NOON, **linked
        )
        insert(connection, "customers", id=crm, salesforce_account_id=crm, whmcs_account_id=billing)

    run(of_real("salesforce.accounts", gone("001A")), SOURCE, database.sync)

    assert fetch(
        database.owner, "SELECT customer_id, link_status FROM hub.customer_accounts WHERE source = 'whmcs'"
    ) == [(billing, "unlinked")]
