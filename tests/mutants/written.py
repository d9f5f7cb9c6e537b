"""Bugs as people write them: `written/<room>.toml`, a sentence and a replacement each."""

import tomllib
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from tests.mutants.mutant import ROOT, Mutant

FOLDER = Path(__file__).parent / "written"


class WrittenBug(TypedDict):
    """An entry of a list; `was` stands once in `file`, and becomes `becomes`."""

    name: str
    says: str
    file: str
    was: str
    becomes: str
    caught_by: list[str]
    harmless: NotRequired[str]


class MisfitError(Exception):
    """A written bug that cannot be planted any more: the code has moved on."""


def written() -> list[Mutant]:
    """Every written bug, room by room.

    Raises:
        MisfitError: some do not fit the code; names all of them.
    """
    mutants, misfits = list[Mutant](), list[str]()
    for page in sorted(FOLDER.glob("*.toml")):
        for bug in cast("list[WrittenBug]", tomllib.loads(page.read_text()).get("bug", [])):
            try:
                mutants.append(_planted(page.stem, bug))
            except MisfitError as misfit:
                misfits.append(f"{page.stem}/{bug['name']}: {misfit}")
    if misfits:
        raise MisfitError("\n".join(misfits))
    return mutants


def _planted(room: str, bug: WrittenBug) -> Mutant:
    path = ROOT / bug["file"]
    text = path.read_text() if path.is_file() else ""
    if (times := text.count(bug["was"])) != 1:
        raise MisfitError(f"`was` stands {times} times in {bug['file']}")
    if bug["was"] == bug["becomes"]:
        raise MisfitError("it changes nothing")
    tests = tuple(bug["caught_by"])
    if absent := [each for each in tests if not is_there(each)]:
        raise MisfitError(f"no such test: {', '.join(absent)}")
    changed = text.replace(bug["was"], bug["becomes"])
    harmless = bug.get("harmless", "")
    return Mutant(room, bug["name"], bug["says"], bug["file"], lambda: changed, changed, tests, harmless)


def is_there(test: str) -> bool:
    """Whether a test is there, as far as its file and the name of its function tell."""
    file, _, names = test.partition("::")
    path = ROOT / file
    if not names:
        return path.exists()
    function = names.rpartition("::")[2].partition("[")[0]
    return path.is_file() and f"def {function}(" in path.read_text()
