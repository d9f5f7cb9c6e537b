"""`python -m tests.mutants`: plants bugs one at a time and says which of them the tests notice; a line each, a table.

Verdicts are kept in .mutants/: a second run goes on where the first ended, and tries again what has changed.
"""

import argparse
import difflib
import fnmatch
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import sqrt
from queue import SimpleQueue

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.mutants.kept import Kept
from tests.mutants.mutant import ROOT, Mutant, Outcome
from tests.mutants.planting import Tree, planted
from tests.mutants.tool import made
from tests.mutants.written import MisfitError, written

COLOURS = {"killed": "green", "hung": "green", "survived": "red", "broken": "yellow"}
TARGETS = {"written": 0.97, "tool": 0.85}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "source", nargs="?", choices=("written", "tool"), default="written", help="whose bugs (written)"
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="when to begin no other (default 60)")
    parser.add_argument("--jobs", type=int, default=2, help="how many side by side (default 2)")
    parser.add_argument("--only", action="append", metavar="ROOM/NAME", help="these alone; * stands for anything")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="TESTS",
        help="leave these test files out, such as 'tests/e2e/*', for a bound in less time; * stands for anything",
    )
    parser.add_argument("--again", action="store_true", help="forget what is known of them")
    parser.add_argument("--list", action="store_true", help="say what there is and what is known, and plant nothing")
    parser.add_argument("--show", action="store_true", help="show the patches, and plant nothing")
    options = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False)
    try:
        mutants = [
            each for each in (written() if options.source == "written" else made()) if _is_wanted(each, options.only)
        ]
    except MisfitError as misfit:
        console.print(f"these written bugs do not fit the code any more:\n{misfit}", markup=False)
        return 2
    except ImportError:
        parser.error("the mutation tool is not installed: `make mutants` does that")
    mutants = [_without_tests(each, options.without) for each in mutants if _is_wanted(each, options.only)]
    if not mutants:
        parser.error("none has that name; --list names them")
    if options.show:
        for each in mutants:
            console.print(_patch(each), markup=False)
        return 0
    kept = Kept()
    if options.again:
        kept.forget(mutants)
    if not options.list:
        _try_all(console, kept, mutants, options.jobs, time.monotonic() + options.minutes * 60)
    return _report(console, kept, mutants, TARGETS[options.source])


def _is_wanted(mutant: Mutant, only: list[str] | None) -> bool:
    return only is None or any(
        fnmatch.fnmatchcase(name, pattern) for pattern in only for name in (mutant.name, mutant.label)
    )


def _without_tests(mutant: Mutant, patterns: Sequence[str]) -> Mutant:
    left = [test for test in mutant.caught_by if not any(fnmatch.fnmatchcase(test, each) for each in patterns)]
    return replace(mutant, caught_by=tuple(left)) if left else mutant


def _patch(mutant: Mutant) -> str:
    before, after = (ROOT / mutant.file).read_text().splitlines(), mutant.text().splitlines()
    lines = difflib.unified_diff(before, after, mutant.file, mutant.file, n=1, lineterm="")
    return "\n".join([f"# {mutant.label}: {mutant.says}", *lines, ""])


def _try_all(console: Console, kept: Kept, mutants: Sequence[Mutant], jobs: int, ends: float) -> None:
    """Those that nothing is known of, until time is up; tests that are new are first run without a bug."""
    waiting = [each for each in mutants if kept.of(each) is None]
    clean, lock = _Clean(kept), threading.Lock()
    with _trees(min(jobs, max(len(waiting), 1))) as trees, ThreadPoolExecutor(jobs) as pool:

        def tried(mutant: Mutant) -> None:
            if time.monotonic() > ends:
                return
            tree = trees.get()
            try:
                outcome = clean.failure(tree, mutant) or tree.tried(mutant)
            finally:
                trees.put(tree)
            kept.keep(mutant, outcome)
            with lock:
                console.print(_line(mutant, outcome))

        list(pool.map(tried, waiting))


