"""Who was erased stays erased: nothing personal is kept of what a source sends of their accounts.

This is the one place on the way in that looks for it (decision 0030). Reading `sync.erased` also keeps an erasure from
being begun while a page is written: it waits for that table (pipelines/personal/erasure.py).
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from pipelines.sync.dataset import Dataset, Failure, Row, Target
from pipelines.sync.stage import stage_of
from pipelines.sync.tables import account_of, qualified
from sql.personal import personal
from sql.statements import statement


def withhold(connection: Connection[Any], target: Target) -> None:
    """Take out of the target's stage what must not be written, or compared."""
    if target.withholds:
        connection.execute(statement(target.withholds))
    if (clearing := _clearing(target)) is not None and _somebody_is_erased(connection):
        connection.execute(clearing)


def is_of_erased(connection: Connection[Any], dataset: Dataset, failure: Failure) -> bool:
    """Whether a row that cannot be represented belongs to somebody who was erased, as far as can be seen."""
    if not _somebody_is_erased(connection):
        return False
    accounts = accounts_of(connection, dataset, failure.source_id, failure.payload)
    found = connection.execute("SELECT FROM sync.erased WHERE account_id = ANY(%s)", [list(accounts)])
    return found.rowcount > 0


def accounts_of(connection: Connection[Any], dataset: Dataset, source_id: str, payload: Row) -> set[UUID]:
    """The accounts that a row belongs to which cannot be represented: by what it says, and by what is known of it."""
    said = {table.account_of(dataset.record_of(payload)) for table in dataset.tables} if payload else set()
    ids = record_ids(dataset, source_id)
    tables = {target.table for target in dataset.targets}
    if dataset.details is not None:
        tables.add(dataset.details.parent)
    known = set()
    for table in tables:
        query = SQL("SELECT {} FROM {} r WHERE r.id = ANY(%s)").format(account_of(table, "r"), qualified(table))
        known |= {row[0] for row in connection.execute(query, [ids]).fetchall()}
    # A record of accounts is an account itself, and may not be here yet.
    return {each for each in (*said, *known, *ids) if each is not None}


def record_ids(dataset: Dataset, source_id: str) -> list[UUID]:
    """The hub's ids that a record of a data set may have; of details, its parent's."""
    if dataset.details is not None:
        return dataset.details.ids([source_id])
    return [each for target in dataset.targets for each in dataset.ids(target, [source_id])]


def _somebody_is_erased(connection: Connection[Any]) -> bool:
    return connection.execute("SELECT FROM sync.erased LIMIT 1").rowcount > 0


@lru_cache
def _clearing(target: Target) -> Composed | None:
    """The statement that empties the personal columns of staged rows whose account was erased; none: it has none."""
    columns = [column.name for column in personal(target.table) if column.name in target.columns]
    if not columns:
        return None
    account = account_of(target.table, "s")
    if "account_id" in target.table.c and "account_id" not in target.columns:
        # It adds columns to rows that are there.
        account = SQL("(SELECT t.account_id FROM {} t WHERE t.id = s.id)").format(qualified(target.table))
    return SQL("UPDATE {} s SET {} WHERE {} IN (SELECT account_id FROM sync.erased)").format(
        Identifier("pg_temp", stage_of(target)),
        SQL(", ").join(SQL("{} = NULL").format(Identifier(column)) for column in columns),
        account,
    )
