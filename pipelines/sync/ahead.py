"""Read-ahead: a thread makes the next item while its consumer still works on the last one."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """The same items in the same order; a thread of its own makes the next one while the last is used.

    One item at most is made before its use: what was made and not used (a page fetched before a kill) has to be made
    again. An error in the iterable is raised here, after the items before it. Closing the generator stops the thread.
    """
    coming, context = iter(items), copy_context()

    def make() -> list[Item]:
        """The next item alone; nothing where there are no more."""
        return list(islice(coming, 1))

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        making = thread.submit(context.run, make)
        while made := making.result():
            making = thread.submit(context.run, make)
            yield from made
