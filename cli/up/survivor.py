"""Who tidies up after a supervisor that was killed and could not: `python -m cli.up.survivor <HUB_HOME>`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.environment import FILE
from cli.needs import NEEDS
from cli.up import postgres
from cli.up.alone import OtherStackError, alone

PATIENCE_SECONDS = 10.0


@contextmanager
def survivor(home: Path) -> Iterator[None]:
    """Have one stand by while the stack runs; it learns of our end by its input, which ends with us."""
    # A session of its own: a Ctrl-C is for us.
    line = [sys.executable, "-m", "cli.up.survivor", str(home)]
    with subprocess.Popen(
        line,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env=NEEDS["survivor"].of(os.environ),
    ) as process:
        try:
            yield
        finally:
            process.kill()


def tidy_up(home: Path) -> None:
    """Stop the embedded server and withdraw what was published, unless the next stack runs there already."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with alone(home):
                postgres.stop(home / "postgres")
                (home / FILE).unlink(missing_ok=True)
        except OtherStackError:
            # The kernel may close our pipe before it drops the lock of those who die with the supervisor.
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    sys.stdin.read()
    tidy_up(Path(sys.argv[1]))
