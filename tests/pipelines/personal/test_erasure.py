"""Erasing a customer: nothing personal is left anywhere, nothing comes back, and nobody else loses anything.

`holds` searches every column of every table; nothing here lists where personal data is.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from core.errors import NotFoundError
from domain.common.identifiers import account_id
from pipelines.datasets.salesforce import CASES
from pipelines.personal import erasure
from pipelines.personal.erasure import Certificate, NotNowError, certificate, erase, would_overwrite
from pipelines.personal.holdings import customer_named
from pipelines.sync.dataset import Page, Row
from pipelines.sync.heal import heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.run import run
from sql.personal import overwritten_tables, personal_tables
from sql.statements import statement
from tests.builders import insert
from tests.conftest import Database
from tests.pipelines.personal.conftest import Connection, crm_id, holds, person, somebody
from tests.pipelines.sync.made_up import SOURCE, a_dataset, to_cases
from tests.waiting import until

MINE, OTHERS = "canaryone", "canarytwo"
KEPT = ["auth.audit"]
"""What may not be changed, whoever is erased."""


@pytest.fixture
def mine(owner: Connection) -> UUID:
    somebody(owner, OTHERS, 2002)
    return somebody(owner, MINE, 1001)


def erased(owner: Connection, identity: UUID) -> Certificate:
    return erase(owner, customer_named(owner, identity), by="an operator")


def test_nothing_personal_is_left_in_any_table_and_nobody_else_loses_anything(owner: Connection, mine: UUID) -> None:
    everywhere = holds(owner, OTHERS)
    assert everywhere == holds(owner, MINE) == sorted(table.fullname for table in personal_tables())

    erased(owner, mine)

    assert holds(owner, MINE) == KEPT
    assert holds(owner, OTHERS) == everywhere


def test_what_another_customer_invited_them_by_is_erased_too(owner: Connection, mine: UUID) -> None:
    of = "SELECT user_id FROM auth.memberships WHERE customer_id = %s"
    other = account_id("salesforce", crm_id(2002))
    ((inviter,),) = owner.execute(of, [other]).fetchall()
    ((person,),) = owner.execute(of, [mine]).fetchall()
    invitation = {"user_id": inviter, "customer_id": other}
    insert(owner, "auth.invitations", **invitation, email=f"{MINE}@EXAMPLE.com")
    insert(owner, "auth.invitations", **invitation, email=f"{MINE}@before.example.com", accepted_by=person)

    erased(owner, mine)

    assert holds(owner, MINE) == KEPT


def test_what_they_proved_who_they_are_with_is_worth_nothing_any_more(owner: Connection, mine: UUID) -> None:
    erased(owner, mine)

    ((person,),) = owner.execute("SELECT user_id FROM auth.memberships WHERE customer_id = %s", [mine]).fetchall()
    apps = owner.execute("SELECT user_id = %s, secret, pending FROM auth.totp ORDER BY 1", [person])
    codes = owner.execute("SELECT user_id = %s, used_at IS NULL FROM auth.recovery_codes ORDER BY 1", [person])
    passkeys = owner.execute("SELECT user_id = %s, public_key = '', name FROM auth.passkeys ORDER BY 1", [person])
    asked = owner.execute(
        "SELECT s.user_id = %s, c.expires_at > now() FROM auth.ceremonies c"
        " JOIN auth.sessions s ON s.id = c.session_id ORDER BY 1",
        [person],
    )
    begun = owner.execute("SELECT user_id = %s, verified, expires_at > now() FROM auth.challenges ORDER BY 1", [person])
    assert apps.fetchall() == [(False, "sealed", "sealed"), (True, None, None)]
    assert passkeys.fetchall() == [(False, False, OTHERS), (True, True, "erased")]
    assert asked.fetchall() == [(False, True), (True, False)]
    assert codes.fetchall() == [(False, True), (True, False)]
    assert begun.fetchall() == [(False, "hash", True), (True, None, False)]
    told = owner.execute("SELECT count(*) FROM auth.messages WHERE template = 'factor_changed'").fetchone()
    assert told == (0,)


@pytest.mark.parametrize("which", ["customer", "account"])
def test_a_customer_is_named_by_any_id_it_was_ever_known_by(owner: Connection, mine: UUID, which: str) -> None:
    found = erased(owner, mine if which == "customer" else account_id("whmcs", 1001))

    assert found.customer == str(mine)
    assert len(found.accounts) == 2


def test_an_id_that_is_nobodys_is_an_error(owner: Connection, mine: UUID) -> None:
    with pytest.raises(NotFoundError):
        customer_named(owner, UUID(int=1))


def test_what_the_law_keeps_stays_and_is_listed(owner: Connection, mine: UUID) -> None:
    before = owner.execute("SELECT number, issued_on, total, tax FROM hub.invoices ORDER BY id").fetchall()

    found = erased(owner, mine)

    assert owner.execute("SELECT number, issued_on, total, tax FROM hub.invoices ORDER BY id").fetchall() == before
    audit, invoices = found.stays
    assert invoices["rows"] == {"hub.invoice_items": 1, "hub.invoices": 1, "hub.payments": 1}
    assert invoices["years"] == 7
    assert "Tax Act" in str(invoices["why"])
    assert audit["rows"] == {"auth.audit": 1}
    assert (
        owner.execute(statement("operations/audit_broken").encode(), {"seq": None, "hash": ""}).fetchall()[0][0] is None
    )


def test_the_certificate_says_how_many_rows_were_overwritten_where(owner: Connection, mine: UUID) -> None:
    announced = would_overwrite(owner, customer_named(owner, mine))

    found = erased(owner, mine)

    # The log has an entry more for every row that was overwritten, without a value.
    assert found.overwritten == announced
    assert found.overwritten["hub.customer_accounts"] == 2
    assert found.overwritten["sync.quarantine"] == 3
    assert set(found.overwritten) == {table.fullname for table in overwritten_tables()}
    assert found.began_at <= found.ended_at
    assert len(found.sha256) == 64
    assert MINE not in str(found)


def test_a_certificate_that_was_changed_has_another_hash(owner: Connection, mine: UUID) -> None:
    found = erased(owner, mine)

    assert replace(found, said_by="somebody else").sha256 != found.sha256
    assert certificate(owner, customer_named(owner, mine)).sha256 == found.sha256


def test_a_dry_run_changes_nothing(owner: Connection, mine: UUID) -> None:
    before = holds(owner, MINE)

    would_overwrite(owner, customer_named(owner, mine))

    assert holds(owner, MINE) == before
    assert owner.execute("SELECT FROM sync.erased").rowcount == 0


def test_again_overwrites_nothing_and_tells_the_same(owner: Connection, mine: UUID) -> None:
    first = erased(owner, mine)

    again = erased(owner, mine)

    assert again.overwritten == first.overwritten
    assert would_overwrite(owner, customer_named(owner, mine)) == {}


@pytest.mark.parametrize("table", [table.fullname for table in overwritten_tables()])
def test_killed_before_any_table_it_is_begun_again_and_does_what_is_left(
    owner: Connection, mine: UUID, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = would_overwrite(owner, customer_named(owner, mine))
    overwriting = erasure._overwriting

    def killed(of: Any) -> Any:
        if of.fullname == table:
            raise KeyboardInterrupt
        return overwriting(of)

    with monkeypatch.context() as patched:
        patched.setattr(erasure, "_overwriting", killed)
        with pytest.raises(KeyboardInterrupt):
            erased(owner, mine)
    assert holds(owner, MINE) != KEPT

    found = erased(owner, mine)

    assert holds(owner, MINE) == KEPT
    assert found.overwritten == whole


@pytest.mark.parametrize("status", ["accepted", "running", "waiting", "dead"])
def test_commands_under_way_are_not_pulled_from_under_those_who_do_them(
    owner: Connection, mine: UUID, status: str
) -> None:
    command = insert(owner, "command.commands", account_id=account_id("whmcs", 1001), status=status)
    before = holds(owner, MINE)

    with pytest.raises(NotNowError, match=rf"change_plan {command['id']} \({status}\).*hub commands cancel"):
        erased(owner, mine)

    assert holds(owner, MINE) == before
    assert owner.execute("SELECT FROM sync.erased").rowcount == 0


def test_an_open_line_keeps_its_number_and_its_customer_until_it_is_ended(owner: Connection, mine: UUID) -> None:
    """Else whoever has the same number in WHMCS would be taken for its owner."""
    rival = insert(owner, "sims", account_id=account_id("whmcs", 2002), msisdn="07000000001")
    line = insert(owner, "sims", account_id=account_id("whmcs", 1001), source_id="77", msisdn="07000000001")
    before = holds(owner, MINE)

    for attempt in (erased, lambda *_: would_overwrite(owner, customer_named(owner, mine))):
        with pytest.raises(NotNowError, match=r"services 77 in WHMCS; end them there.*begin again"):
            attempt(owner, mine)

    assert holds(owner, MINE) == before
    assert owner.execute("SELECT FROM sync.erased").rowcount == 0
    claims = owner.execute("SELECT DISTINCT number_claim FROM hub.sims WHERE id = ANY(%s)", [[rival["id"], line["id"]]])
    assert claims.fetchall() == [("disputed",)]
    owner.execute("UPDATE hub.sims SET is_open = false WHERE id = %s", [line["id"]])

    erased(owner, mine)

    assert holds(owner, MINE) == KEPT


def test_what_came_while_the_operator_was_asked_is_erased_too(owner: Connection, mine: UUID) -> None:
    confirmed = customer_named(owner, mine)
    person(owner, "clerk", mine)
    sent = {"Id": "500Z", "AccountId": crm_id(1001), "Subject": "clerk writes"}
    insert(owner, "sync.quarantine", dataset="salesforce.cases", source_id="500Z", payload=sent)

    erase(owner, confirmed, by="an operator")

    assert holds(owner, "clerk") == KEPT


def test_who_may_act_for_another_customer_since_the_operator_was_asked_is_kept(owner: Connection, mine: UUID) -> None:
    who = person(owner, "clerk", mine)
    confirmed = customer_named(owner, mine)
    insert(owner, "auth.memberships", user_id=who, customer_id=account_id("salesforce", crm_id(2002)))

    erase(owner, confirmed, by="an operator")

    assert "auth.users" in holds(owner, "clerk")


@pytest.mark.parametrize("change", ["linked", "parted"])
def test_a_customer_who_has_other_accounts_than_the_operator_was_asked_about_is_not_erased(
    owner: Connection, mine: UUID, change: str
) -> None:
    billing = account_id("whmcs", 1001)
    then, now = (billing, mine) if change == "linked" else (mine, billing)
    belongs = "UPDATE hub.customer_accounts SET customer_id = %s WHERE id = %s"
    owner.execute(belongs, [then, billing])
    confirmed = customer_named(owner, mine)
    owner.execute(belongs, [now, billing])
    before = holds(owner, MINE)

    with pytest.raises(NotNowError, match=r"linked or parted meanwhile.*begin again"):
        erase(owner, confirmed, by="an operator")

    assert holds(owner, MINE) == before
    assert owner.execute("SELECT FROM sync.erased").rowcount == 0


def test_who_may_act_for_nobody_else_is_let_in_no_more_and_logged_out_at_once(owner: Connection, mine: UUID) -> None:
    who = person(owner, "clerk", mine)

    erased(owner, mine)

    user = owner.execute(
        "SELECT password_hash, locked_until > now() + interval '1000 years' FROM auth.users WHERE id = %s", [who]
    ).fetchone()
    assert user == (None, True)
    sessions = owner.execute(
        "SELECT s.revoked_why, r.epoch FROM auth.sessions s LEFT JOIN auth.revocations r ON r.session_id = s.id"
        " WHERE s.user_id = %s",
        [who],
    ).fetchall()
    assert sessions == [("locked", 2147483647)]


def test_who_may_act_for_others_too_stays_who_they_are_and_is_listed(owner: Connection, mine: UUID) -> None:
    who = person(owner, "accountant", account_id("salesforce", crm_id(2002)), mine)

    found = erased(owner, mine)

    assert owner.execute("SELECT email, locked_until FROM auth.users WHERE id = %s", [who]).fetchall() == [
        ("accountant@example.com", None)
    ]
    assert owner.execute("SELECT device, revoked_at FROM auth.sessions WHERE user_id = %s", [who]).fetchall() == [
        ("accountant", None)
    ]
    assert found.stays[-1]["rows"] == {"auth.users": 1}
    assert "other customers" in str(found.stays[-1]["what"])


def test_who_is_of_support_and_a_customer_too_goes_on_logging_in(owner: Connection, mine: UUID) -> None:
    who = person(owner, "agent", mine)
    owner.execute("UPDATE auth.users SET is_agent = true WHERE id = %s", [who])

    found = erased(owner, mine)

    assert owner.execute("SELECT email, locked_until FROM auth.users WHERE id = %s", [who]).fetchall() == [
        ("agent@example.com", None)
    ]
    assert found.stays[-1]["rows"] == {"auth.users": 1}


@pytest.mark.parametrize("gone", ["erased", "account deleted", "customer deleted"])
def test_who_may_act_only_for_customers_that_are_gone_too_is_kept_for_none_of_them(
    owner: Connection, mine: UUID, gone: str
) -> None:
    """The membership of the one that went first is still there."""
    other = account_id("salesforce", crm_id(2002))
    person(owner, "accountant", other, mine)
    if gone == "erased":
        erased(owner, other)
        assert "auth.users" in holds(owner, "accountant")
    else:
        table = "customer_accounts" if gone == "account deleted" else "customers"
        owner.execute(f"UPDATE hub.{table} SET deleted_at = now() WHERE id = %s", [other])  # noqa: S608 - from above

    erased(owner, mine)

    assert holds(owner, "accountant") == KEPT


def test_the_past_is_empty_too(database: Database, owner: Connection, mine: UUID) -> None:
    ((before,),) = owner.execute("SELECT now()").fetchall()
    erased(owner, mine)

    with psycopg.connect(database.api) as session:
        session.execute("SELECT set_config('hub.customer_id', %s, true)", [str(mine)])
        earlier = session.execute("SELECT to_jsonb(r) - 'source_id' FROM hub.sims_at(%s) r", [before]).fetchall()
        accounts = session.execute("SELECT was FROM hub.earlier('customer_accounts', '2000-01-01')").fetchall()

    assert len(earlier) == 1
    assert MINE not in str(earlier)
    assert [row[0]["email"] for row in accounts] == [None, None]
    assert {row[0]["status"] for row in accounts} == {"active"}


def test_what_a_wrong_link_once_put_into_anothers_log_is_overwritten_and_no_more_of_it(
    owner: Connection, mine: UUID
) -> None:
    """For a day, my billing account was taken for another's; their own log stays."""
    billing, other = account_id("whmcs", 1001), account_id("salesforce", crm_id(2002))
    for former, customer, day in ((billing, other, 10), (other, mine, 11)):
        owner.execute(
            "INSERT INTO sync.link_changes (account_id, former_customer_id, customer_id, changed_at)"
            " VALUES (%s, %s, %s, make_date(2026, 11, %s))",
            [billing, former, customer, day],
        )
    for day, email in ((9, f"{OTHERS}@before"), (10, f"{MINE}@wrong"), (12, f"{OTHERS}@after")):
        owner.execute(
            "INSERT INTO sync.changes (entity, entity_id, operation, before, after, changed_at)"
            " VALUES ('customers', %s, 'update', '{}', jsonb_build_object('email', %s::text), make_date(2026, 11, %s))",
            [other, email, day],
        )

    erased(owner, mine)

    assert holds(owner, MINE) == KEPT
    kept = owner.execute("SELECT after ->> 'email' FROM sync.changes WHERE entity_id = %s AND before = '{}'", [other])
    assert {row[0] for row in kept.fetchall()} == {f"{OTHERS}@before", None, f"{OTHERS}@after"}


