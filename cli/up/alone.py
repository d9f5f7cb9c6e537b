"""One stack per HUB_HOME."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.environment import FILE
from core.errors import HubError


class OtherStackError(HubError):
    """A stack runs in that folder already."""


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """The only stack in that folder. The kernel drops the lock with the last process of the stack, however it ended.

    Raises:
        OtherStackError: another one runs there; says where it answers.
    """
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OtherStackError(f"HUB_HOME: a stack runs in {home} already; {_where(home)}") from None
        yield


def _where(home: Path) -> str:
    try:
        address = json.loads((home / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "it is starting or stopping"
    return f"its API is at http://{address['API_HOST']}:{address['API_PORT']}"
