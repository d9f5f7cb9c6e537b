"""One run of one data set: read, map, write; each a thread's width ahead of the next."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from structlog.contextvars import bound_contextvars, get_contextvars

from core.database import connect
from core.errors import BrakeError
from core.logging import logger
from domain.common.errors import HubError
from pipelines.sync.ahead import ahead
from pipelines.sync.clock import DatabaseClock
from pipelines.sync.dataset import Dataset, Page, ReadRequest, Row, Source
from pipelines.sync.due import due_parents
from pipelines.sync.mapping import map_page
from pipelines.sync.merge import Merged
from pipelines.sync.progress import Progress, tell
from pipelines.sync.store import MappedPage, Store
from pipelines.sync.writing import write_page

log = logger(__name__)


@dataclass
class Outcome:
    """What a run read and wrote, in rows; `seconds` of wall time; `as_of` where everything was read."""

    dataset: str
    read: int = 0
    merged: Merged = field(default_factory=Merged)
    quarantined: int = 0
    unknown_labels: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    position: dict[str, object] = field(default_factory=dict)

    def add(self, mapped: MappedPage, merged: Merged) -> None:
        self.read += len(mapped.page.rows) + len(mapped.page.failures)
        self.merged += merged
        self.quarantined += len(mapped.failures)
        for label, count in mapped.unknown_labels.items():
            self.unknown_labels[label] = self.unknown_labels.get(label, 0) + count
        if not mapped.page.partial:
            self.position = dict(mapped.page.position)


def run(
    dataset: Dataset,
    source: Source,
    database_url: str,
    *,
    full: bool = False,
    allow_deletions: bool = False,
    dagster_run_id: str | None = None,
) -> Outcome:
    """Bring one data set up to date, from where the last run stopped; `full` reads it from the start.

    After a run that was killed, two pages at most are asked for again: the one it was writing, and the one fetched
    meanwhile. Raises whatever reading or writing raised, after the run's failure is recorded; what was written until
    then stays. BrakeError: it would delete too much of a table.
    """
    outcome = Outcome(dataset.name)
    started = time.monotonic()
    with ExitStack() as stack:
        connection = stack.enter_context(connect(database_url, name=f"sync {dataset.name}"))
        store = Store(connection, dataset, settings=source.settings, allow_deletions=allow_deletions)
        # Every call a run makes at its source carries the run's id, unless whoever asked for the run named one.
        request_id = get_contextvars().get("request_id", str(store.run_id))
        stack.enter_context(bound_contextvars(request_id=request_id))
        position, now = store.open(mode="full" if full else "incremental", dagster_run_id=dagster_run_id)
        due = stack.enter_context(_due(dataset, database_url))
        clock = DatabaseClock(now)
        request = ReadRequest(source, position={} if full else position, full=full, due=due, now=clock)
        mapped_pages = (map_page(dataset, page, source.vocabulary) for page in dataset.read(request))
        try:
            last = _write_all(dataset, mapped_pages, store, outcome, source.vocabulary)
        except BaseException as error:
            store.close(error=safe(error), as_of=None, brake=isinstance(error, BrakeError))
            tell(Progress(dataset.name, outcome.read, None, done=True, failed=True))
            raise
        store.close(error=None, as_of=(last.known_since or now) if last is not None and last.complete else None)
    outcome.seconds = time.monotonic() - started
    tell(Progress(dataset.name, outcome.read, outcome.read, done=True))
    _report(outcome)
    return outcome


def _write_all(
    dataset: Dataset, mapped_pages: Iterator[MappedPage], store: Store, outcome: Outcome, vocabulary: Any
) -> Page | None:
    """Write every page; the last of them."""
    last = None
    with closing(ahead(mapped_pages)) as pages:
        for mapped in pages:
            for written, merged in write_page(store, dataset, mapped, vocabulary):
                outcome.add(written, merged)
            last = mapped.page
            tell(Progress(dataset.name, outcome.read, mapped.page.expected))
    return last


@contextmanager
def _due(dataset: Dataset, database_url: str) -> Iterator[Iterator[Row]]:
    """The parents that are due, on a connection of their own, which the reading thread uses while ours writes."""
    if dataset.details is None:
        yield iter(())
        return
    with connect(database_url, name=f"due {dataset.name}") as connection:
        yield due_parents(connection, dataset.details)


def _report(outcome: Outcome) -> None:
    log.info(
        "dataset.synced",
        dataset=outcome.dataset,
        read=outcome.read,
        inserted=outcome.merged.inserted,
        updated=outcome.merged.updated,
        unchanged=outcome.merged.unchanged,
        deleted=outcome.merged.deleted,
        quarantined=outcome.quarantined,
        unknown_labels=sum(outcome.unknown_labels.values()),
        seconds=round(outcome.seconds, 3),
    )


def safe(error: BaseException) -> str:
    """What may be kept of an error: our own texts hold no data; a library's (a driver's above all) may."""
    return str(error)[:500] if isinstance(error, HubError) else type(error).__name__
