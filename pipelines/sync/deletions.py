"""Deletions: marking what a source no longer has, and the brake on runs that delete too much of a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import Table

from core.errors import BrakeError
from pipelines.sync.dataset import Target
from pipelines.sync.merge import log_of_deletions
from pipelines.sync.merged import Merged
from pipelines.sync.tables import account_of, qualified

MOST_DELETED = 0.05
"""The part of a table that one run may mark deleted; more is a source in trouble until somebody says otherwise."""
FEW = 10
"""So many deletions are nobody's trouble, whatever part of a table they are."""


class Brake:
    """Counts what one run deletes from each table. `released`: an operator allowed it to delete more."""

    def __init__(self, connection: Connection[Any], dataset_name: str, *, released: bool) -> None:
        self._connection = connection
        self._dataset_name = dataset_name
        self._released = released
        self._deleted: Counter[str] = Counter()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """For a page's transaction: if that is undone, so is what was counted in it."""
        before = self._deleted.copy()
        try:
            yield
        except BaseException:
            self._deleted = before
            raise

    def count(self, target: Target, deleted: int) -> None:
        """Add rows that the page deleted.

        Raises:
            BrakeError: the run deletes more of the table than is likely to be true, and nobody said that it may.
        """
        self._deleted[target.table.name] += deleted
        rows = self._deleted[target.table.name]
        if not deleted or rows <= FEW or self._released:
            return
        query = SQL("SELECT count(*) FROM {} WHERE deleted_at IS NULL AND {}").format(
            qualified(target.table), SQL(target.scope)
        )
        row = self._connection.execute(query).fetchone()
        before = rows + (int(row[0]) if row is not None else 0)
        if rows > MOST_DELETED * before:
            raise BrakeError(self._dataset_name, rows=rows, of=before)


def remove(
    connection: Connection[Any], target: Target, ids: Sequence[UUID], *, run_id: UUID, asked_at: datetime | None
) -> Merged:
    """Mark rows that the source no longer has as deleted, their parts with them, and log it.

    A row that changed after `asked_at` stays. Must run inside a transaction.
    """
    asked: dict[str, object] = {"run_id": run_id, "asked_at": asked_at or "infinity", "ids": list(ids)}
    own, *of_parts = (
        connection.execute(_remove_statement(table, column), asked).fetchone()
        for table, column in ((target.table, "id"), *target.parts)
    )
    parts = sum(row[0] for row in of_parts if row is not None)
    return Merged(deleted=parts + (own[0] if own is not None else 0), parts=parts)


@lru_cache
def _remove_statement(table: Table, column: str) -> Composed:
    return SQL(
        """
        WITH vanished AS (
            UPDATE {table} t SET deleted_at = now(), changed_at = now()
             WHERE t.{column} = ANY(%(ids)s) AND t.deleted_at IS NULL AND t.changed_at <= %(asked_at)s
            RETURNING t.id, {account} AS of_account, t.deleted_at
        ), logged AS (
            {log}
        )
        SELECT count(*) FROM vanished
        """
    ).format(
        table=qualified(table),
        column=Identifier(column),
        account=account_of(table, "t"),
        log=log_of_deletions(table),
    )
