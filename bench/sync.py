"""`bench sync`: the first load of WHMCS invoices, and the same load again; against dlt and against the bare limit."""

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from bench.database import TEMPLATE, Written, as_role, fresh, rows_of, said_by, server, written
from bench.errors import BenchError
from bench.lists import asked_for
from bench.peers import ready
from bench.processes import CREDENTIALS, finished, sandbox
from bench.report import Line, Target, tell
from core.settings import SalesforceSettings, WhmcsSettings
from pipelines.datasets import dataset_named
from pipelines.sync.dataset import Dataset
from sandbox.world import World

PAGE_ROWS: int = WhmcsSettings.model_fields["page_rows"].default
"""The hub's default. Nothing between 1,000 and 10,000 makes a difference to dlt (README)."""
BULK_PAGE_ROWS: int = SalesforceSettings.model_fields["bulk_page_rows"].default
INVOICES = dataset_named("whmcs.invoices")
PEAK_MB = Target("peak memory of the hub's sync, MB", 0, 250, at_least=False)
HUB = [sys.executable, "-m", "bench.contestants.hub_sync"]
LIMIT = [sys.executable, "-m", "bench.contestants.limit_sync"]
CONTESTANTS = ("hub", "dlt", "dlt as sent", "limit")

# dlt at its best: bench/README.md tells what was tried.
DLT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "NORMALIZE__WORKERS": "2",
    "LOAD__WORKERS": "4",
    "DATA_WRITER__FILE_MAX_ITEMS": "5000",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "5000",
}

Sample = dict[str, Any]


def customers_for(invoices: int) -> int:
    """The smallest sandbox that has at least that many invoices."""
    low, high = 1, invoices
    while low < high:
        middle = (low + high) // 2
        if World(1, middle).invoice_index.total < invoices:
            low = middle + 1
        else:
            high = middle
    return low


def bench_sync(sizes: list[int], repeats: int) -> None:
    """Measure each size and print it; then whether the larger keeps the pace of the smaller.

    Raises:
        BenchError: a contestant failed, or they did not all store the same rows.
    """
    python = str(ready())
    with server() as url:
        paces = {size: _one_size(url, python, size, repeats) for size in sorted(sizes)}
    if len(paces) > 1:
        lines = [Line(f"hub: first load of {size:,} invoices", "rows/s", [pace]) for size, pace in paces.items()]
        first, *_, last = paces.values()
        tell("sync-pace", {"repeats": repeats}, lines, [Target("pace kept at size", last / first, 0.8)])


def _one_size(url: str, python: str, invoices: int, repeats: int) -> float:
    customers = customers_for(invoices)
    samples: dict[str, list[Sample]] = defaultdict(list)
    with sandbox(customers) as whmcs, Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"sync of {invoices:,} invoices", total=repeats * len(CONTESTANTS))
        for repeat in range(repeats):
            # Each comes first, second and third in turn, so that a slow minute of the machine hits all alike.
            turn = repeat % len(CONTESTANTS)
            for name in CONTESTANTS[turn:] + CONTESTANTS[:turn]:
                samples[name].append(_measured(name, url, whmcs, python))
                _step(progress, task, name)
    rows = World(1, customers).invoice_index.total
    _require_all_stored(rows, samples)
    _require_same(samples)
    return _report(rows, invoices, repeats, samples)


def _step(progress: Progress, task: TaskID, name: str) -> None:
    progress.update(task, advance=1, description=f"{name} done")


def _measured(name: str, url: str, whmcs: str, python: str) -> Sample:
    """One first load by one contestant into a fresh database; ours also loads the same again."""
    template = TEMPLATE if name == "hub" else "template1"
    with (
        tempfile.TemporaryDirectory(prefix="hub-bench-") as home,
        fresh(url, f"bench_{name.replace(' ', '_')}", template=template) as own,
    ):
        if name == "hub":
            return _hub_sample(own, hub_environment(whmcs, own))
        if name != "limit":
            environment = peer_environment(whmcs, own) | {"BENCH_HOME": home, "DLT_DATA_DIR": home}
            as_sent = {"BENCH_DLT_AS_SENT": "1"} if name == "dlt as sent" else {}
            facts = finished([python, "-m", "bench.contestants.dlt_sync"], environment | DLT | as_sent)
            stored = {"stored": rows_of(own, "bench", "invoices")}
            return facts | stored | ({} if as_sent else {"said": said_by(own, "bench")})
        facts = finished(LIMIT, peer_environment(whmcs, own) | limit_environment([INVOICES]))
        return facts | {"stored": rows_of(own, "public", INVOICES.name)}


