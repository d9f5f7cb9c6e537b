"""What people are told by e-mail, as the database decides it: of what happened, whoever did it, and no more."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.builders import insert, insert_customer
from tests.conftest import Database
from tests.waiting import until

Session = psycopg.Connection[Any]
LONG = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def owner(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
def person(owner: Session) -> UUID:
    who: UUID = insert(owner, "auth.users", email="Taro@example.com", password_hash="old", language="en")["id"]
    return who


def told(owner: Session) -> list[str]:
    return [row[0] for row in owner.execute("SELECT template FROM auth.messages ORDER BY posted_at, id")]


def facts(owner: Session) -> Any:
    ((found,),) = owner.execute("SELECT facts FROM auth.messages").fetchall()
    return found


def claimed(database: Database) -> Any:
    with psycopg.connect(database.sync, autocommit=True) as session:
        return session.execute("SELECT template, email, language, facts FROM auth.claim_message('1 minute')").fetchone()


# -- what is told of ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE auth.users SET locked_until = '2100-01-01'", ["person_locked"]),
        ("UPDATE auth.users SET locked_until = 'infinity'", ["person_locked"]),
        ("UPDATE auth.users SET locked_until = now() - interval '1 second'", []),
        ("UPDATE auth.users SET lock_reason = 'none'", []),
        ("UPDATE auth.users SET password_hash = 'new', password_set_at = now()", ["password_changed"]),
        # The same password, hashed by today's parameters.
        ("UPDATE auth.users SET password_hash = 'rehashed'", []),
        ("UPDATE auth.users SET password_hash = NULL", []),
        ("UPDATE auth.users SET email = 'other@example.com'", []),
    ],
)
def test_a_person_is_told_of_this_whoever_does_it(
    owner: Session, person: UUID, statement: str, expected: list[str]
) -> None:
    owner.execute(statement.encode())

    assert told(owner) == expected


def test_a_lock_that_is_lifted_is_told_of_and_one_that_ended_by_itself_is_not(owner: Session, person: UUID) -> None:
    owner.execute("UPDATE auth.users SET locked_until = '2100-01-01'")
    owner.execute("UPDATE auth.users SET locked_until = '2100-01-01'")
    owner.execute("UPDATE auth.users SET locked_until = NULL")
    owner.execute("UPDATE auth.users SET locked_until = NULL")
    owner.execute("ALTER TABLE auth.users DISABLE TRIGGER tell_of_lock")
    owner.execute("UPDATE auth.users SET locked_until = now() - interval '1 second'")
    owner.execute("ALTER TABLE auth.users ENABLE TRIGGER tell_of_lock")
    owner.execute("UPDATE auth.users SET locked_until = NULL")

    assert told(owner) == ["person_locked", "person_unlocked"]


@pytest.mark.parametrize(("until", "said"), [("now() + interval '1 day'", True), ("'infinity'", False)])
def test_a_lock_says_until_when_unless_only_an_operator_ends_it(
    owner: Session, person: UUID, until: str, said: bool
) -> None:
    owner.execute(b"UPDATE auth.users SET locked_until = " + until.encode())

    assert (facts(owner)["until"] is not None) == said


@pytest.mark.parametrize(("why", "expected"), [("reused", ["session_reused"]), ("logged_out", []), ("locked", [])])
def test_a_session_that_ends_is_told_of_where_somebody_stole_it(
    owner: Session, person: UUID, why: str, expected: list[str]
) -> None:
    insert(owner, "auth.sessions", user_id=person, device="a browser", expires_at=LONG)

    owner.execute("UPDATE auth.sessions SET revoked_at = now(), revoked_why = %s", [why])
    owner.execute("UPDATE auth.sessions SET revoked_at = now()")

    assert told(owner) == expected


def test_what_is_rolled_back_is_not_told(database: Database, owner: Session, person: UUID) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE auth.users SET locked_until = 'infinity'")
        connection.rollback()

    assert told(owner) == []


# -- to whom -----------------------------------------------------------------------------------------------------------


def post_to(owner: Session, email: str) -> None:
    owner.execute(
        "SELECT auth.post_to_whoever_has(%s, 'login_limited', '{\"address\": \"::1\"}', NULL, '1 day')", [email]
    )


def test_whoever_has_the_address_is_written_to_as_they_gave_it_and_in_their_language(
    database: Database, owner: Session, person: UUID
) -> None:
    post_to(owner, "tARO@EXAMPLE.com")

    assert claimed(database) == ("login_limited", "Taro@example.com", "en", {"address": "::1"})


def test_where_nobody_has_the_address_nothing_is_sent_and_nothing_kept(
    database: Database, owner: Session, person: UUID
) -> None:
    post_to(owner, "nobody@example.com")
    post_to(owner, "taro@example.com")

    assert claimed(database)[1] == "Taro@example.com"
    assert claimed(database) is None
    assert told(owner) == ["login_limited"]


def test_a_message_goes_where_it_would_have_gone_when_it_happened(
    database: Database, owner: Session, person: UUID
) -> None:
    owner.execute("UPDATE auth.users SET locked_until = 'infinity'")
    owner.execute("UPDATE auth.users SET email = 'thief@example.com'")

    assert claimed(database)[1] == "Taro@example.com"


def test_who_is_told_that_they_are_tried_too_often_is_told_so_once_an_hour(owner: Session, person: UUID) -> None:
    limits = '[{"name": "told", "key": "taro", "most": 1, "seconds": 3600}]'

    def tell() -> Any:
        return owner.execute("SELECT told FROM auth.tell_limited('taro@example.com', %s, '::1')", [limits]).fetchone()

    assert [tell() for _ in range(3)] == [(True,), (False,), (False,)]
    owner.execute("UPDATE auth.attempts SET tried_at = tried_at - interval '1 hour'")
    assert tell() == (True,)
    assert told(owner) == ["login_limited"] * 2


# -- nobody waits in a circle ------------------------------------------------------------------------------------------

LOG_IN = """
SELECT outcome
  FROM auth.begin_session(gen_random_uuid(), %(person)s, 'old', NULL, '\\x05', NULL, '{pwd}', '1 day', 'taro', '::1')
