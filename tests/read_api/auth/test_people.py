"""The people of an account: owners invite, give roles, remove.

The promise. Owners alone decide, by a session that is fresh, and the account always keeps one. Whoever is removed or
has another role is held to it within a second. An invitation is good once, for a week, while whoever sent it owns the
account; by it alone nobody gets at somebody who is there already. Whoever invites does not learn whether an address is
known, and whoever is invited learns the account and who invites. It is told by e-mail to whom it concerns and to every
owner.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from sql.statements import statement
from tests.builders import insert
from tests.conftest import Database
from tests.read_api.auth.conftest import (
    HASHED,
    PASSWORD,
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
from tests.waiting import until

Client = httpx.AsyncClient
Owner = psycopg.Connection[Any]
Headers = dict[str, str]
HANA = "hana@example.com"
LATER = datetime(2100, 1, 1, tzinfo=UTC)
NEW = "a horse that nobody knows of"


WAITING = """SELECT count(*) FROM pg_locks WHERE NOT granted
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


def member(owner: Owner, person: Somebody, role: str, email: str = HANA) -> Somebody:
    """Another person of the same account."""
    user = insert(owner, "auth.users", email=email, password_hash=HASHED)
    insert(owner, "auth.memberships", user_id=user["id"], customer_id=person.customer, role=role)
    return Somebody(user["id"], user["email"], person.customer)


def given_twice(owner: Owner, person: Somebody, role: str) -> UUID:
    """The person has that role too, by the customer's other id; that id."""
    ((other,),) = owner.execute(
        "SELECT whmcs_account_id FROM hub.customers WHERE id = %s", [person.customer]
    ).fetchall()
    insert(owner, "auth.memberships", user_id=person.id, customer_id=other, role=role)
    return UUID(str(other))


async def switched(client: Client, headers: Headers, customer: UUID) -> Headers:
    return bearer_of(await client.post("/auth/switch", headers=headers, json={"customer": str(customer)}))


@pytest.fixture
async def own(client: Client, person: Somebody) -> Headers:
    return bearer_of(await log_in(client, person))


async def invite(client: Client, headers: Headers, email: str = HANA, role: str = "billing") -> httpx.Response:
    return await client.post("/auth/invitations", headers=headers, json={"email": email, "role": role})


async def accept(
    client: Client, token: str, password: str | None = None, headers: Headers | None = None
) -> httpx.Response:
    body = {"token": token} | ({} if password is None else {"password": password})
    return await client.post("/auth/accept-invitation", headers=headers, json=body)


def told(owner: Owner, template: str) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT email, facts ->> 'what' FROM auth.messages WHERE template = %s ORDER BY email", [template]
    ).fetchall()


def link(owner: Owner) -> str:
    """The token of the invitation that was sent last."""
    ((token,),) = owner.execute(
        "SELECT secret ->> 'token' FROM auth.messages WHERE template = 'invitation' ORDER BY posted_at DESC LIMIT 1"
    ).fetchall()
    return str(token)


def roles(owner: Owner, person: Somebody) -> dict[str, str]:
    rows = owner.execute("SELECT email, role FROM auth.members_of(%s) ORDER BY email", [person.customer]).fetchall()
    return dict(rows)


# -- who decides -------------------------------------------------------------------------------------------------------

DONE_BY_OWNERS = [
    ("GET", "/auth/members", None),
    ("PATCH", "/auth/members/{id}", {"role": "owner"}),
    ("DELETE", "/auth/members/{id}", None),
    ("POST", "/auth/invitations", {"email": "me@example.com", "role": "owner"}),
    ("GET", "/auth/invitations", None),
    ("DELETE", "/auth/invitations/{id}", None),
]


@pytest.mark.parametrize("role", ["billing", "technical", "read_only"])
async def test_nobody_but_an_owner_decides_and_nobody_raises_themselves(
    client: Client, person: Somebody, owner: Owner, role: str
) -> None:
    hana = member(owner, person, role)
    headers = bearer_of(await log_in(client, hana))

    for method, path, body in DONE_BY_OWNERS:
        refused = await client.request(method, path.format(id=hana.id), headers=headers, json=body)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden-role"), path

    assert roles(owner, person) == {person.email: "owner", HANA: role}


