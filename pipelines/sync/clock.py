"""The database's clock, which stamps every change of a row."""

import time
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection


class DatabaseClock:
    """The database's clock, carried on from one reading of it.

    Whether a row changed after it was requested is decided by comparing moments of one clock: this one.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._read_at = time.monotonic()

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._read_at)

    @classmethod
    def of(cls, connection: Connection[Any]) -> "DatabaseClock":
        """Read the clock; commits the connection's transaction."""
        ((now,),) = connection.execute("SELECT clock_timestamp()")
        connection.commit()
        return cls(now)
