"""What a data set is: where it is read, how a row is mapped, which tables it writes. Declared in pipelines/datasets."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from psycopg import Connection
from sqlalchemy import Table

from core.clock import Clock, utc_now
from domain.common.field_table import FieldTable
from domain.common.identifiers import System, hub_id
from domain.common.record import Contract
from pipelines.sync.merged import Merged
from pipelines.sync.rows import Rows
from pipelines.sync.tables import account_column

Row = Mapping[str, Any]
Position = Mapping[str, Any]
"""Where a reader stands, as JSON; only the reader that wrote it understands it. Empty: never read."""


HUB_COLUMNS = frozenset({"first_seen_at", "changed_at"})
"""Columns that tell the hub's own story of a row: no source sends them."""


@dataclass(frozen=True)
class Failure:
    """A source row that cannot be represented, or never came: what was sent and why not. `reason` holds no values."""

    source_id: str
    payload: Row
    reason: str


@dataclass(frozen=True)
class Parent:
    """A record whose details were requested: its id there and here, and a moment of the database's clock before."""

    source_id: str
    id: UUID
    requested_at: datetime


@dataclass(frozen=True)
class Page:
    """Rows as sent, in the order sent, and where the reader stands once they are written.

    expected: how many rows the source says the whole read has, where it says so.
    requested_at: a moment of the database's clock before the rows were requested. A row that changed in the hub after
        it is not overwritten by them.
    parents: the records whose details were requested, also those among the failures (details-by-call only).
    gone: source ids that were requested each by itself, and that the source does not have.
    complete: with this page, everything the run set out to read has been read.
    known_since: when that reading began, where it began before this run.
    partial: this is a part of a page that is written in halves; the reader's position moves with the last part.
    """

    rows: Sequence[Row]
    position: Position
    expected: int | None = None
    requested_at: datetime | None = None
    parents: Sequence[Parent] = ()
    failures: Sequence[Failure] = ()
    gone: Sequence[str] = ()
    complete: bool = False
    known_since: datetime | None = None
    partial: bool = False


@dataclass(frozen=True)
class MappedPage:
    """A page after mapping: what it brings by target, ids unique, and the rows that could not be mapped."""

    page: Page
    rows: Mapping["Target", Rows]
    failures: Sequence[Failure]
    mapped_ids: Sequence[str]
    unknown_labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Target:
    """One table a data set writes, by one contract whose field names are the columns (none: SQL fills the stage).

    kind: what the hub's ids of its rows are made of, beside the system and the record's own id.
    only_existing: the contract adds columns to rows that another data set creates; it never creates one.
    complete_within: rows sharing this column's value form a set that the source always sends whole, so a row that
        did not come is deleted.
    due_columns: set to now when a row changes, so that its details are read again (a new row is due by default).
    due_when_back: set to now when a row that was gone comes back, for what went with it (`parts`) must be read again.
    scope: the rows of the table that are this data set's, as SQL.
    forgotten: the source forgets old rows of this table, so a row that it no longer has is no drift.
    parts: tables, and their column that names a row of this one, whose rows go when it goes.
    judges: statements that draw conclusions from what is staged, before it is merged.
    withholds: a statement that takes out of the stage what must not be written, or compared.
    called: what `hub history` calls one of its rows, where an operator can ask for the past of one by its source id.
    """

    contract: type[Contract] | None
    table: Table
    kind: str = ""
    called: str = ""
    only_existing: bool = False
    complete_within: str | None = None
    due_columns: tuple[str, ...] = ()
    due_when_back: tuple[str, ...] = ()
    scope: str = "true"
    forgotten: bool = False
    parts: tuple[tuple[Table, str], ...] = ()
    judges: tuple[str, ...] = ()
    withholds: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        if self.contract is not None:
            return tuple(self.contract.model_fields)
        return tuple(name for name in self.table.columns.keys() if name not in HUB_COLUMNS)  # noqa: SIM118


SETTLING = timedelta(seconds=30)
"""How long after its last change a record is read again that its source is still at work on; each wait after that is as
long as the record has been at work already."""


@dataclass(frozen=True, kw_only=True)
class Details:
    """Rows that the source hands over one parent per call, so reading them is budgeted and resumable.

    The parents that are due come first by `order`. `<prefix>_as_of` says when a parent's details were read and
    `<prefix>_due_at` when they must be read next.

    system, kind: what the parents' hub ids are made of; their accounts are that system's, too.
    columns: the parent's columns that the call or the mapping needs.
    refresh_after: how long after they were read, by the source's settings; none: only when the parent changes.
    unsettled: SQL, true of a parent (once its details are written) that its source is still at work on, so that they
        will change. Those are due again after SETTLING, later more and more seldom, and the worker is asked to read
        some.
    limit: the most parents of one run.
    logged: that they were read is a change of the parent like any other, for its customer sees when that was, and it
        has a past.
    """

    parent: Table
    system: System
    kind: str
    prefix: str
    order: str
    columns: tuple[str, ...] = ()
    where: str = "true"
    refresh_after: Callable[[Any], timedelta] | None = None
    unsettled: str = "false"
    limit: int | None = None
    logged: bool = False

    @property
    def as_of(self) -> str:
        return f"{self.prefix}_as_of"

    @property
    def due_at(self) -> str:
        return f"{self.prefix}_due_at"

    def ids(self, source_ids: Iterable[str]) -> list[UUID]:
        """The parents' hub ids."""
        return [hub_id(self.system, self.kind, source_id) for source_id in source_ids]


