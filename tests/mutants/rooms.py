"""The engine, room by room: which modules a tool mutates, and which tests should notice, the fastest first."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.mutants.mutant import ROOT


@dataclass(frozen=True)
class Room:
    """modules: patterns of files. tests: what is run of each mutant, in this order, until one fails."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> Iterator[str]:
        """Relative paths of the room's modules."""
        for pattern in self.modules:
            for path in sorted(ROOT.glob(pattern)):
                if path.name != "__init__.py":
                    yield str(path.relative_to(ROOT))


ROOMS = (
    Room(
        "mappers",
        ("domain/common/*.py", "domain/*/providers/*/mapper.py"),
        # All of tests/domain: tables first, and last what compares hundreds of drawn pages, which takes ten seconds.
        tuple(
            f"tests/domain/test_{each}.py"
            for each in (
                "literal_rows", "limits", "values", "refusals", "identifiers", "vocabulary", "texts", "currencies",
                "asking_for_oneself", "accepted_means_doable", "mappers", "columns",
            )
        ),
    ),
    Room(
        "sync",
        ("pipelines/sync/*.py",),
        (
            "tests/pipelines/sync", "tests/e2e/test_heal.py", "tests/e2e/test_first_load.py",
            "tests/e2e/test_one_of_many.py",
        ),
    ),
    Room(
        "events",
        ("pipelines/events/*.py",),
        ("tests/pipelines/events", "tests/e2e/test_told.py", "tests/e2e/test_one_bad_record.py"),
    ),
    Room(
        "commands",
        ("pipelines/commands/*.py", "pipelines/commands/actions/*.py"),
        ("tests/pipelines/commands",),
    ),
    Room(
        "read API",
        ("read_api/*.py", "read_api/live/*.py", "read_api/commands/*.py", "read_api/auth/*.py"),
        ("tests/read_api",),
    ),
)  # fmt: skip
