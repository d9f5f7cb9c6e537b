"""View-as: a support agent sees the portal as a customer does, and changes nothing.

The promise. Nobody looks but an agent who has just proven who they are, and says why. Whoever looks sees what the
customer sees and can change nothing, cost nothing, and do nothing about anybody's log-in. Each answer says that
somebody looks on, and nothing is read that is not in the audit, with both people. It ends with the time that was asked
for, and within a second with whatever ends the agent's session or their being one. The customer's owner can see that
support looked.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import psycopg
import pytest
from litestar import Litestar
from websockets.sync.client import connect

from core.settings import ApiSettings
from read_api.auth.access import caller_by_access_token, signed
from read_api.auth.tokens import InvalidTokenError
from read_api.auth.view_as import viewing
from tests.builders import account_of, insert, insert_customer
from tests.conftest import Database
from tests.read_api.auth.conftest import (
    HASHED,
    Clock,
    Somebody,
    audited,
    bearer_of,
    cookie,
    log_in,
    refresh,
    somebody,
    until_refused,
)
from tests.read_api.auth.test_access import signing_key
from tests.serving import KEY, served_api
from tests.waiting import until

Client = httpx.AsyncClient
Owner = psycopg.Connection[Any]
Headers = dict[str, str]
REASON = "ticket 4711: cannot see the invoice"


@pytest.fixture
def agent(owner: Owner, keys: None) -> Somebody:
    """Somebody of support, who acts for no customer."""
    user = insert(owner, "auth.users", email="mika@example.com", password_hash=HASHED, is_agent=True)
    return Somebody(user["id"], user["email"], uuid4())


async def look(client: Client, headers: Headers, customer: object, **other: Any) -> httpx.Response:
    body = {"customer": str(customer), "reason": REASON, "minutes": 15, **other}
    return await client.post("/auth/view-as", headers=headers, json=body)


async def looking(client: Client, agent: Somebody, person: Somebody) -> Headers:
    begun = await look(client, bearer_of(await log_in(client, agent)), person.customer)
    assert begun.status_code == 200, begun.text
    return bearer_of(begun)


def claims_of(headers: Headers) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(
        headers["authorization"].removeprefix("Bearer "), options={"verify_signature": False}
    )
    return found


def reads(owner: Owner) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT actor, on_behalf_of, details ->> 'method', details ->> 'path', details ->> 'customer'"
        "  FROM auth.audit WHERE action = 'view.read' ORDER BY seq"
    ).fetchall()


# -- who may look ------------------------------------------------------------------------------------------------------


async def test_nobody_looks_who_is_no_agent_whatever_their_role(client: Client, person: Somebody, owner: Owner) -> None:
    refused = await look(client, bearer_of(await log_in(client, person)), person.customer)

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/no-agent")
    assert owner.execute("SELECT FROM auth.views").rowcount == 0
    assert audited(owner)[-1] == "view.refused"


async def test_an_agent_must_have_proven_just_now_who_they_are_as_the_database_knows_too(
    client: Client, agent: Somebody, person: Somebody, owner: Owner, clock: Clock
) -> None:
    headers = bearer_of(await log_in(client, agent))
    owner.execute("UPDATE auth.sessions SET authenticated_at = authenticated_at - interval '1 hour'")

    by_the_database = await look(client, headers, person.customer)
    clock.go_on(3600)
    by_the_token = await look(client, headers, person.customer)

    assert {each.json()["type"] for each in (by_the_database, by_the_token)} == {
        "/problems/fresh-authentication-needed"
    }
    assert owner.execute("SELECT FROM auth.views").rowcount == 0


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"reason": "because"}, "reason"),
        ({"reason": " " * 20}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 61}, "minutes"),
        ({"customer": "Acme"}, "customer"),
    ],
    ids=str,
)
async def test_a_reason_and_an_end_are_needed(
    client: Client, agent: Somebody, person: Somebody, changed: dict[str, Any], field: str
) -> None:
    asked = {"customer": person.customer, **changed}

    refused = await look(client, bearer_of(await log_in(client, agent)), **asked)

    assert (refused.status_code, refused.json()["field"]) == (400, field)


async def test_there_is_nothing_to_look_at_where_nobody_or_not_that_person_logs_in(
    client: Client, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    headers = bearer_of(await log_in(client, agent))
    deserted, another = insert_customer(owner)["id"], somebody(owner)
    asked = [
        await look(client, headers, uuid4()),
        await look(client, headers, deserted),
        await look(client, headers, person.customer, person=str(another.id)),
    ]
    owner.execute("UPDATE hub.customers SET deleted_at = now() WHERE id = %s", [person.customer])

    asked.append(await look(client, headers, person.customer))

    assert [each.status_code for each in asked] == [404] * 4
    assert owner.execute("SELECT FROM auth.views").rowcount == 0


async def test_an_agent_looks_at_so_many_customers_in_an_hour_and_no_more(
    client: Client, agent: Somebody, person: Somebody
) -> None:
    headers = bearer_of(await log_in(client, agent))

    answers = [(await look(client, headers, person.customer)).status_code for _ in range(31)]

    assert answers == [200] * 30 + [429]


# -- what they see -----------------------------------------------------------------------------------------------------


async def test_both_people_are_named_in_answers_tokens_and_the_audit(
    client: Client, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    headers = await looking(client, agent, person)

    customer = await client.get("/api/me", headers=headers)
    myself = await client.get("/auth/me", headers=headers)
    missing = await client.get(f"/api/invoices/{uuid4()}", headers=headers)

    assert customer.json()["data"]["name"] == "Acme"
    assert customer.json()["data"]["viewedBy"] == {"agent": str(agent.id), "person": str(person.id)}
    said = myself.json()["data"]
    assert (said["id"], said["email"], said["customer"]) == (str(person.id), person.email, str(person.customer))
    assert [(each["customer"], each["role"]) for each in said["accounts"]] == [(str(person.customer), "read_only")]
    assert (said["viewedBy"]["agent"], said["viewedBy"]["email"]) == (str(agent.id), agent.email)
    assert {each.headers["x-viewed-by"] for each in (customer, myself, missing)} == {str(agent.id)}
    claimed = claims_of(headers)
    assert (claimed["sub"], claimed["act"], claimed["role"]) == (str(person.id), {"sub": str(agent.id)}, "read_only")
    assert reads(owner) == [
        (f"user:{agent.id}", f"user:{person.id}", "GET", path, str(person.customer))
        for path in ("/api/me", "/auth/me", "/api/invoices/{invoice_id}")
    ]


async def test_who_looks_as_nobody_is_told_of_nobody(client: Client, person: Somebody) -> None:
    headers = bearer_of(await log_in(client, person))

    customer, myself = await client.get("/api/me", headers=headers), await client.get("/auth/me", headers=headers)

    assert "x-viewed-by" not in customer.headers
    assert (customer.json()["data"]["viewedBy"], myself.json()["data"]["viewedBy"]) == (None, None)


async def test_what_a_customer_or_another_view_was_shown_is_not_said_to_be_unchanged(
    client: Client, app: Litestar, agent: Somebody, person: Somebody
) -> None:
    """GET /api/me says who looks on."""
    own = bearer_of(await log_in(client, person))
    views = [await looking(client, agent, person) for _ in range(2)]
    follower = app.state["services"].follower
    follower.open()
    async with asyncio.timeout(60):
        while "etag" not in (answer := await client.get("/api/me", headers=own)).headers:  # noqa: ASYNC110 - the log
            await asyncio.sleep(0.01)
    tags = [answer.headers["etag"]]
    tags += [(await client.get("/api/me", headers=each)).headers["etag"] for each in views]

    for headers, mine in zip([own, *views], tags, strict=True):
        for tag in tags:
            again = await client.get("/api/me", headers=headers | {"if-none-match": tag})
            assert again.status_code == (304 if tag == mine else 200)
    await follower.close()
    assert len(set(tags)) == 3


async def test_one_looks_as_the_first_owner_unless_somebody_is_named(
    client: Client, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    users = [insert(owner, "auth.users", email=f"{each}@example.com")["id"] for each in ("hana", "ken")]
    for user, role in zip(users, ("read_only", "owner"), strict=True):
        insert(owner, "auth.memberships", user_id=user, customer_id=person.customer, role=role)
    owner.execute("UPDATE auth.memberships SET created_at = now() - interval '1 day' WHERE role = 'read_only'")
    headers = bearer_of(await log_in(client, agent))

    first = await look(client, headers, person.customer)
    named = await look(client, headers, person.customer, person=str(users[0]))

    assert [each.json()["data"]["person"] for each in (first, named)] == [str(person.id), str(users[0])]


async def test_the_agents_own_session_goes_on_and_its_cookie_is_not_touched(
    client: Client, agent: Somebody, person: Somebody
) -> None:
    entered = await log_in(client, agent)

    begun = await look(client, bearer_of(entered), person.customer)

    assert "set-cookie" not in begun.headers
    assert (await client.get("/auth/me", headers=bearer_of(entered))).json()["data"]["id"] == str(agent.id)
    assert (await refresh(client, cookie(entered))).json()["data"]["person"] == str(agent.id)


async def test_a_token_lives_as_long_as_was_asked_for_and_never_more_than_an_hour(
    client: Client, agent: Somebody, person: Somebody, owner: Owner, api_settings: ApiSettings
) -> None:
    headers = bearer_of(await log_in(client, agent))
    short, long = [await look(client, headers, person.customer, minutes=each) for each in (1, 60)]

    assert [each.json()["data"]["expiresIn"] for each in (short, long)] == [60, 3600]
    assert [claims_of(bearer_of(each))["exp"] - claims_of(bearer_of(each))["iat"] for each in (short, long)] == [
        60,
        3600,
    ]
    assert (await client.get("/api/me", headers=bearer_of(long))).status_code == 200
    caller = viewing(str(person.customer), str(person.id), claims_of(bearer_of(long))["sid"], str(agent.id))
    too_long = signed(api_settings, signing_key(owner), caller, minutes=61)
    assert (await client.get("/api/me", headers={"authorization": f"Bearer {too_long}"})).status_code == 401
    # The database knows the end, too, whatever a token says.
    owner.execute(
        "UPDATE auth.views SET begun_at = begun_at - interval '1 day', expires_at = expires_at - interval '1 day'"
    )
    assert (await client.get("/api/me", headers=bearer_of(long))).status_code == 401


# -- what they cannot do -----------------------------------------------------------------------------------------------


async def test_nothing_is_changed_by_whoever_looks_whichever_operation_is_tried(
    client: Client, app: Litestar, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    headers = await looking(client, agent, person) | {"idempotency-key": "a-key-of-mine"}
    tried = 0
    for path, item in app.openapi_schema.paths.items():
        for method in ("post", "patch", "put", "delete"):
            if path.startswith("/api") and getattr(item, method) is not None:
                address = re.sub(r"\{\w+\}", str(uuid4()), path)
                refused = await client.request(method, address, headers=headers, json={})
                assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden-role"), path
                assert refused.json()["detail"] == "whoever looks as a customer changes nothing"
                assert refused.headers["x-viewed-by"] == str(agent.id)
                tried += 1

    assert tried > 12
    assert reads(owner) == []  # nothing was read


async def test_a_view_reads_so_much_in_a_minute_and_holds_nobody_else_up(
    client: Client, agent: Somebody, person: Somebody, owner: Owner, clock: Clock
) -> None:
    view, other = [await looking(client, agent, person) for _ in range(2)]

    answers = [await client.get("/api/me", headers=view) for _ in range(121)]
    of_the_other = await client.get("/api/me", headers=other)

    assert [each.status_code for each in answers] == [200] * 120 + [429]
    assert answers[-1].json()["errors"][0]["code"] == "READS_BY_A_VIEW_PER_MINUTE"
    assert of_the_other.status_code == 200
    assert len(reads(owner)) == 121
    clock.go_on(int(answers[-1].headers["retry-after"]))
    assert (await client.get("/api/me", headers=view)).status_code == 200


@pytest.mark.parametrize(("typ", "act"), [("at+jwt", True), ("view+jwt", False), ("JWT", True)])
async def test_only_a_token_of_a_views_own_type_names_who_looks(  # noqa: PLR0917
    client: Client, agent: Somebody, person: Somebody, owner: Owner, api_settings: ApiSettings, typ: str, act: bool
) -> None:
    """An older copy of the API knows no such type; it would let a view in, and write nothing down."""
    view = await looking(client, agent, person)
    key, claims = signing_key(owner), claims_of(view)
    assert jwt.get_unverified_header(view["authorization"].removeprefix("Bearer "))["typ"] == "view+jwt"
    said = claims if act else {name: value for name, value in claims.items() if name != "act"}

    token = jwt.encode(said, key.private, "EdDSA", headers={"kid": key.kid, "typ": typ})

    assert (await client.get("/api/me", headers={"authorization": f"Bearer {token}"})).status_code == 401


async def test_a_token_that_says_more_than_read_only_means_read_only(
    person: Somebody, agent: Somebody, owner: Owner, api_settings: ApiSettings
) -> None:
    """So that the database refuses what the API might forget to: it goes by the role that the API names."""
    key = signing_key(owner)
    caller = viewing(str(person.customer), str(person.id), str(uuid4()), str(agent.id))
    token = signed(api_settings, key, caller._replace(role="owner"))

    keys = {key.kid: key.private.public_key()}
    found = caller_by_access_token(api_settings, keys, jwt.get_unverified_header(token), token)

    assert (found.role, found.actor) == ("read_only", str(agent.id))


async def test_nothing_is_done_about_anybodys_log_in_by_whoever_looks(
    client: Client, app: Litestar, agent: Somebody, person: Somebody
) -> None:
    headers = await looking(client, agent, person)
    tried = 0
    for path, item in app.openapi_schema.paths.items():
        for method in ("get", "post", "patch", "delete"):
            operation = getattr(item, method)
            is_guarded = operation is not None and operation.security == [{"bearerAuth": []}]
            if path.startswith("/auth") and is_guarded and operation.operation_id not in {"getPerson", "endViewAs"}:
                address = re.sub(r"\{\w+\}", str(uuid4()), path)
                refused = await client.request(method, address, headers=headers, json={})
                assert refused.status_code == 401, path
                tried += 1

    assert tried > 12


@dataclass(frozen=True)
class Stale:
    """A customer of whom a line and an invoice are to be read again, and where that is looked at."""

    customer: UUID
    records: dict[str, str]

    def address(self, path: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.records.get(found[1], str(uuid4())), path)


@pytest.fixture
def stale(owner: Owner, person: Somebody) -> Stale:
    customer = insert_customer(owner, name="Bolt")
    insert(owner, "auth.memberships", user_id=person.id, customer_id=customer["id"], role="owner")
    records = {
        "sim_id": insert(owner, "sims", account_id=account_of(customer, "sims"), is_open=True, msisdn="08011112222"),
        "invoice_id": insert(owner, "invoices", account_id=account_of(customer, "invoices")),
        "subscription_id": insert(owner, "subscriptions", account_id=account_of(customer, "subscriptions")),
    }
    return Stale(customer["id"], {name: str(record["id"]) for name, record in records.items()})


def spent(owner: Owner) -> int:
    """What was requested of a source, or counted as the customer's."""
    found = "SELECT (SELECT count(*) FROM sync.inbox) + (SELECT count(*) FROM command.admissions)"
    return int(owner.execute(found).fetchall()[0][0])


