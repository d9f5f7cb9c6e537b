"""The embedded server: durable, stopped with us, and honest where it cannot run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cli.up import databases, postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    # Directly under the temporary folder, for the reason that tests/conftest.py gives.
    home = Path(tempfile.mkdtemp(prefix="hub-pg-"))
    yield home / "postgres"
    shutil.rmtree(home, ignore_errors=True)


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
