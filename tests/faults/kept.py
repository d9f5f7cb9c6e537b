"""What a campaign has found so far, in `.campaign/`: verdicts that are not played again, and what replays a seed.

A verdict holds for the tree it was found with: with other code it is played again. `seed-17.json` holds the actions of
seed 17 and the cells that they were drawn with; `--replay` plays such a file.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.peers import ROOT
from tests.faults.actions import Action, from_json, to_json
from tests.faults.campaign import Verdict
from tests.faults.coverage import Cell, cell

KEPT = ROOT / ".campaign"
CODE = ("core", "domain", "pipelines", "read_api", "sql", "cli", "sandbox", "tests/faults")


def fingerprint() -> str:
    """What tells one tree from another: the text of everything that a seed runs."""
    digest = hashlib.sha256()
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".sql"}:
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class Kept:
    """The folder, for one tree and one number of actions."""

    def __init__(self, actions: int, folder: Path = KEPT) -> None:
        self._folder = folder
        self._tree = f"{fingerprint()}-{actions}"
        folder.mkdir(exist_ok=True)

    def verdicts(self, seeds: range) -> Iterator[Verdict]:
        """Those of earlier runs that hold."""
        for seed in seeds:
            path = self._path("verdict", seed)
            if path.exists() and (content := json.loads(path.read_text()))["tree"] == self._tree:
                yield _verdict(content["verdict"])

    def keep(self, verdict: Verdict, cells: Sequence[Cell], actions: Sequence[Action]) -> Path:
        """The verdict, and what replays it; where that lies."""
        self._path("verdict", verdict.seed).write_text(json.dumps({"tree": self._tree, "verdict": _content(verdict)}))
        return self.save(self._path("seed", verdict.seed), verdict.seed, cells, actions)

    def save(self, path: Path, seed: int, cells: Sequence[Cell], actions: Sequence[Action]) -> Path:
        content = {"seed": seed, "cells": [str(each) for each in cells], "actions": to_json(actions)}
        path.write_text(json.dumps(content, indent=1))
        return path

    def shortest(self, seed: int) -> Path:
        return self._folder / f"seed-{seed}-shortest.json"

    def _path(self, what: str, seed: int) -> Path:
        return self._folder / f"{what}-{seed}.json"


def saved(path: Path) -> tuple[int, list[Cell], list[Action]]:
    """Seed, cells and actions of a file."""
    content = json.loads(path.read_text())
    return content["seed"], [cell(each) for each in content["cells"]], from_json(content["actions"])


def _content(verdict: Verdict) -> dict[str, Any]:
    return vars(verdict) | {"cells": {str(each): count for each, count in verdict.cells.items()}}


def _verdict(content: dict[str, Any]) -> Verdict:
    counters = {name: Counter(content[name]) for name in ("safety", "liveness")}
    cells = Counter({cell(each): count for each, count in content["cells"].items()})
    return Verdict(**content | counters | {"cells": cells})
