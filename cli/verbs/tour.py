"""`hub tour`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.environment import join_running_stack
from cli.examples import examples
from cli.output import console
from core.errors import HubError
from core.settings import HubSettings, load

EXAMPLES = examples(
    ("hub tour", "against the stack that `hub up` runs here, or one of its own for as long as it takes"),
)
PATIENCE_SECONDS = 300.0


def tour() -> None:
    """A customer orders, an agent approves, the hub provisions: step by step, with what each system then holds.

    For the sandbox: it places a real order wherever it is pointed.
    """
    out = console()
    with _stack():
        from cli.tour import Tour

        Tour(out).take()


@contextmanager
def _stack() -> Iterator[None]:
    """The running stack, or one of our own."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    home = load(HubSettings).home
    home.mkdir(parents=True, exist_ok=True)
    console(stderr=True).print(f"No stack runs here; starting one (its output: {home / 'tour.log'}) ...")
    with (home / "tour.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "cli", "up"], stdout=log, stderr=log)
        try:
            _wait_until_ready(process, home / "tour.log")
            join_running_stack()
            yield
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if "Ctrl-C stops everything" in log.read_text(encoding="utf-8"):
            return
        time.sleep(0.5)
    raise HubError(f"the stack did not start; {log} says why")
