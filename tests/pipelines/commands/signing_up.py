"""People who sign up, as the API lets them: by the functions that it calls."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from domain.common.identifiers import account_id
from pipelines.sources.whmcs.php import custom_fields
from tests.pipelines.commands.conftest import Hub

WHO: dict[str, Any] = {
    "firstName": "花子", "lastName": "O'Neil", "phone": "090-1234-5678", "address1": "1-2-3 Shiba", "address2": "501",
    "city": "Minato-ku", "state": "Tokyo", "postcode": "105-0014", "country": "JP",
}  # fmt: skip
NEW_CLIENT = {
    "firstname": "A", "lastname": "B", "address1": "C", "city": "D", "state": "E", "postcode": "1", "country": "JP",
    "phonenumber": "0312345678", "password2": "theirs",
}  # fmt: skip
CODE = "123456"


@dataclass(frozen=True)
class SignedUp:
    """Somebody whose mailbox is proven, and the command that does the rest."""

    email: str
    token: str
    command: UUID
    outcome: str


def a_mailbox() -> str:
    """One that nobody has."""
    return f"{uuid4().hex[:12]}@example.com"


def begin(hub: Hub, email: str) -> str:
    """The token of a sign-up whose code was sent."""
    token = uuid4().hex
    with psycopg.connect(hub.database.auth, autocommit=True) as api:
        api.execute(
            "SELECT * FROM auth.begin_sign_up(%s, %s, %s, %s, 'en', %s, '192.0.2.1')",
            [uuid4(), _hash(token), _hash(token + CODE), email, CODE],
        )
    return token


def prove(hub: Hub, email: str, number: str | None = None) -> str:
    """The token of a sign-up whose mailbox is proven."""
    token = begin(hub, email)
    with psycopg.connect(hub.database.auth, autocommit=True) as api:
        api.execute(
            "SELECT * FROM auth.verify_sign_up(%s, %s, %s, '192.0.2.1')",
            [_hash(token), _hash(token + CODE), number],
        )
    return token


def complete(hub: Hub, token: str, hashed: str = "argon2", **input: Any) -> tuple[str, UUID]:
    """What became of it, and the command."""
    with psycopg.connect(hub.database.auth, autocommit=True) as api:
        row = api.execute(
            "SELECT outcome, command_id FROM auth.complete_sign_up(%s, %s, %s, %s, 'test-request', '192.0.2.1')",
            [_hash(token), uuid4(), hashed, Jsonb(WHO | input)],
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def sign_up(hub: Hub, email: str | None = None, number: str | None = None, **input: Any) -> SignedUp:
    """Somebody signs up; nothing is done yet."""
    email = email or a_mailbox()
    token = prove(hub, email, number)
    outcome, command = complete(hub, token, **input, **({"customerNumber": number} if number else {}))
    return SignedUp(email, token, command, outcome)


def a_client(hub: Hub, email: str, *, number: str | None = None, names_it: bool = True) -> str:
    """A client that WHMCS knows already; with a number, of an account in Salesforce that names the client, or not."""
    client = str(hub.clients.whmcs.change("AddClient", **NEW_CLIENT | {"email": email})["clientid"])
    if number is not None:
        hub.clients.whmcs.change("UpdateClient", clientid=client, customfields=custom_fields({198: number}))
        claim = {"WH_Account__c": f"#{client} - A B"} if names_it else {}
        hub.clients.salesforce.create("Account", {"Name": "A B", "SF_Account_No__c": number, **claim})
    return client


def link(hub: Hub, email: str, client: str | None, token: str | None = None) -> SignedUp:
    """Somebody whose password at WHMCS was right (or, without a client, was not) wants to log in."""
    token = token or prove(hub, email)
    account = None if client is None else account_id("whmcs", client)
    with psycopg.connect(hub.database.auth, autocommit=True) as api:
        row = api.execute(
            "SELECT outcome, command_id FROM auth.begin_link(%s, %s, 'argon2', %s, %s, 'test-request',"
            " interval '1 day', '192.0.2.1')",
            [_hash(token), uuid4(), client, account],
        ).fetchone()
    assert row is not None
    return SignedUp(email, token, row[1], row[0])


def link_whmcs(hub: Hub) -> UUID:
    """The command of a client who is linked, and whom Salesforce knows."""
    email = a_mailbox()
    return link(hub, email, a_client(hub, email, number=uuid4().hex[:12])).command


def standing(hub: Hub, token: str) -> dict[str, Any]:
    """What whoever signed up is told."""
    with psycopg.connect(hub.database.auth, row_factory=psycopg.rows.dict_row) as api:
        found = api.execute("SELECT * FROM auth.sign_up(%s)", [_hash(token)]).fetchone()
    assert found is not None
    return found


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()
