"""Doing the next thing while the last one is being written."""

import queue
import threading
from collections.abc import Generator, Iterable
from contextvars import copy_context
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _End:
    """The last thing offered: the iterable ended, or broke."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Ahead(Generic[Item]):
    """Items made early, and the wish to have no more of them."""

    def __init__(self, depth: int) -> None:
        self.made: queue.Queue[Item | _End] = queue.Queue(maxsize=depth)
        self.stopped = threading.Event()

    def offer(self, thing: Item | _End) -> bool:
        """Wait until there is room; false when nobody wants any more."""
        while not self.stopped.is_set():
            try:
                self.made.put(thing, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                if not self.offer(item):
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again in the consumer's thread
            self.offer(_End(error))
        else:
            self.offer(_End())


def ahead(items: Iterable[Item], *, depth: int = 1) -> Generator[Item, None, None]:
    """The same items in the same order, made by a thread of its own up to `depth` before they are asked for.

    An error in the iterable is raised here, after the items before it. Closing the generator stops the thread.
    """
    early: _Ahead[Item] = _Ahead(depth)
    context = copy_context()
    thread = threading.Thread(target=lambda: context.run(early.make, items), name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := early.made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        early.stopped.set()
        thread.join()
