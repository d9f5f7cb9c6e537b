"""The engine, room by room: which modules a tool mutates, and which tests should notice, the fastest first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from tests.mutants.mutant import ROOT


@dataclass(frozen=True)
class Room:
    """modules: patterns of files. tests: what is run of each mutant, in this order, until one fails.

    nearest: the same for some of the modules, by pattern, where the room's tests as a whole take too long.
    """

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    nearest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def files(self) -> Iterator[str]:
        """Relative paths of the room's modules."""
        for pattern in self.modules:
            for path in sorted(ROOT.glob(pattern)):
                if path.name != "__init__.py":
                    yield str(path.relative_to(ROOT))

    def tests_of(self, file: str) -> tuple[str, ...]:
        """What is run of a mutant of that file: first what has its name."""
        tests = next((tests for pattern, tests in self.nearest.items() if fnmatchcase(file, pattern)), self.tests)
        return tuple(sorted(tests, key=lambda test: f"test_{Path(file).stem}" not in test))


def _near(*tests: str) -> tuple[str, ...]:
    return tuple(f"tests/read_api/{test}.py" for test in tests)


def _all_in(folder: str, *last: str) -> tuple[str, ...]:
    """Every test file of a folder; those named last come last, because they take long."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("test_*.py"))
    return tuple(sorted(files, key=lambda file: file.endswith(last)))


ENUMERATION = "/test_crash_everywhere.py"


READ_API = {
    "read_api/live/tags.py": _near("live/test_tags", "live/test_stream"),
    "read_api/live/seats.py": _near("test_doors"),
    "read_api/live/controller.py": _near("test_doors", "live/test_stream", "test_admission"),
    "read_api/live/*": _near("live/test_follower", "live/test_tags", "live/test_stream", "test_hostile_input"),
    "read_api/auth/*": _near("test_tokens", "test_problems", "test_hostile_input"),
    "read_api/commands/*": _near("commands/test_accepting", "commands/test_facts", "commands/test_passing_through"),
    "read_api/admission.py": _near("test_admission", "commands/test_passing_through"),
    "read_api/answers.py": _near("test_lists", "test_as_of", "test_freshness", "test_hostile_input"),
    "read_api/app.py": _near("test_lists", "test_problems", "live/test_tags", "test_documents", "test_doors"),
    "read_api/asked.py": _near("test_documents", "test_openapi_conformance"),
    "read_api/channels.py": _near("test_channels", "test_process"),
    "read_api/database.py": _near("test_isolation", "test_problems", "test_lists", "test_process"),
    "read_api/documentation.py": _near("test_documents", "test_problems"),
    "read_api/doors.py": _near("test_doors", "test_problems"),
    "read_api/gateway.py": _near("commands/test_passing_through"),
    "read_api/on_demand.py": _near("test_sim_on_demand", "test_items_on_demand", "test_admission"),
    "read_api/past.py": _near("test_as_of", "test_hostile_input"),
    "read_api/questions.py": _near("test_lists", "test_as_of", "test_freshness"),
    "read_api/requests.py": _near("test_problems", "test_hostile_input", "test_doors"),
    "read_api/responses.py": _near("test_documents", "test_openapi_conformance"),
    "read_api/serve.py": _near("test_doors", "test_process"),
    "read_api/worker.py": _near("test_process", "test_doors"),
    "read_api/wire.py": _near("test_documents", "test_lists"),
}


ROOMS = (
    Room(
        "mappers",
        ("domain/common/*.py", "domain/*/providers/*/mapper.py"),
        # All of tests/domain: tables first, and last what compares hundreds of drawn pages, which takes ten seconds.
        tuple(
            f"tests/domain/test_{each}.py"
            for each in (
                "literal_rows", "limits", "values", "refusals", "identifiers", "vocabulary", "texts", "currencies",
                "asking_for_oneself", "accepted_means_doable", "mappers", "field_tables",
            )
        ),
    ),
    Room(
        "sync",
        ("pipelines/sync/*.py",),
        (
            *_all_in("tests/pipelines/sync", ENUMERATION), "tests/e2e/test_heal.py",
            "tests/e2e/test_one_of_many.py", "tests/e2e/test_first_load.py", "tests/e2e/test_killed_load.py",
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
        _all_in("tests/pipelines/commands", ENUMERATION),
    ),
    Room(
        "read API",
        ("read_api/*.py", "read_api/live/*.py", "read_api/commands/*.py", "read_api/auth/*.py"),
        ("tests/read_api",),
        READ_API,
    ),
)  # fmt: skip
