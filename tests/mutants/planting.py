"""A copy of the tree in which one bug at a time is planted, and the tests that are run on it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import RUN, new_run, stop_embedded
from tests.mutants.mutant import ROOT, Mutant, Outcome, Verdict

PATIENCE = {"TESTS_PATIENCE_SECONDS": "60"}
"""Of a test that waits for what a bug keeps from happening; on a machine that does little else."""
LIMIT_SECONDS = 600.0
# What a migrated database is made of: a bug in it needs a database of its own instead of the one that all share.
IN_THE_DATABASE = ("sql/objects/", "sql/migrations/", "sql/tables/", "sql/migrate.py", "sql/personal.py")
VERDICTS: dict[int, Verdict] = {0: "survived", 1: "killed"}
NOT_IMPORTED = re.compile(r"^(?:ERROR (?:collecting )?(\S+)|ImportError while loading conftest)", re.MULTILINE)
"""What pytest says where a bug keeps it from importing what is tested; it then ends with a code of its own."""
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class Tree:
    """`folder`: the copy. A file that is planted is always newer than what Python compiled of it before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now = time.time()
        self._run = new_run()
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        self._warm: Any = subprocess.Popen(
            [sys.executable, "-P", "tests/mutants/warm.py"], cwd=folder, text=True,
            env=os.environ | {"PYTHONPATH": str(folder)} | PATIENCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def tried(self, mutant: Mutant) -> Outcome:
        """Plant it, run what should notice, and take it out again."""
        original = (self.folder / mutant.file).read_text()
        self._write(mutant.file, mutant.text())
        try:
            return self.tested(mutant.caught_by, alone=mutant.file.startswith(IN_THE_DATABASE))
        finally:
            self._write(mutant.file, original)

    def tested(self, tests: tuple[str, ...], *, alone: bool = False) -> Outcome:
        """Run tests until one fails. alone: on a server of its own."""
        started = time.monotonic()
        run = new_run() if alone else self._run
        asked = {"tests": tests, "seconds": LIMIT_SECONDS, "environment": {RUN: str(run)}}
        self._warm.stdin.write(json.dumps(asked) + "\n")
        self._warm.stdin.flush()
        answer = json.loads(self._warm.stdout.readline())
        if alone:
            _clear(run)
        seconds, failed = time.monotonic() - started, FAILED.search(answer["said"])
        if answer["status"] is None or "Failed: Timeout" in answer["said"]:
            return Outcome("hung", seconds, failed[1] if failed else f"nothing after {seconds:.0f} s")
        verdict = VERDICTS.get(answer["status"], "killed" if NOT_IMPORTED.search(answer["said"]) else "broken")
        return Outcome(
            verdict, seconds, failed[1] if failed else "" if verdict == "survived" else answer["said"][-300:]
        )

    def clear(self) -> None:
        """Stop what runs the tests, and their server."""
        self._warm.kill()
        self._warm.wait()
        _clear(self._run)

    def _write(self, file: str, text: str) -> None:
        self._now += 2
        path = self.folder / file
        path.write_text(text)
        os.utime(path, (self._now, self._now))


@contextmanager
def planted() -> Iterator[Tree]:
    """A tree for as long as the context."""
    with tempfile.TemporaryDirectory(prefix="hub-mutants-") as folder:
        tree = Tree(Path(folder))
        try:
            yield tree
        finally:
            tree.clear()


def _clear(run: Path) -> None:
    if run.exists():
        stop_embedded(run)
