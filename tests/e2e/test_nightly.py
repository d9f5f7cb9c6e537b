"""What Dagster runs besides the polls: the sweep of the inbox, the night's reconcile, the freshness checks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psycopg
import pytest

from pipelines.dagster.assets import asset_key
from pipelines.dagster.definitions import defs
from pipelines.dagster.sweeps import inbox_left_over
from pipelines.datasets import datasets_of
from pipelines.events.service import report
from pipelines.events.worker import Tally
from pipelines.sync.merged import Merged
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
    execute(hub, f"SELECT sync.receive_notification('salesforce', 'e', 'Account', '{account}', NULL, now(), '{{}}')")
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


def test_at_night_one_list_that_cannot_be_healed_holds_up_no_other_and_fails_the_job(hub, instance):
    """So many cases that the source does not have: somebody must say that this is right."""
    with psycopg.connect(hub.owner) as connection:
        for _ in range(300):
            insert(connection, "support_cases", first_seen_at=datetime(2026, 1, 1, tzinfo=UTC))

    result = run_job("reconcile_nightly", instance)

    failures = result.filter_events(lambda event: event.is_step_failure)
    assert [failure.step_key for failure in failures] == ["reconcile_salesforce"]
    assert "salesforce.cases" in failures[0].event_specific_data.user_failure_data.description
    lists = {d.name for system in ("salesforce", "whmcs") for d in datasets_of(system) if d.details is None}
    verified = execute(hub, "SELECT dataset FROM sync.freshness WHERE verified_through IS NOT NULL")
    assert {name for (name,) in verified} == lists - {"salesforce.cases"}


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
    verdict = record.event.dagster_event.asset_check_evaluation_data
    materialized = instance.get_latest_materialization_event(asset_key("salesforce.cases"))
    assert record.event.timestamp >= materialized.timestamp
    assert not verdict.passed
    assert verdict.metadata["parked"].value == "40 of 100 rows"
    assert verdict.metadata["quota"].value == "18 of 15,000 calls used"
    assert verdict.metadata["quarantine_reasons"].value == {"no date": 1}


def test_housekeeping_keeps_what_is_young_and_makes_the_coming_months(hub, instance, monkeypatch):
    monkeypatch.setenv("HUB_HISTORY_MONTHS", "1")
    with psycopg.connect(hub.owner) as connection:
        for days in (1, 30):
            then = datetime.now(UTC) - timedelta(days=days)
            insert(connection, "sync.runs", dataset="x", system="whmcs", status="succeeded", started_at=then)
            insert(connection, "sync.inbox", source="whmcs", state="done", applied_at=then)
            insert(connection, "sync.inbox", source="whmcs", state="waiting", received_at=then, entity="invoice")
            insert(connection, "sync.runs", dataset="y", system="whmcs", status="running", started_at=then)

    result = run_job("housekeeping", instance)

    assert result.success
    kept = execute(hub, "SELECT status, count(*) FROM sync.runs GROUP BY 1 ORDER BY 1")
    assert kept == [("running", 2), ("succeeded", 1)]
    assert execute(hub, "SELECT state, count(*) FROM sync.inbox GROUP BY 1 ORDER BY 1") == [("done", 1), ("waiting", 2)]
    months = execute(hub, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sync.changes'::regclass")
    assert months[0][0] >= 13


def test_what_customers_asked_is_forgotten_after_the_days_that_an_operator_chose(hub, instance, monkeypatch):
    monkeypatch.setenv("HUB_COMMANDS_DAYS", "30")
    order = {"type": "sim", "items": [{"sku": "SIM"}], "sim": {"simType": "esim", "porting": {"lastName": "Yamada"}}}
    with psycopg.connect(hub.owner) as connection:

        def ended(days, **values):
            then = datetime.now(UTC) - timedelta(days=days)
            command = insert(connection, "command.commands", **{
                "kind": "open_case", "status": "succeeded", "finished_at": then, "input": {"subject": "Yamada"},
                "result": {"case": "500"}, "request_hash": "h" * 64, **values,
            })  # fmt: skip
            insert(connection, "command.steps", command_id=command["id"], name="step", result={"order": "Yamada"})
            return command["id"]

        young, old = ended(29), ended(31)
        placed = ended(31, kind="place_order", status="failed", input=order)
        dead = ended(31, status="dead", finished_at=None)
    before = execute(hub, "SELECT id, status, request_hash, finished_at, idempotency_key FROM command.commands")

    assert run_job("housekeeping", instance).success
    assert run_job("housekeeping", instance).success

    left = {
        id_: (asked, result) for id_, asked, result in execute(hub, "SELECT id, input, result FROM command.commands")
    }
    assert left[young] == left[dead] == ({"subject": "Yamada"}, {"case": "500"})
    assert left[old] == ({}, None)
    assert left[placed] == ({"type": "sim", "sim": {"simType": "esim"}}, None)
    kept = {command for (command,) in execute(hub, "SELECT command_id FROM command.steps WHERE result IS NOT NULL")}
    assert kept == {young, dead}
    after = execute(hub, "SELECT id, status, request_hash, finished_at, idempotency_key FROM command.commands")
    assert sorted(after) == sorted(before)


def test_raw_records_are_forgotten_once_nobody_needs_them(hub, instance):
    with psycopg.connect(hub.owner) as connection:
        for days in (13, 15, 91):
            then, record = datetime.now(UTC) - timedelta(days=days), {"name": "Yamada"}
            insert(connection, "sync.quarantine", dataset="x", source_id=f"r{days}", payload=record, resolved_at=then)
            insert(connection, "sync.quarantine", dataset="x", source_id=f"o{days}", payload=record, last_seen_at=then)
            insert(connection, "sync.inbox", event_id=f"p{days}", state="parked", received_at=then, payload=record)

    assert run_job("housekeeping", instance).success

    holding = execute(hub, "SELECT source_id FROM sync.quarantine WHERE payload <> '{}' ORDER BY 1")
    assert [name for (name,) in holding] == ["o13", "o15", "o91", "r13"]
    assert execute(hub, "SELECT count(*) FROM sync.quarantine") == [(6,)]
    parked = execute(hub, "SELECT event_id FROM sync.inbox WHERE payload <> '{}' ORDER BY 1")
    assert [name for (name,) in parked] == ["p13", "p15"]