async def test_whatever_is_looked_at_nothing_is_read_again_at_its_source_nor_counted(  # noqa: PLR0917
    client: Client, app: Litestar, agent: Somebody, person: Somebody, stale: Stale, owner: Owner
) -> None:
    """That costs calls of the customer's, who did not ask for it."""
    own = bearer_of(await log_in(client, agent))
    view = bearer_of(await look(client, own, stale.customer))
    unread, looked_at = None, "SELECT looked_at FROM hub.sims WHERE looked_at IS NOT NULL"
    asked = 0
    for path, item in app.openapi_schema.paths.items():
        if path.startswith("/api") and item.get is not None and path != "/api/live":
            answer = await client.get(stale.address(path), headers=view | {"prefer": "wait=1"})
            assert answer.status_code < 500, path
            unread = answer.json().get("unread", unread)
            asked += answer.is_success

    assert (asked > 10, unread) == (True, 1)
    assert (spent(owner), owner.execute(looked_at).fetchall()) == (0, [])


async def test_the_same_by_the_customer_is_read_again(
    client: Client, person: Somebody, stale: Stale, owner: Owner
) -> None:
    own = bearer_of(await log_in(client, person))
    switched = await client.post("/auth/switch", headers=own, json={"customer": str(stale.customer)})

    for path in ("/api/sims/{sim_id}", "/api/subscriptions/{subscription_id}/invoices"):
        assert (await client.get(stale.address(path), headers=bearer_of(switched))).status_code == 200

    assert spent(owner) == 4


