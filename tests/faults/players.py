"""Seeds side by side: each job is a process with a stage of its own, and takes the next seed when it has ended one."""

import logging
import multiprocessing
import queue
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from typing import Any

from core.logging import configure
from tests.faults.campaign import Campaign, Verdict
from tests.faults.stage import stage

_SPAWNED = multiprocessing.get_context("spawn")

Played = tuple[int, Verdict | str]
"""A seed, and how it ended; a text says why there is no verdict."""


def played(seeds: range, jobs: int, actions: int) -> Iterator[Played]:
    """How each seed ended, as they do; fewer than there are seeds where every job has died."""
    waiting: Any = _SPAWNED.Queue()
    ended: Any = _SPAWNED.Queue()
    for each in [*seeds, *[None] * jobs]:
        waiting.put(each)
    with _players(min(jobs, len(seeds)), waiting, ended, actions) as players:
        for _ in seeds:
            while True:
                try:
                    yield ended.get(timeout=1.0)
                    break
                except queue.Empty:
                    if not any(player.is_alive() for player in players):
                        return


@contextmanager
def _players(jobs: int, waiting: Any, ended: Any, actions: int) -> Iterator[list[SpawnProcess]]:
    players = [_SPAWNED.Process(target=_play, args=(waiting, ended, actions)) for _ in range(jobs)]
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


def _play(waiting: Any, ended: Any, actions: int) -> None:
    """One job: seeds on a stage of its own, until none waits."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the stage is cleared all the same
    configure(level=logging.CRITICAL)
    logging.disable(logging.CRITICAL)  # the sandbox's server tells of each fault that it was asked for
    with stage() as own:
        for seed in iter(waiting.get, None):
            try:
                ended.put((seed, Campaign(seed, own, actions).run()))
            except Exception:  # noqa: BLE001 - a seed that cannot be judged is a finding, and the others go on
                ended.put((seed, traceback.format_exc()))
