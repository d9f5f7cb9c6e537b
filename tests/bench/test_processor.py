"""Processor time by process: what a table says of who was busy is what the kernel counted."""

import subprocess
import sys

from bench.processor import used
from tests.conftest import Database

SPIN = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint('spun', flush=True)\nsys.stdin.read()\n"
OF_A_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPIN!r}])\n"


def spinning(code: str, name: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "spun\n"
    return process


def test_a_process_counts_under_its_name_with_those_it_started(database: Database) -> None:
    with spinning(SPIN, "itself"), spinning(OF_A_CHILD, "through-a-child"):
        seconds = used(database.owner)

    assert seconds["itself"] >= 0.2
    assert seconds["through-a-child"] >= 0.2
    assert seconds["PostgreSQL"] > 0