async def test_nothing_is_read_that_cannot_be_written_down(
    client: Client, app: Litestar, agent: Somebody, person: Somebody
) -> None:
    headers = await looking(client, agent, person)
    await app.state["services"].door._database.close()

    assert (await client.get("/api/me", headers=headers)).status_code == 503


# -- how it ends -------------------------------------------------------------------------------------------------------


async def by_the_agent(client: Client, own: Headers, view: Headers) -> None:
    assert (await client.delete("/auth/view-as", headers=own)).json()["data"] == {"ended": 1}


async def by_its_token(client: Client, own: Headers, view: Headers) -> None:
    assert (await client.delete("/auth/view-as", headers=view)).json()["data"] == {"ended": 1}


async def logged_out(client: Client, own: Headers, view: Headers) -> None:
    assert (await client.delete(f"/auth/sessions/{claims_of(own)['sid']}", headers=own)).status_code == 200


async def logged_out_everywhere(client: Client, own: Headers, view: Headers) -> None:
    assert (await client.post("/auth/logout-all", headers=own)).status_code == 200


@pytest.mark.parametrize("ending", [by_the_agent, by_its_token, logged_out, logged_out_everywhere])
async def test_it_ends_when_the_agent_says_so_or_logs_out(
    client: Client, agent: Somebody, person: Somebody, owner: Owner, ending: Callable[..., Any]
) -> None:
    own = bearer_of(await log_in(client, agent))
    view = bearer_of(await look(client, own, person.customer))

    await ending(client, own, view)

    assert (await client.get("/api/me", headers=view)).status_code == 401
    assert claims_of(view)["sid"] in str(owner.execute("SELECT session_id FROM auth.revocations").fetchall())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE auth.users SET locked_until = now() + interval '1 day' WHERE id = %s",
        "UPDATE auth.users SET is_agent = false WHERE id = %s",
        "SELECT auth.revoke_all(%s, NULL, 'password_changed')",
    ],
)
async def test_it_ends_with_whatever_an_operator_does_to_the_agent_on_every_copy(  # noqa: PLR0917
    client: Client, app: Litestar, agent: Somebody, person: Somebody, owner: Owner, change: str
) -> None:
    view = await looking(client, agent, person)

    owner.execute(change.encode(), [agent.id])

    await until_refused(client, view)
    verification = app.state["services"].verification
    await verification.look()
    assert verification.is_called_back(claims_of(view)["sid"], 0)


