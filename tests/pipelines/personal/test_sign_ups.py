"""Sign-ups that let nobody in are somebody's too: they are handed out and erased, and nobody comes back by them.

Most never get a customer's id. They are found by what they made, by their mailbox, and by their own name.
"""

import io
import zipfile
from typing import Any
from uuid import UUID

import psycopg
import pytest

from core.clock import utc_now
from core.errors import NotFoundError
from domain.common.identifiers import account_id
from pipelines.personal.erasure import NotNowError, erase, would_overwrite
from pipelines.personal.export import export
from pipelines.personal.holdings import customer_named, sign_up_of
from tests.builders import insert
from tests.conftest import Database
from tests.pipelines.personal.conftest import Connection, holds, somebody

MINE, OTHERS = "canaryone", "canarytwo"
KEPT = ["auth.audit"]


@pytest.fixture
def mine(owner: Connection) -> UUID:
    somebody(owner, OTHERS, 2002)
    return somebody(owner, MINE, 1001)


def sign_up(owner: Connection, mark: str, email: str, *, status: str = "failed", row: bool = True, **made: str) -> UUID:
    """A sign-up that let nobody in. made: what its steps found or made, by whose id it is."""
    identity = insert(owner, "auth.sign_ups", email=email, code_hash=mark.encode())["id"]
    command = insert(
        owner, "command.commands", kind="sign_up", status=status, input={"email": email, "firstName": mark},
        customer_id=identity, account_id=identity, subject_kind="sign_ups", subject_id=identity,
    )["id"]  # fmt: skip
    owner.execute("UPDATE auth.sign_ups SET command_id = %s WHERE id = %s", [command, identity])
    owner.execute("SELECT auth.note('anybody', NULL, 'sign_up.begun', %s, %s)", [f"sign_up:{identity}", mark])
    insert(owner, "auth.messages", user_id=None, email=email, facts={"said": mark}, to_anybody=True)
    if made:
        insert(owner, "command.steps", command_id=command, name="made", result=made)
    if not row:
        owner.execute("DELETE FROM auth.sign_ups WHERE id = %s", [identity])
    return UUID(str(identity))


def exported(owner: Connection, identity: UUID) -> bytes:
    archive = io.BytesIO()
    with owner.transaction():
        export(owner, customer_named(owner, identity), archive, at=utc_now())
    with zipfile.ZipFile(archive) as file:
        return b"".join(file.read(name) for name in file.namelist())


@pytest.mark.parametrize(
    "found_by",
    [
        {"email": f"{MINE}@Example.com"},
        {"email": "other@example.com", "client": "1001"},
        {"email": "other@example.com", "account": "crm"},
    ],
)
@pytest.mark.parametrize("row", [True, False], ids=["remembered", "forgotten"])
def test_a_customer_is_handed_out_and_erased_with_the_sign_ups_that_let_nobody_in(
    owner: Connection, mine: UUID, found_by: dict[str, str], row: bool
) -> None:
    ((crm,),) = owner.execute(
        "SELECT source_id FROM hub.customer_accounts WHERE customer_id = %s AND source = 'salesforce'", [mine]
    ).fetchall()
    own = {name: crm if value == "crm" else value for name, value in found_by.items()}
    sign_up(owner, "signupmark", row=row, **own)
    sign_up(owner, "strangermark", "stranger@example.com", client="2002")

    given = exported(owner, mine)
    erase(owner, customer_named(owner, mine), by="an operator")

    assert b'"firstName": "signupmark"' in given
    assert b"strangermark" not in given
    assert set(holds(owner, "signupmark")) - {"auth.messages"} == set(KEPT)
    assert {"command.commands", "auth.messages"} <= set(holds(owner, "strangermark"))


