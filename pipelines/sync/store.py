"""The database side of a run: what one page writes, in one transaction, and what a run remembers of itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.json import Jsonb

from core.errors import BrakeError
from core.storable import storable_dump
from domain.common.identifiers import hub_id
from pipelines.sync.dataset import SETTLING, Dataset, Details, Failure, Page, Parent, Position, Target
from pipelines.sync.linking import link_accounts
from pipelines.sync.merge import Merged, create_stage, merge, remove
from pipelines.sync.rows import Rows
from sql.statements import statement

EVENTS = "events"
"""The mode of a run that reads single records again, as they are told of."""
RECONCILE = "reconcile"
"""The mode of a run that compares everything with the source and heals what differs."""

MOST_DELETED = 0.05
"""The part of a table that one run may mark deleted; more is a source in trouble until somebody says otherwise."""
MOST_AT_WORK = 10
"""So many parents of a page that are still at work are wished for; a source's budget is for everybody."""
FEW = 10
"""So many deletions are nobody's trouble, whatever part of a table they are."""

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
"""When a parent whose details failed is asked about again: each time after twice as long."""


@dataclass(frozen=True)
class MappedPage:
    """A page after mapping: what it brings by target, ids unique, and the rows that could not be mapped."""

    page: Page
    rows: Mapping[Target, Rows]
    failures: Sequence[Failure]
    mapped_ids: Sequence[str]
    unknown_labels: Mapping[str, int] = field(default_factory=dict)


