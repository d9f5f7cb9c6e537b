"""What time it is by the database, whose clock stamps every change."""

import time
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection


class DatabaseClock:
    """The database's clock, from one reading of it: what is asked for when is judged by when rows changed there."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._read_at = time.monotonic()

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._read_at)

    @classmethod
    def of(cls, connection: Connection[Any]) -> "DatabaseClock":
        """The clock as it stands now; ends the connection's transaction."""
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        connection.commit()
        if row is None:
            raise AssertionError
        return cls(row[0])
