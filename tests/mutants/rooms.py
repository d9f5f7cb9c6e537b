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


def _near(*tests: str, of: str = "read_api") -> tuple[str, ...]:
    return tuple(f"tests/{of}/{test}.py" for test in tests)


def _commands(*tests: str) -> tuple[str, ...]:
    return _near(*(f"test_{test}" for test in tests), of="pipelines/commands")


def _sync(*tests: str) -> tuple[str, ...]:
    return _near(*(f"test_{test}" for test in tests), of="pipelines/sync")


def _events(*tests: str) -> tuple[str, ...]:
    return _near(*(f"test_{test}" for test in tests), of="pipelines/events")


def _all_in(folder: str, *last: str) -> tuple[str, ...]:
    """Every test file of a folder; those named last come last, because they take long."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("test_*.py"))
    return tuple(sorted(files, key=lambda file: file.endswith(last)))


ENUMERATION = "/test_crash_everywhere.py"


MONTHS = "tests/pipelines/test_days.py"

COMMANDS = {
    "*/actions/support.py": _commands("support"),
    "*/actions/cancel_*.py": (*_commands("cancelling", "lines", "lost_answers"), MONTHS),
    "*/actions/change_line.py": (*_commands("lines", "echo"), MONTHS),
    "*/actions/lines.py": _commands("lines", "disputed_numbers", "cancelling"),
    "*/actions/top_up.py": _commands("lines", "lost_answers", "currencies"),
    "*/actions/customer.py": _commands("customers", "echo"),
    "*/actions/identity.py": (*_commands("customers"), "tests/read_api/test_gateway.py"),
    "*/actions/opportunities.py": _commands("customers", "orders", "cancelling"),
    "*/actions/accounts.py": _commands("customers", "ownership", "orders"),
    "*/actions/place_order.py": _commands("orders", "quantities", "ownership", "currencies"),
    "*/actions/*.py": _commands("orders", "quantities", "disputed_numbers", "results", "currencies", "lost_answers"),
    "*/commands/claims.py": _commands("leases", "forwarder", "runner"),
    "*/commands/pool.py": _commands("forwarder", "leases"),
    "*/commands/forwarder.py": _commands("forwarder", "orders"),
    "*/commands/operating.py": (*_commands("runner", "leases"), "tests/cli/test_commands.py"),
    "*/commands/provisioning.py": _commands("orders", "forwarder"),
    "pipelines/commands/*.py": _commands("runner", "results", "leases", "quota", "lost_answers"),
    "*/dagster/commands.py": _near("test_commands", of="pipelines/dagster"),
    "*/dagster/sweeps.py": _near("test_sweeps", of="pipelines/dagster"),
}

SYNC = {
    "*/ahead.py": _sync("ahead"),
    "*/status.py": _sync("status"),
    "*/reading.py": (*_sync("details"), "tests/pipelines/sources/test_whmcs_scans.py"),
    "*/linking.py": _near("test_linking", of="pipelines/datasets"),
    "*/deletions.py": _sync("deletions", "heal", "run"),
    "*/details.py": _sync("details", "queue"),
    "*/heal.py": _sync("heal", "deletions", "details"),
    "*/reconcile.py": _sync("reconcile"),
    "*/quarantine.py": _sync("quarantine", "run"),
    "*/retry.py": _sync("quarantine"),
    "*/re[fr]*.py": _sync("reread", "details"),
    "*/m[ae][pr]*.py": _sync("merge", "mapping", "newest_wins", "page", "run"),
    "pipelines/sync/*.py": _sync("run", "page", "merge", "locks", "mapping", "quarantine", "details", "heal"),
}

EVENTS = {
    "*/routes.py": _events("routes"),
    "*/requests.py": _events("routes"),
    "*/listener.py": _events("listener"),
    "*/service.py": _events("service"),
    "*/orders.py": _events("requested_work"),
    "*/lines.py": _events("notified_again"),
    "*/worker.py": (*_events("worker"), "tests/e2e/test_notifications.py"),
    "pipelines/events/*.py": (
        *_events("notified_again", "requested_work", "inbox_model"), "tests/e2e/test_notifications.py",
    ),
}  # fmt: skip

READ_API = {
    "read_api/live/tags.py": _near("live/test_tags", "live/test_stream"),
    "read_api/live/seats.py": _near("http/test_doors"),
    "read_api/live/controller.py": _near("http/test_doors", "live/test_stream", "test_admission"),
    "read_api/live/*": _near("live/test_follower", "live/test_tags", "live/test_stream", "http/test_hostile_input"),
    "read_api/auth/limits.py": _near("auth/test_limits", "auth/test_door", "auth/test_second_factors"),
    "read_api/auth/password_links.py": _near("auth/test_password_links"),
    "read_api/auth/passwords.py": _near("auth/test_passwords", "auth/test_door", "auth/test_password_links"),
    "read_api/auth/service_keys.py": _near("auth/test_service_keys", "live/test_stream"),
    "read_api/auth/freshness.py": _near("auth/test_step_up", "auth/test_service_keys"),
    "read_api/auth/f*.py": _near("auth/test_second_factors", "auth/test_step_up"),
    "read_api/auth/recovery.py": _near("auth/test_second_factors"),
    "read_api/auth/totp.py": _near("auth/test_totp", "auth/test_second_factors"),
    "read_api/auth/[cktv]*.py": _near(
        "auth/test_tokens",
        "auth/test_access",
        "auth/test_door",
        "auth/test_service_keys",
        "http/problems/test_handlers",
        "http/test_hostile_input",
    ),
    "read_api/auth/*": _near(
        "auth/test_tokens",
        "auth/test_access",
        "auth/test_door",
        "auth/test_second_factors",
        "auth/test_step_up",
        "http/problems/test_handlers",
    ),
    "read_api/http/cross_origin.py": _near("http/test_cross_origin"),
    "read_api/commands/*": _near(
        "commands/test_kinds", "commands/test_accepting", "commands/test_facts", "test_gateway"
    ),
    "read_api/admission.py": _near("test_admission", "test_gateway"),
    "read_api/http/lists.py": _near("http/test_lists", "http/test_as_of", "http/test_hostile_input"),
    "read_api/http/cursors.py": _near("http/test_lists", "live/test_follower", "http/test_hostile_input"),
    "read_api/http/answers.py": _near(
        "http/test_lists", "http/test_as_of", "test_freshness", "http/test_hostile_input"
    ),
    "read_api/app.py": _near(
        "http/test_lists", "http/problems/test_handlers", "live/test_tags", "http/test_documentation", "http/test_doors"
    ),
    "read_api/http/input_schemas.py": _near("http/test_documentation", "http/test_openapi_conformance"),
    "read_api/store/pipelined/*": _near("store/pipelined/test_pool", "store/pipelined/test_connection", "test_serve"),
    "read_api/store/database.py": _near(
        "store/test_database", "http/problems/test_handlers", "http/test_lists", "test_serve"
    ),
    "read_api/http/documentation.py": _near("http/test_documentation", "http/problems/test_handlers"),
    "read_api/http/doors.py": _near("http/test_doors", "http/problems/test_handlers"),
    "read_api/gateway.py": _near("test_gateway"),
    "read_api/on_demand.py": _near("test_on_demand", "test_admission"),
    "read_api/http/as_of.py": _near("http/test_as_of", "http/test_hostile_input"),
    "read_api/store/past.py": _near("http/test_as_of"),
    "read_api/store/questions.py": _near("http/test_lists", "http/test_as_of", "http/test_answers", "test_freshness"),
    "read_api/http/requests.py": _near("http/problems/test_handlers", "http/test_hostile_input", "http/test_doors"),
    "read_api/http/responses.py": _near("http/test_documentation", "http/test_openapi_conformance"),
    "read_api/serve.py": _near("http/test_doors", "test_serve"),
    "read_api/worker.py": _near("test_worker", "test_serve", "http/test_doors"),
    "read_api/http/wire.py": _near("http/test_documentation", "http/test_lists"),
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
                "customer_requests", "accepted_means_doable", "mappers", "field_tables",
            )
        ),
    ),
    Room(
        "sync",
        ("pipelines/sync/*.py", "pipelines/datasets/linking.py"),
        (
            *_all_in("tests/pipelines/sync", ENUMERATION), "tests/pipelines/datasets/test_linking.py",
            "tests/e2e/test_heal.py",
            "tests/e2e/test_one_of_many.py", "tests/e2e/test_first_load.py", "tests/e2e/test_killed_load.py",
        ),
        SYNC,
    ),
    Room(
        "events",
        ("pipelines/events/*.py",),
        (*_all_in("tests/pipelines/events"), "tests/e2e/test_notifications.py", "tests/e2e/test_one_bad_record.py"),
        EVENTS,
    ),
    Room(
        "commands",
        (
            "pipelines/commands/*.py",
            "pipelines/commands/actions/*.py",
            "pipelines/dagster/commands.py",
            "pipelines/dagster/sweeps.py",
        ),
        (
            "tests/pipelines/dagster/test_commands.py",
            "tests/pipelines/dagster/test_sweeps.py",
            *_all_in("tests/pipelines/commands", ENUMERATION),
        ),
        COMMANDS,
    ),
    Room(
        "read API",
        (
            "read_api/*.py", "read_api/http/*.py", "read_api/store/*.py", "read_api/store/pipelined/*.py",
            "read_api/live/*.py", "read_api/commands/*.py", "read_api/auth/*.py",
        ),
        ("tests/read_api",),
        READ_API,
    ),
)  # fmt: skip
