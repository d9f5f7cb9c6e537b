"""Salesforce's events reach the inbox once each, whatever happens to the connection, the position or the process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from core.errors import RejectedError, UnavailableError
from core.settings import EventSettings, SalesforceSettings
from pipelines.events.listener import Follower, listen, rows_of
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.salesforce.pubsub.bus import Event, EventBus
from pipelines.sources.salesforce.pubsub.decoding import Decoded
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment
from tests.waiting import PATIENCE_SECONDS, until

ACCOUNT, ORDER = "0015i0000000000AAA", "8015i0000000000AAA"
TOPIC = "/data/AccountChangeEvent"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=20, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def as_at_the_start(sandbox: RunningSandbox) -> None:
    post(sandbox, "reset")
    post(sandbox, "quirks", {"salesforce.keepalive_seconds": "0.2"})


def post(sandbox: RunningSandbox, control: str, content: Any = None) -> None:
    answer = httpx.post(f"{sandbox.salesforce_url}/__sandbox__/{control}", json=content or {})
    answer.raise_for_status()


def change(sandbox: RunningSandbox, phone: str, kind: str = "Account", record: str = ACCOUNT) -> None:
    fields = {"Phone": phone} if kind == "Account" else {"Status": phone}
    post(sandbox, "mutate", {"system": "salesforce", "object": kind, "id": record, "fields": fields})


def published(sandbox: RunningSandbox, topic: str = TOPIC) -> list[str]:
    events = httpx.get(f"{sandbox.salesforce_url}/__sandbox__/events", params={"limit": 10_000}).json()
    return [event["replayId"] for event in events["topics"][topic]]


@contextmanager
def listening(sandbox: RunningSandbox, database: Any, **settings: Any) -> Iterator[None]:
    """A listener of this process, stopped at the end; it is following when this yields."""
    stopped = threading.Event()
    login = {"domain": "sandbox.my", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    given = {"target": sandbox.salesforce_grpc, "insecure": True, "entities": ("Account", "Order"), **settings}
    with SalesforceClient(SalesforceSettings(base_url=sandbox.salesforce_url, **login)) as client:
        bus = EventBus(EventSettings(**given), client)
        thread = threading.Thread(target=listen, args=(EventSettings(**given), bus, database.sync, stopped))
        thread.start()
        try:
            until(lambda: states(database) == ["listening"] * 3)
            yield
        finally:
            stopped.set()
            thread.join(timeout=PATIENCE_SECONDS)
            bus.close()
    assert not thread.is_alive()


def fetch(database: Any, query: str, *values: object) -> list[Any]:
    with psycopg.connect(database.owner) as connection:
        return connection.execute(query, values).fetchall()


def states(database: Any) -> list[str]:
    return [state for (state,) in fetch(database, "SELECT state FROM sync.streams")]


def stored(database: Any, kind: str = "record") -> list[str]:
    """The replay ids of the events in the inbox, in the order in which they were stored."""
    query = "SELECT split_part(event_id, '/', 4) FROM sync.inbox WHERE kind = %s AND event_id LIKE %s ORDER BY id"
    return [replay for (replay,) in fetch(database, query, kind, f"{TOPIC}/%")]


def gaps(database: Any) -> list[Any]:
    query = "SELECT entity, payload ->> 'changeType' FROM sync.inbox WHERE kind = 'gap' ORDER BY id"
    return fetch(database, query)


def test_a_change_is_stored_with_what_changed_and_without_its_values(sandbox, database):
    with listening(sandbox, database):
        change(sandbox, "03-1234-5678")
        until(lambda: len(stored(database)) == 1)

    (row,) = fetch(database, "SELECT entity, record_id, payload FROM sync.inbox WHERE kind = 'record'")
    assert row[:2] == ("Account", ACCOUNT)
    assert row[2]["changedFields"] == ["LastModifiedDate", "Phone"]
    assert "03-1234-5678" not in str(row[2])


def test_events_go_on_after_the_org_has_moved(sandbox, database):
    with listening(sandbox, database):
        change(sandbox, "03-1111-1111")
        until(lambda: len(stored(database)) == 1)
        before = gaps(database)

        post(sandbox, "move", {"answer": "redirect"})
        change(sandbox, "03-2222-2222")
        until(lambda: len(stored(database)) == 2)

    assert stored(database) == published(sandbox)
    assert gaps(database) == before


def test_an_approved_order_asks_to_be_provisioned(sandbox, database):
    with listening(sandbox, database):
        change(sandbox, "Approved", "Order", ORDER)
        until(lambda: bool(fetch(database, "SELECT FROM sync.inbox WHERE kind = 'event'")))

    (row,) = fetch(database, "SELECT entity, record_id, payload ->> 'OrderId__c' FROM sync.inbox WHERE kind = 'event'")
    assert row == ("OrderProvisionRequested__e", ORDER, ORDER)


def test_the_first_time_what_came_before_is_a_gap_though_nobody_lets_us_subscribe(database):
    class Closed:
        def batches(self, *_: Any) -> Any:
            raise RejectedError("salesforce", "may not subscribe", code="PERMISSION_DENIED")

    bus: Any = Closed()
    follower = Follower(TOPIC, bus, EventSettings(target="nowhere:1", insecure=True, entities=("Account",)), "")
    with psycopg.connect(database.sync) as connection, pytest.raises(RejectedError):
        follower._listen(connection, threading.Event())

    assert gaps(database) == [("Account", "POSITION_LOST")]
    assert states(database) == ["refused"]


def test_the_first_time_what_came_before_is_a_gap(sandbox, database):
    with listening(sandbox, database):
        pass

    assert {entity for entity, _ in gaps(database)} == {"Account", "Order", "OrderProvisionRequested__e"}


def test_after_a_restart_it_goes_on_where_it_stopped(sandbox, database):
    with listening(sandbox, database):
        change(sandbox, "1")
        until(lambda: len(stored(database)) == 1)
    for phone in ("2", "3", "4"):
        change(sandbox, phone)
    gaps_before = gaps(database)

    with listening(sandbox, database):
        until(lambda: len(stored(database)) == 4)

    assert stored(database) == published(sandbox)
    assert gaps(database) == gaps_before


@pytest.mark.parametrize("mode", ["expire", "reject_replay"])
def test_a_position_that_is_lost_is_a_gap_and_never_silence(sandbox, database, mode):
    with listening(sandbox, database):
        change(sandbox, "1")
        until(lambda: len(stored(database)) == 1)
    before = len(gaps(database))
    change(sandbox, "2")
    post(sandbox, "event-faults", {"mode": mode, "times": 3})

    with listening(sandbox, database):
        until(lambda: len(gaps(database)) > before and "Account" in {entity for entity, _ in gaps(database)[before:]})
        # What changes before the listener is subscribed again belongs to the gap.
        until(lambda: states(database) == ["listening"] * 3)
        change(sandbox, "3")
        until(lambda: len(stored(database)) >= 2)

    assert stored(database)[-1] == published(sandbox)[-1]


def test_a_channel_that_falls_silent_is_connected_anew(sandbox, database):
    with listening(sandbox, database, stall_seconds=1.0):
        post(sandbox, "event-faults", {"mode": "stall", "times": 3})
        change(sandbox, "1")
        until(lambda: len(stored(database)) == 1)


def test_a_channel_that_is_ended_is_connected_anew(sandbox, database):
    with listening(sandbox, database):
        post(sandbox, "event-faults", {"mode": "disconnect", "times": 3})
        change(sandbox, "1")
        until(lambda: len(stored(database)) == 1)


def test_a_session_that_expires_ends_its_streams_and_is_renewed(sandbox, database):
    with listening(sandbox, database):
        post(sandbox, "expire-sessions")
        change(sandbox, "1")
        until(lambda: published(sandbox)[-1] in stored(database))


def test_a_schema_that_changes_in_the_middle_is_read_by_its_own_id(sandbox, database):
    with listening(sandbox, database):
        change(sandbox, "1")
        post(sandbox, "event-faults", {"mode": "schema_change"})
        change(sandbox, "2")
        until(lambda: len(stored(database)) == 2)

    assert not [change for _, change in gaps(database) if change == "UNREADABLE"]


def test_too_many_changes_at_once_are_a_gap_of_the_whole_object(sandbox, database):
    with listening(sandbox, database):
        post(sandbox, "events", {"entity": "Account", "type": "GAP_OVERFLOW"})
        # Channels that begin without a position tell of a gap too, whenever they are subscribed.
        until(lambda: ("Account", "GAP_OVERFLOW") in gaps(database))


def test_a_gap_of_known_records_names_each_of_them(sandbox, database):
    with listening(sandbox, database):
        post(sandbox, "events", {"entity": "Account", "type": "GAP_UPDATE", "ids": [ACCOUNT, "0015i0000000001AAA"]})
        until(lambda: len(stored(database)) == 2)

    records = fetch(database, "SELECT record_id FROM sync.inbox WHERE kind = 'record' ORDER BY record_id")
    assert records == [(ACCOUNT,), ("0015i0000000001AAA",)]


def test_events_that_come_doubled_and_out_of_order_lose_none(sandbox, database):
    with listening(sandbox, database):
        for mode, phone in (("double", "1"), ("reorder", "2"), ("double", "3")):
            post(sandbox, "event-faults", {"mode": mode})
            change(sandbox, phone)
        change(sandbox, "4")
        until(lambda: len(stored(database)) == len(published(sandbox)) > 4)

    assert stored(database) == published(sandbox)


def test_keep_alives_move_the_position_of_an_idle_channel(sandbox, database):
    with listening(sandbox, database):
        before = fetch(database, "SELECT updated_at FROM sync.streams WHERE topic = %s", TOPIC)
        until(lambda: fetch(database, "SELECT updated_at FROM sync.streams WHERE topic = %s", TOPIC) != before)

    assert all(replay for (replay,) in fetch(database, "SELECT replay_id FROM sync.streams"))


def test_one_listens_and_another_takes_over(sandbox, database):
    with psycopg.connect(database.sync, autocommit=True) as leader:
        leader.execute("SELECT pg_advisory_lock(hashtext('listener'))")
        stopped = threading.Event()
        thread = threading.Thread(target=leader_gone, args=(leader, stopped))
        thread.start()
        assert states(database) == []
        stopped.set()
        with listening(sandbox, database):
            change(sandbox, "1")
            until(lambda: len(stored(database)) == 1)
        thread.join()


def leads(database: Any) -> list[Any]:
    """The server's process of whoever holds the lead."""
    query = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM"
    return fetch(database, f"{query} pg_database WHERE datname = current_database())")


