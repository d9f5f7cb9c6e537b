"""Workers of the sync that die at a given moment: `python -m tests.pipelines.sync.crashing`, see tests/dying.py.

Their moments are those of their calls, and before whatever is said to the database, each thread counted by itself.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from core.database import connect
from core.settings import HubSettings, load, url_as
from domain.common.identifiers import System
from pipelines.datasets import dataset_named
from pipelines.datasets.linking import say_apart, say_linked
from pipelines.events.worker import Applier, Tally
from pipelines.sources import calls, circuit
from pipelines.sources.connect import source_of
from pipelines.sync.heal import heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.run import run
from tests.dying import Moments, count_calls, count_statements, serve


def run_(url: str, *names: str) -> None:
    """Bring data sets up to date, one after the other."""
    for name in names:
        dataset = dataset_named(name)
        run(dataset, source_of(dataset.system), url)


def heal_(url: str, name: str) -> None:
    dataset = dataset_named(name)
    heal(dataset, source_of(dataset.system), url)


def reconcile_(url: str, name: str) -> list[dict[str, Any]]:
    """The drift that is found."""
    dataset = dataset_named(name)
    return [asdict(drift) for drift in reconcile(dataset, source_of(dataset.system), url)]


def apply_(url: str, system: System) -> None:
    """Apply what is in the inbox, once whoever led before is gone."""
    applier = Applier(system, source_of(system), url, Tally())
    while not applier.drain():
        pass


def say_(url: str, word: str, salesforce: str, whmcs: str) -> None:
    say = {"linked": say_linked, "apart": say_apart}[word]
    with connect(url, name="test") as connection:
        say(connection, salesforce, whmcs, by="ops", reason="a test")


WORKS: Mapping[str, Callable[..., Any]] = {
    "run": run_,
    "heal": heal_,
    "reconcile": reconcile_,
    "apply": apply_,
    "say": say_,
}


def work(moments: Moments, what: list[str]) -> object:
    """One worker's life."""
    # What is done now and then, by the clock, would be another moment each time.
    circuit._CHECK_AGAIN_SECONDS = circuit._RECORD_QUOTA_SECONDS = math.inf
    calls._WORTH_A_ROUND_TRIP_SECONDS = 0.0
    count_calls(moments)
    count_statements(moments)
    kind, *which = what
    brought = WORKS[kind](url_as(load(HubSettings), "hub_sync"), *which)
    moments.or_die("all is done")
    return brought


def thread() -> str:
    """A pool's threads are one role."""
    return threading.current_thread().name.partition("_")[0]


if __name__ == "__main__":
    serve(work, thread)
