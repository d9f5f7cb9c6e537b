"""A first load that is killed at a random moment and started again loses nothing, and leaves nothing twice.

Of a small business, which is read in as many pages as a larger one's.
"""

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import psycopg
import pytest

from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.loading import customers_match_accounts, drifts, load_everything, load_everything_anew

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.e2e.loading"])


@pytest.fixture(scope="module")
def untouched_sandbox() -> Iterator[RunningSandbox]:
    """A smaller one."""
    ports = {"salesforce_port": 0, "salesforce_grpc_port": 0, "whmcs_port": 0, "freebit_port": 0}
    with start(Config(customers=12, **ports)) as running:
        yield running


@pytest.fixture(autouse=True)
def _small_pages(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHMCS_PAGE_ROWS", "5")
    monkeypatch.setenv("SALESFORCE_BULK_THRESHOLD_ROWS", "20")


@pytest.mark.parametrize("seed", range(10))
def test_a_first_load_killed_at_a_random_moment_and_started_again_ends_the_same(seed, hub, sources):
    moments = random.Random(seed)
    kill_after = moments.randint(1, 40)
    process = FORKING.Process(target=load_everything_anew, args=(dict(os.environ),))
    process.start()

    _wait_for_pages(hub.owner, kill_after, process)
    process.kill()
    process.join()
    load_everything(hub, sources)

    assert [d for d in drifts(hub, sources) if not d.agrees] == []
    assert customers_match_accounts(hub.owner)


def _wait_for_pages(url: str, pages: int, process: BaseProcess) -> None:
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while process.is_alive() and time.monotonic() < deadline:
            row = connection.execute("SELECT coalesce(sum(pages), 0) FROM sync.runs").fetchone()
            if row is not None and row[0] >= pages:
                return
            process.join(0.01)
