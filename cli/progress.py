"""How far a sync has come: bars on a terminal, a line per finished data set in a pipe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.output import console, counted
from pipelines.sync import progress


@contextmanager
def shown(*, silent: bool = False) -> Iterator[None]:
    """Show every data set that is read in this process. On standard error, for the result is on standard output."""
    if silent:
        yield
    elif sys.stderr.isatty():
        with _bars() as bars, progress.listening(Bars(bars).show):
            yield
    else:
        with progress.listening(_line):
            yield


class Bars:
    """One bar per data set, in the order in which they begin."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, step: progress.Progress) -> None:
        if step.dataset not in self._tasks:
            self._tasks[step.dataset] = self._bars.add_task(step.dataset, total=None)
        task = self._tasks[step.dataset]
        if step.failed:
            self._bars.update(task, description=f"[red]{step.dataset} failed[/red]", completed=step.rows)
            self._bars.stop_task(task)
        elif step.done:
            self._bars.update(task, completed=step.rows, total=step.rows)
            self._bars.stop_task(task)
        else:
            self._bars.update(task, completed=step.rows, total=step.expected)


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description:<26}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
    )


def _line(step: progress.Progress) -> None:
    if step.done:
        # Somebody else may have brought it up to date just before: in a first sync, the events' worker.
        found = counted(step.rows, "row", "rows") if step.rows or step.failed else "nothing new"
        print(f"{step.dataset}: {found}{', failed' if step.failed else ''}", file=sys.stderr, flush=True)  # noqa: T201
