"""Reading single records again: what events, webhooks, wishes and drift come down to."""

from typing import Any

from psycopg import Connection

from pipelines.sync.dataset import Dataset, ReadRequest, Selection, Source
from pipelines.sync.due import chosen_parents
from pipelines.sync.mapping import map_page
from pipelines.sync.merge import Merged
from pipelines.sync.store import EVENTS, Store


class Rereader:
    """Brings named records of one data set up to date, over a connection that stays warm. One thread at a time.

    Holds the data set's lane for events from its making until `close`, so there is one at a time in all processes.
    """

    def __init__(self, connection: Connection[Any], dataset: Dataset, source: Source) -> None:
        self._connection = connection
        self._dataset = dataset
        self._source = source
        self._store = Store(connection, dataset)
        self._store.open(mode=EVENTS)

    def read(self, only: Selection) -> Merged:
        """Ask the source for the records, and write what differs; a record that it no longer has is marked deleted.

        Raises:
            SourceError: the source did not tell; pages written until then stay.
        """
        row = self._connection.execute("SELECT clock_timestamp()").fetchone()
        self._connection.commit()
        if row is None:
            raise AssertionError
        now = row[0]
        details = self._dataset.details
        due = chosen_parents(self._connection, details, only) if details is not None else ()
        request = ReadRequest(self._source, position={}, full=False, due=due, only=only, now=lambda: now)
        merged = Merged()
        for page in (self._dataset.read_some or self._dataset.read)(request):
            if page.rows or page.failures or page.gone:
                merged += self._store.write(map_page(self._dataset, page, self._source.vocabulary))
        return merged

    def close(self, error: str | None = None) -> None:
        self._store.close(error=error, as_of=None)
