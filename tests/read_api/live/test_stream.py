"""The live stream: this customer's changes and nobody else's, none missed, whatever happens on the way."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from core.clock import utc_now
from core.settings import ApiSettings
from pipelines.datasets.linking import link_accounts
from read_api.auth.tokens import mint
from tests.builders import account_of, insert, insert_customer
from tests.conftest import Database, copied_database
from tests.serving import KEY, served_api
from tests.waiting import PATIENCE_SECONDS, until


class Client(ABC):
    """A client that listens in a thread of its own and keeps what it was told."""

    def __init__(self, url: str, token: str, last_event_id: str | None = None) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.beats = 0
        self.ended = threading.Event()
        self._url, self._token, self._last_event_id = url, token, last_event_id
        # It reads until its connection ends; nobody waits for the heartbeat that would wake it.
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            self._read()
        finally:
            self.ended.set()

    @abstractmethod
    def _read(self) -> None:
        """Keep what comes, until the connection ends."""

    @abstractmethod
    def close(self) -> None:
        """Hang up."""


class EventSource(Client):
    """Over Server-Sent Events."""

    def __init__(self, url: str, token: str, last_event_id: str | None = None) -> None:
        self._client = httpx.Client(timeout=httpx.Timeout(PATIENCE_SECONDS), trust_env=False)
        super().__init__(url, token, last_event_id)

    def _read(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        if self._last_event_id is not None:
            headers["Last-Event-ID"] = self._last_event_id
        identity = event = ""
        with suppress(httpx.HTTPError), self._client.stream("GET", f"{self._url}/api/live", headers=headers) as answer:
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

    def close(self) -> None:
        self._client.close()


class Socket(Client):
    """Over a WebSocket, as a browser that cannot set headers: the token is a subprotocol."""

    def __init__(self, url: str, token: str, last_event_id: str | None = None) -> None:
        after = "" if last_event_id is None else f"?after={last_event_id}"
        self._kept = ExitStack()
        self.connection = self._kept.enter_context(
            connect(
                f"{url.replace('http', 'ws', 1)}/api/live/ws{after}",
                subprotocols=["bearer", token],
                proxy=None,
                close_timeout=1,
            )
        )
        super().__init__(url, token, last_event_id)

    def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                told = json.loads(self.connection.recv())
                if told["event"] == "alive":
                    self.beats += 1
                else:
                    self.events.append((told["event"], told["id"], told["data"]))

    def close(self) -> None:
        self._kept.close()


# One API for all tests here: each brings customers of its own, and clients are told from when they come.
@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with copied_database() as database:
        yield database


@pytest.fixture(scope="module")
def api(database: Database) -> Iterator[str]:
    with served_api(database) as url:
        yield url


@dataclass(frozen=True)
class Listening:
    """Ways to listen to an API in one of the two forms that the stream has."""

    url: str
    form: type[Client]

    @contextmanager
    def to(self, customer: Any, *, token: str | None = None, last_event_id: str | None = None) -> Iterator[Client]:
        client = self.form(self.url, token or a_token(customer), last_event_id)
        try:
            until(lambda: client.beats or client.events or client.ended.is_set())
            yield client
        finally:
            client.close()


@pytest.fixture(params=[EventSource, Socket], ids=["events", "socket"])
def form(request: pytest.FixtureRequest) -> type[Client]:
    found: type[Client] = request.param
    return found


@pytest.fixture
def listening(api: str, form: type[Client]) -> Listening:
    return Listening(api, form)


def a_token(customer: Any, *, seconds: float = 300, key: str = KEY, audience: str = "portal") -> str:
    """A token that ends in so many seconds."""
    settings = ApiSettings(jwt_key=key, jwt_minutes=15, jwt_audience=audience)
    return mint(settings, UUID(str(customer)), utc_now() - timedelta(minutes=15) + timedelta(seconds=seconds))


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


def relink(rows: Any, account: UUID, customer: UUID) -> None:
    """The CRM names the billing account in another customer now."""
    (former,) = rows.execute("SELECT customer_id FROM hub.customer_accounts WHERE id = %s", [account]).fetchone()
    with rows.transaction():
        for crm, partner in ((former, None), (customer, account)):
            key = None if partner is None else f"W-{partner}"
            rows.execute("UPDATE hub.customer_accounts SET partner_key = %s WHERE id = %s", [key, crm])
        rows.execute(
            "UPDATE hub.customer_accounts SET source_id = 'W-' || id, details_as_of = now() WHERE id = %s", [account]
        )
        link_accounts(rows, [account, former, customer], run_id=uuid4())
        rows.execute("SELECT pg_notify('hub_changes', '')")


def told(client: Client) -> list[str]:
    return [data["id"] for event, _, data in client.events if event == "change"]


def test_a_change_is_told_by_its_name_without_its_values(listening, rows):
    mine = insert_customer(rows)
    with listening.to(mine["id"]) as client:
        record = change(rows, mine, "2026-11-24")
        until(lambda: client.events)

    event, identity, data = client.events[0]
    assert event == "change"
    assert identity
    assert (data["entity"], data["id"], data["operation"], data["columns"]) == (
        "invoice", str(record), "update", ["paidAt"],
    )  # fmt: skip
    assert "2026-11-24" not in json.dumps(data).replace(data["changedAt"], "")


def test_nobody_elses_change_is_told(listening, rows):
    mine, other = insert_customer(rows), insert_customer(rows)
    with listening.to(mine["id"]) as client:
        change(rows, other, "1")
        record = change(rows, mine, "2")
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_a_change_of_another_customers_own_row_is_told_to_nobody_else(listening, rows):
    mine, other = insert_customer(rows), insert_customer(rows)
    with listening.to(mine["id"]) as client:
        with rows.transaction():
            rows.execute(
                "INSERT INTO sync.changes (entity, entity_id, operation, before, after)"
                " VALUES ('customers', %s, 'update', '{}', '{}')",
                [other["id"]],
            )
        record = change(rows, mine, "2")
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_the_catalogue_concerns_everybody(listening, rows):
    mine = insert_customer(rows)
    with listening.to(mine["id"]) as client:
        record = change(rows, mine, "1", entity="products")
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_what_was_missed_is_told_before_what_comes(listening, rows):
    mine = insert_customer(rows)
    with listening.to(mine["id"]) as client:
        first = change(rows, mine, "1")
        until(lambda: client.events)
    missed = [change(rows, mine, str(number)) for number in range(3)]

    with listening.to(mine["id"], last_event_id=client.events[0][1]) as client:
        last = change(rows, mine, "4")
        until(lambda: len(told(client)) == 4)

    assert told(client) == [str(each) for each in (*missed, last)]
    assert str(first) not in told(client)


@pytest.mark.parametrize("cursor", ["garbage", "WzEsMV0", "Wzk5OTk5OTk5OSwxXQ"], ids=["garbled", "too old", "future"])
def test_a_cursor_that_leads_nowhere_tells_to_read_again(listening, rows, database, cursor):
    mine = insert_customer(rows)
    if cursor == "WzEsMV0":
        rows.execute(
            "INSERT INTO sync.changes (entity, entity_id, account_id, operation)"
            " SELECT 'invoices', gen_random_uuid(), %s, 'insert' FROM generate_series(1, 5100)",
            [account_of(mine, "whmcs")],
        )
        # Transactions of other databases that began earlier hide them for a moment; until then they come one by one.
        with psycopg.connect(database.owner, autocommit=True) as owner:
            until(lambda: owner.execute("SELECT count(*) > 5000 FROM sync.live_changes('1', 1, 6000)").fetchone()[0])
    with listening.to(mine["id"], last_event_id=cursor) as client:
        until(lambda: client.events)

    assert client.events[0][0] == "reset"


def test_a_database_that_goes_away_loses_no_change(listening, rows, database):
    mine = insert_customer(rows)
    with listening.to(mine["id"]) as client:
        with psycopg.connect(database.owner, autocommit=True) as owner:
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'hub-api live' AND datname = current_database()"
            )
        records = [change(rows, mine, str(number)) for number in range(3)]
        until(lambda: len(told(client)) == 3)

    assert told(client) == [str(record) for record in records]


def test_a_change_behind_an_older_open_transaction_is_told_when_that_ends(listening, rows, database):
    mine = insert_customer(rows)
    with listening.to(mine["id"]) as client, psycopg.connect(database.sync) as older:
        older.execute("SELECT pg_current_xact_id()")
        record = change(rows, mine, "1")
        older.commit()
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_when_an_account_goes_to_another_customer_both_are_told_to_read_again(listening, rows):
    losing, winning = insert_customer(rows), insert_customer(rows)
    account = losing["whmcs_account_id"]
    with listening.to(losing["id"]) as left, listening.to(winning["id"]) as right:
        relink(rows, account, winning["id"])
        until(lambda: left.events and right.events)
        record = change(rows, losing, "1")
        last = change(rows, losing, "2", entity="products")
        until(lambda: str(last) in told(left) and str(last) in told(right))

    assert [event for event, _, _ in left.events] == ["reset", "change"]
    assert [event for event, _, _ in right.events] == ["reset", "change", "change"]
    assert told(left) == [str(last)]
    assert told(right) == [str(record), str(last)]


def test_whoever_is_known_by_the_id_of_an_account_goes_where_the_account_goes(listening, rows):
    joining, joined = insert_customer(rows), insert_customer(rows)
    with listening.to(joining["whmcs_account_id"]) as client:
        relink(rows, joining["whmcs_account_id"], joined["id"])
        until(lambda: client.events)
        change(rows, insert_customer(rows), "1")
        record = change(rows, joining, "2")
        until(lambda: told(client))

    assert [event for event, _, _ in client.events] == ["reset", "change"]
    assert told(client) == [str(record)]


def test_who_was_away_while_an_account_came_is_told_to_read_again(listening, rows):
    losing, winning = insert_customer(rows), insert_customer(rows)
    with listening.to(winning["id"]) as client:
        change(rows, winning, "1")
        until(lambda: client.events)
    relink(rows, losing["whmcs_account_id"], winning["id"])

    with listening.to(winning["id"], last_event_id=client.events[0][1]) as client:
        until(lambda: client.events)

    assert client.events[0][0] == "reset"


def test_without_a_token_nothing_is_told(api):
    assert httpx.get(f"{api}/api/live").status_code == 401


@pytest.mark.parametrize(
    "token",
    [
        lambda _: "",
        lambda _: "no token at all",
        lambda mine: a_token(mine, key="x" * 32),
        lambda mine: a_token(mine, audience="somebody else's portal"),
        lambda mine: a_token(mine, seconds=-1),
        lambda _: a_token(uuid4()),
    ],
    ids=["none", "garbled", "signed by another", "for another audience", "ended", "of an unknown customer"],
)
def test_whoever_brings_no_good_token_gets_no_socket(api, rows, token):
    mine = insert_customer(rows)
    headers = {"Authorization": f"Bearer {token(mine['id'])}"}

    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"{api.replace('http', 'ws', 1)}/api/live/ws", additional_headers=headers, proxy=None),
    ):
        pass

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("is_own", [True, False])
def test_a_page_of_another_site_gets_no_socket_though_it_has_a_good_token(api, rows, is_own):
    mine = insert_customer(rows)
    headers = {
        "Authorization": f"Bearer {a_token(mine['id'])}", "Origin": api if is_own else "https://evil.example",
    }  # fmt: skip

    try:
        with connect(f"{api.replace('http', 'ws', 1)}/api/live/ws", additional_headers=headers, proxy=None) as socket:
            found = json.loads(socket.recv(PATIENCE_SECONDS))["event"]
    except InvalidStatus as refused:
        found = refused.response.status_code

    assert found == ("alive" if is_own else 403)


def test_a_socket_takes_the_token_as_a_header_too(api, rows):
    mine = insert_customer(rows)
    headers = {"Authorization": f"Bearer {a_token(mine['id'])}"}

    with connect(f"{api.replace('http', 'ws', 1)}/api/live/ws", additional_headers=headers, proxy=None) as socket:
        alive = json.loads(socket.recv(PATIENCE_SECONDS))
        record = change(rows, mine, "1")
        told_of = json.loads(socket.recv(PATIENCE_SECONDS))

    assert alive == {"event": "alive", "id": None, "data": {}}
    assert (told_of["event"], told_of["data"]["id"]) == ("change", str(record))


def test_what_a_socket_says_is_of_no_interest(api, rows):
    mine = insert_customer(rows)
    with Listening(api, Socket).to(mine["id"]) as client:
        client.connection.send("anything")
        record = change(rows, mine, "1")
        until(lambda: client.events)

    assert told(client) == [str(record)]


def test_a_token_that_ends_in_mid_stream_ends_the_stream(listening, rows):
    mine = insert_customer(rows)
    with listening.to(mine["id"], token=a_token(mine["id"], seconds=2)) as client:
        record = change(rows, mine, "1")
        until(client.ended.is_set)

    assert [event for event, _, _ in client.events] == ["change", "expired"]
    assert told(client) == [str(record)]
    if isinstance(client, Socket):
        assert client.connection.close_code == 1008


@pytest.mark.parametrize("table", ["customers", "customer_accounts"])
def test_a_deletion_of_the_customer_in_mid_stream_ends_the_stream(listening, rows, table):
    mine = insert_customer(rows)
    with listening.to(mine["id"]) as client:
        rows.execute(f"UPDATE hub.{table} SET deleted_at = now() WHERE id = %s", [mine["id"]])  # noqa: S608
        rows.execute(
            "INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)"
            " VALUES (%s, %s, %s, 'delete', '{\"deleted_at\": null}', '{\"deleted_at\": \"now\"}')",
            [table, mine["id"], mine["id"] if table == "customer_accounts" else None],
        )
        rows.execute("SELECT pg_notify('hub_changes', '')")

        assert client.ended.wait(PATIENCE_SECONDS)


def test_an_end_of_the_api_ends_the_stream(database, rows, form):
    mine = insert_customer(rows)
    with served_api(database) as url:
        client = form(url, a_token(mine["id"]))
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


@pytest.mark.parametrize("path", ["", "/usage"])
def test_that_somebody_looks_at_a_line_is_heard_however_new_what_they_have_is(api, rows, path):
    mine = insert_customer(rows)
    line = insert(rows, "sims", account_id=account_of(mine, "sims"), msisdn="09012345678")
    headers = {"Authorization": f"Bearer {a_token(mine['id'])}"}
    until(lambda: "etag" in httpx.get(f"{api}/api/me", headers=headers).headers)
    tag = httpx.get(f"{api}/api/me", headers=headers).headers["etag"]

    answer = httpx.get(f"{api}/api/sims/{line['id']}{path}", headers=headers | {"If-None-Match": tag})

    requests = rows.execute("SELECT state FROM sync.inbox WHERE record_id = %s", [line["source_id"]]).fetchall()
    assert (answer.status_code, requests) == (200, [("waiting",)])


def test_tags_follow_an_account_to_another_customer(api, rows):
    losing, winning = insert_customer(rows), insert_customer(rows)
    invoice = str(insert(rows, "invoices", account_id=losing["whmcs_account_id"])["id"])
    former = {
        name: {"Authorization": f"Bearer {a_token(named)}"}
        for name, named in {
            "losing": losing["id"], "winning": winning["id"], "account": losing["whmcs_account_id"],
        }.items()
    }  # fmt: skip
    tags = {}
    for name, headers in former.items():
        until(lambda headers=headers: "etag" in httpx.get(f"{api}/api/invoices", headers=headers).headers)
        tags[name] = httpx.get(f"{api}/api/invoices", headers=headers).headers["etag"]

    def asked(name: str) -> httpx.Response:
        return httpx.get(f"{api}/api/invoices", headers=former[name] | {"If-None-Match": tags[name]})

    before = [asked(name).status_code for name in former]
    relink(rows, losing["whmcs_account_id"], winning["id"])
    until(lambda: all(asked(name).status_code == 200 for name in former))
    shown = {name: [each["id"] for each in asked(name).json()["data"]] for name in former}
    tags["account"] = asked("account").headers["etag"]
    change(rows, losing, "1")
    until(lambda: asked("account").status_code == 200)

    assert before == [304, 304, 304]
    assert shown == {"losing": [], "winning": [invoice], "account": [invoice]}


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


def test_of_a_cases_comments_those_are_told_that_the_customer_may_read_or_could(listening, rows):
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

    with listening.to(mine["id"]) as client:
        with rows.transaction():
            changed(said, None)
            changed(note, None)
            changed(withdrawn, '{"is_public": true}')
            rows.execute("SELECT pg_notify('hub_changes', '')")
        until(lambda: str(withdrawn) in told(client))

    assert told(client) == [str(said), str(withdrawn)]
    assert {data["entity"] for _, _, data in client.events} == {"caseComment"}