"""
USE_A_LINK = "SELECT ended FROM auth.set_password_by_link('\\x00', 'new', true, 'taro', '::1')"
REUSE_A_TOKEN = """
SELECT outcome FROM auth.refresh('\\x01', '\\x02', '\\x03', '\\x04', '1 second', '7 days', '30 days', '::1')
"""
CLAIM = "SELECT template FROM auth.claim_message('1 minute')"
LEAVE = """
WITH gone AS (DELETE FROM auth.users RETURNING id) SELECT count(*), auth.note('me', NULL, 'left', NULL, NULL) FROM gone
"""


@pytest.fixture
def member(owner: Session, person: UUID) -> UUID:
    """The person may act for a customer, and has a link and a refresh token that was used long ago."""
    customer = insert_customer(owner)["id"]
    insert(owner, "auth.memberships", user_id=person, customer_id=customer)
    owner.execute("SELECT auth.send_password_link(%s, 'welcome', '\\x00', 't0ken', 24)", [person])
    session = insert(owner, "auth.sessions", user_id=person, customer_id=customer, expires_at=LONG)["id"]
    insert(
        owner, "auth.refresh_tokens",
        session_id=session, token_hash=b"\x01", generation=0, used_at=datetime(2020, 1, 1, tzinfo=UTC), used_by=b"",
    )  # fmt: skip
    return person


def ended_at_once(
    database: Database, owner: Session, held: str, *asked: tuple[str, str], values: dict[str, Any]
) -> list[Any]:
    """What these got who began in this order, each (as whom, what), while somebody held what all of them want."""
    with ExitStack() as stack:
        holder = stack.enter_context(psycopg.connect(database.owner))
        own = stack.enter_context(ThreadPoolExecutor(len(asked)))
        holder.execute(held.encode())
        answers = []
        for role, query in asked:
            session = stack.enter_context(psycopg.connect(getattr(database, role), autocommit=True))
            answers.append(own.submit(one, session, query, values))
            until(partial(waits, owner, session))
        holder.rollback()
        return [answer.result() for answer in answers]


def one(session: Session, query: str, values: dict[str, Any]) -> Any:
    ((found, *_),) = session.execute(query.encode(), values).fetchall()
    return found


def waits(owner: Session, session: Session) -> bool:
    query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    return owner.execute(query, [session.info.backend_pid]).fetchone() == (True,)


@pytest.mark.parametrize("query", [LOG_IN, USE_A_LINK], ids=["logs in", "uses a link"])
def test_a_message_to_a_person_does_not_wait_for_who_is_at_their_row(
    database: Database, owner: Session, member: UUID, query: str
) -> None:
    with psycopg.connect(database.auth) as coming:
        coming.execute(query.encode(), {"person": member})

        # What a message's foreign key takes.
        assert owner.execute("SELECT FROM auth.users FOR KEY SHARE NOWAIT").rowcount == 1


@pytest.mark.parametrize("meanwhile", [("auth", LOG_IN), ("owner", LEAVE)], ids=["logs in", "leaves"])
def test_a_link_is_sent_while_its_person_logs_in_or_leaves(
    database: Database, owner: Session, member: UUID, meanwhile: tuple[str, str]
) -> None:
    owner.execute("DELETE FROM auth.messages")
    owner.execute("SELECT auth.request_password_link('taro@example.com', '\\x07', 't0ken', 30, '::1')")
    audit = "SELECT pg_advisory_xact_lock(hashtext('auth.audit'))"

    found = ended_at_once(database, owner, audit, ("sync", CLAIM), meanwhile, values={"person": member})

    assert found in (["password_link", "begun"], ["password_link", 1])


def test_a_stolen_token_is_shown_while_its_person_sets_a_password(
    database: Database, owner: Session, member: UUID
) -> None:
    session = "SELECT FROM auth.sessions FOR UPDATE"

    found = ended_at_once(database, owner, session, ("auth", REUSE_A_TOKEN), ("auth", USE_A_LINK), values={})

    assert found == ["reused", 0]


# -- asked twice, where a connection broke before the answer came ----------------------------------------------------


def test_a_link_that_is_asked_for_twice_is_one_link_and_one_message(
    database: Database, owner: Session, person: UUID
) -> None:
    ask = "SELECT message_id FROM auth.request_password_link('taro@example.com', '\\x00', 't0ken', 30, '::1')"

    first, again = (owner.execute(ask).fetchone() for _ in range(2))

    assert first == again
    assert told(owner) == ["password_link"]
    assert owner.execute("SELECT action FROM auth.audit").fetchall() == [("password.link_requested",)]
    claimed(database)
    assert is_good(owner)


def test_a_password_that_is_set_twice_by_one_try_was_set(owner: Session, person: UUID) -> None:
    sent_link(owner, person)

    def use(hashed: str) -> Any:
        (ended,) = owner.execute(
            "SELECT ended FROM auth.set_password_by_link('\\x00', %s, true, 'taro', '::1')", [hashed]
        ).fetchall()
        return ended[0]

    assert [use("new"), use("new"), use("another try's")] == [0, 0, None]
    assert told(owner) == ["welcome", "password_changed"]


# -- links that end ----------------------------------------------------------------------------------------------------


def sent_link(owner: Session, person: UUID, token: bytes = b"\x00") -> None:
    owner.execute("SELECT auth.send_password_link(%s, 'welcome', %s, 't0ken', 24)", [person, token])


def is_good(owner: Session, token: bytes = b"\x00") -> bool:
    return owner.execute("SELECT FROM auth.password_link(%s)", [token]).rowcount == 1


@pytest.mark.parametrize("hashed", ["old", None], ids=["with a password", "without"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE auth.users SET password_hash = 'new', password_set_at = now()",
        "UPDATE auth.users SET email = 'hana@example.com'",
        "UPDATE auth.users SET email = 'erased ' || id, password_hash = NULL",
        "SELECT auth.send_password_link(id, 'welcome', '\\x09', 't0ken', 24) FROM auth.users",
    ],
    ids=["another password", "another address", "erased", "another link of an operator's"],
)
@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "to be sent"])
def test_a_link_is_good_no_more_after(
    database: Database, owner: Session, person: UUID, *, is_sent: bool, change: str, hashed: str | None
) -> None:
    owner.execute("UPDATE auth.users SET password_hash = %s", [hashed])
    owner.execute("SELECT auth.request_password_link('taro@EXAMPLE.com', '\\x00', 't0ken', 30, '::1')")
    if is_sent:
        claimed(database)
        assert is_good(owner)

    owner.execute(change.encode())
    claimed(database)

    assert not is_good(owner)


def test_the_last_link_that_an_operator_sends_is_good(owner: Session, person: UUID) -> None:
    sent_link(owner, person)
    sent_link(owner, insert(owner, "auth.users", email="hana@example.com")["id"], b"\x01")

    sent_link(owner, person, b"\x02")

    assert [is_good(owner, token) for token in (b"\x00", b"\x01", b"\x02")] == [False, True, True]


def test_what_was_for_whoever_has_an_address_is_not_sent_to_who_had_it(
    database: Database, owner: Session, person: UUID
) -> None:
    post_to(owner, "taro@example.com")
    owner.execute("SELECT auth.request_password_link('taro@example.com', '\\x00', 't0ken', 30, '::1')")

    owner.execute("UPDATE auth.users SET email = 'hana@example.com'")

    assert claimed(database) is None
    kept = owner.execute("SELECT user_id, state, secret, ended_at IS NOT NULL, reason FROM auth.messages").fetchall()
    assert kept == [(person, "dead", None, True, "nobody has the address any more")] * 2


def test_an_address_in_other_letters_is_the_same(database: Database, owner: Session, person: UUID) -> None:
    sent_link(owner, person)
    post_to(owner, "taro@example.com")

    owner.execute("UPDATE auth.users SET email = 'TARO@example.com'")

    assert is_good(owner)
    assert {claimed(database)[0] for _ in range(2)} == {"welcome", "login_limited"}


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_messages_are_forgotten_a_week_after_they_were_sent(database: Database, owner: Session, person: UUID) -> None:
    kept = {"user_id": person, "useful_until": LONG, "email": "taro@example.com"}
    for template, state, days in [
        ("waiting", "waiting", None), ("sent", "sent", 6), ("sent long ago", "sent", 8), ("dead", "dead", 29),
        ("dead long ago", "dead", 31),
    ]:  # fmt: skip
        message = insert(owner, "auth.messages", template=template, state=state, **kept)["id"]
        owner.execute(
            "UPDATE auth.messages SET ended_at = now() - make_interval(days => %s) WHERE id = %s", [days, message]
        )
        insert(owner, "auth.password_links", message_id=message, expires_at=LONG)

    with psycopg.connect(database.sync) as session:
        session.execute("SELECT auth.forget()")

    assert sorted(told(owner)) == ["dead", "sent", "waiting"]
    assert owner.execute("SELECT count(*) FROM auth.password_links").fetchone() == (3,)


def test_what_lets_somebody_in_is_not_kept_longer_than_it_is_good(
    database: Database, owner: Session, person: UUID
) -> None:
    owner.execute("SELECT auth.post(%s, 'welcome', '{}', '{\"token\": \"t0ken\"}', '1 day')", [person])
    owner.execute("UPDATE auth.messages SET useful_until = now()")

    with psycopg.connect(database.sync) as session:
        session.execute("SELECT auth.forget()")

    assert owner.execute("SELECT state, secret FROM auth.messages").fetchall() == [("dead", None)]


def test_with_a_person_their_messages_and_links_are_gone(owner: Session, person: UUID) -> None:
    owner.execute("SELECT auth.send_password_link(%s, 'welcome', '\\x00', 't0ken', 24)", [person])

    owner.execute("DELETE FROM auth.users")

    assert told(owner) == []
    assert owner.execute("SELECT count(*) FROM auth.password_links").fetchone() == (0,)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT secret FROM auth.messages",
        "SELECT * FROM auth.password_links",
        "SELECT * FROM auth.claim_message('1 minute')",
        "SELECT auth.post(NULL, 'welcome')",
        "SELECT auth.send_password_link(NULL, 'welcome', '', '', 1)",
    ],
)
def test_what_logs_people_in_reads_no_message_and_sends_none_of_its_own(database: Database, query: str) -> None:
    with psycopg.connect(database.auth) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(query.encode())


@pytest.mark.parametrize("query", ["SELECT secret FROM auth.messages", "SELECT auth.post(NULL, 'welcome')"])
def test_the_worker_reads_messages_only_by_taking_them(database: Database, query: str) -> None:
    with psycopg.connect(database.sync) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(query.encode())
