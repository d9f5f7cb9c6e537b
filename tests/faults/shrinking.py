"""The shortest sequence that still fails: parts of the actions are left out, as long as what is left fails."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def shrunk(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool], at_most: int) -> list[Item]:
    """Items that still fail, none of which could be left out; or what is reached after so many tries.

    Delta debugging (Zeller and Hildebrandt 2002): halves, then quarters, and so on to single items.
    """
    left, parts, tries = list(items), 2, 0
    while len(left) > 1 and tries < at_most:
        size = -(-len(left) // parts)
        for start in range(0, len(left), size):
            fewer = left[:start] + left[start + size :]
            tries += 1
            if fewer and fails(fewer):
                left, parts = fewer, max(parts - 1, 2)
                break
            if tries >= at_most:
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(left))
    return left