class Store:
    """Writes one data set's pages. One connection, used by one thread at a time.

    settings: the source's, which say when details are read again; only a data set of details needs them.

    Holds the data set's advisory lock from `open` on, so that two runs of one data set take turns.
    """

    def __init__(
        self,
        connection: Connection[Any],
        dataset: Dataset,
        *,
        settings: Any = None,
        allow_deletions: bool = False,
    ) -> None:
        self._connection = connection
        self._dataset = dataset
        self._settings = settings
        self._open_quarantine: set[str] = set()
        self._mode = ""
        self._keeps_position = dataset.details is None
        self._allow_deletions = allow_deletions
        self._deleted: Counter[str] = Counter()
        self.run_id = uuid4()

    def open(self, *, mode: str, dagster_run_id: str | None = None) -> tuple[Position, datetime]:
        """Wait for our turn and record the start of a run: where the last one stopped, and the database's now.

        Runs of one data set take turns. Reading single records again (mode `events`) waits for other such readers
        only, and neither uses nor moves the position.
        """
        connection, dataset, self._mode = self._connection, self._dataset, mode
        lane = "events" if mode == EVENTS else "sync"
        self._keeps_position = self._keeps_position and mode not in {EVENTS, RECONCILE}
        connection.execute("SELECT pg_advisory_lock(hashtext(%s), hashtext(%s))", [lane, dataset.name])
        # Rows and cursor are one transaction: if the server loses the last of them in a crash, the next run reads those
        # pages again. So no page waits for the disk.
        connection.execute("SET synchronous_commit = off")
        # Merges probe the table by id for each staged row: whatever the table's size or its stale statistics, the
        # cost of a page must follow the page.
        connection.execute("SET enable_hashjoin = off")
        connection.execute("SET enable_mergejoin = off")
        connection.execute("SET enable_seqscan = off")
        parameters = {
            "id": self.run_id,
            "dataset": dataset.name,
            "system": dataset.system,
            "mode": mode,
            "dagster_run_id": dagster_run_id,
            "is_events": mode == EVENTS,
            "target_seconds": int(dataset.freshness.total_seconds()),
        }
        row = connection.execute(statement("sync/begin_run"), parameters).fetchone()
        connection.execute(statement("sync/declare_freshness"), parameters)
        for target in dataset.targets:
            create_stage(connection, target)
        open_ids = connection.execute(statement("sync/open_quarantine"), parameters).fetchall()
        self._open_quarantine = {source_id for (source_id,) in open_ids}
        if dataset.details is not None and self._open_quarantine:
            self._resolve(self._open_quarantine - self._there(dataset.details, self._open_quarantine))
        connection.commit()
        position, now = row if row is not None else ({}, None)
        return position or {}, now

    def write(self, mapped: MappedPage) -> Merged:
        """Everything a page brings, or nothing of it: rows, change log, quarantine, links, cursor."""
        page, dataset = mapped.page, self._dataset
        total, deleted_before = Merged(), self._deleted.copy()
        # A parent that failed, in part or in whole, keeps what was known of it: absence in a failed answer is none.
        failed = {failure.source_id for failure in mapped.failures}
        whole = [parent for parent in page.parents if parent.source_id not in failed]
        with ExitStack() as undone, self._connection.transaction():
            undone.callback(setattr, self, "_deleted", deleted_before)
            for target, rows in mapped.rows.items():
                merged = merge(
                    self._connection,
                    target,
                    rows,
                    run_id=self.run_id,
                    asked_at=page.asked_at,
                    parents=[parent.id for parent in whole],
                )
                merged += self._removed(target, page)
                if target.complete_within is None:
                    self._brake(target, merged.deleted - merged.parts)
                total += merged
            marked = self._mark_read(dataset.details, whole) if dataset.details is not None and whole else 0
            if dataset.details is not None and whole and dataset.details.unsettled != "false":
                self._wish_unsettled(dataset.details, whole)
            linked = Merged()
            if dataset.links_accounts and (total.written or dataset.details is not None):
                linked = link_accounts(self._connection, self._touched(mapped), run_id=self.run_id)
            self._quarantine(mapped)
            if dataset.details is not None and failed:
                self._postpone(dataset.details, [parent for parent in page.parents if parent.source_id in failed])
            self._record(mapped, total, tells=bool(total.written or linked.written or marked))
            if total.outdated:
                wish(self._connection, dataset.name, total.outdated)
            undone.pop_all()
        return total

    def _removed(self, target: Target, page: Page) -> Merged:
        """Mark what the source no longer has; rows that only lend their columns to this data set are another's."""
        if not page.gone or target.only_existing:
            return Merged()
        ids = _hub_ids(self._dataset, target.kind, page.gone)
        return remove(self._connection, target, ids, run_id=self.run_id, asked_at=page.asked_at)

    def _brake(self, target: Target, deleted: int) -> None:
        """Undo the page and stop, where the run deletes more of a table than is likely to be true.

        Raises:
            BrakeError: it does, and nobody said that it may.
        """
        self._deleted[target.table.name] += deleted
        rows = self._deleted[target.table.name]
        if not deleted or rows <= FEW or self._allow_deletions:
            return
        query = SQL("SELECT count(*) FROM {} WHERE deleted_at IS NULL AND {}").format(
            Identifier(str(target.table.schema), target.table.name), SQL(target.scope)
        )
        row = self._connection.execute(query).fetchone()
        before = rows + (int(row[0]) if row is not None else 0)
        if rows > MOST_DELETED * before:
            raise BrakeError(self._dataset.name, rows=rows, of=before)

    def _touched(self, mapped: MappedPage) -> list[UUID]:
        gone = _hub_ids(self._dataset, self._dataset.targets[0].kind, mapped.page.gone) if mapped.page.gone else []
        return [each for rows in mapped.rows.values() for each in rows.ids()] + gone

    def close(
        self,
        *,
        error: str | None,
        as_of: datetime | None,
        brake: bool = False,
        verified_through: datetime | None = None,
    ) -> None:
        """Record how the run ended.

        `as_of` is the moment up to which the data set is now known, where it is, and `verified_through` that up to
        which it is known to be right. A `brake` parks it.
        """
        self._connection.rollback()
        parameters = {"id": self.run_id, "dataset": self._dataset.name, "error": error, "as_of": as_of}
        parameters |= {"brake": brake, "verified_through": verified_through}
        self._connection.execute(statement("sync/end_run"), parameters)
        self._connection.execute(statement("sync/advance_freshness"), parameters)
        self._connection.commit()

    def _mark_read(self, details: Details, parents: Sequence[Parent]) -> int:
        """Write down that the parents' details were read; how many of these entries the change log has."""
        # Their moment is that of the answer: a page of them may take minutes. A parent that changed while its details
        # were on their way stays due.
        read = SQL(
            "UPDATE {parent} p SET {as_of} = was_asked_at,"
            " {due} = CASE WHEN {due} > was_asked_at THEN {due}"
            " WHEN {unsettled} THEN was_asked_at"
            "   + least(greatest(was_asked_at - changed_at, %(settling)s), %(refresh_after)s::interval)"
            " ELSE was_asked_at + %(refresh_after)s::interval END"
            " FROM (SELECT id, {as_of}, asked.at FROM {parent}"
            "         JOIN unnest(%(parents)s::uuid[], %(asked_at)s::timestamptz[]) asked (parent, at)"
            "           ON asked.parent = id) was (was_id, was_as_of, was_asked_at)"
            " WHERE was_id = p.id"
        ).format(
            parent=_name(details),
            as_of=Identifier(details.as_of),
            due=Identifier(details.due_at),
            unsettled=SQL(details.unsettled),
        )
        if details.logged:
            read = SQL(
                "WITH read AS ({read} RETURNING p.id, p.account_id, was_as_of AS before, p.{as_of} AS after)"
                " INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after, run_id)"
                " SELECT {entity}, id, account_id, 'update', jsonb_build_object({key}, before),"
                " jsonb_build_object({key}, after), %(run_id)s FROM read"
            ).format(
                read=read,
                as_of=Identifier(details.as_of),
                key=Literal(details.as_of),
                entity=Literal(details.parent.name),
            )
        marked = self._connection.execute(
            read,
            {
                "parents": [parent.id for parent in parents],
                "asked_at": [parent.asked_at for parent in parents],
                "refresh_after": details.refresh_after(self._settings) if details.refresh_after else None,
                "settling": SETTLING,
                "run_id": self.run_id,
            },
        ).rowcount
        return marked if details.logged else 0

    def _postpone(self, details: Details, parents: Sequence[Parent]) -> None:
        """Have parents whose details failed asked for again, each time later; sooner where they are due sooner."""
        postponed = SQL(
            "UPDATE {parent} p SET {due} = least("
            "     CASE WHEN {due} > asked.at THEN {due} END,"
            "     asked.at + least(%(first)s * power(2, least(q.times_seen - 1, 20)), %(longest)s))"
            "  FROM unnest(%(parents)s::uuid[], %(source_ids)s::text[], %(asked_at)s::timestamptz[])"
            "         asked (parent, source_id, at)"
            "  JOIN sync.quarantine q ON q.dataset = %(dataset)s AND q.source_id = asked.source_id"
            " WHERE p.id = asked.parent"
        ).format(parent=_name(details), due=Identifier(details.due_at))
        self._connection.execute(
            postponed,
            {
                "dataset": self._dataset.name,
                "parents": [parent.id for parent in parents],
                "source_ids": [parent.source_id for parent in parents],
                "asked_at": [parent.asked_at for parent in parents],
                "first": FIRST_WAIT,
                "longest": LONGEST_WAIT,
            },
        )

    def _wish_unsettled(self, details: Details, parents: Sequence[Parent]) -> None:
        """Have what is still at work read again when it is due, before the next tick; what is more waits for that."""
        query = SQL(
            "INSERT INTO sync.inbox (source, event_id, kind, entity, record_id, due_at)"
            " SELECT 'hub', %(dataset)s || ':' || source_id, 'record', %(dataset)s, source_id, {due} FROM {parent}"
            " WHERE id = ANY(%(parents)s) AND {unsettled} AND deleted_at IS NULL ORDER BY {due} LIMIT %(most)s"
            # Told again after it was claimed: who is reading it at this moment leaves it waiting.
            " ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE SET state = 'waiting',"
            " due_at = excluded.due_at, received_at = clock_timestamp(), attempts = 0, error = NULL"
        ).format(due=Identifier(details.due_at), parent=_name(details), unsettled=SQL(details.unsettled))
        ids = [parent.id for parent in parents]
        parameters = {"dataset": self._dataset.name, "parents": ids, "most": MOST_AT_WORK}
        self._connection.execute(query, parameters)

    def _quarantine(self, mapped: MappedPage) -> None:
        name = self._dataset.name
        for failure in mapped.failures:
            self._connection.execute(
                statement("sync/quarantine"),
                {
                    "dataset": name,
                    "source_id": failure.source_id,
                    "payload": Jsonb(failure.payload, dumps=storable_dump),
                    "reason": failure.reason,
                    "mapper_version": self._dataset.mapper_version,
                    # A list brings the same broken row with every look; a call is made again because it failed.
                    "counts": self._dataset.details is not None,
                },
            )
            self._open_quarantine.add(failure.source_id)
        # A reader of single records lives long: what others set aside meanwhile it does not know of.
        known = mapped.mapped_ids if self._mode == EVENTS else self._open_quarantine
        self._resolve(set(mapped.mapped_ids).intersection(known) if known else set())

    def _resolve(self, source_ids: set[str]) -> None:
        """Records that can be represented after all, or need not be any more, leave quarantine."""
        if source_ids:
            values = {"dataset": self._dataset.name, "source_ids": sorted(source_ids)}
            self._connection.execute(statement("sync/resolve_quarantine"), values)
            self._open_quarantine -= source_ids

    def _there(self, details: Details, source_ids: set[str]) -> set[str]:
        """Which of the parents, all of them WHMCS's, still are such that their details are asked for."""
        query = SQL("SELECT source_id FROM {} WHERE id = ANY(%s) AND deleted_at IS NULL AND {}").format(
            _name(details), SQL(details.where)
        )
        ids = [hub_id("whmcs", details.kind, source_id) for source_id in source_ids]
        return {row[0] for row in self._connection.execute(query, [ids]).fetchall()}

    def _record(self, mapped: MappedPage, merged: Merged, *, tells: bool) -> None:
        page = mapped.page
        self._connection.execute(
            statement("sync/record_page"),
            {
                "run_id": self.run_id,
                "dataset": self._dataset.name,
                # Details are resumed by what is due, not by a position.
                "position": Jsonb(page.position) if self._keeps_position and not page.partial else None,
                "rows_read": len(page.rows) + len(page.failures),
                "inserted": merged.inserted,
                "updated": merged.updated,
                "unchanged": merged.unchanged,
                "deleted": merged.deleted,
                "quarantined": len(mapped.failures),
                "unknown_labels": Jsonb(dict(mapped.unknown_labels)),
                # Live updates and caches follow the change log.
                "tells": tells,
            },
        )


def wish(connection: Connection[Any], dataset: str, source_ids: Sequence[str]) -> None:
    """Ask for records of a data set to be read again soon; one wish per record waits at a time."""
    connection.execute(statement("sync/wish_records"), {"dataset": dataset, "source_ids": list(source_ids)})


def _hub_ids(dataset: Dataset, kind: str, source_ids: Sequence[str]) -> list[UUID]:
    return [hub_id(dataset.system, kind, source_id) for source_id in source_ids]


def _name(details: Details) -> Identifier:
    return Identifier(str(details.parent.schema), details.parent.name)
