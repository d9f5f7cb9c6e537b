"""The first load, end to end: everything arrives, nothing twice, dirt is set aside, and a killed run loses nothing."""

import subprocess
import sys

import httpx
import psycopg

from pipelines.datasets import dataset_named
from pipelines.sync.run import run
from sandbox.server import RunningSandbox
from tests.e2e.loading import drifts, load_everything
from tests.waiting import until

INVOICES = """
from pipelines.datasets import dataset_named
from pipelines.sources.connect import source_of
from pipelines.sync.run import run
import os
run(dataset_named("whmcs.invoices"), source_of("whmcs"), os.environ["SYNC_DATABASE_URL"])
"""


def written_rows(url: str) -> dict[str, int]:
    """Rows inserted, updated or deleted in the hub's business tables, ever, as PostgreSQL counts them."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        rows = connection.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_all_tables WHERE schemaname = 'hub'"
        ).fetchall()
    return dict(rows)


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


def test_a_load_killed_with_a_page_being_written_and_the_next_fetched_asks_for_two_pages_again(
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
    assert invoice_calls(untouched_sandbox) - calls_before == pages_written(hub.owner) - 1 + 2


def invoice_calls(sandbox: RunningSandbox) -> int:
    answer = httpx.get(f"{sandbox.whmcs_url}/__sandbox__/calls", params={"match": "GetInvoices", "limit": 1}).json()
    return int(answer["matching"])


def pages_written(url: str) -> int:
    return number_of(url, "SELECT coalesce(sum(pages), 0) FROM sync.runs")


def number_of(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
