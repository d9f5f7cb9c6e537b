"""Reconcile and heal: read a data set whole, write what differs, and look after what the source did not mention.

Window by window, in the order of the source. A record that the hub has and the walk did not bring is not deleted for
that: lists move while they are read. It is asked for by its id, and goes only if the source says that it is not there.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from core.database import connect
from core.errors import BrakeError
from domain.common.identifiers import hub_id
from pipelines.sync.ahead import ahead
from pipelines.sync.clock import DatabaseClock
from pipelines.sync.dataset import Dataset, ReadRequest, Row, Selection, Source, Target
from pipelines.sync.due import due_parents
from pipelines.sync.mapping import map_page
from pipelines.sync.merge import Merged
from pipelines.sync.progress import Progress, tell
from pipelines.sync.reading import batches
from pipelines.sync.run import safe
from pipelines.sync.store import FEW, MOST_DELETED, RECONCILE, MappedPage, Store
from pipelines.sync.writing import write_page
from sql.statements import statement

_IDS_AT_ONCE = 200


@dataclass
class Healed:
    """What a pass found and mended, in rows. `extra`: rows the walk did not bring; of these `deleted` are gone."""

    dataset: str
    windows: int = 0
    source_rows: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    deleted: int = 0
    quarantined: tuple[str, ...] = field(default=())


def heal(
    dataset: Dataset,
    source: Source,
    database_url: str,
    *,
    allow_deletions: bool = False,
    dagster_run_id: str | None = None,
) -> Healed:
    """Make the data set what the source has; from then on it counts as verified through the moment this began.

    Neither uses nor moves the position of the ticks. Raises whatever reading or writing raised (BrakeError: more than
    a twentieth of a table would go); what was healed until then stays, and nothing more counts as verified.
    """
    healed = Healed(dataset.name)
    with ExitStack() as stack:
        connection = stack.enter_context(connect(database_url, name=f"reconcile {dataset.name}"))
        store = Store(connection, dataset, settings=source.settings, allow_deletions=allow_deletions)
        _, began = store.open(mode=RECONCILE, dagster_run_id=dagster_run_id)
        due = stack.enter_context(_everyone(dataset, database_url))
        request = ReadRequest(source, position={}, full=True, due=due, now=DatabaseClock(began))
        try:
            seen = _Seen(connection, dataset)
            _walk(dataset, request, store, seen, healed)
            _look_after(dataset, request, store, seen.unseen(began), healed, allow_deletions=allow_deletions)
        except BaseException as error:
            store.close(error=safe(error), as_of=None, brake=isinstance(error, BrakeError))
            raise
        store.close(error=None, as_of=began if dataset.details is None else None, verified_through=began)
    return healed


def _walk(dataset: Dataset, request: ReadRequest, store: Store, seen: "_Seen", healed: Healed) -> None:
    for page in ahead(dataset.read(request)):
        mapped = map_page(dataset, page, request.source.vocabulary)
        merged = Merged()
        for part, written in write_page(store, dataset, mapped, request.source.vocabulary):
            merged += written
            healed.quarantined += tuple(failure.source_id for failure in part.failures)
            seen.add(part)
        if mapped.mapped_ids:
            seen.window(store.run_id, healed.windows, mapped, merged)
            healed.windows += 1
        healed.source_rows += len(page.rows)
        healed.missing += merged.inserted
        healed.different += merged.updated
        healed.deleted += merged.deleted
        tell(Progress(dataset.name, healed.source_rows, page.expected))
    seen.close(healed.windows)
    tell(Progress(dataset.name, healed.source_rows, healed.source_rows, done=True))


def _look_after(
    dataset: Dataset,
    request: ReadRequest,
    store: Store,
    unseen: tuple[Sequence[str], int],
    healed: Healed,
    *,
    allow_deletions: bool,
) -> None:
    """Ask for each unseen record by its id. So many that the walk itself must be wrong are not even asked for.

    Raises:
        BrakeError: they are a larger part of the table than may go.
    """
    records, of = unseen
    healed.extra = len(records)
    if len(records) > max(FEW, MOST_DELETED * of) and not allow_deletions:
        raise BrakeError(dataset.name, rows=len(records), of=of)
    if dataset.read_some is None:
        return
    for some in batches(records, _IDS_AT_ONCE):
        only = Selection(records=frozenset(some))
        for page in dataset.read_some(ReadRequest(request.source, position={}, full=False, only=only, now=request.now)):
            mapped = map_page(dataset, page, request.source.vocabulary)
            for _, written in write_page(store, dataset, mapped, request.source.vocabulary):
                healed.deleted += written.deleted


class _Seen:
    """Ids of the rows that the walk brought, by table, and a record of each window."""

    def __init__(self, connection: Connection[Any], dataset: Dataset) -> None:
        self._connection = connection
        self._dataset = dataset
        self._targets = [
            target for target in dataset.targets if not target.only_existing and target.complete_within is None
        ]
        connection.execute("CREATE TEMP TABLE seen (id uuid) ON COMMIT PRESERVE ROWS")
        connection.commit()

    def add(self, mapped: MappedPage) -> None:
        # A row that cannot be represented is there all the same.
        failed = [
            hub_id(self._dataset.system, target.kind, failure.source_id)
            for target in self._targets
            for failure in mapped.failures
        ]
        there = [each for target in self._targets for each in mapped.rows[target].ids()]
        with (
            self._connection.transaction(),
            self._connection.cursor() as cursor,
            cursor.copy("COPY pg_temp.seen FROM STDIN") as copy,
        ):
            for each in (*there, *failed):
                copy.write_row((each,))

    def window(self, pass_id: UUID, number: int, mapped: MappedPage, merged: Merged) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        for rows in mapped.rows.values():
            rows.add_to(digest)
        with self._connection.transaction():
            self._connection.execute(
                statement("sync/record_window"),
                {
                    "dataset": self._dataset.name,
                    "number": number,
                    "pass_id": pass_id,
                    "first_id": mapped.mapped_ids[0],
                    "last_id": mapped.mapped_ids[-1],
                    "source_rows": len(mapped.page.rows),
                    "missing": merged.inserted,
                    "different": merged.updated,
                    "content_hash": digest.hexdigest(),
                },
            )

    def close(self, windows: int) -> None:
        """Forget windows of an earlier, longer pass, and let the planner know how many rows were seen."""
        with self._connection.transaction():
            self._connection.execute(
                "DELETE FROM sync.windows WHERE dataset = %s AND number >= %s", [self._dataset.name, windows]
            )
            self._connection.execute("ANALYZE pg_temp.seen")

    def unseen(self, before: datetime) -> tuple[Sequence[str], int]:
        """Source ids of rows older than the pass that it did not bring, and how many rows there are."""
        records: list[str] = []
        total = 0
        with self._connection.transaction():
            # The store's settings suit merges that probe by id; here two whole tables are compared.
            self._connection.execute("SET LOCAL enable_hashjoin = on")
            self._connection.execute("SET LOCAL enable_seqscan = on")
            for target in self._targets:
                row = self._connection.execute(_unseen(target), {"before": before}).fetchone()
                if row is not None:
                    records += row[0] or []
                    total += row[1]
        return sorted(set(records)), total


def _unseen(target: Target) -> Any:
    return SQL(
        """
        SELECT array_agg(t.source_id) FILTER (WHERE s.id IS NULL AND t.first_seen_at < %(before)s), count(*)
          FROM {table} t LEFT JOIN (SELECT DISTINCT id FROM pg_temp.seen) s ON s.id = t.id
         WHERE t.deleted_at IS NULL AND {scope}
        """
    ).format(table=Identifier(str(target.table.schema), target.table.name), scope=SQL(target.scope))


@contextmanager
def _everyone(dataset: Dataset, database_url: str) -> Iterator[Iterator[Row]]:
    if dataset.details is None:
        yield iter(())
        return
    with connect(database_url, name=f"parents {dataset.name}") as connection:
        yield due_parents(connection, dataset.details, everyone=True)