async def test_an_owner_who_was_demoted_is_refused_by_the_database_whatever_their_token_says(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    owner.execute(
        "ALTER TABLE auth.memberships DISABLE TRIGGER watch_memberships"
    )  # the token is believed for a moment
    owner.execute("UPDATE auth.memberships SET role = 'billing'")

    for method, path, body in DONE_BY_OWNERS:
        refused = await client.request(method, path.format(id=person.id), headers=own, json=body)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden-role"), path

    assert roles(owner, person) == {person.email: "billing"}
    assert owner.execute("SELECT FROM auth.invitations").rowcount == 0


async def test_changes_need_a_fresh_session_as_the_database_knows_too(
    client: Client, person: Somebody, owner: Owner, own: Headers, clock: Clock
) -> None:
    needed = [each for each in DONE_BY_OWNERS if each[0] != "GET"]
    owner.execute("UPDATE auth.sessions SET authenticated_at = authenticated_at - interval '1 hour'")
    found = []
    for seconds in (0, 3600):
        clock.go_on(seconds)
        for method, path, body in needed:
            answer = await client.request(method, path.format(id=person.id), headers=own, json=body)
            found.append(answer.json()["type"])

    assert found == ["/problems/fresh-authentication-needed"] * 2 * len(needed)


async def test_an_owner_decides_about_their_own_account_alone(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    other = somebody(owner)
    theirs = (await invite(client, bearer_of(await log_in(client, other)))).json()["data"]["id"]

    for method, path in (
        ("PATCH", f"/auth/members/{other.id}"),
        ("DELETE", f"/auth/members/{other.id}"),
        ("DELETE", f"/auth/invitations/{theirs}"),
    ):
        answer = await client.request(
            method, path, headers=own, json={"role": "billing"} if method == "PATCH" else None
        )
        assert answer.status_code == 404, path

    assert (await client.get("/auth/invitations", headers=own)).json() == {"data": []}
    assert [each["email"] for each in (await client.get("/auth/members", headers=own)).json()["data"]] == [person.email]


# -- members -----------------------------------------------------------------------------------------------------------


async def test_another_role_counts_at_once_and_is_told_to_whom_it_concerns_and_to_owners(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    hana, ken = member(owner, person, "billing"), member(owner, person, "owner", "ken@example.com")
    member(owner, person, "technical", "yuki@example.com")
    entered = await log_in(client, hana)

    changed = await client.patch(f"/auth/members/{hana.id}", headers=own, json={"role": "read_only"})

    assert changed.json() == {"data": {"person": str(hana.id), "role": "read_only"}}
    await until_refused(client, bearer_of(entered))
    assert (await refresh(client, cookie(entered))).json()["data"]["role"] == "read_only"
    assert told(owner, "member_changed") == sorted((each, "role") for each in (HANA, ken.email, person.email))
    assert "role.given" in audited(owner)


async def test_whoever_is_removed_is_out_at_once_and_told(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    hana = member(owner, person, "billing")
    entered = await log_in(client, hana)

    removed = await client.delete(f"/auth/members/{hana.id}", headers=own)
    again = await client.delete(f"/auth/members/{hana.id}", headers=own)

    assert (removed.status_code, again.status_code) == (200, 404)
    await until_refused(client, bearer_of(entered))
    assert (await refresh(client, cookie(entered))).json()["type"] == "/problems/no-account"
    assert told(owner, "member_changed") == sorted((each, "removed") for each in (HANA, person.email))
    assert "role.taken" in audited(owner)


async def test_the_account_keeps_an_owner(client: Client, person: Somebody, owner: Owner, own: Headers) -> None:
    member(owner, person, "billing")

    demoted = await client.patch(f"/auth/members/{person.id}", headers=own, json={"role": "billing"})
    removed = await client.delete(f"/auth/members/{person.id}", headers=own)

    assert {(each.status_code, each.json()["type"]) for each in (demoted, removed)} == {(409, "/problems/last-owner")}
    assert roles(owner, person)[person.email] == "owner"


async def test_an_owner_who_is_locked_is_not_the_one_that_it_keeps(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    ken = member(owner, person, "owner", "ken@example.com")
    owner.execute("UPDATE auth.users SET locked_until = 'infinity' WHERE id = %s", [ken.id])

    assert (await client.delete(f"/auth/members/{person.id}", headers=own)).json()["type"] == "/problems/last-owner"


async def test_whoever_owns_the_account_by_one_of_its_ids_is_the_owner_that_it_keeps(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    headers = await switched(client, own, given_twice(owner, person, "owner"))
    owner.execute("UPDATE auth.memberships SET role = 'billing' WHERE customer_id = %s", [person.customer])

    removed = await client.delete(f"/auth/members/{person.id}", headers=headers)
    raised = await client.patch(f"/auth/members/{person.id}", headers=headers, json={"role": "owner"})

    assert (removed.status_code, removed.json()["type"]) == (409, "/problems/last-owner")
    assert raised.status_code == 200


async def test_another_role_counts_by_every_id_of_the_account(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    hana = member(owner, person, "billing")
    given_twice(owner, hana, "owner")

    assert (await client.patch(f"/auth/members/{hana.id}", headers=own, json={"role": "billing"})).status_code == 200

    held = owner.execute("SELECT role FROM auth.memberships WHERE user_id = %s", [hana.id]).fetchall()
    assert held == [("billing",), ("billing",)]


def test_two_owners_who_remove_each_other_at_once_leave_one(database: Database, owner: Owner, person: Somebody) -> None:
    ken = member(owner, person, "owner", "ken@example.com")
    sessions = {
        each: insert(owner, "auth.sessions", user_id=each.id, customer_id=person.customer, expires_at=LATER)["id"]
        for each in (person, ken)
    }

    def removes(one: Somebody, other: Somebody) -> str:
        values = {
            "session": sessions[one], "fresh": "10", "member": str(other.id), "role": None, "address": "192.0.2.1"
        }  # fmt: skip
        with psycopg.connect(database.auth, autocommit=True) as session:
            ((outcome,),) = session.execute(statement("auth/change_member").encode(), values).fetchall()
        return str(outcome)

    with ThreadPoolExecutor(2) as both, psycopg.connect(database.owner) as held:
        # Both get as far as they can: the audit is written last.
        held.execute("SELECT pg_advisory_xact_lock(hashtext('auth.audit'))")
        found = both.map(removes, (person, ken), (ken, person))
        until(lambda: owner.execute(WAITING).fetchone() == (2,))
        held.rollback()
        outcomes = list(found)

    assert sorted(outcomes) == ["changed", "forbidden"]
    assert list(roles(owner, person).values()) == ["owner"]


def test_a_role_that_is_asked_for_twice_is_told_of_once(database: Database, owner: Owner, person: Somebody) -> None:
    hana = member(owner, person, "billing")
    session = insert(owner, "auth.sessions", user_id=person.id, customer_id=person.customer, expires_at=LATER)["id"]
    values = {"session": session, "fresh": "10", "member": str(hana.id), "role": "technical", "address": "192.0.2.1"}

    with psycopg.connect(database.auth, autocommit=True) as connection:
        found = [connection.execute(statement("auth/change_member").encode(), values).fetchone() for _ in range(2)]

    assert found == [("changed",), ("changed",)]
    assert len(told(owner, "member_changed")) == 2
    assert audited(owner) == ["role.given"]


# -- inviting ----------------------------------------------------------------------------------------------------------


async def test_whoever_invites_is_answered_alike_whether_the_address_is_known(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    known = somebody(owner)

    answers = [await invite(client, own, each) for each in (known.email, HANA)]

    shown = [{name: value for name, value in each.json()["data"].items() if name == "role"} for each in answers]
    assert [each.status_code for each in answers] == [201, 201]
    assert [set(each.json()["data"]) for each in answers] == [{"id", "email", "role", "expiresAt"}] * 2
    assert shown == [{"role": "billing"}] * 2
    rows = owner.execute("SELECT language, state, facts - 'account' FROM auth.messages ORDER BY posted_at").fetchall()
    assert rows[0] == rows[1]


async def test_whoever_is_invited_learns_the_account_and_who_invites_and_nothing_else(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    await invite(client, own, HANA, "owner")

    ((to, facts),) = owner.execute("SELECT email, facts FROM auth.messages").fetchall()
    assert (to, facts) == (HANA, {"account": "Acme", "inviter": person.email, "days": 7})


@pytest.mark.parametrize("email", ["a<hana@example.com>", "hana@example.com(x)", "hana@example.com,ken@example.com"])
async def test_what_a_mail_server_reads_otherwise_than_we_do_is_no_address(
    client: Client, own: Headers, email: str
) -> None:
    refused = [
        await invite(client, own, email),
        await client.post("/auth/change-email", headers=own, json={"email": email}),
    ]

    assert [(each.status_code, each.json()["field"]) for each in refused] == [(400, "email")] * 2


@pytest.mark.parametrize("name", ["See https://evil.example", "Prizes at WWW.evil.example", "win@evil.example"])
async def test_a_customers_name_sends_nobody_anywhere(
    client: Client, person: Somebody, owner: Owner, own: Headers, name: str
) -> None:
    owner.execute("UPDATE hub.customers SET name = %s, account_number = 'C-1' WHERE id = %s", [name, person.customer])

    await invite(client, own)

    assert owner.execute("SELECT facts ->> 'account' FROM auth.messages").fetchall() == [("C-1",)]


async def test_invitations_are_listed_until_they_are_withdrawn_and_the_link_ends_with_that(
    client: Client, owner: Owner, own: Headers
) -> None:
    invited = (await invite(client, own)).json()["data"]
    token = link(owner)
    (listed,) = (await client.get("/auth/invitations", headers=own)).json()["data"]

    withdrawn = [await client.delete(f"/auth/invitations/{invited['id']}", headers=own) for _ in range(2)]

    assert {name: listed[name] for name in invited} == invited
    assert [each.status_code for each in withdrawn] == [200, 200]
    assert (await client.get("/auth/invitations", headers=own)).json() == {"data": []}
    assert (await accept(client, token, NEW)).status_code == 410
    # What was not sent yet is not sent any more.
    assert owner.execute("SELECT state, secret FROM auth.messages").fetchall() == [("dead", None)]
    assert audited(owner).count("invitation.withdrawn") == 1


async def test_inviting_again_ends_the_earlier_link(client: Client, owner: Owner, own: Headers) -> None:
    await invite(client, own)
    first = link(owner)

    await invite(client, own, HANA.upper())

    assert len((await client.get("/auth/invitations", headers=own)).json()["data"]) == 1
    assert (await accept(client, first, NEW)).status_code == 410
    assert (await accept(client, link(owner), NEW)).status_code == 200


async def test_invitations_are_the_accounts_by_whichever_of_its_ids_they_were_made(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    first = (await invite(client, own)).json()["data"]["id"]
    other = (await invite(client, own, "ken@example.com")).json()["data"]["id"]
    headers = await switched(client, own, given_twice(owner, person, "owner"))

    again = (await invite(client, headers)).json()["data"]["id"]
    listed = (await client.get("/auth/invitations", headers=headers)).json()["data"]
    withdrawn = await client.delete(f"/auth/invitations/{other}", headers=headers)

    assert [each["id"] for each in listed] == [other, again]
    assert first != again
    assert withdrawn.status_code == 200


async def test_nobodys_mailbox_is_flooded(client: Client, owner: Owner, own: Headers) -> None:
    to_one = [(await invite(client, own, f"hana+{each}@example.com")).status_code for each in range(6)]
    to_many = [(await invite(client, own, f"{each}@example.com")).status_code for each in range(16)]

    assert to_one == [201] * 5 + [429]
    assert to_many == [201] * 15 + [429]


# -- accepting ---------------------------------------------------------------------------------------------------------


async def test_an_address_that_nobody_has_makes_a_person_with_that_password_once(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    await invite(client, own)
    token = link(owner)

    without = await accept(client, token)
    short = await accept(client, token, "short")
    accepted = await accept(client, token, NEW)
    again = await accept(client, token, NEW)

    assert [(each.status_code, each.json()["field"]) for each in (without, short)] == [(400, "password")] * 2
    assert accepted.json() == {"data": {"customer": str(person.customer), "role": "billing"}}
    assert "set-cookie" not in accepted.headers
    assert again.status_code == 410
    assert roles(owner, person) == {person.email: "owner", HANA: "billing"}
    assert (await log_in(client, Somebody(uuid4(), HANA, person.customer), NEW)).json()["data"]["role"] == "billing"
    assert told(owner, "member_changed") == sorted((each, "added") for each in (HANA, person.email))
    assert "invitation.accepted" in audited(owner)
    assert token not in str(owner.execute("SELECT token_hash, email FROM auth.invitations").fetchall())


async def test_by_the_link_alone_nobody_gets_at_somebody_who_is_there(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    known, third = somebody(owner), somebody(owner)
    await invite(client, own, known.email.upper())
    token = link(owner)

    tried = [
        await accept(client, token, NEW),
        await accept(client, token, PASSWORD),
        await accept(client, token, None, bearer_of(await log_in(client, third))),
        await accept(client, token, None, own),
    ]

    assert {(each.status_code, each.json()["type"]) for each in tried} == {(403, "/problems/log-in-needed")}
    assert owner.execute("SELECT password_hash FROM auth.users WHERE id = %s", [known.id]).fetchall() == [(HASHED,)]
    assert roles(owner, person) == {person.email: "owner"}


async def test_whoever_is_logged_in_with_the_invited_address_acts_for_one_account_more(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    known = somebody(owner)
    entered = await log_in(client, known)
    await invite(client, own, known.email)

    accepted = [await accept(client, link(owner), None, bearer_of(entered)) for _ in range(2)]

    # Asked twice, it is answered twice.
    assert [each.json() for each in accepted] == [{"data": {"customer": str(person.customer), "role": "billing"}}] * 2
    assert roles(owner, person)[known.email] == "billing"
    switched = await client.post("/auth/switch", headers=bearer_of(entered), json={"customer": str(person.customer)})
    assert switched.json()["data"]["role"] == "billing"


async def test_whoever_was_removed_finds_the_link_that_they_accepted_ended(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    known = somebody(owner)
    headers = bearer_of(await log_in(client, known))
    await invite(client, own, known.email)
    token = link(owner)
    await accept(client, token, None, headers)

    await client.delete(f"/auth/members/{known.id}", headers=own)

    assert (await accept(client, token, None, headers)).json()["type"] == "/problems/link-ended"
    assert roles(owner, person) == {person.email: "owner"}


@pytest.mark.parametrize("by", ["an owner", "an operator"])
async def test_an_open_invitation_is_no_way_back_for_whoever_is_removed(
    client: Client, person: Somebody, owner: Owner, own: Headers, by: str
) -> None:
    known = somebody(owner)
    headers = bearer_of(await log_in(client, known))
    insert(owner, "auth.memberships", user_id=known.id, customer_id=person.customer, role="billing")
    await invite(client, own, known.email.upper())
    token = link(owner)

    if by == "an owner":
        await client.delete(f"/auth/members/{known.id}", headers=own)
    else:
        values = {"user": known.id, "customer": person.customer}
        owner.execute(statement("operations/take_role").encode(), values)

    assert (await client.get("/auth/invitations", headers=own)).json() == {"data": []}
    assert (await accept(client, token, None, headers)).json()["type"] == "/problems/link-ended"
    assert roles(owner, person) == {person.email: "owner"}


async def test_an_invitation_changes_no_role_of_somebody_who_acts_for_the_account_already(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    hana = member(owner, person, "read_only")
    await invite(client, own, HANA, "owner")

    accepted = await accept(client, link(owner), None, bearer_of(await log_in(client, hana)))

    assert accepted.json()["data"]["role"] == "read_only"
    assert roles(owner, person)[HANA] == "read_only"


async def test_whoever_has_two_roles_there_already_accepts_and_is_told_the_owners(
    client: Client, person: Somebody, owner: Owner, own: Headers
) -> None:
    hana = member(owner, person, "billing")
    given_twice(owner, hana, "owner")
    await invite(client, own)

    accepted = await accept(client, link(owner), None, bearer_of(await log_in(client, hana)))

    assert accepted.json()["data"]["role"] == "owner"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE auth.invitations SET expires_at = now() - interval '1 second'",
        "UPDATE auth.memberships SET role = 'billing'",
        "DELETE FROM auth.memberships",
        "UPDATE auth.users SET locked_until = 'infinity'",
    ],
)
async def test_an_invitation_is_good_for_a_week_while_whoever_sent_it_owns_the_account(
    client: Client, person: Somebody, owner: Owner, own: Headers, change: str
) -> None:
    await invite(client, own)
    token = link(owner)

    owner.execute(change.encode())

    assert (await accept(client, token, NEW)).json()["type"] == "/problems/link-ended"
    assert owner.execute("SELECT FROM auth.users").rowcount == 1


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "' OR true --"])
async def test_what_is_no_invitation_is_none(client: Client, token: str) -> None:
    assert (await accept(client, token, NEW)).status_code in {400, 410}


async def test_a_page_of_another_site_accepts_nothing(client: Client, owner: Owner, own: Headers) -> None:
    await invite(client, own)

    refused = await accept(client, link(owner), NEW, {"origin": "https://evil.example.com"})

    assert refused.json()["type"] == "/problems/foreign-origin"
