"""Runs pytest over and over in forks of one process that has imported, once, what is not ours: `python -P warm.py`.

It imports nothing of the project, so each fork sees the project's files as they are then. A line of JSON asks
(`tests`, `environment`, `seconds`), a line answers (`status`, null: time was up; `said`).
"""

import json
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress

# What takes long to import, of what the tests import.
import alembic.command
import dagster
import granian
import httpx
import hypothesis
import litestar.openapi
import litestar.plugins.pydantic
import psycopg_pool
import pytest
import pytest_asyncio
import rich.table
import simple_salesforce
import sqlalchemy
import xdist

IMPORTED = (
    alembic, dagster, granian, httpx, hypothesis, litestar, psycopg_pool, pytest_asyncio, rich, simple_salesforce,
    sqlalchemy, xdist,
)  # fmt: skip
OPTIONS = (
    "-n", "0", "-x", "-q", "--tb=line", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of plugins that are imported already
)  # fmt: skip


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as said:
            status = _tested(asked, said.fileno())
            said.seek(0)
            text = said.read().decode(errors="replace")
        print(json.dumps({"status": status, "said": text}), flush=True)  # noqa: T201 - this is the answer


def _tested(asked: dict[str, object], output: int) -> int | None:
    forked = os.fork()
    if not forked:
        _test(asked, output)
    try:
        return _ended(forked, float(str(asked["seconds"])))
    finally:
        # Whatever the tests had started and not ended, too.
        with suppress(ProcessLookupError):
            os.killpg(forked, signal.SIGKILL)


def _test(asked: dict[str, object], output: int) -> None:
    status = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(asked["environment"])  # type: ignore[arg-type]
        status = int(pytest.main([*OPTIONS, *asked["tests"]]))  # type: ignore[misc]
        sys.stdout.flush()
    finally:
        os._exit(status)


def _ended(forked: int, seconds: float) -> int | None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found, status = os.waitpid(forked, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(forked, signal.SIGKILL)
    os.waitpid(forked, 0)
    return None


if __name__ == "__main__":
    main()
