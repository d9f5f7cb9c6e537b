"""The stack lives and dies as one: whatever ends first, nothing stays behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.up.processes import Processes

FOREVER = "import signal; signal.pause()"
# Starts a child of its own that ignores requests to end, writes its id, and waits.
PARENT = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"],
    stdout=subprocess.PIPE)
child.stdout.readline()
open(sys.argv[1], "w").write(str(child.pid))
signal.pause()
"""

# A supervisor of such a parent; it says when all have started.
SUPERVISOR = """
import sys
from pathlib import Path
from cli.up.processes import Processes
processes = Processes(Path(sys.argv[1]), then=lambda: None)
processes.add("first", [sys.executable, "-c", sys.argv[2], sys.argv[1] + "/of-first"], {})
processes.add("second", [sys.executable, "-c", sys.argv[2], sys.argv[1] + "/of-second"], {})
processes.loop()
"""


@pytest.fixture(autouse=True)
def _handlers_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_the_one_that_ended_by_itself_is_named_and_the_others_are_stopped(tmp_path: Path) -> None:
    processes = Processes(tmp_path, then=lambda: None)
    processes.add("steady", _python(FOREVER), {})
    processes.add("broken", _python("print('no such table'); raise SystemExit(3)"), {})

    processes.loop()

    assert processes.ended_first == "broken"
    assert processes.log("broken").read_text() == "no such table\n"
    assert _alive(processes) == []


def test_a_signal_stops_all_and_blames_none(tmp_path: Path) -> None:
    processes = Processes(tmp_path, then=lambda: os.kill(os.getpid(), signal.SIGTERM))
    processes.add("one", _python(FOREVER), {})
    processes.add("other", _python(FOREVER), {})

    processes.loop()

    assert processes.ended_first is None
    assert _alive(processes) == []


def test_a_grandchild_that_does_not_listen_is_ended_too(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    processes = Processes(tmp_path, then=lambda: None)
    processes.add("parent", _python(PARENT, str(note)), {})
    processes.add("short", _python(f"import os\nwhile not os.path.exists({str(note)!r}): pass"), {})

    processes.loop()
    processes.sweep(grace_seconds=0.2)

    psutil.wait_procs(_process(int(note.read_text())), timeout=10)
    assert _process(int(note.read_text())) == []


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    notes = [tmp_path / "of-first", tmp_path / "of-second"]
    supervisor = psutil.Popen(_python(SUPERVISOR, str(tmp_path), PARENT), stderr=subprocess.PIPE)
    while not all(note.exists() and note.read_text() for note in notes):
        assert supervisor.poll() is None
    started = supervisor.children(recursive=True)

    supervisor.kill()

    assert len(started) == 6
    assert psutil.wait_procs(started, timeout=30)[1] == []
    assert supervisor.communicate()[1] == b""


def _alive(processes: Processes) -> list[int]:
    return [pid for pid in processes.pids() if _process(pid)]


def _process(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return []
    return [] if process.status() == psutil.STATUS_ZOMBIE else [process]
