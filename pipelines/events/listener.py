"""`hub listen`: Salesforce's events, into the inbox; each event and the position after it in one transaction."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import psycopg

from core.database import connect
from core.errors import QuotaError, RejectedError, SourceError, safe
from core.logging import logger
from core.settings import EventSettings
from core.storable import storable_dump
from pipelines.sources.salesforce.pubsub.bus import Batch, Event, EventBus, ReplayRejectedError
from sql.statements import statement

log = logger(__name__)

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
# Of a change event's header; the values of fields stay behind, for the record is read again.
_KEPT = (
    "changeType",
    "changedFields",
    "nulledFields",
    "changeOrigin",
    "transactionKey",
    "sequenceNumber",
    "commitNumber",
)
_OVERFLOW = "GAP_OVERFLOW"

Row = dict[str, Any]


def rows_of(topic: str, event: Event, record_field: str) -> Iterator[Row]:
    """What an event means to the inbox: records to read again, records missed, or something that happened."""
    said = event.decoded
    base = {"topic": topic, "event_id": f"{topic}/{event.replay_id.hex()}", "entity": entity_of(topic)}
    if said is None or (said.header is not None and not said.header["recordIds"]):
        # Something changed that we cannot read: everything of that object is read again.
        yield {**base, "kind": "gap", "record_id": None, "payload": {"changeType": "UNREADABLE"}, "occurred_at": None}
    elif said.header is None:
        record = said.fields.get(record_field)
        payload = {name: value for name, value in said.fields.items() if name != "CreatedById"}
        occurred = said.fields.get("CreatedDate")
        yield {**base, "kind": "event", "record_id": record, "payload": payload, "occurred_at": occurred}
    else:
        yield from _changes(base, said.header)


def _changes(base: Row, header: Mapping[str, Any]) -> Iterator[Row]:
    payload = {name: header.get(name) for name in _KEPT}
    found = {"entity": header["entityName"], "payload": payload, "occurred_at": header.get("commitTimestamp")}
    ids = header["recordIds"]
    # After too many changes at once, or a lossy conversion, the ids stand for many records.
    if header["changeType"] == _OVERFLOW or any("*" in each for each in ids):
        yield {**base, **found, "kind": "gap", "record_id": None}
        return
    for number, record in enumerate(ids):
        yield {**base, **found, "event_id": f"{base['event_id']}/{number}", "kind": "record", "record_id": record}


def entity_of(topic: str) -> str:
    """`Account` of `/data/AccountChangeEvent`, `Name__e` of `/event/Name__e`."""
    name = topic.rpartition("/")[2].removesuffix("ChangeEvent")
    return f"{name}c" if name.endswith("__") else name


class Follower:
    """Follows one channel for as long as it is wanted, whatever happens to the connection."""

    def __init__(self, topic: str, bus: EventBus, settings: EventSettings, database_url: str) -> None:
        self._topic = topic
        self._bus = bus
        self._settings = settings
        self._database_url = database_url
        self._failures = 0

    def follow(self, stopped: threading.Event) -> None:
        """Store what comes until `stopped`. Never raises."""
        while not stopped.is_set():
            try:
                with connect(self._database_url, name=f"listen {self._topic}") as connection:
                    self._listen(connection, stopped)
            except psycopg.OperationalError as error:
                log.warning("listener.database_gone", topic=self._topic, error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a channel that cannot be followed holds up no other
                log.warning("listener.broken", topic=self._topic, error=safe(error))
            wait = min(FIRST_WAIT_SECONDS * 2**self._failures, LONGEST_WAIT_SECONDS)
            self._failures = min(self._failures + 1, 8)
            stopped.wait(wait)

    def _listen(self, connection: psycopg.Connection[Any], stopped: threading.Event) -> None:
        replay_id = self._position(connection)
        try:
            # Without a position we begin with what comes now; what came before is a gap, stored once we are subscribed.
            gap = replay_id is None
            if gap:
                self._store(connection, Batch((), b""), gap=True)
            for batch in self._bus.batches(self._topic, replay_id, stopped):
                self._store(connection, batch, gap=gap)
                gap, self._failures = False, 0
        except ReplayRejectedError as error:
            log.warning("listener.position_lost", topic=self._topic, error=safe(error))
            self._mark(connection, "catching_up", error, forget=True)
            self._failures = 0
        except SourceError as error:
            lasting = isinstance(error, RejectedError | QuotaError)
            self._mark(connection, "refused" if lasting else "reconnecting", error)
            raise

    def _position(self, connection: psycopg.Connection[Any]) -> bytes | None:
        row = connection.execute("SELECT replay_id FROM sync.streams WHERE topic = %s", [self._topic]).fetchone()
        connection.commit()
        return None if row is None or row[0] is None else bytes(row[0])

    def _store(self, connection: psycopg.Connection[Any], batch: Batch, *, gap: bool) -> None:
        rows = [row for event in batch.events for row in rows_of(self._topic, event, self._settings.record_field)]
        if gap:
            gap_id = f"{self._topic}/gap/{uuid4().hex}"
            lost: Row = {"event_id": gap_id, "kind": "gap", "entity": entity_of(self._topic), "record_id": None}
            rows.append({**lost, "payload": {"changeType": "POSITION_LOST"}, "occurred_at": None})
        with connection.transaction():
            connection.execute(
                statement("sync/store_events"),
                {
                    "topic": self._topic,
                    "replay_id": batch.latest_replay_id or None,
                    # Before the first answer nobody knows yet whether we are subscribed.
                    "state": "listening" if batch.latest_replay_id else "catching_up",
                    # Whatever an event holds, it must not hold up the channel.
                    "events": storable_dump(rows),
                },
            )

    def _mark(
        self, connection: psycopg.Connection[Any], state: str, error: SourceError, *, forget: bool = False
    ) -> None:
        with connection.transaction():
            connection.execute(
                statement("sync/mark_stream"),
                {"topic": self._topic, "state": state, "error": safe(error), "forget": forget},
            )


def listen(settings: EventSettings, bus: EventBus, database_url: str, stopped: threading.Event) -> None:
    """Follow every channel until `stopped`. One process at a time listens; others stand by and take over."""
    while not stopped.is_set():
        try:
            with connect(database_url, name="listen lead") as connection, ExitStack() as followers:
                connection.autocommit = True
                if not _lead(connection, stopped):
                    return
                log.info("listener.leading", topics=len(settings.topics))
                lost = threading.Event()
                for topic in settings.topics:
                    follower = Follower(topic, bus, settings, database_url)
                    _start(followers, follower, _Either(stopped, lost), topic)
                try:
                    while not stopped.wait(1.0):
                        connection.execute("SELECT 1")  # the lead is lost with the connection
                finally:
                    lost.set()
        except psycopg.OperationalError as error:
            log.warning("listener.lead_lost", error=type(error).__name__)
            stopped.wait(1.0)


def _lead(connection: psycopg.Connection[Any], stopped: threading.Event) -> bool:
    while not stopped.is_set():
        ((leads,),) = connection.execute("SELECT pg_try_advisory_lock(hashtext('listener'))")
        if leads:
            return True
        stopped.wait(1.0)
    return False


class _Either(threading.Event):
    """Set when either of two events is."""

    def __init__(self, one: threading.Event, other: threading.Event) -> None:
        super().__init__()
        self._one, self._other = one, other

    def is_set(self) -> bool:
        return self._one.is_set() or self._other.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Checks often enough: both are set rarely, and by somebody who waits."""
        left = timeout if timeout is not None else float("inf")
        while not self.is_set() and left > 0:
            self._one.wait(min(left, 0.2))
            left -= 0.2
        return self.is_set()


def _start(followers: ExitStack, follower: Follower, stopped: threading.Event, topic: str) -> None:
    thread = threading.Thread(target=follower.follow, args=(stopped,), name=f"listen {topic}")
    thread.start()
    followers.callback(thread.join)
