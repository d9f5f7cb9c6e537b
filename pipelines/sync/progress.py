"""Progress of runs, for whoever listens in this process (the bars of `hub sync`). Nobody has to listen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far one data set has come. `expected` rows where the source says; `done` once, at the end."""

    dataset: str
    rows: int
    expected: int | None
    done: bool = False
    failed: bool = False


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hand every step of every run in this process to `listener`, which must be quick."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell(progress: Progress) -> None:
    for listener in tuple(_listeners):
        listener(progress)
