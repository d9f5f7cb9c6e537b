"""Keys that nobody configured: made once, kept under HUB_HOME, readable by their owner only."""

import os
import secrets
from pathlib import Path

from cli.environment import write_private


def chosen(variable: str, home: Path) -> str:
    """What the variable says, else a key of our own under its name, which survives restarts."""
    return os.environ.get(variable) or kept(home / "secrets" / variable.lower())


def kept(path: Path) -> str:
    """The secret of that file; a new one where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text(encoding="utf-8")
