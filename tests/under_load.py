"""`python -m tests.under_load --runs 20`: the tests that race, over and over, while something else uses every core.

A test that fails once in twenty such runs is a fault, of the code or of the test; this says which.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
RACES = re.compile(
    r"ThreadPoolExecutor|threading\.(?!Timer|Event\(\)\.wait)|asyncio\.gather|TaskGroup|Barrier|RuleBasedStateMachine"
)
PROCESSES = [
    "tests/pipelines/commands/test_forwarder.py::test_copies_share_the_work_and_do_none_of_it_twice",
    "tests/pipelines/events/test_listener.py::test_killed_under_load_and_started_again_it_has_every_event_once",
]
"""Several processes at once, which no word tells from one that is only started."""
WORD = re.compile(r"\w+")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
CLOSING = re.compile(r"^=* ?(\d.* in [\d.]+s.*?) ?=*$", re.MULTILINE)


def racing() -> list[str]:
    """Tests in which several things happen at once, as their texts tell, or those of what they use of their file."""
    found = [test for file in sorted((ROOT / "tests").rglob("test_*.py")) for test in _racing_in(file)]
    return list(dict.fromkeys([*found, *PROCESSES]))


def _racing_in(file: Path) -> Iterator[str]:
    text = file.read_text()
    parts: dict[str, str] = {}
    for node in ast.parse(text).body:
        named = node.targets[0] if isinstance(node, ast.Assign) else node
        if name := getattr(named, "name", getattr(named, "id", None)):
            parts[name] = ast.get_source_segment(text, node) or ""
    known = {name for name, part in parts.items() if RACES.search(part)}
    while more := {name for name, part in parts.items() if name not in known and known & set(WORD.findall(part))}:
        known |= more
    for name in parts:
        if name in known and name.lower().startswith("test"):
            yield f"{file.relative_to(ROOT)}::{name}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.under_load", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--jobs", type=int, default=2, help="tests side by side (default 2)")
    parser.add_argument("--no-stress", action="store_true", help="something else keeps the cores busy already")
    parser.add_argument("tests", nargs="*", help="these, instead of all that race")
    options = parser.parse_args()
    console, failed = Console(soft_wrap=True, highlight=False), Counter[str]()
    tests = options.tests or racing()
    console.print(f"{options.runs} runs of {len(tests)} tests, {os.cpu_count()} cores busy with something else")
    with nullcontext() if options.no_stress else _busy():
        for number in range(1, options.runs + 1):
            began = time.monotonic()
            said = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-n", str(options.jobs), "--tb=short", *tests],
                cwd=ROOT, capture_output=True, text=True, check=False,
            ).stdout  # fmt: skip
            names, closing = FAILED.findall(said), CLOSING.findall(said)
            failed.update(names or ([] if closing else ["no run"]))
            console.print(
                f"run {number:>3}  {time.monotonic() - began:4.0f} s  {closing[-1] if closing else said[-200:]}"
            )
            for name in names:
                console.print(f"         [red]{name}[/]")
    for name, times in failed.most_common():
        console.print(f"failed {times} of {options.runs}  {name}")
    console.print(f"{options.runs} runs, {sum(failed.values())} failures")
    return 1 if failed else 0


@contextmanager
def _busy() -> Iterator[None]:
    """Every core has something else to do, as in a run of everything at once."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


if __name__ == "__main__":
    sys.exit(main())
