"""Trying quarantined rows again, after a mapper or a source was mended."""

from dataclasses import dataclass
from typing import Any

from pipelines.sync.dataset import Dataset, Page, Source
from pipelines.sync.details import make_due
from pipelines.sync.mapping import map_page
from pipelines.sync.quarantine import quarantined
from pipelines.sync.refresh import request_refresh
from pipelines.sync.session import open_session
from sql.tables.sync import Mode


@dataclass(frozen=True)
class Retried:
    """What trying again did, in rows: taken into the hub, refused again, or left for the next run to read again."""

    taken: int = 0
    refused: int = 0
    requested: int = 0


def retry(dataset: Dataset, source: Source[Any, Any], database_url: str) -> Retried:
    """Map the data set's quarantined rows again, with today's mapper, and write those that can be represented.

    Asks the source for nothing: of `source`, the settings are used. Details read by call are requested again by the
    next run instead: their parent becomes due. So are records that came without a payload, by the worker.
    """
    with open_session(dataset, source, database_url, name="quarantine") as session:
        rows = quarantined(session.connection, dataset=dataset.name)
        if dataset.details is not None:
            make_due(session.connection, dataset.details, [row.source_id for row in rows])
            return Retried(requested=len(rows))
        # What its source could not hand over came without a payload: it is requested by its id again.
        unread = [row.source_id for row in rows if not row.payload and row.source_id.isalnum()]
        if unread:
            request_refresh(session.connection, dataset.name, unread)
        session.connection.commit()
        if not any(row.payload for row in rows):
            return Retried(requested=len(unread))
        with session.running(Mode.QUARANTINE):
            # Once more, for we may have waited hours for the lock. What changed since a row was sent is newer than it.
            rows = [row for row in quarantined(session.connection, dataset=dataset.name) if row.payload]
            session.connection.commit()
            sent_at = min((row.last_seen_at for row in rows), default=None)
            page = Page(rows=[row.payload for row in rows], position={}, requested_at=sent_at)
            mapped = map_page(dataset, page, source.vocabulary)
            parts = [part for part, _ in session.write(mapped)]
    return Retried(
        taken=sum(len(part.mapped_ids) for part in parts),
        refused=sum(len(part.failures) for part in parts),
        requested=len(unread),
    )
