"""The live stream: this customer's changes and nobody else's, none missed, whatever happens on the way."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from core.settings import ApiSettings
from read_api.auth.tokens import mint
from tests.builders import account_of, insert, insert_customer
from tests.serving import KEY, served_api

PATIENCE_SECONDS = 20.0


class Client:
    """A client that listens in a thread of its own and keeps what it was told."""

    def __init__(self, url: str, token: str, last_event_id: str | None = None) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.beats = 0
        self.ended = threading.Event()
        self._headers = {"Authorization": f"Bearer {token}"}
        if last_event_id is not None:
            self._headers["Last-Event-ID"] = last_event_id
        self._client = httpx.Client(timeout=httpx.Timeout(PATIENCE_SECONDS), trust_env=False)
        # It reads until its connection ends; nobody waits for the heartbeat that would wake it.
        threading.Thread(target=self._read, args=(f"{url}/api/live",), daemon=True).start()

    def _read(self, url: str) -> None:
        identity = event = ""
        try:
            with self._client.stream("GET", url, headers=self._headers) as answer:
                for line in answer.iter_lines():
                    key, _, value = line.partition(": ")
                    if key == "id":
                        identity = value
                    elif key == "event":
                        event = value
                    elif key == "data":
                        self.events.append((event, identity, json.loads(value)))
                    elif line.startswith(":"):
                        self.beats += 1
        except httpx.HTTPError:
            pass
        finally:
            self.ended.set()

    def close(self) -> None:
        self._client.close()


def until(condition: Callable[[], Any]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends, "it did not come to pass"
        threading.Event().wait(0.01)


@pytest.fixture
def api(database: Any) -> Iterator[str]:
    with served_api(database) as url:
        yield url


@contextmanager
def listening(url: str, customer: Any, **options: Any) -> Iterator[Client]:
    minutes = options.pop("minutes", 5)
    token = mint(ApiSettings(jwt_key=KEY, jwt_minutes=minutes), UUID(str(customer)))
    client = Client(url, token, **options)
    try:
        until(lambda: client.beats or client.events or client.ended.is_set())
        yield client
    finally:
        client.close()


def change(rows: Any, customer: dict[str, Any], number: str, entity: str = "invoices") -> UUID:
    """One change of that customer, as a merge logs and announces it."""
    record = uuid4()
    with rows.transaction():
        rows.execute(
            "INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after) VALUES"
            " (%s, %s, %s, 'update', '{}', jsonb_build_object('paid_at', %s::text))",
            [entity, record, account_of(customer, "whmcs") if entity == "invoices" else None, number],
        )
        rows.execute("SELECT pg_notify('hub_changes', '')")
    return record


def told(client: Client) -> list[str]:
    return [data["id"] for event, _, data in client.events if event == "change"]


def test_a_change_is_told_by_its_name_without_its_values(api, rows):
    mine = insert_customer(rows)
    with listening(api, mine["id"]) as client:
        record = change(rows, mine, "2026-11-24")
        until(lambda: client.events)

    event, identity, data = client.events[0]
    assert event == "change"
    assert identity
    assert (data["entity"], data["id"], data["operation"], data["columns"]) == (
        "invoice", str(record), "update", ["paidAt"],
    )  # fmt: skip
    assert "2026-11-24" not in json.dumps(data).replace(data["changedAt"], "")


def test_nobody_elses_change_is_told(api, rows):
    mine, other = insert_customer(rows), insert_customer(rows)
    with listening(api, mine["id"]) as client:
        change(rows, other, "1")
        record = change(rows, mine, "2")
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_a_change_of_another_customers_own_row_is_told_to_nobody_else(api, rows):
    mine, other = insert_customer(rows), insert_customer(rows)
    with listening(api, mine["id"]) as client:
        with rows.transaction():
            rows.execute(
                "INSERT INTO sync.changes (entity, entity_id, operation, before, after)"
                " VALUES ('customers', %s, 'update', '{}', '{}')",
                [other["id"]],
            )
        record = change(rows, mine, "2")
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_the_catalogue_concerns_everybody(api, rows):
    mine = insert_customer(rows)
    with listening(api, mine["id"]) as client:
        record = change(rows, mine, "1", entity="products")
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_what_was_missed_is_told_before_what_comes(api, rows):
    mine = insert_customer(rows)
    with listening(api, mine["id"]) as client:
        first = change(rows, mine, "1")
        until(lambda: client.events)
    missed = [change(rows, mine, str(number)) for number in range(3)]

    with listening(api, mine["id"], last_event_id=client.events[0][1]) as client:
        last = change(rows, mine, "4")
        until(lambda: len(told(client)) == 4)

    assert told(client) == [str(each) for each in (*missed, last)]
    assert str(first) not in told(client)


@pytest.mark.parametrize("cursor", ["garbage", "WzEsMV0", "Wzk5OTk5OTk5OSwxXQ"], ids=["garbled", "too old", "future"])
def test_a_cursor_that_leads_nowhere_tells_to_read_again(api, rows, cursor):
    mine = insert_customer(rows)
    if cursor == "WzEsMV0":
        rows.execute(
            "INSERT INTO sync.changes (entity, entity_id, account_id, operation)"
            " SELECT 'invoices', gen_random_uuid(), %s, 'insert' FROM generate_series(1, 5100)",
            [account_of(mine, "whmcs")],
        )
    with listening(api, mine["id"], last_event_id=cursor) as client:
        until(lambda: client.events)

    assert client.events[0][0] == "reset"


def test_a_database_that_goes_away_loses_no_change(api, rows, database):
    mine = insert_customer(rows)
    with listening(api, mine["id"]) as client:
        with psycopg.connect(database.owner, autocommit=True) as owner:
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'hub-api live' AND datname = current_database()"
            )
        records = [change(rows, mine, str(number)) for number in range(3)]
        until(lambda: len(told(client)) == 3)

    assert told(client) == [str(record) for record in records]


def test_a_change_behind_an_older_open_transaction_is_told_when_that_ends(api, rows, database):
    mine = insert_customer(rows)
    with listening(api, mine["id"]) as client, psycopg.connect(database.sync) as older:
        older.execute("SELECT pg_current_xact_id()")
        record = change(rows, mine, "1")
        older.commit()
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_without_a_token_nothing_is_told(api):
    assert httpx.get(f"{api}/api/live").status_code == 401


def test_an_end_of_the_api_ends_the_stream(database, rows):
    mine = insert_customer(rows)
    with served_api(database) as url:
        client = Client(url, mint(ApiSettings(jwt_key=KEY), mine["id"]))
        until(lambda: client.beats)
    until(client.ended.is_set)
    client.close()


def test_tags_change_with_the_customers_own_data_and_only_then(api, rows):
    mine, other = insert_customer(rows), insert_customer(rows)
    insert(rows, "invoices", account_id=account_of(mine, "whmcs"))
    tokens = {
        who["id"]: {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), who['id'])}"} for who in (mine, other)
    }

    def tag(**headers: str) -> httpx.Response:
        return httpx.get(f"{api}/api/invoices", headers=tokens[mine["id"]] | headers)

    until(lambda: "etag" in tag().headers)
    first = tag().headers["etag"]
    unchanged = tag(**{"If-None-Match": first})
    change(rows, other, "1")
    still = tag(**{"If-None-Match": first})
    foreign = httpx.get(f"{api}/api/invoices", headers=tokens[other["id"]] | {"If-None-Match": first})
    change(rows, mine, "1")
    until(lambda: tag(**{"If-None-Match": first}).status_code == 200)

    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", first)
    assert still.status_code == 304
    assert foreign.status_code == 200
    assert tag().headers["etag"] != first


def test_while_the_log_cannot_be_followed_nothing_is_called_unchanged(api, rows, database):
    mine = insert_customer(rows)
    headers = {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), mine['id'])}"}
    until(lambda: "etag" in httpx.get(f"{api}/api/me", headers=headers).headers)
    tag = httpx.get(f"{api}/api/me", headers=headers).headers["etag"]

    with psycopg.connect(database.owner, autocommit=True) as owner:
        owner.execute("REVOKE EXECUTE ON FUNCTION sync.live_changes(xid8, bigint, integer) FROM hub_api")
        try:
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'hub-api live' AND datname = current_database()"
            )
            asked = headers | {"If-None-Match": tag}
            until(lambda: httpx.get(f"{api}/api/me", headers=asked).status_code == 200)
        finally:
            owner.execute("GRANT EXECUTE ON FUNCTION sync.live_changes(xid8, bigint, integer) TO hub_api")


def test_of_a_cases_comments_those_are_told_that_the_customer_may_read_or_could(api, rows):
    mine = insert_customer(rows)
    account = mine["salesforce_account_id"]
    said, note, withdrawn = (
        insert(rows, "case_comments", account_id=account, is_public=is_public)["id"]
        for is_public in (True, False, False)
    )

    def changed(comment: UUID, before: str | None) -> None:
        operation = "insert" if before is None else "update"
        rows.execute(
            "INSERT INTO sync.changes (entity, entity_id, account_id, operation, before) VALUES"
            " ('case_comments', %s, %s, %s, %s::jsonb)",
            [comment, account, operation, before],
        )

    with listening(api, mine["id"]) as client:
        with rows.transaction():
            changed(said, None)
            changed(note, None)
            changed(withdrawn, '{"is_public": true}')
            rows.execute("SELECT pg_notify('hub_changes', '')")
        until(lambda: str(withdrawn) in told(client))

    assert told(client) == [str(said), str(withdrawn)]
    assert {data["entity"] for _, _, data in client.events} == {"caseComment"}
