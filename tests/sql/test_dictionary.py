"""Analysts read the comments: every table and column has one, and the page made of them is current."""

from pathlib import Path

from sql.dictionary import dictionary
from sql.tables import metadata

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


def test_every_table_and_every_column_says_what_it_holds() -> None:
    silent = [str(column) for table in metadata.tables.values() for column in table.c if not column.comment]
    silent += [name for name, table in metadata.tables.items() if not table.comment]

    assert silent == []


def test_the_page_in_docs_is_what_the_tables_say() -> None:
    """And the database says the same: tests/sql/test_migrate.py compares it with the tables, comments included."""
    assert PAGE.read_text() == dictionary(), "run: make docs"
