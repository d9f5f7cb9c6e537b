"""Who may come in, as the database keeps it: one audit that cannot be changed, and roles that hold without the API."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sql.statements import statement
from tests.builders import insert, insert_customer
from tests.conftest import Database
from tests.waiting import until

Session = psycopg.Connection[Any]


@pytest.fixture
def owner(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


def note(session: Session, action: str = "login.refused") -> None:
    session.execute("SELECT auth.note('anybody', NULL, %s, NULL, '192.0.2.1', '{\"why\": \"unknown\"}')", [action])


def broken(owner: Session) -> Any:
    return owner.execute(statement("operations/audit_broken").encode(), {"seq": None, "hash": None}).fetchone()


REWRITTEN = """
UPDATE auth.audit a
   SET actor = 'me',
       hash = sha256(a.previous || convert_to(auth.audit_text(jsonb_populate_record(a, '{"actor": "me"}')), 'UTF8'))
 WHERE seq = 3
"""

# -- the audit ---------------------------------------------------------------------------------------------------------


def test_many_writers_make_one_chain_without_gaps(database: Database, owner: Session) -> None:
    def write(_: int) -> None:
        with psycopg.connect(database.auth, autocommit=True) as session:
            for _ in range(25):
                note(session)

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(8)))

    rows = owner.execute("SELECT seq, previous, hash FROM auth.audit ORDER BY seq").fetchall()
    assert [seq for seq, *_ in rows] == list(range(1, 201))
    assert [previous for _, previous, _ in rows] == [bytes(32), *(hashed for *_, hashed in rows[:-1])]
    assert broken(owner)[0] is None


@pytest.mark.parametrize(
    "change", ["UPDATE auth.audit SET actor = 'me'", "DELETE FROM auth.audit", "TRUNCATE auth.audit"]
)
def test_nobody_changes_what_was_written_not_even_the_owner(owner: Session, change: str) -> None:
    note(owner)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"):
        owner.execute(change.encode())


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE auth.audit SET action = 'nothing' WHERE seq = 3", 3),
        ("UPDATE auth.audit SET address = '192.0.2.99' WHERE seq = 1", 1),
        ("UPDATE auth.audit SET at = at + interval '1 microsecond' WHERE seq = 5", 5),
        ("UPDATE auth.audit SET details = '{}' WHERE seq = 2", 2),
        ("DELETE FROM auth.audit WHERE seq = 4", 5),
        ("DELETE FROM auth.audit WHERE seq = 1", 2),
        ("UPDATE auth.audit SET hash = sha256(hash) WHERE seq = 2", 2),
        # Made to fit by itself: the next one does not go on from it.
        (REWRITTEN, 4),
    ],
)  # fmt: skip
def test_whoever_gets_around_that_breaks_the_chain_where_it_is_seen(owner: Session, tampering: str, found: int) -> None:
    for number in range(6):
        note(owner, f"login.{number}")
    assert broken(owner)[0] is None

    owner.execute("ALTER TABLE auth.audit DISABLE TRIGGER keep_audit")
    owner.execute(tampering.encode())

    assert broken(owner)[0] == found


def test_a_chain_that_was_cut_or_made_anew_is_found_by_whoever_kept_its_end(owner: Session) -> None:
    for _ in range(3):
        note(owner)
    ((seq, end),) = owner.execute(
        "SELECT seq, encode(hash, 'hex') FROM auth.audit ORDER BY seq DESC LIMIT 1"
    ).fetchall()
    owner.execute("ALTER TABLE auth.audit DISABLE TRIGGER keep_audit")
    owner.execute("DELETE FROM auth.audit WHERE seq = 3")

    query = statement("operations/audit_broken").encode()
    assert owner.execute(query, {"seq": None, "hash": None}).fetchone()[0] is None  # type: ignore[index]
    assert owner.execute(query, {"seq": seq, "hash": end}).fetchone()[0] == seq  # type: ignore[index]


# -- roles -------------------------------------------------------------------------------------------------------------

ACCEPT = (
    "SELECT outcome FROM command.accept(%s, 'salesforce', 'orders', NULL, NULL, %s, 'h', '{}', 'r', interval '1 day',"
    " gen_random_uuid(), '{}')"
)


@pytest.mark.parametrize("role", [None, "", "read_only", "technical", "admin"])
def test_the_database_accepts_no_command_of_a_role_that_may_not_ask_for_it(
    database: Database, owner: Session, role: str | None
) -> None:
    customer = insert_customer(owner)
    with psycopg.connect(database.api) as session:
        session.execute("SELECT set_config('hub.customer_id', %s, true)", [str(customer["id"])])
        if role is not None:
            session.execute("SELECT set_config('hub.role', %s, true)", [role])

        assert session.execute(ACCEPT, ["place_order", uuid4().hex]).fetchone() == ("forbidden",)
        refused = [
            session.execute("SELECT refused_by FROM command.admit(gen_random_uuid(), %s, '{}')", [kind]).fetchone()
            for kind in ("pay_links", "uploads", "waits")
        ]
    assert refused == [("role",), ("role",), (None,)]
    assert owner.execute("SELECT count(*) FROM command.commands").fetchone() == (0,)


# -- who reads what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        "SELECT password_hash FROM auth.users",
        "SELECT token_hash FROM auth.refresh_tokens",
        "SELECT private_key FROM auth.signing_keys",
        "SELECT key_hash FROM auth.service_keys",
        "SELECT auth.note_key_use(gen_random_uuid(), 'a', 'b')",
        "SELECT * FROM auth.audit",
        "SELECT auth.known('a@example.com')",
        "SELECT auth.signing_key()",
        "SELECT auth.note('me', NULL, 'nothing', NULL, NULL)",
    ],
)
@pytest.mark.parametrize("role", ["api", "sync", "analyst"])
def test_what_lets_people_in_is_nothing_for_any_other_login(database: Database, role: str, asked: str) -> None:
    with psycopg.connect(getattr(database, role)) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(asked.encode())


@pytest.mark.parametrize("table", ["hub.customers", "auth.users", "sync.inbox"])
def test_what_lets_people_in_reads_no_table(database: Database, table: str) -> None:
    with psycopg.connect(database.auth) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(f"SELECT FROM {table}".encode())


def test_two_people_cannot_have_one_address(owner: Session) -> None:
    insert(owner, "auth.users", email="Taro@example.com")

    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(owner, "auth.users", email="taro@EXAMPLE.com")


def test_what_is_of_no_more_use_is_forgotten(database: Database, owner: Session) -> None:
    kept, over = insert(owner, "auth.sessions")["id"], insert(owner, "auth.sessions")["id"]
    owner.execute("UPDATE auth.sessions SET expires_at = now() + interval '1 day' WHERE id = %s", [kept])
    owner.execute("UPDATE auth.sessions SET expires_at = now() - interval '31 days' WHERE id = %s", [over])
    insert(owner, "auth.refresh_tokens", session_id=over)
    owner.execute("INSERT INTO auth.attempts (kind, key, tried_at) VALUES ('login', 'a', now() - interval '2 days')")
    owner.execute("INSERT INTO auth.attempts (kind, key) VALUES ('login', 'a')")
    owner.execute(
        "INSERT INTO auth.challenges (token_hash, user_id, client, amr, expires_at)"
        " SELECT decode(md5(until), 'hex'), (SELECT id FROM auth.users LIMIT 1), '', '{pwd}', until::timestamptz"
        "   FROM unnest('{infinity,yesterday}'::text[]) until"
    )

    with psycopg.connect(database.sync) as session:
        assert session.execute("SELECT auth.forget()").fetchone() == (1,)

    assert owner.execute("SELECT id FROM auth.sessions").fetchall() == [(kept,)]
    assert owner.execute("SELECT count(*) FROM auth.refresh_tokens").fetchone() == (0,)
    assert owner.execute("SELECT count(*) FROM auth.attempts").fetchone() == (1,)
    assert owner.execute("SELECT expires_at::text FROM auth.challenges").fetchall() == [("infinity",)]


# -- who is taken away while they come in ------------------------------------------------------------------------------

BEGIN = """
SELECT outcome FROM auth.begin_session(%s, %s, 'hash', NULL, %s, 'a browser', '{pwd}', interval '7 days',
                                        'key', '192.0.2.1')
