"""Making the keys of access tokens: for `hub keys` and `hub migrate`, as the database's owner."""

from datetime import timedelta
from secrets import token_hex
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from read_api.auth.access import SigningKey
from read_api.auth.tokens import CLOCKS_DIFFER_SECONDS, VIEW_MINUTES
from read_api.http.problems.errors import NotSetUpError
from sql.statements import statement

MARGIN = timedelta(minutes=1)
"""A copy of the API goes on signing for a moment after its key was retired."""


def ensure(connection: psycopg.Connection[Any], token_minutes: int) -> None:
    """See to it that there is a key to sign with."""
    if not connection.execute("SELECT FROM auth.signing_keys LIMIT 1").rowcount:
        rotate(connection, token_minutes)


def current(connection: psycopg.Connection[Any]) -> SigningKey:
    """The key that signs now.

    Raises:
        NotSetUpError: nobody has made one yet.
    """
    row = connection.execute("SELECT kid, private_key FROM auth.signing_key()").fetchone()
    if row is None:
        raise NotSetUpError("there is no key to sign with (`hub keys rotate`)")
    return SigningKey(row[0], Ed25519PrivateKey.from_private_bytes(row[1]))


def rotate(connection: psycopg.Connection[Any], token_minutes: int, *, withdrawn: bool = False) -> str:
    """Let the next key sign from now on, and publish one to come after it; the name of the one that signs now.

    The one before verifies until the last token that it signed has ended: nobody is logged out. `withdrawn`: at once no
    more, because somebody else may have it; who has a token gets another by refreshing.
    """
    lasts = timedelta(minutes=max(token_minutes, VIEW_MINUTES), seconds=CLOCKS_DIFFER_SECONDS) + MARGIN
    current = None
    # The first time, there is no next key yet that could become the current one.
    while current is None:
        key = Ed25519PrivateKey.generate()
        made = {
            "kid": token_hex(8),
            "public": key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
            "private": key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()),
            "verifies": timedelta(0) if withdrawn else lasts,
        }
        ((current,),) = connection.execute(statement("operations/rotate_keys").encode(), made)
    return str(current)
