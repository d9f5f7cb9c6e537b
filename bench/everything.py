"""`bench sync --everything`: the first load of all lists, data set after data set, against the bare limit."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import psycopg
from psycopg.sql import SQL
from rich.console import Console
from rich.progress import Progress

from bench.database import TEMPLATE, fresh, rows_of, server
from bench.errors import BenchError
from bench.lists import A_CALL_A_RECORD, LISTS
from bench.processes import Sandbox, finished, whole_sandbox
from bench.report import Line, tell
from bench.sync import HUB, LIMIT, PEAK_MB, hub_environment, limit_environment, peer_environment
from cli.output import Column, number
from pipelines.sync.dataset import Dataset
from pipelines.sync.tables import qualified

CONTESTANTS = ("hub", "limit")
IN_ALL = "in all"
COLUMNS = (
    Column("dataset", "data set"),
    Column("rows", "rows", number, right=True),
    Column("seconds", "seconds", right=True),
    Column("pace", "rows/s", number, right=True),
    Column("peak_mb", "peak MB", number, right=True),
    Column("limit_pace", "limit: rows/s", number, right=True),
    Column("limit_peak_mb", "limit: peak MB", number, right=True),
    Column("ratio", "hub / limit", right=True),
)

Sample = dict[str, Any]
"""What a contestant prints (`bench/contestants/laps.py`), and `stored`: rows by data set, counted in the tables."""


def bench_everything(customers: int, repeats: int) -> None:
    """Measure and print.

    Raises:
        BenchError: a contestant failed, or they did not store the same number of rows.
    """
    samples: dict[str, list[Sample]] = defaultdict(list)
    with (
        server() as url,
        whole_sandbox(customers) as sources,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task(f"all lists of {customers:,} customers", total=repeats * len(CONTESTANTS))
        for repeat in range(repeats):
            turn = repeat % len(CONTESTANTS)
            for name in CONTESTANTS[turn:] + CONTESTANTS[:turn]:
                samples[name].append(_measured(name, url, sources))
                progress.update(task, advance=1, description=f"{name} done")
    rows = require_all_stored(samples)
    _told(rows, samples, {"customers": customers, "repeats": repeats})


def _measured(name: str, url: str, sources: Sandbox) -> Sample:
    """One first load of every list into a fresh database, in one process."""
    salesforce = {"SALESFORCE_BASE_URL": sources.salesforce}
    with fresh(url, f"bench_{name}", template=TEMPLATE if name == "hub" else "template1") as own:
        if name == "hub":
            named = {"BENCH_DATASETS": ",".join(dataset.name for dataset in LISTS)}
            facts = finished(HUB, hub_environment(sources.whmcs, own) | salesforce | named)
            return facts | {"stored": {dataset.name: _handled(own, dataset) for dataset in LISTS}}
        facts = finished(LIMIT, peer_environment(sources.whmcs, own) | salesforce | limit_environment(LISTS))
        return facts | {"stored": {dataset.name: rows_of(own, "public", dataset.name) for dataset in LISTS}}


def _handled(url: str, dataset: Dataset) -> int:
    """Source records that are in the data set's first table, or put aside because they mean nothing."""
    target = dataset.targets[0]
    query = SQL(
        "SELECT count(*) FROM (SELECT source_id FROM {table} WHERE {scope}"
        " UNION SELECT source_id FROM sync.quarantine WHERE dataset = {name}) handled"
    ).format(table=qualified(target.table), scope=SQL(target.scope), name=dataset.name)
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def require_all_stored(samples: Mapping[str, list[Sample]]) -> dict[str, int]:
    """How many rows each list has, by data set.

    Raises:
        BenchError: not every sample of every contestant stored the same.
    """
    counts = [each["stored"] for some in samples.values() for each in some]
    if any(each != counts[0] for each in counts):
        said = {name: [each["stored"] for each in some] for name, some in samples.items()}
        raise BenchError(f"the contestants did not store the same: {said}")
    stored: dict[str, int] = counts[0]
    return stored


def _told(rows: Mapping[str, int], samples: Mapping[str, list[Sample]], size: dict[str, Any]) -> None:
    counts = {**rows, IN_ALL: sum(rows.values())}
    paces = {name: {part: _pace(name, part, rows, samples[name]) for part, rows in counts.items()} for name in samples}
    peaks = {name: {part: _peak(name, part, samples[name]) for part in counts} for name in samples}
    ratios = {part: paces["hub"][part].median / paces["limit"][part].median for part in counts}
    table = [
        {
            "dataset": part,
            "rows": rows,
            "seconds": f"{median(_part(each, part)['seconds'] for each in samples['hub']):.2f}",
            "pace": round(paces["hub"][part].median),
            "peak_mb": round(peaks["hub"][part].median),
            "limit_pace": round(paces["limit"][part].median),
            "limit_peak_mb": round(peaks["limit"][part].median),
            "ratio": f"{ratios[part]:.2f}",
        }
        for part, rows in counts.items()
    ]
    lines = [
        *(line for name in samples for line in paces[name].values()),
        *(line for name in samples for line in peaks[name].values()),
        *(Line(f"hub / limit: {part}", "x", [ratio]) for part, ratio in ratios.items()),
    ]
    most = replace(PEAK_MB, measured=max(peaks["hub"][IN_ALL].samples))
    apart = ", ".join(dataset.name for dataset in A_CALL_A_RECORD)
    tell("sync-everything", {**size, "rows": counts[IN_ALL]}, lines, [most], table=(table, COLUMNS))
    print(f"left apart, for each of their records takes a call of its own: {apart}")


def _part(sample: Sample, part: str) -> Mapping[str, float]:
    found: Mapping[str, float] = sample if part == IN_ALL else sample["datasets"][part]
    return found


def _pace(name: str, part: str, rows: int, some: list[Sample]) -> Line:
    return Line(f"{name}: {part}", "rows/s", [rows / _part(each, part)["seconds"] for each in some])


def _peak(name: str, part: str, some: list[Sample]) -> Line:
    return Line(f"{name}: {part}, peak memory", "MB", [_part(each, part)["peak_mb"] for each in some])