async def test_whoever_is_an_agent_no_more_looks_on_no_more_and_stays_logged_in_as_a_customer(
    client: Client, person: Somebody, owner: Owner
) -> None:
    both = somebody(owner, is_agent=True)
    own = bearer_of(await log_in(client, both))
    view = bearer_of(await look(client, own, person.customer))

    owner.execute("UPDATE auth.users SET is_agent = false WHERE id = %s", [both.id])

    await until_refused(client, view)
    assert (await client.get("/api/me", headers=own)).status_code == 200


async def test_it_ends_when_the_person_acts_for_the_customer_no_more(
    client: Client, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    view = await looking(client, agent, person)

    owner.execute("UPDATE auth.memberships SET role = 'technical' WHERE user_id = %s", [person.id])
    assert (await client.get("/api/me", headers=view)).status_code == 200
    owner.execute("DELETE FROM auth.memberships WHERE user_id = %s", [person.id])

    await until_refused(client, view)
    assert owner.execute("SELECT FROM auth.views WHERE ended_at IS NOT NULL").rowcount == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE auth.memberships DISABLE TRIGGER watch_memberships; DELETE FROM auth.memberships",
        "UPDATE hub.customer_accounts SET customer_id = id",
    ],
    ids=["not yet called back", "linked to another"],
)
@pytest.mark.parametrize("path", ["/api/me", "/auth/me"])
async def test_nothing_is_read_as_somebody_who_acts_for_the_customer_no_more(  # noqa: PLR0917
    client: Client, agent: Somebody, owner: Owner, keys: None, change: str, path: str
) -> None:
    customer = insert_customer(owner)
    user = insert(owner, "auth.users", email="hana@example.com")["id"]
    insert(owner, "auth.memberships", user_id=user, customer_id=customer["whmcs_account_id"], role="owner")
    view = bearer_of(await look(client, bearer_of(await log_in(client, agent)), customer["id"]))
    assert (await client.get(path, headers=view)).status_code == 200

    owner.execute(change.encode())

    assert (await client.get(path, headers=view)).status_code == 401


