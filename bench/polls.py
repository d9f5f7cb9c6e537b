"""`bench polls`: what a poll costs at two sizes of the same business, and what a kill makes a backfill fetch again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import psycopg
from rich.console import Console

from bench.database import TEMPLATE, fresh, server
from bench.errors import BenchError
from bench.peers import ROOT
from bench.processes import finished, sandbox
from bench.report import Line, Target, tell
from bench.sync import PAGE_ROWS, customers_for, hub_environment
from sandbox.world import World

CHANGED = 1000
SCAN_ROWS = 2000
"""The poll's budget of rows that are read again whether or not they changed: the same at both sizes."""
KILLED_AT = (0.1, 0.3, 0.5, 0.7, 0.9)
LOAD = [sys.executable, "-m", "bench.contestants.hub_sync"]
PATIENCE_SECONDS = 600.0


def bench_polls(sizes: list[int], backfill: int, repeats: int) -> None:
    """Measure and print.

    Raises:
        BenchError: a load failed, or did not come as far as it should be killed.
    """
    console = Console(stderr=True)
    with server() as url:
        polls = {size: _polls(url, size, repeats, console) for size in sorted(sizes)}
        again = _killed(url, backfill, console)
    small, large = (Line(f"poll in {size:,} invoices", "s", some) for size, some in polls.items())
    tell(
        "polls",
        {"changed": CHANGED, "scan rows": SCAN_ROWS, "repeats": repeats},
        [small, large],
        [Target("large / small", large.median / small.median, 1.5, at_least=False)],
    )
    lines = [Line(f"pages fetched again, killed at {part:.0%}", "pages", [count]) for part, count in again.items()]
    worst = Target("most pages fetched again", max(again.values()), 1, at_least=False)
    tell("backfill-killed", {"invoices": backfill, "page rows": PAGE_ROWS}, lines, [worst])


def _polls(url: str, size: int, repeats: int, console: Console) -> list[float]:
    """Seconds to apply a thousand changes that WHMCS notified of, and one poll for what it did not."""
    console.print(f"loading {size:,} invoices ...")
    with sandbox(customers_for(size)) as whmcs, fresh(url, f"bench_poll_{size}", template=TEMPLATE) as own:
        environment = hub_environment(whmcs, own) | {"WHMCS_SCAN_ROWS": str(SCAN_ROWS)}
        finished(LOAD, environment)
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) hub.invoices")
        return [_poll(own, whmcs, environment, repeat) for repeat in range(repeats)]


def _poll(own: str, whmcs: str, environment: dict[str, str], repeat: int) -> float:
    with psycopg.connect(own) as connection:
        query = "SELECT source_id FROM hub.invoices ORDER BY md5(source_id || %s) LIMIT %s"
        invoices = [row[0] for row in connection.execute(query, [str(repeat), CHANGED]).fetchall()]
    with httpx.Client(trust_env=False) as client:
        for invoice in invoices:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 9 * 3600))
            fields = {"total": f"{repeat + 1}.00", "updated_at": stamp}
            content = {"system": "whmcs", "object": "invoice", "id": invoice, "fields": fields}
            client.post(f"{whmcs}/__sandbox__/mutate", json=content).raise_for_status()
    with psycopg.connect(own) as connection:
        for invoice in invoices:
            notify = "SELECT sync.receive_notification('whmcs', %s, 'invoice', %s, NULL, now(), '{}')"
            connection.execute(notify, [uuid4().hex, invoice])
        connection.execute("UPDATE sync.inbox SET due_at = received_at")
    facts = finished([sys.executable, "-m", "bench.contestants.hub_poll"], environment)
    with psycopg.connect(own) as connection:
        query = "SELECT count(*) FROM hub.invoices WHERE total = %s AND source_id = ANY(%s)"
        row = connection.execute(query, [repeat + 1, invoices]).fetchone()
    if row is None or row[0] != CHANGED:
        raise BenchError(f"only {row and row[0]} of {CHANGED} changes arrived")
    return float(facts["seconds"])


def _killed(url: str, size: int, console: Console) -> dict[float, float]:
    """Pages asked for more than once, by how far the load had come when it was killed."""
    customers = customers_for(size)
    rows = World(1, customers).invoice_index.total
    again: dict[float, float] = {}
    with sandbox(customers) as whmcs:
        for part in KILLED_AT:
            console.print(f"killing a backfill of {rows:,} invoices at {part:.0%} ...")
            httpx.post(f"{whmcs}/__sandbox__/reset").raise_for_status()
            with fresh(url, "bench_killed", template=TEMPLATE) as own:
                environment = hub_environment(whmcs, own)
                with _loading(environment) as process:
                    _wait_for(own, int(rows * part), process)
                    process.send_signal(signal.SIGKILL)
                finished(LOAD, environment)
            again[part] = _calls(whmcs) - -(-rows // PAGE_ROWS)
    return again


@contextmanager
def _loading(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(LOAD, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for(own: str, rows: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    query = "SELECT (position ->> 'offset')::int FROM sync.cursors WHERE dataset = 'whmcs.invoices'"
    with psycopg.connect(own, autocommit=True) as connection:
        while (row := connection.execute(query).fetchone()) is None or (row[0] or 0) < rows:
            if process.poll() is not None or time.monotonic() > ends:
                raise BenchError("the backfill ended before it could be killed")
            time.sleep(0.005)


def _calls(whmcs: str) -> int:
    answer = httpx.get(f"{whmcs}/__sandbox__/calls", params={"match": "GetInvoices", "limit": 1}).json()
    return int(answer["matching"])
