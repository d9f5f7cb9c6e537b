"""Merge: of the rows in a stage, only what differs from the table is written, with its change log.

The statements are made from table metadata, never from data. Comparing first and writing the difference keeps an
identical re-load free of writes: `ON CONFLICT DO UPDATE ... WHERE` would lock, and so write, every row (decision 0004).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from pipelines.sync.dataset import Parent, Target
from pipelines.sync.deletions import moment_of_answer, remove_unsent
from pipelines.sync.erased import withhold
from pipelines.sync.merged import Merged
from pipelines.sync.rows import Rows
from pipelines.sync.stage import fill_stage, stage_of
from pipelines.sync.tables import account_of, entity, listed, qualified
from sql.statements import statement


def merge(
    connection: Connection[Any],
    target: Target,
    rows: Rows,
    *,
    run_id: UUID,
    requested_at: datetime | None = None,
    parents: Sequence[Parent] = (),
) -> Merged:
    """Write what differs between `rows` (ids unique) and the table, and log each change.

    An older version of a record never overwrites a newer one: the source's own stamps decide, and where they do not,
    the hub's row stays if it changed after `requested_at`, or after its one of the `parents` was requested. Must run
    inside a transaction, after `create_stage`.
    """
    fill_stage(connection, target, rows)
    for query in target.judges:
        connection.execute(statement(query))
    withhold(connection, target)
    return merge_stage(connection, target, staged=len(rows), run_id=run_id, requested_at=requested_at, parents=parents)


def merge_stage(
    connection: Connection[Any],
    target: Target,
    *,
    staged: int,
    run_id: UUID | None,
    requested_at: datetime | None = None,
    parents: Sequence[Parent] = (),
) -> Merged:
    """Merge a stage that is already filled; see `merge`."""
    # Without a moment of asking nothing in the table can be newer than the rows.
    values: dict[str, object] = {"run_id": run_id, "requested_at": requested_at or "infinity"}
    values |= {"parents": [each.id for each in parents], "moments": [each.requested_at for each in parents]}
    ((inserted, updated, deleted, outdated),) = connection.execute(_merge_statement(target), values)
    unchanged = max(staged - inserted - updated - deleted, 0)
    if target.complete_within is not None and parents:
        deleted += remove_unsent(connection, target, target.complete_within, values)
    # Whoever wrote a newer part of a record read all of it: nobody need ask again.
    ask_again = outdated if target.complete_within is None else None
    return Merged(inserted, updated, unchanged, deleted, tuple(ask_again or ()))


@lru_cache
def _merge_statement(target: Target) -> bytes:
    table, columns = target.table, target.columns
    compared = [column for column in columns if column != "id"]
    # The source's stamps decide. Where they are equal or missing, what was requested before the row changed is older.
    stamp = "s.source_updated_at {} t.source_updated_at" if "source_updated_at" in columns else "false"
    older, newer = (SQL("coalesce({}, false)".format(stamp.format(sign))) for sign in ("<", ">"))  # noqa: UP032
    deleted_before = SQL("t.deleted_at IS NOT NULL") if "deleted_at" in columns else SQL("false")
    deleted_after = SQL("s.deleted_at IS NOT NULL") if "deleted_at" in columns else SQL("false")
    due = [SQL("{} = now()").format(Identifier(column)) for column in target.due_columns]
    due += [
        SQL("{0} = CASE WHEN d.operation = 'restore' THEN now() ELSE t.{0} END").format(Identifier(column))
        for column in target.due_when_back
    ]
    sets = SQL(", ").join(
        [SQL("{0} = d.{0}").format(Identifier(column)) for column in compared] + [SQL("changed_at = now()"), *due]
    )
    composed = SQL(
        """
        WITH differing AS MATERIALIZED (
            SELECT s.*, t.id IS NULL AS is_new, {account} AS of_account, {source_id} AS of_source_id,
                   NOT {newer} AND coalesce(t.changed_at > {requested_at}, false) AS is_outdated,
                   CASE WHEN {deleted_after} AND NOT ({deleted_before}) THEN 'delete'
                        WHEN {deleted_before} AND NOT ({deleted_after}) THEN 'restore'
                        ELSE 'update' END AS operation,
                   CASE WHEN t.id IS NOT NULL THEN to_jsonb(t) END AS old,
                   CASE WHEN t.id IS NOT NULL THEN to_jsonb(s) END AS new
              FROM pg_temp.{stage} s LEFT JOIN {table} t ON t.id = s.id
             WHERE t.id IS NULL OR (({old}) IS DISTINCT FROM ({new}) AND NOT {older})
        ), inserted AS (
            INSERT INTO {table} ({columns}) SELECT {columns} FROM differing
             WHERE is_new AND {creates} RETURNING id
        ), updated AS (
            UPDATE {table} t SET {sets} FROM differing d
             WHERE t.id = d.id AND NOT d.is_new AND NOT d.is_outdated RETURNING t.id
        ), logged AS (
            INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after, run_id)
            SELECT {entity}, d.id, d.of_account, CASE WHEN d.is_new THEN 'insert' ELSE d.operation END,
                   CASE WHEN NOT d.is_new THEN (
                       SELECT jsonb_object_agg(n.key, d.old -> n.key) FROM jsonb_each(d.new) n
                        WHERE n.value IS DISTINCT FROM d.old -> n.key) END,
                   CASE WHEN NOT d.is_new THEN (
                       SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(d.new) n
                        WHERE n.value IS DISTINCT FROM d.old -> n.key) END,
                   %(run_id)s
              FROM differing d WHERE NOT d.is_outdated AND ({creates} OR NOT d.is_new)
        ){following}
        SELECT (SELECT count(*) FROM inserted),
               count(*) FILTER (WHERE NOT is_new AND NOT is_outdated AND operation <> 'delete'),
               count(*) FILTER (WHERE NOT is_new AND NOT is_outdated AND operation = 'delete'),
               array_agg(of_source_id) FILTER (WHERE is_outdated)
          FROM differing
        """
    ).format(
        table=qualified(table),
        stage=Identifier(stage_of(target)),
        columns=listed(columns),
        old=listed(compared, "t."),
        new=listed(compared, "s."),
        requested_at=moment_of_answer(target, "s"),
        older=older,
        newer=newer,
        source_id=SQL("t.source_id" if "source_id" in table.c else "NULL::text"),
        sets=sets,
        # A row that belongs to nobody any more is news to whoever had it.
        account=SQL("coalesce({}, {})").format(account_of(table, "s"), account_of(table, "t"))
        if not target.only_existing
        else account_of(table, "t"),
        deleted_before=deleted_before,
        deleted_after=deleted_after,
        creates=SQL("false" if target.only_existing else "true"),
        following=_following(target),
        entity=entity(table),
    )
    return composed.as_bytes()


def _following(target: Target) -> Composed:
    """What gives the parts of rows that went to another account to that account, too: they may bear no new stamp.

    A source may move a case's comments and an order's items with it, and touch none of them.
    """
    if "account_id" not in target.columns:
        return SQL("").format()
    parts = [(number, *part) for number, part in enumerate(target.parts) if "account_id" in part[0].c]
    return SQL("").join(
        SQL(
            """, followed_{number} AS (
            UPDATE {part} p SET account_id = d.account_id, changed_at = now() FROM differing d, {part} was
             WHERE p.{column} = d.id AND was.id = p.id AND p.account_id IS DISTINCT FROM d.account_id
               AND NOT d.is_new AND NOT d.is_outdated AND d.old -> 'account_id' IS DISTINCT FROM d.new -> 'account_id'
            RETURNING p.id, p.account_id, was.account_id AS former
        ), logged_{number} AS (
            INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after, run_id)
            SELECT {entity}, id, coalesce(account_id, former), 'update', jsonb_build_object('account_id', former),
                   jsonb_build_object('account_id', account_id), %(run_id)s FROM followed_{number}
        )"""
        ).format(
            number=SQL(str(number)),
            part=qualified(table),
            column=Identifier(column),
            entity=entity(table),
        )
        for number, table, column in parts
    )
