"""`python -m tests.faults --seeds 200`: the fault campaign, a line a seed; then what was met, and what was wrong.

Ends with 1 where a seed is not clean, or a required cell was hit too seldom. Verdicts are kept in `.campaign/`: the
same command goes on where it stopped. A failing seed is shrunk to the shortest list of actions that still fails.
"""

import argparse
import os
import signal
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.faults.campaign import ACTIONS, Verdict
from tests.faults.coverage import ENOUGH, REQUIRED, Cell, cell, short, tables
from tests.faults.disk import small_disk
from tests.faults.judging import BOUNDS
from tests.faults.kept import Kept, saved
from tests.faults.players import Ended, Task, ended_on, every, quietly
from tests.faults.shrinking import shrunk
from tests.faults.stage import stage

SHRUNK = 2
"""So many failing seeds are shrunk, the first ones: each takes minutes."""
TRIES = 24
SAFETY = ("lost", "doubled", "resurrected", "stale", "foreign", "currency", "altered")
LIVENESS = ("stuck", "parked", "hot", "grown")
WIDTH = 150


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its jobs end with it
    console = Console(soft_wrap=True, highlight=False)
    if options.replay or options.seed is not None:
        return _replay(console, options)
    return _Run(console, options).play()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=2, help="how many side by side, each with its own PostgreSQL")
    parser.add_argument("--actions", type=int, default=ACTIONS, help=f"what happens in a seed (default {ACTIONS})")
    parser.add_argument("--minutes", type=float, help="begin no seed after that time; the next run goes on")
    parser.add_argument("--anew", action="store_true", help="forget what is kept of these seeds")
    parser.add_argument("--no-shrink", action="store_true", help="leave failing seeds as long as they are")
    parser.add_argument("--replay", type=Path, help="play the actions of a file of .campaign/, and shrink them")
    parser.add_argument("--seed", type=int, help="play one seed, with --cells; nothing is kept")
    parser.add_argument("--cells", default="", help="cells to aim at, separated by commas, as a failing seed prints")
    return parser.parse_args()


class _Run:
    """Many seeds, and the report on all of them."""

    def __init__(self, console: Console, options: argparse.Namespace) -> None:
        self._console, self._options = console, options
        self._seeds = range(options.first, options.first + options.seeds)
        self._kept = Kept(options.actions)
        self._verdicts = {} if options.anew else {each.seed: each for each in self._kept.verdicts(self._seeds)}
        self._counts = sum((each.cells for each in self._verdicts.values()), Counter[Cell]())
        self._broken = list[int]()
        self._failed = list[Ended]()
        self._without = _out_of_reach()
        self._ends = time.monotonic() + options.minutes * 60 if options.minutes else None

    def play(self) -> int:
        if self._verdicts:
            self._console.print(f"{len(self._verdicts)} of {len(self._seeds)} seeds are kept from earlier runs")
        left = [seed for seed in self._seeds if seed not in self._verdicts]
        with _progress(self._console) as progress:
            bar = progress.add_task("seeds", total=len(left))
            for ended in every((partial(self._task, seed) for seed in left), min(self._options.jobs, len(left))):
                self._take(ended, progress.console)
                progress.advance(bar)
        if not self._options.no_shrink:
            for ended in self._failed[:SHRUNK]:
                _shrink(self._console, ended, self._kept)
        return self._report()

    def _task(self, seed: int) -> Task | None:
        if self._ends is not None and time.monotonic() > self._ends:
            return None
        return Task(seed, short(self._counts, self._without), self._options.actions)

    def _take(self, ended: Ended, console: Console) -> None:
        seed = ended.task.seed
        if not isinstance(ended.verdict, Verdict):
            self._broken.append(seed)
            console.print(f"seed {seed:>4}  [red]broken[/]\n{ended.verdict}", markup=True)
            return
        self._verdicts[seed] = ended.verdict
        self._counts += ended.verdict.cells
        path = self._kept.keep(ended.verdict, ended.task.cells, ended.actions)
        console.print(_line(ended.verdict))
        if not ended.verdict.is_clean:
            self._failed.append(ended)
            console.print(f"           replay: python -m tests.faults --replay {path.relative_to(Path.cwd())}")

    def _report(self) -> int:
        verdicts = [self._verdicts[seed] for seed in sorted(self._verdicts)]
        wide = Console(highlight=False, width=max(self._console.width, WIDTH))
        for table in tables(self._counts):
            wide.print(table)
        lacking = short(self._counts, self._without)
        self._console.print(
            f"{len(REQUIRED) - len(lacking) - len(self._without)} of {len(REQUIRED)} required cells hit {ENOUGH} times"
        )
        for each in self._without:
            self._console.print(f"  out of reach on this machine: {each}")
        if lacking:
            self._console.print(f"[red]too seldom:[/] {', '.join(f'{each} {self._counts[each]}' for each in lacking)}")
        seconds = sum(each.seconds for each in verdicts) / max(len(verdicts), 1)
        self._console.print(f"{len(verdicts)} seeds, {seconds:.0f} s each: {_sums(verdicts)}")
        for what, bound in BOUNDS.items():
            most = max((each.peaks.get(what, 0) for each in verdicts), default=0)
            self._console.print(f"  at most {most} {what}; the bound is {bound}")
        bad = [each.seed for each in verdicts if not each.is_clean]
        unplayed = len(self._seeds) - len(verdicts) - len(self._broken)
        self._console.print(f"not clean {bad}; broken {sorted(self._broken)}; not played {unplayed}")
        return 1 if lacking or bad or self._broken or unplayed else 0


