"""Writing one page, in one transaction: rows, change log, quarantine, links, what is due, position."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from pipelines.sync.dataset import Dataset, MappedPage, Page, Parent, Target
from pipelines.sync.deletions import Brake, remove
from pipelines.sync.details import Answers
from pipelines.sync.history import Run
from pipelines.sync.merge import merge
from pipelines.sync.merged import Merged
from pipelines.sync.quarantine import Quarantine
from pipelines.sync.refresh import request_refresh
from pipelines.sync.stage import create_stage
from sql.statements import statement


@contextmanager
def page_transaction(connection: Connection[Any]) -> Iterator[None]:
    """A transaction with the settings that writing pages needs; they end with it."""
    with connection.transaction():
        connection.execute(statement("sync/begin_page"))
        yield


class PageWriter:
    """Writes the pages of one run. One connection, used by one thread at a time.

    settings: the source's, which say when details are read again; only a data set of details needs them.
    """

    def __init__(
        self, connection: Connection[Any], dataset: Dataset, settings: Any, run: Run, *, allow_deletions: bool
    ) -> None:
        self._connection = connection
        self._dataset = dataset
        self._run = run
        self._brake = Brake(connection, dataset.name, released=allow_deletions)
        self._quarantine = Quarantine(connection, dataset, run.mode)
        details = dataset.details
        self._answers = Answers(connection, dataset.name, details, settings, run.id) if details else None

    def begin(self) -> None:
        for target in self._dataset.targets:
            create_stage(self._connection, target)
        self._quarantine.begin()

    def write(self, mapped: MappedPage) -> Merged:
        """Everything the page brings, or nothing of it.

        Raises:
            BrakeError: with this page, the run deletes more of a table than is likely to be true.
        """
        page = mapped.page
        # A parent that failed, in part or in whole, keeps what was known of it: what a failed
        # answer leaves out may exist all the same.
        failed_ids = {failure.source_id for failure in mapped.failures}
        failed = [parent for parent in page.parents if parent.source_id in failed_ids]
        whole = [parent for parent in page.parents if parent.source_id not in failed_ids]
        with self._brake.counting(), page_transaction(self._connection):
            total = self._merge(mapped, whole)
            # What changed since it was requested was not written, and stays due.
            read = [parent for parent in whole if parent.source_id not in total.outdated]
            marked = self._answers.mark_read(read) if self._answers else 0
            linked = self._link(mapped, total)
            self._quarantine.write(mapped)
            if self._answers:
                self._answers.postpone(failed)
            self._run.record(mapped, total, tells=bool(total.written or linked.written or marked))
            if total.outdated:
                request_refresh(self._connection, self._dataset.name, total.outdated)
        return total

    def _merge(self, mapped: MappedPage, parents: Sequence[Parent]) -> Merged:
        page, total = mapped.page, Merged()
        for target, rows in mapped.rows.items():
            merged = merge(
                self._connection, target, rows, run_id=self._run.id, requested_at=page.requested_at, parents=parents
            )
            merged += self._removed(target, page)
            if target.complete_within is None:
                self._brake.count(target, merged.deleted - merged.parts)
            total += merged
        return total

    def _removed(self, target: Target, page: Page) -> Merged:
        """Mark what the source no longer has; rows that only lend their columns to this data set are another's."""
        if not page.gone or target.only_existing:
            return Merged()
        ids = self._dataset.ids(target, page.gone)
        return remove(self._connection, target, ids, run_id=self._run.id, requested_at=page.requested_at)

    def _link(self, mapped: MappedPage, total: Merged) -> Merged:
        """Judge again whose the accounts are that the page touched; what that did to customers."""
        dataset, page = self._dataset, mapped.page
        if dataset.link is None or not (total.written or dataset.details is not None):
            return Merged()
        gone = dataset.ids(dataset.targets[0], page.gone)
        touched = [each for rows in mapped.rows.values() for each in rows.ids()] + gone
        return dataset.link(self._connection, touched, self._run.id)