# -- it does not come back ---------------------------------------------------------------------------------------------


@pytest.fixture
def source() -> Any:
    """It goes on sending what it has."""
    sent = ({"Id": "500A", "of": 1001, "subject": f"{MINE} writes"}, {"Id": "500B", "of": 2002, "subject": OTHERS})

    def read(_: Any) -> Iterator[Page]:
        yield Page(rows=sent, position={}, complete=True)

    def to_contracts(row: Row, words: Any) -> Any:
        account = account_id("salesforce", crm_id(row["of"]))
        return to_cases({"Id": row["Id"], "subject": row["subject"], "account_id": account}, words)

    return a_dataset(read, to_contracts=to_contracts)


@pytest.mark.parametrize("known", [True, False], ids=["known before", "new since"])
def test_the_next_sync_does_not_bring_it_back(
    database: Database, owner: Connection, mine: UUID, source: Any, known: bool
) -> None:
    if known:
        run(source, SOURCE, database.sync)
    erased(owner, mine)

    run(source, SOURCE, database.sync)
    heal(source, SOURCE, database.sync)

    assert holds(owner, MINE) == KEPT
    subjects = owner.execute(
        "SELECT source_id, subject, status FROM hub.support_cases WHERE source_id LIKE '500%' ORDER BY 1"
    ).fetchall()
    assert subjects == [("500A", None, "new"), ("500B", OTHERS, "new")]


