"""Heal: read a data set whole, write what differs, and ask for each record that the source's list did not bring.

Window by window (a window is a page of the list), in the source's order. A record that the hub has and the list did not
bring is not deleted for that: rows move between the pages of a list while it is read. It is requested by its id, and is
marked deleted only if the source says that there is none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed

from core.errors import BrakeError
from pipelines.sync.dataset import Dataset, MappedPage, ReadRequest, Selection, Source, Target
from pipelines.sync.deletions import FEW, MOST_DELETED
from pipelines.sync.merged import Merged
from pipelines.sync.page import page_transaction
from pipelines.sync.reading import batches
from pipelines.sync.session import Session, open_session
from pipelines.sync.tables import qualified
from sql.statements import statement
from sql.tables.sync import Mode

_IDS_AT_ONCE = 200


@dataclass
class Healed:
    """What a pass found and mended, in rows. `extra`: rows the list did not bring; of these `deleted` are gone."""

    dataset: str
    windows: int = 0
    source_rows: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    deleted: int = 0
    quarantined: tuple[str, ...] = field(default=())

    def add(self, mapped: MappedPage, merged: Merged) -> None:
        self.source_rows += len(mapped.page.rows)
        self.missing += merged.inserted
        self.different += merged.updated
        self.deleted += merged.deleted


def heal(
    dataset: Dataset,
    source: Source[Any, Any],
    database_url: str,
    *,
    allow_deletions: bool = False,
    dagster_run_id: str | None = None,
) -> Healed:
    """Make the data set equal to its source. It then counts as verified up to the moment at which this began.

    Neither uses nor moves the position of incremental runs. Raises whatever reading or writing raised (BrakeError: more
    than a twentieth of a table would go); what was healed until then stays, and nothing more counts as verified.
    """
    healed = Healed(dataset.name)
    with (
        open_session(dataset, source, database_url, name="reconcile") as session,
        session.running(Mode.RECONCILE, allow_deletions=allow_deletions, dagster_run_id=dagster_run_id) as this,
    ):
        seen = _Seen(session.connection, dataset)
        with session.pages(position={}, full=True, everyone=True) as pages:
            for mapped in pages:
                _mend(session, mapped, seen, healed)
        seen.close(healed.windows)
        records, of = seen.unseen(session.began)
        healed.extra = len(records)
        # If so many are missing, it is the list that is wrong: none of them is even requested.
        if len(records) > max(FEW, MOST_DELETED * of) and not allow_deletions:
            raise BrakeError(dataset.name, rows=len(records), of=of)
        _look_after(session, records, healed)
        this.as_of = session.began if dataset.details is None else None
        this.verified_through = session.began
    return healed


def _mend(session: Session, mapped: MappedPage, seen: "_Seen", healed: Healed) -> None:
    merged = Merged()
    for part, written in session.write(mapped):
        merged += written
        healed.quarantined += tuple(failure.source_id for failure in part.failures)
        seen.add(part)
    if mapped.mapped_ids:
        seen.window(session.run.id, healed.windows, mapped, merged)
        healed.windows += 1
    healed.add(mapped, merged)


def _look_after(session: Session, records: Sequence[str], healed: Healed) -> None:
    """Ask for each record that the list did not bring, by its id."""
    if session.dataset.read_some is None:
        return
    for some in batches(records, _IDS_AT_ONCE):
        only = Selection(records=frozenset(some))
        for mapped in session.read_some(ReadRequest(session.source, {}, full=False, only=only, now=session.clock)):
            healed.deleted += sum(written.deleted for _, written in session.write(mapped))


class _Seen:
    """The ids of the rows that the list brought, in a temporary table, and a record of each window."""

    def __init__(self, connection: Connection[Any], dataset: Dataset) -> None:
        self._connection = connection
        self._dataset = dataset
        self._targets = [
            target for target in dataset.targets if not target.only_existing and target.complete_within is None
        ]
        connection.execute("CREATE TEMP TABLE seen (id uuid) ON COMMIT PRESERVE ROWS")
        connection.commit()

    def add(self, mapped: MappedPage) -> None:
        # A row that cannot be represented exists at the source all the same.
        refused = [failure.source_id for failure in mapped.failures]
        failed = [each for target in self._targets for each in self._dataset.ids(target, refused)]
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
        with page_transaction(self._connection):
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
            for target in self._targets:
                ((unseen, rows),) = self._connection.execute(_unseen(target), {"before": before})
                records += unseen or []
                total += rows
        return sorted(set(records)), total


def _unseen(target: Target) -> Composed:
    return SQL(
        """
        SELECT array_agg(t.source_id) FILTER (WHERE s.id IS NULL AND t.first_seen_at < %(before)s), count(*)
          FROM {table} t LEFT JOIN (SELECT DISTINCT id FROM pg_temp.seen) s ON s.id = t.id
         WHERE t.deleted_at IS NULL AND {scope}
        """
    ).format(table=qualified(target.table), scope=SQL(target.scope))
