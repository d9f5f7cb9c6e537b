"""How commands in other terminals find the stack that `hub up` runs: a file it leaves in HUB_HOME while it lives."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from core.settings import HubSettings, load

FILE = "environment.json"


def join_running_stack(wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Take over what `hub up` decided (database, keys, addresses), except for variables that are set here already.

    wanted: which variables; a process that serves takes only its own.
    """
    path = load(HubSettings).home / FILE
    try:
        decided = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    for name, value in decided.items():
        if wanted(name) and not os.environ.get(name):
            os.environ[name] = value


def publish(home: Path, environment: Mapping[str, str]) -> Path:
    """Leave the variables for other terminals; only their owner may read them, for they hold keys."""
    path = home / FILE
    write_private(path, json.dumps(environment, indent=2))
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, not even between its creation and its first byte."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
