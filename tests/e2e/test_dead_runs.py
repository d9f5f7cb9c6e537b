"""A run whose process was killed, or its machine, is failed: a pool that waits for it would wait for ever."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from pipelines.dagster import living
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment
from tests.waiting import until

DAGSTER_YAML = """
run_launcher: {module: pipelines.dagster.living, class: MonitoredRunLauncher}
run_monitoring: {enabled: true}
telemetry: {enabled: false}
"""
IN_A_COMMAND = ["-m", "cli", "sync", "whmcs"]
LAUNCHED = ["-m", "dagster", "job", "execute", "-m", "pipelines.dagster.definitions", "-j", "sync_whmcs"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """A WHMCS that never answers a list."""
    with start(
        Config(customers=20, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        fault = {"match": "limitstart", "mode": "timeout", "times": 10_000}
        httpx.post(f"{running.whmcs_url}/__sandbox__/faults", json=fault).raise_for_status()
        yield running


@pytest.fixture
def instance(
    sandbox: RunningSandbox, database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """A Dagster whose runs count as started at once."""
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    for name, value in (hub_environment(sandbox, database) | {"DAGSTER_HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(living, "STARTING_SECONDS", 0.0)
    monkeypatch.setattr(living, "ENDING_SECONDS", 0.0)
    with dg.DagsterInstance.get() as instance:
        yield instance


def run_at_work(instance: dg.DagsterInstance, process: "subprocess.Popen[bytes]") -> str:
    """The id of the run, once its process is at work on it."""

    def held() -> str | None:
        assert process.poll() is None, f"no run was started: {process.poll()}"
        runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        return next((run.run_id for run in runs if living.is_held(run.run_id)), None)

    found: str = until(held)
    return found


def monitor_runs(instance: dg.DagsterInstance) -> None:
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
        assert [error for error in execute_run_monitoring_iteration(context, logging.getLogger()) if error] == []


@pytest.mark.parametrize("arguments", [IN_A_COMMAND, LAUNCHED], ids=["in a command", "launched"])
def test_a_run_is_left_alone_while_its_process_lives_and_failed_once_it_is_dead(instance, arguments):
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        run = run_at_work(instance, process)

        monitor_runs(instance)
        while_alive = instance.get_run_by_id(run).status
    finally:
        process.kill()
        process.wait()
    until(lambda: not living.is_held(run))  # PostgreSQL notices a dead client in its own time
    monitor_runs(instance)

    assert while_alive is dg.DagsterRunStatus.STARTED
    assert instance.get_run_by_id(run).status is dg.DagsterRunStatus.FAILURE


def test_a_run_that_has_just_started_has_time_to_take_its_lock(instance, monkeypatch):
    monkeypatch.setattr(living, "STARTING_SECONDS", 3600.0)
    run = instance.create_run_for_job(dg.GraphDefinition("empty").to_job())
    instance.handle_run_event(run.run_id, dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "empty"))

    monitor_runs(instance)

    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED
