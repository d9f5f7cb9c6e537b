"""sign_up, link_whmcs: somebody becomes a person who may log in.

The promise. One client in WHMCS, one person who may log in, one account in Salesforce that names the client, whatever
fails or comes twice. Nobody gets another's account: neither by a number, nor by an e-mail address that WHMCS knows, nor
by being second. What cannot be finished leaves no client that is active and no log-in; the operators are told.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pydantic import ValidationError

from core.errors import RejectedError
from domain.commands.kinds import SIGN_UP
from domain.common.identifiers import account_id
from domain.customer.signing_up import NewCustomer, SignUp
from pipelines.commands.actions import sign_up as action
from pipelines.commands.saga import RefusalError, Work
from sandbox.salesforce.objects import ACCOUNT
from tests.builders import insert
from tests.pipelines.commands.conftest import Hub
from tests.pipelines.commands.signing_up import a_client, a_mailbox, begin, complete, link, prove, sign_up, standing
from tests.pipelines.commands.test_crash_everywhere import finish


def client_of(hub: Hub, email: str) -> dict[str, Any]:
    """The client as WHMCS has it."""
    found: dict[str, Any] = hub.clients.whmcs.call("GetClientsDetails", email=email)["client"]
    return found


def clients_made(hub: Hub) -> int:
    return len(hub.ledger(system="whmcs", kind="client"))


def people(hub: Hub, email: str) -> list[tuple[Any, ...]]:
    return hub.rows(
        "SELECT m.customer_id, m.role, u.password_hash FROM auth.users u JOIN auth.memberships m ON m.user_id = u.id"
        " WHERE lower(u.email) = lower(%s)",
        email,
    )


def kept_passwords(hub: Hub) -> list[Any]:
    return [password for (password,) in hub.rows("SELECT password_hash FROM auth.sign_ups")]


def unlinked_account(hub: Hub) -> tuple[str, str, str]:
    """An account of the CRM that has no client: its id, its number, and the mailbox of its contact."""
    for source_id, number in hub.rows(
        "SELECT source_id, account_number FROM hub.customer_accounts a WHERE source = 'salesforce'"
        " AND partner_key IS NULL AND account_number IS NOT NULL AND customer_id = id ORDER BY source_id"
    ):
        ((contact,)) = hub.clients.salesforce.find("SELECT Email FROM Contact WHERE AccountId = {}", source_id)
        record = hub.salesforce_record("Account", source_id)
        known = hub.rows("SELECT 1 FROM hub.customer_accounts WHERE lower(email) = lower(%s)", contact["Email"])
        if not record["WH_Account__c"] and not known:
            return source_id, number, contact["Email"]
    raise AssertionError("every account has a client")


# -- what comes of it --------------------------------------------------------------------------------------------------


def test_somebody_becomes_a_customer_in_all_systems(hub: Hub) -> None:
    who = sign_up(hub)
    finish(hub)
    hub.apply()

    client = client_of(hub, who.email)
    (effect,) = hub.ledger(system="salesforce", kind="account")
    account = hub.salesforce_record("Account", effect["id"])
    assert (client["firstname"], client["city"], client["status"]) == ("花子", "Minato-ku", "Active")
    assert client["language"] == "english"
    assert account["WH_Account__c"] == f"#{client['id']} - 花子 O'Neil"
    assert (account["Portal_Status__c"], account["Portal_Registration_Source__c"]) == ("Active", "New Signup")
    assert (account["Name"], account["BillingStreet"], account["BillingCity"]) == (
        "花子 O'Neil", "1-2-3 Shiba\n501", "Minato-ku"
    )  # fmt: skip
    billing = account_id("whmcs", str(client["id"]))
    assert people(hub, who.email) == [(billing, "owner", "argon2")]
    # Rows that the sync made, under the ids that the person was given before: and the two accounts are one customer.
    assert hub.rows("SELECT customer_id FROM hub.customer_accounts WHERE id = %s", billing) == [
        (account_id("salesforce", account["Id"]),)
    ]
    assert hub.command(who.command)["status"] == "succeeded"
    assert standing(hub, who.token)["state"] == "ready"


def test_the_database_stores_no_command_for_a_mailbox_that_is_not_proven(hub: Hub) -> None:
    assert complete(hub, begin(hub, a_mailbox()))[0] == "ended"
    assert hub.rows("SELECT 1 FROM command.commands") == []


def test_it_is_given_up_when_its_kind_says(hub: Hub) -> None:
    sign_up(hub)

    ((hours,),) = hub.rows("SELECT round(extract(epoch FROM deadline_at - accepted_at) / 3600) FROM command.commands")

    assert timedelta(hours=int(hours)) == SIGN_UP.deadline


def test_whoever_signed_up_may_log_in_before_salesforce_answers(hub: Hub) -> None:
    who = sign_up(hub)
    hub.control("faults", match="/services/", mode="status:503", times=1000)

    hub.forward()
    hub.apply()

    assert hub.command(who.command)["status"] == "waiting"
    assert standing(hub, who.token)["state"] == "ready"


def test_its_command_is_nobodys_until_there_is_a_customer_and_then_that_customers(hub: Hub) -> None:
    who = sign_up(hub)
    before = hub.command(who.command)

    finish(hub)

    billing = account_id("whmcs", str(client_of(hub, who.email)["id"]))
    assert before["account_id"] == before["customer_id"] == before["subject_id"]
    assert hub.rows("SELECT 1 FROM hub.customer_accounts WHERE id = %s", before["account_id"]) == []
    after = hub.command(who.command)
    assert (after["account_id"], after["customer_id"]) == (billing, billing)


def test_what_may_be_said_fits_into_salesforces_fields() -> None:
    texts = NewCustomer.model_json_schema()["properties"].items()
    longest = {name: "1" * min(each.get("maxLength", 20) for each in said.get("anyOf", [said])) for name, said in texts}
    longest |= {"address1": "1" * 200, "address2": "1" * 54, "country": "JP"}
    lengths = {field.name: field.length for field in ACCOUNT.fields}

    account = action.new_account(SignUp.model_validate(longest | {"email": "a@example.com", "language": "en"}))

    assert {name: len(text) for name, text in account.items() if len(text) > lengths[name]} == {}
    with pytest.raises(ValidationError, match="address2"):
        NewCustomer.model_validate(longest | {"address2": "1" * 55})


# -- a number of an account that the CRM has ---------------------------------------------------------------------------


def test_whoever_has_a_number_and_its_mailbox_goes_on_with_their_account(hub: Hub) -> None:
    source_id, number, email = unlinked_account(hub)

    who = sign_up(hub, email, number)
    finish(hub)
    hub.apply()

    client = client_of(hub, email)
    account = hub.salesforce_record("Account", source_id)
    assert account["WH_Account__c"].startswith(f"#{client['id']} - ")
    assert account["Portal_Status__c"] == "Active"
    assert hub.ledger(system="salesforce", kind="account") == []
    assert next(field["value"] for field in client["customfields"] if str(field["id"]) == "198") == number
    assert standing(hub, who.token)["state"] == "ready"
    assert people(hub, email)[0][0] == account_id("whmcs", str(client["id"]))


def test_a_number_without_its_mailbox_opens_nothing(hub: Hub) -> None:
    source_id, number, _ = unlinked_account(hub)
    before = hub.salesforce_record("Account", source_id)

    who = sign_up(hub, number=number)
    finish(hub)

    assert hub.command(who.command)["failure_code"] == "NUMBER_UNKNOWN"
    assert (clients_made(hub), people(hub, who.email)) == (0, [])
    assert hub.salesforce_record("Account", source_id) == before


def test_of_two_mailboxes_of_one_number_one_is_signed_up(hub: Hub) -> None:
    _, number, email = unlinked_account(hub)
    tokens = [prove(hub, email, number), prove(hub, a_mailbox(), number)]

    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(complete, hub, token, customerNumber=number) for token in tokens]
        outcomes = [each.result()[0] for each in asked]

    assert sorted(outcomes) == ["accepted", "under_way"]
    assert hub.rows("SELECT lane FROM command.commands") == [(f"number:{number}",)]


@pytest.mark.parametrize("meanwhile", ["somebody's", "erased"])
def test_a_number_that_is_not_free_any_more_lets_nobody_in(hub: Hub, meanwhile: str) -> None:
    source_id, number, email = unlinked_account(hub)
    who, account = sign_up(hub, email, number), account_id("salesforce", source_id)
    with psycopg.connect(hub.database.owner) as owner:
        if meanwhile == "erased":
            owner.execute("INSERT INTO sync.erased (account_id, customer_id) VALUES (%s, %s)", [account, account])
        else:
            user = insert(owner, "auth.users", email="first@example.com")["id"]
            insert(owner, "auth.memberships", user_id=user, customer_id=account, role="owner")

    finish(hub)

    assert hub.command(who.command)["failure_code"] == "ACCOUNT_TAKEN"
    assert (people(hub, email), client_of(hub, email)["status"]) == ([], "Inactive")
    assert sign_up(hub, a_mailbox(), number).outcome == "number_unknown"


def test_a_number_that_got_a_client_meanwhile_opens_nothing(hub: Hub) -> None:
    source_id, number, email = unlinked_account(hub)
    who = sign_up(hub, email, number)
    hub.clients.salesforce.update("Account", source_id, {"WH_Account__c": "#1 - Somebody else"})

    finish(hub)

    assert hub.command(who.command)["failure_code"] == "NUMBER_UNKNOWN"
    assert clients_made(hub) == 0


def test_an_account_that_is_given_away_in_the_midst_of_it_is_not_taken_back(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_id, number, email = unlinked_account(hub)
    who, change = sign_up(hub, email, number), hub.clients.whmcs.change

    def given_away(name: str, **params: Any) -> dict[str, Any]:
        hub.clients.salesforce.update("Account", source_id, {"WH_Account__c": "#1 - Somebody else"})
        return change(name, **params)

    monkeypatch.setattr(hub.clients.whmcs, "change", given_away)

    hub.forward()

    assert hub.command(who.command)["status"] == "dead"
    assert hub.salesforce_record("Account", source_id)["WH_Account__c"] == "#1 - Somebody else"


@pytest.mark.parametrize("number", ["C-nobodys", "linked"])
def test_a_number_that_is_unknown_or_taken_is_refused_at_once(hub: Hub, number: str) -> None:
    if number == "linked":
        ((number,),) = hub.rows(
            "SELECT account_number FROM hub.customers WHERE salesforce_account_id IS NOT NULL"
            " AND whmcs_account_id IS NOT NULL AND account_number IS NOT NULL ORDER BY id LIMIT 1"
        )

    assert sign_up(hub, number=number).outcome == "number_unknown"


# -- an address that is known ------------------------------------------------------------------------------------------


def test_an_address_that_the_hub_knows_of_whmcs_is_refused_at_once(hub: Hub) -> None:
    ((email,),) = hub.rows("SELECT email FROM hub.customer_accounts WHERE email IS NOT NULL ORDER BY id LIMIT 1")

    assert sign_up(hub, email.upper()).outcome == "whmcs_client"


def test_an_address_that_appears_in_whmcs_after_it_was_proven_is_linked_instead(hub: Hub) -> None:
    who = sign_up(hub)
    a_client(hub, who.email)

    finish(hub)

    assert hub.command(who.command)["failure_code"] == "EMAIL_IN_BILLING"
    assert client_of(hub, who.email)["status"] == "Active"
    assert (clients_made(hub), people(hub, who.email)) == (1, [])
    assert standing(hub, who.token)["failure_code"] == "EMAIL_IN_BILLING"


def test_another_clients_address_after_a_call_that_was_lost_is_for_an_operator(hub: Hub) -> None:
    # WHMCS knows the address, and none of its clients is ours: our own call may have made what cannot be found.
    who = sign_up(hub)
    hub.control("faults", match="AddClient", mode="drop", times=1)
    hub.forward()
    (client,) = (each["id"] for each in hub.ledger(system="whmcs", kind="client"))
    hub.clients.whmcs.change("UpdateClient", clientid=client, notes="overwritten")
    hub.now_due()

    hub.forward()

    assert (hub.command(who.command)["status"], hub.command(who.command)["failure_code"]) == ("dead", "CLIENT_UNCLEAR")


@pytest.mark.parametrize("notes", ["{}", "<b>VIP</b>\n{}", "{} called on Monday"])
@pytest.mark.parametrize("name", ["id", "client_id", "userid"])
def test_our_own_client_is_found_again_whatever_else_is_written_and_however_its_id_is_called(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, notes: str, name: str
) -> None:
    who = sign_up(hub, f"{uuid4().hex[:12]}.o'neil@example.com")
    hub.control("faults", match="AddClient", mode="drop", times=1)
    hub.forward()
    (client,) = (each["id"] for each in hub.ledger(system="whmcs", kind="client"))
    hub.clients.whmcs.change("UpdateClient", clientid=client, notes=notes.format(who.command))
    call = hub.clients.whmcs.call

    def named_otherwise(action: str, **params: Any) -> dict[str, Any]:
        answer = call(action, **params)
        if action == "GetClientsDetails":
            own = {key: value for key, value in answer["client"].items() if key not in {"id", "client_id", "userid"}}
            answer["client"] = own | {name: answer["client"]["id"]}
        return answer

    monkeypatch.setattr(hub.clients.whmcs, "call", named_otherwise)

    finish(hub)

    assert (hub.command(who.command)["status"], clients_made(hub)) == ("succeeded", 1)


def test_among_several_clients_of_an_address_our_own_is_found(hub: Hub) -> None:
    who = sign_up(hub)
    hub.control("faults", match="AddClient", mode="drop", times=1)
    hub.forward()
    (first,) = (each["id"] for each in hub.ledger(system="whmcs", kind="client"))
    another = NEW_CLIENT | {"email": who.email, "owner_user_id": first}
    second = str(hub.clients.whmcs.change("AddClient", **another, notes=str(who.command))["clientid"])
    hub.clients.whmcs.change("UpdateClient", clientid=first, notes="somebody else's")

    finish(hub)

    assert people(hub, who.email)[0][0] == account_id("whmcs", second)


def test_a_client_that_is_not_ours_is_not_believed_to_be(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    ((somebodys,),) = hub.rows(
        "SELECT source_id FROM hub.customer_accounts WHERE source = 'whmcs' ORDER BY source_id LIMIT 1"
    )
    who, change = sign_up(hub), hub.clients.whmcs.change

    def mistaken(name: str, **params: Any) -> dict[str, Any]:
        answer = change(name, **params)
        return answer | {"clientid": somebodys} if name == "AddClient" else answer

    monkeypatch.setattr(hub.clients.whmcs, "change", mistaken)

    finish(hub)

    assert people(hub, who.email)[0][0] == account_id("whmcs", str(client_of(hub, who.email)["id"]))


def test_a_client_that_cannot_be_read_back_is_made_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    who, call = sign_up(hub), hub.clients.whmcs.call
    refusals = iter([RejectedError("whmcs", "refused the call", code="refused")])

    def refused_once(action: str, **params: Any) -> dict[str, Any]:
        if action == "GetClientsDetails" and (refusal := next(refusals, None)):
            raise refusal
        return call(action, **params)

    monkeypatch.setattr(hub.clients.whmcs, "call", refused_once)

    finish(hub)

    assert (hub.command(who.command)["status"], clients_made(hub)) == ("succeeded", 1)


NEW_CLIENT = {
    "firstname": "A", "lastname": "B", "address1": "C", "city": "D", "state": "E", "postcode": "1", "country": "JP",
    "phonenumber": "0312345678", "password2": "theirs",
}  # fmt: skip


def test_two_sign_ups_of_one_mailbox_make_one_customer(hub: Hub) -> None:
    email = a_mailbox()
    tokens = [prove(hub, email), prove(hub, email.upper())]

    with ThreadPoolExecutor() as threads:
        outcomes = [each.result()[0] for each in [threads.submit(complete, hub, token) for token in tokens]]
    finish(hub)

    assert sorted(outcomes) == ["accepted", "under_way"]
    assert (clients_made(hub), len(people(hub, email))) == (1, 1)
    assert sign_up(hub, email).outcome == "portal_account"


def test_asked_twice_it_is_one_command_and_the_first_word_counts_but_for_the_password(hub: Hub) -> None:
    email = a_mailbox()
    token = prove(hub, email)

    first, second = complete(hub, token), complete(hub, token, hashed="newer", firstName="Mallory")
    finish(hub)
    third = complete(hub, token, hashed="newest")

    assert first == second == third
    assert hub.command(first[1])["input"]["firstName"] == "花子"
    assert people(hub, email)[0][2] == "newer"
    assert kept_passwords(hub) == [None]


# -- what cannot be finished -------------------------------------------------------------------------------------------


def test_a_client_that_nobody_can_be_let_in_for_is_set_inactive_and_support_is_told(hub: Hub) -> None:
    # Somebody got a log-in with the address while the command waited.
    who = sign_up(hub)
    with psycopg.connect(hub.database.owner) as owner:
        owner.execute("INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), %s)", [who.email.upper()])

    finish(hub)

    assert hub.command(who.command)["failure_code"] == "EMAIL_TAKEN"
    client = client_of(hub, who.email)
    assert client["status"] == "Inactive"
    (case,) = hub.ledger(system="salesforce", kind="case")
    told = hub.salesforce_record("Case", case["id"])
    assert str(client["id"]) in told["Description"]
    assert who.email not in told["Description"]
    assert people(hub, who.email) == []
    assert hub.ledger(system="salesforce", kind="account") == []


def test_what_whmcs_refuses_leaves_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    who = sign_up(hub)

    def refused(*_: object, **__: object) -> None:
        raise RejectedError("whmcs", "refused the call", code="refused")

    monkeypatch.setattr(hub.clients.whmcs, "change", refused)

    finish(hub)

    assert hub.command(who.command)["failure_code"] == "CLIENT_REFUSED"
    assert (clients_made(hub), people(hub, who.email), hub.ledger(system="salesforce")) == (0, [], [])
    assert standing(hub, who.token)["state"] == "failed"


def test_while_whmcs_is_down_it_waits_and_then_goes_on(hub: Hub) -> None:
    who = sign_up(hub)
    hub.control("faults", match="AddClient", mode="status:503", times=2)
    hub.forward()

    assert (hub.command(who.command)["status"], standing(hub, who.token)["state"]) == ("waiting", "working")
    finish(hub)
    assert (hub.command(who.command)["status"], clients_made(hub)) == ("succeeded", 1)


def test_an_account_that_salesforce_refuses_is_an_operators_and_the_person_stays_in(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = sign_up(hub)
    monkeypatch.setattr(action, "new_account", lambda _: {"Name": "", "No_Such_Field__c": "x"})

    hub.forward()
    hub.apply()

    assert (hub.command(who.command)["status"], hub.command(who.command)["failure_code"]) == (
        "dead", "ACCOUNT_UNFINISHED"
    )  # fmt: skip
    assert standing(hub, who.token)["state"] == "ready"
    assert client_of(hub, who.email)["status"] == "Active"


@pytest.mark.parametrize("said", [{}, {"clientid": ""}, {"clientid": None}, {"clientid": "<b>7</b>"}])
def test_an_answer_that_does_not_say_which_client_it_is_is_looked_into(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    who, change = sign_up(hub), hub.clients.whmcs.change
    halves = iter([{"result": "success", **said}])

    def half_readable(name: str, **params: Any) -> dict[str, Any]:
        answer = change(name, **params)
        return next(halves, answer) if name == "AddClient" else answer

    monkeypatch.setattr(hub.clients.whmcs, "change", half_readable)

    hub.forward()
    left = hub.command(who.command)["status"]
    finish(hub)

    assert (left, hub.command(who.command)["status"], clients_made(hub)) == ("waiting", "succeeded", 1)


def test_a_person_who_was_let_in_keeps_their_client_though_nobody_wrote_that_down(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, row = sign_up(hub), Work.row

    def then_refuses(work: Any, query: str, /, **values: object) -> Any:
        found = row(work, query, **values)
        if query == "actions/let_in":
            raise RefusalError("REFUSED", "Refused.")
        return found

    monkeypatch.setattr(Work, "row", then_refuses)

    hub.forward()

    assert hub.command(who.command)["status"] == "failed"
    assert (client_of(hub, who.email)["status"], hub.ledger(system="salesforce", kind="case")) == ("Active", [])


@pytest.mark.parametrize(("status", "state"), [("succeeded", "needs_attention"), ("failed", "failed")])
def test_what_an_operator_ends_that_let_nobody_in_does_not_go_on_for_ever(hub: Hub, status: str, state: str) -> None:
    who = sign_up(hub)
    with psycopg.connect(hub.database.owner) as owner:
        owner.execute("UPDATE command.commands SET status = 'dead', failure_code = 'TIMED_OUT'")
        kept = kept_passwords(hub)
        owner.execute("UPDATE command.commands SET status = %s", [status])

    assert standing(hub, who.token)["state"] == state
    assert (kept, kept_passwords(hub)) == (["argon2"], [None])


def test_the_password_of_a_dead_one_is_forgotten_a_day_later_and_the_rest_stays(hub: Hub) -> None:
    who = sign_up(hub)
    with psycopg.connect(hub.database.owner) as owner:
        owner.execute("UPDATE command.commands SET status = 'dead'")
        owner.execute("UPDATE auth.sign_ups SET expires_at = now() - interval '25 hours'")
        owner.execute("SELECT auth.forget()")

    assert kept_passwords(hub) == [None]
    hub.retry(who.command)
    finish(hub)
    assert people(hub, who.email)[0][1:] == ("owner", None)


# -- what is nowhere ---------------------------------------------------------------------------------------------------


def test_no_password_is_in_a_command_nor_twice_the_same_at_whmcs(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, change = [], hub.clients.whmcs.change

    def noted(name: str, **params: Any) -> dict[str, Any]:
        sent.append(params.get("password2"))
        return change(name, **params)

    monkeypatch.setattr(hub.clients.whmcs, "change", noted)
    first, second = sign_up(hub), sign_up(hub)

    finish(hub)

    made = [each for each in sent if each]
    assert len(set(made)) == len(made) == 2
    assert min(map(len, made)) >= 32
    kept = hub.rows("SELECT c::text, (SELECT string_agg(s::text, '') FROM command.steps s) FROM command.commands c")
    assert not any(secret in text for row in kept for text in row for secret in (*made, "argon2"))
    assert hub.rows("SELECT password_hash FROM auth.sign_ups WHERE password_hash IS NOT NULL") == []
    assert {first.email, second.email} == {row[0] for row in hub.rows("SELECT email FROM auth.users")}


def test_the_worker_lets_nobody_in_without_a_sign_up_that_is_being_done(hub: Hub) -> None:
    who = sign_up(hub)
    account = account_id("whmcs", "1001")
    with psycopg.connect(hub.database.sync, autocommit=True) as worker:
        (outcome,) = worker.execute("SELECT outcome FROM auth.let_in(%s, %s)", [who.command, account]).fetchone() or ()

    assert (outcome, people(hub, who.email)) == ("unknown", [])


# -- whoever WHMCS knows -----------------------------------------------------------------------------------------------


def test_the_owner_of_a_client_is_let_in_and_salesforce_is_told(hub: Hub) -> None:
    email = a_mailbox()
    client = a_client(hub, email, number="C-LINK-1")
    (account,) = hub.clients.salesforce.find("SELECT Id FROM Account WHERE SF_Account_No__c = {}", "C-LINK-1")

    who = link(hub, email, client)
    finish(hub)
    hub.apply()

    assert hub.command(who.command)["status"] == "succeeded"
    assert standing(hub, who.token)["state"] == "ready"
    assert people(hub, email) == [(account_id("whmcs", client), "owner", "argon2")]
    told = hub.salesforce_record("Account", account["Id"])
    assert (told["Portal_Status__c"], told["Portal_Registration_Source__c"]) == ("Active", "Migrated")
    assert ("signed_up",) in hub.rows("SELECT template FROM auth.messages WHERE email = %s", email)


def test_the_owner_of_a_client_may_log_in_before_salesforce_answers(hub: Hub) -> None:
    email = a_mailbox()
    client = a_client(hub, email, number="C-LINK-3")
    hub.control("faults", match="/services/", mode="status:503", times=1000)

    who = link(hub, email, client)
    hub.forward()

    assert people(hub, email) == [(account_id("whmcs", client), "owner", "argon2")]
    assert hub.command(who.command)["status"] == "waiting"


def test_a_number_that_a_client_wrote_for_themselves_reaches_nobodys_account(hub: Hub) -> None:
    email = a_mailbox()
    client = a_client(hub, email, number="C-LINK-2", names_it=False)
    (account,) = hub.clients.salesforce.find("SELECT Id FROM Account WHERE SF_Account_No__c = {}", "C-LINK-2")

    who = link(hub, email, client)
    finish(hub)

    assert hub.command(who.command)["status"] == "succeeded"
    assert hub.salesforce_record("Account", account["Id"])["Portal_Status__c"] is None


@pytest.mark.parametrize("why", ["wrong password", "address taken", "linked before"])
def test_whatever_keeps_a_client_from_being_linked_is_refused_alike(hub: Hub, why: str) -> None:
    email = a_mailbox()
    client = a_client(hub, email)
    if why == "linked before":
        link(hub, email, client)
        finish(hub)
        hub.rows("UPDATE auth.users SET email = 'other@example.com' WHERE email = %s RETURNING 1", email)
    if why == "address taken":
        hub.rows("INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), %s) RETURNING 1", email.upper())

    who = link(hub, email, None if why == "wrong password" else client)

    assert (who.outcome, who.command) == ("refused", None)


def test_whoever_asks_again_follows_what_is_under_way(hub: Hub) -> None:
    email = a_mailbox()
    client = a_client(hub, email)

    first = link(hub, email, client)
    second, elsewhere = link(hub, email, client, first.token), link(hub, email.upper(), client)
    finish(hub)
    hub.apply()
    third = link(hub, email, client, first.token)

    assert first.command == second.command == third.command
    assert (elsewhere.outcome, elsewhere.command) == ("under_way", None)
    assert standing(hub, first.token)["state"] == "ready"
    assert len(people(hub, email)) == 1


@pytest.mark.parametrize("why", ["no code was shown", "too old", "guessed at too often", "there is none"])
def test_nobody_is_linked_whose_mailbox_is_not_proven(hub: Hub, why: str) -> None:
    email = a_mailbox()
    token = begin(hub, email) if why == "no code was shown" else prove(hub, email)
    if why == "too old":
        hub.rows("UPDATE auth.sign_ups SET expires_at = now() WHERE email = %s RETURNING 1", email)
    if why == "guessed at too often":
        hub.rows("UPDATE auth.sign_ups SET tries = 5 WHERE email = %s RETURNING 1", email)

    who = link(hub, email, a_client(hub, email), "another" if why == "there is none" else token)

    assert (who.outcome, who.command) == ("ended", None)
