"""Service keys: a system acts for the customer that each request names, as far as its key goes, and no longer.

The promise. A key is good where it is shown whole, until it ends; what is wrong with another is never said. It acts for
the one customer that the request names, if that is one of its own; who else there is, no answer says. A key that was
added, replaced or revoked is known to every copy of the API within a second, and no request waits for a look at the
database. A key is no person: it has no log-in and no session. Where it was used from is in the audit.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from itertools import islice
from time import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import structlog
from litestar import Litestar
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from core.settings import ApiSettings
from domain.common.account_roles import AccountRole
from read_api.app import create_app
from read_api.auth import service_keys
from read_api.auth.service_keys import NOTED_SECONDS, hash_of, new_key
from read_api.auth.verification import TRUSTED_SECONDS
from read_api.store.database import DatabaseDownError
from sql.statements import statement
from tests.builders import account_of, insert, insert_customer
from tests.conftest import Database, as_api
from tests.read_api.auth.conftest import CHEAP, Running
from tests.serving import served_api
from tests.waiting import until

Client = httpx.AsyncClient
Owner = psycopg.Connection[Any]


@dataclass(frozen=True)
class Key:
    """A key as its system has it."""

    id: UUID
    key: str

    def naming(self, customer: object, **others: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}", "x-customer": str(customer), **others}


def added(owner: Owner, role: AccountRole = "owner", customers: Sequence[object] | None = None, days: int = 30) -> Key:
    """A key that an operator made."""
    id_, key = new_key()
    values = {
        "id": id_, "name": "portal", "hash": bytes.fromhex(hash_of(key)), "role": role, "days": days,
        "customers": customers and list(customers),
    }  # fmt: skip
    owner.execute(statement("operations/add_service_key").encode(), values)
    return Key(id_, key)


def replaced(owner: Owner, key: Key, overlap_hours: int) -> Key:
    id_, other = new_key()
    values = {
        "id": key.id, "new_id": id_, "hash": bytes.fromhex(hash_of(other)), "days": None, "hours": overlap_hours,
    }  # fmt: skip
    assert owner.execute(statement("operations/rotate_service_key").encode(), values).rowcount == 1
    return Key(id_, other)


def revoked(owner: Owner, key: Key) -> None:
    assert owner.execute(statement("operations/revoke_service_key").encode(), {"id": key.id}).rowcount == 1


@pytest.fixture
def customer(owner: Owner) -> UUID:
    return named(owner, "Acme")


def named(owner: Owner, name: str) -> UUID:
    customer: UUID = insert_customer(owner, name=name)["id"]
    return customer


@pytest.fixture
def key(owner: Owner) -> Key:
    """A key of the portal: for any customer. Copies of the API that start later know it."""
    return added(owner)


@pytest.fixture
async def client(app: Litestar, key: Key) -> Any:
    async with Running(app) as client:
        yield client


async def status(client: Client, headers: dict[str, str]) -> int:
    return (await client.get("/api/me", headers=headers)).status_code


async def until_it_is(client: Client, expected: int, headers: dict[str, str]) -> None:
    async with asyncio.timeout(30):
        while await status(client, headers) != expected:  # noqa: ASYNC110 - nothing tells when
            # A refusal waits for nothing: without this, nobody else would have a turn.
            await asyncio.sleep(0.01)


# -- which keys are good -----------------------------------------------------------------------------------------------


def wrong(key: Key, other: Key) -> dict[str, str]:
    """Keys that look like one that is good."""
    head, _, secret = key.key.rpartition("_")
    return {
        "another secret": f"{head}_{'0' * 64}",
        "a secret that differs at its end": key.key[:-1] + ("0" if key.key[-1] != "0" else "1"),
        "another key's secret": f"{head}_{other.key.rpartition('_')[2]}",
        "no secret": f"{head}_",
        "half a secret": key.key[:-32],
        "a secret and more": f"{key.key}0",
        "in capitals": f"{head}_{secret.upper()}",
        "without an id": f"hubkey_{secret}",
        "an id that nobody has": f"hubkey_{uuid4()}_{secret}",
        "nothing but what it begins with": "hubkey_",
        "its hash": f"{head}_{hash_of(key.key)}",
        "SQL": "hubkey_' OR true --",
        "not ASCII": f"{head}_{'٣' * 64}",
    }


async def test_what_only_looks_like_a_key_is_refused_and_nothing_of_it_is_told(
    client: Client, app: Litestar, owner: Owner, key: Key, customer: UUID
) -> None:
    other = added(owner)
    await app.state["services"].verification.look()
    tried = wrong(key, other)

    with structlog.testing.capture_logs() as logged:
        answers = {}
        for name, each in tried.items():
            headers: Any = {"authorization": f"Bearer {each}".encode(), "x-customer": str(customer)}
            answers[name] = await client.get("/api/me", headers=headers)

    assert {name: each.status_code for name, each in answers.items()} == dict.fromkeys(tried, 401)
    assert len({each.text for each in answers.values()}) == 1
    assert answers["no secret"].json()["type"] == "/problems/invalid-token"
    secrets = [each.key.rpartition("_")[2] for each in (key, other)]
    written = str(logged) + "".join(each.text + str(each.headers) for each in answers.values())
    assert "hubkey_" not in written
    assert not [each for each in secrets if each in written]


async def test_a_key_that_is_good_is_in_no_log_nor_answer_either(client: Client, key: Key, customer: UUID) -> None:
    with structlog.testing.capture_logs() as logged:
        answers = [
            await client.get(path, headers=key.naming(customer))
            for path in ("/api/me", "/api/me?nonsense=1", "/api/invoices/none", "/api/nowhere", "/auth/me")
        ]

    assert [each.status_code for each in answers] == [200, 400, 400, 404, 401]
    assert "hubkey_" not in str(logged) + "".join(each.text + str(each.headers) for each in answers)
    assert key.key.rpartition("_")[2] not in str(logged)


async def test_how_much_of_a_key_is_right_does_not_show_in_the_time_that_it_takes(
    client: Client, key: Key, customer: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []
    monkeypatch.setattr(
        service_keys,
        "compare_digest",
        lambda ours, theirs: compared.append((ours, theirs)) or compare_digest(ours, theirs),
    )
    wrong_key = f"{key.key.rpartition('_')[0]}_{'0' * 64}"

    assert await status(client, key.naming(customer) | {"authorization": f"Bearer {wrong_key}"}) == 401
    assert await status(client, key.naming(customer)) == 200

    # Hashes, by the comparison that takes as long for all: no other decided anything.
    assert compared == [(hash_of(wrong_key), hash_of(key.key)), (hash_of(key.key), hash_of(key.key))]


async def test_a_key_ends_at_its_time_though_nobody_looked_since(
    client: Client, app: Litestar, key: Key, customer: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.state["services"].verification.close()
    monkeypatch.setattr(service_keys, "time", lambda: time() + 30 * 86400 - 60)
    before = await status(client, key.naming(customer))
    monkeypatch.setattr(service_keys, "time", lambda: time() + 30 * 86400 + 60)
    after = await status(client, key.naming(customer))

    assert (before, after) == (200, 401)


@pytest.mark.parametrize("why", ["revoked", "expired", "deleted"])
async def test_a_key_that_ends_is_refused_by_every_copy_and_one_that_begins_is_taken(  # noqa: PLR0917 - fixtures
    client: Client, key: Key, customer: UUID, database: Database, api_settings: ApiSettings, owner: Owner, why: str
) -> None:
    async with Running(create_app(as_api(database), api_settings, auth=CHEAP)) as other:
        for copy in (client, other):
            assert await status(copy, key.naming(customer)) == 200

        if why == "revoked":
            revoked(owner, key)
        elif why == "expired":
            owner.execute("UPDATE auth.service_keys SET expires_at = now()")
        else:
            owner.execute("DELETE FROM auth.service_keys")
        new = added(owner)

        for copy in (client, other):
            await until_it_is(copy, 401, key.naming(customer))
            await until_it_is(copy, 200, new.naming(customer))


async def test_what_cannot_listen_hears_of_it_all_the_same(
    database: Database, key: Key, customer: UUID, api_settings: ApiSettings, owner: Owner
) -> None:
    app = create_app(as_api(database), api_settings, auth=CHEAP)
    app.state["services"].verification._url = "postgresql://nobody@127.0.0.1:9/none"
    async with Running(app) as client:
        assert await status(client, key.naming(customer)) == 200

        revoked(owner, key)

        await until_it_is(client, 401, key.naming(customer))


async def test_a_change_of_a_key_is_notified(owner: Owner, database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.api, autocommit=True) as listening:
        await listening.execute("LISTEN hub_auth")

        revoked(owner, added(owner))

        heard = [each.channel async for each in listening.notifies(timeout=30, stop_after=2)]
    assert heard == ["hub_auth", "hub_auth"]


async def test_where_it_cannot_be_known_which_keys_are_good_none_is(
    client: Client, app: Litestar, key: Key, customer: UUID
) -> None:
    verification = app.state["services"].verification
    await verification.close()

    verification._read_at -= TRUSTED_SECONDS

    assert await status(client, key.naming(customer)) == 503


async def test_a_key_that_is_replaced_goes_on_for_a_while_beside_the_one_that_follows(
    client: Client, owner: Owner, key: Key, customer: UUID
) -> None:
    new = replaced(owner, key, overlap_hours=24)

    await until_it_is(client, 200, new.naming(customer))
    assert await status(client, key.naming(customer)) == 200
    ends = dict(owner.execute("SELECT id, expires_at - now() < interval '24 hours' FROM auth.service_keys").fetchall())
    assert ends == {key.id: True, new.id: False}
    owner.execute("UPDATE auth.service_keys SET expires_at = now() WHERE id = %s", [key.id])  # a day later
    await until_it_is(client, 401, key.naming(customer))
    assert await status(client, new.naming(customer)) == 200


async def test_a_key_that_leaked_is_replaced_at_once(client: Client, owner: Owner, key: Key, customer: UUID) -> None:
    new = replaced(owner, key, overlap_hours=0)

    await until_it_is(client, 401, key.naming(customer))
    assert await status(client, new.naming(customer)) == 200


async def test_a_key_that_follows_may_do_no_more_than_the_one_before(client: Client, owner: Owner) -> None:
    mine, others = named(owner, "Mine"), named(owner, "Others")
    before = added(owner, "read_only", [mine])

    new = replaced(owner, before, overlap_hours=24)

    await until_it_is(client, 200, new.naming(mine))
    assert await status(client, new.naming(others)) == 401
    assert (await client.post("/api/support/cases", json={}, headers=new.naming(mine))).status_code in {400, 403}
    assert owner.execute("SELECT DISTINCT role FROM auth.service_keys WHERE customers IS NOT NULL").fetchall() == [
        ("read_only",)
    ]


async def test_no_request_with_a_key_waits_for_a_look_at_the_database(
    client: Client, app: Litestar, key: Key, customer: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.state["services"].verification.close()
    asked: list[str] = []

    async def none(_: object, named: str, statements: Any) -> Any:
        asked.extend(question.name for question, _ in statements)
        raise DatabaseDownError("not now")

    monkeypatch.setattr("read_api.store.database.Database._round_trip", none)
    wrong_key = f"{key.key.rpartition('_')[0]}_{'0' * 64}"

    for _ in range(20):
        assert await status(client, {"authorization": f"Bearer {wrong_key}", "x-customer": str(customer)}) == 401
    assert asked == []
    assert await status(client, key.naming(customer)) == 503  # it is let in; what it wants to see is not there
    await app.state["services"].guard._uses.close()
    assert set(asked) == {"customer/speak_for", "customer/me", "customer/speak_for_nobody", "auth/note_key_use"}


# -- for whom ----------------------------------------------------------------------------------------------------------


async def test_each_request_is_for_the_customer_that_it_names(client: Client, owner: Owner, key: Key) -> None:
    customers = {name: named(owner, name) for name in ("Acme", "Bolt", "Coil")}

    shown = {
        name: (await client.get("/api/me", headers=key.naming(customer))).json()["data"]["name"]
        for _ in range(3)
        for name, customer in customers.items()
    }

    assert shown == {name: name for name in customers}


async def test_many_at_once_see_nobody_elses(client: Client, owner: Owner, key: Key) -> None:
    customers = {str(number): named(owner, str(number)) for number in range(10)}

    async def shown(name: str) -> tuple[str, str]:
        answer = await client.get("/api/me", headers=key.naming(customers[name]))
        return name, answer.json()["data"]["name"]

    seen = await asyncio.gather(*(shown(name) for _ in range(10) for name in customers))

    assert [pair for pair in seen if pair[0] != pair[1]] == []


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([], "must be sent once"),
        ([b"0b9ee7c5-0000-4000-8000-000000000001", b"0b9ee7c5-0000-4000-8000-000000000002"], "must be sent once"),
        ([b""], "is not the id of a customer"),
        ([b"Acme"], "is not the id of a customer"),
        ([b"' OR true --"], "is not the id of a customer"),
        ([b"0b9ee7c5-0000-4000-8000-000000000001, 0b9ee7c5-0000-4000-8000-000000000002"], "is not the id"),
        ([b"\xff\xfe"], "is not the id of a customer"),
        ([b"0" * 8000], "is not the id of a customer"),
    ],
)
async def test_a_request_that_does_not_name_one_customer_is_a_400_that_names_the_header(
    client: Client, key: Key, sent: list[bytes], reason: str
) -> None:
    headers = [(b"authorization", f"Bearer {key.key}".encode()), *((b"x-customer", each) for each in sent)]

    answer = await client.get("/api/me", headers=headers)

    assert (answer.status_code, answer.json()["field"]) == (400, "X-Customer")
    assert reason in answer.json()["detail"]


async def test_what_is_wrong_with_a_key_comes_first(client: Client, key: Key) -> None:
    answer = await client.get("/api/me", headers={"authorization": f"Bearer {key.key[:-1]}"})

    assert answer.status_code == 401


async def test_a_key_acts_for_its_own_customers_and_no_answer_says_who_else_there_is(
    client: Client, app: Litestar, owner: Owner
) -> None:
    first, second, stranger = (named(owner, name) for name in ("First", "Second", "Stranger"))
    key = added(owner, customers=[first, second])
    await app.state["services"].verification.look()

    there = await client.get("/api/me", headers=key.naming(stranger))
    nowhere = await client.get("/api/me", headers=key.naming(uuid4()))

    assert [await status(client, key.naming(each)) for each in (first, second)] == [200, 200]
    assert await status(client, key.naming(str(first).upper())) == 200
    assert (there.status_code, there.text) == (nowhere.status_code, nowhere.text) == (401, there.text)


async def test_a_customer_that_is_unknown_is_answered_as_ever(client: Client, key: Key) -> None:
    answer = await client.get("/api/me", headers=key.naming(uuid4()))

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/invalid-token")


async def test_a_persons_token_says_for_whom_it_is_whatever_the_header_names(
    client: Client, owner: Owner, customer: UUID, bearer: Any
) -> None:
    other = named(owner, "Other")

    answer = await client.get("/api/me", headers={**bearer(customer), "x-customer": str(other)})

    assert answer.json()["data"]["name"] == "Acme"


async def test_a_cursor_of_one_customer_shows_nothing_of_them_to_another(
    client: Client, owner: Owner, key: Key
) -> None:
    acme, bolt = insert_customer(owner), insert_customer(owner)
    theirs = {
        each["id"]: [str(insert(owner, "invoices", account_id=account_of(each, "invoices"))["id"]) for _ in range(3)]
        for each in (acme, bolt)
    }
    page = (await client.get("/api/invoices?limit=1", headers=key.naming(acme["id"]))).json()

    followed = await client.get(
        f"/api/invoices?limit=100&cursor={page['page']['next']}", headers=key.naming(bolt["id"])
    )

    assert {row["id"] for row in followed.json()["data"]} <= set(theirs[bolt["id"]])


async def test_one_idempotency_key_of_two_customers_is_two_commands(client: Client, owner: Owner, key: Key) -> None:
    customers = [named(owner, name) for name in ("Acme", "Bolt")]
    body = {"subject": "a question", "description": "of mine"}

    answers = [
        await client.post(
            "/api/support/cases", json=body, headers=key.naming(each, **{"Idempotency-Key": "one-and-the-same"})
        )
        for each in (*customers, *customers)
    ]

    assert [each.status_code for each in answers] == [202] * 4
    commands = [each.json()["data"]["id"] for each in answers]
    assert commands[:2] == commands[2:]
    assert len(set(commands)) == 2
    stored = owner.execute("SELECT id::text, customer_id FROM command.commands").fetchall()
    assert dict(stored) == dict(zip(commands, customers, strict=False))
    for command, stranger in zip(commands, reversed(customers), strict=False):
        assert (await client.get(f"/api/commands/{command}", headers=key.naming(stranger))).status_code == 404


def test_what_is_known_of_one_customer_is_no_reason_to_tell_another_that_nothing_changed(
    database: Database, owner: Owner, key: Key
) -> None:
    acme, bolt = named(owner, "Acme"), named(owner, "Bolt")
    with served_api(database) as url, httpx.Client(base_url=url, timeout=30) as client:

        def tagged(customer: UUID, **headers: str) -> httpx.Response:
            while "etag" not in (answer := client.get("/api/me", headers=key.naming(customer, **headers))).headers:
                assert answer.status_code == 200
            return answer

        until(lambda: client.get("/api/me", headers=key.naming(acme)).is_success)
        of_acme = tagged(acme)
        again = tagged(acme, **{"if-none-match": of_acme.headers["etag"]})
        tagged(bolt)
        of_bolt = tagged(bolt, **{"if-none-match": of_acme.headers["etag"]})

    assert (again.status_code, of_bolt.status_code) == (304, 200)
    assert of_bolt.json()["data"]["name"] == "Bolt"
    # Nor for a cache that keeps answers by what their requests say.
    assert {each.headers["vary"] for each in (of_acme, again)} == {"Authorization, X-Customer"}


# -- what it may do ----------------------------------------------------------------------------------------------------

CASE = ("/api/support/cases", {"subject": "a question", "description": "of mine"})
ASKED = {
    "voice": (f"/api/sims/{uuid4()}/voice-options", {"voiceMail": True}),
    "cancel": (f"/api/subscriptions/{uuid4()}/cancellations", {"when": "immediate"}),
    "top up": (f"/api/sims/{uuid4()}/top-ups", {"megabytes": 1000}),
    "case": CASE,
}


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        ("owner", set()),
        ("billing", {"voice", "cancel"}),
        ("technical", {"top up", "cancel"}),
        ("read_only", {"top up", "voice", "cancel", "case"}),
    ],
)
async def test_what_the_keys_role_may_not_do_is_refused(  # noqa: PLR0917 - fixtures
    client: Client, app: Litestar, owner: Owner, customer: UUID, role: AccountRole, refused: set[str]
) -> None:
    key = added(owner, role)
    await app.state["services"].verification.look()

    answers = {
        name: await client.post(path, json=body, headers=key.naming(customer, **{"Idempotency-Key": uuid4().hex}))
        for name, (path, body) in ASKED.items()
    }

    assert {name for name, each in answers.items() if each.status_code == 403} == refused
    assert {answers[name].json()["type"] for name in refused} <= {"/problems/forbidden-role"}
    assert await status(client, key.naming(customer)) == 200


async def test_the_database_refuses_it_too_where_the_api_forgets_to(
    client: Client, app: Litestar, owner: Owner, customer: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("read_api.commands.accepting.require_role", lambda *_: None)
    key = added(owner, "read_only")
    await app.state["services"].verification.look()

    path, body = CASE
    answer = await client.post(path, json=body, headers=key.naming(customer, **{"Idempotency-Key": uuid4().hex}))

    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden-role")
    assert owner.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("POST", "/auth/logout-all"),
        ("POST", "/auth/switch"),
        ("POST", "/auth/change-password"),
    ],
)
async def test_a_key_is_no_person_and_has_no_log_in(  # noqa: PLR0917 - fixtures
    client: Client, app: Litestar, owner: Owner, key: Key, customer: UUID, method: str, path: str
) -> None:
    headers = key.naming(customer)

    answers = [
        await client.request(method, path, headers=each, json={}) for each in (headers, headers | {"x-customer": ""})
    ]

    assert [(each.status_code, each.json()["type"]) for each in answers] == [(401, "/problems/invalid-token")] * 2
    await app.state["services"].guard._uses.close()
    assert owner.execute("SELECT count(*) FROM auth.audit").fetchone() == (0,)


# -- live --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["revoked", "replaced"])
def test_a_live_stream_ends_with_its_key(database: Database, owner: Owner, key: Key, customer: UUID, why: str) -> None:
    with served_api(database) as url, httpx.Client(base_url=url, timeout=30) as client:
        until(lambda: client.get("/api/me", headers=key.naming(customer)).is_success)
        with client.stream("GET", "/api/live", headers=key.naming(customer)) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": alive"

            if why == "revoked":
                revoked(owner, key)
            else:
                replaced(owner, key, overlap_hours=0)

            assert "event: expired" in list(islice(lines, 10))
        assert client.get("/api/me", headers=key.naming(customer)).status_code == 401


def test_a_live_socket_names_its_customer_too_and_ends_with_its_key(
    database: Database, owner: Owner, key: Key, customer: UUID
) -> None:
    with served_api(database) as url:
        address = f"{url.replace('http', 'ws', 1)}/api/live/ws"
        until(lambda: httpx.get(f"{url}/api/me", headers=key.naming(customer)).is_success)
        for headers in (
            key.naming(uuid4()),
            key.naming("nobody"),
            key.naming(customer) | {"authorization": "Bearer hubkey_"},
        ):
            with pytest.raises(InvalidStatus) as refused:
                connect(address, additional_headers=headers)
            assert refused.value.response.status_code == 403
        with connect(address, additional_headers=key.naming(customer)) as socket:
            assert '"alive"' in str(socket.recv(timeout=30))

            revoked(owner, key)

            with pytest.raises(ConnectionClosedError):
                list(socket)
            assert socket.close_code == 1008


# -- the audit ---------------------------------------------------------------------------------------------------------


def uses(owner: Owner) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT actor, record, address, details FROM auth.audit WHERE action = 'service_key.used' ORDER BY seq"
    ).fetchall()


async def test_the_first_use_of_each_key_and_address_in_an_hour_is_in_the_audit_whichever_copy_saw_it(  # noqa: PLR0917
    app: Litestar, database: Database, api_settings: ApiSettings, owner: Owner, key: Key, customer: UUID
) -> None:
    other_app, other_key = create_app(as_api(database), api_settings, auth=CHEAP), added(owner)
    by_key, by_other = f"key:{key.id}", f"key:{other_key.id}"

    async def asked(copy: Litestar, address: str, by: Key) -> None:
        transport = httpx.ASGITransport(copy, client=(address, 1))
        async with Client(transport=transport, base_url="http://hub") as client:
            for _ in range(3):
                assert await status(client, by.naming(customer)) == 200
        await copy.state["services"].guard._uses.close()

    async with Running(app), Running(other_app):
        for copy in (app, other_app):
            await asked(copy, "192.0.2.1", key)
            await asked(copy, "192.0.2.2", key)
            await asked(copy, "192.0.2.1", other_key)
            # Whoever has an address of IPv6 has all of its neighbourhood.
            for last in range(1, 4):
                await asked(copy, f"2001:db8::{last}", key)
        first_hour = uses(owner)
        owner.execute("UPDATE auth.attempts SET tried_at = tried_at - interval '1 hour'")
        later = app.state["services"].guard._uses._noted_at
        later.update({place: at - NOTED_SECONDS for place, at in later.items()})
        await asked(app, "192.0.2.1", key)

    assert [(actor, record, address) for actor, record, address, _ in first_hour] == [
        (by_key, by_key, "192.0.2.1"),
        (by_key, by_key, "192.0.2.2"),
        (by_other, by_other, "192.0.2.1"),
        (by_key, by_key, "2001:db8::1"),
    ]
    assert first_hour[0][3] == {"name": "portal"}
    assert uses(owner)[len(first_hour) :] == [first_hour[0]]


async def test_a_use_is_noted_though_its_request_is_refused(
    client: Client, app: Litestar, owner: Owner, key: Key
) -> None:
    """Whoever tries what a stolen key opens leaves a trace."""
    await client.get("/api/me", headers=key.naming("nobody"))

    await app.state["services"].guard._uses.close()
    assert [actor for actor, *_ in uses(owner)] == [f"key:{key.id}"]


async def test_while_a_use_cannot_be_noted_nobody_waits_for_it_and_the_next_one_is(  # noqa: PLR0917 - fixtures
    client: Client, app: Litestar, owner: Owner, key: Key, customer: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    noting = app.state["services"].guard._uses

    async def fails(*_: object) -> None:
        raise DatabaseDownError("not now")

    with monkeypatch.context() as patched, structlog.testing.capture_logs() as logged:
        patched.setattr(noting._database, "tell", fails)
        assert await status(client, key.naming(customer)) == 200
        await noting.close()
    assert [each["event"] for each in logged if each["log_level"] == "warning"] == ["auth.key_use_not_noted"]
    assert uses(owner) == []

    assert await status(client, key.naming(customer)) == 200
    await noting.close()
    assert len(uses(owner)) == 1


async def test_what_is_remembered_of_uses_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_keys, "NOTED_PLACES", 10)

    class Nowhere:
        async def tell(self, *_: object) -> None:
            pass

    noting: Any = service_keys.KeyUses(Nowhere())  # type: ignore[arg-type]
    key = service_keys.ServiceKey(str(uuid4()), "", "owner", None, 0.0)

    for number in range(100):
        noting.saw(key, f"192.0.2.{number}")

    assert len(noting._noted_at) <= 10
    await noting.close()
