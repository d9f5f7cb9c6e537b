"""Numbers for people (a table) and for machines (a JSON file in bench/results/)."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from cli.output import Column, console, plain
from cli.output import table as laid_out

Table = tuple[Sequence[Mapping[str, Any]], Sequence[Column]]
"""Rows, and which of their values are shown."""

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Line:
    """One measured quantity: a sample per repeat."""

    what: str
    unit: str
    samples: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.samples)

    def facts(self) -> dict[str, Any]:
        least, most = min(self.samples), max(self.samples)
        shown = {"median": self.median, "min": least, "max": most, "samples": list(self.samples)}
        return {"what": self.what, "unit": self.unit} | shown


@dataclass(frozen=True)
class Target:
    """A promise of the hub, and what was measured. `at_least` false: `bound` is the most it may be."""

    promise: str
    measured: float
    bound: float
    at_least: bool = True

    @property
    def holds(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def _number(value: object) -> str:
    if not isinstance(value, int | float):
        return plain(value)
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"


SHOWN = (
    Column("what", ""),
    Column("unit", "unit"),
    *(Column(key, key, _number, right=True) for key in ("median", "min", "max")),
)


def tell(
    name: str,
    size: dict[str, Any],
    lines: Sequence[Line],
    targets: Sequence[Target],
    table: Table | None = None,
) -> Path:
    """Print a table and keep the numbers: the file they are in. table: what to print, if not a row for each line."""
    out = console()
    about = ", ".join(f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}" for key, value in size.items())
    out.print(f"{name}: {about}")
    rows, columns = table or ([line.facts() for line in lines], SHOWN)
    out.print(laid_out(rows, columns, out))
    for target in targets:
        verdict = "[green]holds[/]" if target.holds else "[red]missed[/]"
        sign = "≥" if target.at_least else "≤"
        out.print(f"{verdict}  {target.promise}: {_number(target.measured)} (target {sign} {_number(target.bound)})")
    path = _kept(name, size, lines, targets)
    out.print(f"[dim]{path}[/]\n")
    return path


def _kept(name: str, size: dict[str, Any], lines: Sequence[Line], targets: Sequence[Target]) -> Path:
    now = datetime.now(UTC)
    document = {
        "benchmark": name,
        "at": now.isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "size": size,
        "lines": [line.facts() for line in lines],
        "targets": [
            {"promise": each.promise, "measured": each.measured, "bound": each.bound, "holds": each.holds}
            for each in targets
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
