"""However polls, events and webhooks for one record interleave, the hub never goes back to an older version."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from core.database import connect
from domain.common.identifiers import account_id, hub_id
from pipelines.sync.dataset import Target
from pipelines.sync.merge import merge
from pipelines.sync.rows import Rows
from pipelines.sync.stage import create_stage
from sql.tables.support import support_cases

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
READERS = ("poll", "event", "webhook")

STEPS = st.lists(
    st.one_of(
        st.just(("change", "")),
        st.tuples(st.just("ask"), st.sampled_from(READERS)),
        st.tuples(st.just("write"), st.sampled_from(READERS)),
    ),
    max_size=24,
)


class Row(BaseModel):
    id: UUID
    source: str = "salesforce"
    source_id: str
    source_updated_at: datetime | None
    account_id: UUID = account_id("salesforce", "001A")
    subject: str
    status: str = "new"
    priority: str = "medium"
    is_closed: bool = False
    opened_at: datetime = NOON


CASES = Target(contract=Row, table=support_cases)


@dataclass
class Record:
    """A record at its source, whose every version differs. Stamps advance once every `versions_per_second`; 0: none."""

    source_id: str
    versions_per_second: int
    version: int = 1

    def as_sent(self) -> Row:
        stamp = None
        if self.versions_per_second:
            stamp = NOON + timedelta(seconds=self.version // self.versions_per_second)
        identity = hub_id("salesforce", "case", self.source_id)
        return Row(id=identity, source_id=self.source_id, source_updated_at=stamp, subject=f"version {self.version}")


class Hub:
    """The hub's side of one record, over one connection."""

    def __init__(self, connection: psycopg.Connection[Any], record: Record) -> None:
        self.connection = connection
        self.record = record
        self.under_way: dict[str, tuple[datetime, Row]] = {}
        self.refresh_requested = False

    def ask(self, reader: str) -> None:
        row = self.connection.execute("SELECT clock_timestamp()").fetchone()
        self.connection.commit()
        assert row is not None
        self.under_way[reader] = row[0], self.record.as_sent()

    def write(self, reader: str) -> None:
        requested_at, row = self.under_way.pop(reader)
        with self.connection.transaction():
            create_stage(self.connection, CASES)
            merged = merge(self.connection, CASES, Rows([row]), run_id=uuid4(), requested_at=requested_at)
        self.refresh_requested = self.refresh_requested or bool(merged.outdated)

    def version(self) -> int:
        row = self.connection.execute(
            "SELECT subject FROM hub.support_cases WHERE source_id = %s", [self.record.source_id]
        ).fetchone()
        self.connection.commit()
        return int(row[0].removeprefix("version ")) if row else 0


@pytest.mark.parametrize("versions_per_second", [0, 1, 3], ids=["no stamps", "a stamp each", "stamps that tie"])
def test_the_newest_version_wins_whatever_the_order(database, versions_per_second):
    with connect(database.sync, name="test") as connection:

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(STEPS)
        def holds(steps):
            hub = Hub(connection, Record(uuid4().hex, versions_per_second))
            for step, reader in steps:
                before = hub.version()
                if step == "change":
                    hub.record.version += 1
                elif step == "ask":
                    hub.ask(reader)
                elif reader in hub.under_way:
                    hub.write(reader)
                assert hub.version() >= before
            read_after_the_last_change(hub)
            assert hub.version() == hub.record.version

        holds()


def read_after_the_last_change(hub: Hub) -> None:
    """Each source is polled again sooner or later; before that, whatever is still under way arrives late."""
    hub.ask("the next poll")
    for reader in sorted(hub.under_way, reverse=True):
        hub.write(reader)
    if hub.refresh_requested:
        hub.ask("a refresh request")
        hub.write("a refresh request")