@pytest.mark.parametrize("status", ["waiting", "dead"])
def test_nobody_is_erased_whom_an_operator_could_still_let_in(owner: Connection, mine: UUID, status: str) -> None:
    sign_up(owner, "signupmark", "other@example.com", status=status, client="1001")

    with pytest.raises(NotNowError, match=rf"sign_up .* \({status}\)"):
        erase(owner, customer_named(owner, mine), by="an operator")
    assert owner.execute("SELECT FROM sync.erased").rowcount == 0


def test_again_it_tells_the_same_of_them(owner: Connection, mine: UUID) -> None:
    sign_up(owner, "signupmark", f"{MINE}@example.com")

    first = erase(owner, customer_named(owner, mine), by="an operator")
    again = erase(owner, customer_named(owner, mine), by="an operator")

    assert (first.overwritten, first.stays) == (again.overwritten, again.stays)


@pytest.mark.parametrize("named", ["id", "mailbox"])
def test_whoever_never_became_a_customer_is_handed_out_and_erased_alone(
    owner: Connection, mine: UUID, named: str
) -> None:
    identity = sign_up(owner, "signupmark", "hanako@example.com")
    sign_up(owner, "strangermark", "stranger@example.com")
    identity = identity if named == "id" else sign_up_of(owner, "Hanako@Example.com")
    everywhere = [holds(owner, each) for each in (MINE, "strangermark")]

    given = exported(owner, identity)
    certificate = erase(owner, customer_named(owner, identity), by="an operator")

    assert b"signupmark" in given
    assert (certificate.customer, certificate.accounts) == (str(identity), [])
    assert holds(owner, "signupmark") == KEPT
    assert [holds(owner, each) for each in (MINE, "strangermark")] == everywhere
    assert would_overwrite(owner, customer_named(owner, identity)) == {}


def test_by_the_name_of_a_sign_up_that_let_somebody_in_its_customer_is_meant(owner: Connection, mine: UUID) -> None:
    identity = sign_up(owner, "signupmark", "hanako@example.com")
    owner.execute(
        "UPDATE command.commands SET customer_id = %(a)s, account_id = %(a)s WHERE subject_id = %(id)s",
        {"a": account_id("whmcs", 1001), "id": identity},
    )

    assert customer_named(owner, identity).id == mine
    assert customer_named(owner, sign_up_of(owner, "hanako@example.com")).id == mine


def test_a_mailbox_that_nobody_signed_up_with_is_an_error_that_does_not_repeat_it(owner: Connection) -> None:
    with pytest.raises(NotFoundError) as refused:
        sign_up_of(owner, "nobody@example.com")

    assert "nobody" not in str(refused.value).replace("nobody signed up", "")


def test_a_mailbox_of_somebody_who_acts_for_others_too_is_not_this_customers(owner: Connection, mine: UUID) -> None:
    shared = insert(owner, "auth.users", email="shared@example.com")["id"]
    ((others,),) = owner.execute("SELECT id FROM hub.customers WHERE id <> %s", [mine]).fetchall()
    for customer in (mine, others):
        insert(owner, "auth.memberships", user_id=shared, customer_id=customer)
    owner.execute("UPDATE hub.customer_accounts SET email = 'shared@example.com' WHERE customer_id = %s", [mine])
    sign_up(owner, "signupmark", "shared@example.com")

    assert b"signupmark" not in exported(owner, mine)


def test_nobody_is_let_in_for_an_account_that_was_erased(database: Database, owner: Connection, mine: UUID) -> None:
    erase(owner, customer_named(owner, mine), by="an operator")
    sign_up(owner, "signupmark", "hanako@example.com", status="running")
    ((command,),) = owner.execute("SELECT command_id FROM auth.sign_ups WHERE email = 'hanako@example.com'").fetchall()
    owner.execute("DELETE FROM auth.memberships")

    with psycopg.connect(database.sync, autocommit=True) as worker:
        said: list[Any] = worker.execute(
            "SELECT outcome FROM auth.let_in(%s, %s)", [command, account_id("whmcs", 1001)]
        ).fetchall()

    assert said == [("account_erased",)]
