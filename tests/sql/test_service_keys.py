"""Service keys in the database: no key outlives a year and a day, and only hashes of good ones are handed out."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.builders import insert
from tests.conftest import Database

Session = psycopg.Connection[Any]


@pytest.fixture
def owner(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


def made(owner: Session, **values: object) -> Any:
    ((expires,),) = owner.execute("SELECT now() + interval '1 day'").fetchall()
    given = {"key_hash": bytes(32), "role": "billing", "customers": None, "expires_at": expires, **values}
    return insert(owner, "auth.service_keys", **given)["id"]


def change_all(owner: Session, change: str) -> None:
    owner.execute(b"UPDATE auth.service_keys SET " + change.encode())


@pytest.mark.parametrize(
    "change",
    [
        "expires_at = created_at + interval '366 days 1 second'",
        "expires_at = 'infinity'",
        "expires_at = NULL",
        "role = 'admin'",
        "role = NULL",
        "key_hash = NULL",
    ],
)
def test_no_key_is_without_an_end_a_role_or_a_hash(owner: Session, change: str) -> None:
    made(owner)

    with pytest.raises(psycopg.errors.IntegrityError):
        change_all(owner, change)


def test_a_key_may_last_a_leap_year(owner: Session) -> None:
    made(owner)

    assert owner.execute("UPDATE auth.service_keys SET expires_at = created_at + interval '366 days'").rowcount == 1


def test_only_good_keys_are_handed_out_and_only_their_hashes(owner: Session, database: Database) -> None:
    for ended in ("expires_at = now()", "revoked_at = now() WHERE expires_at > now()"):
        made(owner)
        change_all(owner, ended)
    good = made(owner)

    with psycopg.connect(database.api) as session:
        ((keys,),) = session.execute("SELECT service_keys FROM auth.good_service_keys()").fetchall()

    assert [each["id"] for each in keys] == [str(good)]
    assert {name: keys[0][name] for name in ("hash", "role", "customers")} == {
        "hash": "00" * 32, "role": "billing", "customers": None,
    }  # fmt: skip
    assert set(keys[0]) == {"id", "hash", "role", "customers", "expires"}


def test_a_use_is_noted_once_an_hour_for_each_place(owner: Session, database: Database) -> None:
    key = made(owner, name="portal")
    ask = "SELECT noted FROM auth.note_key_use(%s, %s, '192.0.2.1')"
    with psycopg.connect(database.auth, autocommit=True) as session:
        noted = [session.execute(ask, [key, place]).fetchone() for place in ("here", "here", "there")]
        owner.execute("UPDATE auth.attempts SET tried_at = tried_at - interval '1 hour'")
        noted.append(session.execute(ask, [key, "here"]).fetchone())

    assert noted == [(True,), (False,), (True,), (True,)]
    entries = owner.execute("SELECT actor, action, record, details FROM auth.audit ORDER BY seq").fetchall()
    assert entries == [(f"key:{key}", "service_key.used", f"key:{key}", {"name": "portal"})] * 3