def _out_of_reach() -> set[Cell]:
    """Cells that this machine cannot reach: only root may mount a disk to fill."""
    with small_disk() as disk:
        return set() if disk is not None else {Cell("state", "disk full", "")}


def _progress(console: Console) -> Progress:
    """A bar on a terminal; nothing where the lines go elsewhere."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _line(verdict: Verdict) -> str:
    colour = "green" if verdict.is_clean else "red"
    details = "".join(f"\n           {each}" for each in verdict.found).replace("[", r"\[")
    return f"seed {verdict.seed:>4}  [{colour}]{_sums([verdict])}[/]  {verdict.seconds:.0f} s{details}"


def _sums(verdicts: list[Verdict]) -> str:
    safety, liveness = (
        sum((getattr(each, name) for each in verdicts), Counter[str]()) for name in ("safety", "liveness")
    )
    parts = ["safe" if not +safety else " ".join(f"{name} {safety[name]}" for name in SAFETY if safety[name])]
    parts.append(
        "alive" if not +liveness else " ".join(f"{name} {liveness[name]}" for name in LIVENESS if liveness[name])
    )
    parts.append(f"missed by the ordinary way {sum(each.missed for each in verdicts)}")
    parts.append(f"left to the heal {sum(each.healed for each in verdicts)}")
    parts += [f"died {died}"] if (died := sum(each.died for each in verdicts)) else []
    return "  ".join([*parts, f"{sum(each.calls for each in verdicts)} calls"])


# -- one seed --------------------------------------------------------------------------------------------------------


def _replay(console: Console, options: argparse.Namespace) -> int:
    if options.replay:
        seed, cells, actions = saved(options.replay)
        task = Task(seed, cells, actions=actions)
    else:
        cells = [cell(each) for each in options.cells.split(",") if each]
        task = Task(options.seed, cells, options.actions)
    quietly()
    with stage() as own:
        ended = ended_on(own, task)
    if isinstance(ended.verdict, str):
        console.print(ended.verdict, markup=False)
        return 1
    console.print(_line(ended.verdict))
    if not ended.verdict.is_clean and not options.no_shrink:
        _shrink(console, ended, Kept(len(ended.actions)))
    return 0 if ended.verdict.is_clean else 1


def _shrink(console: Console, ended: Ended, kept: Kept) -> None:
    """Play fewer and fewer of the actions, on a stage of our own; print and save the shortest that fails."""
    seed = ended.task.seed
    console.print(f"seed {seed}: looking for the shortest that fails, {TRIES} tries at most")
    quietly()
    with stage() as own:

        def fails(actions: object) -> bool:
            verdict = ended_on(own, Task(seed, actions=actions)).verdict  # type: ignore[arg-type]
            failed = not isinstance(verdict, Verdict) or not verdict.is_clean
            console.print(f"           {len(actions)} actions: {'fail' if failed else 'are clean'}")  # type: ignore[arg-type]
            return failed

        if not fails(ended.actions):
            console.print(f"seed {seed}: the same actions were clean this time; it is a matter of timing")
            return
        shortest = shrunk(ended.actions, fails, TRIES)
    path = kept.save(kept.shortest(seed), seed, ended.task.cells, shortest)
    console.print(f"seed {seed}: {len(shortest)} actions still fail: {os.path.relpath(path)}")
    for action in shortest:
        console.print(f"           {action.name} {action.facts}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
