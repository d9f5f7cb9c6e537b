"""A disk that can be full: a small file system in memory, on which the played database lies. Only root can have one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Literal

SIZE = "256m"


@dataclass(frozen=True)
class Disk:
    """Where it is mounted."""

    path: Path

    def give_to(self, server_url: str) -> None:
        """Make it the tablespace `small` of that server."""
        with psycopg.connect(server_url, autocommit=True) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
            owner = Path(str(row[0] if row else "")).stat()
            folder = self.path / "postgres"
            folder.mkdir()
            os.chown(folder, owner.st_uid, owner.st_gid)
            connection.execute(SQL("CREATE TABLESPACE small LOCATION {}").format(Literal(str(folder))))

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte is left, for as long as the context."""
        filler = self.path / "filler"
        try:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 16))
            yield
        finally:
            filler.unlink(missing_ok=True)


@contextmanager
def small_disk() -> Iterator[Disk | None]:
    """None where this user may not mount anything."""
    path = Path(tempfile.mkdtemp(prefix="hub-disk-"))
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)], check=False, capture_output=True
        ).returncode
        == 0
    )
    try:
        path.chmod(0o755)
        yield Disk(path) if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)
        shutil.rmtree(path, ignore_errors=True)
