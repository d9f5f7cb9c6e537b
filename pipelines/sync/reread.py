"""Reading single records again: what events, webhooks, refresh requests and drift come down to."""

from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL

from pipelines.sync.clock import DatabaseClock
from pipelines.sync.dataset import Dataset, ReadRequest, Selection, Source
from pipelines.sync.details import chosen_parents
from pipelines.sync.merged import Merged
from pipelines.sync.session import Session
from pipelines.sync.tables import qualified
from sql.tables.sync import Mode

LONGEST_RUN = timedelta(days=1)
"""A reader lives as long as its worker, which may be months. After a day it begins another run: the brake on deletions
counts per run, and what single reads delete in months would pull it for good."""


class Rereader:
    """Brings named records of one data set up to date, over a connection that stays warm. One thread at a time.

    Holds the data set's lock for events as long as its connection is open, so there is one at a time in all processes.
    """

    def __init__(self, connection: Connection[Any], dataset: Dataset, source: Source[Any, Any]) -> None:
        self._session = Session(connection, dataset, source)
        self._session.begin(Mode.EVENTS)

    def read(self, only: Selection) -> Merged:
        """Ask the source for the records, and write what differs; a record that it no longer has is marked deleted.

        Raises:
            SourceError: the source did not tell; pages written until then stay.
        """
        session, merged = self._session, Merged()
        request = self._request(only)
        for mapped in session.read_some(request):
            if mapped.page.rows or mapped.page.failures or mapped.page.gone:
                merged += sum((written for _, written in session.write(mapped)), Merged())
        return merged

    def _request(self, only: Selection) -> ReadRequest[Any, Any]:
        session, now = self._session, DatabaseClock.of(self._session.connection)
        if now() - session.began >= LONGEST_RUN:
            session.run.end()
            session.begin(Mode.EVENTS)
        details = session.dataset.details
        due = chosen_parents(session.connection, details, only) if details is not None else ()
        owners = _known_owners(session.connection, session.dataset, only)
        return ReadRequest(session.source, {}, full=False, due=due, only=only, known_owners=owners, now=now)

    def close(self) -> None:
        self._session.run.end()


def _known_owners(connection: Connection[Any], dataset: Dataset, only: Selection) -> dict[str, str]:
    """The accounts of the records that the hub knows, by their ids in the system."""
    target = dataset.targets[0]
    if not only.records or target.only_existing or "account_id" not in target.table.c:
        return {}
    query = SQL(
        "SELECT r.source_id, a.source_id FROM {table} r JOIN hub.customer_accounts a ON a.id = r.account_id"
        " WHERE r.id = ANY(%s)"
    ).format(table=qualified(target.table))
    found = connection.execute(query, [dataset.ids(target, sorted(only.records))]).fetchall()
    connection.commit()
    return {str(record): str(owner) for record, owner in found}
