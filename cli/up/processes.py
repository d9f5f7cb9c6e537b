"""The processes of a running stack: started together, and stopped together whatever ends first."""

import os
import shlex
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path

from honcho.manager import Manager
from honcho.printer import Printer

# What a process may take to end by itself before it is killed.
GRACE_SECONDS = 5.0


class Processes(Manager):  # type: ignore[misc] # honcho has no types
    """honcho's manager, with output in files, a word when all have started, and nothing left behind.

    `loop` blocks until a signal comes or one process ends, and then until all have ended. `ended_first` names the
    process that ended by itself, if one did.
    """

    def __init__(self, logs: Path, then: Callable[[], None]) -> None:
        super().__init__(Printer(StringIO()))
        self._logs = logs
        self._then = then
        self.ended_first: str | None = None

    def add(self, name: str, line: Sequence[str], environment: Mapping[str, str]) -> None:
        # `exec` and the redirection leave neither a shell nor a pipe between: an end is seen at once, even where
        # grandchildren live on.
        command = f"exec {shlex.join(line)} > {shlex.quote(str(self.log(name)))} 2>&1"
        self.add_process(name, command, env={**os.environ, **environment})

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _start(self) -> None:
        super()._start()
        # Only now: a process is forked from this one, which must have a single thread until then.
        self._then()

    def terminate(self) -> None:
        if not self._all_started():
            # A signal came between a process' start and the news of it: honcho does not know yet whom to stop.
            threading.Timer(0.1, self.terminate).start()
            return
        if self.returncode not in {130, 143}:
            self.ended_first = next((name for name, p in self._processes.items() if "returncode" in p), None)
        super().terminate()

    def pids(self) -> set[int]:
        return {p["pid"] for p in self._processes.values() if p.get("pid")}

    def sweep(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """End what the processes started and left: each leads a group of its own."""
        groups = self.pids()
        deadline = time.monotonic() + grace_seconds
        while any(_signal(group, 0) for group in groups) and time.monotonic() < deadline:
            time.sleep(0.05)
        for group in groups:
            _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether there was anybody to tell."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
