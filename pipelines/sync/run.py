"""One run of one data set: each page is read and mapped while the one before it is written."""

import time
from dataclasses import dataclass, field
from typing import Any

from core.logging import logger
from pipelines.sync.dataset import Dataset, MappedPage, Source
from pipelines.sync.merged import Merged
from pipelines.sync.session import open_session
from sql.tables.sync import Mode

log = logger(__name__)


@dataclass
class Outcome:
    """What a run read and wrote, in rows; `seconds` of wall time; `position`: where the reader stands."""

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
    source: Source[Any, Any],
    database_url: str,
    *,
    full: bool = False,
    allow_deletions: bool = False,
    dagster_run_id: str | None = None,
) -> Outcome:
    """Bring one data set up to date, from where the last run stopped; `full` reads it from the start.

    After a run that was killed, two pages at most are requested again: the one it was writing, and the one fetched
    meanwhile. Raises whatever reading or writing raised, after the run's failure is recorded; what was written until
    then stays. BrakeError: it would delete too much of a table.
    """
    outcome = Outcome(dataset.name)
    started = time.monotonic()
    mode = Mode.FULL if full else Mode.INCREMENTAL
    with (
        open_session(dataset, source, database_url, name="sync") as session,
        session.running(mode, allow_deletions=allow_deletions, dagster_run_id=dagster_run_id) as this,
        session.pages(position={} if full else session.position, full=full) as pages,
    ):
        last = None
        for mapped in pages:
            for written, merged in session.write(mapped):
                outcome.add(written, merged)
            last = mapped.page
        if last is not None and last.complete:
            this.as_of = last.known_since or session.began
    outcome.seconds = time.monotonic() - started
    _report(outcome)
    return outcome


def _report(outcome: Outcome) -> None:
    log.info(
        "dataset.synced",
        dataset=outcome.dataset,
        read=outcome.read,
        **outcome.merged.counts(),
        quarantined=outcome.quarantined,
        unknown_labels=sum(outcome.unknown_labels.values()),
        seconds=round(outcome.seconds, 3),
    )
