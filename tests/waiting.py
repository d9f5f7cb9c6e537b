"""Waiting for a condition: a test never sleeps for a time that should suffice."""

import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = float(os.environ.get("TESTS_PATIENCE_SECONDS", "120"))
"""What a busy machine may take for anything here; an idle one takes a moment. Whoever plants bugs has less patience."""
LOOK_EVERY_SECONDS = 0.01


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it gives something; a failure if it never does."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not come to hold"
        time.sleep(LOOK_EVERY_SECONDS)
    return found
