"""The hub's own commands as processes that start at once: forked from one that has imported everything already.

What runs, and is killed, is a whole process of its own. Saved are the seconds that Python takes to import Dagster: they
say nothing about the hub, and would be most of what a seed costs.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

# Imported for those that are forked.
import cli.dagster_run  # noqa: F401
import pipelines.events.listener
import pipelines.events.service  # noqa: F401
from cli.main import main

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.faults.stage"])


def started(*arguments: str, environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """`hub <arguments>` with these variables on top of ours; what it says goes to the end of `log`."""
    process = _FORKED.Process(target=_hub, args=(arguments, {**os.environ, **environment}, log), daemon=True)
    process.start()
    return process


def killed(process: ForkServerProcess) -> bool:
    """Kill -9, and whether there was something left to kill."""
    was_alive = process.is_alive()
    process.kill()
    process.join()
    return was_alive


def done(work: Callable[..., None], *arguments: Any) -> None:
    """Do something in a process of its own: one that gRPC's threads do not hinder from starting programs.

    Raises:
        RuntimeError: it did not end well; it said why on standard error.
    """
    process = _FORKED.Process(target=work, args=arguments, daemon=True)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{work.__name__} ended with {process.exitcode}")


def _hub(arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.argv = ["hub", *arguments]
    main()
