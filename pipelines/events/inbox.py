"""The inbox: what waits to be applied to one system's data sets, and how applying it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from domain.common.identifiers import System
from pipelines.events.routes import InboxEntry
from sql.statements import statement

MOST_AT_ONCE = 500
MOST_ATTEMPTS = 5
"""A record that fails so often by itself is parked: `hub status` shows it, `hub replay` tries it again."""


@dataclass(frozen=True)
class Claimed:
    """What may be applied now, oldest first, and the database's clock before it was read."""

    entries: Sequence[InboxEntry]
    at: datetime


class Inbox:
    """One system's part of the inbox. Whoever leads is the only one to apply it; the others stand by.

    The connection is in autocommit mode and is this object's alone: the lead is the session's.
    """

    def __init__(self, connection: Connection[Any], system: System) -> None:
        self._connection = connection
        self._system = system

    def lead(self) -> bool:
        """Take the lead if nobody has it. It is lost with the connection."""
        lock = "SELECT pg_try_advisory_lock(hashtext('inbox'), hashtext(%s))"
        ((leads,),) = self._connection.execute(lock, [self._system])
        return bool(leads)

    def waiting(self) -> Claimed:
        """What is due. Records that failed before come alone, so that one of them holds up no other."""
        ((now,),) = self._connection.execute("SELECT clock_timestamp()")
        with self._connection.cursor(row_factory=class_row(InboxEntry)) as cursor:
            cursor.execute(statement("sync/inbox_due"), {"system": self._system, "at_most": MOST_AT_ONCE})
            found = cursor.fetchall()
        untried = [entry for entry in found if entry.attempts == 0]
        return Claimed(untried or found[:1], now)

    def next_due(self) -> float | None:
        """Seconds until something will be due; null: nothing waits."""
        ((due,),) = self._connection.execute(statement("sync/inbox_next"), {"system": self._system})
        return None if due is None else max(float(due), 0.0)

    def done(self, claimed: Claimed) -> None:
        """What was claimed is applied. What was requested again meanwhile goes on waiting."""
        self._update("sync/inbox_done", claimed)

    def failed(self, claimed: Claimed, error: str, *, unanswered: bool = False, all_alike: bool = False) -> None:
        """The records' own fault: tried again one by one, each a little later, and parked in the end.

        `unanswered`: they may have failed because nobody answers. Then they are parked only once the source has
        answered somebody else since. `all_alike`: every record of their kind fails so; then they are never parked,
        and where one came alone, the others that failed before wait as long as it does.
        """
        values = {"most": MOST_ATTEMPTS, "system": self._system, "unanswered": unanswered, "all_alike": all_alike}
        self._update("sync/inbox_failed", claimed, error=error, **values)

    def delayed(self, claimed: Claimed, wait: timedelta, error: str) -> None:
        """The source's fault: all of it waits, however often, and what failed before begins anew."""
        self._update("sync/inbox_delayed", claimed, error=error, wait=wait, system=self._system)

    def _update(self, name: str, claimed: Claimed, **values: object) -> None:
        ids = [entry.id for entry in claimed.entries]
        self._connection.execute(statement(name), {"ids": ids, "claimed_at": claimed.at, **values})
