"""Analysts read the comments: every table and column has one, and the page made of them is current."""

from pathlib import Path

from core.database import connect
from sql.dictionary import dictionary
from sql.tables import metadata
from tests.conftest import Database

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


def test_every_table_and_every_column_says_what_it_holds() -> None:
    silent = [str(column) for table in metadata.tables.values() for column in table.c if not column.comment]
    silent += [name for name, table in metadata.tables.items() if not table.comment]

    assert silent == []


def test_the_page_in_docs_is_what_the_database_says(database: Database) -> None:
    with connect(database.owner, name="test") as connection:
        current = dictionary(connection)

    assert PAGE.read_text() == current, "run: python -m sql.dictionary > docs/data-dictionary.md"
