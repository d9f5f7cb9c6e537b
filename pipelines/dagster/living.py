"""Which Dagster runs are still worked on: a run of a process that died is failed, so that its pool is free again.

Dagster's run monitoring asks the launcher about every run that has started; its own launcher cannot tell. Here each run
holds a lock of the hub's database while its steps are executed, wherever that is: a process that dies lets go of it,
even if it never says so itself. A loss of the connection alone looks the same, and breaks the run's work as well.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg
import psycopg

# Dagster documents how to write a launcher and an executor, and exports neither base.
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

from core.database import connect
from core.settings import HubSettings, load, url_as

STARTING_SECONDS = 60.0
"""What a run may take from saying that it started until it holds its lock."""
ENDING_SECONDS = 3.0
"""What it may take from letting go of it until Dagster knows how it ended."""

_LOCK = "hashtext('dagster run'), hashtext(%s)"


@contextmanager
def held(run_id: str) -> Iterator[None]:
    """Hold the run's lock: as long as that is so, its process lives.

    Raises:
        psycopg.OperationalError: the database does not let us in; nothing of the run could be done either.
    """
    with closing(connect(url_as(load(HubSettings), "hub_sync"), name=f"run {run_id}")) as connection:
        connection.autocommit = True
        connection.execute(f"SELECT pg_advisory_lock_shared({_LOCK})", [run_id])
        yield


def is_held(run_id: str) -> bool:
    """Whether some process holds the run's lock; also where the database does not say."""
    try:
        with closing(connect(url_as(load(HubSettings), "hub_sync"), name="run monitoring")) as connection:
            ((is_free,),) = connection.execute(f"SELECT pg_try_advisory_xact_lock({_LOCK})", [run_id])
    except psycopg.OperationalError:
        return True
    return not is_free


class _Held(InProcessExecutor):
    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        with held(plan_context.run_id):
            yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process")
def in_process(_: dg.InitExecutorContext) -> _Held:
    """All steps in the run's own process, which holds the run's lock meanwhile."""
    return _Held(retries=RetryMode.ENABLED)


class MonitoredRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which also knows whether a run is still worked on (dagster.yaml names it)."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        if is_held(run.run_id) or self._is_young(run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        time.sleep(ENDING_SECONDS)
        now = self._instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished or is_held(run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "The run's process died: it was killed, or its machine was.")

    def _is_young(self, run_id: str) -> bool:
        record = self._instance.get_run_record_by_id(run_id)
        return record is None or record.start_time is None or time.time() - record.start_time < STARTING_SECONDS
