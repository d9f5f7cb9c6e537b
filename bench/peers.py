"""The peers live in a virtual environment of their own: what they pin may disagree with the hub's packages."""

import subprocess
import sys
from pathlib import Path

from bench.errors import BenchError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-bench"
LOCK = ROOT / "requirements-bench.lock"
PYTHON = FOLDER / "bin" / "python"
_INSTALLED = FOLDER / ".installed"


def ready() -> Path:
    """The Python that runs the peers; installs them where they are missing or older than the lock.

    Raises:
        BenchError: they could not be installed.
    """
    if not _INSTALLED.exists() or _INSTALLED.read_bytes() != LOCK.read_bytes():
        install()
    return PYTHON


def install() -> None:
    """Make the environment from the lock, hashes checked.

    Raises:
        BenchError: venv or pip failed; pip has said why.
    """
    commands = [
        [sys.executable, "-m", "venv", "--clear", str(FOLDER)],
        # The lock is complete, and pip does not match extras with hashes: hence --no-deps.
        [
            *(str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--requirement", str(LOCK)),
        ],
    ]
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            raise BenchError(f"the peers could not be installed: `{' '.join(command[:4])} ...` failed")
    (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    _INSTALLED.write_bytes(LOCK.read_bytes())
