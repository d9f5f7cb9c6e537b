"""The stage: a temporary table per target, which a page's rows are copied into before they are merged or compared."""

from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from pipelines.sync.dataset import Target
from pipelines.sync.rows import Rows, copy_rows
from pipelines.sync.tables import listed, qualified


def stage_of(target: Target) -> str:
    """A connection serves one data set, and a data set has one target per table, so the table's name is enough."""
    return f"stage_{target.table.name}"


def create_stage(connection: Connection[Any], target: Target) -> None:
    """Make the target's stage; each commit empties it again."""
    connection.execute(
        SQL("CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA").format(
            Identifier(stage_of(target)), listed(target.columns), qualified(target.table)
        )
    )


def fill_stage(connection: Connection[Any], target: Target, rows: Rows) -> None:
    """Copy the rows into the target's stage, beside what is there."""
    with connection.cursor() as cursor:
        copy_rows(cursor, stage_of(target), target.columns, rows)
