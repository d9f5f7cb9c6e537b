"""Seconds and peak memory of each part of a contestant's work, and of all of it: the facts that it prints."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.contestants.memory import forget_peak, peak_megabytes


class Laps:
    """The parts by name; each is a data set. What was imported before the first counts for the peak of all."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, float]] = {}
        self._peak_before = peak_megabytes()

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        forget_peak()
        started = time.monotonic()
        yield
        self._parts[name] = {"seconds": time.monotonic() - started, "peak_mb": peak_megabytes()}

    def facts(self) -> dict[str, Any]:
        """`seconds` and `peak_mb` of all, and of each of `datasets`."""
        seconds = sum(each["seconds"] for each in self._parts.values())
        peak = max(self._peak_before, *(each["peak_mb"] for each in self._parts.values()))
        return {"seconds": seconds, "peak_mb": peak, "datasets": self._parts}