def _as_it_is(row: Row) -> Row:
    return row


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One stream of records from one system into one or more tables.

    read: pages from a position on; `full` starts over. A generator, so that any size is read at flat memory.
    read_some: the records of a selection alone, whatever the position; details-by-call are read by `read` for the
        selection's parents.
    tables: how a row is mapped, one field table for each target, in the order in which they are read: a row that one
        refuses is not read by those after it, and what those before it made is kept.
    record_of: what those tables read of a row.
    to_contracts: instead of tables, where one row gives several records of a kind: the contract objects a row
        describes, given the source's vocabulary. Raises MappingError where it cannot be represented; what it yielded
        until then stands for itself and is kept.
    source_id: the row's own id, for quarantine; never raises.
    entities: what a notification calls one of these records (of details: their parent), which are then read again.
    entities_of_owner: what a notification calls something that may have changed any of its owner's records, all of
        which are then read again.
    link: judges to whom accounts belong, in the transaction that changed them (accounts only).
    after: data sets this one is made from. Only true lineage: children do not wait for parents, they are joined late.
    """

    name: str
    system: System
    group: str
    description: str
    targets: tuple[Target, ...]
    read: "Reader"
    source_id: Callable[[Row], str]
    mapper_version: str
    freshness: timedelta
    tables: tuple[FieldTable[Any], ...] = ()
    record_of: Callable[[Row], Row] = _as_it_is
    to_contracts: Callable[[Row, Any], Iterable[Contract]] | None = None
    read_some: "Reader | None" = None
    details: Details | None = None
    entities: tuple[str, ...] = ()
    entities_of_owner: tuple[str, ...] = ()
    link: "Linker | None" = None
    after: tuple[str, ...] = field(default=())

    @property
    def key(self) -> str:
        """The name without its system: `invoices` of `billing.invoices`."""
        return self.name.partition(".")[2]

    @property
    def owners(self) -> System | None:
        """The system whose accounts the records belong to; none: they belong to nobody."""
        details = self.details
        system, table = (details.system, details.parent) if details else (self.system, self.targets[0].table)
        return system if account_column(table) else None

    def ids(self, target: Target, source_ids: Iterable[str]) -> list[UUID]:
        """The hub ids of the target's rows for these records."""
        return [hub_id(self.system, target.kind, source_id) for source_id in source_ids]

    @property
    def by_column(self) -> bool:
        """Whether a page is mapped by column."""
        return self.to_contracts is None

    def contracts(self, row: Row, vocabulary: Any) -> Iterator[Contract]:
        """The contract objects a row describes.

        Raises:
            MappingError: it cannot be represented; what came until then stands for itself.
        """
        if self.to_contracts is not None:
            yield from self.to_contracts(row, vocabulary)
            return
        record = self.record_of(row)
        for table in self.tables:
            found = table.read_if_any(record, vocabulary)
            if found is not None:
                yield found


class HasVocabulary(Protocol):
    """A system's settings."""

    @property
    def vocabulary(self) -> Any:
        """What its operator calls things, which mapping needs."""


ClientT = TypeVar("ClientT")
SettingsT = TypeVar("SettingsT", bound=HasVocabulary)


@dataclass(frozen=True)
class Source(Generic[ClientT, SettingsT]):
    """A system as a run sees it: its client, its settings, and what its operator calls things."""

    client: ClientT
    settings: SettingsT

    @property
    def vocabulary(self) -> Any:
        return self.settings.vocabulary


@dataclass(frozen=True)
class Selection:
    """Some records: those with these ids in their system, and all that belong to these accounts (ids there)."""

    records: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()

    def __or__(self, other: "Selection") -> "Selection":
        return Selection(self.records | other.records, self.owners | other.owners)

    def __bool__(self) -> bool:
        return bool(self.records or self.owners)


NOTHING = Selection()


@dataclass(frozen=True)
class ReadRequest(Generic[ClientT, SettingsT]):
    """What a reader is asked for: everything from `position` on, or `only` a selection. `now`: the database's clock."""

    source: Source[ClientT, SettingsT]
    position: Position
    full: bool
    due: Iterable[Row] = ()
    """The parents whose details are due, in the data set's order, read lazily (details-by-call only)."""
    only: Selection = NOTHING
    known_owners: Mapping[str, str] = field(default_factory=dict)
    """Of the selection's records that the hub knows: the account each belongs to, by their ids in the system."""
    now: Clock = utc_now


Reader = Callable[[ReadRequest[Any, Any]], Iterator[Page]]

Linker = Callable[[Connection[Any], Sequence[UUID], UUID], Merged]
"""Given the accounts that changed (their hub ids) and the run's id: what judging them again did to customers."""
