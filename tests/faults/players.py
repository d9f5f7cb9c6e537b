"""Seeds side by side: each job is a process with a stage of its own, and takes the next when it has ended one.

The parent hands each seed the cells that are still short when it begins, so that jobs share what was hit.
"""

import logging
import multiprocessing
import queue
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from typing import Any

from core.logging import configure
from tests.faults.actions import Action, drawn
from tests.faults.campaign import Verdict, played
from tests.faults.coverage import Cell
from tests.faults.stage import Stage, stage

_SPAWNED = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Task:
    """A seed to play, with its cells; or actions that were drawn before."""

    seed: int
    cells: Sequence[Cell] = ()
    count: int = 0
    actions: Sequence[Action] | None = None


@dataclass(frozen=True)
class Ended:
    """How a task ended; a text says why there is no verdict."""

    task: Task
    actions: Sequence[Action]
    verdict: Verdict | str


def every(tasks: Iterable[Callable[[], Task | None]], jobs: int) -> Iterator[Ended]:
    """How each task ended, as they do. A task is made when a job is free for it; None: there is none any more."""
    waiting: Any = _SPAWNED.Queue()
    ended: Any = _SPAWNED.Queue()
    makers = iter(tasks)
    under_way = 0
    with _players(jobs, waiting, ended) as players:
        for _ in range(jobs):
            under_way += _hand_out(makers, waiting)
        while under_way:
            try:
                yield ended.get(timeout=1.0)
            except queue.Empty:
                if not any(player.is_alive() for player in players):
                    return
                continue
            under_way += _hand_out(makers, waiting) - 1


def _hand_out(makers: Iterator[Callable[[], Task | None]], waiting: Any) -> int:
    task = next((task for make in makers if (task := make()) is not None), None)
    waiting.put(task)
    return int(task is not None)


@contextmanager
def _players(jobs: int, waiting: Any, ended: Any) -> Iterator[list[SpawnProcess]]:
    players = [_SPAWNED.Process(target=_play, args=(waiting, ended)) for _ in range(jobs)]
    for player in players:
        player.start()
    try:
        yield players
    except BaseException:
        for player in players:
            player.terminate()
        raise
    finally:
        for player in players:
            player.join()


def _play(waiting: Any, ended: Any) -> None:
    """One job: tasks on a stage of its own, until none waits."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the stage is cleared all the same
    quietly()
    with stage() as own:
        for task in iter(waiting.get, None):
            ended.put(ended_on(own, task))


def quietly() -> None:
    """Without a log: the sandbox's server would tell of each fault that it was asked for."""
    configure(level=logging.CRITICAL)
    logging.disable(logging.CRITICAL)


def ended_on(own: Stage, task: Task) -> Ended:
    """The task, played on that stage."""
    actions = drawn(task.seed, task.cells, own.records, task.count) if task.actions is None else task.actions
    try:
        return Ended(task, actions, played(task.seed, own, actions))
    except Exception:  # noqa: BLE001 - a seed that cannot be judged is a finding, and the others go on
        return Ended(task, actions, traceback.format_exc())
