"""A bug, planted: the text of one file with it, and the tests that should notice."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]

Verdict = Literal["killed", "hung", "survived", "broken"]
"""hung: a test waited until its time was up, which counts as noticed. broken: nothing was learnt, because the tests do
not pass without the bug, or could not be collected with it."""


@dataclass(frozen=True)
class Mutant:
    """One bug.

    name: unique. says: the bug in a sentence. file: relative to the project. text: gives that file with the bug, whole.
    known_by: changes when `text` would. caught_by: tests as pytest names them, relative to the project.
    harmless: why it may survive.
    """

    room: str
    name: str
    says: str
    file: str
    text: Callable[[], str]
    known_by: str
    caught_by: tuple[str, ...]
    harmless: str = ""

    @property
    def label(self) -> str:
        return f"{self.room}/{self.name}"


@dataclass(frozen=True)
class Outcome:
    """What came of a mutant. what: the first test that failed, or why nothing was learnt."""

    verdict: Verdict
    seconds: float
    what: str = ""

    @property
    def is_noticed(self) -> bool:
        return self.verdict in {"killed", "hung"}
