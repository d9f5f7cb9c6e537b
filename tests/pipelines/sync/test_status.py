"""What operators are told of each data set: its rows, how old it is, and what is wrong with it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from core.errors import UnavailableError
from pipelines.datasets import DATASETS
from pipelines.sync.dataset import Page, ReadRequest
from pipelines.sync.run import run
from pipelines.sync.status import DatasetStatus, statuses
from tests.builders import insert_customer
from tests.pipelines.sync.made_up import SOURCE, a_dataset, execute, rows


def read(_: ReadRequest[Any, Any]) -> Iterator[Page]:
    yield Page(rows=[*rows("5001", "5002"), {"Id": "5003", "broken": True}], position={"next": 1})
    yield Page(rows=(), position={}, complete=True)


CASES = a_dataset(read, freshness=timedelta(minutes=10))


def status_of(database: Any, *datasets: Any) -> tuple[DatasetStatus, ...]:
    with psycopg.connect(database.owner) as connection:
        return statuses(connection, datasets or (CASES,))


def test_a_data_set_that_was_never_read_is_stale_and_has_nothing(database: Any) -> None:
    never, *_ = status_of(database, *DATASETS)

    assert (never.stale, never.age_seconds, never.last_status) == (True, None, None)
    assert set(never.rows.values()) == {0}


def test_a_data_set_that_was_read_in_time_is_not_stale(database: Any) -> None:
    run(CASES, SOURCE, database.sync)

    found, *_ = status_of(database, CASES, *DATASETS)

    assert (found.stale, found.rows, found.last_status) == (False, {"support_cases": 2}, "succeeded")
    assert (found.quarantined, sum(found.quarantine_reasons.values())) == (1, 1)


@pytest.mark.parametrize(("minutes", "stale"), [(9, False), (11, True)])
def test_it_is_stale_once_it_is_older_than_its_target(database: Any, minutes: int, stale: bool) -> None:
    run(CASES, SOURCE, database.sync)
    execute(database.owner, "UPDATE sync.freshness SET as_of = now() - %s", timedelta(minutes=minutes))

    found, *_ = status_of(database, CASES, *DATASETS)

    assert (found.stale, found.target_seconds) == (stale, 600)


def test_rows_that_were_deleted_do_not_count(database: Any) -> None:
    run(CASES, SOURCE, database.sync)
    execute(database.owner, "UPDATE hub.support_cases SET deleted_at = now() WHERE source_id = '5001'")

    found, *_ = status_of(database, CASES, *DATASETS)

    assert found.rows == {"support_cases": 1}


def test_a_run_that_failed_is_shown_with_its_reason_and_makes_nothing_fresh(database: Any) -> None:
    def fails(_: ReadRequest[Any, Any]) -> Iterator[Page]:
        raise UnavailableError("salesforce", "did not answer", code="timeout")
        yield

    failing = a_dataset(fails)
    with pytest.raises(UnavailableError):
        run(failing, SOURCE, database.sync)

    found, *_ = status_of(database, failing, *DATASETS)

    assert (found.last_status, found.stale) == ("failed", True)
    assert "did not answer" in (found.last_error or "")


def test_customers_are_as_old_as_the_oldest_of_the_accounts_they_are_drawn_from(database: Any) -> None:
    linked = [dataset for dataset in DATASETS if dataset.link is not None]
    with psycopg.connect(database.owner) as owner:
        insert_customer(owner)
        for number, dataset in enumerate(linked, start=1):
            owner.execute(
                "INSERT INTO sync.freshness (dataset, system, target_seconds, as_of) VALUES (%s, %s, 60, now() - %s)",
                [dataset.name, dataset.system, timedelta(hours=number)],
            )

    *_, links = status_of(database, *DATASETS)

    assert (links.dataset, links.rows["customers"] >= 1) == ("customer.links", True)
    assert links.age_seconds == pytest.approx(3600 * len(linked), abs=60)
    assert links.stale


def test_while_one_kind_of_accounts_was_never_read_nobody_says_how_old_customers_are(database: Any) -> None:
    first, *_ = [dataset for dataset in DATASETS if dataset.link is not None]
    execute(
        database.owner,
        "INSERT INTO sync.freshness (dataset, system, target_seconds, as_of) VALUES (%s, %s, 60, now())",
        first.name,
        first.system,
    )

    *_, links = status_of(database, *DATASETS)

    assert (links.as_of, links.age_seconds, links.stale) == (None, None, True)
