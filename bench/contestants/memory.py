"""The peak memory of the process that asks."""

import resource
import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Peak resident memory of this process plus the largest of its finished children, megabytes of 10^6 bytes."""
    return (_own_peak() + _in_bytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)) / 1e6


def _own_peak() -> int:
    # A process begins with the ru_maxrss of whoever started it; the kernel's own mark is of this program only.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return _in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _in_bytes(maxrss: int) -> int:
    return maxrss if sys.platform == "darwin" else maxrss * 1024
