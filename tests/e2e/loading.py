"""Bringing everything in, as every first load does, and what is wrong afterwards."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from domain.common.identifiers import System
from pipelines.datasets import DATASETS, dataset_named
from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Source
from pipelines.sync.reconcile import Drift, reconcile
from pipelines.sync.run import Outcome, run
from sandbox.server import RunningSandbox
from tests.conftest import Database, copied_database
from tests.e2e.conftest import hub_environment


def load_everything(hub: Any, sources: dict[str, Source]) -> list[Outcome]:
    return [run(dataset, sources[dataset.system], hub.sync) for dataset in DATASETS]


def load_everything_anew(environment: dict[str, str]) -> None:
    """The same in a process of its own, with this environment and clients of its own."""
    os.environ.update(environment)
    sources = {system: source_of(system) for system in System}
    for dataset in DATASETS:
        run(dataset, sources[dataset.system], os.environ["SYNC_DATABASE_URL"])


def drifts(hub: Any, sources: dict[str, Source]) -> Iterator[Drift]:
    for dataset in DATASETS:
        yield from reconcile(dataset, sources[dataset.system], hub.sync)


def customers_match_accounts(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM hub.customers WHERE deleted_at IS NULL),"
            " (SELECT count(DISTINCT customer_id) FROM hub.customer_accounts WHERE deleted_at IS NULL)"
        ).fetchone()
    return row is not None and row[0] == row[1] > 0


@contextmanager
def furnished_from(sandbox: RunningSandbox, names: Sequence[str]) -> Iterator[Database]:
    """A database that has read these data sets, to be copied for each test, of a sandbox in which nothing happened."""
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/reset").raise_for_status()
    with copied_database() as database:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in hub_environment(sandbox, database).items():
                environment.setenv(name, value)
            for name in names:
                source = source_of(dataset_named(name).system)
                run(dataset_named(name), source, database.sync)
                source.client.close()
        yield database


@contextmanager
def copy_of(furnished: Database, sandbox: RunningSandbox, environment: pytest.MonkeyPatch) -> Iterator[Database]:
    """A copy of it for one test, with this process's environment pointing at it; the sandbox forgets what happened."""
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/reset").raise_for_status()
    with copied_database(furnished) as database:
        for name, value in hub_environment(sandbox, database).items():
            environment.setenv(name, value)
        yield database