@contextmanager
def _trees(jobs: int) -> Iterator["SimpleQueue[Tree]"]:
    with ExitStack() as stack:
        trees = SimpleQueue[Tree]()
        for _ in range(jobs):
            trees.put(stack.enter_context(planted()))
        yield trees


class _Clean:
    """What tests say without a bug: found out once for the same tests, in whatever order."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._found: dict[tuple[str, ...], Outcome] = {}
        self._turns: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)

    def failure(self, tree: Tree, mutant: Mutant) -> Outcome | None:
        """Why nothing can be learnt: the mutant's tests fail as they are. Nothing where they pass."""
        tests = tuple(sorted(mutant.caught_by))
        with self._turns[tests]:
            if tests not in self._found:
                self._found[tests] = self._tested(tree, mutant.file, tests)
        found = self._found[tests]
        return None if found.verdict == "survived" else Outcome("broken", 0.0, f"fails without the bug: {found.what}")

    def _tested(self, tree: Tree, file: str, tests: tuple[str, ...]) -> Outcome:
        text = (ROOT / file).read_text()
        innocent = Mutant("clean", " ".join(tests), "", file, lambda: text, text, tests)
        known = self._kept.of(innocent)
        if known is None or known.verdict != "survived":  # a failure may have been the machine's
            known = tree.tested(tests)
            self._kept.keep(innocent, known)
        return known


def _line(mutant: Mutant, outcome: Outcome) -> str:
    mark = f"[{COLOURS[outcome.verdict]}]{outcome.verdict:<8}[/]"
    what = outcome.what.strip() or mutant.says
    return f"{mark} {outcome.seconds:5.1f} s  {escape(mutant.label)}  {escape(what)}"


def _report(console: Console, kept: Kept, mutants: Sequence[Mutant], target: float) -> int:
    """The table of rooms, what survived, and whether enough was noticed."""
    table = Table("room", "bugs", "tried", "killed", "survived", "harmless", "noticed", "95 % sure", box=None)
    for room in dict.fromkeys(each.room for each in mutants):
        table.add_row(room, *_counted(kept, [each for each in mutants if each.room == room]))
    table.add_section()
    table.add_row("all", *_counted(kept, mutants))
    console.print(table)
    for each in mutants:
        outcome = kept.of(each)
        if outcome and not outcome.is_noticed:
            console.print(f"survived  {escape(each.label)}  {escape(each.harmless or each.says)}")
    known = [(each, outcome) for each in mutants if (outcome := kept.of(each))]
    noticed = sum(outcome.is_noticed for _, outcome in known)
    unexplained = [each for each, outcome in known if not outcome.is_noticed and not each.harmless]
    is_good = bool(known) and noticed / len(known) >= target and (target == TARGETS["tool"] or not unexplained)
    return 0 if is_good else 1


def _counted(kept: Kept, mutants: Sequence[Mutant]) -> tuple[str, ...]:
    known = [(each, outcome) for each in mutants if (outcome := kept.of(each))]
    noticed = sum(outcome.is_noticed for _, outcome in known)
    survived = len(known) - noticed
    harmless = sum(bool(each.harmless) and not outcome.is_noticed for each, outcome in known)
    share = f"{noticed / len(known):.1%}" if known else ""
    numbers = (len(mutants), len(known), noticed, survived, harmless)
    return (*map(str, numbers), share, _interval(noticed, len(known)))


def _interval(noticed: int, tried: int) -> str:
    """Wilson's interval of a share: what a sample of this size says of all."""
    if not tried:
        return ""
    z, share = 1.96, noticed / tried
    middle = share + z * z / (2 * tried)
    half = z * sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    low, high = ((middle + sign * half) / (1 + z * z / tried) for sign in (-1, 1))
    return f"{low:.0%} to {high:.0%}"


if __name__ == "__main__":
    sys.exit(main())
