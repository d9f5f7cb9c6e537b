"""Refresh requests: rows of the inbox by which the hub asks its own worker to read records again soon."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from sql.statements import statement


def request_refresh(connection: Connection[Any], dataset: str, source_ids: Sequence[str]) -> None:
    """Ask for records of a data set to be read again; one request per record waits at a time."""
    connection.execute(statement("sync/request_records"), {"dataset": dataset, "source_ids": list(source_ids)})
