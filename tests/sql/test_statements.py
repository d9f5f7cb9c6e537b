"""SQL lives in files named for what they answer."""

from pathlib import Path

import pytest

import sql
from sql.statements import statement

QUERIES = Path(sql.__file__).parent / "queries"
NAMES = sorted(file.relative_to(QUERIES).with_suffix("").as_posix() for file in QUERIES.rglob("*.sql"))


def test_a_question_nobody_wrote_down_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        statement("sync/no_such_question")


@pytest.mark.parametrize("name", NAMES)
def test_every_query_opens_with_what_it_answers(name: str) -> None:
    first = statement(name).splitlines()[0]

    assert first.startswith("-- ")
    assert len(first) > len("-- What")
