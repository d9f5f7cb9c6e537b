"""The embedded server: durable, stopped with us, and honest where it cannot run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cli.up import databases, postgres
from tests.conftest import scratch

# A socket's path has at most 107 bytes on Linux, 103 on macOS: unix(7), sun_path.
TOO_LONG = "a-long-name-of-a-folder-" * 5


@pytest.fixture
def folder() -> Iterator[Path]:
    # Directly under the temporary folder, for the reason that tests/conftest.py gives.
    home = Path(tempfile.mkdtemp(prefix="hub-pg-", dir=scratch()))
    yield home / "postgres"
    shutil.rmtree(home, ignore_errors=True)


def _as_nobody(url: str) -> subprocess.CompletedProcess[str]:
    """The server's database as another system user of this machine asks for it, as the server's superuser."""
    program = Path(postgres.programs()) / "psql"
    return subprocess.run(
        [program, url, "-c", "SELECT 1"],
        user="nobody", group="nogroup", extra_groups=[], cwd="/", env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_where_it_cannot_run_one_line_says_why_and_what_to_set(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file lies where the data should")

    with pytest.raises(postgres.EmbeddedServerError) as refused, postgres.embedded(folder):
        pass

    assert "\n" not in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)


def test_it_is_durable_holds_both_databases_and_keeps_them(folder: Path) -> None:
    with postgres.embedded(folder) as server:
        hub = databases.ensure(server, "hub")
        assert databases.ensure(server, "hub") == hub
        with psycopg.connect(hub) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            durable = [connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")]
            tuned = connection.execute("SHOW shared_buffers").fetchone()
    assert not (folder / "postmaster.pid").exists()

    with postgres.embedded(folder) as server, psycopg.connect(databases.named(server, "hub")) as connection:
        kept = connection.execute("SELECT one FROM kept").fetchone()

    assert durable == [("on",), ("on",)]
    assert tuned == ("256MB",)
    assert kept == (1,)


def test_started_by_anybody_it_leaves_private_folders_private(folder: Path) -> None:
    folder.parent.chmod(0o700)

    with postgres.embedded(folder):
        pass

    assert folder.parent.stat().st_mode & 0o077 in {0o000, 0o011}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user of this machine")
@pytest.mark.parametrize("name", ["short", TOO_LONG])
def test_no_other_user_of_the_machine_gets_in_however_long_the_path_to_the_data(folder: Path, name: str) -> None:
    with postgres.embedded(folder.parent / name / "postgres") as server:
        sockets = Path(str(conninfo_to_dict(server)["host"]))
        intruder = _as_nobody(server)
        # The folder is one lock, the server's own rule the other: it holds where somebody opens the first.
        for door in (sockets, *sockets.parents):
            door.chmod(door.stat().st_mode | 0o011)
        (sockets / ".s.PGSQL.5432").chmod(0o777)
        past_the_folder = _as_nobody(server)

    assert (intruder.returncode, "Permission denied" in intruder.stderr) == (2, True)
    assert (past_the_folder.returncode, "Peer authentication failed" in past_the_folder.stderr) == (2, True)


@pytest.mark.parametrize("name", ["short", TOO_LONG])
def test_it_listens_on_a_private_socket_alone_and_serves_its_owner_in_every_role(folder: Path, name: str) -> None:
    data = folder.parent / name / "postgres"
    with postgres.embedded(data) as server:
        sockets = Path(str(conninfo_to_dict(server)["host"]))
        mode = sockets.stat().st_mode & 0o777
        with psycopg.connect(server) as connection:
            listens = connection.execute("SHOW listen_addresses").fetchone()
            methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
            connection.execute("CREATE ROLE hub_api LOGIN")
        with psycopg.connect(server.replace("postgres@", "hub_api@")) as connection:
            user = connection.execute("SELECT session_user").fetchone()

    assert mode == 0o700
    assert (listens, methods, user) == (("",), [("peer",)], ("hub_api",))
    assert sockets == data or not sockets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only a server started by root runs as another user")
def test_started_by_root_the_server_is_in_no_group_of_roots(folder: Path) -> None:
    with postgres.embedded(folder):
        server = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
        status = Path(f"/proc/{server.pid}/status").read_text()

    groups = [line.split()[1:] for line in status.splitlines() if line.startswith(("Gid:", "Groups:"))]
    assert all("0" not in group for group in groups)


def test_without_any_folder_for_its_socket_it_refuses_and_names_hub_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_better = folder.parent / TOO_LONG
    no_better.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(no_better))

    with pytest.raises(postgres.EmbeddedServerError, match="HUB_HOME"), postgres.embedded(no_better / "postgres"):
        pass


def test_what_a_killed_stack_left_running_is_replaced(folder: Path) -> None:
    with postgres.embedded(folder) as server:
        with psycopg.connect(server) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        with postgres.embedded(folder) as again, psycopg.connect(again) as connection:
            kept = connection.execute("SELECT one FROM kept").fetchone()

    assert kept == (1,)


def test_a_file_of_a_server_that_died_stops_nobody(folder: Path) -> None:
    with postgres.embedded(folder):
        pass
    # As after a power cut: the number is another process's by now, which must live on.
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n1\n5432\n{folder}\n\n     1 1\nready   \n")

    with postgres.embedded(folder) as server, psycopg.connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
