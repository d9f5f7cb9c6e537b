"""What waits in the inbox and no worker took is swept once for each set of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psycopg
import pytest

from pipelines.dagster import sweeps
from pipelines.dagster.sweeps import inbox_left_over
from tests.builders import insert

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def hub(database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", database.owner)
    monkeypatch.setenv("SYNC_DATABASE_URL", database.sync)
    return database


def left_over(database: Any, seconds: int, count: int = 1) -> None:
    with psycopg.connect(database.owner) as connection:
        for _ in range(count):
            event = insert(connection, "sync.inbox", source="whmcs")
            connection.execute(
                "UPDATE sync.inbox SET due_at = now() - make_interval(secs => %s) WHERE id = %s", [seconds, event["id"]]
            )


def evaluated() -> dg.RunRequest | dg.SkipReason:
    found = inbox_left_over(dg.build_sensor_context())
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def test_what_a_worker_may_still_take_is_left_to_it(hub):
    left_over(hub, seconds=10)

    assert isinstance(evaluated(), dg.SkipReason)


def test_the_same_leftovers_are_swept_once_a_minute_and_new_ones_at_once(hub, monkeypatch):
    monkeypatch.setattr(sweeps, "utc_now", lambda: NOON)
    left_over(hub, seconds=60, count=2)
    first, again = evaluated(), evaluated()
    left_over(hub, seconds=60)
    later = evaluated()

    assert [isinstance(each, dg.RunRequest) for each in (first, again, later)] == [True] * 3
    assert first.run_key == again.run_key != later.run_key
    monkeypatch.setattr(sweeps, "utc_now", lambda: NOON + timedelta(minutes=1))
    assert evaluated().run_key != later.run_key, "a run that was killed took nothing, and Dagster answers a key once"
    assert later.tags == {"overdue": "3"}
