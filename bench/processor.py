"""Who uses the processor while something is measured, from /proc: why a second process may make nothing faster."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg

_TICKS = os.sysconf("SC_CLK_TCK")


def used(url: str) -> Counter[str]:
    """Seconds of processor so far: of each process that this one started, by name, and of the PostgreSQL behind `url`.

    Processes that ended are in it where their parent is one of these.
    """
    seconds: Counter[str] = Counter()
    started: dict[int, list[int]] = {}
    for pid in _pids():
        started.setdefault(_parent(pid), []).append(pid)
    roots = {pid: _name(pid) for pid in started.get(os.getpid(), [])}
    roots[_postgres(url)] = "PostgreSQL"
    for root, name in roots.items():
        # What a process has waited for counts as its own: connections come and go.
        seconds[name] += sum(sum(_times(pid)) for pid in _family(root, started))
    seconds["bench"] = sum(_times(os.getpid())[:2])
    return seconds


def _family(root: int, started: dict[int, list[int]]) -> Iterator[int]:
    yield root
    for child in started.get(root, []):
        yield from _family(child, started)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _name(pid: int) -> str:
    """The last word of how it was started, such as `forward`."""
    return _read(pid, "cmdline").rstrip("\0").rpartition("\0")[2] or "ended"


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def _times(pid: int) -> list[float]:
    """Seconds in the process and in the kernel, then the same of its children that have ended (see proc(5))."""
    stat = _stat(pid)
    return [int(ticks) / _TICKS for ticks in stat[11:15]] if stat else [0.0]


def _stat(pid: int) -> list[str]:
    # The second field is the name in brackets, which may hold anything.
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def _postgres(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int").fetchone()
    return int(row[0]) if row else 0
