"""`hub service-key`: a system is given a key, another one, and none any more, by an operator's word."""

import json
import re
from hashlib import sha256
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.builders import insert_customer
from tests.cli.conftest import Hub
from tests.conftest import Database

KEY = re.compile(r"hubkey_[0-9a-f-]{36}_[0-9a-f]{64}")
PORTAL = ("service-key", "add", "--name", "portal", "--role", "owner", "--days", "90")


@pytest.fixture
def owner(joined: Database) -> Any:
    with psycopg.connect(joined.owner, autocommit=True) as connection:
        yield connection


def listed(hub: Hub) -> list[dict[str, Any]]:
    ended = hub("service-key", "list", "--json")
    assert ended.code == 0, ended.err
    rows: list[dict[str, Any]] = json.loads(ended.out)
    return rows


def everything(owner: Any) -> str:
    """All that is stored of keys, as text."""
    rows = owner.execute("SELECT to_jsonb(k)::text FROM auth.service_keys k").fetchall()
    return str(rows + owner.execute("SELECT to_jsonb(a)::text FROM auth.audit a").fetchall())


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("add", "--name", "a", "--role", "owner", "--days", "367"), 2, "--days"),
        (("add", "--name", "a", "--role", "owner", "--days", "0"), 2, "--days"),
        (("add", "--name", "a", "--role", "admin", "--days", "1"), 2, "read_only"),
        (("add", "--name", "a", "--role", "owner"), 2, "--days"),
        (("add", "--name", "a", "--days", "1"), 2, "--role"),
        (("add", "--name", "a", "--role", "owner", "--days", "1", "--customer", "Acme"), 2, "UUID"),
        ((*PORTAL[1:], "--customer", str(uuid4())), 1, "no customer has the id"),
        (("revoke", str(uuid4())), 1, "no key has the id"),
        (("rotate", str(uuid4())), 1, "no key has the id"),
        (("rotate", str(uuid4()), "--days", "367"), 2, "--days"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_changes_nothing(
    hub: Hub, owner: Any, arguments: tuple[str, ...], code: int, why: str
) -> None:
    ended = hub("service-key", *arguments)

    assert ended.code == code
    assert why in ended.err
    assert owner.execute("SELECT count(*) FROM auth.service_keys").fetchone() == (0,)
    assert owner.execute("SELECT count(*) FROM auth.audit").fetchone() == (0,)


def test_a_key_is_shown_once_and_stored_nowhere(hub: Hub, owner: Any) -> None:
    ended = hub(*PORTAL)

    key = ended.out.strip()
    assert KEY.fullmatch(key)
    assert key not in ended.err
    (row,) = listed(hub)
    assert (row["name"], row["role"], row["customers"], row["is_good"]) == ("portal", "owner", None, True)
    assert row["id"] == key.split("_")[1]
    assert owner.execute("SELECT key_hash FROM auth.service_keys").fetchall() == [(sha256(key.encode()).digest(),)]
    secret = key.rpartition("_")[2]
    assert secret not in everything(owner) + hub("service-key", "list").out + hub("audit", "--json").out


def test_no_two_keys_are_alike(hub: Hub, owner: Any) -> None:
    keys = [hub(*PORTAL).out.strip().split("_") for _ in range(3)]

    assert len({id_ for _, id_, _ in keys}) == len({secret for *_, secret in keys}) == 3


def test_a_key_may_be_for_some_customers_alone(hub: Hub, owner: Any) -> None:
    mine = [str(insert_customer(owner)["id"]) for _ in range(2)]

    ended = hub(*PORTAL, "--customer", mine[0], "--customer", mine[1])

    assert ended.code == 0, ended.err
    assert listed(hub)[0]["customers"] == mine


def test_another_key_may_do_the_same_for_as_long_and_the_one_before_a_day_more(hub: Hub, owner: Any) -> None:
    mine = str(insert_customer(owner)["id"])
    first = hub(*PORTAL[:-1], "30", "--customer", mine).out.split("_")[1]

    ended = hub("service-key", "rotate", first)

    assert KEY.fullmatch(ended.out.strip())
    new, old = listed(hub)
    assert (old["id"], old["replaced_by"]) == (first, new["id"])
    assert [(each["name"], each["role"], each["customers"]) for each in (new, old)] == [("portal", "owner", [mine])] * 2
    assert new["id"] == ended.out.split("_")[1]
    lasts = dict(
        owner.execute(
            "SELECT id::text, extract(epoch FROM expires_at - now()) / 3600 FROM auth.service_keys"
        ).fetchall()
    )
    assert 23 < lasts[first] <= 24
    assert 30 * 24 - 1 < lasts[new["id"]] <= 30 * 24
    again = hub("service-key", "rotate", first)
    assert (again.code, again.out) == (1, "")
    assert f"is followed by {new['id']} already" in again.err


def test_an_overlap_makes_no_key_last_longer_than_it_did(hub: Hub, owner: Any) -> None:
    key = hub(*PORTAL[:-1], "1").out.split("_")[1]
    before = listed(hub)[0]["expires_at"]

    assert hub("service-key", "rotate", key, "--overlap-hours", "1000").code == 0

    assert {each["id"]: each["expires_at"] for each in listed(hub)}[key] == before


def test_a_key_that_leaked_is_replaced_at_once(hub: Hub, owner: Any) -> None:
    key = hub(*PORTAL).out.split("_")[1]

    ended = hub("service-key", "rotate", key, "--overlap-hours", "0", "--days", "7")

    assert ended.code == 0
    assert [each["is_good"] for each in listed(hub)] == [True, False]


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_a_key_that_was_revoked_stays_so_and_is_followed_by_none(hub: Hub, owner: Any, verb: str) -> None:
    key = hub(*PORTAL).out.split("_")[1]
    assert hub("service-key", "revoke", key).out == f"{key} is good no more.\n"

    again = hub("service-key", verb, key)

    assert (again.code, again.out) == (1, "")
    assert f"{key} ended at " in again.err
    (row,) = listed(hub)
    assert (row["is_good"], row["revoked_at"] is None) == (False, False)


def test_what_was_done_about_a_key_is_in_the_audit(hub: Hub, owner: Any) -> None:
    key = hub(*PORTAL).out.split("_")[1]
    new = hub("service-key", "rotate", key).out.split("_")[1]
    hub("service-key", "revoke", key)
    hub("service-key", "revoke", new)

    entries = json.loads(hub("audit", "--json").out)

    assert [(each["action"], each["record"]) for each in reversed(entries)] == [
        ("service_key.added", f"key:{key}"),
        ("service_key.rotated", f"key:{key}"),
        ("service_key.added", f"key:{new}"),
        ("service_key.revoked", f"key:{key}"),
        ("service_key.revoked", f"key:{new}"),
    ]
    assert all(each["actor"].startswith("operator:") for each in entries)
    assert entries[-1]["details"] == {"name": "portal", "role": "owner", "customers": "any", "days": 90}
    assert hub("audit", "verify").code == 0
