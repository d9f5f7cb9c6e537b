"""Ids that every process computes alike, so that re-syncs, restores and parallel workers agree (decision 0002)."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha1
from typing import Literal, get_args
from uuid import UUID

System = Literal["salesforce", "whmcs", "freebit"]
SYSTEMS: tuple[System, ...] = get_args(System)

NAMESPACE = UUID("8c5c1f5e-5b0e-5d6e-9d55-6c1f1a2b7d10")
# The digit with the variant (RFC 9562), by what the hash has there.
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def hub_id(system: System, kind: str, source_id: str | int) -> UUID:
    """The hub's id of a source record: UUID version 5 of `system:kind:source_id` in the hub's namespace."""
    return UUID(hub_ids_of(system, kind)(str(source_id)))


@lru_cache
def hub_ids_of(system: System, kind: str) -> Callable[[str], str]:
    """The same of a source id, for one kind of records, as 32 hexadecimal digits.

    Written out rather than `uuid.uuid5`, which costs three times as much on the sync's hot path.
    """
    begun = sha1(NAMESPACE.bytes + f"{system}:{kind}:".encode(), usedforsecurity=False)

    def digits_of(source_id: str) -> str:
        hashed = begun.copy()
        hashed.update(source_id.encode())
        digits = hashed.hexdigest()
        return f"{digits[:12]}5{digits[13:16]}{_VARIANT[digits[16]]}{digits[17:32]}"

    return digits_of


@lru_cache(maxsize=65_536)
def account_id(system: System, source_id: str | int) -> UUID:
    """The id of a system account; cached, because a page of children names few accounts."""
    return hub_id(system, "account", source_id)


def salesforce_id(value: str) -> str:
    """A Salesforce id in its 18-character form (source: Object Reference, "Field Types", ID).

    Raises:
        ValueError: not 15 or 18 ASCII letters and digits.
    """
    if len(value) not in {15, 18} or not (value.isascii() and value.isalnum()):
        raise ValueError("a Salesforce id has 15 or 18 letters and digits")
    if len(value) == 18:
        return value
    groups = (value[0:5], value[5:10], value[10:15])
    return value + "".join(_SUFFIX[sum(1 << i for i, c in enumerate(g) if c.isupper())] for g in groups)
