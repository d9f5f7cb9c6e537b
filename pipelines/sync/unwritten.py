"""The page that a whole read is writing, kept where a run after a kill finds it and need not ask for it again.

While a page is written the next one is fetched, so a kill would lose two. The one that is kept is not lost.
"""

import zlib
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Self

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb
from pydantic_core import from_json

from core.database import connect
from pipelines.sync.dataset import Page, Position
from sql.statements import statement


class UnwrittenPage:
    """Where one data set's page is kept. Used by the thread that reads, on a connection of its own."""

    def __init__(self, database_url: str, dataset: str) -> None:
        self._database_url, self._dataset = database_url, dataset
        self._stack = ExitStack()
        self._connection: Connection[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def keep(self, page: Page, begins: Position) -> None:
        """Keep the page in place of the one before; `begins` is where a reader stands who has not read it."""
        if self._connection is None:
            self._connection = self._stack.enter_context(connect(self._database_url, name=f"keep {self._dataset}"))
            self._connection.autocommit = True
        asked_at = page.asked_at and page.asked_at.isoformat()
        kept = {"rows": page.rows, "position": page.position, "expected": page.expected, "asked_at": asked_at}
        # Compressed to a fourteenth: what the database need not write is worth more than the processor's time.
        body = zlib.compress(msgspec.json.encode(kept), level=1)
        self._connection.execute(
            statement("sync/keep_page"), {"dataset": self._dataset, "begins": Jsonb(begins), "page": body}, binary=True
        )


def kept_page(connection: Connection[Any], dataset: str, position: Position) -> Page | None:
    """The page that a killed run was writing, if a reader at that position would ask for it next.

    One that cannot be read, because another release of the hub kept it, is none: it is asked for again.
    """
    with connection.transaction():
        row = connection.execute(statement("sync/kept_page"), {"dataset": dataset}).fetchone()
    if row is None or row[0] != position:
        return None
    try:
        kept = from_json(zlib.decompress(row[1]))
    except zlib.error:
        return None
    asked_at = kept["asked_at"] and datetime.fromisoformat(kept["asked_at"])
    return Page(rows=kept["rows"], position=kept["position"], expected=kept["expected"], asked_at=asked_at)