def test_who_loses_the_lead_stops_following_before_anybody_leads_again(sandbox, database):
    with listening(sandbox, database):
        ((before,),) = leads(database)
        followers = fetch(database, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%%listen /%%'")
        fetch(database, "SELECT pg_terminate_backend(%s)", before)
        until(lambda: leads(database) not in ([], [(before,)]))

        left = fetch(database, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%%listen /%%'")
        assert followers
        assert not {*followers} & {*left}
        change(sandbox, "1")
        until(lambda: len(stored(database)) == 1)


@pytest.fixture
def refusing(database: Any) -> Callable[[], bool]:
    """An inbox that takes no events; says whether it has refused any."""
    fetch_none(
        database,
        "CREATE SEQUENCE sync.refused;"
        "CREATE FUNCTION sync.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " $$BEGIN PERFORM nextval('sync.refused'); RAISE 'not now'; END$$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON sync.inbox FOR EACH ROW WHEN (NEW.kind = 'record')"
        " EXECUTE FUNCTION sync.refuse()",
    )
    return lambda: fetch(database, "SELECT is_called FROM sync.refused") == [(True,)]


def fetch_none(database: Any, script: str) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute(script)


def test_a_position_never_runs_ahead_of_the_events_before_it(sandbox, database, refusing):
    """Stored one before the other, the two would part at a kill between them, or where only one can be stored."""
    with listening(sandbox, database):
        change(sandbox, "1")
        until(refusing)
        fetch_none(database, "DROP TRIGGER refuse ON sync.inbox")
        until(lambda: len(stored(database)) == 1)

    assert stored(database) == published(sandbox)


def leader_gone(leader: psycopg.Connection[Any], stopped: threading.Event) -> None:
    stopped.wait()
    leader.close()


def test_killed_under_load_and_started_again_it_has_every_event_once(sandbox, database):
    """Real processes, kill -9 at three moments while two hundred changes are made."""
    environment = os.environ | hub_environment(sandbox, database)
    environment |= {"SALESFORCE_EVENTS_TARGET": sandbox.salesforce_grpc, "SALESFORCE_EVENTS_INSECURE": "true"}
    environment |= {"SALESFORCE_EVENTS_ENTITIES": "Account"}

    def started() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cli", "listen"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    listener = started()
    try:
        # With a position: what came before there was one is a gap, and stored as one.
        until(lambda: fetch(database, "SELECT FROM sync.streams WHERE topic = %s AND replay_id IS NOT NULL", TOPIC))
        for number in range(200):
            change(sandbox, str(number))
            if number in {40, 90, 150}:
                until(lambda stored_by_now=number - 40: len(stored(database)) > stored_by_now)
                listener.send_signal(signal.SIGKILL)
                listener.wait()
                listener = started()
        until(lambda: len(stored(database)) >= 200)
    finally:
        listener.terminate()
        listener.wait(timeout=PATIENCE_SECONDS)

    assert stored(database) == published(sandbox)


def test_while_a_channel_cannot_be_followed_it_pauses_ever_longer_up_to_a_minute(database):
    class Away:
        def batches(self, *_: Any) -> Any:
            raise UnavailableError("salesforce", "did not answer", code="UNAVAILABLE")

    class Counting(threading.Event):
        def __init__(self) -> None:
            super().__init__()
            self.pauses: list[float | None] = []

        def wait(self, timeout: float | None = None) -> bool:
            self.pauses.append(timeout)
            if len(self.pauses) == 9:
                self.set()
            return self.is_set()

    bus: Any = Away()
    stopped = Counting()

    Follower(TOPIC, bus, EventSettings(target="nowhere:1", insecure=True), database.sync).follow(stopped)

    assert stopped.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


HEADER = {"entityName": "Account", "recordIds": [ACCOUNT], "changeType": "UPDATE"}


@pytest.mark.parametrize(
    ("decoded", "kinds"),
    [
        (None, ["gap"]),
        (Decoded({}, HEADER | {"recordIds": []}), ["gap"]),
        (Decoded({}, HEADER | {"recordIds": ["001*00000000"]}), ["gap"]),
        (Decoded({}, HEADER | {"changeType": "GAP_OVERFLOW"}), ["gap"]),
        (Decoded({}, HEADER), ["record"]),
        (Decoded({}, HEADER | {"recordIds": [ACCOUNT, ORDER]}), ["record", "record"]),
        (Decoded({"OrderId__c": ORDER}, None), ["event"]),
    ],
    ids=["unreadable", "of no record", "of many records", "of too many", "of one", "of two", "no change"],
)
def test_what_an_event_means(decoded, kinds):
    found = list(rows_of(TOPIC, Event("1", b"\x01", decoded), "OrderId__c"))

    assert [row["kind"] for row in found] == kinds
