"""`python -m tests.attack`: every attack on a stack of its own, a line each; 1 where a promise was broken."""

import argparse
import fnmatch
import logging
import sys
from collections import Counter
from contextlib import nullcontext

import structlog
from rich.console import Console
from rich.table import Table

from tests.attack import attacks as _all  # registers them
from tests.attack.suite import ATTACKS, Attack, Outcome, tried
from tests.attack.target import NotLoopbackError, own_target, running_target

COLOURS = {"held": "green", "broken": "red", "untried": "yellow"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--list", action="store_true", help="say what there is, and try nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="these alone; * stands for anything")
    parser.add_argument("--quick", action="store_true", help="those that the test run tries too")
    parser.add_argument(
        "--api",
        metavar="URL",
        help="an API that runs on this machine, instead of a stack of its own; "
        "API_JWT_KEY signs the tokens, HUB_CUSTOMERS names two customers by comma",
    )
    options = parser.parse_args()
    chosen = [each for each in ATTACKS.values() if _is_wanted(each, options.only, quick=options.quick)]
    console = Console(soft_wrap=True, highlight=False)
    # What the hub logs while it is attacked would hide what came of it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if not chosen:
        parser.error("no attack has that name; --list names them")
    if options.list:
        _show(console, chosen)
        return 0
    try:
        target = nullcontext(running_target(options.api)) if options.api else own_target()
    except (NotLoopbackError, KeyError) as error:
        parser.error(str(error))
    outcomes = []
    with target as found:
        for outcome in tried(chosen, found):
            outcomes.append(outcome)
            console.print(_line(outcome))
    counted = Counter(each.verdict for each in outcomes)
    console.print(f"{counted['held']} held, {counted['broken']} broken, {counted['untried']} could not be tried")
    return 0 if counted["held"] == len(outcomes) else 1


def _is_wanted(each: Attack, only: list[str] | None, *, quick: bool) -> bool:
    named = only is None or any(fnmatch.fnmatchcase(each.name, pattern) for pattern in only)
    return named and (each.quick or not quick)


def _show(console: Console, chosen: list[Attack]) -> None:
    table = Table("attack", "item", "quick", "promise", box=None)
    for each in chosen:
        table.add_row(each.name, each.item, "yes" if each.quick else "", each.about)
    console.print(table)


def _line(outcome: Outcome) -> str:
    mark = f"[{COLOURS[outcome.verdict]}]{outcome.verdict:<7}[/]"
    item = outcome.attack.item if outcome.attack.item == "held" else f"14.{outcome.attack.item}"
    what = outcome.what.replace("[", r"\[")
    return f"{mark} {outcome.attack.name:<32} {item:<6} {outcome.seconds:5.1f} s  {what}"


if __name__ == "__main__":
    assert _all
    sys.exit(main())
