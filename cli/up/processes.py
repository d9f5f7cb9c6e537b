"""The processes of a running stack: started together, and stopped together whatever ends first."""

import os
import shlex
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from io import StringIO
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from honcho.manager import Manager
from honcho.printer import Printer
from honcho.process import Process

# What a process may take to end by itself before it is killed.
GRACE_SECONDS = 5.0


class Tied(Process):  # type: ignore[misc] # honcho has no types
    """honcho's process, which does not outlive the supervisor, even one that is killed.

    ties: the ends of a pipe that only the supervisor holds open, so that the kernel says when it is gone.
    """

    def __init__(self, *arguments: Any, ties: tuple[Connection, Connection], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._ties = ties

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """In a process of its own, between the supervisor and what it runs."""
        gone, held = self._ties
        held.close()
        watch = threading.Thread(target=self._end_once, args=(gone,), daemon=True)
        watch.start()
        super().run(events, ignore_signals)
        if gone.poll():
            watch.join()

    def _end_once(self, gone: Connection) -> None:
        wait([gone])
        while self._child is None:  # It is being started at this moment.
            time.sleep(0.05)
        _signal(self._child.pid, signal.SIGTERM)
        _sweep({self._child.pid}, GRACE_SECONDS)
        # At once: there is nobody left to report to.
        os._exit(1)


class Processes(Manager):  # type: ignore[misc] # honcho has no types
    """honcho's manager, with output in files, a word when all have started, and nothing left behind.

    `loop` blocks until a signal comes or one process ends, and then until all have ended. `ended_first` names the
    process that ended by itself, if one did.
    """

    def __init__(self, logs: Path, then: Callable[[], None]) -> None:
        super().__init__(Printer(StringIO()))
        self._process_ctor = partial(Tied, ties=Pipe(duplex=False))
        self._logs = logs
        self._then = then
        self.ended_first: str | None = None

    def add(self, name: str, line: Sequence[str], environment: Mapping[str, str]) -> None:
        """environment: all that it is given."""
        # `exec` and the redirection leave neither a shell nor a pipe between: an end is seen at once, even where
        # grandchildren live on.
        command = f"exec {shlex.join(line)} > {shlex.quote(str(self.log(name)))} 2>&1"
        self.add_process(name, command, env=dict(environment))

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
        _sweep(self.pids(), grace_seconds)


def _sweep(groups: Collection[int], grace_seconds: float) -> None:
    """Wait for groups of processes to end, and end them when patience does."""
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
