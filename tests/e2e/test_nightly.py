"""What Dagster runs besides the ticks: the sweep of the inbox, the night's reconcile, the freshness checks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psycopg
import pytest

from pipelines.assets import asset_key
from pipelines.datasets import datasets_of
from pipelines.definitions import defs
from pipelines.events.service import report
from pipelines.events.worker import Tally
from pipelines.sensors import inbox_left_over
from pipelines.sync.merge import Merged
from tests.builders import insert


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_job(name: str, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return defs.resolve_job_def(name).execute_in_process(instance=instance, raise_on_error=False, run_config=quiet)


def execute(database: Any, query: str) -> list[Any]:
    with psycopg.connect(database.owner) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def test_the_sweep_applies_what_no_worker_took(hub, instance):
    run_job("sync_salesforce", instance)
    account = execute(hub, "SELECT source_id FROM hub.customer_accounts WHERE source = 'salesforce' LIMIT 1")[0][0]
    execute(hub, f"SELECT sync.receive_hint('salesforce', 'e', 'Account', '{account}', NULL, now(), '{{}}')")
    with dg.build_sensor_context(instance=instance) as context:
        early = inbox_left_over(context)
    execute(hub, "UPDATE sync.inbox SET due_at = now() - interval '1 minute'")

    with dg.build_sensor_context(instance=instance) as context:
        late = inbox_left_over(context)
    result = run_job("sweep_inbox", instance)

    assert isinstance(early, dg.SkipReason)
    assert isinstance(late, dg.RunRequest)
    assert result.success
    assert execute(hub, "SELECT state FROM sync.inbox") == [("done",)]


def test_at_night_every_list_is_compared_healed_and_verified(hub, instance):
    run_job("sync_salesforce", instance)
    run_job("sync_whmcs", instance)
    execute(
        hub, "UPDATE hub.support_cases SET subject = 'drifted' WHERE id IN (SELECT id FROM hub.support_cases LIMIT 2)"
    )

    result = run_job("reconcile_nightly", instance)

    observed = {
        event.asset_key: event.asset_observation_data.asset_observation.metadata
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_OBSERVATION
    }
    assert result.success
    assert observed[asset_key("salesforce.cases")]["different"].value == 2
    lists = {d.name for system in ("salesforce", "whmcs") for d in datasets_of(system) if d.details is None}
    verified = execute(hub, "SELECT dataset FROM sync.freshness WHERE verified_through IS NOT NULL")
    assert {name for (name,) in verified} == lists


def test_a_data_set_that_is_too_old_or_parked_fails_its_check_and_no_other(hub, instance):
    with psycopg.connect(hub.owner) as connection:
        for name, age, parked in (("cases", 5, None), ("orders", 5000, None), ("prices", 5, "40 of 100 rows …")):
            insert(
                connection,
                "sync.freshness",
                dataset=f"salesforce.{name}",
                system="salesforce",
                target_seconds=600,
                as_of=datetime.now(UTC) - timedelta(seconds=age),
                parked_reason=parked,
            )

    result = run_job("check_freshness", instance)

    passed = {evaluation.asset_key: evaluation.passed for evaluation in result.get_asset_check_evaluations()}
    assert passed[asset_key("salesforce.cases")]
    assert not passed[asset_key("salesforce.orders")]
    assert not passed[asset_key("salesforce.prices")]
    assert not passed[asset_key("whmcs.invoices")]


def test_what_the_worker_reports_leaves_the_check_evaluated(database, instance):
    with psycopg.connect(database.owner) as connection:
        insert(
            connection, "sync.freshness", dataset="salesforce.cases", system="salesforce", as_of=datetime.now(UTC),
            parked_reason="40 of 100 rows",
        )  # fmt: skip
        insert(connection, "sync.sources", system="salesforce", quota_used=18, quota_limit=15000)
        insert(
            connection,
            "sync.quarantine",
            dataset="salesforce.cases",
            source_id="1",
            reason="no date",
            mapper_version="1",
        )
    tally = Tally()
    tally("salesforce.cases", Merged(updated=1))

    report(tally, instance, database.sync)

    key = dg.AssetCheckKey(asset_key("salesforce.cases"), "fresh")
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    told = record.event.dagster_event.asset_check_evaluation_data
    materialized = instance.get_latest_materialization_event(asset_key("salesforce.cases"))
    assert record.event.timestamp >= materialized.timestamp
    assert not told.passed
    assert told.metadata["parked"].value == "40 of 100 rows"
    assert told.metadata["quota"].value == "18 of 15,000 calls used"
    assert told.metadata["quarantine_reasons"].value == {"no date": 1}


def test_housekeeping_keeps_what_is_young_and_makes_the_coming_months(hub, instance, monkeypatch):
    monkeypatch.setenv("HUB_HISTORY_MONTHS", "1")
    with psycopg.connect(hub.owner) as connection:
        for days in (1, 30):
            then = datetime.now(UTC) - timedelta(days=days)
            insert(connection, "sync.runs", dataset="x", system="whmcs", status="succeeded", started_at=then)
            insert(connection, "sync.inbox", source="whmcs", state="done", applied_at=then)

    result = run_job("housekeeping", instance)

    assert result.success
    assert execute(hub, "SELECT count(*) FROM sync.runs") == [(1,)]
    assert execute(hub, "SELECT count(*) FROM sync.inbox") == [(1,)]
    months = execute(hub, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sync.changes'::regclass")
    assert months[0][0] >= 13
