"""Signing up, as a browser speaks to it.

The promise. Whoever asks for a code learns nothing of whose address it is; nobody's mailbox is flooded. A code is good
for ten minutes and five tries, however many come at once; who is known is told to whoever proved the mailbox, and to
nobody else. What is asked for then is asked for once. Passwords and codes are kept as hashes, and are in no log.
"""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from core.logging import configure
from read_api.auth.limits import key_of
from tests.builders import insert, insert_customer
from tests.conftest import Database
from tests.read_api.auth.conftest import PASSWORD, Somebody, audited, somebody
from tests.read_api.auth.test_password_links import sent

Owner = psycopg.Connection[Any]
Client = httpx.AsyncClient
EMAIL = "hanako@example.com"
DETAILS = {
    "firstName": "花子", "lastName": "山田", "phone": "090-1234-5678", "address1": "1-2-3 Shiba", "city": "Minato-ku",
    "state": "Tokyo", "postcode": "105-0014",
}  # fmt: skip


async def send_code(client: Client, email: str = EMAIL, **more: str) -> httpx.Response:
    return await client.post("/auth/get-started/send-code", json={"email": email, **more})


async def begun(client: Client, database: Database, email: str = EMAIL) -> tuple[str, str]:
    """The token of a sign-up, and the code that was sent."""
    answer = await send_code(client, email)
    assert answer.status_code == 202, answer.text
    return answer.json()["data"]["signUp"], str(sent(database)[-1][2]["code"])


async def verify(client: Client, token: str, code: str, **more: str) -> httpx.Response:
    return await client.post("/auth/get-started/verify-code", json={"signUp": token, "code": code, **more})


async def proven(client: Client, database: Database, email: str = EMAIL, **more: str) -> str:
    token, code = await begun(client, database, email)
    assert (await verify(client, token, code, **more)).status_code == 200
    return token


