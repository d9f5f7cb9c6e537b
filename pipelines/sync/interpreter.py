"""How Python shares its one interpreter among the threads of a run, and when it looks for garbage."""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PAGES = 8


@contextmanager
def working_by_page() -> Iterator[Callable[[], None]]:
    """While it lasts, the collector runs only when the function it gives has been called for a few pages.

    A page is tens of thousands of objects that all live until it is written and none of which is in a cycle; searched
    every few hundred allocations, as Python does by itself, they cost a first load a sixth of its time. The few cycles
    there are (an HTTP answer with its body) wait for a handful of pages, so memory stays flat. What is in the process
    already, Dagster above all, is left out of the search.

    The writing thread waits for the database several times a page, and each time for its turn again. Turns of a fifth
    of the usual length let a first load go a tenth faster.
    """
    pages = 0

    def page_done() -> None:
        nonlocal pages
        pages += 1
        if pages % PAGES == 0:
            gc.collect()

    # No search first: in a process as large as Dagster's it would cost each short run more than all of its work.
    gc.freeze()
    gc.disable()
    turn = sys.getswitchinterval()
    sys.setswitchinterval(turn / 5)
    try:
        yield page_done
    finally:
        sys.setswitchinterval(turn)
        gc.enable()
        gc.unfreeze()
