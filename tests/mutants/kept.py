"""What came of each mutant, kept between runs in `.mutants/`: a line a verdict, the last of a mutant counts."""

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tests.mutants.mutant import ROOT, Mutant, Outcome

FILE = ROOT / ".mutants" / "outcomes.jsonl"


class Kept:
    """The outcomes known so far, by the text of the mutated file and of the tests: what has changed is tried again."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known = dict[str, Outcome]()
        if file.exists():
            for line in file.read_text().splitlines():
                entry = json.loads(line)
                name = entry.pop("key")
                self._known[name] = Outcome(**entry)

    def of(self, mutant: Mutant) -> Outcome | None:
        """What came of it; nothing where it was not tried in this form, or nothing was learnt."""
        known = self._known.get(key(mutant))
        return known if known and known.verdict != "broken" else None

    def keep(self, mutant: Mutant, outcome: Outcome) -> None:
        """From any thread."""
        entry = {"key": key(mutant), **asdict(outcome)}
        with self._lock:
            self._known[entry["key"]] = outcome
            self._file.parent.mkdir(exist_ok=True)
            with self._file.open("a") as file:
                file.write(json.dumps(entry) + "\n")

    def forget(self, mutants: Iterable[Mutant]) -> None:
        """Try these again."""
        for mutant in mutants:
            self._known.pop(key(mutant), None)


def key(mutant: Mutant) -> str:
    """What an outcome depends on, as far as it is looked at: a change elsewhere in the code is not seen."""
    digest = hashlib.sha256(mutant.known_by.encode())
    for test in mutant.caught_by:
        digest.update(test.encode() + _text_of(test.partition("::")[0]))
    return digest.hexdigest()


@cache
def _text_of(test: str) -> bytes:
    path = ROOT / test
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return b"".join(file.read_bytes() for file in files)