"""


@pytest.fixture
def member(owner: Session) -> tuple[Any, list[Any]]:
    """A person with a password, and the two customers for whom they may act, the one they were given first before."""
    person = uuid4()
    owner.execute(
        "INSERT INTO auth.users (id, email, password_hash) VALUES (%s, %s, 'hash')", [person, f"{person}@example.com"]
    )
    customers = [insert_customer(owner)["id"] for _ in range(2)]
    for customer in customers:
        owner.execute(
            "INSERT INTO auth.memberships (user_id, customer_id, role) VALUES (%s, %s, 'owner')", [person, customer]
        )
    return person, customers


def test_nobody_who_has_a_second_factor_is_let_in_by_less(
    database: Database, owner: Session, member: tuple[Any, list[Any]]
) -> None:
    """Whatever the API asked for: what was proven is said to the database, and that decides."""
    person, _ = member
    insert(owner, "auth.totp", user_id=person, secret="sealed", last_step=1)
    with psycopg.connect(database.auth) as session:
        alone = session.execute(BEGIN, [uuid4(), person, b"token"]).fetchone()
        both = session.execute(BEGIN.replace("{pwd}", "{pwd,otp,mfa}"), [uuid4(), person, b"token"]).fetchone()

    assert (alone, both) == (("challenged",), ("begun",))


def test_what_a_passkey_signed_proves_its_own_person_and_one_thing(owner: Session) -> None:
    mine, theirs = (insert(owner, "auth.users", email=f"{uuid4().hex}@example.com")["id"] for _ in range(2))
    insert(
        owner, "auth.passkeys",
        user_id=mine, credential_id=b"c", public_key=b"k", sign_count=0, transports=[], is_backed_up=False,
    )  # fmt: skip
    insert(owner, "auth.ceremonies", challenge_hash=b"h", client=b"b", session_id=None, expires_at="2100-01-01")
    proof = {"challenge": b"h".hex(), "client": b"b".hex(), "credential": b"c".hex(), "count": 0, "backed_up": False}

    def counts(person: UUID, used: UUID) -> bool:
        shown = Jsonb(proof | {"used": str(used)})
        ((found,),) = owner.execute("SELECT auth.prove(%s, 'passkey', %s::text)", [person, shown]).fetchall()
        return bool(found)

    one, another = uuid4(), uuid4()

    assert not counts(theirs, one)
    assert counts(mine, one)
    assert counts(mine, one)
    assert not counts(mine, another)


def test_a_short_password_is_set_beside_a_second_factor_alone(
    database: Database, owner: Session, member: tuple[Any, list[Any]]
) -> None:
    person, _ = member
    session = uuid4()
    owner.execute(BEGIN, [session, person, b"token"])
    change = "SELECT ended FROM auth.change_password(%s, %s, %s, false, NULL)"
    with psycopg.connect(database.auth, autocommit=True) as door:
        assert door.execute(change, [session, "hash", "short"]).fetchone() == (None,)
        insert(owner, "auth.totp", user_id=person, secret="sealed", last_step=1)
        assert door.execute(change, [session, "hash", "short"]).fetchone() == (0,)

    assert owner.execute("SELECT password_suffices FROM auth.users").fetchone() == (False,)


@contextmanager
def at_once(database: Database) -> Iterator[tuple[Session, Session, ThreadPoolExecutor]]:
    """Two sessions, the owner's and the door's, and a thread for the one that waits."""
    with (
        psycopg.connect(database.owner) as taking,
        psycopg.connect(database.auth) as coming,
        ThreadPoolExecutor(1) as own,
    ):
        yield taking, coming, own


def waits(owner: Session, session: Session) -> bool:
    found = owner.execute(
        "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [session.info.backend_pid]
    ).fetchone()
    return found == (True,)


TAKE_AWAY = "DELETE FROM auth.memberships WHERE user_id = %s AND customer_id = %s"


def test_who_logs_in_while_their_last_account_is_taken_away_is_not_let_in(
    database: Database, owner: Session, member: tuple[Any, list[Any]]
) -> None:
    person, (first, last) = member
    owner.execute(TAKE_AWAY, [person, first])
    with at_once(database) as (taking, coming, own):
        taking.execute(TAKE_AWAY, [person, last])
        came_in = own.submit(lambda: coming.execute(BEGIN, [uuid4(), person, b"token"]).fetchone())
        until(lambda: waits(owner, coming))
        taking.commit()

        assert came_in.result() == ("no_account",)


def test_what_is_taken_away_while_somebody_logs_in_is_called_back(
    database: Database, owner: Session, member: tuple[Any, list[Any]]
) -> None:
    person, (first, _) = member
    session = uuid4()
    with at_once(database) as (taking, coming, own):
        assert coming.execute(BEGIN, [session, person, b"token"]).fetchone() == ("begun",)
        taken = own.submit(lambda: (taking.execute(TAKE_AWAY, [person, first]), taking.commit()))
        until(lambda: waits(owner, taking))
        coming.commit()
        taken.result()

    assert owner.execute("SELECT session_id, epoch FROM auth.revocations").fetchall() == [(session, 1)]


def test_nobody_switches_to_an_account_that_is_being_taken_away(
    database: Database, owner: Session, member: tuple[Any, list[Any]]
) -> None:
    person, (_, other) = member
    session = uuid4()
    owner.execute(BEGIN, [session, person, b"token"])
    switch = "SELECT role FROM auth.act_for(%s, %s, '192.0.2.1')"
    with at_once(database) as (taking, coming, own):
        taking.execute(TAKE_AWAY, [person, other])
        switched = own.submit(lambda: coming.execute(switch, [session, other]).fetchone())
        until(lambda: waits(owner, coming))
        taking.commit()

        assert switched.result() is None


# -- what is asked twice, or by two at once ----------------------------------------------------------------------------

BEGIN_AGAIN = """
SELECT outcome
  FROM auth.begin_session(%(session)s, %(person)s, 'old', 'new', '\\x05', NULL, '{pwd}', '1 day', 'k', '::1')
