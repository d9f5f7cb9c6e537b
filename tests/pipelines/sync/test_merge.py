"""Merging a page: only what differs is written, older never beats newer, and every real change is logged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import BaseModel, Field

from core.database import connect
from domain.common.identifiers import account_id, hub_id
from pipelines.sync.dataset import Parent, Target
from pipelines.sync.merge import merge
from pipelines.sync.merged import Merged
from pipelines.sync.rows import Rows
from pipelines.sync.stage import create_stage
from sql.tables.billing import invoice_items
from sql.tables.support import case_comments, support_cases

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MUCH_LATER = datetime(9999, 1, 1, tzinfo=UTC)
RUN = uuid4()


class CaseRow(BaseModel):
    id: UUID = hub_id("salesforce", "case", "500A")
    source: str = "salesforce"
    source_id: str = "500A"
    source_updated_at: datetime | None = NOON
    deleted_at: datetime | None = None
    account_id: UUID | None = account_id("salesforce", "001A")
    subject: str | None = "No dial tone"
    status: str = "new"
    priority: str = "medium"
    is_closed: bool = False
    opened_at: datetime = NOON


class ItemRow(BaseModel):
    id: UUID = Field(default_factory=uuid4)
    source: str = "whmcs"
    source_id: str = "1"
    deleted_at: datetime | None = None
    account_id: UUID = account_id("whmcs", "1001")
    invoice_id: UUID
    type: str = "service"
    description: str = "Fibre"
    amount: int = 100
    currency: str = "JPY"
    is_taxed: bool = True


class CommentRow(BaseModel):
    id: UUID = Field(default_factory=uuid4)
    source: str = "salesforce"
    source_id: str = Field(default_factory=lambda: uuid4().hex)
    source_updated_at: datetime | None = NOON
    deleted_at: datetime | None = None
    account_id: UUID | None = account_id("salesforce", "001A")
    case_id: UUID
    body: str = "We looked into it."
    is_public: bool = True
    author: str = "agent"
    written_at: datetime = NOON


CASES = Target(contract=CaseRow, table=support_cases, parts=((case_comments, "case_id"),))
COMMENTS = Target(contract=CommentRow, table=case_comments)
ITEMS = Target(contract=ItemRow, table=invoice_items, complete_within="invoice_id")


@pytest.fixture
def connection(database: Any) -> Iterator[psycopg.Connection[Any]]:
    with connect(database.sync, name="test") as connection:
        yield connection


def merged(
    connection: psycopg.Connection[Any], target: Target, *rows: BaseModel, parents: Any = (), requested_at: Any = None
) -> Merged:
    with connection.transaction():
        create_stage(connection, target)
        asked = [each if isinstance(each, Parent) else Parent("", each, requested_at or MUCH_LATER) for each in parents]
        return merge(connection, target, Rows(rows), run_id=RUN, parents=asked, requested_at=requested_at)


def changes(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute("SELECT operation, before, after FROM sync.changes ORDER BY seq").fetchall()


def subject(connection: psycopg.Connection[Any]) -> Any:
    row = connection.execute("SELECT subject FROM hub.support_cases").fetchone()
    return row[0] if row else None


def test_a_new_row_is_written_and_logged_without_repeating_its_columns(connection):
    outcome = merged(connection, CASES, CaseRow())

    assert outcome == Merged(inserted=1)
    assert changes(connection) == [("insert", None, None)]


def test_the_same_row_again_writes_nothing(connection):
    merged(connection, CASES, CaseRow())
    before = connection.execute("SELECT ctid, xmin FROM hub.support_cases").fetchone()

    outcome = merged(connection, CASES, CaseRow())

    assert outcome == Merged(unchanged=1)
    assert connection.execute("SELECT ctid, xmin FROM hub.support_cases").fetchone() == before
    assert len(changes(connection)) == 1


def test_a_change_logs_only_the_columns_that_changed_with_both_values(connection):
    merged(connection, CASES, CaseRow())

    outcome = merged(connection, CASES, CaseRow(subject="Line is noisy", source_updated_at=NOON))

    assert outcome == Merged(updated=1)
    assert changes(connection)[1:] == [("update", {"subject": "No dial tone"}, {"subject": "Line is noisy"})]


def test_a_row_that_belongs_to_nobody_any_more_is_logged_for_whoever_had_it(connection):
    merged(connection, CASES, CaseRow())

    merged(connection, CASES, CaseRow(account_id=None, source_updated_at=NOON + HOUR))

    logged = connection.execute("SELECT account_id FROM sync.changes ORDER BY seq").fetchall()
    assert logged == [(account_id("salesforce", "001A"),)] * 2


def test_what_is_part_of_a_row_follows_it_to_another_account(connection):
    # Salesforce moves a case's comments with it and leaves their SystemModstamp: no later read would bring them.
    case = CaseRow()
    merged(connection, CASES, case)
    merged(connection, COMMENTS, CommentRow(case_id=case.id), CommentRow(case_id=uuid4()))

    merged(connection, CASES, CaseRow(account_id=account_id("salesforce", "002B"), source_updated_at=NOON + HOUR))

    owners = connection.execute("SELECT account_id FROM hub.case_comments ORDER BY case_id = %s", [case.id]).fetchall()
    assert owners == [(account_id("salesforce", "001A"),), (account_id("salesforce", "002B"),)]
    logged = "SELECT account_id, operation, before, after FROM sync.changes WHERE entity = 'case_comments' AND seq > 3"
    former, owner = (str(account_id("salesforce", each)) for each in ("001A", "002B"))
    assert connection.execute(logged).fetchall() == [
        (UUID(owner), "update", {"account_id": former}, {"account_id": owner})
    ]


def test_an_outdated_owner_does_not_take_the_parts_back(connection):
    case = CaseRow(account_id=account_id("salesforce", "002B"), source_updated_at=NOON + HOUR)
    merged(connection, CASES, case)
    merged(connection, COMMENTS, CommentRow(case_id=case.id, account_id=case.account_id))

    merged(connection, CASES, CaseRow(subject="Late"))

    assert connection.execute("SELECT account_id FROM hub.case_comments").fetchall() == [(case.account_id,)]


def test_an_older_version_that_arrives_late_does_not_undo_a_newer_one(connection):
    merged(connection, CASES, CaseRow(subject="new", source_updated_at=NOON))

    outcome = merged(connection, CASES, CaseRow(subject="old", source_updated_at=NOON - HOUR))

    assert outcome == Merged(unchanged=1)
    assert subject(connection) == "new"


def test_a_deletion_and_a_return_are_logged_as_what_they_are(connection):
    merged(connection, CASES, CaseRow())

    gone = merged(connection, CASES, CaseRow(deleted_at=NOON + HOUR, source_updated_at=NOON + HOUR))
    back = merged(connection, CASES, CaseRow(source_updated_at=NOON + 2 * HOUR))

    assert (gone, back) == (Merged(deleted=1), Merged(updated=1))
    assert [operation for operation, _, _ in changes(connection)] == ["insert", "delete", "restore"]


def test_a_contract_that_only_adds_columns_never_creates_a_row(connection):
    target = Target(contract=CaseRow, table=support_cases, only_existing=True)

    outcome = merged(connection, target, CaseRow())

    assert outcome.written == 0
    assert subject(connection) is None
    assert changes(connection) == []


def test_what_is_missing_from_a_set_sent_whole_is_deleted_but_only_within_its_parent(connection):
    ours, other = uuid4(), uuid4()
    kept, dropped, foreign = ItemRow(invoice_id=ours), ItemRow(invoice_id=ours), ItemRow(invoice_id=other)
    merged(connection, ITEMS, kept, dropped, foreign, parents=[ours, other])

    outcome = merged(connection, ITEMS, kept, parents=[ours])

    assert outcome == Merged(unchanged=1, deleted=1)
    alive = connection.execute("SELECT id FROM hub.invoice_items WHERE deleted_at IS NULL").fetchall()
    assert {row[0] for row in alive} == {kept.id, foreign.id}


def test_an_item_that_came_after_its_set_was_requested_outlives_the_older_answer(connection):
    invoice = uuid4()
    old, new = ItemRow(invoice_id=invoice), ItemRow(invoice_id=invoice)
    merged(connection, ITEMS, old, new, parents=[invoice])
    ((requested_at,),) = connection.execute("SELECT clock_timestamp()").fetchall()
    connection.execute("UPDATE hub.invoice_items SET changed_at = clock_timestamp() WHERE id = %s", [new.id])

    outcome = merged(connection, ITEMS, parents=[invoice], requested_at=requested_at)

    assert outcome == Merged(deleted=1)
    alive = connection.execute("SELECT id FROM hub.invoice_items WHERE deleted_at IS NULL").fetchall()
    assert alive == [(new.id,)]


def test_each_item_is_judged_by_the_moment_at_which_its_own_invoice_was_requested(connection):
    early, late = uuid4(), uuid4()
    of_early, of_late, gone = ItemRow(invoice_id=early), ItemRow(invoice_id=late), ItemRow(invoice_id=late)
    merged(connection, ITEMS, of_early, of_late, gone, parents=[early, late])
    moments = [connection.execute("SELECT clock_timestamp()").fetchone()[0]]
    connection.execute("UPDATE hub.invoice_items SET changed_at = clock_timestamp()")
    moments += [connection.execute("SELECT clock_timestamp()").fetchone()[0]]
    connection.commit()
    answers = [each.model_copy(update={"amount": 200}) for each in (of_early, of_late)]

    asked = [Parent("1", early, moments[0]), Parent("2", late, moments[1])]
    outcome = merged(connection, ITEMS, *answers, parents=asked, requested_at=moments[0])

    assert (outcome.updated, outcome.deleted, outcome.outdated) == (1, 1, ())
    amounts = connection.execute("SELECT amount::int FROM hub.invoice_items WHERE id = %s", [of_late.id]).fetchall()
    assert amounts == [(200,)], "requested after it changed"


def test_a_newer_version_counts_whenever_it_was_requested(connection):
    """Its stamp proves that it is newer than what the hub has, which an event may have brought a moment ago."""
    merged(connection, CASES, CaseRow())

    newer = CaseRow(subject="newer", source_updated_at=NOON + HOUR)
    outcome = merged(connection, CASES, newer, requested_at=NOON - HOUR)

    assert (outcome, subject(connection)) == (Merged(updated=1), "newer")


def test_a_page_of_old_and_new_rows_is_counted_right(connection):
    known, changed = CaseRow(), CaseRow(id=uuid4(), source_id="500B")
    merged(connection, CASES, known, changed)
    later = changed.model_copy(update={"subject": "Echo", "source_updated_at": NOON + HOUR})

    outcome = merged(connection, CASES, known, later, CaseRow(id=uuid4(), source_id="500C"))

    assert outcome == Merged(inserted=1, updated=1, unchanged=1)


def test_a_set_whose_every_row_is_new_takes_the_place_of_the_old_ones(connection):
    invoice = uuid4()
    old, new = ItemRow(invoice_id=invoice), ItemRow(invoice_id=invoice)
    merged(connection, ITEMS, old, parents=[invoice])

    outcome = merged(connection, ITEMS, new, parents=[invoice])

    assert outcome == Merged(inserted=1, deleted=1)


def test_a_page_that_fails_leaves_neither_rows_nor_log(connection):
    with pytest.raises(psycopg.errors.CheckViolation):
        merged(connection, CASES, CaseRow(), CaseRow(id=uuid4(), status="nonsense"))

    assert subject(connection) is None
    assert changes(connection) == []
