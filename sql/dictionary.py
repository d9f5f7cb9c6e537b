"""The data dictionary, from the comments in the database: `python -m sql.dictionary > docs/data-dictionary.md`."""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from psycopg.rows import namedtuple_row

from core.database import Connection, connect
from core.settings import HubSettings, load, url_as
from sql.statements import statement

TITLE = """# Data dictionary

Generated from the comments in the database by `python -m sql.dictionary`; do not edit. Every instant is UTC, every
amount exact. `hub` holds what the source systems own, `sync` what the hub remembers of reading it,
`command` what it was asked to do.
"""


def dictionary(connection: Connection) -> str:
    """The whole dictionary as Markdown: a chapter per schema, a table per table."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        columns = cursor.execute(statement("dictionary/columns")).fetchall()
    return "\n".join([TITLE, *_chapters(columns)])


def _chapters(columns: Sequence[object]) -> Iterator[str]:
    for schema, in_schema in groupby(columns, attrgetter("schema")):
        yield f"## Schema `{schema}`\n"
        for table, in_table in groupby(in_schema, attrgetter("table")):
            yield from _table(f"{schema}.{table}", list(in_table))


def _table(name: str, columns: Sequence[object]) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{attrgetter('about')(columns[0])}\n"
    yield "| column | type | may be null | meaning |"
    yield "| --- | --- | --- | --- |"
    for column in map(attrgetter("column", "type", "optional", "comment"), columns):
        named, kind, optional, comment = column
        yield f"| `{named}` | {kind} | {'yes' if optional else 'no'} | {comment} |"
    yield ""


def main() -> None:
    with connect(url_as(load(HubSettings), "owner"), name="dictionary") as connection:
        sys.stdout.write(dictionary(connection))


if __name__ == "__main__":
    main()