"""


@pytest.fixture
def logged_in(owner: Session) -> dict[str, Any]:
    """A person who acts for a customer, and is logged in."""
    customer = insert_customer(owner)["id"]
    person = insert(owner, "auth.users", password_hash="old")["id"]
    insert(owner, "auth.memberships", user_id=person, customer_id=customer)
    (later,) = owner.execute("SELECT now() + interval '1 day'").fetchone() or ()
    session = insert(owner, "auth.sessions", user_id=person, customer_id=customer, expires_at=later)["id"]
    return {"person": person, "customer": customer, "session": session}


def test_a_log_in_that_is_asked_for_again_after_its_password_was_hashed_anew_is_the_same(
    owner: Session, logged_in: dict[str, Any]
) -> None:
    values = logged_in | {"session": uuid4()}

    outcomes = [owner.execute(BEGIN_AGAIN.encode(), values).fetchone() for _ in range(2)]

    assert outcomes == [("begun",)] * 2
    owner.execute("UPDATE auth.users SET password_hash = NULL")
    assert owner.execute(BEGIN_AGAIN.encode(), logged_in | {"session": uuid4()}).fetchone() == ("refused",)


def test_proving_it_again_moves_nobody_to_another_customer(owner: Session, logged_in: dict[str, Any]) -> None:
    insert(owner, "auth.memberships", user_id=logged_in["person"], customer_id=insert_customer(owner)["id"])
    owner.execute("UPDATE hub.customer_accounts SET deleted_at = now() WHERE id = %(customer)s", logged_in)
    step_up = "SELECT outcome FROM auth.step_up(%(session)s, 'password', 'old', 'k', '::1')"

    assert owner.execute(step_up.encode(), logged_in).fetchone() == ("no_account",)


def test_no_short_password_is_left_alone_by_two_who_change_what_is_proven_at_once(
    database: Database, owner: Session, logged_in: dict[str, Any]
) -> None:
    insert(owner, "auth.totp", user_id=logged_in["person"], secret="sealed")
    change = "SELECT ended FROM auth.change_password(%(session)s, 'old', 'short', false, '::1')"
    waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    with (
        psycopg.connect(database.owner) as ending,
        psycopg.connect(database.auth, autocommit=True) as changing,
        ThreadPoolExecutor(1) as own,
    ):
        ending.execute("SELECT FROM auth.users FOR NO KEY UPDATE")
        ending.execute("DELETE FROM auth.totp")
        changed = own.submit(lambda: changing.execute(change.encode(), logged_in).fetchone())
        until(lambda: owner.execute(waits, [changing.info.backend_pid]).fetchone() == (True,))
        ending.commit()

        assert changed.result() == (None,)
    assert owner.execute("SELECT password_hash FROM auth.users").fetchall() == [("old",)]
