"""The sync as ops meet it: Dagster runs, with what each asset read and wrote, and failures that say what is wrong."""

from typing import Any
from uuid import uuid4

import dagster as dg
import psycopg
import pytest

from cli.dagster_run import run_job
from pipelines.dagster.definitions import defs
from pipelines.datasets import datasets_of


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def materializations(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    return {
        "/".join(event.asset_key.path): {
            key: value.value for key, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }


def test_a_run_shows_for_each_asset_what_it_read_and_wrote(hub, instance):
    result = defs.resolve_job_def("sync_salesforce").execute_in_process(instance=instance)

    shown = materializations(instance, result)
    accounts = shown["salesforce/accounts"]
    assert set(accounts) == {
        "rows_read",
        "inserted",
        "updated",
        "unchanged",
        "deleted",
        "quarantined",
        "unknown_labels",
        "seconds",
        "rows_per_second",
        "cursor",
    }
    assert accounts["rows_read"] == accounts["inserted"] + accounts["quarantined"] > 0
    assert "watermark" in accounts["cursor"]
    assert set(shown) == {f"salesforce/{dataset.key}" for dataset in datasets_of("salesforce")}


def test_a_second_run_says_that_it_wrote_nothing(hub, instance):
    job = defs.resolve_job_def("sync_salesforce")
    job.execute_in_process(instance=instance)

    again = materializations(instance, job.execute_in_process(instance=instance))

    assert {
        name: (counts["inserted"], counts["updated"], counts["deleted"]) for name, counts in again.items()
    } == dict.fromkeys(again, (0, 0, 0))


def test_a_source_that_does_not_know_us_fails_at_once_and_says_so(hub, instance, monkeypatch):
    monkeypatch.setenv("WHMCS_SECRET", "wrong")

    result = defs.resolve_job_def("sync_whmcs").execute_in_process(instance=instance, raise_on_error=False)

    failures = result.filter_events(lambda event: event.is_step_failure)
    assert not result.success
    assert result.filter_events(lambda event: event.is_step_up_for_retry) == []
    assert any("whmcs" in failure.event_specific_data.user_failure_data.description for failure in failures)


def test_a_launch_alone_does_not_lift_the_brake_on_deletions(hub, instance):
    job = defs.resolve_job_def("sync_freebit")
    dataset = datasets_of("freebit")[0].name.replace(".", "__")
    config = {"ops": {dataset: {"config": {"allow_deletions": True}}}}

    launched = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(hub.sync) as run:
        run.execute("INSERT INTO sync.deletion_permits (dagster_run_id) VALUES ('mine')")
    run_id = str(uuid4())
    with psycopg.connect(hub.owner) as connection:
        connection.execute("INSERT INTO sync.deletion_permits (dagster_run_id) VALUES (%s)", [run_id])
    permitted = job.execute_in_process(instance=instance, run_config=config, run_id=run_id, raise_on_error=False)

    failure = launched.filter_events(lambda event: event.is_step_failure)[0]
    assert failure.step_key == dataset
    assert "only `hub sync SYSTEM --allow-deletions`" in failure.event_specific_data.user_failure_data.description
    assert permitted.success


def test_hub_sync_gives_its_own_run_the_permit_and_takes_it_back(hub, monkeypatch, tmp_path):
    (tmp_path / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    rows = run_job("freebit", allow_deletions=True)

    with psycopg.connect(hub.owner) as connection:
        left = connection.execute("SELECT count(*) FROM sync.deletion_permits").fetchone()
    assert {row["dataset"] for row in rows} == {dataset.name for dataset in datasets_of("freebit")}
    assert left == (0,)


def test_a_missing_variable_is_named_in_the_failure(hub, instance, monkeypatch):
    monkeypatch.delenv("WHMCS_URL")

    result = defs.resolve_job_def("sync_whmcs").execute_in_process(instance=instance, raise_on_error=False)

    failure = result.filter_events(lambda event: event.is_step_failure)[0]
    assert "WHMCS_URL: Field required (for example https://billing.example.com)" in (
        failure.event_specific_data.user_failure_data.description
    )