def test_what_was_erased_is_no_drift(database: Database, owner: Connection, mine: UUID, source: Any) -> None:
    owner.execute("DELETE FROM hub.support_cases")
    run(source, SOURCE, database.sync)
    erased(owner, mine)

    (drift,) = reconcile(source, SOURCE, database.sync)

    assert (drift.source_rows, drift.different, drift.agrees) == (2, 0, True)


def test_a_record_that_cannot_be_represented_is_kept_without_what_was_sent(
    database: Database, owner: Connection, mine: UUID
) -> None:
    erased(owner, mine)
    rows = ({"Id": "500X", "AccountId": crm_id(1001), "Subject": MINE}, {"Id": "500Y", "AccountId": crm_id(2002)})

    def read(_: Any) -> Iterator[Page]:
        yield Page(rows=rows, position={}, complete=True)

    run(replace(CASES, read=read), SOURCE, database.sync)

    kept = owner.execute(
        "SELECT source_id, payload FROM sync.quarantine WHERE source_id LIKE '500_' ORDER BY 1"
    ).fetchall()
    assert kept == [("500X", {}), ("500Y", rows[1])]


def test_a_page_that_is_being_written_is_waited_for(database: Database, owner: Connection, mine: UUID) -> None:
    """Else it would bring back what it read before."""
    done = threading.Event()

    def erasing() -> None:
        with psycopg.connect(database.owner, autocommit=True) as connection:
            erased(connection, mine)
        done.set()

    with psycopg.connect(database.sync) as page:
        page.execute("SELECT FROM sync.erased")  # as every page does, when it has been staged
        thread = threading.Thread(target=erasing)
        thread.start()
        until(lambda: waits_for_a_lock(owner))
        page.execute("UPDATE hub.customers SET email = %s WHERE id = %s", [f"{MINE}@late", mine])
        assert not done.is_set()
    thread.join()

    assert done.is_set()
    assert holds(owner, MINE) == KEPT


def waits_for_a_lock(connection: Connection) -> bool:
    query = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'sync.erased'::regclass"
    return connection.execute(query).rowcount > 0


def test_keys_of_systems_for_this_customer_alone_end(owner: Connection, mine: UUID) -> None:
    theirs = list(customer_named(owner, mine).accounts)
    keys = {
        name: insert(owner, "auth.service_keys", name=name, customers=customers)["id"]
        for name, customers in {"alone": theirs, "two": [*theirs, account_id("whmcs", 2002)], "any": None}.items()
    }

    erased(owner, mine)

    ended = owner.execute("SELECT id FROM auth.service_keys WHERE revoked_at IS NOT NULL").fetchall()
    assert ended == [(keys["alone"],)]
    noted = owner.execute("SELECT actor FROM auth.audit WHERE record = %s", [f"key:{keys['alone']}"]).fetchall()
    assert noted == [("operator:an operator",)]