def hub_environment(whmcs: str, own: str) -> dict[str, str]:
    return CREDENTIALS | {
        "DATABASE_URL": own,
        "SYNC_DATABASE_URL": as_role(own, "hub_sync"),
        "WHMCS_URL": whmcs,
        "WHMCS_PAGE_ROWS": str(PAGE_ROWS),
        # The budget protects a real installation; here it would be all that is measured.
        "WHMCS_CALLS_PER_SECOND": "100000",
    }


def peer_environment(whmcs: str, own: str) -> dict[str, str]:
    return {"BENCH_DATABASE_URL": own, "BENCH_WHMCS_URL": whmcs, "BENCH_PAGE_ROWS": str(PAGE_ROWS)}


def limit_environment(datasets: Sequence[Dataset]) -> dict[str, str]:
    """What the bare client needs besides to ask for the lists of these data sets."""
    lists = [asked_for(dataset) for dataset in datasets]
    return CREDENTIALS | {"BENCH_LISTS": json.dumps(lists), "BENCH_BULK_PAGE_ROWS": str(BULK_PAGE_ROWS)}


def _hub_sample(own: str, environment: Mapping[str, str]) -> Sample:
    empty = written(own, "hub")
    facts = finished(HUB, environment)
    stored, before = rows_of(own, "hub", "invoices"), written(own, "hub")
    again = finished(HUB, environment | {"BENCH_FULL": "1"})
    rewritten: Written = written(own, "hub") - before
    first_log = (before - empty).wal_bytes
    facts |= {"said": said_by(own, "hub")}
    return facts | {"stored": stored, "again": again["seconds"], "rewritten": rewritten, "first_log": first_log}


def _require_all_stored(rows: int, samples: Mapping[str, list[Sample]]) -> None:
    """Every contestant must have stored every row, save those that ours put aside because they mean nothing.

    Counted in the tables, never by the contestants: with CSV files dlt's own `row_counts` is many times too large.
    """
    stored = {name: {each["stored"] + each.get("quarantined", 0) for each in some} for name, some in samples.items()}
    if any(counts != {rows} for counts in stored.values()):
        raise BenchError(f"the sandbox has {rows} invoices, the contestants stored {stored}")


def _require_same(samples: Mapping[str, list[Sample]]) -> None:
    """Ours and dlt's tables must say the same: what is typed and mapped is typed and mapped alike."""
    said = {name: each["said"] for name, some in samples.items() for each in some if "said" in each}
    if said["hub"] != said["dlt"]:
        raise BenchError(f"ours says {said['hub']}, dlt's {said['dlt']}")


def _report(rows: int, invoices: int, repeats: int, samples: Mapping[str, list[Sample]]) -> float:
    pace = {
        name: Line(f"{name}: first load", "rows/s", [rows / each["seconds"] for each in some])
        for name, some in samples.items()
    }
    memory = [Line(f"{name}: peak memory", "MB", [each["peak_mb"] for each in samples[name]]) for name in CONTESTANTS]
    ours = samples["hub"]
    rewritten = [each["rewritten"] for each in ours]
    rows_written = Line(
        "hub: rows written by the same load again",
        "rows",
        [each.inserted + each.updated + each.deleted for each in rewritten],
    )
    log_again = [each["rewritten"].wal_bytes / each["first_log"] for each in ours]
    lines = [
        *(pace[name] for name in CONTESTANTS),
        *memory,
        Line("hub: the same load again", "rows/s", [rows / each["again"] for each in ours]),
        rows_written,
        Line("hub: log written by the same load again", "bytes/row", [each.wal_bytes / rows for each in rewritten]),
        *(Line(f"hub / {name}", "x", [pace["hub"].median / pace[name].median]) for name in ("dlt as sent", "limit")),
    ]
    targets = [
        Target("hub / dlt", pace["hub"].median / pace["dlt"].median, 4.0),
        replace(PEAK_MB, measured=max(memory[0].samples)),
        Target("rows in schema hub written by the same load again", max(rows_written.samples), 0, at_least=False),
        Target("its log, as a part of the first load's", max(log_again), 0.01, at_least=False),
    ]
    tell(f"sync-{invoices}", {"invoices": rows, "repeats": repeats, "page rows": PAGE_ROWS}, lines, targets)
    return pace["hub"].median
