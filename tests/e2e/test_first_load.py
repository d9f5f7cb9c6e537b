"""The first load, end to end: everything arrives, nothing twice, dirt is set aside, and a killed run loses nothing."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from pipelines.datasets import DATASETS, dataset_named
from pipelines.resources import source_of
from pipelines.sync.dataset import Source
from pipelines.sync.reconcile import Drift, reconcile
from pipelines.sync.run import Outcome, run
from sandbox.server import RunningSandbox

EVERYTHING = """
from pipelines.datasets import DATASETS
from pipelines.resources import source_of
from pipelines.sync.run import run
import os
sources = {}
for dataset in DATASETS:
    source = sources.setdefault(dataset.system, None) or source_of(dataset.system)
    sources[dataset.system] = source
    run(dataset, source, os.environ["SYNC_DATABASE_URL"])
"""

INVOICES = """
from pipelines.datasets import dataset_named
from pipelines.resources import source_of
from pipelines.sync.run import run
import os
run(dataset_named("whmcs.invoices"), source_of("whmcs"), os.environ["SYNC_DATABASE_URL"])
"""


@pytest.fixture
def sources(hub: Any) -> Iterator[dict[str, Source]]:
    made = {system: source_of(system) for system in ("salesforce", "whmcs", "freebit")}
    yield made
    for source in made.values():
        source.client.close()


def load_everything(hub: Any, sources: dict[str, Source]) -> list[Outcome]:
    return [run(dataset, sources[dataset.system], hub.sync) for dataset in DATASETS]


def drifts(hub: Any, sources: dict[str, Source]) -> Iterator[Drift]:
    for dataset in DATASETS:
        yield from reconcile(dataset, sources[dataset.system], hub.sync)


def written_rows(url: str) -> dict[str, int]:
    """Rows inserted, updated or deleted in the hub's business tables, ever, as PostgreSQL counts them."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        rows = connection.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_all_tables WHERE schemaname = 'hub'"
        ).fetchall()
    return dict(rows)


def customers_match_accounts(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM hub.customers WHERE deleted_at IS NULL),"
            " (SELECT count(DISTINCT customer_id) FROM hub.customer_accounts WHERE deleted_at IS NULL)"
        ).fetchone()
    return row is not None and row[0] == row[1] > 0


def test_after_the_first_load_nothing_is_missing_extra_or_different_and_the_dirt_is_set_aside(
    hub, sources, untouched_sandbox
):
    load_everything(hub, sources)

    found = list(drifts(hub, sources))

    assert [(d.dataset, d.table, d.missing, d.extra, d.different) for d in found if not d.agrees] == []
    assert all(drift.source_rows > 0 for drift in found)
    known = {
        (row["dataset"], str(row["source_id"]))
        for row in httpx.get(f"{untouched_sandbox.whmcs_url}/__sandbox__/dirt").json()
    }
    with psycopg.connect(hub.owner) as connection:
        kept = connection.execute(
            "SELECT dataset, source_id FROM sync.quarantine WHERE resolved_at IS NULL AND dataset <> 'customer.links'"
        ).fetchall()
    assert set(kept) == known
    assert known


def test_the_second_run_of_every_sync_writes_no_row_and_says_so(hub, sources):
    load_everything(hub, sources)
    before = written_rows(hub.owner)

    again = load_everything(hub, sources)

    assert written_rows(hub.owner) == before
    assert sum(outcome.merged.written for outcome in again) == 0


def test_accounts_end_up_linked_in_pairs_and_contradictions_apart(hub, sources):
    load_everything(hub, sources)

    with psycopg.connect(hub.owner) as connection:
        statuses = dict(
            connection.execute("SELECT link_status, count(*) FROM hub.customer_accounts GROUP BY 1").fetchall()
        )
        torn = connection.execute(
            "SELECT count(*) FROM hub.customer_accounts WHERE link_status <> 'linked' AND customer_id <> id"
        ).fetchone()
    assert statuses["linked"] > statuses["unlinked"] > 0
    assert torn == (0,)


@pytest.mark.parametrize("seed", range(10))
def test_a_first_load_killed_at_a_random_moment_and_started_again_ends_the_same(seed, hub, sources):
    moments = random.Random(seed)
    kill_after = moments.randint(1, 40)
    process = subprocess.Popen([sys.executable, "-c", EVERYTHING], stderr=subprocess.DEVNULL)

    _wait_for_pages(hub.owner, kill_after, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    load_everything(hub, sources)

    assert [d for d in drifts(hub, sources) if not d.agrees] == []
    assert customers_match_accounts(hub.owner)


def test_a_load_killed_with_a_page_being_written_and_the_next_fetched_asks_for_one_page_again(
    hub, sources, untouched_sandbox
):
    calls_before = invoice_calls(untouched_sandbox)
    with psycopg.connect(hub.owner) as blocker:
        process = subprocess.Popen([sys.executable, "-c", INVOICES], stderr=subprocess.DEVNULL)
        until(lambda: pages_written(hub.owner) >= 3)
        blocker.execute("LOCK TABLE hub.invoices IN SHARE ROW EXCLUSIVE MODE")
        until(lambda: invoice_calls(untouched_sandbox) - calls_before == pages_written(hub.owner) + 2)
        process.kill()
        process.wait()

    run(dataset_named("whmcs.invoices"), sources["whmcs"], hub.sync)

    # Its last page is empty: it says that this was all.
    assert invoice_calls(untouched_sandbox) - calls_before == pages_written(hub.owner) - 1 + 1
    assert kept_pages(hub.owner) == 0


def invoice_calls(sandbox: RunningSandbox) -> int:
    answer = httpx.get(f"{sandbox.whmcs_url}/__sandbox__/calls", params={"match": "GetInvoices", "limit": 1}).json()
    return int(answer["matching"])


def pages_written(url: str) -> int:
    return number_of(url, "SELECT coalesce(sum(pages), 0) FROM sync.runs")


def kept_pages(url: str) -> int:
    return number_of(url, "SELECT count(*) FROM sync.unwritten_pages")


def number_of(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        threading.Event().wait(0.02)


def _wait_for_pages(url: str, pages: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while process.poll() is None and time.monotonic() < deadline:
            row = connection.execute("SELECT coalesce(sum(pages), 0) FROM sync.runs").fetchone()
            if row is not None and row[0] >= pages:
                return
