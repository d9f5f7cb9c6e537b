"""`python -m tests.faults --seeds 200`: the fault campaign, a line a seed, a report at the end."""

import argparse
import signal
import sys
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.faults.campaign import ACTIONS, Verdict
from tests.faults.players import played

COUNTED = ("lost", "duplicated", "resurrected", "stale", "wrong_tenant", "stuck", "healed", "died")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=2, help="how many side by side, each with its own PostgreSQL")
    parser.add_argument("--actions", type=int, default=ACTIONS, help=f"what happens in a seed (default {ACTIONS})")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its jobs end with it
    console = Console(soft_wrap=True, highlight=False)
    seeds = range(options.first, options.first + options.seeds)
    verdicts, broken = list[Verdict](), list[int]()
    with _progress(console) as progress:
        bar = progress.add_task("seeds", total=len(seeds))
        for seed, verdict in played(seeds, options.jobs, options.actions):
            progress.advance(bar)
            if isinstance(verdict, Verdict):
                verdicts.append(verdict)
                progress.console.print(_line(verdict))
            else:
                broken.append(seed)
                progress.console.print(f"seed {seed:>4}  [red]broken[/]\n{verdict}")
    _report(console, sorted(verdicts, key=lambda verdict: verdict.seed), sorted(broken))
    return 0 if not broken and len(verdicts) == len(seeds) and all(verdict.is_clean for verdict in verdicts) else 1


def _progress(console: Console) -> Progress:
    """A bar on a terminal; nothing where the lines go elsewhere."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _line(verdict: Verdict) -> str:
    found = "  ".join(f"{name} {getattr(verdict, name)}" for name in COUNTED)
    colour = "green" if verdict.is_clean else "red"
    details = "".join(f"\n           {each}" for each in verdict.found)
    return f"seed {verdict.seed:>4}  [{colour}]{found}[/]  {verdict.seconds:.0f} s{details}"


def _report(console: Console, verdicts: list[Verdict], broken: list[int]) -> None:
    sums = "  ".join(f"{name} {sum(getattr(each, name) for each in verdicts)}" for name in COUNTED)
    seconds = sum(verdict.seconds for verdict in verdicts) / max(len(verdicts), 1)
    console.print(f"{len(verdicts)} seeds  {sums}  {seconds:.0f} s each")
    done = sum((verdict.done for verdict in verdicts), Counter[str]())
    console.print("done: " + ", ".join(f"{name} {times}" for name, times in sorted(done.items())))
    bad = [verdict.seed for verdict in verdicts if not verdict.is_clean]
    console.print(f"seeds {[verdict.seed for verdict in verdicts]}; not clean {bad}; broken {broken}")


if __name__ == "__main__":
    sys.exit(main())
