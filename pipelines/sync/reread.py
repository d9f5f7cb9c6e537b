"""Reading single records again: what events, webhooks, wishes and drift come down to."""

from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from domain.common.identifiers import hub_id
from pipelines.sync.clock import DatabaseClock
from pipelines.sync.dataset import Dataset, ReadRequest, Selection, Source
from pipelines.sync.due import chosen_parents
from pipelines.sync.mapping import map_page
from pipelines.sync.merge import Merged
from pipelines.sync.store import EVENTS, Store
from pipelines.sync.writing import write_page

LONGEST_RUN = timedelta(days=1)
"""A reader lives as long as its worker. After a day it counts as another run, or what is deleted in months, a record at
a time, would pull the brake on deletions, and nothing but a restart would let it go."""


class Rereader:
    """Brings named records of one data set up to date, over a connection that stays warm. One thread at a time.

    Holds the data set's lane for events as long as its connection is open, so there is one at a time in all processes.
    """

    def __init__(self, connection: Connection[Any], dataset: Dataset, source: Source) -> None:
        self._connection = connection
        self._dataset = dataset
        self._source = source
        self._begin_run()

    def _begin_run(self) -> None:
        self._store = Store(self._connection, self._dataset, settings=self._source.settings)
        _, self._began = self._store.open(mode=EVENTS)

    def read(self, only: Selection) -> Merged:
        """Ask the source for the records, and write what differs; a record that it no longer has is marked deleted.

        Raises:
            SourceError: the source did not tell; pages written until then stay.
        """
        now = DatabaseClock.of(self._connection)
        if now() - self._began >= LONGEST_RUN:
            self.close()
            self._begin_run()
        details = self._dataset.details
        due = chosen_parents(self._connection, details, only) if details is not None else ()
        request = ReadRequest(
            self._source,
            position={},
            full=False,
            due=due,
            only=only,
            known_owners=known_owners(self._connection, self._dataset, only),
            now=now,
        )
        merged = Merged()
        for page in (self._dataset.read_some or self._dataset.read)(request):
            if page.rows or page.failures or page.gone:
                mapped = map_page(self._dataset, page, self._source.vocabulary)
                for _, written in write_page(self._store, self._dataset, mapped, self._source.vocabulary):
                    merged += written
        return merged

    def close(self, error: str | None = None) -> None:
        self._store.close(error=error, as_of=None)


def known_owners(connection: Connection[Any], dataset: Dataset, only: Selection) -> dict[str, str]:
    """The accounts of the records that the hub knows, by their ids in the system."""
    target = dataset.targets[0]
    if not only.records or target.only_existing or "account_id" not in target.table.c:
        return {}
    query = SQL(
        "SELECT r.source_id, a.source_id FROM {table} r JOIN hub.customer_accounts a ON a.id = r.account_id"
        " WHERE r.id = ANY(%s)"
    ).format(table=Identifier(str(target.table.schema), target.table.name))
    ids = [hub_id(dataset.system, target.kind, record) for record in sorted(only.records)]
    found = connection.execute(query, [ids]).fetchall()
    connection.commit()
    return {str(record): str(owner) for record, owner in found}
