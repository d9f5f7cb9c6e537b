"""`python -m tests.faults --seeds 200`: the fault campaign, a line a seed, a report at the end."""

import argparse
import logging
import sys
import tempfile
import traceback
from dataclasses import asdict
from types import SimpleNamespace

from rich.console import Console
from rich.table import Table

from bench.database import TEMPLATE, as_role, fresh, server
from core.logging import configure
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.faults.campaign import Campaign, Verdict

COUNTED = ("lost", "duplicated", "resurrected", "stale", "wrong_tenant", "healed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed (default 1)")
    options = parser.parse_args()
    configure(level=logging.CRITICAL)
    logging.disable(logging.CRITICAL)  # the sandbox's server tells of each fault that it was asked for
    console, verdicts, broken = Console(), list[Verdict](), list[int]()
    config = Config(customers=12, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    with server() as url, start(config) as sandbox:
        for seed in range(options.first, options.first + options.seeds):
            try:
                verdicts.append(_played(seed, sandbox, url))
                console.print(_line(verdicts[-1]))
            except Exception:  # noqa: BLE001 - a seed that cannot be judged is a finding, and the others go on
                broken.append(seed)
                console.print(f"seed {seed:>4}  [red]broken[/]")
                traceback.print_exc(file=sys.stderr)
    _report(console, verdicts, broken)
    return 0 if not broken and all(verdict.is_clean for verdict in verdicts) else 1


def _played(seed: int, sandbox: RunningSandbox, url: str) -> Verdict:
    with fresh(url, f"campaign_{seed}", template=TEMPLATE) as own, tempfile.TemporaryDirectory() as home:
        database = SimpleNamespace(owner=own, sync=as_role(own, "hub_sync"), api=as_role(own, "hub_api"))
        return Campaign(seed, sandbox, database).run(home)


def _line(verdict: Verdict) -> str:
    found = "  ".join(f"{name} {getattr(verdict, name)}" for name in COUNTED)
    colour = "green" if verdict.is_clean else "red"
    drifted = f"  {'; '.join(verdict.drifted)}" if verdict.drifted else ""
    return f"seed {verdict.seed:>4}  [{colour}]{found}[/]  {verdict.seconds:.0f} s{drifted}"


def _report(console: Console, verdicts: list[Verdict], broken: list[int]) -> None:
    table = Table("", *COUNTED, title=f"{len(verdicts)} seeds", title_justify="left")
    table.add_row("rows in all", *(str(sum(getattr(each, name) for each in verdicts)) for name in COUNTED))
    console.print(table)
    done: dict[str, int] = {}
    for verdict in verdicts:
        for name, times in asdict(verdict)["actions"].items():
            done[name] = done.get(name, 0) + times
    console.print("done: " + ", ".join(f"{name} {times}" for name, times in sorted(done.items())))
    bad = [verdict.seed for verdict in verdicts if not verdict.is_clean]
    console.print(f"seeds {[verdict.seed for verdict in verdicts]}; not clean {bad}; broken {broken}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
