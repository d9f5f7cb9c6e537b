"""How often something may be tried, counted in PostgreSQL by all copies of the API together (auth.attempt)."""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network

import msgspec

from read_api.auth.errors import TooManyTriesError
from read_api.store.database import Database
from read_api.store.questions import Question

ATTEMPT = Question("auth/attempt")


@dataclass(frozen=True)
class Limit:
    """`most` tries in `seconds`, of those with the same `key`; the name is what callers are told."""

    name: str
    key: str
    most: int
    seconds: int


async def attempt(database: Database, kind: str, *limits: Limit) -> None:
    """Count a try.

    Raises:
        TooManyTriesError: one of the limits is reached; then nothing is counted.
        DatabaseDownError.
    """
    asked = msgspec.json.encode(limits).decode()
    ((refused_by, _, most, _, resets_in, seconds),) = await database.tell(ATTEMPT, {"kind": kind, "limits": asked})
    if refused_by is not None:
        raise TooManyTriesError(refused_by.decode(), int(most or b"0"), int(seconds or b"0"), int(resets_in or b"1"))


def key_of(*parts: str) -> str:
    """What tries are counted under: it tells nobody whose they are."""
    return sha256("\0".join(parts).encode()).hexdigest()


def neighbourhood(address: str) -> str:
    """An address as limits count it: whoever has one of IPv6 has its whole /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    # How a server for both kinds writes those of IPv4, which all have the same /64.
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
