"""Dagster jobs run in this process against the shared instance, so that its UI shows them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.instance import InstanceRef  # the only way to an instance that differs from its file

from cli.database import opened
from core.errors import HubError, SettingsError
from core.settings import HubSettings, load
from pipelines.dagster.definitions import defs, job_name
from pipelines.dagster.living import held
from pipelines.datasets import datasets_of

COUNTED = {"rows_read": "read"} | {
    key: key for key in ("inserted", "updated", "unchanged", "deleted", "quarantined", "seconds")
}


NOT_CAPTURED = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}


class RunFailedError(HubError):
    """A run failed; `rows` say what its data sets did nevertheless."""

    def __init__(self, message: str, rows: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.rows = rows


def run_job(system: Any, *, full: bool = False, allow_deletions: bool = False) -> list[dict[str, Any]]:
    """Run a system's sync and return what each data set that finished did, in rows, by data set.

    Raises:
        RunFailedError: some data set failed; the others were brought up to date all the same.
        SettingsError: no Dagster instance here, or no DATABASE_URL, as whose owner deletions are allowed.
    """
    job = defs.resolve_job_def(job_name(system))
    run_id = str(uuid4())
    with shared_instance() as instance, held(run_id), _permit(run_id) if allow_deletions else nullcontext():
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            raise_on_error=False,
            run_config=_config(system, full=full, allow_deletions=allow_deletions),
            tags={"started_by": "hub sync"},
        )
    rows = [_counts(event) for event in result.get_asset_materialization_events()]
    if not result.success:
        raise RunFailedError("\n".join(_complaints(result)) or f"{job.name} failed; the Dagster UI says why", rows)
    return rows


@contextmanager
def _permit(run_id: str) -> Iterator[None]:
    """Let the run delete what the brake would stop, while it runs. As the owner: no process that serves could do it."""
    with opened("owner") as connection:
        connection.execute("INSERT INTO sync.deletion_permits (dagster_run_id) VALUES (%s)", [run_id])
    try:
        yield
    finally:
        with opened("owner") as connection:
            connection.execute("DELETE FROM sync.deletion_permits WHERE dagster_run_id = %s", [run_id])


def shared_instance() -> dg.DagsterInstance:
    """The Dagster instance that the UI shows.

    Raises:
        SettingsError: there is none here.
    """
    _home()
    return dg.DagsterInstance.get()


def lasting_instance() -> dg.DagsterInstance:
    """The same, for a process that stays and does many short runs.

    It keeps its connections, of which Dagster otherwise opens one for every question, and what it prints is not
    captured, for which Dagster would start four processes a run.

    Raises:
        SettingsError: there is none here.
    """
    instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(_home(), overrides={"compute_logs": NOT_CAPTURED}))
    instance.optimize_for_webserver(statement_timeout=30_000, pool_recycle=600, max_overflow=10)
    return instance


def _home() -> str:
    if not os.environ.get("DAGSTER_HOME"):
        folder = load(HubSettings).home / "dagster"
        if not (folder / "dagster.yaml").exists():
            raise SettingsError(f"DAGSTER_HOME: not set, and `hub up` never ran here (for example {folder})")
        os.environ["DAGSTER_HOME"] = str(folder)
    return os.environ["DAGSTER_HOME"]


def _config(system: Any, **config: bool) -> dict[str, Any]:
    ops = {"__".join(dataset.name.split(".")): {"config": config} for dataset in datasets_of(system)}
    # The terminal shows progress; Dagster's own story is in its UI.
    return {"ops": ops, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _counts(event: dg.DagsterEvent) -> dict[str, Any]:
    materialization = event.step_materialization_data.materialization
    values = {key: value.value for key, value in materialization.metadata.items()}
    return {"dataset": ".".join(materialization.asset_key.path)} | {
        ours: values.get(theirs) for theirs, ours in COUNTED.items()
    }


def _complaints(result: dg.ExecuteInProcessResult) -> list[str]:
    """One line per data set that failed by itself; those that only waited for it go without saying."""
    failures = [event for event in result.all_node_events if event.is_step_failure]
    return [
        f"{(event.step_key or '').replace('__', '.')}: {_cause(event)}"
        for event in failures
        if event.step_failure_data.error is not None
    ]


def _cause(event: dg.DagsterEvent) -> str:
    """What went wrong at the bottom of it; Dagster wraps errors in its own."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None else "failed"
