"""The change log's months (`sync.keep_history`): those to come are there before they begin, and the old ones go whole.

The promise. A year of months lies ahead, so that no merge fails on the first of one because nobody made it. Kept are
as many months as the settings say, the running one counted; a month goes as a whole, and none of those kept loses a
row. Asked again, it changes nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import Database

Connection = psycopg.Connection[Any]


@pytest.fixture
def rows(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.sync, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


def month(ahead: int) -> datetime:
    """The first moment of a month; 0 is the running one."""
    now = datetime.now(UTC)
    years, months = divmod(now.month - 1 + ahead, 12)
    return datetime(now.year + years, months + 1, 1, tzinfo=UTC)


def make(owner: Connection, ahead: int) -> None:
    """A month of the log, as it was made when it was still to come."""
    owner.execute(
        f"CREATE TABLE history.changes_{month(ahead):%Y_%m} PARTITION OF sync.changes"
        f" FOR VALUES FROM ('{month(ahead):%Y-%m-%d}Z') TO ('{month(ahead + 1):%Y-%m-%d}Z')"
    )


def log(rows: Connection, moment: datetime) -> None:
    rows.execute(
        "INSERT INTO sync.changes (entity, entity_id, operation, changed_at) VALUES ('invoices', %s, 'insert', %s)",
        [uuid4(), moment],
    )


def logged(rows: Connection) -> list[datetime]:
    found = rows.execute("SELECT changed_at FROM sync.changes ORDER BY changed_at").fetchall()
    return [moment for (moment,) in found]


def keep(rows: Connection, months: int) -> int:
    found = rows.execute("SELECT sync.keep_history(%s)", [months]).fetchone()
    assert found is not None
    dropped: int = found[0]
    return dropped


def test_a_year_of_months_lies_ahead(rows: Connection) -> None:
    ahead = [month(number) for number in range(13)]

    for moment in ahead:
        log(rows, moment)

    assert logged(rows) == ahead
    with pytest.raises(psycopg.errors.CheckViolation):
        log(rows, month(13))


@pytest.fixture
def past(owner: Connection, rows: Connection) -> list[datetime]:
    """Four months with a change each, the last of them the running one."""
    # The first release began the log with one part for all that came before its first month.
    owner.execute("DROP TABLE history.changes_before")
    moments = []
    for ahead in (-3, -2, -1, 0):
        make(owner, ahead)
        log(rows, month(ahead))
        moments.append(month(ahead))
    return moments


@pytest.mark.parametrize("months", [1, 2, 3])
def test_so_many_months_are_kept_and_the_running_one_counts(
    rows: Connection, past: list[datetime], months: int
) -> None:
    dropped = keep(rows, months)

    assert dropped == len(past) - months
    assert logged(rows) == past[-months:]


def test_asked_again_it_changes_nothing(rows: Connection, past: list[datetime]) -> None:
    keep(rows, 2)

    assert keep(rows, 2) == 0
    assert logged(rows) == past[-2:]


def test_the_running_month_is_always_kept(rows: Connection, past: list[datetime]) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="running month"):
        keep(rows, 0)

    assert logged(rows) == past
