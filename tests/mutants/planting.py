"""A copy of the tree in which one bug at a time is planted, and the tests that are run on it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from tests.conftest import RUN, stop_embedded
from tests.mutants.mutant import ROOT, Mutant, Outcome, Verdict

LIMIT_SECONDS = 600.0
# What a migrated database is made of: a bug in it needs a database of its own instead of the one that all share.
IN_THE_DATABASE = ("sql/objects/", "sql/migrations/", "sql/tables/", "sql/migrate.py")
VERDICTS: dict[int, Verdict] = {0: "survived", 1: "killed"}
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
        command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", *tests]
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        environment.pop(RUN, None)
        if not alone:
            environment[RUN] = str(self._run)
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return Outcome("hung", time.monotonic() - started, f"nothing after {LIMIT_SECONDS:.0f} s")
        finally:
            _end(process)
        seconds, failed = time.monotonic() - started, FAILED.search(said)
        if "Failed: Timeout" in said:
            return Outcome("hung", seconds, failed[1] if failed else "")
        verdict = VERDICTS.get(process.returncode, "broken")
        return Outcome(verdict, seconds, failed[1] if failed else "" if verdict == "survived" else said[-300:])

    def clear(self) -> None:
        """Stop the tests' server."""
        if self._run.exists():
            stop_embedded(self._run)

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


def new_run() -> Path:
    """Where the server of one run of tests lives; the name says whose it is, for those who clear what was left."""
    return Path(tempfile.gettempdir()) / f"hub-tests-{os.getpid()}-{uuid4().hex[:8]}"


def _end(process: "subprocess.Popen[str]") -> None:
    """Whatever the tests had started and not ended, too."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
