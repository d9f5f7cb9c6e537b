"""The worker reports to Dagster in sums what it wrote, once Dagster can be reached."""

import threading
from types import SimpleNamespace
from typing import Any

import dagster as dg
import psycopg
import pytest
from structlog.testing import capture_logs

from pipelines.datasets import datasets_of
from pipelines.events import service
from pipelines.events.service import report
from pipelines.events.worker import Tally
from pipelines.sync.merged import Merged


class Away(dg.DagsterInstance):
    """Dagster while its database restarts."""

    def __init__(self) -> None:
        """Nothing of it is needed to fail."""

    def report_runless_asset_event(self, *_: Any, **__: Any) -> None:
        raise ConnectionError("server closed the connection unexpectedly")


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def reported(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    found = instance.fetch_materializations(dg.AssetKey(["whmcs", "invoices"]), limit=10).records
    return [
        {key: value.value for key, value in record.asset_materialization.metadata.items()}
        for record in found
        if record.asset_materialization is not None
    ]


def test_what_was_written_while_dagster_was_away_is_in_the_next_report(database, instance):
    tally = Tally()
    tally("whmcs.invoices", Merged(inserted=1, updated=2))
    report(tally, Away(), database.sync)
    tally("whmcs.invoices", Merged(updated=3))

    report(tally, instance, database.sync)
    report(tally, instance, database.sync)

    assert reported(instance) == [{"inserted": 1, "updated": 5, "unchanged": 0, "deleted": 0}]


def test_what_was_written_is_reported_once_though_nobody_can_say_how_fresh_it_is(instance):
    tally = Tally()
    tally("whmcs.invoices", Merged(inserted=1))

    report(tally, instance, "postgresql://nobody@127.0.0.1:1/nothing")
    report(tally, instance, "postgresql://nobody@127.0.0.1:1/nothing")

    assert reported(instance) == [{"inserted": 1, "updated": 0, "unchanged": 0, "deleted": 0}]


def test_with_what_was_written_the_worker_reports_how_fresh_it_is(database, instance, monkeypatch):
    told = list[Any]()
    monkeypatch.setattr(instance, "report_runless_asset_event", told.append)
    with psycopg.connect(database.owner) as owner:
        owner.execute(
            "INSERT INTO sync.freshness (dataset, system, target_seconds, as_of)"
            " VALUES ('whmcs.invoices', 'whmcs', 60, now())"
        )
    tally = Tally()
    tally("whmcs.invoices", Merged(inserted=1))

    report(tally, instance, database.sync)

    written, *judged = told
    assert isinstance(written, dg.AssetMaterialization)
    assert judged
    assert {type(each) for each in judged} == {dg.AssetCheckEvaluation}


def test_what_was_looked_at_and_did_not_change_is_not_reported_and_keeps_nothing_else_from_it(database, instance):
    tally = Tally()
    tally("whmcs.clients", Merged())
    tally("whmcs.invoices", Merged(inserted=1))

    report(tally, instance, database.sync)

    assert [found["inserted"] for found in reported(instance)] == [1]
    assert instance.get_latest_materialization_event(dg.AssetKey(["whmcs", "clients"])) is None


NAMES = [dataset.name for dataset in datasets_of("whmcs")]


@pytest.fixture
def polled(monkeypatch):
    """Names of the data sets that polls read until `ends` of them are read; the one at `fails` cannot be read."""

    def polled(ends: int, fails: int | None = None) -> list[str]:
        read, stopped = list[str](), threading.Event()

        def run(dataset: Any, *_: Any) -> Any:
            read.append(dataset.name)
            if len(read) == ends:
                stopped.set()
            if len(read) - 1 == fails:
                raise RuntimeError("this one cannot be read")
            return SimpleNamespace(merged=Merged())

        monkeypatch.setenv("HUB_POLL_SECONDS", "0")
        monkeypatch.setattr(service, "run", run)
        service._poll("whmcs", None, "", stopped, Tally())
        return read

    return polled


def test_a_poll_reads_every_data_set_of_its_system_whichever_of_them_fails(polled):
    assert polled(ends=2 * len(NAMES), fails=0) == NAMES * 2


def test_a_poll_that_is_stopped_begins_no_other_data_set(polled):
    assert polled(ends=2) == NAMES[:2]


def test_the_worker_reports_again_and_again_while_it_runs_and_once_more_at_its_end(monkeypatch):
    stopped, reports = threading.Event(), list[bool]()

    def report(*_: Any) -> None:
        reports.append(stopped.is_set())
        if len(reports) == 3:
            stopped.set()

    monkeypatch.setenv("SYNC_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr(service, "SYSTEMS", ())
    monkeypatch.setattr(service, "REPORT_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(service, "report", report)
    monkeypatch.setenv("HUB_POLL_SECONDS", "0")

    service.serve(stopped, dg.DagsterInstance.ephemeral())

    assert reports == [False, False, False, True]


@pytest.mark.parametrize("is_set_up", [True, False])
def test_the_worker_sends_mail_where_there_is_a_way_to(monkeypatch, is_set_up):
    transport, sent_by, stopped = object(), list[Any](), threading.Event()

    class Postman:
        def __init__(self, _: Any, transport: Any, __: str) -> None:
            self.transport = transport

        def follow(self, _: threading.Event) -> None:
            sent_by.append(self.transport)
            stopped.set()

    monkeypatch.setenv("SYNC_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr(service, "SYSTEMS", ())
    monkeypatch.setattr(service, "POLLED", ())
    monkeypatch.setattr(service, "Postman", Postman)
    monkeypatch.setattr(service, "transport_of", lambda *_: transport if is_set_up else None)
    if not is_set_up:
        stopped.set()
    with capture_logs() as logged:
        service.serve(stopped, dg.DagsterInstance.ephemeral())

    assert sent_by == ([transport] if is_set_up else [])
    assert ("mail.not_set_up" in {each["event"] for each in logged}) is not is_set_up
