"""All or nothing: what several writes did to the overlay is undone when one of them fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.salesforce.objects import OBJECTS
from sandbox.salesforce.table import SYSTEM
from sandbox.state import State


@dataclass
class Attempt:
    """Set `failed` and nothing of the attempt remains."""

    failed: bool = False


@contextmanager
def rolled_back_on_failure(state: State, *, active: bool = True) -> Iterator[Attempt]:
    """Undoes all changes to Salesforce records made inside, when active and the attempt failed."""
    overlay, noted = state.overlay, len(state.ledger)
    before = {d.name: dict(overlay.changed(SYSTEM, d.name)) for d in OBJECTS.values()} if active else {}
    attempt = Attempt()
    yield attempt
    if attempt.failed:
        if active:
            state.ledger.back_to(noted)
        for kind, changes in before.items():
            kept = overlay.changed(SYSTEM, kind)
            kept.clear()
            kept.update(changes)
