"""Deletions: marking what a source no longer has, and the brake on runs that delete too much of a table."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from pipelines.sync.merged import Merged
from pipelines.sync.stage import stage_of
from pipelines.sync.tables import account_of, entity, qualified

MOST_DELETED = 0.05
"""The part of a table that one run may mark deleted. More is taken for a fault of the source, unless an operator says
that it is right (`--allow-deletions`)."""
FEW = 10
"""So many rows may always be deleted, whatever part of a table they are."""


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
        before = rows + _count(self._connection, query, {})
        if rows > MOST_DELETED * before:
            raise BrakeError(self._dataset_name, rows=rows, of=before)


def remove(
    connection: Connection[Any], target: Target, ids: Sequence[UUID], *, run_id: UUID, requested_at: datetime | None
) -> Merged:
    """Mark rows that the source no longer has as deleted, their parts with them, and log it.

    A row that changed after `requested_at` stays. Must run inside a transaction.
    """
    values: dict[str, object] = {"run_id": run_id, "requested_at": requested_at or "infinity", "ids": list(ids)}
    own, *of_parts = (
        _count(connection, _deletion_statement(table, column), values)
        for table, column in ((target.table, "id"), *target.parts)
    )
    return Merged(deleted=own + sum(of_parts), parts=sum(of_parts))


def remove_unsent(connection: Connection[Any], target: Target, column: str, values: Mapping[str, object]) -> int:
    """The same for rows of the requested parents (by `column`) that are not in the target's stage; how many rows."""
    statement = _deletion_statement(target.table, column, target)
    return _count(connection, statement, {**values, "ids": values["parents"]})


def moment_of_answer(target: Target, alias: str) -> Composed:
    """SQL: when a row's own answer was requested, which is its parent's moment, or else the page's."""
    column = target.complete_within or ("id" if target.only_existing else None)
    if column is None:
        return SQL("%(requested_at)s").format()
    return SQL(
        "coalesce((SELECT requested.at"
        " FROM unnest(%(parents)s::uuid[], %(moments)s::timestamptz[]) requested (parent, at)"
        " WHERE requested.parent = {}), %(requested_at)s)"
    ).format(Identifier(alias, column))


def _count(connection: Connection[Any], statement: Composed, values: Mapping[str, object]) -> int:
    ((rows,),) = connection.execute(statement, values)
    return int(rows)


@lru_cache
def _deletion_statement(table: Table, column: str, unsent_of: Target | None = None) -> Composed:
    unsent, requested_at = SQL("true").format(), SQL("%(requested_at)s").format()
    if unsent_of is not None:
        stage = Identifier(stage_of(unsent_of))
        unsent = SQL("NOT EXISTS (SELECT 1 FROM pg_temp.{} s WHERE s.id = t.id)").format(stage)
        requested_at = moment_of_answer(unsent_of, "t")
    return SQL(
        """
        WITH vanished AS (
            UPDATE {table} t SET deleted_at = now(), changed_at = now()
             WHERE t.{column} = ANY(%(ids)s) AND t.deleted_at IS NULL AND t.changed_at <= {requested_at} AND {unsent}
            RETURNING t.id, {account} AS of_account, t.deleted_at
        ), logged AS (
            INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after, run_id)
            SELECT {entity}, id, of_account, 'delete', '{{"deleted_at": null}}',
                   jsonb_build_object('deleted_at', deleted_at), %(run_id)s FROM vanished
        )
        SELECT count(*) FROM vanished
        """
    ).format(
        table=qualified(table),
        column=Identifier(column),
        unsent=unsent,
        requested_at=requested_at,
        account=account_of(table, "t"),
        entity=entity(table),
    )
