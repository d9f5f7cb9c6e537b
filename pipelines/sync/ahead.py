"""Read-ahead: a thread makes the next item while its consumer still works on the last one."""

import threading
from collections.abc import Generator, Iterable
from contextvars import copy_context
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Ended:
    """Stands for the end of the items: there are no more, or making the next one raised `error`."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Ahead(Generic[Item]):
    """The hand-over between the two threads: one item at most is made ahead of its use.

    No more than one, because what was made and not used (a page fetched before a kill) has to be made again.
    """

    def __init__(self) -> None:
        self.wanted = threading.Semaphore(1)
        self.made = threading.Semaphore(0)
        self.item: Item | _Ended = _Ended()
        self.stopped = False

    def make(self, items: Iterable[Item]) -> None:
        coming = iter(items)
        ended: _Ended | None = None
        while ended is None:
            self.wanted.acquire()
            if self.stopped:
                return
            try:
                self.item = next(coming)
            except StopIteration:
                self.item = ended = _Ended()
            except BaseException as error:  # noqa: BLE001 - it is raised again in the consumer's thread
                self.item = ended = _Ended(error)
            self.made.release()


def ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """The same items in the same order; a thread of its own makes the next one while the last is used.

    An error in the iterable is raised here, after the items before it. Closing the generator stops the thread.
    """
    early: _Ahead[Item] = _Ahead()
    context = copy_context()
    thread = threading.Thread(target=lambda: context.run(early.make, items), name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            early.made.acquire()
            item = early.item
            early.wanted.release()
            if isinstance(item, _Ended):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        early.stopped = True
        early.wanted.release()
        thread.join()
