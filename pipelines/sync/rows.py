"""What a page brings for one table, and its way into a stage by COPY."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID

from psycopg import Cursor
from psycopg.sql import SQL, Identifier

from domain.common.field_table import Columns
from domain.common.record import Contract


class Digest(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True)
class Rows:
    """Rows for one table: as contract objects, and those mapped together as columns of text."""

    contracts: Sequence[Contract] = ()
    columns: Sequence[Columns] = ()

    def __len__(self) -> int:
        return len(self.contracts) + sum(len(some["id"]) for some in self.columns)

    def ids(self) -> Iterator[UUID]:
        """The hub's ids."""
        for some in self.columns:
            yield from map(UUID, some["id"])
        for row in self.contracts:
            yield row.id

    def add_to(self, digest: Digest) -> None:
        """Everything that is known of the rows."""
        for some in self.columns:
            digest.update(repr(dict(some)).encode())
        for row in self.contracts:
            digest.update(repr(row.__dict__).encode())


def copy_rows(cursor: Cursor[Any], stage: str, columns: Sequence[str], rows: Rows) -> None:
    """Fill a stage (a temporary table) of these columns."""
    names = SQL(", ").join(map(Identifier, columns))
    command = SQL("COPY {} ({}) FROM STDIN").format(Identifier("pg_temp", stage), names)
    values = attrgetter(*columns)
    with cursor.copy(command) as copy:
        for some in rows.columns:
            for row in zip(*(some[name] for name in columns), strict=True):
                copy.write_row(row)
        for contract in rows.contracts:
            copy.write_row(values(contract))