async def complete(client: Client, token: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    body = DETAILS | {"signUp": token, "password": password} | more
    return await client.post("/auth/get-started/complete", json=body)


async def standing(client: Client, token: str) -> httpx.Response:
    return await client.get("/auth/get-started", headers={"sign-up": token})


def another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def later(owner: Owner, by: str) -> None:
    owner.execute("UPDATE auth.attempts SET tried_at = tried_at - %s::interval", [by])
    owner.execute("UPDATE auth.sign_ups SET expires_at = expires_at - %s::interval", [by])


def tried(owner: Owner, kind: str, many: int, ago: str) -> None:
    """Somebody else was so busy, so long ago."""
    owner.execute(
        "INSERT INTO auth.attempts (kind, key, tried_at)"
        " SELECT %s, %s, now() - %s::interval FROM generate_series(1, %s)",
        [kind, key_of("everybody"), ago, many],
    )


def crm_account(owner: Owner, number: str, **values: object) -> UUID:
    """An account of the CRM that is nobody's."""
    row = insert(owner, "customer_accounts", source="salesforce", account_number=number, **values)
    owner.execute("UPDATE hub.customer_accounts SET customer_id = id WHERE id = %s", [row["id"]])
    return UUID(str(row["id"]))


# -- a code ------------------------------------------------------------------------------------------------------------


async def test_whoever_asks_for_a_code_is_not_told_whose_address_it_is(
    client: Client, person: Somebody, database: Database
) -> None:
    answers = [await send_code(client, email) for email in (person.email, EMAIL)]

    assert {each.status_code for each in answers} == {202}
    assert {frozenset(each.json()["data"]) for each in answers} == {frozenset({"signUp", "minutes"})}
    assert len({len(each.content) for each in answers}) == 1
    assert [(to, what) for to, what, _ in sent(database)] == [
        (person.email, "sign_up_code"), (EMAIL, "sign_up_code")
    ]  # fmt: skip


async def test_as_much_is_done_for_whoever_is_known(client: Client, person: Somebody, owner: Owner) -> None:
    async def done(email: str) -> list[Any]:
        for table in ("messages", "sign_ups", "attempts"):
            owner.execute(f"DELETE FROM auth.{table}".encode())  # noqa: S608
        await send_code(client, email)
        messages = owner.execute("SELECT user_id, template, language, state, facts, to_anybody FROM auth.messages")
        sign_ups = owner.execute("SELECT kind, tries, known_as, verified_at, command_id FROM auth.sign_ups")
        tries = owner.execute("SELECT count(*), kind FROM auth.attempts GROUP BY kind")
        return [messages.fetchall(), sign_ups.fetchall(), tries.fetchall()]

    assert await done(person.email) == await done(EMAIL)


@pytest.mark.parametrize(("language", "expected"), [({}, "ja"), ({"language": "en"}, "en")])
async def test_the_code_is_sent_in_the_language_that_was_asked_for(
    client: Client, owner: Owner, language: dict[str, str], expected: str
) -> None:
    await send_code(client, **language)

    assert owner.execute("SELECT language FROM auth.messages").fetchall() == [(expected,)]


async def test_codes_and_tokens_are_kept_as_hashes_and_the_code_is_gone_once_it_was_sent(
    client: Client, database: Database, owner: Owner
) -> None:
    token, code = await begun(client, database)

    kept = owner.execute("SELECT s::text, (SELECT string_agg(m::text, '') FROM auth.messages m) FROM auth.sign_ups s")
    assert not any(secret in text for row in kept for text in row for secret in (token, f'"{code}"'))


async def test_nobodys_mailbox_is_flooded(client: Client, owner: Owner) -> None:
    few = [(await send_code(client)).status_code for _ in range(4)]
    later(owner, "61 minutes")
    spelt_otherwise = [(await send_code(client, EMAIL.upper())).status_code for _ in range(3)]
    somebody_else = await send_code(client, "taro@example.com")

    assert few == [202, 202, 202, 429]
    assert spelt_otherwise == [202, 202, 202]
    assert somebody_else.status_code == 202
    assert owner.execute("SELECT count(*) FROM auth.messages").fetchone() == (7,)


async def test_nor_from_many_addresses_in_a_day(client: Client, owner: Owner) -> None:
    for _ in range(10):
        insert(owner, "auth.attempts", kind="sign_up_code", key=key_of("account", EMAIL))

    answer = await send_code(client)

    assert answer.status_code == 429
    assert "account_anywhere" in answer.headers["ratelimit-policy"]


async def test_what_follows_a_plus_makes_no_other_mailbox(client: Client) -> None:
    asked = [(await send_code(client, f"hanako+{number}@example.com")).status_code for number in range(4)]

    assert asked == [202, 202, 202, 429]


@pytest.mark.parametrize("limit", ["everybody", "everybody_daily"])
async def test_all_together_are_sent_so_many_codes_and_operators_are_told(
    client: Client, owner: Owner, capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    configure()
    many, ago = {"everybody": (500, "1 minute"), "everybody_daily": (2000, "2 hours")}[limit]
    tried(owner, "sign_up_code", many, ago)

    answer = await send_code(client)

    assert (answer.status_code, owner.execute("SELECT count(*) FROM auth.messages").fetchone()) == (429, (0,))
    assert limit in answer.headers["ratelimit-policy"]
    assert "sign_ups.limit_reached" in "".join(capsys.readouterr())


async def test_all_together_sign_up_so_often_and_whoever_proved_nothing_counts_for_none(
    client: Client, database: Database, owner: Owner
) -> None:
    token = await proven(client, database)
    for _ in range(3):
        await complete(client, "A" * 43)
    counted = owner.execute("SELECT count(*) FROM auth.attempts WHERE kind = 'sign_up'").fetchone()
    tried(owner, "sign_up", 100, "1 minute")

    answer = await complete(client, token)

    assert (counted, answer.status_code) == ((0,), 429)
    assert owner.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


async def test_one_address_asks_so_often_where_sign_ups_stand(client: Client, owner: Owner, database: Database) -> None:
    token, _ = await begun(client, database)
    assert (await standing(client, token)).status_code == 200
    owner.execute(
        "INSERT INTO auth.attempts (kind, key) SELECT kind, key FROM auth.attempts, generate_series(1, 299)"
        " WHERE kind = 'sign_up_read'"
    )

    assert (await standing(client, token)).status_code == 429


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": f"{'a' * 65}@example.com"}, "email"),
        ({"email": EMAIL, "language": "fr"}, "language"),
        ({"email": EMAIL, "more": 1}, "more"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(client: Client, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/auth/get-started/send-code", json=body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("path", ["send-code", "verify-code", "complete"])
async def test_pages_of_other_sites_may_not_ask(client: Client, path: str) -> None:
    answer = await client.post(f"/auth/get-started/{path}", json={}, headers={"origin": "https://evil.example"})

    assert answer.status_code in {400, 403}
    forms = await client.post(f"/auth/get-started/{path}", content="email=a@b.example")
    assert forms.status_code == 400


# -- what it proves ----------------------------------------------------------------------------------------------------


async def test_a_proven_mailbox_is_told_what_is_known_of_it(
    client: Client, database: Database, owner: Owner, person: Somebody
) -> None:
    insert(owner, "customer_accounts", source="whmcs", email="Billed@Example.com")
    crm_account(owner, "C-1")

    async def said(email: str, **more: str) -> tuple[str, str]:
        token, code = await begun(client, database, email)
        data = (await verify(client, token, code, **more)).json()["data"]
        return data["outcome"], data["next"]

    assert await said(EMAIL) == ("new_customer", "complete")
    assert await said(person.email.upper()) == ("portal_account", "login")
    assert await said("billed@example.com") == ("whmcs_client", "link-whmcs")
    assert await said("crm@example.com", customerNumber="C-1") == ("salesforce_account", "complete")
    assert await said("other@example.com", customerNumber="C-2") == ("new_customer", "complete")


@pytest.mark.parametrize("taken", ["linked", "claimed", "somebody's", "deleted", "erased"])
async def test_a_number_that_is_not_free_is_no_account_to_sign_up_for(
    client: Client, database: Database, owner: Owner, taken: str
) -> None:
    if taken == "linked":
        account = insert_customer(owner)["salesforce_account_id"]
        owner.execute("UPDATE hub.customer_accounts SET account_number = 'C-1' WHERE id = %s", [account])
    else:
        account = crm_account(owner, "C-1", **({"partner_key": "17"} if taken == "claimed" else {}))
    if taken == "somebody's":
        user = insert(owner, "auth.users", email="first@example.com")["id"]
        insert(owner, "auth.memberships", user_id=user, customer_id=account, role="owner")
    if taken == "erased":
        owner.execute("INSERT INTO sync.erased (account_id, customer_id) VALUES (%s, %s)", [account, account])
    if taken == "deleted":
        owner.execute("UPDATE hub.customer_accounts SET deleted_at = now()")

    token, code = await begun(client, database)
    answer = await verify(client, token, code, customerNumber="C-1")
    refused = await complete(client, token, customerNumber="C-1")

    assert answer.json()["data"]["outcome"] == "new_customer"
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "NUMBER_UNKNOWN")
    assert refused.json()["field"] == "customerNumber"


async def test_one_number_after_the_other_is_tried_five_times(client: Client, database: Database, owner: Owner) -> None:
    token = await proven(client, database)
    crm_account(owner, "C-6")

    answers = [await complete(client, token, customerNumber=f"C-{number}") for number in range(1, 7)]

    assert [each.status_code for each in answers] == [409] * 5 + [410]
    assert audited(owner).count("sign_up.refused") == 5
    assert owner.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


async def test_a_code_is_tried_five_times(client: Client, database: Database, owner: Owner) -> None:
    token, code = await begun(client, database)

    wrong = [(await verify(client, token, another(code))).status_code for _ in range(5)]
    right = await verify(client, token, code)

    assert wrong == [400] * 5
    assert (right.status_code, right.json()["type"]) == (410, "/problems/sign-up-ended")
    assert audited(owner).count("sign_up.refused") == 5


async def test_of_many_codes_at_once_five_are_looked_at(client: Client, database: Database) -> None:
    token, code = await begun(client, database)

    answers = await asyncio.gather(*(verify(client, token, another(code)) for _ in range(20)))

    assert sorted(each.status_code for each in answers) == [400] * 5 + [410] * 15


async def test_another_code_may_be_asked_for_and_a_stranger_who_asks_ends_none(
    client: Client, database: Database
) -> None:
    first, first_code = await begun(client, database)
    second, second_code = await begun(client, database)

    assert (await verify(client, first, second_code)).status_code == (400 if first_code != second_code else 200)
    assert (await verify(client, second, second_code)).status_code == 200
    assert (await verify(client, first, first_code)).status_code == 200


async def test_a_code_ends_after_ten_minutes_and_what_follows_it_after_an_hour(
    client: Client, database: Database, owner: Owner
) -> None:
    late, code = await begun(client, database)
    later(owner, "9 minutes 50 seconds")
    in_time = await verify(client, late, code)
    later(owner, "59 minutes")
    still = await standing(client, late)
    later(owner, "2 minutes")

    assert (in_time.status_code, still.json()["data"]["state"]) == (200, "verified")
    assert [(await each).status_code for each in (verify(client, late, code), complete(client, late),
                                                  standing(client, late))] == [410] * 3  # fmt: skip
    too_late, code = await begun(client, database)
    later(owner, "10 minutes 1 second")
    assert (await verify(client, too_late, code)).status_code == 410


async def test_asked_twice_a_right_code_answers_the_same(client: Client, database: Database, owner: Owner) -> None:
    token, code = await begun(client, database)

    first = await verify(client, token, code)
    somebody(owner, email=EMAIL)
    second = await verify(client, token, code)

    assert first.json() == second.json()
    assert audited(owner).count("sign_up.verified") == 1


# -- the rest ----------------------------------------------------------------------------------------------------------


async def test_nothing_is_done_for_a_mailbox_that_is_not_proven(
    client: Client, database: Database, owner: Owner
) -> None:
    token, _ = await begun(client, database)

    answers = [await complete(client, token), await complete(client, "A" * 43), await standing(client, "A" * 43)]

    assert [each.status_code for each in answers] == [410, 410, 410]
    assert owner.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


async def test_what_is_asked_for_is_a_command_that_no_customer_sees(
    client: Client, database: Database, owner: Owner
) -> None:
    token = await proven(client, database)

    answer = await complete(client, token)

    assert answer.status_code == 202, answer.text
    command = answer.json()["data"]["command"]
    ((kind, input, request),) = owner.execute(
        "SELECT kind, input, request_id FROM command.commands WHERE id = %s", [command]
    ).fetchall()
    assert (kind, request) == ("sign_up", answer.headers["x-request-id"])
    assert input == DETAILS | {"country": "JP", "email": EMAIL, "language": "ja"}
    with psycopg.connect(database.api) as api:
        customers = owner.execute("SELECT id FROM hub.customers UNION SELECT id FROM auth.sign_ups").fetchall()
        for (who,) in customers:
            api.execute("SELECT set_config('hub.customer_id', %s, false)", [str(who)])
            assert api.execute("SELECT id FROM command.commands").fetchall() == []
    assert (await standing(client, token)).json()["data"] == {
        "state": "working", "outcome": "new_customer", "failure": None
    }  # fmt: skip


async def test_no_password_is_hashed_for_a_mailbox_that_is_not_proven(
    client: Client, database: Database, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    async def noted(password: str) -> str:
        hashed.append(password)
        return "argon2"

    monkeypatch.setattr(app.state["services"].sign_ups._passwords, "hashed", noted)
    token, code = await begun(client, database)

    before = await complete(client, token)
    assert (before.status_code, hashed) == (410, [])
    await verify(client, token, code)
    assert ((await complete(client, token)).status_code, hashed) == (202, [PASSWORD])


@pytest.mark.parametrize(
    ("status", "failure"), [("failed", "EMAIL_IN_BILLING"), ("dead", "TIMED_OUT"), ("succeeded", None)]
)
async def test_what_failed_is_not_accepted_again(
    client: Client, database: Database, owner: Owner, status: str, failure: str | None
) -> None:
    token = await proven(client, database)
    await complete(client, token)
    owner.execute(
        "UPDATE command.commands SET status = %s, failure_code = %s, failure_reason = 'Because.'", [status, failure]
    )

    answer = await complete(client, token)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, failure or "NOT_DONE")


async def test_the_newest_password_counts_until_the_person_has_one(
    client: Client, database: Database, app: Any, owner: Owner
) -> None:
    token = await proven(client, database)
    newer = "canary-canary-in-a-coal-mine"

    answers = [await complete(client, token), await complete(client, token, newer)]

    ((stored,),) = owner.execute("SELECT password_hash FROM auth.sign_ups").fetchall()
    assert [each.status_code for each in answers] == [202, 202]
    assert await app.state["services"].door.passwords.fits(newer, stored)


async def test_asked_twice_it_is_one_command(client: Client, database: Database, owner: Owner) -> None:
    token = await proven(client, database)

    answers = await asyncio.gather(*(complete(client, token) for _ in range(3)))

    assert len({each.json()["data"]["command"] for each in answers}) == 1
    assert owner.execute("SELECT count(*) FROM command.commands").fetchone() == (1,)


@pytest.mark.parametrize(
    ("known", "code"), [("person", "PORTAL_ACCOUNT"), ("client", "WHMCS_CLIENT"), ("other", "UNDER_WAY")]
)
async def test_whoever_became_known_meanwhile_is_told_what_to_do_instead(
    client: Client, database: Database, owner: Owner, known: str, code: str
) -> None:
    token = await proven(client, database)
    if known == "person":
        insert(owner, "auth.users", email=EMAIL.upper())
    elif known == "client":
        insert(owner, "customer_accounts", source="whmcs", email=EMAIL.upper())
    else:
        assert (await complete(client, await proven(client, database, EMAIL.upper()))).status_code == 202

    answer = await complete(client, token)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, code)


@pytest.mark.parametrize("password", ["short", "passwordpassword", EMAIL, "a" * 1001])
async def test_a_password_that_is_easily_guessed_is_refused_and_the_sign_up_goes_on(
    client: Client, database: Database, password: str
) -> None:
    token = await proven(client, database)

    refused = await complete(client, token, password)

    assert (refused.status_code, refused.json()["field"]) == (400, "password")
    assert (await complete(client, token)).status_code == 202


async def test_a_blank_at_an_end_belongs_to_the_password_and_to_nothing_else(
    client: Client, database: Database, app: Any, owner: Owner
) -> None:
    token = await proven(client, database)

    await complete(client, token, f" {PASSWORD} ", firstName=" 花子 ")

    ((stored, input),) = owner.execute(
        "SELECT s.password_hash, c.input FROM auth.sign_ups s JOIN command.commands c ON c.id = s.command_id"
    ).fetchall()
    passwords = app.state["services"].door.passwords
    assert input["firstName"] == "花子"
    assert [await passwords.fits(each, stored) for each in (PASSWORD, f" {PASSWORD} ")] == [False, True]


@pytest.mark.parametrize("field", ["firstName", "lastName", "phone", "address1", "city", "state", "postcode"])
async def test_what_the_systems_need_is_needed(client: Client, database: Database, field: str) -> None:
    token = await proven(client, database)
    body = {name: value for name, value in DETAILS.items() if name != field} | {"signUp": token, "password": PASSWORD}

    answer = await client.post("/auth/get-started/complete", json=body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_whoever_is_let_in_is_told_and_logs_in(client: Client, database: Database, owner: Owner) -> None:
    token = await proven(client, database)
    command = (await complete(client, token)).json()["data"]["command"]
    customer = insert_customer(owner, name="Yamada")
    owner.execute("UPDATE command.commands SET status = 'running'")
    with psycopg.connect(database.sync, autocommit=True) as worker:
        for _ in range(2):
            said = worker.execute("SELECT outcome FROM auth.let_in(%s, %s)", [command, customer["whmcs_account_id"]])
            assert said.fetchall() == [("in",)]

    assert (await standing(client, token)).json()["data"]["state"] == "ready"
    entered = await client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert (entered.status_code, entered.json()["data"]["role"]) == (200, "owner")
    assert owner.execute("SELECT password_hash FROM auth.sign_ups").fetchall() == [(None,)]
    assert audited(owner).count("sign_up.let_in") == 1


async def test_nobody_is_let_in_for_an_account_that_is_somebodys(
    client: Client, database: Database, owner: Owner, person: Somebody
) -> None:
    command = (await complete(client, await proven(client, database))).json()["data"]["command"]
    ((account,),) = owner.execute("SELECT whmcs_account_id FROM hub.customers WHERE id = %s", [person.customer])
    owner.execute("UPDATE command.commands SET status = 'running'")

    with psycopg.connect(database.sync, autocommit=True) as worker:
        said = worker.execute("SELECT outcome FROM auth.let_in(%s, %s)", [command, account]).fetchall()

    assert said == [("account_taken",)]
    assert owner.execute("SELECT count(*) FROM auth.users").fetchone() == (1,)


async def test_why_it_failed_is_told_by_its_token(client: Client, database: Database, owner: Owner) -> None:
    token = await proven(client, database)
    await complete(client, token)
    owner.execute("UPDATE command.commands SET status = 'failed', failure_code = 'X', failure_reason = 'Because.'")

    found = (await standing(client, token)).json()["data"]

    assert (found["state"], found["failure"]) == ("failed", {"code": "X", "reason": "Because."})


async def test_sign_ups_are_forgotten_but_not_while_something_is_to_be_done(
    client: Client, database: Database, owner: Owner
) -> None:
    token = await proven(client, database)
    await complete(client, token)
    await begun(client, database, "taro@example.com")
    later(owner, "3 days")

    def left() -> list[Any]:
        owner.execute("SELECT auth.forget()")
        return [email for (email,) in owner.execute("SELECT email FROM auth.sign_ups")]

    assert left() == [EMAIL]
    assert (await standing(client, token)).json()["data"]["state"] == "working"
    owner.execute("UPDATE command.commands SET status = 'failed'")
    assert left() == []


async def test_passwords_codes_and_tokens_are_in_no_log(
    client: Client, database: Database, owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    configure()
    token, code = await begun(client, database)
    await verify(client, token, another(code))
    await verify(client, token, code)
    await complete(client, token, "short")
    await complete(client, token, "canary-canary-in-a-coal-mine")

    said = "".join(capsys.readouterr())
    kept = json.dumps(
        [str(row) for table in ("auth.audit", "auth.attempts", "command.commands", "sync.changes")
         for row in owner.execute(f"SELECT t::text FROM {table} t".encode())]  # noqa: S608
    )  # fmt: skip
    assert not [secret for secret in ("canary-canary", token, PASSWORD) if secret in said + kept]
    assert EMAIL not in said
