"""What a page brings for one table, and its way into a stage by COPY."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol, cast
from uuid import UUID

from psycopg import Cursor
from psycopg.abc import Buffer
from psycopg.copy import LibpqWriter
from psycopg.sql import SQL, Identifier

from domain.common.field_table import Column, Columns
from domain.common.record import Contract

_NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


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
    with cursor.copy(command, writer=_InOnePiece(cursor)) as copy:
        for some in rows.columns:
            copy.write(_lines(some, columns))
        for row in rows.contracts:
            copy.write_row(values(row))


def _lines(found: Columns, columns: Sequence[str]) -> str:
    r"""The rows in the text format of COPY: a line each, tabs between, `\N` for nothing."""
    wanted = [found[name] for name in columns]
    gaps = [column.count(None) for column in wanted]
    lines = _joined([_filled(column) if some else column for column, some in zip(wanted, gaps, strict=True)])
    # Hardly a page holds a character that must be escaped: counting tells, without a look at every value.
    tabs, ends = len(wanted[0]) * (len(wanted) - 1), len(wanted[0])
    if (lines.count("\t"), lines.count("\n"), lines.count("\\")) == (tabs, ends, sum(gaps)) and "\r" not in lines:
        return lines
    return _joined([_filled([value and value.translate(_ESCAPES) for value in column]) for column in wanted])


def _joined(filled: Sequence[Column]) -> str:
    texts = cast("Sequence[Sequence[str]]", filled)
    return "\n".join(map("\t".join, zip(*texts, strict=True))) + "\n"


def _filled(column: Column) -> Sequence[str]:
    return [_NULL if value is None else value for value in column]


class _InOnePiece(LibpqWriter):
    """Sends a page when it is whole: each piece sent is a wait for the other threads of the run."""

    def __init__(self, cursor: Cursor[Any]) -> None:
        super().__init__(cursor)
        self._whole = bytearray()

    def write(self, data: Buffer) -> None:
        self._whole += data

    def finish(self, exc: BaseException | None = None) -> None:
        if exc is None and self._whole:
            super().write(self._whole)
        super().finish(exc)
