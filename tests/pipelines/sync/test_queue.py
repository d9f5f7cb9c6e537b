"""The queue of details by call, checked against a model: whatever happens in whatever order, no record is forgotten.

An invoice's list row and its details are read apart, the latter only when it changed. The queue is the column
`items_due_at`; what is promised of it:

- Whoever's record changed, by all that the hub has read, is due until an answer that is newer than the change is there.
- No parent's details are requested before they are due, and none twice in a run.
- One that fails keeps what was known and is requested again, each time later, within six hours; operators are shown
  which fail now, and no others.
- What the source is still at work on is read again soon, and the worker is asked to.
- One that is gone is not requested, nor shown.
- In the end, when the source answers, the hub knows of everybody what the source knows.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from core.database import connect
from core.errors import UnavailableError
from domain.common.identifiers import account_id, hub_id
from domain.common.record import Contract
from pipelines.sync.dataset import Dataset, Page, ReadRequest, Row, Selection, Target
from pipelines.sync.details import LONGEST_WAIT
from pipelines.sync.mapping import map_page
from pipelines.sync.reading import read_details
from pipelines.sync.reread import Rereader
from pipelines.sync.retry import retry
from pipelines.sync.run import run
from pipelines.sync.session import Session
from sql.tables.billing import invoices
from sql.tables.sync import Mode
from tests.conftest import Database
from tests.pipelines.sync.made_up import DETAILS, SOURCE, a_dataset, details_dataset

LONG_HOURS = 2000
"""Longer than anybody waits: what is at work for as long again as it has been so, a failure for six hours."""


class InvoiceRow(Contract):
    source: str = "whmcs"
    source_id: str
    account_id: UUID = account_id("whmcs", "1001")
    deleted_at: datetime | None = None
    number: str
    status: str = "unpaid"
    issued_on: date = date(2026, 4, 1)
    currency: str = "JPY"
    subtotal: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    tax2: Decimal = Decimal(0)
    total: Decimal
    tax_rate: Decimal = Decimal(0)
    tax_rate2: Decimal = Decimal(0)


@dataclass
class Invoice:
    """An invoice at its source. Its list row tells the version, its details tell twice that, and one more while the
    source is at work on it.
    """

    version: int = 1
    at_work: bool = False
    fails: bool = False
    gone: bool = False

    @property
    def balance(self) -> int:
        return 2 * self.version + self.at_work


@dataclass
class Held:
    """What the hub has of an invoice, and when it is due."""

    total: int
    balance: int | None
    due: timedelta | None
    as_of: datetime | None


class Queue(RuleBasedStateMachine):
    """The source and the model of it; every rule works on the real tables through the engine."""

    hub: "Hub"

    known = Bundle("known")

    @initialize()
    def empty(self) -> None:
        tables = "hub.invoices, sync.quarantine, sync.inbox, sync.cursors, sync.changes, sync.runs, sync.freshness"
        self.hub.execute(f"TRUNCATE {tables}")
        self.source: dict[str, Invoice] = {}
        self.listed: dict[str, int] = {}  # the version that the hub has read in the list
        self.failing: set[str] = set()  # whose last call failed
        self.requested: list[str] = []
        self.changes_while_requested: str | None = None

    # -- what happens at the source ----------------------------------------------------------------------------------

    @rule(target=known)
    def is_made(self) -> str:
        name = str(len(self.source) + 1)
        self.source[name] = Invoice()
        self.list_is_read()
        return name

    @rule(name=known)
    def changes(self, name: str) -> None:
        self.source[name].version += 1

    @rule(name=known, at_work=st.booleans())
    def is_worked_on(self, name: str, at_work: bool) -> None:
        self.source[name].at_work = at_work

    @rule(name=known, fails=st.booleans())
    def fails(self, name: str, fails: bool) -> None:
        self.source[name].fails = fails

    @rule(name=consumes(known))
    def is_deleted(self, name: str) -> None:
        self.source[name].gone = True
        self.list_is_read()

    # -- what the hub does -------------------------------------------------------------------------------------------

    @rule()
    def list_is_read(self) -> None:
        there = {name: each for name, each in self.source.items() if not each.gone}
        rows = [{"Id": name, "version": each.version} for name, each in there.items()]
        page = Page(rows=rows, position={}, gone=[name for name in self.listed if name not in there])
        list(self.hub.lists.write(map_page(INVOICES, page, None)))
        self.listed = {name: each.version for name, each in there.items()}
        self.failing &= set(there)

    @rule(changes_meanwhile=st.sampled_from([False, False, True]))
    def details_are_read(self, changes_meanwhile: bool) -> None:
        before = self.held()
        due = [name for name, held in before.items() if held.due is not None and held.due <= timedelta()]
        self.changes_while_requested = due[0] if changes_meanwhile and due else None

        self._asking(lambda dataset: run(dataset, SOURCE, self.hub.url))

        assert sorted(self.requested) == sorted(due), "what is due is requested once, and nothing else"
        self._failures_keep_what_was_known(before)

    @rule(name=known)
    def somebody_looks(self, name: str) -> None:
        before = self.held()

        self._asking(lambda dataset: self._reread(dataset, name))

        assert self.requested == [name]
        self._failures_keep_what_was_known(before)

    @rule()
    def an_operator_retries(self) -> None:
        retry(self.details, SOURCE, self.hub.url)

        assert all(self.held()[name].due == timedelta() for name in self.failing)

    @rule(hours=st.sampled_from([0.02, 1, 7, 30]))
    def time_passes(self, hours: float) -> None:
        """The clock is the database's, so the past is moved instead."""
        self.hub.execute(
            "UPDATE hub.invoices SET items_due_at = items_due_at - %(by)s, items_as_of = items_as_of - %(by)s,"
            " changed_at = changed_at - %(by)s".replace("%(by)s", f"interval '{hours} hours'"),
        )

    # -- what is always so -------------------------------------------------------------------------------------------

    @invariant()
    def nobody_is_forgotten(self) -> None:
        for name, held in self.held().items():
            assert held.total == self.listed[name]
            is_current = held.balance is not None and held.balance // 2 >= held.total
            assert is_current or held.due is not None, f"{name} changed, and nobody will ask about it"
            if name in self.failing:
                assert held.due is not None, f"{name} failed, and nobody will ask about it again"
                assert held.due <= LONGEST_WAIT, f"{name} waits for ever"
            if held.balance is not None and held.balance % 2:
                assert held.due is not None, f"{name} was at work, and nobody will ask whether it still is"

    @invariant()
    def operators_are_shown_who_fails_now(self) -> None:
        shown = self.hub.fetch("SELECT source_id FROM sync.quarantine WHERE resolved_at IS NULL")
        assert self.failing <= {name for (name,) in shown}
        assert {name for (name,) in shown} - self.failing <= {
            name for name, each in self.source.items() if each.gone
        }, "a record that was read since is still shown"

    @invariant()
    def the_worker_is_asked_to_read_what_is_at_work(self) -> None:
        requested = dict(self.hub.fetch("SELECT record_id, state FROM sync.inbox"))
        for name, held in self.held().items():
            if held.balance is not None and held.balance % 2:
                assert requested.get(name) == "waiting"

    def teardown(self) -> None:
        """The source answers, and time passes."""
        if not hasattr(self, "source"):
            return
        for each in self.source.values():
            each.fails = each.at_work = False
        self.list_is_read()
        self.time_passes(LONG_HOURS)
        self.details_are_read(changes_meanwhile=False)
        there = {name: each.balance for name, each in self.source.items() if not each.gone}
        assert {name: held.balance for name, held in self.held().items()} == there
        assert self.hub.fetch("SELECT count(*) FROM sync.quarantine WHERE resolved_at IS NULL") == [(0,)]

    # -- how ---------------------------------------------------------------------------------------------------------

    @property
    def details(self) -> Dataset:
        details = replace(
            DETAILS,
            order="source_id",
            unsettled="mod(balance, 2) = 1",
        )
        dataset = details_dataset(self._ask, details)
        return replace(dataset, read=lambda request: read_details(request, self._ask, at_once=1, batch=2))

    def _ask(self, parent: Row) -> Row:
        name = parent["source_id"]
        self.requested.append(name)
        invoice = self.source[name]
        answer = {"balance": invoice.balance}
        if name == self.changes_while_requested:
            self.changes_while_requested = None
            invoice.version += 1
            self.list_is_read()
        if invoice.fails:
            self.failing.add(name)
            raise UnavailableError("whmcs", "is down", code="http_500")
        self.failing.discard(name)
        return answer

    def _asking(self, how: Any) -> None:
        self.requested = []
        how(self.details)

    def _reread(self, dataset: Dataset, name: str) -> None:
        with connect(self.hub.url, name="reader") as connection:
            Rereader(connection, dataset, SOURCE).read(Selection(records=frozenset({name})))

    def _failures_keep_what_was_known(self, before: dict[str, Held]) -> None:
        after = self.held()
        for name in self.failing & set(self.requested):
            assert (after[name].balance, after[name].as_of) == (before[name].balance, before[name].as_of)
            assert after[name].due is not None

    def held(self) -> dict[str, Held]:
        rows = self.hub.fetch(
            "SELECT source_id, total::int, balance::int,"
            " CASE WHEN items_due_at <= now() THEN interval '0' ELSE items_due_at - now() END, items_as_of"
            " FROM hub.invoices WHERE deleted_at IS NULL ORDER BY source_id",
        )
        return {name: Held(total, balance, due, as_of) for name, total, balance, due, as_of in rows}