async def test_a_view_that_is_over_is_left_as_it_was_by_what_ends_others(
    client: Client, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    own = bearer_of(await log_in(client, agent))
    await look(client, own, person.customer)
    owner.execute(
        "UPDATE auth.views SET begun_at = begun_at - interval '1 day', expires_at = expires_at - interval '1 day'"
    )

    await logged_out_everywhere(client, own, {})
    owner.execute("DELETE FROM auth.memberships WHERE user_id = %s", [person.id])
    owner.execute("UPDATE auth.users SET is_agent = false WHERE id = %s", [agent.id])

    assert owner.execute("SELECT FROM auth.views WHERE ended_at IS NOT NULL").rowcount == 0


async def test_another_session_of_the_agents_ends_nothing(client: Client, agent: Somebody, person: Somebody) -> None:
    view, other = await looking(client, agent, person), bearer_of(await log_in(client, agent))

    assert (await client.delete(f"/auth/sessions/{claims_of(other)['sid']}", headers=other)).status_code == 200

    assert (await client.get("/api/me", headers=view)).status_code == 200


def test_a_live_stream_is_in_the_audit_and_ends_with_the_view(
    database: Database, owner: Owner, agent: Somebody, person: Somebody
) -> None:
    with served_api(database) as url, httpx.Client(base_url=url, timeout=30) as client:
        entered = client.post("/auth/login", json={"email": agent.email, "password": "correct horse battery staple"})
        asked = {"customer": str(person.customer), "reason": REASON, "minutes": 5}
        view = bearer_of(client.post("/auth/view-as", headers=bearer_of(entered), json=asked))
        until(lambda: client.get("/api/me", headers=view).is_success)
        with client.stream("GET", "/api/live", headers=view | {"last-event-id": "one of yesterday"}) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": alive"
            assert stream.headers["x-viewed-by"] == str(agent.id)

            owner.execute("UPDATE auth.users SET is_agent = false WHERE id = %s", [agent.id])

            assert "event: expired" in list(islice(lines, 10))

    assert ("GET", "/api/live") in [each[2:4] for each in reads(owner)]
    assert owner.execute("SELECT FROM command.admissions").rowcount == 0  # nor was catching up counted


def test_a_live_socket_is_in_the_audit_too(database: Database, owner: Owner, agent: Somebody, person: Somebody) -> None:
    view = uuid4()
    owner.execute(
        "SELECT auth.open_view(%s, %s, NULL, NULL, %s, NULL, %s, interval '5 minutes', NULL)",
        [view, agent.id, person.customer, REASON],
    )
    caller = viewing(str(person.customer), str(person.id), str(view), str(agent.id))
    token = signed(ApiSettings(jwt_key=KEY), signing_key(owner), caller, minutes=5)
    with served_api(database) as url:
        address = f"{url.replace('http', 'ws', 1)}/api/live/ws"
        until(lambda: httpx.get(f"{url}/api/me", headers={"authorization": f"Bearer {token}"}).is_success)
        with connect(address, additional_headers={"authorization": f"Bearer {token}"}) as socket:
            assert '"alive"' in str(socket.recv(timeout=30))

    assert ("GET", "/api/live/ws") in [each[2:4] for each in reads(owner)]


# -- agents who are no customers ---------------------------------------------------------------------------------------


async def test_an_agent_who_acts_for_no_customer_is_logged_in_and_sees_none(
    client: Client, agent: Somebody, owner: Owner
) -> None:
    entered = await log_in(client, agent)
    refreshed = await refresh(client, cookie(entered))

    for answer in (entered, refreshed):
        assert (answer.status_code, answer.json()["data"]["customer"]) == (200, None)
        assert (await client.get("/api/me", headers=bearer_of(answer))).status_code == 401
    myself = (await client.get("/auth/me", headers=bearer_of(refreshed))).json()["data"]
    assert (myself["isAgent"], myself["customer"], myself["accounts"]) == (True, None, [])


async def test_an_agent_who_is_one_no_more_and_acts_for_no_customer_is_out(
    client: Client, agent: Somebody, owner: Owner
) -> None:
    entered = await log_in(client, agent)

    owner.execute("UPDATE auth.users SET is_agent = false WHERE id = %s", [agent.id])

    assert (await refresh(client, cookie(entered))).status_code == 401
    assert (await log_in(client, agent)).json()["type"] == "/problems/no-account"


async def test_an_agent_who_is_a_customer_too_acts_for_that_one(client: Client, owner: Owner, keys: None) -> None:
    both = somebody(owner, is_agent=True)

    entered = await log_in(client, both)

    assert entered.json()["data"]["customer"] == str(both.customer)
    assert (await client.get("/api/me", headers=bearer_of(entered))).status_code == 200


# -- what the customer learns ------------------------------------------------------------------------------------------


async def test_an_owner_sees_when_support_looked_and_neither_who_nor_why(
    client: Client, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    own = bearer_of(await log_in(client, person))
    assert (await client.get("/auth/views", headers=own)).json() == {"data": []}
    view = await looking(client, agent, person)
    other = somebody(owner)

    answer = await client.get("/auth/views", headers=own)
    of_another = await client.get("/auth/views", headers=bearer_of(await log_in(client, other)))

    (seen,) = answer.json()["data"]
    assert (seen["id"], seen["person"]) == (claims_of(view)["sid"], str(person.id))
    assert str(agent.id) not in answer.text
    assert "4711" not in answer.text
    assert of_another.json() == {"data": []}


async def test_an_owner_is_not_told_of_somebody_who_acts_for_them_no_more(
    client: Client, agent: Somebody, person: Somebody, owner: Owner
) -> None:
    gone = insert(owner, "auth.users", email="ken@example.com")["id"]
    insert(owner, "auth.memberships", user_id=gone, customer_id=person.customer, role="billing")
    await look(client, bearer_of(await log_in(client, agent)), person.customer, person=str(gone))
    owner.execute("DELETE FROM auth.memberships WHERE user_id = %s", [gone])

    answer = await client.get("/auth/views", headers=bearer_of(await log_in(client, person)))

    assert [each["person"] for each in answer.json()["data"]] == [None]


async def test_nobody_but_an_owner_is_told_as_the_database_knows_too(client: Client, owner: Owner, keys: None) -> None:
    technical, demoted = somebody(owner, role="technical"), somebody(owner)
    before = await log_in(client, demoted)
    owner.execute(
        "ALTER TABLE auth.memberships DISABLE TRIGGER watch_memberships"
    )  # the token is believed for a moment
    owner.execute("UPDATE auth.memberships SET role = 'billing' WHERE user_id = %s", [demoted.id])

    for answer in (await log_in(client, technical), before):
        refused = await client.get("/auth/views", headers=bearer_of(answer))
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden-role")


async def test_a_token_that_names_nobody_who_looks_is_none(
    person: Somebody, agent: Somebody, api_settings: ApiSettings, owner: Owner
) -> None:
    key = signing_key(owner)
    caller = viewing(str(person.customer), str(person.id), str(uuid4()), "nobody")

    token = signed(api_settings, key, caller)

    with pytest.raises(InvalidTokenError):
        caller_by_access_token(
            api_settings, {key.kid: key.private.public_key()}, jwt.get_unverified_header(token), token
        )
