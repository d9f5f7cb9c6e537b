"""The peak memory of the process that asks."""

import resource
import sys
from pathlib import Path

_RESET_PEAK = "5"
"""What clears the kernel's mark (proc(5), /proc/pid/clear_refs)."""


def peak_megabytes() -> float:
    """Peak resident memory of this process, megabytes of 10^6 bytes; its children are not counted.

    A child's mark begins with what it inherits of its parent's: a `file` that a library ran during import showed 94 MB.
    """
    # So does ours with what started us; the kernel's own mark is of this program only.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (maxrss if sys.platform == "darwin" else maxrss * 1024) / 1e6


def forget_peak() -> None:
    """From now on the peak is that of what follows. Only Linux can: elsewhere it is the highest since the start."""
    mark = Path("/proc/self/clear_refs")
    if mark.exists():
        mark.write_text(_RESET_PEAK, encoding="ascii")