def _to_invoice(row: Row, _: Any) -> Iterator[Contract]:
    name = row["Id"]
    yield InvoiceRow(id=hub_id("whmcs", "invoice", name), source_id=name, number=name, total=row["version"])


def _never(_: ReadRequest) -> Iterator[Page]:
    raise AssertionError


INVOICES = a_dataset(
    _never,
    name="whmcs.invoices",
    system="whmcs",
    targets=(Target(contract=InvoiceRow, table=invoices, kind="invoice", due_columns=("items_due_at",)),),
    to_contracts=_to_invoice,
)


class Hub:
    """The hub's database, over connections that stay open for the whole machine."""

    def __init__(self, database: Database, stack: ExitStack) -> None:
        self.url = database.sync
        self._owner = stack.enter_context(psycopg.connect(database.owner, autocommit=True))
        of_lists = stack.enter_context(connect(database.sync, name="lists"))
        self.lists = Session(of_lists, INVOICES, SOURCE)
        self.lists.begin(Mode.INCREMENTAL, allow_deletions=True)

    def execute(self, query: str) -> None:
        self._owner.execute(query)

    def fetch(self, query: str) -> list[Any]:
        return self._owner.execute(query).fetchall()


def test_no_record_is_forgotten_whatever_happens_in_whatever_order(database):
    with ExitStack() as stack:
        machine = type("OnThisDatabase", (Queue,), {"hub": Hub(database, stack)})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=25,
                stateful_step_count=20,
                deadline=None,
                # Shrinking a failure takes minutes; twenty steps can be read.
                phases=[Phase.explicit, Phase.reuse, Phase.generate],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            ),
        )
